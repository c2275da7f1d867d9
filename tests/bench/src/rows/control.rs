//! The control plane: commands through the door, events into views.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sigma_app::{MASTER_KEY_LENGTH, Subjects, Vault};
use sigma_clock::{Instant, monotonic};
use sigma_runner::{Home, Runner, RunnerHandle, Waited};
use sigma_store::{CommandRecord, Commit, EventLog, EventMetadata, Journal, NewEvent};
use sigma_store_sqlite::SqliteStore;
use tempfile::TempDir;

use super::Bench;
use crate::figures::{Aim, Figure, Row, quantile};
use crate::http::Client;
use crate::process::Core;
use crate::servers::{Sigma, graphql};

/// One token is granted 500 requests a second: so many are used.
const TOKENS: usize = 8;

/// Commands that are under way at once.
const AT_ONCE: usize = 16;

/// When the made-up events happened.
const AT_MS: i64 = 1_790_000_000_000;

/// The view that is filled.
pub(super) const VIEW: &str = "channels";

/// Commands a second through GraphQL, each answered when it is durable and shown.
pub(crate) async fn commands(bench: &Bench) -> io::Result<Vec<Row>> {
    let sigma = Sigma::start(&bench.binary, Core::Any, &[]).await?;
    let (rates, p99) = through_graphql(bench, &sigma, AT_ONCE).await?;
    sigma.process.end().await;
    Ok(vec![
        Row {
            what: format!("commands a second through GraphQL, durable (SQLite) and shown, {AT_ONCE} at once"),
            unit: "/s",
            peer: None,
            ours: Figure::of(&rates),
            aims: vec![Aim::AtLeast(1_000.0)],
        },
        Row {
            what: "a command's answer, p99, at that rate".into(),
            unit: "ms",
            peer: None,
            ours: Figure::of(&p99),
            aims: vec![Aim::AtMost(25.0)],
        },
    ])
}

/// Commands a second of `at_once` owners, each with a channel of his own, and the p99 of their answers in milliseconds.
pub(super) async fn through_graphql(
    bench: &Bench,
    sigma: &Sigma,
    at_once: usize,
) -> io::Result<(Vec<f64>, Vec<f64>)> {
    let mut workers = Vec::new();
    let mut tokens = Vec::new();
    for index in 0..TOKENS {
        let query = "mutation($input: ApiTokenInput!) { createApiToken(input: $input) { secret } }";
        let input = json!({"input": {"name": format!("bench {index}"), "scopes": ["channels:read", "channels:write"]}});
        let made = sigma.graphql(query, input).await?;
        tokens.push(made["createApiToken"]["secret"].as_str().unwrap_or_default().to_owned());
    }
    for index in 0..at_once {
        let channel = sigma.channel(&format!("bench {index}")).await?;
        workers.push((channel.id, tokens[index % TOKENS].clone()));
    }
    let (mut rates, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs() {
        let span = bench.span(4_000, 2_000);
        let until = monotonic() + span;
        let tasks: Vec<_> = workers
            .iter()
            .cloned()
            .map(|(channel, token)| tokio::spawn(command_after_command(sigma.http, channel, token, until)))
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.map_err(io::Error::other)??);
        }
        rates.push(took.len() as f64 / span.as_secs_f64());
        p99.extend(quantile(&mut took, 0.99));
    }
    Ok((rates, p99))
}

