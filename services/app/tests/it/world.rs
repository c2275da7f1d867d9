//! A platform's control plane without media: a store, a clock in hand, and a switch for outages and crashes.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sigma_app::{
    Actor, ActorKind, AdminToken, App, AssetRow, Caller, ChannelRow, ChannelWithKey, Denied, FeedFacts,
    FeedGrant, Idempotency, InputRow, NewChannel, Parts, ProjectId, ReadModels, Report, Reported, SessionRow,
    StreamKey, Subjects, Vault,
};
use sigma_clock::{Clock, ManualClock, Timestamp};
use sigma_cluster::{Cluster, Me};
use sigma_store::memory::MemoryStore;
use sigma_store::{
    CommandRecord, Commit, Committed, EventLog, History, Identity, Journal, RecordedEvent, SecretRow,
    SecretWrite, StoreError,
};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};
use sigma_store_sqlite::SqliteStore;
use sigma_tables::{Place, Schema};
use tokio::sync::watch;

use crate::recordings::{Script, script};
use crate::views::FoldedViews;

/// Commits that go through before the store is gone; counts down.
const NO_END: i64 = i64::MAX / 2;

/// A journal that can go away: at once, after some commits, or with a commit whose answer never arrives.
pub(crate) struct Switch {
    inner: RwLock<Arc<dyn Journal>>,
    kept: Mutex<Vec<Commit>>,
    commits_left: AtomicI64,
    /// The last commit happens and its answer is lost.
    lose_answer: AtomicBool,
    pub(crate) conflicts: AtomicI64,
}

impl Switch {
    pub(crate) fn over(inner: Arc<dyn Journal>) -> Arc<Self> {
        Self::until(inner, NO_END, false)
    }

    pub(crate) fn until(inner: Arc<dyn Journal>, commits: i64, lose_answer: bool) -> Arc<Self> {
        let (commits_left, conflicts) = (AtomicI64::new(commits), AtomicI64::new(0));
        let (inner, kept) = (RwLock::new(inner), Mutex::new(Vec::new()));
        let lose_answer = AtomicBool::new(lose_answer);
        Arc::new(Self { inner, kept, commits_left, lose_answer, conflicts })
    }

    /// The next commit happens, its answer is lost, and the store is gone.
    pub(crate) fn lose_the_next_answer(&self) {
        self.lose_answer.store(true, Ordering::SeqCst);
        self.commits_left.store(1, Ordering::SeqCst);
    }

    pub(crate) fn off(&self) {
        self.commits_left.store(0, Ordering::SeqCst);
    }

    pub(crate) fn on(&self) {
        self.commits_left.store(NO_END, Ordering::SeqCst);
    }

    /// Commits that would still go through.
    pub(crate) fn left(&self) -> i64 {
        self.commits_left.load(Ordering::SeqCst).max(0)
    }

    /// Another server takes the store's place, which the last commits never reached.
    pub(crate) async fn fail_over(&self, lost: usize) {
        let store = MemoryStore::new(7);
        let kept = self.kept.lock().unwrap().clone();
        for commit in kept.iter().take(kept.len() - lost) {
            store.commit(commit.clone()).await.unwrap();
        }
        *self.inner.write().unwrap() = Arc::new(store);
    }

    fn inner(&self) -> Result<Arc<dyn Journal>, StoreError> {
        if self.commits_left.load(Ordering::SeqCst) > 0 {
            Ok(self.inner.read().unwrap().clone())
        } else {
            Err(gone())
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable { message: "the store is gone".into(), mend: "bring it back".into() }
}

#[async_trait]
impl Journal for Switch {
    async fn load_after(
        &self,
        aggregate_type: &str,
        id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.inner()?.load_after(aggregate_type, id, after).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let inner = self.inner()?;
        if self.conflicts.fetch_sub(1, Ordering::SeqCst) > 0 {
            let Commit { aggregate_type, aggregate_id, expected, .. } = commit;
            return Err(StoreError::Conflict { aggregate_type, aggregate_id, expected, found: expected + 1 });
        }
        let left = self.commits_left.fetch_sub(1, Ordering::SeqCst);
        let committed = inner.commit(commit.clone()).await;
        if committed.is_ok() {
            self.kept.lock().unwrap().push(commit);
        }
        if left == 1 && self.lose_answer.load(Ordering::SeqCst) { Err(gone()) } else { committed }
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        self.inner()?.command(id).await
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        self.inner()?.record_command(record).await
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.inner()?.forget_commands(before_ms).await
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        self.inner()?.find_secret(kind, lookup).await
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        self.inner()?.secrets_of_each(kind, owners).await
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        self.inner()?.write_secrets(writes).await
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        self.inner()?.identity().await
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        self.inner()?.bind_master_key(fingerprint).await
    }

    async fn remove_traces(&self) -> Result<(), StoreError> {
        self.inner()?.remove_traces().await
    }
}

pub(crate) const ADMIN: &str = "the-admin-token";
pub(crate) const NODE: &str = "node-1";
pub(crate) const PEER: &str = "203.0.113.7:51000";
pub(crate) const ENCODER: &str = "obs-studio 29.1";

/// A channel with its key, told to who has every scope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    pub(crate) channel: ChannelRow,
    pub(crate) stream_key: StreamKey,
}

impl From<ChannelWithKey> for Made {
    fn from(made: ChannelWithKey) -> Self {
        Self { channel: made.channel, stream_key: made.stream_key.unwrap() }
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<dyn Journal>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) switch: Arc<Switch>,
    pub(crate) app: Arc<App>,
    pub(crate) process: Option<Place>,
    pub(crate) cluster: Cluster,
    pub(crate) folder: Arc<tempfile::TempDir>,
    /// Whether the views show what happened; who waits for them waits.
    pub(crate) shows: watch::Sender<bool>,
    /// What the media plane answers.
    pub(crate) recordings: Arc<Script>,
}

/// The three sides of one store.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) history: Arc<dyn History>,
    /// Where the process managers' rows are; none: in a file of the folder.
    pub(crate) process: Option<Place>,
    pub(crate) cluster: Cluster,
}

