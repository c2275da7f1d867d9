//! The seam between what decides and what keeps: ports of the event store and of its log.
//!
//! [`Journal`] writes and loads, [`EventLog`] reads all of it in order,
//! [`History`] looks back into it by filter, [`Archive`] carries all of it elsewhere. [`AggregateStore`] is cqrs-es's `EventStore`
//! over any journal. `contract` (a feature) is the suite that each adapter passes; `memory` (a feature) is an adapter
//! for tests that keeps exactly what the ports promise and no more.

pub mod aggregate;
mod archive;
#[cfg(feature = "contract")]
pub mod contract;
mod event;
mod history;
mod journal;
mod log;
#[cfg(feature = "memory")]
pub mod memory;
mod seen;

pub use aggregate::{AggregateStore, CodecError, EventCodec, Loaded, Placement};
pub use archive::{Archive, KeptCommand};
pub use event::{Cursor, EventMetadata, NewEvent, RecordedEvent, new_event_id};
pub use history::{History, HistoryFilter, HistoryPage, HistoryRange, NameFilter};
pub use journal::{
    CommandRecord, Commit, Committed, Identity, Journal, MAX_EVENTS_IN_COMMIT, SecretRow, SecretScope,
    SecretWrite, StoreError,
};
pub use log::{Batch, EventLog, LogError, MAX_BATCH};
pub use seen::{Seen, Sighting};
