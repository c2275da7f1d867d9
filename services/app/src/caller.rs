//! Who asks, and what an answer carries beside its value.

use sigma_domain::{Actor, ProjectId};

/// An `Idempotency-Key` with what it was used for.
#[derive(Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The header's value, as it came. The command's id is made of it, the actor and the project.
    pub key: String,
    /// The request's body, or a digest of it; another body under the same key is a conflict.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idempotency").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The longest idempotency key that is taken, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;

/// Who asks a use case, for which project, under which command.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// The project that he may see; everything else is not found.
    pub project: ProjectId,
    /// From the `Idempotency-Key` header; without it each call is a command of its own.
    pub idempotency: Option<Idempotency>,
    /// What ties all that comes of one request together: the request's id.
    pub correlation: Option<String>,
}

impl Caller {
    /// A caller without idempotency key and request id.
    pub fn new(actor: Actor, project: ProjectId) -> Self {
        Self { actor, project, idempotency: None, correlation: None }
    }
}

/// What a use case did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The thing as it is after the command (for a repeated command: as it was after the first copy).
    pub value: T,
    /// Id of the aggregate.
    pub aggregate_id: String,
    /// Its last sequence then. The views show it already, unless they lag for more than
    /// [`READ_YOUR_WRITES`](crate::READ_YOUR_WRITES).
    pub sequence: u64,
    /// Whether this command id had been honoured already and nothing new happened.
    pub repeated: bool,
}