/// How long each took, in milliseconds.
async fn command_after_command(
    server: SocketAddr,
    channel: String,
    token: String,
    until: Instant,
) -> io::Result<Vec<f64>> {
    let mut client = Client::connect(server).await?;
    let mut took = Vec::new();
    while monotonic() < until {
        let began = monotonic();
        let name = format!("name {}", took.len());
        let query = "mutation($id: ID!, $name: String!) { updateChannel(id: $id, input: {name: $name}) { channel { name } } }";
        graphql(&mut client, &token, query, json!({"id": channel, "name": name})).await?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(took)
}

/// How soon an event is seen in its view, and how fast a view is filled from the log.
pub(crate) async fn projections(bench: &Bench) -> io::Result<Vec<Row>> {
    let folder = TempDir::with_prefix("sigma-bench-views-")?;
    let store =
        Arc::new(SqliteStore::open(folder.path().join("events.sqlite")).await.map_err(io::Error::other)?);
    let events = fill(&*store, if bench.quick { 50 } else { 500 }).await?;
    let runner = start(store.clone(), store.clone(), folder.path().join("views").into()).await?;
    let rates = rebuilds(bench, &runner, events).await?;
    let visible = visible(bench, &*store, &runner).await?;
    runner.shutdown().await;
    Ok(vec![
        Row {
            what: "projection: event committed → visible by query, p99, 200 commits a second".into(),
            unit: "ms",
            peer: None,
            ours: Figure::of(&visible),
            aims: vec![Aim::AtMost(50.0)],
        },
        Row {
            what: format!("projection: rebuild of `{VIEW}` from {events} events"),
            unit: "events/s",
            peer: None,
            ours: Figure::of(&rates),
            aims: vec![Aim::AtLeast(100_000.0)],
        },
    ])
}

/// Views at `home` that follow `log`.
pub(super) async fn start(
    journal: Arc<dyn Journal>,
    log: Arc<dyn EventLog>,
    home: Home,
) -> io::Result<RunnerHandle> {
    let vault = Arc::new(Vault::new([1; MASTER_KEY_LENGTH]).map_err(io::Error::other)?);
    let subjects = Arc::new(Subjects::new(journal, vault));
    let projections = sigma_views::projections(&subjects);
    Runner::start(log, home, projections).await.map_err(io::Error::other)
}

/// Events a second of each rebuild of the view, once it has caught up.
pub(super) async fn rebuilds(bench: &Bench, runner: &RunnerHandle, events: usize) -> io::Result<Vec<f64>> {
    let mut rates = Vec::new();
    caught_up(runner).await?;
    for _ in 0..bench.runs() {
        let began = monotonic();
        let generation = runner.rebuild(VIEW).await.map_err(io::Error::other)?;
        while generation_that_serves(runner).await != Some(generation) {
            sigma_clock::sleep(Duration::from_millis(2)).await;
        }
        rates.push(events as f64 / began.elapsed().as_secs_f64());
    }
    Ok(rates)
}

async fn generation_that_serves(runner: &RunnerHandle) -> Option<u32> {
    runner.status().await.into_iter().find(|status| status.name == VIEW)?.generation
}

pub(super) async fn caught_up(runner: &RunnerHandle) -> io::Result<()> {
    loop {
        let all = runner.status().await;
        if let Some(trouble) = all.iter().find_map(|status| status.last_error.as_ref()) {
            return Err(io::Error::other(format!("a projection is in trouble: {trouble}")));
        }
        if all.iter().all(|status| status.generation.is_some() && status.lag == Some(0)) {
            return Ok(());
        }
        sigma_clock::sleep(Duration::from_millis(20)).await;
    }
}

/// Events of each channel.
pub(super) const HISTORY: usize = 200;

/// Writes the history of `channels` channels; answers how many events it has.
pub(super) async fn fill(store: &impl Journal, channels: usize) -> io::Result<usize> {
    for number in 0..channels {
        let mut events = vec![created(number)];
        events.extend((1..HISTORY).map(renamed));
        store.commit(commit(number, 0, events)).await.map_err(io::Error::other)?;
    }
    Ok(channels * HISTORY)
}

fn id(number: usize) -> String {
    format!("ch_01a0c4f01b2e7f3c9d4a{number:012x}")
}

/// Twenty letters of base32.
fn playback_id(number: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    (0..20).map(|place| char::from(LETTERS[number.checked_shr(place * 5).unwrap_or(0) & 31])).collect()
}

pub(super) fn created(number: usize) -> NewEvent {
    let data = json!({
        "atMs": AT_MS,
        "channelId": id(number),
        "name": {"plain": "Evening news"},
        "playbackId": playback_id(number),
        "projectId": "pr_default",
        "settings": {
            "autoGoLive": true, "endOnUnpublish": true, "latencyMode": "LOW",
            "maxSessionDuration": 43_200, "reconnectWindow": 60
        }
    });
    NewEvent { name: "channel.created".into(), version: 1, data }
}

pub(super) fn renamed(number: usize) -> NewEvent {
    let data = json!({"atMs": AT_MS, "changes": {"name": {"plain": format!("News {number}")}}});
    NewEvent { name: "channel.updated".into(), version: 1, data }
}

pub(super) fn commit(number: usize, expected: u64, events: Vec<NewEvent>) -> Commit {
    let command = format!("bench-{number}-{expected}");
    Commit {
        aggregate_type: "channel".into(),
        aggregate_id: id(number),
        line: id(number),
        project_id: "pr_default".into(),
        expected,
        events,
        metadata: EventMetadata {
            actor: r#"{"kind":"system","id":"bench"}"#.into(),
            command_id: command.clone(),
            causation_id: None,
            correlation_id: command.clone(),
            at_ms: AT_MS,
        },
        command: CommandRecord { id: command, fingerprint: String::new(), answer: vec![1], at_ms: AT_MS },
        secrets: Vec::new(),
    }
}

/// p99 of each run, in milliseconds.
pub(super) async fn visible(
    bench: &Bench,
    store: &impl Journal,
    runner: &RunnerHandle,
) -> io::Result<Vec<f64>> {
    const A_SECOND: u64 = 200;
    const PATIENCE: Duration = Duration::from_secs(5);
    let mut p99 = Vec::new();
    let mut expected = HISTORY as u64;
    for _ in 0..bench.runs() {
        let count = bench.span(4_000, 2_000).as_secs() * A_SECOND;
        let began = monotonic();
        let mut waits = Vec::new();
        for index in 0..count {
            sigma_clock::sleep_until(began + Duration::from_millis(index * 1_000 / A_SECOND)).await;
            store
                .commit(commit(0, expected, vec![renamed(index as usize)]))
                .await
                .map_err(io::Error::other)?;
            let committed = monotonic();
            expected += 1;
            let (runner, sequence) = (runner.clone(), expected);
            waits.push(tokio::spawn(async move {
                let seen = runner.wait_for(VIEW, "channel", &id(0), sequence, PATIENCE).await;
                (seen, committed.elapsed())
            }));
        }
        let mut took = Vec::new();
        for wait in waits {
            match wait.await.map_err(io::Error::other)? {
                (Ok(Waited::Reached), waited) => took.push(waited.as_secs_f64() * 1_000.0),
                (other, _) => return Err(io::Error::other(format!("an event was not shown: {other:?}"))),
            }
        }
        p99.extend(quantile(&mut took, 0.99));
    }
    Ok(p99)
}
