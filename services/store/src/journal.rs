//! The port for writing: commits, commands that were honoured, secrets, and the store's identity.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Cursor, EventMetadata, NewEvent, RecordedEvent};

/// More events than this in one commit are refused as a fault of the caller.
pub const MAX_EVENTS_IN_COMMIT: usize = 1_000;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote to the aggregate since it was loaded. Load it again and decide again.
    #[error("{aggregate_type} {aggregate_id} stands at {found}, not at {expected}: it was changed meanwhile")]
    Conflict {
        /// Type of the aggregate.
        aggregate_type: String,
        /// Id of the aggregate.
        aggregate_id: String,
        /// The last sequence that the writer knew.
        expected: u64,
        /// The last sequence that stands.
        found: u64,
    },
    /// The store cannot work now. Whether a commit in flight was kept is not known: send it again under the same
    /// command id, which is honoured once.
    #[error("{message}; {mend}")]
    Unavailable {
        /// What is wrong.
        message: String,
        /// What a person can do about it.
        mend: String,
    },
    /// What stands in the store, or what it was asked to write, cannot be right. Trying again does not help.
    #[error("the store holds or was handed something broken: {0}")]
    Corrupt(String),
}

/// A command that was honoured, with the answer that it got.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandRecord {
    /// The command's id; honoured once.
    pub id: String,
    /// What the command asked for, as a digest: another request under the same id has another one.
    pub fingerprint: String,
    /// The answer, sealed by its writer where it holds secrets.
    pub answer: Vec<u8>,
    /// When it was honoured: milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
}

impl fmt::Debug for CommandRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRecord")
            .field("id", &self.id)
            .field("at_ms", &self.at_ms)
            .finish_non_exhaustive()
    }
}

/// Which secrets of an owner are meant.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretScope {
    /// All of them.
    All,
    /// The one that is found by this keyed hash.
    Lookup(Vec<u8>),
    /// Those whose expiry is at or before this moment (milliseconds since the Unix epoch).
    ExpiredBy(i64),
}

impl SecretScope {
    /// The keyed hash, or the latest expiry (milliseconds since the Unix epoch), that narrows an owner's secrets down.
    pub fn narrowed(&self) -> (Option<&[u8]>, Option<i64>) {
        match self {
            Self::All => (None, None),
            Self::Lookup(lookup) => (Some(lookup), None),
            Self::ExpiredBy(at_ms) => (None, Some(*at_ms)),
        }
    }
}

/// A change to the secrets, kept with the events of its commit or not at all. Changes happen in the order given.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretWrite {
    /// Adds a secret.
    Put {
        /// What it is, as `stream_key`.
        kind: String,
        /// Whom it belongs to, as a channel's id.
        owner: String,
        /// Keyed hash that it is found by.
        lookup: Option<Vec<u8>>,
        /// The secret, encrypted under the master key by the writer.
        sealed: Vec<u8>,
        /// From when it is void: milliseconds since the Unix epoch.
        expires_at_ms: Option<i64>,
    },
    /// Makes secrets void from a moment on; one that is void earlier already stays so.
    Expire {
        /// What they are.
        kind: String,
        /// Whom they belong to.
        owner: String,
        /// Which of them.
        scope: SecretScope,
        /// From when they are void: milliseconds since the Unix epoch.
        at_ms: i64,
    },
    /// Deletes secrets.
    Delete {
        /// What they are.
        kind: String,
        /// Whom they belong to.
        owner: String,
        /// Which of them.
        scope: SecretScope,
    },
}

impl fmt::Debug for SecretWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, kind, owner) = match self {
            Self::Put { kind, owner, .. } => ("Put", kind, owner),
            Self::Expire { kind, owner, .. } => ("Expire", kind, owner),
            Self::Delete { kind, owner, .. } => ("Delete", kind, owner),
        };
        f.debug_struct(name).field("kind", kind).field("owner", owner).finish_non_exhaustive()
    }
}

/// A secret as it stands, still sealed. Expired ones are answered too: the caller knows the time.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// What it is, as `stream_key`.
    pub kind: String,
    /// Whom it belongs to.
    pub owner: String,
    /// Keyed hash that it is found by.
    pub lookup: Option<Vec<u8>>,
    /// The secret, encrypted under the master key.
    pub sealed: Vec<u8>,
    /// From when it is void: milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
}

impl SecretRow {
    /// Whether it still counts at `now_ms` (milliseconds since the Unix epoch).
    pub fn is_valid_at(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_none_or(|at| now_ms < at)
    }
}

