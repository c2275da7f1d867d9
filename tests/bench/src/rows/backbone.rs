//! PostgreSQL and Kafka beside the SQLite figures: commands, the relay, what is shown through Kafka, rebuilds.
//!
//! All of it is on this machine's cores together: server, database, broker and whoever asks. So what each of them costs an
//! event is told beside, and what more cores would give follows from that.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use harness::postgres::Cluster;
use kafka_harness::Kafka;
use sigma_clock::monotonic;
use sigma_cluster::{Cluster as Nodes, Me};
use sigma_relay::{Connection, EVENTS, KafkaLog, PostgresOffice, Relay, RelayHandle, Topic};
use sigma_runner::Home;
use sigma_store::{EventLog, Journal};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};

use super::Bench;
use super::control::{
    VIEW, caught_up, commit, created, fill, rebuilds, renamed, start, through_graphql, visible,
};
use crate::figures::{Aim, Figure, Row, quantile};
use crate::process::{Core, family_cpu_seconds, own_cpu_seconds, spread_out};
use crate::servers::Sigma;

/// Commits that are under way at once.
const AT_ONCE: usize = 64;

/// Commands that are under way at once: enough to keep the machine busy, and no more, for who comes beyond that only waits.
const COMMANDS: usize = 48;

/// Channels that they are of.
const CHANNELS: usize = 512;

/// Partitions of the topic, as `--kafka-partitions` has it.
const PARTITIONS: u16 = 12;

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// All rows. On a runtime of its own on all cores, as the server has one.
pub(crate) async fn rows(bench: &Bench) -> io::Result<Vec<Row>> {
    let bench = bench.clone();
    let measured = tokio::task::spawn_blocking(move || {
        spread_out()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(measure(&bench))
    });
    measured.await.map_err(io::Error::other)?
}

async fn measure(bench: &Bench) -> io::Result<Vec<Row>> {
    let mut rows = commits(bench).await?;
    rows.extend(commands(bench).await?);
    rows.extend(log(bench).await?);
    Ok(rows)
}

/// CPU time used by those at work, in seconds: this process, the server, the database, the broker.
#[derive(Clone, Copy)]
struct Spent([f64; 4]);

/// Who is looked at.
struct Crew<'a> {
    server: Option<&'a Sigma>,
    cluster: &'a Cluster,
    kafka: Option<&'a Kafka>,
    /// What this process does in it.
    own: &'static str,
}

impl Crew<'_> {
    fn spent(&self) -> io::Result<Spent> {
        let of = |pid: Option<u32>| pid.map_or(Ok(0.0), family_cpu_seconds);
        let server = self.server.map_or(Ok(0.0), |sigma| sigma.process.cpu_seconds());
        let kafka = of(self.kafka.map(|kafka| kafka.pid(0)))?;
        Ok(Spent([own_cpu_seconds()?, server?, of(self.cluster.pid())?, kafka]))
    }

    /// What each of `count` things has cost since, in words.
    fn told(&self, before: Spent, count: f64) -> io::Result<String> {
        let now = self.spent()?;
        let each = |who: usize| (now.0[who] - before.0[who]) * 1e6 / count.max(1.0);
        let who = [self.own, "server", "PostgreSQL", "Kafka"];
        let at_work = [true, self.server.is_some(), true, self.kafka.is_some()];
        let told = (0..who.len()).filter(|who| at_work[*who]).map(|n| format!("{} {:.0}", who[n], each(n)));
        Ok(format!("CPU each in µs: {}", told.collect::<Vec<_>>().join(", ")))
    }
}

async fn opened(cluster: &Cluster) -> io::Result<(Address, PostgresStore)> {
    let address: Address = cluster.database().await.parse().map_err(io::Error::other)?;
    let store = PostgresStore::open(&address, &PostgresOptions::default()).await.map_err(io::Error::other)?;
    Ok((address, store))
}

