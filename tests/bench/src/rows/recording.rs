//! What recording costs beside the live path: source record, catchup and rewind, against a server that keeps nothing, nginx's
//! `record` and ffmpeg's copy into MP4.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use sigma_clock::monotonic;
use tempfile::TempDir;

use super::Bench;
use super::ingest::{feed, growth};
use crate::figures::{Aim, Figure, Row};
use crate::process::{Core, Process, find_program, free_address};
use crate::publish::Publisher;
use crate::servers::{Nginx, Sigma};

/// Channels at once.
const CHANNELS: usize = 50;

/// How long an ffmpeg may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

/// What one way of doing it was seen to need.
#[derive(Default)]
struct Needs {
    /// CPU-seconds for a minute of one stream.
    cpu: Vec<f64>,
    /// Megabytes of a stream.
    memory: Vec<f64>,
    /// Megabytes that a stream grows by in an hour.
    growth: Vec<f64>,
}

pub(crate) async fn rows(bench: &Bench) -> io::Result<Vec<Row>> {
    let (mut alone, mut recorded) = (Needs::default(), Needs::default());
    let (mut nginx, mut ffmpeg) = (Needs::default(), Needs::default());
    let (rounds, windows) = if bench.quick { (1, bench.runs()) } else { (bench.runs(), 1) };
    for round in 0..rounds {
        let last = round + 1 == rounds;
        let nothing = json!({ "recordSource": false, "catchup": false, "dvrWindow": 0 });
        ours(bench, windows, last, nothing, &mut alone).await?;
        let all = json!({ "recordSource": true, "catchup": true, "dvrWindow": 12 * 3_600 });
        ours(bench, windows, last, all, &mut recorded).await?;
        if bench.peer {
            nginx_records(bench, windows, &mut nginx).await?;
            ffmpeg_copies(bench, windows, &mut ffmpeg).await?;
        }
    }
    let times: Vec<f64> = recorded.cpu.iter().zip(&alone.cpu).map(|(with, without)| with / without).collect();
    let cpu = |what: &str, peer: &Needs, ours: &Needs| Row {
        what: format!("{CHANNELS} channels on air, {what}"),
        unit: "CPU-s per stream-minute",
        peer: Figure::of(&peer.cpu),
        ours: Figure::of(&ours.cpu),
        aims: vec![],
    };
    let memory = |what: &str, needs: &Needs| Row {
        what: format!("memory a stream (PSS, page cache apart), {what}"),
        unit: "MB",
        peer: None,
        ours: Figure::of(&needs.memory),
        aims: vec![],
    };
    let grows = |what: &str, needs: &Needs, aims| Row {
        what: format!("growth of that, per hour, {what}"),
        unit: "MB/h",
        peer: None,
        ours: Figure::of(&needs.growth),
        aims,
    };
    Ok(vec![
        cpu("nothing recorded, no rewind", &Needs::default(), &alone),
        cpu(
            "source, catchup and 12 h of rewind; nginx with HLS and `record`, of which nobody can rewind",
            &nginx,
            &recorded,
        ),
        cpu("the same; in nginx's place an `ffmpeg -c copy` to MP4 for each", &ffmpeg, &recorded),
        Row {
            what: "recording and rewind against the live path alone, round by round".into(),
            unit: "times",
            peer: None,
            ours: Figure::of(&times),
            aims: vec![Aim::AtMost(1.25)],
        },
        memory("nothing recorded", &alone),
        memory("recorded", &recorded),
        grows("nothing recorded", &alone, vec![]),
        grows("recorded", &recorded, vec![Aim::AtMost(1.0)]),
    ])
}

