//! Settings of Kafka, which hang together.

use std::path::PathBuf;
use std::time::Duration;

use sigma_relay::{Account, Connection, EVENTS, INGEST_HEALTH, Mechanism, Tls, Topic};
use sigma_tables::Address;

use super::{EventStore, Values};
use crate::fault::Fault;

/// Where Kafka is, who we are there, and what is written there.
#[derive(Clone, Debug)]
pub(crate) struct Kafka {
    pub(crate) connection: Connection,
    /// The topic of events.
    pub(crate) events: Topic,
    /// The topic of what feeds are like.
    pub(crate) health: Topic,
    /// The database that says who leads the relay.
    pub(crate) database: Address,
}

/// # Errors
/// What is set and cannot be together.
pub(super) fn read(values: &Values, event_store: &EventStore) -> Result<Option<Kafka>, Fault> {
    let Some(brokers) = values.text("kafka") else { return Ok(None) };
    let EventStore::Postgres { address, .. } = event_store else {
        return Err(Fault::new(
            "kafka is set and events are kept in SQLite",
            "name a database with --event-store postgres://…, or leave kafka out",
        ));
    };
    let (copies, hours) = (values.number("kafka-copies"), |hours: u64| Duration::from_secs(hours * 3_600));
    let events = Topic {
        name: EVENTS.to_owned(),
        partitions: values.number("kafka-partitions"),
        copies,
        retention: values.maybe("kafka-retention-hours").map(hours),
    };
    let health = Topic {
        name: INGEST_HEALTH.to_owned(),
        partitions: values.number("kafka-health-partitions"),
        copies,
        retention: Some(hours(values.number("kafka-health-retention-hours"))),
    };
    let connection = Connection { brokers, tls: tls(values)?, account: account(values)? };
    Ok(Some(Kafka { connection, events, health, database: address.clone() }))
}

fn tls(values: &Values) -> Result<Option<Tls>, Fault> {
    let file = |name| values.text(name).map(PathBuf::from);
    let files = (file("kafka-ca"), file("kafka-cert"), file("kafka-key"));
    if values.needed("kafka-security") != "tls" {
        return match files {
            (None, None, None) => Ok(None),
            _ => Err(Fault::new(
                "files of a certificate are set for Kafka, which is spoken to in clear",
                "set --kafka-security tls, or leave them out",
            )),
        };
    }
    let (authorities, certificate, key) = files;
    let certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let wrong = "of kafka-cert and kafka-key one is set and the other is not";
            return Err(Fault::new(wrong, "name both, or neither"));
        }
    };
    Ok(Some(Tls { authorities, certificate }))
}

fn account(values: &Values) -> Result<Option<Account>, Fault> {
    let mechanism = values.text("kafka-sasl").map(|name| match name.as_str() {
        "scram-sha-512" => Mechanism::ScramSha512,
        "plain" => Mechanism::Plain,
        _ => Mechanism::ScramSha256,
    });
    match (mechanism, values.text("kafka-user"), values.text("kafka-password")) {
        (None, None, None) => Ok(None),
        (Some(Mechanism::Plain), ..) if values.needed("kafka-security") != "tls" => Err(Fault::new(
            "kafka-sasl is plain, which sends the password as it is, and there is no TLS",
            "set --kafka-security tls, or --kafka-sasl scram-sha-256",
        )),
        (Some(mechanism), Some(name), Some(password)) => Ok(Some(Account { mechanism, name, password })),
        _ => Err(Fault::new(
            "an account at Kafka is half set",
            "set all of --kafka-sasl, --kafka-user and SIGMA_KAFKA_PASSWORD, or none",
        )),
    }
}