/// What the store itself does: a commit of an event, its command's record with it.
async fn commits(bench: &Bench) -> io::Result<Vec<Row>> {
    let cluster = Cluster::durable();
    let (_, store) = opened(&cluster).await?;
    for number in 0..CHANNELS {
        store.commit(commit(number, 0, vec![created(number)])).await.map_err(io::Error::other)?;
    }
    let crew = Crew { server: None, cluster: &cluster, kafka: None, own: "store's client" };
    let (mut rates, mut p99, mut all) = (Vec::new(), Vec::new(), 0);
    let (before, mut expected) = (crew.spent()?, vec![1_u64; CHANNELS]);
    for _ in 0..bench.runs() {
        let span = bench.span(4_000, 2_000);
        let until = monotonic() + span;
        let mut tasks = Vec::new();
        for worker in 0..AT_ONCE {
            // Each has channels of his own, and goes through them.
            let store = store.clone();
            let mut mine: Vec<(usize, u64)> =
                (worker..CHANNELS).step_by(AT_ONCE).map(|number| (number, expected[number])).collect();
            tasks.push(tokio::spawn(async move {
                let mut took = Vec::new();
                for turn in (0..mine.len()).cycle() {
                    let began = monotonic();
                    if began >= until {
                        break;
                    }
                    let (number, sequence) = &mut mine[turn];
                    let change = commit(*number, *sequence, vec![renamed(took.len())]);
                    store.commit(change).await.map_err(io::Error::other)?;
                    *sequence += 1;
                    took.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
                io::Result::Ok((mine, took))
            }));
        }
        let mut took = Vec::new();
        for task in tasks {
            let (mine, some) = task.await.map_err(io::Error::other)??;
            mine.into_iter().for_each(|(number, sequence)| expected[number] = sequence);
            took.extend(some);
        }
        all += took.len();
        rates.push(took.len() as f64 / span.as_secs_f64());
        p99.extend(quantile(&mut took, 0.99));
    }
    let cost = crew.told(before, all as f64)?;
    Ok(of_commands(
        &format!(
            "commits a second, durable (PostgreSQL), {AT_ONCE} at once over {CHANNELS} channels; {cost}"
        ),
        "a commit, p99, at that rate",
        &rates,
        &p99,
    ))
}

fn of_commands(rate: &str, late: &str, rates: &[f64], p99: &[f64]) -> Vec<Row> {
    let row = |what: &str, unit, figures: &[f64], aim| Row {
        what: what.to_owned(),
        unit,
        peer: None,
        ours: Figure::of(figures),
        aims: vec![aim],
    };
    vec![row(rate, "/s", rates, Aim::AtLeast(3_000.0)), row(late, "ms", p99, Aim::AtMost(25.0))]
}

/// The same commands as in the row of SQLite, through the door; without Kafka and with it.
async fn commands(bench: &Bench) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for with_kafka in [false, true] {
        let cluster = Cluster::durable();
        let kafka = with_kafka.then(|| Kafka::start(1));
        let mut flags = vec!["--event-store".to_owned(), cluster.database().await];
        if let Some(kafka) = &kafka {
            flags.extend(["--kafka".to_owned(), kafka.bootstrap()]);
        }
        let sigma = Sigma::start(&bench.binary, Core::Any, &flags).await?;
        let crew = Crew { server: Some(&sigma), cluster: &cluster, kafka: kafka.as_ref(), own: "asking" };
        let before = crew.spent()?;
        let (rates, p99) = through_graphql(bench, &sigma, COMMANDS).await?;
        let all: f64 = rates.iter().sum::<f64>() * bench.span(4_000, 2_000).as_secs_f64();
        let cost = crew.told(before, all)?;
        let shown = if with_kafka { "shown through Kafka" } else { "shown" };
        rows.extend(of_commands(
            &format!("commands a second through GraphQL, durable (PostgreSQL) and {shown}, {COMMANDS} at once; {cost}"),
            "a command's answer, p99, at that rate",
            &rates,
            &p99,
        ));
        sigma.process.end().await;
    }
    Ok(rows)
}

fn topic(name: &str) -> Topic {
    Topic { name: name.to_owned(), partitions: PARTITIONS, copies: 1, retention: None }
}

async fn relay(
    kafka: &Kafka,
    address: &Address,
    store: &PostgresStore,
    topic: Topic,
) -> io::Result<RelayHandle> {
    let incarnation = store.identity().await.map_err(io::Error::other)?.incarnation;
    let relay = Relay { connection: Connection::plain(kafka.bootstrap()), topic, store: incarnation };
    Ok(relay.start(Arc::new(store.clone()), Arc::new(PostgresOffice::new(address))))
}

/// Waits until the relay has had so many records acknowledged; answers how many.
async fn published(relay: &RelayHandle, least: u64) -> io::Result<u64> {
    let began = monotonic();
    loop {
        let status = relay.status();
        if status.published >= least {
            return Ok(status.published);
        }
        if began.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("the relay stays {status:?}")));
        }
        sigma_clock::sleep(Duration::from_millis(1)).await;
    }
}

