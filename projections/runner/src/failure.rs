//! What goes wrong, sorted by what is done about it.

use std::fmt;

use serde::{Deserialize, Serialize};
use sigma_store::LogError;
use sigma_tables::{Trouble, trouble};

/// Why the runner did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum RunnerError {
    /// There is no projection of this name.
    #[error("there is no projection {name:?}; there are: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// Nothing of this aggregate is parked there.
    #[error("nothing of {aggregate_id} is parked in {name}")]
    NothingParked {
        /// The projection.
        name: String,
        /// The aggregate.
        aggregate_id: String,
    },
    /// The view is being built and does not serve yet.
    #[error("the view {name} is being built ({done} events so far); try again later")]
    NotReady {
        /// The projection.
        name: String,
        /// Events that were handled.
        done: u64,
    },
    /// The views cannot be read or written.
    #[error("{message}; {mend}")]
    Unavailable {
        /// What is wrong.
        message: String,
        /// What a person can do about it.
        mend: String,
    },
    /// A projection that cannot be run: a fault of whoever wrote it.
    #[error("the projection {name:?} cannot be run: {reason}")]
    BadProjection {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
}

impl RunnerError {
    /// The runner was shut down.
    pub(crate) fn closed() -> Self {
        Self::Unavailable {
            message: "the views were closed".to_owned(),
            mend: "start the platform again".to_owned(),
        }
    }

    /// Something else was answered than was asked.
    pub(crate) fn unlike(view: &str, why: impl fmt::Debug) -> Self {
        Self::Unavailable {
            message: format!("the nodes that run {view} do not understand each other ({why:?})"),
            mend: "let all of them run one version of sigma, then ask again".to_owned(),
        }
    }

    /// As it is told to whoever asked for something.
    pub(crate) fn of(failure: &Failure, views: impl fmt::Display) -> Self {
        match failure {
            Failure::View(error) => Self::database(views, error),
            Failure::Folder(error) => Self::io(views, error),
            Failure::Log(error) => {
                Self::Unavailable { message: error.to_string(), mend: "try again later".to_owned() }
            }
            Failure::StoodDown => Self::Unavailable {
                message: format!("another node runs {views} since a moment ago"),
                mend: "ask again".to_owned(),
            },
        }
    }

    /// An error of the folder or a file in it.
    pub(crate) fn io(views: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::Unavailable {
            message: format!("the views in {views} cannot be written: {error}"),
            mend: "make sure that the folder is there, that this user may write to it and that its disk has space"
                .to_owned(),
        }
    }

    /// An error of a view's database.
    pub(crate) fn database(view: impl fmt::Display, error: &sqlx::Error) -> Self {
        let (what, mend) = match trouble(error) {
            Some(Trouble::Passing { what, mend }) => (what, mend),
            _ => ("does not answer", "look after its disk; `sigma projections rebuild` makes it anew"),
        };
        Self::Unavailable { message: format!("the view {view} {what} ({error})"), mend: mend.to_owned() }
    }
}

/// Why a projection did not get on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The log cannot be read.
    Log(LogError),
    /// The generation's database.
    View(sqlx::Error),
    /// The folder.
    Folder(std::io::Error),
    /// Another node runs the projection now: nothing was written.
    StoodDown,
}

impl Failure {
    /// Whether the generation is of no use any more: of another log, or damaged.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Log(error) => matches!(error, LogError::ForeignCursor(_)),
            Self::View(error) => trouble(error) == Some(Trouble::Damaged),
            Self::Folder(_) | Self::StoodDown => false,
        }
    }

    /// As it is told.
    pub(crate) fn tell(&self, views: &dyn fmt::Display) -> String {
        match self {
            Self::Log(error) => error.to_string(),
            Self::View(error) => RunnerError::database(views, error).to_string(),
            Self::Folder(error) => RunnerError::io(views, error).to_string(),
            Self::StoodDown => "another node runs it now".to_owned(),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::View(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Folder(error)
    }
}
