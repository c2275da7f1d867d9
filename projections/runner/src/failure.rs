//! What goes wrong, sorted by what is done about it.

use std::path::Path;

use sigma_store::LogError;

/// Why the runner did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

    /// An error of the folder or a file in it.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Unavailable {
            message: format!("the views in {} cannot be written: {error}", path.display()),
            mend: "make sure that the folder is there, that this user may write to it and that its disk has space"
                .to_owned(),
        }
    }

    /// An error of a view's database.
    pub(crate) fn database(path: &Path, error: &sqlx::Error) -> Self {
        let (what, mend) = match primary(error) {
            Some(13) => ("has no space left", "free space on its disk"),
            Some(3 | 8) => ("may not be written", "let this user write to it and its folder"),
            Some(5 | 6) => {
                ("is held by another program", "end what has it open, as a database shell or a backup")
            }
            Some(14) => ("cannot be opened", "make sure that its folder is there and may be written"),
            _ => ("does not answer", "look after its disk; `sigma projections rebuild` makes it anew"),
        };
        Self::Unavailable {
            message: format!("the view {} {what} ({error})", path.display()),
            mend: mend.to_owned(),
        }
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
}

impl Failure {
    /// Whether the generation is of no use any more: of another log, or damaged.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Log(error) => matches!(error, LogError::ForeignCursor(_)),
            // SQLITE_CORRUPT and SQLITE_NOTADB.
            Self::View(error) => matches!(primary(error), Some(11 | 26)),
            Self::Folder(_) => false,
        }
    }

    /// As it is told.
    pub(crate) fn tell(&self, path: &Path) -> String {
        match self {
            Self::Log(error) => error.to_string(),
            Self::View(error) => RunnerError::database(path, error).to_string(),
            Self::Folder(error) => RunnerError::io(path, error).to_string(),
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

/// SQLite's primary result code, where the error is one of SQLite's.
fn primary(error: &sqlx::Error) -> Option<i64> {
    let code: i64 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Whether an error is about the machine or the file rather than about what was asked: PERM, BUSY, LOCKED, NOMEM,
/// READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
pub(crate) fn is_trouble(error: &sqlx::Error) -> bool {
    match primary(error) {
        Some(code) => matches!(code, 3 | 5..=11 | 13..=15 | 26),
        None => matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_)
        ),
    }
}
