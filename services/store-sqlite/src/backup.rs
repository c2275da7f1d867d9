//! A copy of the store, made while it is in use, and put back.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sigma_store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::fault::store_error;
use crate::open::{APPLICATION_ID, MIGRATIONS, lock, new_incarnation};

/// What SQLite keeps beside a file of its own.
const SIDE_FILES: &[&str] = &["-wal", "-shm", "-journal"];

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn unwritable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable {
        message: format!("{} cannot be written: {error}", path.display()),
        mend: "name a place that this user may write to, with space on its disk".to_owned(),
    }
}

async fn reader(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    options.connect().await.map_err(|error| store_error(path, &error))
}

/// What a file holds, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its events.
    pub events: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Looks whether a file is a whole store of ours.
async fn examine(path: &Path) -> Result<Copied, StoreError> {
    let fault = |error| store_error(path, &error);
    let mut connection = reader(path).await?;
    let application: i64 =
        sqlx::query_scalar("pragma application_id").fetch_one(&mut connection).await.map_err(fault)?;
    let version: i64 =
        sqlx::query_scalar("pragma user_version").fetch_one(&mut connection).await.map_err(fault)?;
    if application != APPLICATION_ID {
        return Err(StoreError::Corrupt(format!("{} is no event store of Sigma", path.display())));
    }
    if usize::try_from(version).is_ok_and(|version| version > MIGRATIONS.len()) {
        return Err(StoreError::Corrupt(format!(
            "{} was written by a newer Sigma (schema {version}, this one knows {})",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    let sound: String =
        sqlx::query_scalar("pragma integrity_check(1)").fetch_one(&mut connection).await.map_err(fault)?;
    if sound != "ok" {
        return Err(StoreError::Corrupt(format!("{} is damaged: {sound}", path.display())));
    }
    let events: i64 =
        sqlx::query_scalar("select count(*) from events").fetch_one(&mut connection).await.map_err(fault)?;
    connection.close().await.map_err(fault)?;
    let bytes = fs::metadata(path).map_err(|error| unwritable(path, &error))?.len();
    Ok(Copied { events: events.unsigned_abs(), bytes })
}

/// Copies the store in `path` into the new file `to`, as it stands at one moment. The store may be in use; nobody waits.
/// The copy is looked through before it gets its name.
///
/// # Errors
/// [`StoreError::Unavailable`] when one of the two cannot be read or written, or `to` is there already.
pub async fn back_up(path: &Path, to: &Path) -> Result<Copied, StoreError> {
    if to.exists() {
        return Err(StoreError::Unavailable {
            message: format!("{} is there already", to.display()),
            mend: "name a new file, or move that one away".to_owned(),
        });
    }
    let unfinished = beside(to, ".unfinished");
    let _ = fs::remove_file(&unfinished);
    let mut connection = reader(path).await?;
    let copied =
        sqlx::query("vacuum into $1").bind(unfinished.display().to_string()).execute(&mut connection);
    copied.await.map_err(|error| store_error(path, &error))?;
    connection.close().await.map_err(|error| store_error(path, &error))?;
    let copied = examine(&unfinished).await?;
    let named = || {
        // Sealed secrets stand in it: it is its owner's.
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, to)?;
        File::open(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
            .sync_all()
    };
    named().map_err(|error| unwritable(to, &error))?;
    Ok(copied)
}

/// Puts a copy in the place of the store in `path`, whole or not at all. What stood there stays beside it, with `.replaced`
/// behind its name. The store is another one from here on: whoever kept a place in its log begins anew.
///
/// # Errors
/// [`StoreError::Unavailable`] when the store is in use or cannot be written; [`StoreError::Corrupt`] when the copy is no whole
/// store of ours.
pub async fn restore(from: &Path, path: &Path) -> Result<Copied, StoreError> {
    let copied = examine(from).await?;
    let lock = lock(path)?;
    let next = beside(path, ".next");
    let write = |error: std::io::Error| unwritable(path, &error);
    for side in std::iter::once(&"").chain(SIDE_FILES) {
        let _ = fs::remove_file(beside(&next, side));
    }
    fs::copy(from, &next).map_err(write)?;
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).map_err(write)?;
    let fault = |error| store_error(&next, &error);
    let options = SqliteConnectOptions::new().filename(&next).disable_statement_logging();
    let mut connection = options.connect().await.map_err(fault)?;
    sqlx::query("update store set incarnation = $1 where only_row = 1")
        .bind(new_incarnation())
        .execute(&mut connection)
        .await
        .map_err(fault)?;
    connection.execute("pragma wal_checkpoint(truncate)").await.map_err(fault)?;
    connection.close().await.map_err(fault)?;
    let swapped = || {
        File::open(&next)?.sync_all()?;
        if path.exists() {
            let replaced = beside(path, ".replaced");
            // What SQLite had not folded in yet belongs to it.
            for side in SIDE_FILES {
                if beside(path, side).exists() {
                    fs::rename(beside(path, side), beside(&replaced, side))?;
                }
            }
            fs::rename(path, replaced)?;
        }
        fs::rename(&next, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    swapped().map_err(write)?;
    drop(lock);
    Ok(copied)
}
