//! What SQLite's errors mean to whoever uses the store.

use std::path::Path;

use sigma_store::{LogError, StoreError};
use sqlx::Error;

/// SQLite's primary result codes that say something about the machine, not about a statement.
mod code {
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
    /// Extended: a primary key was there already.
    pub(super) const CONSTRAINT_PRIMARYKEY: i64 = 1_555;
    /// Extended: a unique index held it already.
    pub(super) const CONSTRAINT_UNIQUE: i64 = 2_067;
}

/// SQLite's extended result code, where the error is one of SQLite's.
fn extended(error: &Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether the error is about the machine or the file: no other statement would fare better now.
pub(crate) fn is_trouble(error: &Error) -> bool {
    extended(error).is_none_or(|code| explain(code & 0xff).is_some() || is_damage(code & 0xff))
}

/// Whether the error is that of the gate of aggregates. A command id that is there already is none.
pub(crate) fn is_conflict(error: &Error) -> bool {
    let unique = matches!(extended(error), Some(code::CONSTRAINT_PRIMARYKEY | code::CONSTRAINT_UNIQUE));
    unique && error.as_database_error().is_some_and(|e| e.message().contains("events.aggregate_type"))
}

fn is_damage(primary: i64) -> bool {
    matches!(primary, code::CORRUPT | code::NOTADB)
}

/// What is wrong and its mend, for trouble that may pass.
fn explain(primary: i64) -> Option<(&'static str, &'static str)> {
    Some(match primary {
        code::FULL => ("there is no space left for the event store", "free space on its disk"),
        code::READONLY | code::PERM => (
            "the event store may not be written",
            "let this user write to it and its folder, or mount its disk writable",
        ),
        code::BUSY | code::LOCKED | code::PROTOCOL => {
            ("another program holds the event store", "end what has it open, as a database shell or a backup")
        }
        code::IOERR => ("the event store's disk does not answer as it should", "look after the disk (dmesg)"),
        code::CANTOPEN => (
            "the event store cannot be opened",
            "make sure that its folder is there and that this user may write to it",
        ),
        code::NOMEM => ("there is no memory left for the event store", "give the process more memory"),
        code::INTERRUPT => ("the event store was interrupted", "try again"),
        _ => return None,
    })
}

/// An error of SQLite as the store's.
pub(crate) fn store_error(path: &Path, error: &Error) -> StoreError {
    let at = path.display();
    match extended(error) {
        Some(code) if is_damage(code & 0xff) => StoreError::Corrupt(format!(
            "{at} is damaged or no event store ({error}); put a copy back, or move it away to begin anew"
        )),
        Some(code) => match explain(code & 0xff) {
            Some((message, mend)) => StoreError::Unavailable {
                message: format!("{message}: {at} ({error})"),
                mend: mend.to_owned(),
            },
            None => StoreError::Corrupt(format!("{at}: {error}")),
        },
        None => match error {
            Error::PoolClosed | Error::WorkerCrashed => closed(path),
            Error::Decode(_) | Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::RowNotFound => {
                StoreError::Corrupt(format!("{at}: {error}"))
            }
            _ => StoreError::Unavailable {
                message: format!("the event store does not answer: {at} ({error})"),
                mend: "try again; look after the disk if it stays so".to_owned(),
            },
        },
    }
}

/// What a store that was closed answers.
pub(crate) fn closed(path: &Path) -> StoreError {
    StoreError::Unavailable {
        message: format!("the event store {} was closed", path.display()),
        mend: "start the platform again".to_owned(),
    }
}

/// The store's error as the log's.
pub(crate) fn log_error(error: StoreError) -> LogError {
    match error {
        StoreError::Unavailable { message, mend } => LogError::Unavailable { message, mend },
        StoreError::Corrupt(message) => LogError::Corrupt(message),
        // Reading meets no conflict; were it one, it would be a fault of ours.
        conflict @ StoreError::Conflict { .. } => LogError::Corrupt(conflict.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Executor};

    async fn made(folder: &tempfile::TempDir) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new().filename(folder.path().join("s")).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        connection.execute(include_str!("sql/0001_store.sql")).await.unwrap();
        options
    }

    #[tokio::test]
    async fn only_the_gate_of_aggregates_is_a_conflict() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = made(&folder).await.connect().await.unwrap();
        let event = "insert into events (event_id, aggregate_type, aggregate_id, line, project_id, sequence, name, \
                     version, data, actor, command_id, correlation_id, at_ms) \
                     values ('e', 'channel', 'c', 'c', 'p', 1, 'n', 1, '{}', '{}', 'cmd', 'co', 0)";
        connection.execute(event).await.unwrap();
        let twice = connection.execute(event).await.unwrap_err();
        assert!(is_conflict(&twice) && !is_trouble(&twice), "{twice}");

        let command = "insert into commands values ('cmd', '', x'', 0, 0, 0)";
        connection.execute(command).await.unwrap();
        let twice = connection.execute(command).await.unwrap_err();
        assert_eq!(extended(&twice), Some(code::CONSTRAINT_PRIMARYKEY));
        assert!(!is_conflict(&twice) && !is_trouble(&twice), "{twice}");
    }

    #[tokio::test]
    async fn a_store_that_may_not_be_written_says_so_with_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = made(&folder).await.read_only(true).connect().await.unwrap();
        let error = connection.execute("insert into store values (1, 'x', null)").await.unwrap_err();
        assert!(is_trouble(&error));
        let StoreError::Unavailable { message, mend } = store_error(folder.path(), &error) else {
            panic!("{error}")
        };
        assert!(
            message.contains("may not be written") && mend.contains("let this user write"),
            "{message}; {mend}"
        );
    }
}
