//! Several nodes over one database: one runs a projection at a time, all show it.
#![allow(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use harness::postgres::Cluster;
use sigma_clock::monotonic;
use sigma_runner::{Home, ProjectionState, Runner, RunnerError, RunnerHandle, Waited};
use sigma_store::{Batch, Cursor, EventLog, LogError};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};
use sigma_tables::{Connection, Place, Schema, query};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::postgres::node;
use crate::{PATIENCE, SCHEMA, Texts, fill, reach, say, start, texts, until};

/// A holder that says nothing any more is replaced within this time.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

/// A second version of [`Texts`] has another table.
const SCHEMA_2: &str = "create table texts (aggregate_id text primary key, text text not null, more text)";

async fn world() -> (Address, PostgresStore) {
    let address: Address = Cluster::shared().database().await.parse().unwrap();
    let store = PostgresStore::open(&address, &PostgresOptions::default()).await.unwrap();
    (address, store)
}

async fn home(address: &Address, id: &str) -> Home {
    Home::Database { address: address.clone(), cluster: node(address, id).await }
}

async fn shell(address: &Address) -> Connection {
    Place::Schema(Schema::new(address, "sigma_cluster")).connect().await.unwrap()
}

/// Who runs it, as the status says.
async fn runs(runner: &RunnerHandle) -> Option<String> {
    runner.status().await.swap_remove(0).node
}

/// Waits until this node runs it.
async fn until_run_by(runner: &RunnerHandle, id: &str) {
    until(runner, |status| status.node.as_deref() == Some(id) && status.generation.is_some()).await;
}

/// A node whose process can be killed: it runs in a runtime of its own.
struct Mortal {
    runtime: Option<Runtime>,
    runner: RunnerHandle,
}

impl Mortal {
    async fn start(store: &PostgresStore, address: &Address, id: &'static str, view: Arc<Texts>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (store, address) = (store.clone(), address.clone());
        let started = runtime.spawn(async move { start(store, home(&address, id).await, view).await });
        let runner = started.await.unwrap();
        Self { runtime: Some(runtime), runner }
    }

    /// It says nothing any more, not even goodbye.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_runs_a_view_and_all_show_it() {
    let (address, store) = world().await;
    let projections: Vec<Arc<Texts>> = (0..4).map(|_| Texts::new()).collect();
    // All at the same moment, and nothing is there yet.
    let ids = ["a", "b", "c", "d"];
    let starting = ids.iter().zip(&projections).map(async |(id, projection)| {
        start(store.clone(), home(&address, id).await, projection.clone()).await
    });
    let runners = futures_util::future::join_all(starting).await;
    let mut wanted = fill(&store, 5, 20).await;
    for runner in &runners {
        reach(runner, "a4", 20).await;
        assert_eq!(texts(runner).await, wanted);
    }
    let applied = |projections: &[Arc<Texts>]| -> Vec<u64> {
        projections.iter().map(|one| one.applied.load(Ordering::SeqCst)).filter(|times| *times > 0).collect()
    };
    assert_eq!(applied(&projections), [100], "one applies, once each");
    let holder = runs(&runners[0]).await;
    for runner in &runners {
        let status = until(runner, |status| status.lag == Some(0)).await;
        assert_eq!((status.state, status.generation, status.handled), (ProjectionState::Live, Some(1), 100));
        assert_eq!(status.node, holder, "all know who runs it");
    }

