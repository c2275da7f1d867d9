//! What PostgreSQL's errors mean to whoever uses the store.

use std::time::Duration;

use sigma_store::{LogError, StoreError};
use sigma_tables::{Address, Trouble, trouble};
use sqlx::Error;

/// A statement that is not answered within its own time-out and this is given up: the server cannot be reached.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// An error of PostgreSQL as the store's.
pub(crate) fn store_error(address: &Address, error: &Error) -> StoreError {
    if matches!(error, Error::PoolClosed) {
        return closed(address);
    }
    match trouble(error) {
        Some(Trouble::Damaged) => StoreError::Corrupt(format!(
            "{address} is damaged or no event store ({error}); put a backup back"
        )),
        Some(Trouble::Passing { what, mend }) => StoreError::Unavailable {
            message: format!("the event store's PostgreSQL {what}: {address} ({error})"),
            mend: mend.to_owned(),
        },
        None => StoreError::Corrupt(format!("{address}: {error}")),
    }
}

/// What a store that was closed answers.
pub(crate) fn closed(address: &Address) -> StoreError {
    StoreError::Unavailable {
        message: format!("the event store {address} was closed"),
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
