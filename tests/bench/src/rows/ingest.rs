//! What a stream costs that nobody watches: CPU, memory, and how soon it is listed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sigma_clock::monotonic;

use super::Bench;
use crate::feed::Clip;
use crate::figures::{Aim, Figure, Row, quantile};
use crate::process::{Core, Process};
use crate::publish::Publisher;
use crate::servers::{Channel, Nginx, Sigma};
use crate::viewer::{Audience, Stream};

/// Channels of the table's rows.
const CHANNELS: usize = 50;

/// Channels of the plot.
const CHANNEL_STEPS: [usize; 4] = [1, 10, 50, 100];

/// What one server was seen to need.
#[derive(Debug, Default)]
struct Needs {
    /// CPU-seconds for a minute of one stream.
    cpu: Vec<f64>,
    /// Megabytes of a stream.
    memory: Vec<f64>,
    /// Megabytes that a stream grows by in an hour.
    growth: Vec<f64>,
}

/// The rows, and how cost grows with channels: (channels, cores).
pub(crate) async fn rows(bench: &Bench) -> io::Result<Vec<Row>> {
    let (mut ours, mut with_hls, mut without_hls) = (Needs::default(), Needs::default(), Needs::default());
    let mut listed = Vec::new();
    let (rounds, windows) = if bench.quick { (1, bench.runs()) } else { (bench.runs(), 1) };
    for round in 0..rounds {
        ours_once(bench, windows, round + 1 == rounds, &mut ours, &mut listed).await?;
        if bench.peer {
            nginx_once(bench, "live", windows, &mut with_hls).await?;
            nginx_once(bench, "relay", windows, &mut without_hls).await?;
        }
    }
    let rate = bench.clip.bitrate() as f64 / 1e6;
    let cpu = |what: &str, needs: &Needs| Row {
        what: format!("{CHANNELS} channels of 720p30, {rate:.1} Mbit/s, RTMP → HLS with LL parts; {what}"),
        unit: "CPU-s per stream-minute",
        peer: Figure::of(&needs.cpu),
        ours: Figure::of(&ours.cpu),
        aims: vec![Aim::AtMost(0.10), Aim::AtMost(0.076)],
    };
    Ok(vec![
        cpu("nginx with HLS", &with_hls),
        cpu("nginx without HLS", &without_hls),
        Row {
            what: format!("memory a stream (PSS, page cache apart), {CHANNELS} channels"),
            unit: "MB",
            peer: Figure::of(&with_hls.memory),
            ours: Figure::of(&ours.memory),
            aims: vec![Aim::AtMost(3.0)],
        },
        Row {
            what: "growth of that, per hour".into(),
            unit: "MB/h",
            peer: Figure::of(&with_hls.growth),
            ours: Figure::of(&ours.growth),
            aims: vec![],
        },
        Row {
            what: format!(
                "a part's last byte accepted → part listed, p99, one watcher on each of {CHANNELS} channels"
            ),
            unit: "ms",
            peer: None,
            ours: Figure::of(&listed),
            aims: vec![Aim::AtMost(10.0)],
        },
    ])
}

async fn ours_once(
    bench: &Bench,
    windows: usize,
    with_growth: bool,
    needs: &mut Needs,
    listed: &mut Vec<f64>,
) -> io::Result<()> {
    let sigma = Sigma::start(&bench.binary, Core::Server, &[]).await?;
    let channels = make_channels(&sigma, CHANNELS).await?;
    let keys: Vec<String> = channels.iter().map(|channel| channel.key.clone()).collect();
    let feeds =
        observe(bench, &sigma.process, sigma.rtmp, "live", &keys, windows, with_growth, needs).await?;
    let mut audience = Audience::default();
    for (channel, feed) in channels.iter().zip(&feeds) {
        let playlist = sigma.playlist(channel).await?;
        let stream = Stream { server: sigma.http, playlist, log: Arc::clone(&feed.log), parts: false };
        audience.join(&stream).await?;
    }
    sigma_clock::sleep(Duration::from_secs(2)).await;
    for _ in 0..windows {
        audience.seen.begin();
        sigma_clock::sleep(bench.span(8_000, 2_500)).await;
        listed.extend(quantile(&mut audience.seen.end()?.answers, 0.99));
    }
    drop((audience, feeds));
    sigma.process.end().await;
    Ok(())
}

