//! What the databases' errors mean.

use sqlx::Error;

/// Trouble with the machine, the file or the server, rather than with what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// What stands there is broken, or gone.
    Damaged,
    /// It may pass.
    Passing {
        /// What is wrong, to be said of the database, as "has no space left".
        what: &'static str,
        /// What a person can do about it.
        mend: &'static str,
    },
}

/// SQLite's primary result codes.
mod sqlite {
    pub(super) const PERM: i64 = 3;
    pub(super) const BUSY: i64 = 5;
    pub(super) const LOCKED: i64 = 6;
    pub(super) const NOMEM: i64 = 7;
    pub(super) const READONLY: i64 = 8;
    pub(super) const INTERRUPT: i64 = 9;
    pub(super) const IOERR: i64 = 10;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const CANTOPEN: i64 = 14;
    pub(super) const PROTOCOL: i64 = 15;
    pub(super) const NOTADB: i64 = 26;
}

/// SQLSTATEs (PostgreSQL's manual, appendix A) that say something about the server, not about a statement.
mod state {
    pub(super) const UNIQUE: &str = "23505";
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const IDLE_IN_TRANSACTION: &str = "25P03";
    pub(super) const NO_DATABASE: &str = "3D000";
    pub(super) const NO_SCHEMA: &str = "3F000";
    pub(super) const SERIALIZATION: &str = "40001";
    pub(super) const DEADLOCK: &str = "40P01";
    pub(super) const NO_PERMISSION: &str = "42501";
    pub(super) const NO_TABLE: &str = "42P01";
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(super) const LOCK_TIMEOUT: &str = "55P03";
    pub(super) const CANCELED: &str = "57014";
    pub(super) const DATABASE_DROPPED: &str = "57P04";
    pub(super) const DATA_CORRUPTED: &str = "XX001";
    pub(super) const INDEX_CORRUPTED: &str = "XX002";
}

fn code(error: &Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// A server's error tells its SQLSTATE, five signs; a file's a number.
fn is_sqlite(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some())
}

/// The constraint of a server's table that an insert met, where it met one.
pub fn constraint_met(error: &Error) -> Option<&str> {
    let database = error.as_database_error()?;
    database.code().filter(|code| code == state::UNIQUE)?;
    database.constraint()
}

/// Whether the connection to a server is gone, or the server says that it goes: another one may work at once.
pub fn is_gone(error: &Error) -> bool {
    match code(error) {
        _ if is_sqlite(error) => false,
        // Connection exceptions, and the operator's interventions but for a statement's own end.
        Some(code) => code.starts_with("08") || (code.starts_with("57P") && code != state::DATABASE_DROPPED),
        None => matches!(error, Error::Io(_) | Error::Protocol(_) | Error::Tls(_) | Error::WorkerCrashed),
    }
}

/// Whether the same again may work at once: the connection was gone, or another transaction was in the way.
pub fn is_passing(error: &Error) -> bool {
    is_gone(error)
        || code(error).is_some_and(|code| [state::SERIALIZATION, state::DEADLOCK].contains(&&*code))
}

/// The trouble that an error tells of; none where it is about what was asked.
pub fn trouble(error: &Error) -> Option<Trouble> {
    match code(error) {
        Some(code) if is_sqlite(error) => of_sqlite(code.parse::<i64>().ok()? & 0xff),
        Some(code) => of_postgres(&code),
        None => match error {
            Error::Io(_)
            | Error::Tls(_)
            | Error::PoolClosed
            | Error::PoolTimedOut
            | Error::WorkerCrashed
            | Error::Protocol(_) => Some(Trouble::Passing {
                what: "is not there or does not answer",
                mend: "start it, see that it can be reached, or wait for the fail-over to end",
            }),
            _ => None,
        },
    }
}

fn of_sqlite(primary: i64) -> Option<Trouble> {
    let (what, mend) = match primary {
        sqlite::CORRUPT | sqlite::NOTADB => return Some(Trouble::Damaged),
        sqlite::FULL => ("has no space left", "free space on its disk"),
        sqlite::PERM | sqlite::READONLY => ("may not be written", "let this user write to it and its folder"),
        sqlite::BUSY | sqlite::LOCKED | sqlite::PROTOCOL => {
            ("is held by another program", "end what has it open, as a database shell or a backup")
        }
        sqlite::CANTOPEN => ("cannot be opened", "make sure that its folder is there and may be written"),
        sqlite::IOERR => {
            ("stands on a disk that does not answer as it should", "look after the disk (dmesg)")
        }
        sqlite::NOMEM => ("has no memory left", "give the process more memory"),
        sqlite::INTERRUPT => ("was interrupted", "try again"),
        _ => return None,
    };
    Some(Trouble::Passing { what, mend })
}

fn of_postgres(code: &str) -> Option<Trouble> {
    let (what, mend) = match code {
        state::DATA_CORRUPTED | state::INDEX_CORRUPTED | state::NO_TABLE | state::NO_SCHEMA => {
            return Some(Trouble::Damaged);
        }
        state::READ_ONLY => (
            "takes no writes",
            "it is a standby or set read-only: point --event-store at the primary, or wait for the fail-over to end",
        ),
        state::CANCELED | state::LOCK_TIMEOUT | state::IDLE_IN_TRANSACTION => {
            ("did not answer in time", "see what keeps it busy (pg_stat_activity), and its disk")
        }
        state::DISK_FULL => ("has no space left", "free space on its disk"),
        state::TOO_MANY_CONNECTIONS => {
            ("has no connection left", "raise its max_connections, or lower --event-store-connections")
        }
        state::NO_DATABASE | state::DATABASE_DROPPED => {
            ("has no such database", "make it (createdb), or mend --event-store")
        }
        state::NO_PERMISSION => (
            "does not let this user work there",
            "let it own the database, or grant it CREATE on it and all on its schemas",
        ),
        _ => match code.get(..2)? {
            "28" => (
                "does not let this user in",
                "mend user and password in --event-store, or the server's pg_hba.conf",
            ),
            "08" | "57" => ("is not there", "start it, or wait for the fail-over to end"),
            "53" => ("lacks something", "give it more memory, disk or connections"),
            "40" => ("had other transactions in the way", "try again"),
            "58" => ("has trouble with its system", "look after its disk"),
            _ => return None,
        },
    };
    Some(Trouble::Passing { what, mend })
}