    // Who waits at another node is called a few milliseconds after the commit.
    let standby = ids.iter().position(|id| holder.as_deref() != Some(id)).unwrap();
    let mut took = Vec::new();
    for n in 0..100 {
        let last = say(&store, "l0", "a0", "said", "more;").await;
        wanted.get_mut("a0").unwrap().push_str("more;");
        let began = monotonic();
        reach(&runners[standby], "a0", last).await;
        took.push(began.elapsed());
        assert_eq!(texts(&runners[standby]).await["a0"], wanted["a0"], "after {n}");
    }
    took.sort();
    println!("visible at a standby: p50 {:?}, p99 {:?}", took[50], took[98]);
    assert!(took[50] < Duration::from_millis(100), "by word and not by looking: {took:?}");
    for runner in &runners {
        runner.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_hands_over_at_once() {
    let (address, store) = world().await;
    let first = start(store.clone(), home(&address, "first").await, Texts::new()).await;
    until_run_by(&first, "first").await;
    let second = start(store.clone(), home(&address, "second").await, Texts::new()).await;
    let last = say(&store, "l", "a", "said", "x").await;
    reach(&second, "a", last).await;
    let began = monotonic();
    first.shutdown().await;
    until_run_by(&second, "second").await;
    println!("handed over within {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let last = say(&store, "l", "a", "said", "y").await;
    reach(&second, "a", last).await;
    assert_eq!(texts(&second).await["a"], "xy");
    second.shutdown().await;
}

/// Commits events for as long as it is wanted; answers the texts to come.
fn talk(store: &PostgresStore, ended: &Arc<AtomicBool>) -> tokio::task::JoinHandle<BTreeMap<String, String>> {
    let (store, ended) = (store.clone(), ended.clone());
    tokio::spawn(async move {
        let mut wanted: BTreeMap<String, String> = BTreeMap::new();
        let mut n = 0;
        while !ended.load(Ordering::SeqCst) {
            let (aggregate, text) = (format!("a{}", n % 7), format!("{n};"));
            say(&store, &format!("l{}", n % 3), &aggregate, "said", &text).await;
            wanted.entry(aggregate).or_default().push_str(&text);
            n += 1;
            sigma_clock::sleep(Duration::from_millis(3)).await;
        }
        wanted
    })
}

async fn reach_all(runner: &RunnerHandle, wanted: &BTreeMap<String, String>) {
    for (aggregate, text) in wanted {
        reach(runner, aggregate, text.matches(';').count() as u64).await;
    }
    assert_eq!(&texts(runner).await, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_dies_is_replaced_and_no_event_is_lost_or_applied_twice() {
    let (address, store) = world().await;
    let ended = Arc::new(AtomicBool::new(false));
    let talking = talk(&store, &ended);
    let mut holder = Mortal::start(&store, &address, "h0", Texts::new()).await;
    until_run_by(&holder.runner, "h0").await;
    for next in ["h1", "h2"] {
        let heir = Mortal::start(&store, &address, next, Texts::new()).await;
        let began = monotonic();
        holder.kill();
        until_run_by(&heir.runner, next).await;
        println!("taken over within {:?}", began.elapsed());
        assert!(began.elapsed() < TAKEN_OVER_WITHIN, "{:?}", began.elapsed());
        holder = heir;
    }
    ended.store(true, Ordering::SeqCst);
    let wanted = talking.await.unwrap();
    reach_all(&holder.runner, &wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_cost_no_event() {
    let (address, store) = world().await;
    let ended = Arc::new(AtomicBool::new(false));
    let first = start(store.clone(), home(&address, "first").await, Texts::new()).await;
    let second = start(store.clone(), home(&address, "second").await, Texts::new()).await;
    until(&second, |status| status.generation.is_some()).await;
    let talking = talk(&store, &ended);
    for _ in 0..3 {
        sigma_clock::sleep(Duration::from_millis(700)).await;
        // All but those that tell and follow the log itself: its writers are not what is tried here.
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
                   and pid <> pg_backend_pid() and (query like '%runner\\_%' or query like '%standing%' \
                   or query like '%lease%' or query ilike '%listen%' or query like '%notify%')";
        query(end).fetch_all(&mut shell(&address).await).await.unwrap();
    }
    ended.store(true, Ordering::SeqCst);
    let wanted = talking.await.unwrap();
    reach_all(&first, &wanted).await;
    reach_all(&second, &wanted).await;
    first.shutdown().await;
    second.shutdown().await;
}

/// A log whose reader sleeps between what it read and what it does with that.
struct Sleepy {
    store: PostgresStore,
    awake: watch::Receiver<bool>,
}

#[async_trait]
impl EventLog for Sleepy {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let batch = self.store.read_after(after, limit).await;
        self.awake.clone().wait_for(|awake| *awake).await.unwrap();
        batch
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        self.store.head().await
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        self.store.lag(after).await
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        self.store.wait_after(after).await
    }

    async fn settle(&self) -> Result<(), LogError> {
        self.store.settle().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_slept_through_the_end_of_his_lease_commits_nothing() {
    let (address, store) = world().await;
    let (sleep, awake) = watch::channel(true);
    let log = Sleepy { store: store.clone(), awake };
    let projection = Texts::new();
    let runner = start(log, home(&address, "sleeper").await, projection.clone()).await;
    until_run_by(&runner, "sleeper").await;
    let last = say(&store, "l", "a", "said", "before;").await;
    reach(&runner, "a", last).await;
    sleep.send_replace(false);
    let late = say(&store, "l", "a", "said", "late;").await;
    sigma_clock::sleep(Duration::from_millis(300)).await;
    // Somebody else takes the lease over, and keeps it a while.
    let mut shell = shell(&address).await;
    let take = "update lease set token = token + 1, holder = 'other', until = clock_timestamp() + interval '4 s' \
                where name = 'projection/texts@1'";
    assert_eq!(query(take).execute(&mut shell).await.unwrap(), 1);
    let applied = projection.applied.load(Ordering::SeqCst);
    sleep.send_replace(true);
    sigma_clock::sleep(Duration::from_millis(1_500)).await;
    let row = query("select text from sigma_view_texts_g1.texts").fetch_one(&mut shell).await.unwrap();
    assert_eq!(row.try_get::<String>("text").unwrap(), "before;", "it wrote without the lease");
    assert_eq!(projection.applied.load(Ordering::SeqCst), applied, "the fence is asked first");
    // Nobody renews the other's lease: it comes back to whom it is left to.
    reach(&runner, "a", late).await;
    assert_eq!(texts(&runner).await["a"], "before;late;");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_at_a_standby_see_a_swap_as_equal_or_newer_data() {
    let (address, store) = world().await;
    let holder = start(store.clone(), home(&address, "holder").await, Texts::new()).await;
    until_run_by(&holder, "holder").await;
    let standby = start(store.clone(), home(&address, "standby").await, Texts::new()).await;
    let wanted = fill(&store, 10, 60).await;
    reach_all(&standby, &wanted).await;
    let ended = Arc::new(AtomicBool::new(false));
    let talking = talk(&store, &ended);
    let reading = tokio::spawn({
        let (standby, ended) = (standby.clone(), ended.clone());
        async move {
            let (mut most, mut looked) = (600, 0);
            while !ended.load(Ordering::SeqCst) {
                let seen: usize = texts(&standby).await.values().map(|text| text.matches(';').count()).sum();
                assert!(seen >= most, "a reader saw {seen} after {most}");
                (most, looked) = (seen, looked + 1);
            }
            looked
        }
    });
    // Asked of the one that does not run it.
    for generation in [2, 3] {
        assert_eq!(standby.rebuild("texts").await.unwrap(), generation);
        for runner in [&holder, &standby] {
            until(runner, |status| status.generation == Some(generation) && status.rebuild.is_none()).await;
        }
        let shown = || standby.reader("texts").unwrap().generation();
        while shown() != Some(generation) {
            sigma_clock::sleep(Duration::from_millis(1)).await;
        }
    }
    // Old tables go once nobody can be at them any more.
    sigma_clock::sleep(Duration::from_secs(6)).await;
    ended.store(true, Ordering::SeqCst);
    assert!(reading.await.unwrap() > 20);
    talking.await.unwrap();
    let named =
        "select 1 as one from pg_namespace where nspname in ('sigma_view_texts_g1', 'sigma_view_texts_g2')";
    let mut shell = shell(&address).await;
    let gone = async {
        while !query(named).fetch_all(&mut shell).await.unwrap().is_empty() {
            sigma_clock::sleep(Duration::from_millis(50)).await;
        }
    };
    sigma_clock::timeout(PATIENCE, gone).await.expect("old generations are deleted");
    holder.shutdown().await;
    standby.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_of_a_standby_is_done_by_the_holder() {
    let (address, store) = world().await;
    let projection = Texts::new();
    let holder = start(store.clone(), home(&address, "holder").await, projection.clone()).await;
    until_run_by(&holder, "holder").await;
    let standby = start(store.clone(), home(&address, "standby").await, Texts::new()).await;
    for sick in ["sick", "hopeless"] {
        say(&store, "l", sick, "poison", "a").await;
        let last = say(&store, "l", sick, "said", "b").await;
        assert_eq!(standby.wait_for("texts", "thing", sick, last, PATIENCE).await.unwrap(), Waited::Parked);
    }
    let status = until(&standby, |status| status.parked_lines == 2).await;
    assert!(status.last_error.unwrap().contains("bitter"));
    let retried = standby.retry_parked("texts", "sick").await.unwrap();
    assert_eq!((retried.applied, retried.remaining), (0, 2), "{retried:?}");
    let retried = standby.skip_parked("texts", "hopeless").await.unwrap();
    assert_eq!((retried.applied, retried.remaining), (1, 0), "{retried:?}");
    projection.cured.store(1, Ordering::SeqCst);
    assert_eq!(standby.retry_parked("texts", "sick").await.unwrap().applied, 2);
    let well = standby.retry_parked("texts", "sick").await.unwrap_err();
    assert!(matches!(well, RunnerError::NothingParked { .. }), "{well}");
    standby.remove_traces("texts").await.unwrap();
    assert_eq!(texts(&standby).await, texts(&holder).await);
    let left = query("select 1 as one from sigma_views.asked").fetch_all(&mut shell(&address).await).await;
    assert!(left.unwrap().is_empty(), "what was asked and answered leaves no row");

    // Nobody runs it any more.
    holder.shutdown().await;
    standby.shutdown().await;
    let cluster = node(&address, "reader").await.standing_by();
    let reader =
        start(store.clone(), Home::Database { address: address.clone(), cluster }, Texts::new()).await;
    assert_eq!(texts(&reader).await["sick"], "ab", "what serves is read all the same");
    let refused = reader.rebuild("texts").await.unwrap_err();
    let RunnerError::Unavailable { message, mend } = refused else { panic!("{refused}") };
    assert!(
        message.contains("no node that runs texts") && mend.contains("runs projections"),
        "{message}; {mend}"
    );
    let left = query("select 1 as one from sigma_views.asked").fetch_all(&mut shell(&address).await).await;
    assert!(left.unwrap().is_empty(), "nobody does later what was asked for in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_versions_run_beside_each_other_and_what_nobody_runs_is_cleared_away() {
    let (address, store) = world().await;
    let mut wanted = fill(&store, 4, 10).await;
    let old = start(store.clone(), home(&address, "old").await, Texts::new()).await;
    until_run_by(&old, "old").await;
    let newer = Texts::of(2, SCHEMA_2, tokio::sync::Semaphore::MAX_PERMITS);
    let new = start(store.clone(), home(&address, "new").await, newer).await;
    until_run_by(&new, "new").await;
    // For longer than a generation is kept that is not needed any more.
    for _ in 0..14 {
        let last = say(&store, "l0", "a0", "said", "more;").await;
        wanted.get_mut("a0").unwrap().push_str("more;");
        for runner in [&old, &new] {
            reach(runner, "a0", last).await;
            assert_eq!(texts(runner).await, wanted);
        }
        sigma_clock::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(old.reader("texts").unwrap().generation(), Some(1), "the newer one took nothing away");
    assert_eq!(new.reader("texts").unwrap().generation(), Some(2));
    let mut rows = new.reader("texts").unwrap().acquire().await.unwrap();
    query("select more from texts").fetch_all(&mut rows).await.unwrap();
    drop(rows);

    // One of the older version comes again: what it had is there.
    old.shutdown().await;
    let projection = Texts::of(1, SCHEMA, tokio::sync::Semaphore::MAX_PERMITS);
    let old = start(store.clone(), home(&address, "older").await, projection.clone()).await;
    until_run_by(&old, "older").await;
    assert_eq!(texts(&old).await, wanted);
    assert_eq!(projection.applied.load(Ordering::SeqCst), 0);
    old.shutdown().await;
    let named = "select 1 as one from pg_namespace where nspname = 'sigma_view_texts_g1'";
    let mut shell = shell(&address).await;
    let gone = async {
        while !query(named).fetch_all(&mut shell).await.unwrap().is_empty() {
            sigma_clock::sleep(Duration::from_millis(100)).await;
        }
    };
    sigma_clock::timeout(PATIENCE, gone).await.expect("the older version's view is cleared away");
    assert_eq!(texts(&new).await, wanted);
    new.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_goes_on_at_the_node_that_takes_over() {
    let (address, store) = world().await;
    let wanted = fill(&store, 10, 80).await;
    // 800 for what serves, then 600 of the rebuild: 500 of them were committed.
    let projection = Texts::of(1, SCHEMA, 1_400);
    let mut dying = Mortal::start(&store, &address, "dying", projection.clone()).await;
    until(&dying.runner, |status| status.generation == Some(1) && status.lag == Some(0)).await;
    let projection_2 = Texts::new();
    let heir = start(store.clone(), home(&address, "heir").await, projection_2.clone()).await;
    assert_eq!(heir.rebuild("texts").await.unwrap(), 2);
    while projection.applied.load(Ordering::SeqCst) < 1_400 {
        sigma_clock::sleep(Duration::from_millis(2)).await;
    }
    let status = until(&heir, |status| status.rebuild.is_some_and(|rebuild| rebuild.done == 500)).await;
    assert_eq!(status.rebuild.unwrap().total, 800, "a standby knows how far it is");
    dying.kill();
    let status = until(&heir, |status| status.generation == Some(2)).await;
    assert_eq!(status.node.as_deref(), Some("heir"));
    assert_eq!(texts(&heir).await, wanted);
    assert_eq!(projection_2.applied.load(Ordering::SeqCst), 300, "it went on where it was");
    heir.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_runner_a_folder_and_no_two() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = world().await;
    let first = start(store.clone(), folder.path(), Texts::new()).await;
    let second = Runner::start(Arc::new(store), folder.path(), vec![Texts::new()]).await.unwrap_err();
    assert!(second.to_string().contains("another sigma"), "{second}");
    assert_eq!(runs(&first).await, None, "no other node could");
    first.shutdown().await;
}
