//! What the nodes call out to each other: that a view moved, that something is asked of its holder, that it is answered.
//!
//! A word only shortens a wait. It is sent after the commit that it tells of, in a transaction of its own: in the commit's it
//! would hold a lock on the whole database until that is on the disk. What nobody hears is found by looking again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sigma_clock::Backoff;
use sigma_tables::Address;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// Where the words are told.
const CHANNEL: &str = "sigma_views";

/// Two tellings are at least so far apart: commits that come together are told together.
const SPACING: Duration = Duration::from_millis(2);

/// A telling that takes longer than this tells nobody in time.
const STATEMENT: Duration = Duration::from_secs(2);

/// The first and the longest wait before the server is asked again for its word.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Hands on what is called out. It ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    words: Arc<Words>,
    _work: Arc<Work>,
}

#[derive(Debug, Default)]
struct Words {
    /// Counts how often each word was heard, of those that somebody listens to.
    heard: Mutex<BTreeMap<String, watch::Sender<u64>>>,
    to_tell: Mutex<BTreeSet<String>>,
    wake: Notify,
}

#[derive(Debug)]
struct Work(JoinHandle<()>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Notices {
    /// Begins to listen, and to tell what it is given.
    pub(crate) fn start(address: &Address) -> Self {
        let words = Arc::<Words>::default();
        let options = address.options("pg_catalog", STATEMENT);
        // A word that a crash of the server takes back is missed by nobody.
        let telling = options.clone().options([("synchronous_commit", "off")]);
        let work = tokio::spawn({
            let words = Arc::clone(&words);
            async move {
                tokio::join!(words.listen(options), words.tell(telling));
            }
        });
        Self { words, _work: Arc::new(Work(work)) }
    }

    /// Tells a word to all nodes, soon.
    pub(crate) fn tell(&self, word: impl Into<String>) {
        lock(&self.words.to_tell).insert(word.into());
        self.words.wake.notify_one();
    }

    /// Changes whenever the word is heard, and when some may have been missed.
    pub(crate) fn on(&self, word: impl Into<String>) -> watch::Receiver<u64> {
        let mut heard = lock(&self.words.heard);
        heard.entry(word.into()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }
}

impl Words {
    async fn listen(&self, options: PgConnectOptions) {
        let mut wait = Backoff::new(WAITS.0, WAITS.1);
        loop {
            match sigma_clock::timeout(STATEMENT, listener(options.clone())).await {
                Ok(Ok(mut listener)) => {
                    wait.reset();
                    lock(&self.heard).values().for_each(count);
                    while let Ok(Some(word)) = listener.try_recv().await {
                        if let Some(heard) = lock(&self.heard).get(word.payload()) {
                            count(heard);
                        }
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the server's word is not to be had; views are looked at from time to time");
                }
                Err(_) => {}
            }
            wait.pause().await;
        }
    }

    async fn tell(&self, options: PgConnectOptions) {
        let mut connection = None;
        loop {
            self.wake.notified().await;
            loop {
                let words: Vec<String> = std::mem::take(&mut *lock(&self.to_tell)).into_iter().collect();
                if words.is_empty() {
                    break;
                }
                let told = sigma_clock::timeout(STATEMENT, tell(&mut connection, &options, words)).await;
                match told {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "the others are not told at once, and look by themselves");
                        connection = None;
                    }
                    Err(_) => connection = None,
                }
                sigma_clock::sleep(SPACING).await;
            }
        }
    }
}

async fn listener(options: PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn tell(
    connection: &mut Option<PgConnection>,
    options: &PgConnectOptions,
    words: Vec<String>,
) -> Result<(), sqlx::Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(options.connect().await?),
    };
    let told = sqlx::query("select pg_notify($1, word) from unnest($2::text[]) as told (word)");
    told.bind(CHANNEL).bind(words).execute(connection).await.map(drop)
}

fn count(heard: &watch::Sender<u64>) {
    heard.send_modify(|heard| *heard = heard.wrapping_add(1));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
