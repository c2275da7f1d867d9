//! Where the views are: a folder, or a database with a schema for each generation; and which one serves.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sigma_tables::{Address, Connection, Place, Schema, query};
use sqlx::Error;
use tokio::task::JoinHandle;

use crate::failure::{Failure, RunnerError};
use crate::folder::{self, Folder};

/// The schema that says which generations serve.
const POINTERS: &str = "sigma_views";

/// Whoever runs the views of a database holds this advisory lock: "Sigm" and a 2 for the views.
const LOCK: i64 = 0x5369_676d_0000_0002;

/// A runner that was killed lets its lock go as soon as the server sees that: it is waited for.
const LOCK_WITHIN: Duration = Duration::from_secs(10);

/// How often the lock is asked for, and looked after.
const LOCK_LOOK: Duration = Duration::from_millis(500);

/// Where the views are.
#[derive(Clone, Debug)]
pub enum Home {
    /// Each generation a SQLite file of this folder.
    Folder(PathBuf),
    /// Each generation a schema of this database.
    Database(Address),
}

impl<P: AsRef<Path>> From<P> for Home {
    fn from(folder: P) -> Self {
        Self::Folder(folder.as_ref().to_owned())
    }
}

impl Home {
    /// Makes it ready and takes its lock: one runner a home.
    pub(crate) async fn take(&self) -> Result<Lock, RunnerError> {
        match self {
            Self::Folder(folder) => folder::take(folder)
                .map(Lock::File)
                .map_err(|error| RunnerError::io(folder.display(), &error)),
            Self::Database(address) => {
                let lock =
                    take_lock(address).await.map_err(|error| RunnerError::database(address, &error))?;
                let Some(connection) = lock else {
                    return Err(RunnerError::Unavailable {
                        message: format!(
                            "the views in {address} cannot be written: another sigma runs on them"
                        ),
                        mend: "stop the other sigma, or name another database with --event-store".to_owned(),
                    });
                };
                let address = address.clone();
                Ok(Lock::Server(tokio::spawn(hold(address, connection))))
            }
        }
    }

    /// That of one projection.
    pub(crate) fn shelf(&self, name: &str) -> Shelf {
        match self {
            Self::Folder(folder) => Shelf::Files(Folder::new(folder, name)),
            Self::Database(address) => Shelf::Schemas { address: address.clone(), name: name.to_owned() },
        }
    }
}

/// Held as long as this process runs the views. The system, or the server, lets it go when the process ends.
#[derive(Debug)]
pub(crate) enum Lock {
    File(#[expect(dead_code, reason = "held, not read")] File),
    Server(JoinHandle<()>),
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Self::Server(holding) = self {
            holding.abort();
        }
    }
}

fn pointers(address: &Address) -> Schema {
    Schema::new(address, POINTERS)
}

/// Connects, makes the pointers' table where it is missing, and takes the lock; none while another has it.
async fn take_lock(address: &Address) -> Result<Option<Connection>, Error> {
    let mut connection = Place::Schema(pointers(address)).connect().await?;
    let began = sigma_clock::monotonic();
    while !try_lock(&mut connection).await? {
        if began.elapsed() > LOCK_WITHIN {
            return Ok(None);
        }
        sigma_clock::sleep(LOCK_LOOK).await;
    }
    let mut transaction = connection.begin().await?;
    pointers(address).make(&mut transaction).await?;
    query(include_str!("sql/pointers.sql")).execute(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Some(connection))
}

async fn try_lock(connection: &mut Connection) -> Result<bool, Error> {
    query("select pg_try_advisory_lock($1) as taken").bind(LOCK).fetch_one(connection).await?.try_get("taken")
}

/// Looks after the lock, for ever: a server that went away has forgotten it, and is asked for it again. Should another runner
/// be there by then, the checkpoints keep the two apart: each moves a view only from where it read on.
async fn hold(address: Address, connection: Connection) {
    let mut held = Some(connection);
    loop {
        sigma_clock::sleep(LOCK_LOOK).await;
        let is_there = match held.as_mut() {
            Some(connection) => query("select 1 as one").fetch_one(connection).await.is_ok(),
            None => false,
        };
        if !is_there {
            held = None;
            if let Ok(mut connection) = Place::Schema(pointers(&address)).connect().await
                && try_lock(&mut connection).await.unwrap_or(false)
            {
                held = Some(connection);
            }
        }
    }
}

/// The generations of one projection.
#[derive(Clone, Debug)]
pub(crate) enum Shelf {
    Files(Folder),
    Schemas { address: Address, name: String },
}

impl Shelf {
    /// Where a generation is.
    pub(crate) fn place(&self, generation: u32) -> Place {
        match self {
            Self::Files(folder) => Place::File(folder.file(generation)),
            Self::Schemas { address, name } => Place::Schema(schema(address, name, generation)),
        }
    }

    /// All generations that there are, ascending.
    pub(crate) async fn generations(&self) -> Result<Vec<u32>, Failure> {
        let (address, name) = match self {
            Self::Files(folder) => return Ok(folder.generations()?),
            Self::Schemas { address, name } => (address, name),
        };
        let mut connection = Place::Schema(pointers(address)).connect().await?;
        let named =
            query("select nspname::text as name from pg_namespace").fetch_all(&mut connection).await?;
        let prefix = format!("sigma_view_{name}_g");
        let mut found = Vec::new();
        for row in named {
            found.extend(
                row.try_get::<&str>("name")?.strip_prefix(&prefix).and_then(|n| n.parse::<u32>().ok()),
            );
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The generation that serves; none before the first.
    pub(crate) async fn serving(&self) -> Result<Option<u32>, Failure> {
        let (address, name) = match self {
            Self::Files(folder) => return Ok(folder.serving()?),
            Self::Schemas { address, name } => (address, name),
        };
        let mut connection = Place::Schema(pointers(address)).connect().await?;
        let serving = query("select generation from serving where view = $1").bind(name);
        let Some(row) = serving.fetch_optional(&mut connection).await? else { return Ok(None) };
        Ok(u32::try_from(row.try_get::<i64>("generation")?).ok())
    }

    /// Names the generation that serves: whole or not at all, whatever happens to the process or the machine.
    pub(crate) async fn serve(&self, generation: u32) -> Result<(), Failure> {
        let (address, name) = match self {
            Self::Files(folder) => return Ok(folder.serve(generation)?),
            Self::Schemas { address, name } => (address, name),
        };
        let mut connection = Place::Schema(pointers(address)).connect().await?;
        let serve = query(include_str!("sql/serve.sql")).bind(name).bind(i64::from(generation));
        Ok(serve.execute(&mut connection).await.map(drop)?)
    }

    /// Deletes a generation. One that is not there is none to delete.
    pub(crate) async fn delete(&self, generation: u32) -> Result<(), Failure> {
        let (address, name) = match self {
            Self::Files(folder) => return Ok(folder.delete(generation)?),
            Self::Schemas { address, name } => (address, name),
        };
        let mut connection = Place::Schema(pointers(address)).connect().await?;
        Ok(schema(address, name, generation).remove(&mut connection).await?)
    }
}

fn schema(address: &Address, name: &str, generation: u32) -> Schema {
    Schema::new(address, format!("sigma_view_{name}_g{generation}"))
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(folder) => folder.path().display().fmt(f),
            Self::Schemas { address, name } => write!(f, "{name} in {address}"),
        }
    }
}
