//! Opening the store: its schema, its identity, and whether its transaction ids are this cluster's.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sigma_store::{Commit, Committed, SecretRow, StoreError};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::task::JoinHandle;

use sigma_tables::{Address, is_gone};

use crate::SCHEMA;
use crate::fault::{GRACE, store_error};
use crate::follower::{Follower, Told};
use crate::group::Group;
use crate::journal::OfOwners;
use crate::migrate::migrate;
use crate::tail::Tail;

/// Connections that look back into the log at the same time: their own, so that whoever lets a feed in or decides on a
/// command does not queue behind people who follow events.
const LOOKERS: u32 = 2;

/// So many statements are under way that each hold what came together: one that is begun while another one's is on its way to the
/// disk.
const STATEMENTS: usize = 2;

/// So many commits, or questions, are one statement at most.
const TOGETHER: usize = 64;

/// A connection that nobody needed for so long is let go.
const IDLE: Duration = Duration::from_secs(300);

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Connections that load and commit at the same time. 10 by default. Some more are opened beside them: two that look
    /// back, two that follow.
    pub connections: u32,
    /// A statement that takes longer is ended by the server. 5 s by default.
    pub statement_timeout: Duration,
    /// How long somebody waits for a connection before he is told that there is none. 3 s by default: a command is answered
    /// well within a client's own patience.
    pub acquire_timeout: Duration,
    /// Without a word from the server the log is looked at again after so long. 250 ms by default.
    pub poll: Duration,
    /// Whether the server's word (`LISTEN`) is waited for beside that. True by default.
    pub listen: bool,
    /// Who looks back into the log by a filter that finds little looks at so many events with one statement.
    pub history_span: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: 10,
            statement_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(3),
            poll: Duration::from_millis(250),
            listen: true,
            history_span: 100_000,
        }
    }
}

/// The event store in PostgreSQL. Clones are hands on the same store.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) address: Address,
    pub(crate) options: PostgresOptions,
    pub(crate) incarnation: String,
    pub(crate) pool: PgPool,
    /// Those of [`History`](sigma_store::History) alone.
    pub(crate) lookers: PgPool,
    pub(crate) commits: Group<Commit, Result<Committed, StoreError>>,
    /// By kind and owners.
    pub(crate) secrets: Group<OfOwners, Result<Vec<SecretRow>, StoreError>>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) told: Arc<Told>,
    follower: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

/// Opens one connection, past any pool.
pub(crate) async fn connect(
    address: &Address,
    options: &PostgresOptions,
) -> Result<PgConnection, StoreError> {
    let to = address.options(SCHEMA, options.statement_timeout);
    let connected = sigma_clock::timeout(options.acquire_timeout, to.connect()).await;
    let connected = connected.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    connected.map_err(|error| store_error(address, &error))
}

impl PostgresStore {
    /// Opens the store in the database, making it where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server is away or takes no writes; [`StoreError::Corrupt`] when the store is of
    /// a newer version, or was restored from a dump and has to be mended first.
    pub async fn open(address: &Address, options: &PostgresOptions) -> Result<Self, StoreError> {
        let fault = |error| store_error(address, &error);
        let mut connection = connect(address, options).await?;
        migrate(address, &mut connection).await?;
        let home: Option<String> = sqlx::query_scalar(include_str!("sql/home.sql"))
            .fetch_one(&mut connection)
            .await
            .map_err(fault)?;
        let home = home.unwrap_or_default();
        sqlx::query(include_str!("sql/insert_identity.sql"))
            .bind(new_incarnation())
            .bind(&home)
            .execute(&mut connection)
            .await
            .map_err(fault)?;
        let (incarnation, stored_home): (String, String) =
            sqlx::query_as("select incarnation, home from store where only_row = 1")
                .fetch_one(&mut connection)
                .await
                .map_err(fault)?;
        let outlived: bool = sqlx::query_scalar(include_str!("sql/outlived.sql"))
            .fetch_one(&mut connection)
            .await
            .map_err(fault)?;
        if outlived || home != stored_home {
            return Err(StoreError::Corrupt(format!(
                "{address} was put there from a dump or a copy: its transaction ids are another database's, and readers \
                 would miss events; run `sigma store repair-xid` once, with nothing else on it"
            )));
        }
        // Closing in order only spares the server a line in its log.
        let _ = connection.close().await;

        let base = address.options(SCHEMA, options.statement_timeout);
        let pool = |most| {
            let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(options.acquire_timeout);
            // Asking a connection whether it lives costs a round trip each time: who meets a dead one takes another.
            pool.test_before_acquire(false).idle_timeout(IDLE).connect_lazy_with(base.clone())
        };
        let (told, tail) = (Arc::<Told>::default(), Arc::<Tail>::default());
        let follower = Follower {
            address: address.clone(),
            base: base.clone(),
            listen: options.listen,
            poll: options.poll,
            within: options.statement_timeout + GRACE,
            told: Arc::clone(&told),
            tail: Arc::clone(&tail),
        };
        let inner = |store: &Weak<Inner>| Inner {
            address: address.clone(),
            options: options.clone(),
            incarnation,
            pool: pool(options.connections.max(1)),
            lookers: pool(LOOKERS),
            commits: together(store, |store, commits| async move { store.commit_together(commits).await }),
            secrets: together(store, |store, asked| async move { store.secrets_together(asked).await }),
            tail,
            told,
            follower: tokio::spawn(follower.run()),
        };
        Ok(Self { inner: Arc::new_cyclic(inner) })
    }

