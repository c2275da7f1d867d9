//! 32 writers whose transactions are delayed, fail and crash, and a reader beside them: nothing is skipped, nothing comes twice,
//! each aggregate is in order. The same reader without the watermark skips events, which is why it is there.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::postgres::Cluster;
use sigma_store::{Cursor, EventLog, Seen, Sighting};
use sigma_store_postgres::PostgresStore;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};

/// The very statement of the adapter.
const COMMIT: &str = include_str!("../../src/sql/commit.sql");
const READ: &str = include_str!("../../src/sql/read_after.sql");
const WATERMARK: &str = " and xid < pg_snapshot_xmin(pg_current_snapshot())";

const WRITERS: u64 = 32;
/// Transactions of each writer in a schedule.
const EACH: u64 = 2;
/// Fewer than writers: some meet at one gate.
const AGGREGATES: u64 = 20;

/// A splitmix64 generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Clone, Copy)]
enum Fate {
    Commits,
    RollsBack,
    /// Its next statement is refused.
    Fails,
    /// Its connection is cut.
    Crashes,
}

impl Fate {
    fn thrown(dice: &mut Dice) -> Self {
        match dice.below(20) {
            0..14 => Self::Commits,
            14..17 => Self::RollsBack,
            17..19 => Self::Fails,
            _ => Self::Crashes,
        }
    }
}

async fn hold(dice: &mut Dice) {
    match dice.below(4) {
        0 => {}
        1 => tokio::task::yield_now().await,
        _ => sigma_clock::sleep(Duration::from_micros(dice.below(3_000))).await,
    }
}

