//! A view that is filled through Kafka: its checkpoint holds the offsets, and a poison event parks its own aggregate.

use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sigma_runner::{ApplyError, Projection, Runner, RunnerHandle, Waited};
use sigma_store::memory::MemoryStore;
use sigma_store::{EventLog, RecordedEvent};
use sigma_tables::{Rows, query};

use crate::desk::Desk;
use crate::{PATIENCE, caught_up, connection, kafka, open, say, start, topic};

/// Appends what each event says to its aggregate's row.
struct Texts;

#[async_trait]
impl Projection for Texts {
    fn name(&self) -> &str {
        "texts"
    }

    fn version(&self) -> u32 {
        1
    }

    fn schema_sql(&self) -> &str {
        "create table texts (id text primary key, text text not null)"
    }

    fn concerns(&self, _: &str) -> bool {
        true
    }

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        for event in events {
            if event.name == "poison" {
                return Err(ApplyError::Poison("it tastes bitter".into()));
            }
            let text =
                event.data["text"].as_str().ok_or_else(|| ApplyError::Poison("there is no text".into()))?;
            query(
                "insert into texts (id, text) values ($1, $2) on conflict (id) do update set text = texts.text || excluded.text",
            )
            .bind(&event.aggregate_id)
            .bind(text)
            .execute(&mut rows)
            .await?;
        }
        Ok(())
    }
}

async fn text_of(runner: &RunnerHandle, id: &str) -> String {
    let mut rows = runner.reader("texts").unwrap().acquire().await.unwrap();
    let row = query("select text from texts where id = $1").bind(id).fetch_one(&mut rows).await.unwrap();
    row.try_get("text").unwrap()
}

async fn reach(runner: &RunnerHandle, id: &str, sequence: u64) {
    let waited = runner.wait_for("texts", "thing", id, sequence, PATIENCE).await.unwrap();
    assert_eq!(waited, Waited::Reached, "{id} {sequence}: {:?}", runner.status().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_event_holds_back_its_own_aggregate_and_no_other() {
    let (store, topic, folder) = (MemoryStore::new(51), topic(), tempfile::tempdir().unwrap());
    let relay = start(&connection(), &topic, &store, Desk::new());
    for n in 0..4 {
        say(&store, "l", "sick", if n == 1 { "poison" } else { "said" }, &n.to_string()).await;
        say(&store, "l", "well", "said", &n.to_string()).await;
    }
    caught_up(&relay).await;
    let log = open(&connection(), &topic);
    let runner = Runner::start(Arc::new(log.clone()), folder.path(), vec![Arc::new(Texts)]).await.unwrap();
    reach(&runner, "well", 4).await;
    assert_eq!(text_of(&runner, "well").await, "0123");
    let parked = runner.parked("texts").await.unwrap();
    assert_eq!(parked.len(), 1);
    let line = &parked[0];
    assert_eq!((line.aggregate_id.as_str(), line.sequence, line.waiting), ("sick", 2, 2));
    assert_eq!((line.event_name.as_str(), line.error.as_str()), ("poison", "it tastes bitter"));

    // A record whose value is no JSON has a name and a place, and parks its aggregate like any other.
    let head = log.head().await.unwrap();
    let log_id = head.as_str().rsplit_once('.').unwrap().0.to_owned();
    let headers = [
        ("ce_id", "ev_broken"),
        ("ce_type", "sigma.said.v1"),
        ("ce_time", "2026-11-26T22:12:00Z"),
        ("ce_aggregatetype", "thing"),
        ("ce_aggregateid", "broken"),
        ("ce_sequence", "1"),
        ("ce_projectid", "pr_default"),
        ("ce_actor", "{}"),
        ("ce_commandid", "c"),
        ("ce_correlationid", "r"),
        ("ce_logid", &log_id),
    ];
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(*value) })
    });
    let writer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", kafka().bootstrap()).create().unwrap();
    let record = FutureRecord::to(&topic.name).key("l").payload("{").headers(headers);
    writer.send(record, PATIENCE).await.unwrap();
    let last = say(&store, "l", "well", "said", "4").await;
    reach(&runner, "well", last).await;
    let parked = runner.parked("texts").await.unwrap();
    let told: Vec<_> = parked.iter().map(|line| (line.aggregate_id.as_str(), line.error.as_str())).collect();
    assert!(told.contains(&("broken", "there is no text")), "{told:?}");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_goes_on_at_the_offsets_of_its_checkpoint() {
    let (store, topic, folder) = (MemoryStore::new(52), topic(), tempfile::tempdir().unwrap());
    let relay = start(&connection(), &topic, &store, Desk::new());
    let mut wanted = String::new();
    for round in 0..3 {
        for n in 0..5 {
            let text = format!("{round}.{n};");
            say(&store, "l", "a", "said", &text).await;
            wanted.push_str(&text);
        }
        caught_up(&relay).await;
        let log = Arc::new(open(&connection(), &topic));
        let runner = Runner::start(log, folder.path(), vec![Arc::new(Texts)]).await.unwrap();
        reach(&runner, "a", 5 * (round + 1)).await;
        assert_eq!(text_of(&runner, "a").await, wanted);
        assert_eq!(runner.reader("texts").unwrap().generation(), Some(1), "nothing was rebuilt");
        runner.shutdown().await;
    }
}
