//! Kafka: the relay that fills it, the log that read models follow, and what both tell.
//!
//! Commands, process managers and the media plane follow the store itself: while Kafka is away, broadcasts begin, go on and
//! end, and only what people are shown stands still.

mod health;

use std::sync::Arc;

use async_trait::async_trait;
use sigma_api::graphql::IngestHealth;
use sigma_api::http::{Component, Condition, Exposition, MetricSource};
use sigma_relay::{Figures, KafkaLog, PostgresOffice, Relay, RelayHandle, RelayState};
use sigma_store::{EventLog, Journal};

use self::health::HealthTopic;
use super::store_figures::seconds;
use crate::counting::events_wait;
use crate::fault::Fault;
use crate::media::{Everywhere, Seconds};
use crate::settings::{Kafka, Roles};

/// What is at work.
pub(crate) struct Stream {
    relay: RelayHandle,
    log: KafkaLog,
    health: HealthTopic,
}

impl Stream {
    /// Starts the relay over the store's own `log`; it leads when no other node does.
    pub(crate) async fn start(
        kafka: &Kafka,
        node: &str,
        journal: &dyn Journal,
        log: Arc<dyn EventLog>,
        roles: Roles,
    ) -> Result<Arc<Self>, Fault> {
        let store = journal.identity().await.map_err(Fault::told)?.incarnation;
        let Kafka { connection, events, health, database } = kafka;
        let health = HealthTopic::start(connection, health, node, roles)?;
        let relay = Relay { connection: connection.clone(), topic: events.clone(), store };
        let office = PostgresOffice::new(database);
        let office = if roles.projections { office } else { office.standing_by() };
        let relay = relay.start(log, Arc::new(office));
        let log =
            KafkaLog::filled_by(relay.filling(), connection.clone(), &events.name).map_err(Fault::told)?;
        Ok(Arc::new(Self { relay, log, health }))
    }

    /// Whether read models get nothing new for now, as far as this process knows.
    pub(crate) fn is_away(&self) -> bool {
        let stuck = matches!(self.relay.status().state, RelayState::Waiting | RelayState::Blocked);
        // A node that does not lead sees it by its own consumers.
        stuck || self.log.link().is_down() || self.relay.link().is_down()
    }

    /// Where each second of each session on air here goes.
    pub(crate) fn seconds(&self) -> Option<Seconds> {
        self.health.seconds()
    }

    /// What read models follow.
    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        Arc::new(self.log.clone())
    }
}

/// The health of sessions: of this node's own, and with Kafka of those that other nodes hold.
pub(crate) fn everywhere(stream: Option<&Stream>, own: Arc<dyn IngestHealth>) -> Arc<dyn IngestHealth> {
    match stream.and_then(|stream| stream.health.heard()) {
        Some(heard) => Arc::new(Everywhere { own, heard }),
        None => own,
    }
}

#[async_trait]
impl Component for Stream {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn check(&self) -> Condition {
        let status = self.relay.status();
        match (status.state, status.trouble) {
            (RelayState::Leading | RelayState::Standby, None) => Condition::Ready,
            (state, trouble) => {
                let trouble = trouble.unwrap_or_else(|| format!("the relay is {state:?}"));
                let wait = match self.relay.lag().await {
                    Some(lag) => format!("{} for it", events_wait(lag)),
                    None => "how many events wait for it is not known here".to_owned(),
                };
                Condition::Degraded(format!(
                    "{trouble}; {wait}; what is shown stands still meanwhile, broadcasts go on"
                ))
            }
        }
    }
}

