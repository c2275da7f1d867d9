//! Topics are made at the start, or looked at and complained about: what stands is never changed behind anybody's back.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use sigma_clock::monotonic;

use crate::connection::Connection;
use crate::context::Context;
use crate::fault::told;

/// The topic of the domain's events.
pub const EVENTS: &str = "sigma.events.v1";

/// The topic of what feeds are like, second by second.
pub const INGEST_HEALTH: &str = "sigma.ingest-health.v1";

/// How long the brokers may take to answer, and to make a topic.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at a topic that was made just now.
const LOOK: Duration = Duration::from_millis(50);

/// What a topic should be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has. Fixed when it is made: the order of a channel hangs on it.
    pub partitions: u16,
    /// How many brokers hold a copy.
    pub copies: u16,
    /// How long records stay; none: for ever.
    pub retention: Option<Duration>,
}

/// What was found, or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whether it was made just now.
    pub made: bool,
    /// How many partitions it has.
    pub partitions: u16,
    /// What is other than wanted, as sentences with the mend. All goes on.
    pub complaints: Vec<String>,
}

/// Why a topic cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Kafka does not answer, or will not do it now. Trying again later may help.
    #[error("{0}")]
    Away(String),
    /// It must not be used as it is.
    #[error("{0}")]
    Unfit(String),
}

impl From<KafkaError> for TopicError {
    fn from(error: KafkaError) -> Self {
        Self::Away(told(&error))
    }
}

impl Topic {
    fn retention_ms(&self) -> String {
        self.retention.map_or_else(|| "-1".to_owned(), |time| time.as_millis().to_string())
    }