impl fmt::Debug for SecretRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRow")
            .field("kind", &self.kind)
            .field("owner", &self.owner)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// One transaction: the events, then the record of the command that made them, then secrets.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Type of the aggregate, as `session`.
    pub aggregate_type: String,
    /// Id of the aggregate.
    pub aggregate_id: String,
    /// What order is kept within: the channel's id, or the aggregate's own where it has no channel.
    pub line: String,
    /// The project that the aggregate belongs to.
    pub project_id: String,
    /// The last sequence that was loaded; 0 for a new aggregate.
    pub expected: u64,
    /// The events, in order. None at all is allowed: the command's record and secrets are kept then.
    pub events: Vec<NewEvent>,
    /// Who did it, by which command, because of what, and when.
    pub metadata: EventMetadata,
    /// The command's record; its id is honoured once.
    pub command: CommandRecord,
    /// Changes to secrets.
    pub secrets: Vec<SecretWrite>,
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The aggregate's last sequence after it. For a repeated command: after the first copy.
    pub last_sequence: u64,
    /// The log's place after it. For a repeated command: after the first copy.
    pub cursor: Cursor,
    /// The record of the first copy, where this command id had been honoured already. Nothing was written then.
    pub repeated: Option<CommandRecord>,
}

/// Who this store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Made when the store was made; part of every cursor.
    pub incarnation: String,
    /// Fingerprint of the master key that its secrets are sealed under, once one was bound.
    pub master_key_fingerprint: Option<String>,
}

/// What the executor and the key office need of a store.
///
/// The promise, on every adapter:
/// - A commit is whole or not at all, and what was answered survives `kill -9` of the process and loss of power.
/// - Sequences of an aggregate have no gap and no double; a writer who was overtaken gets [`StoreError::Conflict`].
/// - A command id is honoured once, also when two copies arrive together and when it made no event. The second copy
///   is answered with the first one's record, and never with a conflict.
/// - Whoever was answered finds the events in [`load`](Journal::load) at once, and in the log as soon as commits that began
///   before have ended: [`EventLog::settle`](crate::EventLog::settle) waits for that.
#[async_trait]
pub trait Journal: Send + Sync {
    /// All events of an aggregate, in order; empty when there is none.
    async fn load(&self, aggregate_type: &str, aggregate_id: &str) -> Result<Vec<RecordedEvent>, StoreError> {
        self.load_after(aggregate_type, aggregate_id, 0).await
    }

    /// The events of an aggregate behind its sequence `after`, in order. For who kept its state of then: a stream of
    /// thousands is not read again for each command.
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Commits, see the promise above. With no events `expected` is still checked.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// The record of a command that was honoured.
    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError>;

    /// Keeps the record of a command that made no event. Answers the record that stood already under this id, in
    /// which case nothing was written.
    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError>;

    /// Forgets commands that were honoured before a moment (milliseconds since the Unix epoch); answers how many. However
    /// many there are, commits that come meanwhile do not wait for all of them.
    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError>;

    /// The secrets of a kind with this keyed hash.
    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError>;

    /// The secrets of some owners, each owner's oldest first.
    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError>;

    /// The secrets of an owner, oldest first.
    async fn secrets_of(&self, kind: &str, owner: &str) -> Result<Vec<SecretRow>, StoreError> {
        self.secrets_of_each(kind, &[owner]).await
    }

    /// Changes secrets without an event, in one transaction: clearing expired ones, sealing again under a new key.
    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError>;

    /// Who this store is.
    async fn identity(&self) -> Result<Identity, StoreError>;

    /// Binds the store to a master key by its fingerprint, where it is not bound yet. Answers what stands: a caller
    /// with another key finds another fingerprint there and must stop.
    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError>;

    /// Removes what was deleted for good, in so far as the adapter can: what a deleted secret was stands afterwards in no file
    /// of the store. Not whole in one go where somebody reads just then: ask again.
    async fn remove_traces(&self) -> Result<(), StoreError>;
}

#[async_trait]
impl<J: Journal + ?Sized> Journal for Arc<J> {
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        (**self).load_after(aggregate_type, aggregate_id, after).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        (**self).commit(commit).await
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        (**self).command(id).await
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        (**self).record_command(record).await
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        (**self).forget_commands(before_ms).await
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        (**self).find_secret(kind, lookup).await
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        (**self).secrets_of_each(kind, owners).await
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        (**self).write_secrets(writes).await
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        (**self).identity().await
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        (**self).bind_master_key(fingerprint).await
    }

    async fn remove_traces(&self) -> Result<(), StoreError> {
        (**self).remove_traces().await
    }
}
