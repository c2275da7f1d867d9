//! cqrs-es's `EventStore` over any [`Journal`].
//!
//! The domain event is not what is stored: an [`EventCodec`] turns one into the other, so that each stored version
//! stays readable for ever while the domain moves on.

use std::collections::HashMap;
use std::marker::PhantomData;

use cqrs_es::{Aggregate, AggregateContext, AggregateError, EventEnvelope, EventStore};
use serde_json::Value;

use crate::{CommandRecord, Commit, EventMetadata, Journal, NewEvent, RecordedEvent, StoreError};

/// Why an event could not be read from its stored form, or not be put into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(pub String);

/// Where an aggregate stands among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// What order is kept within: the channel's id, or the aggregate's own where it has no channel.
    pub line: String,
    /// The project that the aggregate belongs to.
    pub project_id: String,
}

/// Domain event ↔ stored form.
pub trait EventCodec<A: Aggregate>: Send + Sync {
    /// The stored form of an event, always in its newest version.
    ///
    /// # Errors
    /// When the event cannot be put into its stored form.
    fn encode(&self, event: &A::Event) -> Result<NewEvent, CodecError>;

    /// Reads the stored form of any version ever written.
    ///
    /// # Errors
    /// When the name or version is unknown, or the data is not what that version holds.
    fn decode(&self, name: &str, version: u16, data: &Value) -> Result<A::Event, CodecError>;

    /// Line and project of an aggregate, asked after its new events were applied.
    fn placement(&self, aggregate_id: &str, aggregate: &A) -> Placement;
}

/// An aggregate as it was loaded, with the sequence that a commit must still find.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// Its state.
    pub aggregate: A,
    /// Its id.
    pub aggregate_id: String,
    /// Its last sequence; 0 when it does not exist.
    pub version: u64,
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}

/// cqrs-es's `EventStore` over a journal and a codec.
#[derive(Debug)]
pub struct AggregateStore<A, J, C> {
    journal: J,
    codec: C,
    _aggregate: PhantomData<fn() -> A>,
}

impl<A, J, C> AggregateStore<A, J, C>
where
    A: Aggregate,
    J: Journal,
    C: EventCodec<A>,
{
    /// Over `journal`, reading and writing through `codec`.
    pub fn new(journal: J, codec: C) -> Self {
        Self { journal, codec, _aggregate: PhantomData }
    }

    /// The journal beneath.
    pub fn journal(&self) -> &J {
        &self.journal
    }

    /// The codec.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// Loads an aggregate by folding its events; its default when there are none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a stored event cannot be read, else what the journal says.
    pub async fn load(&self, aggregate_id: &str) -> Result<Loaded<A>, StoreError> {
        let nothing = Loaded { aggregate: A::default(), aggregate_id: aggregate_id.to_owned(), version: 0 };
        self.load_on(nothing).await
    }

    /// An aggregate that was loaded before, with what has happened since.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_on(&self, mut loaded: Loaded<A>) -> Result<Loaded<A>, StoreError> {
        let since = self.journal.load_after(A::TYPE, &loaded.aggregate_id, loaded.version).await?;
        for recorded in since {
            loaded.version = recorded.sequence;
            loaded.aggregate.apply(self.decode(&recorded)?);
        }
        Ok(loaded)
    }

    /// Makes the commit of what an aggregate decided; secrets may be added to it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an event cannot be put into its stored form.
    pub fn prepare(
        &self,
        loaded: Loaded<A>,
        events: &[A::Event],
        metadata: EventMetadata,
        command: CommandRecord,
    ) -> Result<Commit, StoreError> {
        let Loaded { mut aggregate, aggregate_id, version } = loaded;
        let mut stored = Vec::with_capacity(events.len());
        for event in events {
            stored.push(self.codec.encode(event).map_err(|e| StoreError::Corrupt(e.to_string()))?);
            aggregate.apply(event.clone());
        }
        let Placement { line, project_id } = self.codec.placement(&aggregate_id, &aggregate);
        Ok(Commit {
            aggregate_type: A::TYPE.to_owned(),
            aggregate_id,
            line,
            project_id,
            expected: version,
            events: stored,
            metadata,
            command,
            secrets: Vec::new(),
        })
    }

    fn decode(&self, recorded: &RecordedEvent) -> Result<A::Event, StoreError> {
        self.codec.decode(&recorded.name, recorded.version, &recorded.data).map_err(|error| {
            let RecordedEvent { aggregate_type, aggregate_id, sequence, name, version, .. } = recorded;
            StoreError::Corrupt(format!(
                "event {sequence} ({name} v{version}) of {aggregate_type} {aggregate_id} cannot be read: {error}"
            ))
        })
    }

    fn envelope(&self, recorded: RecordedEvent) -> Result<EventEnvelope<A>, AggregateError<A::Error>> {
        let payload =
            self.decode(&recorded).map_err(|e| AggregateError::DeserializationError(Box::new(e)))?;
        let sequence = usize::try_from(recorded.sequence).unwrap_or(usize::MAX);
        let metadata = recorded.metadata.to_map();
        Ok(EventEnvelope { aggregate_id: recorded.aggregate_id, sequence, payload, metadata })
    }
}

