//! How a use case may fail. Refusal, conflict and fault stay apart, each with its own answer at the edge.

use sigma_domain::Scope;
use sigma_store::{LogError, StoreError};

use crate::executor::CommandError;
use crate::vault::VaultError;

/// A field of the input that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name as in the contract, as `reconnectWindow`.
    pub path: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// Why a use case did not do what it was asked. No message ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// There is no such token, or it is void by now.
    #[error("this needs a valid token; sign in, or send Authorization: Bearer TOKEN")]
    Unauthenticated,
    /// The token has not the scope that this wants.
    #[error("this needs the scope `{needs}`; use a token that has it")]
    Forbidden {
        /// The scope.
        needs: Scope,
    },
    /// It concerns the whole platform, and the token is another project's.
    #[error("this concerns the whole platform: only a token of the project `default` may do it")]
    DefaultProjectOnly,
    /// It would reach beyond the channels that the token is bound to.
    #[error("this token is bound to some channels and may not reach beyond them; use one that is not")]
    BoundToChannels,
    /// A rule of the domain says no.
    #[error("{message}")]
    Refused {
        /// The reason as one word, SCREAMING_SNAKE.
        code: String,
        /// The reason as a sentence that tells the mend.
        message: String,
    },
    /// There is no such thing, or it belongs to another project.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// `channel`, `session`, `asset` or `api_token`.
        kind: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// A version was overtaken again and again, or an idempotency key was used for something else.
    #[error("{0}")]
    Conflict(String),
    /// Fields of the input are wrong: all of them, not only the first.
    #[error("{} of the input {} wrong", fields.len(), if fields.len() == 1 { "field is" } else { "fields are" })]
    BadInput {
        /// Each wrong field, in the input's order.
        fields: Vec<FieldError>,
    },
    /// Something that we depend on is away; trying again later may help.
    #[error("{message}; {mend}")]
    Unavailable {
        /// What is away.
        message: String,
        /// What a person can do about it.
        mend: String,
    },
    /// A fault of ours, or something broken in the store.
    #[error("something is broken inside: {0}")]
    Internal(String),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict(format!("{error}; try again")),
            StoreError::Unavailable { message, mend } => Self::Unavailable { message, mend },
            StoreError::Corrupt(message) => Self::Internal(message),
        }
    }
}

impl From<LogError> for AppError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::ForeignCursor(_) => Self::no_position(),
            LogError::Unavailable { message, mend } => Self::Unavailable { message, mend },
            LogError::Corrupt(message) => Self::Internal(message),
        }
    }
}

impl AppError {
    /// One field of the input is wrong.
    pub fn field(path: &str, message: impl Into<String>) -> Self {
        Self::BadInput { fields: vec![FieldError { path: path.to_owned(), message: message.into() }] }
    }

    /// A place in the log that is none.
    pub(crate) fn no_position() -> Self {
        Self::field(
            "afterPosition",
            "this is no position of this platform's log; give one as an event's `position` said it, or none",
        )
    }
}

impl From<VaultError> for AppError {
    fn from(error: VaultError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl<R> From<CommandError<R>> for AppError {
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Refused { code, message, .. } => Self::Refused { code, message },
            CommandError::Conflict => {
                Self::Conflict("others changed it at the same time, again and again; try again".to_owned())
            }
            CommandError::NotFound { kind, id } => Self::NotFound { kind, id },
            CommandError::Reused => Self::Conflict(
                "this idempotency key was used for another request; take a new key for a new request"
                    .to_owned(),
            ),
            CommandError::Store(error) => error.into(),
            CommandError::Vault(error) => error.into(),
        }
    }
}

/// Why a feed is not let in. The words reach the broadcaster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No channel has this key.
    #[error("no channel has this stream key; copy it again from the channel's settings")]
    UnknownKey,
    /// The owner stopped the channel.
    #[error("this channel is stopped; start it, then publish again")]
    ChannelStopped,
    /// A feed with this key is on air and may not be taken over.
    #[error("this stream key is on air already; stop the other encoder first")]
    OnAir,
    /// The store cannot answer now. The cause is for the log, not for the broadcaster.
    #[error("the platform cannot let a feed in at the moment; try again in a few seconds")]
    Unavailable {
        /// For the log.
        cause: String,
    },
}

/// Why the media side was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The store is away, and stayed so for as long as we tried. Report again: reports may be repeated.
    #[error("the control plane is unavailable: {0}")]
    Unavailable(String),
    /// Trying again does not help: no such session, or something broken.
    #[error("the control plane refused: {0}")]
    Refused(String),
}

/// Why the application could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The secrets in the store were sealed under another master key.
    #[error(
        "the event store's secrets are sealed under another master key (its fingerprint is {bound}, this key's is {ours}); \
         put the key that belongs to this store into DATA_DIR/master-key or SIGMA_MASTER_KEY"
    )]
    MasterKey {
        /// Fingerprint that the store is bound to.
        bound: String,
        /// Fingerprint of the key that was given.
        ours: String,
    },
    /// The system's cryptography does not work.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process managers' rows cannot be used.
    #[error(
        "{path} cannot be used: {cause}; see that the folder is there, writable, and that its disk has room"
    )]
    Process {
        /// Where they are.
        path: String,
        /// What the database said.
        cause: String,
    },
}