#[async_trait]
impl MetricSource for Stream {
    async fn collect(&self, out: &mut Exposition) {
        let status = self.relay.status();
        let leads = u8::from(status.state != RelayState::Standby);
        out.single("sigma_relay_leading", "gauge", "Whether this process fills Kafka.", leads);
        let stuck = u8::from(status.trouble.is_some());
        out.single("sigma_relay_stuck", "gauge", "Whether something is in the relay's way.", stuck);
        let help = "Things about Kafka's topics that are other than set.";
        out.single("sigma_relay_complaints", "gauge", help, status.complaints.len());
        let help = "Events that Kafka has acknowledged to this process.";
        out.single("sigma_relay_published_total", "counter", help, status.published);
        if let Some(lag) = self.relay.lag().await {
            let help = "Events of the store that Kafka has not acknowledged.";
            out.single("sigma_relay_lag_events", "gauge", help, lag);
        }
        self.health.tell(out);
        let mut all = vec![("relay", self.relay.link().figures()), ("views", self.log.link().figures())];
        all.extend(self.health.figures());
        clients(&all, out);
    }
}

/// librdkafka's own figures, by what its clients are for.
fn clients(clients: &[(&'static str, Figures)], out: &mut Exposition) {
    type Counted = (&'static str, &'static str, &'static str, fn(&Figures) -> u64);
    let counted: [Counted; 6] = [
        ("sigma_kafka_sent_records_total", "counter", "Records sent.", |it| it.sent),
        ("sigma_kafka_sent_bytes_total", "counter", "Bytes of records sent.", |it| it.sent_bytes),
        ("sigma_kafka_received_records_total", "counter", "Records received.", |it| it.received),
        ("sigma_kafka_received_bytes_total", "counter", "Bytes of records received.", |it| it.received_bytes),
        ("sigma_kafka_requests_total", "counter", "Requests made to brokers.", |it| it.requests),
        ("sigma_kafka_queued_records", "gauge", "Records not acknowledged yet.", |it| it.queued),
    ];
    for (name, kind, help, value) in counted {
        out.family(name, kind, help);
        for (client, figures) in clients {
            out.sample(name, &[("client", *client)], value(figures));
        }
    }
    let brokers = || {
        clients.iter().flat_map(|(client, figures)| {
            figures
                .brokers
                .iter()
                .map(move |(name, broker)| ([("client", *client), ("broker", name.as_str())], broker))
        })
    };
    out.family("sigma_kafka_broker_up", "gauge", "Whether a broker is connected.");
    for (labels, broker) in brokers() {
        out.sample("sigma_kafka_broker_up", &labels, u8::from(broker.is_up));
    }
    let name = "sigma_kafka_broker_failures_total";
    out.family(name, "counter", "Requests that a broker did not take, or did not answer in time.");
    for (labels, broker) in brokers() {
        out.sample(name, &labels, broker.failures);
    }
    let name = "sigma_kafka_broker_answer_seconds";
    out.family(name, "gauge", "How long 99 of 100 of a broker's newest answers took at most.");
    for (labels, broker) in brokers() {
        if let Some(micros) = broker.answers_us {
            out.sample(name, &labels, seconds(micros));
        }
    }
}

#[cfg(test)]
mod tests {
    use sigma_relay::BrokerFigures;

    use super::*;

    #[test]
    fn figures_of_clients_and_brokers_are_told_by_their_labels() {
        let broker = BrokerFigures { is_up: true, failures: 2, answers_us: Some(1_500) };
        let figures =
            Figures { sent: 7, brokers: [("k:9092".to_owned(), broker)].into(), ..Figures::default() };
        let mut out = Exposition::default();
        clients(&[("relay", figures), ("views", Figures::default())], &mut out);
        let text = out.into_text();
        for line in [
            "sigma_kafka_sent_records_total{client=\"relay\"} 7\n",
            "sigma_kafka_sent_records_total{client=\"views\"} 0\n",
            "sigma_kafka_broker_up{client=\"relay\",broker=\"k:9092\"} 1\n",
            "sigma_kafka_broker_failures_total{client=\"relay\",broker=\"k:9092\"} 2\n",
            "sigma_kafka_broker_answer_seconds{client=\"relay\",broker=\"k:9092\"} 0.0015\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
