//! Follows where the log ends: one task a store, for all who wait.
//!
//! Whoever commits in this process tells the follower, and the follower tells the others by `NOTIFY`, from a statement of its
//! own. In the commits' own transactions a `NOTIFY` would take a lock on the whole database until each is on the disk, and
//! commits would no longer share an fsync. The word of the server only shortens the wait: what it does not tell is found by
//! looking again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_tables::Address;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, Row};
use tokio::sync::{Notify, watch};

use crate::fault::store_error;
use crate::place::Place;
use crate::rows;
use crate::tail::Tail;

/// Where the word is told.
const CHANNEL: &str = "sigma_events";

/// Two looks are at least so far apart: commits that come together are seen together.
const SPACING: Duration = Duration::from_millis(2);

/// How soon is looked again while committed events wait behind a transaction that still runs. It doubles.
const FIRST_WAIT: Duration = Duration::from_millis(2);

/// See [`FIRST_WAIT`]; also between two tries while the server is away.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Events that waited for so long are held up: an operator is told by whom.
const HELD_UP: Duration = Duration::from_secs(2);

/// Committed events that no reader gets yet, because an older transaction still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldUp {
    /// For how long.
    pub since: Duration,
    /// Whose transaction, as far as the server tells.
    pub by: String,
}

/// What the follower and all others tell each other.
#[derive(Debug)]
pub(crate) struct Told {
    /// The last event that readers get. None once the store is closed.
    head: watch::Sender<Option<Place>>,
    commits: Notify,
    held_up: Mutex<Option<(sigma_clock::Instant, String)>>,
    away: Mutex<Option<String>>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            head: watch::Sender::new(Some(Place::default())),
            commits: Notify::new(),
            held_up: Mutex::default(),
            away: Mutex::default(),
        }
    }
}

impl Told {
    /// Something was committed here.
    pub(crate) fn committed(&self) {
        self.commits.notify_one();
    }

    pub(crate) fn head(&self) -> watch::Receiver<Option<Place>> {
        self.head.subscribe()
    }

    pub(crate) fn close(&self) {
        self.head.send_replace(None);
    }

    pub(crate) fn held_up(&self) -> Option<HeldUp> {
        let held_up = self.held_up.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, by) = held_up.as_ref()?;
        (since.elapsed() >= HELD_UP).then(|| HeldUp { since: since.elapsed(), by: by.clone() })
    }

    pub(crate) fn away(&self) -> Option<String> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_away(&self, why: Option<String>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn note_held_up(&self, since: Option<sigma_clock::Instant>, by: impl FnOnce() -> String) {
        let mut held_up = self.held_up.lock().unwrap_or_else(PoisonError::into_inner);
        *held_up = since.map(|since| (since, by()));
    }
}

pub(crate) struct Follower {
    pub(crate) address: Address,
    pub(crate) base: PgConnectOptions,
    pub(crate) listen: bool,
    pub(crate) poll: Duration,
    pub(crate) within: Duration,
    pub(crate) told: Arc<Told>,
    pub(crate) tail: Arc<Tail>,
}

/// What a look found.
struct Look {
    oldest: u64,
    last: Place,
    waiting: bool,
}

/// Why the follower wakes up.
enum Woken {
    Commit,
    Word,
    Time,
}

impl Follower {
    /// Follows for ever; the store ends it.
    pub(crate) async fn run(self) {
        let (name, mut connection, mut listener) = (uuid::Uuid::new_v4().simple().to_string(), None, None);
        let (mut wait, mut waiting_since, mut tell): (_, Option<(u64, sigma_clock::Instant)>, _) =
            (Duration::ZERO, None, false);
        loop {
            let looked = self.look(&mut connection, tell.then_some(name.as_str())).await;
            match looked {
                Ok(look) => {
                    tell = false;
                    self.told.note_away(None);
                    self.told.head.send_if_modified(|head| match head {
                        Some(head) if *head < look.last => {
                            *head = look.last;
                            true
                        }
                        _ => false,
                    });
                    // Held up is who waits behind one and the same transaction.
                    waiting_since = match waiting_since {
                        _ if !look.waiting => None,
                        Some((oldest, since)) if oldest == look.oldest => Some((oldest, since)),
                        _ => Some((look.oldest, sigma_clock::monotonic())),
                    };
                    let is_long = waiting_since.filter(|(_, since)| since.elapsed() >= HELD_UP);
                    if let (Some((_, since)), Some(connection)) = (is_long, connection.as_mut()) {
                        let by = who_holds(connection, self.within).await;
                        self.told.note_held_up(Some(since), || by);
                    } else {
                        self.told.note_held_up(None, String::new);
                    }
                    wait = match look.waiting {
                        true => (wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT),
                        false => self.poll,
                    };
                }
                Err(error) => {
                    // Whoever asks the store is told the same, with its mend.
                    tracing::debug!(%error, "where the log ends is not known at the moment");
                    self.told.note_away(Some(store_error(&self.address, &error).to_string()));
                    connection = None;
                    self.tail.forget();
                    wait = LONGEST_WAIT;
                }
            }
            if self.listen && listener.is_none() && connection.is_some() {
                listener = self.listen().await;
            }
            sigma_clock::sleep(SPACING).await;
            match self.wake(&mut listener, wait, &name).await {
                Woken::Commit => (tell, wait) = (self.listen, Duration::ZERO),
                Woken::Word => wait = Duration::ZERO,
                Woken::Time => {}
            }
        }
    }

    async fn wake(&self, listener: &mut Option<PgListener>, wait: Duration, name: &str) -> Woken {
        let word = async {
            loop {
                let Some(listening) = listener.as_mut() else { return std::future::pending().await };
                match listening.try_recv().await {
                    // Our own word comes back to us.
                    Ok(Some(word)) if word.payload() == name => {}
                    Ok(Some(_)) => return,
                    Ok(None) | Err(_) => *listener = None,
                }
            }
        };
        tokio::select! {
            () = self.told.commits.notified() => Woken::Commit,
            () = word => Woken::Word,
            () = sigma_clock::sleep(wait) => Woken::Time,
        }
    }

    /// Looks where the log ends, and tells the others first where something was committed here.
    async fn look(
        &self,
        connection: &mut Option<PgConnection>,
        tell: Option<&str>,
    ) -> Result<Look, sqlx::Error> {
        let looked = async {
            let connection = match connection {
                Some(connection) => connection,
                None => connection.insert(self.base.connect().await?),
            };
            if let Some(name) = tell {
                let word = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(name);
                word.execute(&mut *connection).await?;
            }
            let row = sqlx::query(include_str!("sql/head.sql")).fetch_one(connection).await?;
            let last = Place { xid: rows::xid(&row, "xid")?, position: row.try_get("position")? };
            Ok(Look { oldest: rows::xid(&row, "oldest")?, last, waiting: row.try_get("waiting")? })
        };
        sigma_clock::timeout(self.within, looked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// A connection on which the server tells; none where it will not: looking again does it too.
    async fn listen(&self) -> Option<PgListener> {
        let listening = async {
            let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.base.clone());
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match sigma_clock::timeout(self.within, listening).await {
            Ok(Ok(listener)) => Some(listener),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the server's word is not to be had; the log is looked at from time to time");
                None
            }
            Err(_) => None,
        }
    }
}

async fn who_holds(connection: &mut PgConnection, within: Duration) -> String {
    let asked = sqlx::query_scalar(include_str!("sql/holder.sql")).fetch_optional(connection);
    match sigma_clock::timeout(within, asked).await {
        Ok(Ok(Some(by))) => by,
        _ => "a transaction that the server does not tell of".to_owned(),
    }
}