/// A store's refusal in the words of cqrs-es.
fn into_aggregate_error<E: std::error::Error>(error: StoreError) -> AggregateError<E> {
    match error {
        StoreError::Conflict { .. } => AggregateError::AggregateConflict,
        StoreError::Unavailable { .. } => AggregateError::DatabaseConnectionError(Box::new(error)),
        StoreError::Corrupt(_) => AggregateError::DeserializationError(Box::new(error)),
    }
}

impl<A, J, C> EventStore<A> for AggregateStore<A, J, C>
where
    A: Aggregate,
    J: Journal,
    C: EventCodec<A>,
{
    type AC = Loaded<A>;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let recorded = self.journal.load(A::TYPE, aggregate_id).await.map_err(into_aggregate_error)?;
        recorded.into_iter().map(|event| self.envelope(event)).collect()
    }

    async fn load_aggregate(&self, aggregate_id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        self.load(aggregate_id).await.map_err(into_aggregate_error)
    }

    /// `metadata` must carry `command_id` and `at_ms` (see [`EventMetadata::to_map`]). A command id that was honoured
    /// already answers the events that it made then.
    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let metadata = EventMetadata::from_map(&metadata).ok_or_else(|| {
            AggregateError::UnexpectedError(
                "the metadata must carry command_id and at_ms (milliseconds)".into(),
            )
        })?;
        let id = metadata.command_id.clone();
        let record = CommandRecord {
            id: id.clone(),
            fingerprint: String::new(),
            answer: Vec::new(),
            at_ms: metadata.at_ms,
        };
        let (aggregate_id, version) = (context.aggregate_id.clone(), context.version);
        let commit =
            self.prepare(context, &events, metadata.clone(), record).map_err(into_aggregate_error)?;
        let committed = self.journal.commit(commit).await.map_err(into_aggregate_error)?;
        if committed.repeated.is_some() {
            let recorded = self.journal.load(A::TYPE, &aggregate_id).await.map_err(into_aggregate_error)?;
            let made = recorded.into_iter().filter(|event| event.metadata.command_id == id);
            return made.map(|event| self.envelope(event)).collect();
        }
        let map = metadata.to_map();
        let sequences = version.saturating_add(1)..;
        let envelopes = events.into_iter().zip(sequences).map(|(payload, sequence)| EventEnvelope {
            aggregate_id: aggregate_id.clone(),
            sequence: usize::try_from(sequence).unwrap_or(usize::MAX),
            payload,
            metadata: map.clone(),
        });
        Ok(envelopes.collect())
    }
}