async fn nginx_once(bench: &Bench, application: &str, windows: usize, needs: &mut Needs) -> io::Result<()> {
    let nginx = Nginx::start(Core::Server).await?;
    let keys: Vec<String> = (0..CHANNELS).map(|index| format!("bench{index}")).collect();
    let feeds = observe(bench, &nginx.process, nginx.rtmp, application, &keys, windows, false, needs).await?;
    drop(feeds);
    nginx.process.end().await;
    Ok(())
}

async fn make_channels(sigma: &Sigma, count: usize) -> io::Result<Vec<Channel>> {
    let mut channels = Vec::with_capacity(count);
    for index in 0..count {
        channels.push(sigma.channel(&format!("bench {index}")).await?);
    }
    Ok(channels)
}

/// Feeds a server on all `keys`, their key frames spread over the second.
pub(super) async fn feed(
    clip: &Arc<Clip>,
    server: SocketAddr,
    application: &str,
    keys: &[String],
) -> io::Result<Vec<Publisher>> {
    let mut feeds = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        let wait = Duration::from_millis(index as u64 * 1_000 / keys.len() as u64);
        feeds.push(Publisher::start(clip, server, application, key, wait).await?);
    }
    Ok(feeds)
}

#[expect(clippy::too_many_arguments, reason = "one place calls it for each server")]
async fn observe(
    bench: &Bench,
    process: &Process,
    server: SocketAddr,
    application: &str,
    keys: &[String],
    windows: usize,
    with_growth: bool,
    needs: &mut Needs,
) -> io::Result<Vec<Publisher>> {
    let before = process.memory()?.pss;
    let feeds = feed(&bench.clip, server, application, keys).await?;
    // Until as many segments are in memory as will be, when the first window ends.
    sigma_clock::sleep(bench.span(12_000, 6_000)).await;
    let streams = keys.len() as f64;
    for _ in 0..windows {
        let (began, used) = (monotonic(), process.cpu_seconds()?);
        sigma_clock::sleep(bench.span(10_000, 2_500)).await;
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        needs.cpu.push((process.cpu_seconds()? - used) / minutes / streams);
        let grown = process.memory()?.pss.saturating_sub(before) as f64;
        needs.memory.push(grown / streams / 1e6);
    }
    if with_growth {
        needs.growth.push(growth(process, bench.span(60_000, 6_000)).await? / streams);
    }
    Ok(feeds)
}

/// Megabytes an hour: the slope of a line through a sample a second.
pub(super) async fn growth(process: &Process, span: Duration) -> io::Result<f64> {
    let began = monotonic();
    let mut samples = Vec::new();
    while began.elapsed() < span {
        samples.push((began.elapsed().as_secs_f64() / 3_600.0, process.memory()?.pss as f64 / 1e6));
        sigma_clock::sleep(Duration::from_secs(1)).await;
    }
    let count = samples.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| samples.iter().map(pick).sum::<f64>() / count;
    let (hours, megabytes) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let up: f64 = samples.iter().map(|(x, y)| (x - hours) * (y - megabytes)).sum();
    let along: f64 = samples.iter().map(|(x, _)| (x - hours).powi(2)).sum();
    Ok(if along > 0.0 { up / along } else { 0.0 })
}

/// Cores that channels take: for the plot.
pub(crate) async fn by_channels(bench: &Bench) -> io::Result<Vec<(f64, f64)>> {
    let mut points = Vec::new();
    for count in CHANNEL_STEPS {
        let sigma = Sigma::start(&bench.binary, Core::Server, &[]).await?;
        let channels = make_channels(&sigma, count).await?;
        let keys: Vec<String> = channels.into_iter().map(|channel| channel.key).collect();
        let _feeds = feed(&bench.clip, sigma.rtmp, "live", &keys).await?;
        sigma_clock::sleep(Duration::from_secs(5)).await;
        let (began, used) = (monotonic(), sigma.process.cpu_seconds()?);
        sigma_clock::sleep(bench.span(15_000, 5_000)).await;
        points.push((count as f64, (sigma.process.cpu_seconds()? - used) / began.elapsed().as_secs_f64()));
        sigma.process.end().await;
    }
    Ok(points)
}
