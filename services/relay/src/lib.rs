//! The log in Kafka: a [`Relay`] that fills it from the event store, and [`KafkaLog`], the store's port `EventLog` over it.
//!
//! One topic, key = the line (a channel), so that a channel's events stand in order in one partition. The relay sends
//! what the store's log gives, in order, and moves its checkpoint only after Kafka has acknowledged: what is sent twice
//! after a crash is dropped by (aggregate, sequence).
//!
//! What is measured and no event has a topic of its own: [`SampleSender`], [`SampleReader`].

mod closing;
mod connection;
mod context;
mod fault;
mod figures;
mod filling;
mod group;
mod log;
mod message;
mod office;
mod relay;
mod samples;
mod topic;

pub use connection::{Account, Connection, Mechanism, Tls};
pub use context::Link;
pub use fault::BROKERS_MEND;
pub use figures::{BrokerFigures, Figures};
pub use filling::Filling;
pub use group::GroupLog;
pub use log::KafkaLog;
pub use office::{Office, OfficeError, Place, PostgresOffice, Standing, Term};
pub use relay::{Relay, RelayHandle, RelayState, RelayStatus};
pub use samples::{Dropped, Received, Sample, SampleReader, SampleSender, SenderStatus};
pub use topic::{EVENTS, Found, INGEST_HEALTH, Topic, TopicError};
