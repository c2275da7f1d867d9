//! Where the views are: a folder, or a database with a schema for each generation; and which one serves.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sigma_cluster::Cluster;
use sigma_tables::{Address, Place, Rows, Schema, Trouble, query, trouble};

use crate::board::{Board, ViewVersion};
use crate::failure::{Failure, RunnerError};
use crate::folder::{self, Folder};
use crate::lease::{Hold, Lease};

/// A schema that is not needed any more is deleted after so long: by then all nodes have seen what serves in its place, and
/// whoever read it has ended.
const GRACE: Duration = Duration::from_secs(5);

/// Somebody who still reads a generation that is to be deleted is waited for so long, within the transaction; then it is tried
/// again. As long as it lasts nobody takes the lease.
const PATIENCE: &str = "set local lock_timeout = '2s'";

/// Where the views are.
#[derive(Clone, Debug)]
pub enum Home {
    /// Each generation a SQLite file of this folder, run by this process alone.
    Folder(PathBuf),
    /// Each generation a schema of a database, run by one of its nodes at a time.
    Database {
        /// The database.
        address: Address,
        /// Its nodes. One that stands by ([`Cluster::standing_by`]) reads what others run.
        cluster: Cluster,
    },
}

impl<P: AsRef<Path>> From<P> for Home {
    fn from(folder: P) -> Self {
        Self::Folder(folder.as_ref().to_owned())
    }
}

/// A home that was made ready.
pub(crate) enum Opened {
    Folder { path: PathBuf, lock: Arc<File> },
    Database(Board),
}

impl Home {
    /// Makes it ready. A folder has one runner, and takes its lock.
    pub(crate) async fn open(self) -> Result<Opened, RunnerError> {
        match self {
            Self::Folder(path) => match folder::take(&path) {
                Ok(lock) => Ok(Opened::Folder { path, lock: Arc::new(lock) }),
                Err(error) => Err(RunnerError::io(path.display(), &error)),
            },
            Self::Database { address, cluster } => {
                let board = Board::open(&address, cluster).await;
                Ok(Opened::Database(board.map_err(|error| RunnerError::database(&address, &error))?))
            }
        }
    }
}

impl Opened {
    /// That of one projection.
    pub(crate) fn shelf(&self, view: &str, version: u32) -> Shelf {
        let of = ViewVersion { view: view.to_owned(), version };
        match self {
            Self::Folder { path, .. } => Shelf::Files(Folder::new(path, view)),
            Self::Database(board) => Shelf::Schemas { board: board.clone(), of },
        }
    }

    /// Held as long as any task of this home runs. The system lets it go when the process ends.
    pub(crate) fn lock(&self) -> Option<Arc<File>> {
        match self {
            Self::Folder { lock, .. } => Some(Arc::clone(lock)),
            Self::Database(_) => None,
        }
    }
}

/// The generations of one projection.
#[derive(Clone, Debug)]
pub(crate) enum Shelf {
    Files(Folder),
    Schemas { board: Board, of: ViewVersion },
}

impl Shelf {
    /// The wish to run the projection.
    pub(crate) fn claim(&self) -> Lease {
        match self {
            Self::Files(_) => Lease::Own,
            Self::Schemas { board, of } => Lease::Claimed(board.cluster.claim(&of.lease())),
        }
    }

    /// Where all nodes see it, with what it is called there.
    pub(crate) fn board(&self) -> Option<(&Board, &ViewVersion)> {
        match self {
            Self::Files(_) => None,
            Self::Schemas { board, of } => Some((board, of)),
        }
    }

    /// Where a generation is.
    pub(crate) fn place(&self, generation: u32) -> Place {
        match self {
            Self::Files(folder) => Place::File(folder.file(generation)),
            Self::Schemas { board, of } => Place::Schema(schema(board, of, generation)),
        }
    }