    /// The setting that says how many partitions it has.
    fn setting(&self) -> &'static str {
        if self.name == INGEST_HEALTH { "--kafka-health-partitions" } else { "--kafka-partitions" }
    }

    /// With one copy or two, one that has a record is enough; with more, one of them may be away.
    fn in_sync(&self) -> u16 {
        self.copies.saturating_sub(1).max(1)
    }

    /// Makes the topic where it is not there, and looks at it.
    ///
    /// # Errors
    /// [`TopicError::Away`]; [`TopicError::Unfit`] where it loses records that it must keep.
    pub async fn ensure(&self, connection: &Connection) -> Result<Found, TopicError> {
        let admin: AdminClient<Context> = connection.config().create_with_context(Context::default())?;
        let admin = Arc::new(admin);
        let made = self.make(&admin).await?;
        let begun = monotonic();
        let partitions = loop {
            match self.partitions_of(admin.clone()).await {
                // Who was told that it is made may ask a broker that has not heard of it.
                Err(TopicError::Away(_)) if begun.elapsed() < PATIENCE => sigma_clock::sleep(LOOK).await,
                partitions => break partitions?,
            }
        };
        self.found(&admin, made, partitions).await
    }

    /// Looks at the topic and makes nothing; none where it is not there.
    ///
    /// # Errors
    /// As [`ensure`](Self::ensure).
    pub async fn look(&self, connection: &Connection) -> Result<Option<Found>, TopicError> {
        let admin: AdminClient<Context> = connection.config().create_with_context(Context::default())?;
        let admin = Arc::new(admin);
        let asked = admin.clone();
        // Of all topics: a broker may make one that it is asked about by its name.
        let all = tokio::task::spawn_blocking(move || asked.inner().fetch_metadata(None, PATIENCE));
        let all = all.await.map_err(|error| TopicError::Away(error.to_string()))??;
        if !all.topics().iter().any(|topic| topic.name() == self.name) {
            return Ok(None);
        }
        let partitions = self.partitions_of(admin.clone()).await?;
        self.found(&admin, false, partitions).await.map(Some)
    }

    async fn found(
        &self,
        admin: &AdminClient<Context>,
        made: bool,
        partitions: u16,
    ) -> Result<Found, TopicError> {
        let mut complaints = Vec::new();
        if partitions != self.partitions {
            complaints.push(format!(
                "the topic {} has {partitions} partitions, the settings say {}: they are fixed when it is made; set {} {partitions}",
                self.name, self.partitions, self.setting()
            ));
        }
        self.look_at_settings(admin, &mut complaints).await?;
        Ok(Found { made, partitions, complaints })
    }

    async fn make(&self, admin: &AdminClient<Context>) -> Result<bool, TopicError> {
        let (retention, in_sync) = (self.retention_ms(), self.in_sync().to_string());
        let topic = NewTopic::new(
            &self.name,
            i32::from(self.partitions),
            TopicReplication::Fixed(i32::from(self.copies)),
        )
        .set("cleanup.policy", "delete")
        .set("retention.ms", &retention)
        .set("retention.bytes", "-1")
        .set("min.insync.replicas", &in_sync)
        // Counted from a record's arrival: old events that are filled in anew are not deleted at once, and a clock that
        // goes wrong makes no record that the broker refuses.
        .set("message.timestamp.type", "LogAppendTime");
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        match admin.create_topics([&topic], &options).await?.into_iter().next() {
            Some(Ok(_)) => {
                tracing::info!(
                    topic = self.name,
                    partitions = self.partitions,
                    copies = self.copies,
                    "made a topic"
                );
                Ok(true)
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | None => Ok(false),
            Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => Err(TopicError::Away(format!(
                "there are not {} brokers for the copies of {}; start them, or set --kafka-copies lower",
                self.copies, self.name
            ))),
            Some(Err((name, code))) => Err(TopicError::Away(format!(
                "the topic {name} cannot be made: {}",
                KafkaError::AdminOp(code)
            ))),
        }
    }

    /// How many partitions there are, once each of them has a leader.
    async fn partitions_of(&self, admin: Arc<AdminClient<Context>>) -> Result<u16, TopicError> {
        let name = self.name.clone();
        let metadata =
            tokio::task::spawn_blocking(move || admin.inner().fetch_metadata(Some(&name), PATIENCE))
                .await
                .map_err(|error| TopicError::Away(error.to_string()))??;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.name);
        let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
        match partitions.iter().find(|partition| partition.leader() < 0) {
            _ if partitions.is_empty() => {
                Err(TopicError::Away(format!("the topic {} is not there yet", self.name)))
            }
            Some(partition) => {
                Err(TopicError::Away(format!("partition {} of {} has no leader", partition.id(), self.name)))
            }
            None => Ok(u16::try_from(partitions.len()).unwrap_or(u16::MAX)),
        }
    }

    async fn look_at_settings(
        &self,
        admin: &AdminClient<Context>,
        complaints: &mut Vec<String>,
    ) -> Result<(), TopicError> {
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let asked = [ResourceSpecifier::Topic(&self.name)];
        let settings = match admin.describe_configs(&asked, &options).await?.into_iter().next() {
            Some(Ok(settings)) => settings,
            // Who may write may not be allowed to look.
            Some(Err(code)) => {
                complaints.push(format!(
                    "the settings of {} cannot be read: {}",
                    self.name,
                    KafkaError::AdminOp(code)
                ));
                return Ok(());
            }
            None => return Ok(()),
        };
        let found =
            |name: &str| settings.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or_default();
        if found("cleanup.policy").contains("compact") {
            return Err(TopicError::Unfit(format!(
                "the topic {} is compacted, which deletes all but a channel's last event; set its cleanup.policy to delete",
                self.name
            )));
        }
        let wanted = [
            ("retention.ms", self.retention_ms()),
            ("retention.bytes", "-1".to_owned()),
            ("min.insync.replicas", self.in_sync().to_string()),
            ("message.timestamp.type", "LogAppendTime".to_owned()),
        ];
        for (name, wanted) in wanted {
            let found = found(name);
            if found != wanted {
                complaints.push(format!(
                    "the topic {} has {name} {found}, wanted is {wanted}: set it there",
                    self.name
                ));
            }
        }
        Ok(())
    }
}