async fn ours(
    bench: &Bench,
    windows: usize,
    with_growth: bool,
    settings: Value,
    needs: &mut Needs,
) -> io::Result<()> {
    let sigma = Sigma::start(&bench.binary, Core::Server, &[]).await?;
    let mut keys = Vec::with_capacity(CHANNELS);
    for index in 0..CHANNELS {
        keys.push(sigma.channel_with(&format!("recorded {index}"), &settings).await?.key);
    }
    let before = sigma.process.memory()?.pss;
    let feeds = feed(&bench.clip, sigma.rtmp, "live", &keys).await?;
    observe(bench, &[&sigma.process], before, windows, needs).await?;
    if with_growth {
        // What is kept for a while has come to stay by then: removed segments, and the allocator's room for them.
        sigma_clock::sleep(bench.span(60_000, 1_000)).await;
        needs.growth.push(growth(&sigma.process, bench.span(300_000, 6_000)).await? / CHANNELS as f64);
    }
    drop(feeds);
    sigma.process.end().await;
    Ok(())
}

async fn nginx_records(bench: &Bench, windows: usize, needs: &mut Needs) -> io::Result<()> {
    let nginx = Nginx::start(Core::Server).await?;
    let keys: Vec<String> = (0..CHANNELS).map(|index| format!("bench{index}")).collect();
    let before = nginx.process.memory()?.pss;
    let feeds = feed(&bench.clip, nginx.rtmp, "record", &keys).await?;
    observe(bench, &[&nginx.process], before, windows, needs).await?;
    drop(feeds);
    nginx.process.end().await;
    Ok(())
}

/// Each listens for one feed and copies it into a file.
async fn ffmpeg_copies(bench: &Bench, windows: usize, needs: &mut Needs) -> io::Result<()> {
    let folder = TempDir::with_prefix("sigma-bench-ffmpeg-")?;
    let program = find_program("ffmpeg").ok_or_else(|| io::Error::other("ffmpeg is not installed"))?;
    let (mut copies, mut feeds): (Vec<Process>, Vec<Publisher>) = (Vec::new(), Vec::new());
    for index in 0..CHANNELS {
        let address = free_address()?;
        let file = folder.path().join(format!("{index}.mp4"));
        let url = format!("rtmp://{address}/live/bench{index}");
        let arguments = ["-v", "error", "-nostdin", "-listen", "1", "-i", &url, "-c", "copy"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        arguments.push(file.display().to_string());
        let log = folder.path().join(format!("{index}.log"));
        let mut copy = Process::start(&program, &arguments, Core::Server, &log)?;
        // It takes one connection: who only knocks would be its feed.
        let wait = Duration::from_millis(index as u64 * 1_000 / CHANNELS as u64);
        let let_in = async {
            loop {
                let key = format!("bench{index}");
                if let Ok(feed) = Publisher::start(&bench.clip, address, "live", &key, wait).await {
                    return Ok(feed);
                }
                if !copy.is_running() {
                    let said = std::fs::read_to_string(&log).unwrap_or_default();
                    return Err(io::Error::other(format!("ffmpeg ended at its start: {said}")));
                }
                sigma_clock::sleep(Duration::from_millis(50)).await;
            }
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "ffmpeg does not listen");
        let feed = sigma_clock::timeout(LISTENS_WITHIN, let_in).await.map_err(late)??;
        copies.push(copy);
        feeds.push(feed);
    }
    let all: Vec<&Process> = copies.iter().collect();
    observe(bench, &all, 0, windows, needs).await?;
    drop(feeds);
    for copy in copies {
        copy.end().await;
    }
    Ok(())
}

/// What processes that are fed need together; `before` is what they held before anything was fed.
async fn observe(
    bench: &Bench,
    processes: &[&Process],
    before: u64,
    windows: usize,
    needs: &mut Needs,
) -> io::Result<()> {
    let used = || -> io::Result<f64> { processes.iter().map(|process| process.cpu_seconds()).sum() };
    sigma_clock::sleep(bench.span(12_000, 6_000)).await;
    for _ in 0..windows {
        let (began, before_it) = (monotonic(), used()?);
        sigma_clock::sleep(bench.span(10_000, 2_500)).await;
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        needs.cpu.push((used()? - before_it) / minutes / CHANNELS as f64);
        let mut held = 0;
        for process in processes {
            held += process.memory()?.pss;
        }
        needs.memory.push(held.saturating_sub(before) as f64 / CHANNELS as f64 / 1e6);
    }
    Ok(())
}
