//! A control plane with real views, on a store in memory or on SQLite.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sigma_app::{
    Actor, ActorKind, AdminToken, ApiTokenRow, App, AssetRow, Caller, ChannelRow, ChannelWithKey, Cut,
    CutError, CutPoint, CutRange, Extent, FeedFacts, FeedGrant, InputRow, NewApiToken, NewChannel, NotCut,
    Parts, ProjectId, ProjectRow, ReadModels, Recorded, Recordings, Report, Run, SessionId, SessionRow,
    Shown, Span, StreamKey, Subjects, Vault, Waited, fold,
};
use sigma_clock::{Clock, ManualClock, Timestamp};
use sigma_cluster::{Cluster, Me};
use sigma_runner::{Home, Runner, RunnerHandle};
use sigma_store::memory::MemoryStore;
use sigma_store::{Cursor, EventLog, History, Journal, RecordedEvent, Seen, Sighting};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};
use sigma_store_sqlite::SqliteStore;
use sigma_views::{Views, projections};

/// Media that may be cut from anywhere to anywhere.
struct Anywhere;

#[async_trait]
impl Recordings for Anywhere {
    async fn cut(
        &self,
        _session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        let begin = within.and_then(|within| within.spans.first()).map_or(0, |span| span.from_us);
        let [CutRange { from: CutPoint::FromStart(from), to: CutPoint::FromStart(to) }] = ranges else {
            return Err(NotCut { range: 0, why: CutError::NotOnAir });
        };
        let Extent { spans, duration_ms, bytes, gaps_ms, files } = extent(begin + from, begin + to);
        Ok(Cut { spans, edges: None, duration_ms, bytes, gaps_ms, files })
    }

    async fn cut_exactly(
        &self,
        session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        self.cut(session, ranges, within).await
    }

    async fn runs(&self, _session: &SessionId, within: &Shown) -> Result<Vec<Run>, CutError> {
        let runs = within.spans.iter().scan(0, |at, span| {
            let (at_us, length_us) = (*at, span.to_us - span.from_us);
            *at += length_us;
            Some(Run { at_us, from_us: span.from_us, length_us, chapter: None })
        });
        Ok(runs.collect())
    }
}

fn extent(from_us: u64, to_us: u64) -> Extent {
    let (spans, duration_ms) = (vec![Span { from_us, to_us }], (to_us - from_us) / 1000);
    Extent { spans, duration_ms, bytes: duration_ms * 300, gaps_ms: 1, files: 1 }
}

/// What a session of a minute recorded.
pub(crate) fn a_minute() -> Recorded {
    Recorded { all: extent(0, 60_000_000), public: Some(extent(2_000_000, 60_000_000)) }
}

/// A database of its own, where the tests were asked to run on PostgreSQL.
async fn database() -> Option<Address> {
    std::env::var_os(crate::postgres::ASKED)?;
    Some(harness::postgres::Cluster::shared().database().await.parse().unwrap())
}

