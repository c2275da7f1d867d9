//! Who asks, and what an answer carries beside its value.

use sigma_domain::{Actor, ProjectId, Scope};

use crate::{Access, AppError};

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
    /// What he may do there.
    pub access: Access,
    /// From the `Idempotency-Key` header; without it each call is a command of its own.
    pub idempotency: Option<Idempotency>,
    /// What ties all that comes of one request together: the request's id.
    pub correlation: Option<String>,
}

impl Caller {
    /// A caller who may do everything in this project, without idempotency key and request id.
    pub fn new(actor: Actor, project: ProjectId) -> Self {
        Self { actor, project, access: Access::everything(), idempotency: None, correlation: None }
    }

    /// Nobody passes who has not this scope. What he asks for need not be there: nothing is told of it.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn need(&self, scope: Scope) -> Result<(), AppError> {
        if self.access.may(scope) { Ok(()) } else { Err(AppError::Forbidden { needs: scope }) }
    }

    /// Nobody passes who has not this scope in the project `default`: for what concerns the whole platform.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::DefaultProjectOnly`].
    pub fn need_of_platform(&self, scope: Scope) -> Result<(), AppError> {
        self.need(scope)?;
        if self.project.is_default() { Ok(()) } else { Err(AppError::DefaultProjectOnly) }
    }

    /// Nobody passes who is bound to channels: for what would reach beyond them.
    ///
    /// # Errors
    /// [`AppError::BoundToChannels`].
    pub fn need_unbound(&self) -> Result<(), AppError> {
        if self.access.channels().is_none() { Ok(()) } else { Err(AppError::BoundToChannels) }
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