    /// All generations that there are, of whatever version, ascending.
    pub(crate) async fn generations(&self) -> Result<Vec<u32>, Failure> {
        let (board, of) = match self {
            Self::Files(folder) => return Ok(folder.generations()?),
            Self::Schemas { board, of } => (board, of),
        };
        let mut rows = board.look().await?;
        let named = query("select nspname::text as name from pg_namespace").fetch_all(&mut rows).await?;
        let prefix = prefix(&of.view);
        let mut found = Vec::new();
        for row in named {
            found.extend(
                row.try_get::<&str>("name")?.strip_prefix(&prefix).and_then(|n| n.parse::<u32>().ok()),
            );
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The version that a generation is of, where that is another one than ours and other nodes may run it. In a folder there is
    /// nobody else: what is of another version is of no use there.
    pub(crate) async fn other_version(&self, generation: u32) -> Result<Option<u32>, Failure> {
        let Self::Schemas { board, of } = self else { return Ok(None) };
        let sql = format!("select version from {}{generation}.runner_state", prefix(&of.view));
        let mut rows = board.look().await?;
        match query(&sql).fetch_optional(&mut rows).await {
            Ok(row) => {
                let version = row.map(|row| row.try_get::<i64>("version")).transpose()?;
                let version = version.and_then(|version| u32::try_from(version).ok());
                Ok(version.filter(|version| *version != of.version))
            }
            Err(error) if trouble(&error) == Some(Trouble::Damaged) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The generation that serves; none before the first.
    pub(crate) async fn serving(&self) -> Result<Option<u32>, Failure> {
        match self {
            Self::Files(folder) => Ok(folder.serving()?),
            Self::Schemas { board, of } => Ok(board.posted(of).await?.and_then(|posted| posted.generation)),
        }
    }

    /// A number for the next generation, greater than `highest`.
    pub(crate) async fn next_number(&self, hold: &Hold, highest: u32) -> Result<u32, Failure> {
        match self {
            Self::Files(_) => Ok(highest.saturating_add(1)),
            Self::Schemas { board, of } => board.next_number(of, hold, highest).await,
        }
    }

    /// Names the generation that serves: whole or not at all, whatever happens to the process or the machine.
    pub(crate) async fn serve(&self, hold: &Hold, generation: u32) -> Result<(), Failure> {
        match self {
            Self::Files(folder) => Ok(folder.serve(generation)?),
            Self::Schemas { board, of } => board.serve(of, hold, generation).await,
        }
    }

    /// How long a generation that was replaced is kept for those who do not know that yet.
    pub(crate) fn grace(&self) -> Duration {
        match self {
            Self::Files(_) => Duration::ZERO,
            Self::Schemas { .. } => GRACE,
        }
    }

    /// Deletes a generation. One that is not there is none to delete.
    pub(crate) async fn delete(&self, hold: &Hold, generation: u32) -> Result<(), Failure> {
        match self {
            Self::Files(folder) => Ok(folder.delete(generation)?),
            Self::Schemas { board, of } => {
                let mut transaction = board.begin(hold).await?;
                Rows::from(&mut transaction).script(PATIENCE).await?;
                schema(board, of, generation).remove(&mut transaction).await?;
                Ok(transaction.commit().await?)
            }
        }
    }

    /// Deletes all that stands of another version, which no node runs any more.
    pub(crate) async fn delete_version(
        &self,
        hold: &Hold,
        version: u32,
        generations: &[u32],
    ) -> Result<(), Failure> {
        let Self::Schemas { board, of } = self else { return Ok(()) };
        let mut transaction = board.begin(hold).await?;
        Rows::from(&mut transaction).script(PATIENCE).await?;
        board.forget(&ViewVersion { view: of.view.clone(), version }, &mut transaction).await?;
        for generation in generations {
            schema(board, of, *generation).remove(&mut transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

fn prefix(view: &str) -> String {
    format!("sigma_view_{view}_g")
}

fn schema(board: &Board, of: &ViewVersion, generation: u32) -> Schema {
    Schema::new(board.address(), format!("{}{generation}", prefix(&of.view)))
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(folder) => folder.path().display().fmt(f),
            Self::Schemas { board, of } => write!(f, "{} in {}", of.view, board.address()),
        }
    }
}