/// A database's views, run by its only node.
async fn shared(address: Address) -> Home {
    let cluster = Cluster::join(&address, Me::named("node-1")).await.unwrap();
    Home::Database { address, cluster }
}

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) runner: RunnerHandle,
    pub(crate) views: Views,
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn in_memory(seed: u64) -> Self {
        let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(MemoryStore::new(seed)));
        match database().await {
            Some(address) => Self::on(folder, store, shared(address).await).await,
            None => Self::on_files(folder, store).await,
        }
    }

    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(address) = database().await {
            let store = PostgresStore::open(&address, &PostgresOptions::default()).await.unwrap();
            return Self::on(folder, Arc::new(store), shared(address).await).await;
        }
        let store = Arc::new(SqliteStore::open(folder.path().join("events.sqlite")).await.unwrap());
        Self::on_files(folder, store).await
    }

    /// All of it in a database of its own; answers where.
    pub(crate) async fn on_postgresql() -> (Self, String) {
        let url = harness::postgres::Cluster::shared().database().await;
        let address: Address = url.parse().unwrap();
        let store = PostgresStore::open(&address, &PostgresOptions::default()).await.unwrap();
        let home = shared(address).await;
        (Self::on(tempfile::tempdir().unwrap(), Arc::new(store), home).await, url)
    }

    pub(crate) fn later(&self, time: Duration) {
        self.clock.advance(time);
    }

    async fn on_files<S>(folder: tempfile::TempDir, store: Arc<S>) -> Self
    where
        S: Journal + EventLog + History + 'static,
    {
        let home = Home::from(folder.path().join("views"));
        Self::on(folder, store, home).await
    }

    async fn on<S>(folder: tempfile::TempDir, store: Arc<S>, home: Home) -> Self
    where
        S: Journal + EventLog + History + 'static,
    {
        let log: Arc<dyn EventLog> = store.clone();
        let vault = Arc::new(Vault::new([1; 32]).unwrap());
        let subjects = Arc::new(Subjects::new(store.clone(), vault.clone()));
        let runner = Runner::start(log.clone(), home, projections(&subjects)).await.unwrap();
        let views = Views::new(runner.clone());
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let app = App::open(Parts {
            journal: store.clone(),
            log: log.clone(),
            history: store.clone(),
            views: Arc::new(views.clone()),
            clock: clock.clone(),
            vault,
            admin_token: AdminToken::new("admin"),
            recordings: Arc::new(Anywhere),
            process: folder.path().join("process.sqlite").into(),
            cluster: Cluster::alone(Me::named("node-1"), 0),
        });
        Self { app: app.await.unwrap(), journal: store, log, clock, runner, views, subjects, folder }
    }

    pub(crate) async fn channel(&self, name: &str) -> ChannelWithKey {
        let input = NewChannel { name: name.into(), ..NewChannel::default() };
        self.app.create_channel(&caller(), input).await.unwrap().value
    }

    /// A token that may see channels, of the channel where one is named.
    pub(crate) async fn token(&self, name: &str, channel: Option<&String>) -> ApiTokenRow {
        let input = NewApiToken {
            name: name.into(),
            scopes: vec!["channels:read".into(), "events:read".into()],
            channel_ids: channel.map(|id| vec![id.clone()]),
            ..NewApiToken::default()
        };
        self.app.create_api_token(&caller(), input).await.unwrap().value.token
    }

    pub(crate) async fn feed(&self, key: &Option<StreamKey>) -> Option<FeedGrant> {
        let key = key.as_ref().unwrap();
        let holder = self.app.resolve_key(key.expose()).await.ok()?;
        let facts = FeedFacts {
            node: "node-1".into(),
            peer: "peer".into(),
            encoder: None,
            takeover_allowed: true,
            room_to_record: true,
        };
        self.app.open_feed(&holder.channel, facts).await.ok()
    }

    pub(crate) async fn report(&self, grant: &FeedGrant, report: Report) {
        let session = &grant.session.session;
        self.app.report(session, grant.feed, self.clock.now(), report).await.unwrap();
    }

    pub(crate) async fn live(&self, key: &Option<StreamKey>) -> FeedGrant {
        let grant = self.feed(key).await.unwrap();
        self.report(&grant, Report::Processing(input())).await;
        self.report(&grant, Report::Playable).await;
        grant
    }

    /// All that is committed, once each, by aggregate.
    pub(crate) async fn aggregates(&self) -> BTreeMap<(String, String), Vec<RecordedEvent>> {
        self.log.settle().await.unwrap();
        let (mut seen, mut at) = (Seen::new(), Cursor::start());
        let mut all = BTreeMap::<_, Vec<_>>::new();
        loop {
            let batch = self.log.read_after(&at, 500).await.unwrap();
            if batch.next == at {
                return all;
            }
            at = batch.next;
            for mut event in batch.events {
                // Titles of assets stay sealed in the view.
                if event.aggregate_type != "asset" {
                    self.subjects.open_event(&mut event).await.unwrap();
                }
                if seen.see(&event) == Sighting::New {
                    let key = (event.aggregate_type.clone(), event.aggregate_id.clone());
                    all.entry(key).or_default().push(event);
                }
            }
        }
    }

    /// Waits until the views show all that is committed.
    pub(crate) async fn shown(&self) {
        for ((aggregate_type, id), events) in self.aggregates().await {
            let last = events.last().unwrap().sequence;
            let wait = Duration::from_secs(20);
            let waited = self.views.wait_for(&aggregate_type, &id, last, wait).await.unwrap();
            assert_eq!(waited, Waited::Reached, "{aggregate_type} {id} {last}");
        }
    }

    /// The rows by a pure fold of the log, newest first.
    pub(crate) async fn folded(&self) -> (Vec<ChannelRow>, Vec<SessionRow>) {
        let all = self.aggregates().await;
        let mut channels: Vec<_> = all.values().filter_map(|e| fold::channel_of(e).unwrap()).collect();
        let mut sessions: Vec<_> = all.values().filter_map(|e| fold::session_of(e).unwrap()).collect();
        channels.sort_by_key(|row| (row.created_at_ms, row.id.clone()));
        sessions.sort_by_key(|row| (row.started_at_ms, row.id.clone()));
        channels.reverse();
        sessions.reverse();
        (channels, sessions)
    }
}

impl World {
    /// Assets by a pure fold of the log, newest first.
    pub(crate) async fn folded_assets(&self) -> Vec<AssetRow> {
        let all = self.aggregates().await;
        let mut assets: Vec<_> = all.values().filter_map(|e| fold::asset_of(e).unwrap()).collect();
        assets.sort_by_key(|row| std::cmp::Reverse((row.created_at_ms, row.id.clone())));
        assets
    }

    /// The rest of the rows by a pure fold of the log: tokens newest first, projects oldest first.
    pub(crate) async fn folded_tokens_and_projects(&self) -> (Vec<ApiTokenRow>, Vec<ProjectRow>) {
        let all = self.aggregates().await;
        let mut tokens: Vec<_> = all.values().filter_map(|e| fold::api_token_of(e).unwrap()).collect();
        let mut projects: Vec<_> = all.values().filter_map(|e| fold::project_of(e).unwrap()).collect();
        tokens.sort_by_key(|row| std::cmp::Reverse((row.created_at_ms, row.id.clone())));
        projects.sort_by_key(|row| (row.created_at_ms, row.id.clone()));
        (tokens, projects)
    }
}

pub(crate) fn caller() -> Caller {
    Caller::new(Actor::new(ActorKind::Admin, "admin").unwrap(), ProjectId::default_project())
}

pub(crate) fn input() -> InputRow {
    InputRow {
        video_codec: Some("h264".into()),
        width: Some(1280),
        height: Some(720),
        frame_rate_milli: Some(29_970),
        audio_codec: Some("opus".into()),
        sample_rate: Some(48_000),
        channels: Some(2),
        ..InputRow::default()
    }
}