/// The relay over a backlog, and what follows it.
async fn log(bench: &Bench) -> io::Result<Vec<Row>> {
    let (cluster, kafka) = (Cluster::durable(), Kafka::start(1));
    let (address, store) = opened(&cluster).await?;
    let events = fill(&store, if bench.quick { 300 } else { 1_500 }).await?;
    let relaying = relay(&kafka, &address, &store, topic(EVENTS)).await?;
    let crew = Crew { server: None, cluster: &cluster, kafka: Some(&kafka), own: "relay" };
    let (mut rates, mut sent, mut before) = (Vec::new(), 0, crew.spent()?);
    for run in 0..bench.runs() {
        let base = relaying.status().published;
        if run > 0 {
            relaying.replay().await.map_err(io::Error::other)?;
        }
        // From the first batch on: taking the lead is not what is measured.
        let first = published(&relaying, base + 1).await?;
        if run == 0 {
            before = crew.spent()?;
        }
        let (began, wanted) = (monotonic(), base + events as u64);
        let last = published(&relaying, wanted).await?;
        rates.push((last - first) as f64 / began.elapsed().as_secs_f64());
        sent += last - first;
    }
    let cost = crew.told(before, sent as f64)?;
    drop(relaying);
    let mut rows = vec![Row {
        what: format!("relay: a backlog of {events} events from PostgreSQL into Kafka; {cost}"),
        unit: "events/s",
        peer: None,
        ours: Figure::of(&rates),
        aims: vec![Aim::AtLeast(20_000.0)],
    }];
    rows.extend(views(bench, &cluster, &kafka).await?);
    Ok(rows)
}

/// Views in a database, run by its only node.
async fn shared(address: Address) -> io::Result<Home> {
    let cluster = Nodes::join(&address, Me::named("bench")).await.map_err(io::Error::other)?;
    Ok(Home::Database { address, cluster })
}

/// Views in PostgreSQL: filled from the store's own log, and by way of Kafka.
async fn views(bench: &Bench, cluster: &Cluster, kafka: &Kafka) -> io::Result<Vec<Row>> {
    let (address, store) = opened(cluster).await?;
    let events = fill(&store, if bench.quick { 50 } else { 500 }).await?;
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let relaying = relay(kafka, &address, &store, topic("sigma.events.views")).await?;
    let followed =
        KafkaLog::filled_by(relaying.filling(), Connection::plain(kafka.bootstrap()), "sigma.events.views");
    let followed: Arc<dyn EventLog> = Arc::new(followed.map_err(io::Error::other)?);
    let runner = start(journal.clone(), followed, shared(address).await?).await?;
    caught_up(&runner).await?;
    let crew = |kafka| Crew { server: None, cluster, kafka, own: "runner" };
    let count = (events * bench.runs()) as f64;
    let before = crew(Some(kafka)).spent()?;
    let by_kafka = rebuilds(bench, &runner, events).await?;
    let cost_by_kafka = crew(Some(kafka)).told(before, count)?;
    let shown = visible(bench, &store, &runner).await?;
    runner.shutdown().await;
    drop(relaying);

    let home: Address = cluster.database().await.parse().map_err(io::Error::other)?;
    let runner = start(journal, Arc::new(store.clone()), shared(home).await?).await?;
    caught_up(&runner).await?;
    let before = crew(None).spent()?;
    let by_store = rebuilds(bench, &runner, events).await?;
    let cost = crew(None).told(before, count)?;
    runner.shutdown().await;

    let visible = Row {
        what:
            "projection in PostgreSQL: event committed → Kafka → visible by query, p99, 200 commits a second"
                .into(),
        unit: "ms",
        peer: None,
        ours: Figure::of(&shown),
        aims: vec![Aim::AtMost(100.0)],
    };
    let rebuilt = |by: &str, cost: &str, figures: &[f64]| Row {
        what: format!("projection in PostgreSQL: rebuild of `{VIEW}` from {events} events{by}; {cost}"),
        unit: "events/s",
        peer: None,
        ours: Figure::of(figures),
        aims: vec![Aim::AtLeast(100_000.0)],
    };
    Ok(vec![visible, rebuilt("", &cost, &by_store), rebuilt(" of Kafka", &cost_by_kafka, &by_kafka)])
}
