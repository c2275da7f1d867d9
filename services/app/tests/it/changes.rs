//! What changed, told to all who follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sigma_app::{App, Change, Changes, ChannelUpdate, Lagged};
use sigma_store::memory::MemoryStore;
use sigma_store::{Batch, Cursor, EventLog, LogError};
use tokio::task::JoinHandle;

use crate::world::{Stores, World, caller, open};

/// A log that can be away, or another one.
struct FlakyLog {
    inner: MemoryStore,
    away: AtomicBool,
    foreign: AtomicBool,
    /// Its end cannot be told.
    headless: AtomicBool,
}

impl FlakyLog {
    fn over(inner: MemoryStore) -> Arc<Self> {
        let [away, foreign, headless] = std::array::from_fn(|_| AtomicBool::new(false));
        Arc::new(Self { inner, away, foreign, headless })
    }

    fn check(&self) -> Result<(), LogError> {
        Self::unless(&self.away)
    }

    fn unless(away: &AtomicBool) -> Result<(), LogError> {
        if away.load(Ordering::SeqCst) {
            let (message, mend) = ("the log is away".into(), "wait".into());
            return Err(LogError::Unavailable { message, mend });
        }
        Ok(())
    }
}

#[async_trait]
impl EventLog for FlakyLog {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        self.check()?;
        if self.foreign.swap(false, Ordering::SeqCst) {
            return Err(LogError::ForeignCursor("another log".into()));
        }
        self.inner.read_after(after, limit).await
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        self.check()?;
        Self::unless(&self.headless)?;
        self.inner.head().await
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        self.inner.lag(after).await
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        self.check()?;
        self.inner.wait_after(after).await
    }

    async fn settle(&self) -> Result<(), LogError> {
        self.inner.settle().await
    }
}

fn run(app: &Arc<App>) -> JoinHandle<()> {
    tokio::spawn(app.clone().run(std::future::pending()))
}

/// A test that waits for ever fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same on paused time, which runs on to the next timer whenever this thread has nothing to do: also while SQLite's own
/// threads work for it.
const PAUSED_PATIENCE: Duration = Duration::from_secs(1_000_000);

async fn next(changes: &mut Changes) -> Result<Arc<Change>, Lagged> {
    next_within(PATIENCE, changes).await
}

async fn next_within(patience: Duration, changes: &mut Changes) -> Result<Arc<Change>, Lagged> {
    sigma_clock::timeout(patience, changes.next()).await.expect("a change is told")
}

/// The change that brings an aggregate to this sequence; told again or not.
async fn until(changes: &mut Changes, id: &str, sequence: u64) -> Arc<Change> {
    until_within(PATIENCE, changes, id, sequence).await
}

async fn until_within(patience: Duration, changes: &mut Changes, id: &str, sequence: u64) -> Arc<Change> {
    loop {
        let change = next_within(patience, changes).await.unwrap();
        if change.aggregate_id == id && change.sequence == sequence {
            return change;
        }
    }
}

async fn rename(app: &App, id: &str, name: &str) -> u64 {
    let update = ChannelUpdate { name: Some(name.into()), ..ChannelUpdate::default() };
    app.update_channel(&caller(), id, update).await.unwrap().sequence
}

#[tokio::test]
async fn whoever_follows_is_told_of_every_change_in_order_within_a_channel() {
    let world = World::new().await;
    let (mut one, mut two) = (world.app.changes(), world.app.changes());
    let running = run(&world.app);
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    for changes in [&mut one, &mut two] {
        let mut names = Vec::new();
        while names.last().map(String::as_str) != Some("session.live") {
            let change = next(changes).await.unwrap();
            assert_eq!((change.channel.as_str(), change.project.as_str()), (&*made.channel.id, "pr_default"));
            if !names.contains(&change.event) {
                names.push(change.event.clone());
            }
        }
        let expected = [
            "channel.created",
            "channel.session_attached",
            "session.opened",
            "session.processing",
            "session.live",
        ];
        assert_eq!(names, expected);
    }
    let made = world.channel().await.channel.id;
    let change = until(&mut one, &made, 1).await;
    assert_eq!((change.aggregate_type.as_str(), change.event.as_str()), ("channel", "channel.created"));
    assert_ne!(grant.session.channel, change.channel);
    running.abort();
}

#[tokio::test]
async fn nobody_is_told_before_the_views_show_it() {
    let world = World::new().await;
    let mut changes = world.app.changes();
    let running = run(&world.app);
    let made = world.channel().await.channel.id;
    until(&mut changes, &made, 1).await;
    tokio::time::pause();
    world.shows.send_replace(false);
    // Answered all the same, after a while; the change is not told, however long the views take.
    assert_eq!(rename(&world.app, &made, "Hidden").await, 2);
    let told = async { while changes.next().await.is_ok_and(|change| change.sequence == 1) {} };
    assert!(sigma_clock::timeout(Duration::from_secs(60), told).await.is_err(), "told before it was shown");
    world.shows.send_replace(true);
    tokio::time::resume();
    until(&mut changes, &made, 2).await;
    running.abort();
}

#[tokio::test]
async fn a_log_that_is_away_delays_changes_and_loses_none() {
    let world = World::new().await;
    let store = MemoryStore::new(3);
    let log = FlakyLog::over(store.clone());
    let stores = Stores {
        journal: Arc::new(store.clone()),
        log: log.clone(),
        history: Arc::new(store),
        process: None,
        cluster: world.cluster.clone(),
    };
    let app = open(stores, world.clock.clone(), &tempfile::tempdir().unwrap(), 1).await.unwrap();
    let mut changes = app.changes();
    tokio::time::pause();
    let running = run(&app);
    let made = app.create_channel(&caller(), crate::world::named("x")).await.unwrap().aggregate_id;
    until_within(PAUSED_PATIENCE, &mut changes, &made, 1).await;
    log.away.store(true, Ordering::SeqCst);
    rename(&app, &made, "While away").await;
    sigma_clock::sleep(Duration::from_secs(60)).await;
    rename(&app, &made, "Still away").await;
    log.away.store(false, Ordering::SeqCst);
    let changed = until_within(PAUSED_PATIENCE, &mut changes, &made, 2).await;
    assert_eq!(changed.event, "channel.updated");
    until_within(PAUSED_PATIENCE, &mut changes, &made, 3).await;
    // Another log than before: what was missed is not known, so it is told that something was.
    // Only once it is known from where on all is told: who looks anew at once misses nothing between.
    log.headless.store(true, Ordering::SeqCst);
    log.foreign.store(true, Ordering::SeqCst);
    rename(&app, &made, "Elsewhere").await;
    while let Ok(told) = sigma_clock::timeout(Duration::from_secs(30), changes.next()).await {
        assert!(told.is_ok(), "told before the new place is known: {told:?}");
    }
    log.headless.store(false, Ordering::SeqCst);
    loop {
        if let Err(Lagged { missed }) = next_within(PAUSED_PATIENCE, &mut changes).await {
            assert_eq!(missed, 1);
            break;
        }
    }
    let last = rename(&app, &made, "And on").await;
    until_within(PAUSED_PATIENCE, &mut changes, &made, last).await;
    running.abort();
}