    /// Where the store is.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// How many connections that decide on commands are open, and how many of them have nothing to do.
    pub fn connections(&self) -> (usize, usize) {
        (self.inner.pool.size() as usize, self.inner.pool.num_idle())
    }

    /// Closes the store in order: statements under way are waited for. Whoever still holds a clone is answered that the
    /// store was closed.
    pub async fn close(self) {
        self.inner.told.close();
        self.inner.follower.abort();
        self.inner.pool.close().await;
        self.inner.lookers.close().await;
    }

    pub(crate) fn fault(&self, error: &sqlx::Error) -> StoreError {
        store_error(&self.inner.address, error)
    }
}

/// Asks a store together what comes together, for as long as there is one.
fn together<Q: Send + 'static, A: Send + 'static, F>(
    store: &Weak<Inner>,
    answer: impl Fn(PostgresStore, Vec<Q>) -> F + Copy + Send + Sync + 'static,
) -> Group<Q, A>
where
    F: Future<Output = Vec<A>> + Send + 'static,
{
    let store = Weak::clone(store);
    Group::start(STATEMENTS, TOGETHER, move |asked| {
        let store = store.upgrade();
        async move {
            match store {
                Some(inner) => answer(PostgresStore { inner }, asked).await,
                None => Vec::new(),
            }
        }
    })
}

/// Tries again where a connection that was taken from a pool was dead: as many as the pool holds may be, all from before the
/// server went away.
#[derive(Debug)]
pub(crate) struct Tries(u32);

impl Tries {
    pub(crate) fn of(pool: &PgPool) -> Self {
        Self(pool.options().get_max_connections() + 1)
    }

    /// Whether it is worth trying again after this.
    pub(crate) fn again(&mut self, error: &sqlx::Error) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0 && is_gone(error)
    }
}

/// Asks a question over a connection of a pool: `asked!(store, pool, |connection| future)`. It is asked again where the
/// connection was dead, so it must change nothing, or nothing that may not be done twice. A connection that does not answer in
/// time, or is dead, does not go back into the pool.
macro_rules! asked {
    ($store:expr, $pool:expr, |$connection:ident| $question:expr) => {{
        let (within, pool) = ($store.inner.options.statement_timeout + $crate::fault::GRACE, &$pool);
        let mut tries = $crate::open::Tries::of(pool);
        loop {
            let mut held = match pool.acquire().await {
                Ok(held) => held,
                Err(error) if tries.again(&error) => continue,
                Err(error) => break Err(error),
            };
            let answer = {
                let $connection = &mut *held;
                sigma_clock::timeout(within, $question).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
            };
            match answer {
                Err(error) if sigma_tables::is_gone(&error) || matches!(error, sqlx::Error::PoolTimedOut) => {
                    held.close_on_drop();
                    drop(held);
                    if !tries.again(&error) {
                        break Err(error);
                    }
                }
                answer => break answer,
            }
        }
    }};
}
pub(crate) use asked;

/// 64 random bits as text.
pub(crate) fn new_incarnation() -> String {
    let mut text = uuid::Uuid::new_v4().simple().to_string();
    text.truncate(16);
    text
}
