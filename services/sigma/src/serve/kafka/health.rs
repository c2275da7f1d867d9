//! Ingest health through Kafka: what this node measures is told there, and what others tell is heard.

use std::sync::Arc;
use std::time::Duration;

use sigma_api::http::Exposition;
use sigma_clock::SystemClock;
use sigma_node::HealthSample;
use sigma_relay::{Connection, Dropped, Figures, Received, Sample, SampleReader, SampleSender, Topic};
use sigma_schema::IngestHealth;

use crate::fault::Fault;
use crate::media::{self, Heard, Seconds};
use crate::settings::Roles;

/// How far back a process hears that has just started.
const LOOK_BACK: Duration = Duration::from_secs(120);

/// How often silent sessions are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// At a node that takes broadcasts the sending end, at one that answers for them the hearing one.
pub(super) struct HealthTopic {
    sender: Option<SampleSender>,
    hearing: Option<(SampleReader, Arc<Heard>)>,
}

impl HealthTopic {
    pub(super) fn start(
        connection: &Connection,
        topic: &Topic,
        node: &str,
        roles: Roles,
    ) -> Result<Self, Fault> {
        let sender = roles.ingest.then(|| SampleSender::start(connection, topic, node));
        let hearing = roles.api.then(|| listen(connection, topic, node));
        Ok(Self { sender: sender.transpose().map_err(Fault::told)?, hearing: hearing.transpose()? })
    }

    pub(super) fn seconds(&self) -> Option<Seconds> {
        let sender = self.sender.clone()?;
        Some(Arc::new(move |session, channel, measured| tell(&sender, session, channel, measured)))
    }

    pub(super) fn heard(&self) -> Option<Arc<Heard>> {
        self.hearing.as_ref().map(|(_, heard)| Arc::clone(heard))
    }

    /// Of the client that sends, and of the one that reads.
    pub(super) fn figures(&self) -> impl Iterator<Item = (&'static str, Figures)> {
        let sending = self.sender.as_ref().map(|sender| ("health_sender", sender.link().figures()));
        let hearing = self.hearing.as_ref().map(|(reader, _)| ("health_reader", reader.link().figures()));
        sending.into_iter().chain(hearing)
    }

    pub(super) fn tell(&self, out: &mut Exposition) {
        if let Some(sender) = &self.sender {
            let status = sender.status();
            let help = "Samples of ingest health that Kafka has acknowledged to this process.";
            out.single("sigma_health_samples_sent_total", "counter", help, status.sent);
            let name = "sigma_health_samples_dropped_total";
            out.family(name, "counter", "Samples of ingest health that Kafka did not get.");
            let Dropped { no_topic, full, not_taken } = status.dropped;
            for (why, count) in [("no_topic", no_topic), ("full", full), ("not_taken", not_taken)] {
                out.sample(name, &[("why", why)], count);
            }
            let help = "Things about the topic of ingest health that are other than set.";
            out.single("sigma_health_topic_complaints", "gauge", help, status.complaints.len());
        }
        if let Some((_, heard)) = &self.hearing {
            let counts = heard.counts();
            let help = "Samples of ingest health that came from other nodes.";
            out.single("sigma_health_samples_heard_total", "counter", help, counts.received);
            let help = "Records of the topic of ingest health that are none of ours, or of more sessions than are remembered.";
            out.single("sigma_health_samples_passed_over_total", "counter", help, counts.passed_over);
            let help = "Sessions of other nodes whose health is remembered.";
            out.single("sigma_health_sessions_heard", "gauge", help, counts.sessions);
        }
    }
}

fn listen(connection: &Connection, topic: &Topic, node: &str) -> Result<(SampleReader, Arc<Heard>), Fault> {
    let heard = Arc::<Heard>::default();
    let (hears, swept) = (Arc::clone(&heard), Arc::downgrade(&heard));
    let take = move |received: Received<'_>| hear(&hears, &received);
    let clock = Arc::new(SystemClock);
    let reader = SampleReader::start(connection, &topic.name, node, LOOK_BACK, clock, take);
    tokio::spawn(async move {
        let mut rounds = sigma_clock::interval(SWEEP);
        loop {
            rounds.tick().await;
            let Some(heard) = swept.upgrade() else { return };
            heard.sweep();
        }
    });
    Ok((reader.map_err(Fault::told)?, heard))
}

fn tell(sender: &SampleSender, session: &str, channel: &str, measured: &HealthSample) {
    let written = media::written(session, channel, measured);
    let subject = format!("session/{session}");
    // Unwrap safety: a struct of strings and integers has a JSON form.
    let body = serde_json::to_vec(&written).expect("a sample is JSON");
    sender.send(&Sample {
        key: session,
        subject: &subject,
        name: IngestHealth::NAME,
        version: IngestHealth::VERSION,
        at_ms: written.at_ms,
        body: &body,
    });
}

fn hear(heard: &Heard, received: &Received<'_>) {
    let Received { key, shape, body, is_past } = *received;
    let read = (shape == (IngestHealth::NAME, IngestHealth::VERSION))
        .then(|| serde_json::from_slice::<IngestHealth>(body).ok())
        .flatten();
    match read.filter(|sample| sample.session_id == key) {
        Some(sample) => heard.take(key, media::told(sample), is_past),
        None => heard.pass_over(),
    }
}

#[cfg(test)]
mod tests {
    use sigma_api::graphql::IngestHealth as _;

    use super::*;

    #[test]
    fn what_is_no_sample_of_ours_is_passed_over() {
        let heard = Heard::default();
        let measured = HealthSample { sample: sigma_node::Sample::default(), warnings: Arc::new([]) };
        let body = serde_json::to_vec(&media::written("se_1", "ch_1", &measured)).unwrap();
        let whole = Received {
            key: "se_1",
            shape: (IngestHealth::NAME, IngestHealth::VERSION),
            body: &body,
            is_past: false,
        };
        hear(&heard, &Received { key: "se_2", ..whole });
        hear(&heard, &Received { shape: ("ingest_health", 2), ..whole });
        hear(&heard, &Received { shape: ("session.live", 1), ..whole });
        hear(&heard, &Received { body: b"{}", ..whole });
        assert_eq!((heard.counts().passed_over, heard.counts().sessions), (4, 0));
        hear(&heard, &whole);
        assert_eq!(heard.latest("se_1").map(|sample| sample.at_ms), Some(0));
    }
}