/// One process that is all there is.
fn alone() -> Cluster {
    Cluster::alone(Me::named(NODE), 0)
}

impl World {
    /// A fresh platform on a store in memory that shuffles lines.
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new(7))).await
    }

    /// A fresh platform on SQLite, in the folder.
    pub(crate) async fn on_sqlite(folder: &tempfile::TempDir) -> Self {
        Self::on(Arc::new(SqliteStore::open(folder.path().join("events.sqlite")).await.unwrap())).await
    }

    /// A fresh platform with all of it in PostgreSQL.
    pub(crate) async fn on_postgresql() -> Self {
        Self::in_database(&harness::postgres::Cluster::shared().database().await.parse().unwrap()).await
    }

    pub(crate) async fn in_database(address: &Address) -> Self {
        let store = PostgresStore::open(address, &PostgresOptions::default()).await.unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let (store, process) = (Arc::new(store), Some(Place::Schema(Schema::new(address, "sigma_process"))));
        let cluster = Cluster::join(address, Me::named(NODE)).await.unwrap();
        let stores = Stores { journal: store.clone(), log: store.clone(), history: store, process, cluster };
        Self::begin(stores, clock, Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Another node of the same platform.
    pub(crate) async fn beside(&self, address: &Address, id: &str) -> Self {
        let cluster = Cluster::join(address, Me::named(id)).await.unwrap();
        let stores = Stores { cluster, ..self.stores() };
        Self::begin(stores, self.clock.clone(), Arc::new(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn on<S: Journal + EventLog + History + 'static>(store: Arc<S>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (process, cluster) = (None, alone());
        let stores = Stores { journal: store.clone(), log: store.clone(), history: store, process, cluster };
        Self::begin(stores, clock, folder).await
    }

    async fn begin(stores: Stores, clock: Arc<ManualClock>, folder: Arc<tempfile::TempDir>) -> Self {
        let switch = Switch::over(stores.journal.clone());
        Self::begin_on(switch, stores, clock, folder).await
    }

    async fn begin_on(
        switch: Arc<Switch>,
        stores: Stores,
        clock: Arc<ManualClock>,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let shows = watch::Sender::new(true);
        let over = Stores { journal: switch.clone(), ..stores.clone() };
        let recordings = script();
        let gated = (shows.subscribe(), recordings.clone());
        let app = open_gated(over, clock.clone(), &folder, 1, gated).await.unwrap();
        let Stores { journal: store, log, history, process, cluster } = stores;
        Self { store, log, history, process, cluster, clock, switch, app, folder, shows, recordings }
    }

    pub(crate) fn stores(&self) -> Stores {
        Stores {
            journal: self.store.clone(),
            log: self.log.clone(),
            history: self.history.clone(),
            process: self.process.clone(),
            cluster: self.cluster.clone(),
        }
    }

    /// The process died and is started again on what it left, perhaps without its process file.
    pub(crate) async fn restarted(&self) -> Self {
        Self::begin(self.stores(), self.clock.clone(), self.folder.clone()).await
    }

    /// The same data folder, and another store behind it.
    pub(crate) async fn restarted_over(&self, store: MemoryStore) -> Self {
        let store = Arc::new(store);
        let (process, cluster) = (None, alone());
        let stores = Stores { journal: store.clone(), log: store.clone(), history: store, process, cluster };
        Self::begin(stores, self.clock.clone(), self.folder.clone()).await
    }

    pub(crate) async fn restarted_on(&self, switch: Arc<Switch>) -> Self {
        Self::begin_on(switch, self.stores(), self.clock.clone(), self.folder.clone()).await
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Lets the process managers do all that is to be done.
    pub(crate) async fn settle(&self) {
        self.app.run_once().await.unwrap();
    }

    pub(crate) async fn channel_with(&self, input: NewChannel) -> Made {
        self.app.create_channel(&caller(), input).await.unwrap().value.into()
    }

    pub(crate) async fn channel(&self) -> Made {
        self.channel_with(named("Evening show")).await
    }

    /// A feed with this key, as a media node would let it in.
    pub(crate) async fn feed(&self, key: &StreamKey, takeover_allowed: bool) -> Result<FeedGrant, Denied> {
        let holder = self.app.resolve_key(key.expose()).await?;
        self.app.open_feed(&holder.channel, facts(takeover_allowed)).await
    }

    pub(crate) async fn report(&self, grant: &FeedGrant, report: Report) -> Reported {
        self.app.report(&grant.session.session, grant.feed, self.clock.now(), report).await.unwrap()
    }

    /// A feed that is live.
    pub(crate) async fn live(&self, key: &StreamKey) -> FeedGrant {
        let grant = self.feed(key, false).await.unwrap();
        self.report(&grant, Report::Processing(input())).await;
        self.report(&grant, Report::Playable).await;
        grant
    }

    /// The keys that open what is personal.
    pub(crate) fn subjects(&self) -> Arc<Subjects> {
        Arc::new(Subjects::new(self.store.clone(), Arc::new(Vault::new([1; 32]).unwrap())))
    }

    pub(crate) async fn channel_row(&self, id: &str) -> Option<ChannelRow> {
        FoldedViews::of(self.log.clone(), self.subjects())
            .all_channels()
            .await
            .into_iter()
            .find(|row| row.id == id)
    }

    pub(crate) async fn session_row(&self, id: &str) -> SessionRow {
        // Where several programs write, what was just committed may have to wait for an older transaction.
        self.log.settle().await.unwrap();
        let rows = FoldedViews::of(self.log.clone(), self.subjects()).all_sessions().await;
        rows.into_iter().find(|row| row.id == id).unwrap()
    }

    /// The assets of a session by their kinds, those made first first.
    pub(crate) async fn assets(&self, session: &str) -> Vec<AssetRow> {
        self.log.settle().await.unwrap();
        let views = FoldedViews::of(self.log.clone(), self.subjects());
        let mut rows = views.assets_of_session(session).await.unwrap();
        rows.sort_by_key(|row| (row.kind, row.created_at_ms, row.id.clone()));
        rows
    }

    pub(crate) async fn events(&self, aggregate_type: &str, id: &str) -> Vec<String> {
        let events = self.store.load(aggregate_type, id).await.unwrap();
        events.into_iter().map(|event| event.name).collect()
    }
}

pub(crate) async fn open(
    stores: Stores,
    clock: Arc<ManualClock>,
    folder: &tempfile::TempDir,
    master_key: u8,
) -> Result<Arc<App>, sigma_app::OpenError> {
    open_gated(stores, clock, folder, master_key, (watch::channel(true).1, script())).await
}

async fn open_gated(
    stores: Stores,
    clock: Arc<ManualClock>,
    folder: &tempfile::TempDir,
    master_key: u8,
    (shows, recordings): (watch::Receiver<bool>, Arc<Script>),
) -> Result<Arc<App>, sigma_app::OpenError> {
    let Stores { journal, log, history, process, cluster } = stores;
    let vault = Arc::new(Vault::new([master_key; 32]).unwrap());
    let subjects = Arc::new(Subjects::new(journal.clone(), vault.clone()));
    let views = Arc::new(FoldedViews::gated(log.clone(), subjects, shows));
    let process = process.unwrap_or_else(|| folder.path().join("process.sqlite").into());
    let admin_token = AdminToken::new(ADMIN);
    App::open(Parts { journal, log, history, views, clock, vault, admin_token, process, recordings, cluster })
        .await
}

pub(crate) fn named(name: &str) -> NewChannel {
    NewChannel { name: name.into(), ..NewChannel::default() }
}

pub(crate) fn caller() -> Caller {
    Caller::new(Actor::new(ActorKind::Admin, "admin").unwrap(), ProjectId::default_project())
}

pub(crate) fn with_key(key: &str, body: &str) -> Caller {
    let idempotency = Some(Idempotency { key: key.into(), body: body.into() });
    Caller { idempotency, ..caller() }
}

pub(crate) fn facts(takeover_allowed: bool) -> FeedFacts {
    FeedFacts {
        node: NODE.into(),
        peer: PEER.into(),
        encoder: Some(ENCODER.into()),
        takeover_allowed,
        room_to_record: true,
    }
}

pub(crate) fn input() -> InputRow {
    InputRow {
        protocol: "rtmp".into(),
        video_codec: Some("h264".into()),
        width: Some(1280),
        height: Some(720),
        frame_rate_milli: Some(30_000),
        audio_codec: Some("aac".into()),
        sample_rate: Some(48_000),
        channels: Some(2),
        bitrate: Some(2_500_000),
    }
}