/// One writer's transactions in one schedule.
async fn write(
    options: PgConnectOptions,
    mut connection: PgConnection,
    seed: u64,
    writer: u64,
) -> PgConnection {
    let mut dice = Dice(seed.wrapping_mul(1_000).wrapping_add(writer));
    for number in 0..EACH {
        let aggregate = format!("a{}", dice.below(AGGREGATES));
        hold(&mut dice).await;
        let last: i64 =
            sqlx::query_scalar("select coalesce(max(sequence), 0) from events where aggregate_id = $1")
                .bind(&aggregate)
                .fetch_one(&mut connection)
                .await
                .unwrap();
        let count = usize::try_from(1 + dice.below(3)).unwrap();
        let command = format!("c{seed}-{writer}-{number}");
        let mut transaction = connection.begin().await.unwrap();
        let written = sqlx::query(COMMIT)
            .bind([0_i64])
            .bind([command.as_str()])
            .bind(["thing"])
            .bind([aggregate.as_str()])
            .bind([last])
            .bind([format!(r#"{{"command_id":"{command}","at_ms":"0"}}"#)])
            .bind([aggregate.as_str()])
            .bind(["pr_default"])
            .bind([""])
            .bind([Vec::<u8>::new()])
            .bind([0_i64])
            .bind(vec![0_i64; count])
            .bind((1_i64..).take(count).collect::<Vec<_>>())
            .bind(vec!["thing.happened"; count])
            .bind(vec!["1"; count])
            .bind(vec!["{}"; count])
            .bind((0..count).map(|n| format!("{command}-{n}")).collect::<Vec<_>>())
            .fetch_one(&mut *transaction)
            .await;
        if written.is_err() {
            // Overtaken at the gate.
            transaction.rollback().await.unwrap();
            continue;
        }
        hold(&mut dice).await;
        match Fate::thrown(&mut dice) {
            Fate::Commits => transaction.commit().await.unwrap(),
            Fate::RollsBack => transaction.rollback().await.unwrap(),
            Fate::Fails => {
                transaction.execute("insert into store values (2, '', '', '')").await.unwrap_err();
                transaction.rollback().await.unwrap();
            }
            Fate::Crashes => {
                drop(transaction);
                connection.close_hard().await.unwrap();
                connection = options.connect().await.unwrap();
            }
        }
    }
    connection
}

/// What a reader keeps of its reading.
#[derive(Default)]
struct Reading {
    seen: Seen,
    read: u64,
    skipped: u64,
    twice: u64,
}

impl Reading {
    fn note(&mut self, event: &sigma_store::RecordedEvent) {
        self.read += 1;
        match self.seen.see(event) {
            Sighting::New => {}
            Sighting::Duplicate => self.twice += 1,
            Sighting::Gap { .. } => self.skipped += 1,
        }
    }
}

struct World {
    url: String,
    store: PostgresStore,
    options: PgConnectOptions,
    writers: Vec<PgConnection>,
}

impl World {
    async fn new(cluster: &Cluster) -> Self {
        let url = cluster.database().await;
        let store = crate::open(&url).await;
        let options: PgConnectOptions = url.parse().unwrap();
        let options = options.options([("search_path", "sigma")]).disable_statement_logging();
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            writers.push(options.connect().await.unwrap());
        }
        Self { url, store, options, writers }
    }

    /// Starts a schedule's writers.
    fn begin(&mut self, seed: u64) -> tokio::task::JoinSet<PgConnection> {
        let mut tasks = tokio::task::JoinSet::new();
        for (writer, connection) in (0..).zip(self.writers.drain(..)) {
            tasks.spawn(write(self.options.clone(), connection, seed, writer));
        }
        tasks
    }

    /// Last sequences and number of all that is committed.
    async fn committed(&self) -> (BTreeMap<String, u64>, u64) {
        let mut connection = self.options.connect().await.unwrap();
        let rows = sqlx::query(
            "select aggregate_id, max(sequence) as last, count(*) as count from events group by 1",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let last = rows.iter().map(|row| (row.get(0), row.get::<i64, _>(1).unsigned_abs())).collect();
        (last, rows.iter().map(|row| row.get::<i64, _>(2).unsigned_abs()).sum())
    }
}

fn schedules() -> u64 {
    std::env::var("SIGMA_TEST_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_skipped_or_comes_twice_whatever_becomes_of_the_transactions() {
    // Of its own: what other tests' transactions hold up would be theirs.
    let cluster = Cluster::quick(&[]);
    let mut world = World::new(&cluster).await;
    let (mut reading, mut after, mut dice) = (Reading::default(), Cursor::start(), Dice(7));
    for seed in 0..schedules() {
        let mut tasks = world.begin(seed);
        while !tasks.is_empty() {
            tokio::select! {
                done = tasks.join_next() => world.writers.extend(done.map(Result::unwrap)),
                batch = world.store.read_after(&after, 1 + u32::try_from(dice.below(40)).unwrap()) => {
                    let batch = batch.unwrap();
                    batch.events.iter().for_each(|event| reading.note(event));
                    after = batch.next;
                }
            }
        }
        assert_eq!((reading.skipped, reading.twice), (0, 0), "schedule {seed}");
    }
    world.store.settle().await.unwrap();
    loop {
        let batch = world.store.read_after(&after, 1_000).await.unwrap();
        if batch.events.is_empty() {
            break;
        }
        batch.events.iter().for_each(|event| reading.note(event));
        after = batch.next;
    }
    let (last, count) = world.committed().await;
    assert_eq!((reading.read, reading.skipped, reading.twice), (count, 0, 0));
    for (aggregate, last) in last {
        assert_eq!(reading.seen.last("thing", &aggregate), last, "{aggregate}");
    }
    eprintln!("{} schedules, {count} events, none skipped, none twice ({})", schedules(), world.url);
    assert!(count > schedules() * WRITERS / 2, "they wrote: {count}");
}

/// Kept so that nobody takes the watermark for an ornament: if this reader ever lost nothing, the test above would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_without_the_watermark_skips_events() {
    let cluster = Cluster::quick(&[]);
    let mut world = World::new(&cluster).await;
    let blind = READ.replace(WATERMARK, "");
    assert_ne!(blind, READ);
    let mut reader = world.options.connect().await.unwrap();
    let (mut xid, mut position, mut read) = ("0".to_owned(), 0_i64, 0_u64);
    let mut ask = async |xid: &mut String, position: &mut i64| {
        let rows = sqlx::query(&blind)
            .bind(&*xid)
            .bind(*position)
            .bind(50_i64)
            .fetch_all(&mut reader)
            .await
            .unwrap();
        if let Some(last) = rows.last() {
            (*xid, *position) = (last.get("xid"), last.get("position"));
        }
        rows.len() as u64
    };
    for seed in 0..schedules().min(60) {
        let mut tasks = world.begin(seed);
        while !tasks.is_empty() {
            while let Some(done) = tasks.try_join_next() {
                world.writers.push(done.unwrap());
            }
            read += ask(&mut xid, &mut position).await;
        }
    }
    loop {
        let more = ask(&mut xid, &mut position).await;
        read += more;
        if more == 0 {
            break;
        }
    }
    let (_, count) = world.committed().await;
    assert!(read < count, "it read {read} of {count}");
}
