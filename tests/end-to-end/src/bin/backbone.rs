//! PostgreSQL and Kafka for programs in other languages: `backbone [NODES]` starts both, says where they are, and does what
//! stands on its standard input, a line a command, each answered by lines of JSON and `done`:
//!
//! `kill N`, `restart N` (a node of Kafka, from 0), `events` (all that stands in the topic of events, in order of delivery).
//!
//! Both end when the input ends.
#![allow(clippy::print_stdout, reason = "a program that says what it was asked")]

use std::io::BufRead;

use harness::postgres::Cluster;
use kafka_harness::Kafka;
use serde_json::json;
use sigma_relay::{Connection, EVENTS, KafkaLog};
use sigma_store::{Cursor, EventLog};

#[tokio::main]
async fn main() {
    let nodes = std::env::args().nth(1).map_or(1, |nodes| nodes.parse().expect("a number of nodes"));
    let (cluster, mut kafka) = (Cluster::durable(), Kafka::start(nodes));
    println!("{}", json!({ "database": cluster.database().await, "kafka": kafka.bootstrap() }));
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let (command, node) = line.split_once(' ').unwrap_or((&line, ""));
        let node = || node.parse().expect("a node");
        match command {
            "kill" => kafka.kill(node()),
            "restart" => kafka.restart(node()),
            "events" => events(&kafka).await,
            unknown => panic!("{unknown} is not known"),
        }
        println!("done");
    }
}

/// Repetitions among them, as they were sent.
async fn events(kafka: &Kafka) {
    let log = KafkaLog::open(Connection::plain(kafka.bootstrap()), EVENTS).expect("a log");
    let mut after = Cursor::start();
    loop {
        let batch = log.read_after(&after, 1_000).await.expect("a batch");
        if batch.events.is_empty() {
            return;
        }
        after = batch.next;
        for event in batch.events {
            println!(
                "{}",
                json!({ "key": event.line, "aggregate": event.aggregate_id, "sequence": event.sequence, "type": event.name })
            );
        }
    }
}
