//! What viewers cost, and how long they wait.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Instant, monotonic};

use super::Bench;
use crate::feed::Clip;
use crate::figures::{Aim, Figure, Row, quantile};
use crate::http::Client;
use crate::process::{Core, Process};
use crate::publish::Publisher;
use crate::servers::{Nginx, Sigma};
use crate::viewer::{Audience, PICTURES, Stream};

/// Connections that ask without a pause.
const HAMMERS: usize = 32;

/// Viewers who wait for the same part.
const WAITING: usize = 1_000;

/// A viewer who has a part later than this after it was complete will stall.
const LATE_MS: f64 = 500.0;

/// Viewers of the plot.
const VIEWER_STEPS: [usize; 4] = [10, 100, 1_000, 3_000];

/// Audiences that are tried for the table's row.
const CAPACITY_STEPS: [usize; 7] = [500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500];

/// The same in the quick form.
const FEW_CAPACITY_STEPS: [usize; 4] = [500, 1_500, 2_500, 3_500];

/// A server with one feed.
struct OnAir {
    sigma: Sigma,
    feed: Publisher,
    playlist: String,
}

impl OnAir {
    async fn begin(bench: &Bench, clip: &Arc<Clip>, core: Core) -> io::Result<Self> {
        let sigma = Sigma::start(&bench.binary, core, &[]).await?;
        let channel = sigma.channel("bench").await?;
        let feed = Publisher::start(clip, sigma.rtmp, "live", &channel.key, Duration::ZERO).await?;
        let playlist = sigma.playlist(&channel).await?;
        Ok(Self { sigma, feed, playlist })
    }

    fn stream(&self, parts: bool) -> Stream {
        Stream {
            server: self.sigma.http,
            playlist: self.playlist.clone(),
            log: Arc::clone(&self.feed.log),
            parts,
        }
    }

    async fn end(self) {
        drop(self.feed);
        self.sigma.process.end().await;
    }
}

/// CPU of plain playlists and of segments, in microseconds a request.
pub(crate) async fn requests(bench: &Bench) -> io::Result<Vec<Row>> {
    let ours = OnAir::begin(bench, &bench.small_clip, Core::Server).await?;
    let (mut plain, mut media) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    let mut size = 0;
    let peer = if bench.peer {
        let nginx = Nginx::start(Core::Server).await?;
        let feed = Publisher::start(&bench.small_clip, nginx.rtmp, "live", "bench", Duration::ZERO).await?;
        Some((nginx, feed))
    } else {
        None
    };
    // Several segments: playlists of a usual length.
    let length = if bench.quick { 4 } else { 6 };
    ours.sigma.segment(&ours.playlist, length).await?;
    if let Some((nginx, _)) = &peer {
        nginx.segment("bench", length).await?;
    }
    let span = bench.span(2_000, 700);
    for _ in 0..bench.runs() {
        plain.1.push(hammer(&ours.sigma.process, ours.sigma.http, &ours.playlist, span).await?.micros);
        // Parts are listed beside the newest segments, which are in memory.
        let segment = ours.sigma.segment(&ours.playlist, length).await?;
        let asked = hammer(&ours.sigma.process, ours.sigma.http, &segment, span).await?;
        media.1.push(asked.micros);
        size = asked.length;
        if let Some((nginx, _)) = &peer {
            plain.0.push(hammer(&nginx.process, nginx.http, "/hls/bench.m3u8", span).await?.micros);
            let segment = nginx.segment("bench", length).await?;
            media.0.push(hammer(&nginx.process, nginx.http, &segment, span).await?.micros);
        }
    }
    ours.end().await;
    if let Some((nginx, feed)) = peer {
        drop(feed);
        nginx.process.end().await;
    }
    Ok(vec![
        Row {
            what: format!("playlist, plain, CPU a request ({HAMMERS} connections)"),
            unit: "µs",
            peer: Figure::of(&plain.0),
            ours: Figure::of(&plain.1),
            aims: vec![Aim::AtMost(14.0)],
        },
        Row {
            what: format!("segment of {} kB, CPU a request ({HAMMERS} connections)", size / 1_000),
            unit: "µs",
            peer: Figure::of(&media.0),
            ours: Figure::of(&media.1),
            aims: vec![Aim::AtMost(55.0)],
        },
    ])
}

struct Hammered {
    /// CPU of one request.
    micros: f64,
    /// Bytes of its answer.
    length: usize,
}

/// Asks for one path without a pause over many connections.
async fn hammer(process: &Process, server: SocketAddr, path: &str, span: Duration) -> io::Result<Hammered> {
    const WARM: usize = 20;
    let mut clients = Vec::with_capacity(HAMMERS);
    let mut length = 0;
    for _ in 0..HAMMERS {
        let mut client = Client::connect(server).await?;
        for _ in 0..WARM {
            length = client.drain(path).await?.length;
        }
        clients.push(client);
    }
    let (began, used) = (monotonic(), process.cpu_seconds()?);
    let until = began + span;
    let path: Arc<str> = path.into();
    let tasks: Vec<_> =
        clients.into_iter().map(|client| tokio::spawn(blows(client, Arc::clone(&path), until))).collect();
    let mut count = 0u64;
    for task in tasks {
        count += task.await.map_err(io::Error::other)??;
    }
    let used = process.cpu_seconds()? - used;
    Ok(Hammered { micros: used * 1e6 / count.max(1) as f64, length })
}

async fn blows(mut client: Client, path: Arc<str>, until: Instant) -> io::Result<u64> {
    let mut count = 0;
    while monotonic() < until {
        let head = client.drain(&path).await?;
        if head.status != 200 {
            return Err(io::Error::other(format!("{path} was answered {}", head.status)));
        }
        count += 1;
    }
    Ok(count)
}

/// A thousand wait for each part: what each costs, and when the last ones have their answer.
pub(crate) async fn waiting(bench: &Bench) -> io::Result<Vec<Row>> {
    let (mut micros, mut p99) = (Vec::new(), Vec::new());
    for core in [Core::Server, Core::Any] {
        let ours = OnAir::begin(bench, &bench.clip, core).await?;
        let mut audience = Audience::default();
        for _ in 0..WAITING {
            audience.join(&ours.stream(false)).await?;
        }
        sigma_clock::sleep(Duration::from_secs(2)).await;
        for _ in 0..bench.runs() {
            let used = ours.sigma.process.cpu_seconds()?;
            audience.seen.begin();
            sigma_clock::sleep(bench.span(8_000, 2_500)).await;
            let mut window = audience.seen.end()?;
            let used = ours.sigma.process.cpu_seconds()? - used;
            match core {
                Core::Server => micros.push(used * 1e6 / window.parts.max(1) as f64),
                Core::Any => p99.extend(quantile(&mut window.answers, 0.99)),
            }
        }
        drop(audience);
        ours.end().await;
    }
    Ok(vec![
        Row {
            what: format!(
                "playlist, blocking, CPU a request ({WAITING} waiting; the feed's own cost is in it)"
            ),
            unit: "µs",
            peer: None,
            ours: Figure::of(&micros),
            aims: vec![Aim::AtMost(25.0)],
        },
        Row {
            what: format!("part complete → answer read, {WAITING} waiting on one rendition, p99"),
            unit: "ms",
            peer: None,
            ours: Figure::of(&p99),
            aims: vec![Aim::AtMost(20.0)],
        },
    ])
}

/// How many viewers, with a playlist and a part every half second each, one core serves in time.
pub(crate) async fn capacity(bench: &Bench) -> io::Result<Vec<Row>> {
    let (mut carried, mut by_cpu) = (Vec::new(), Vec::new());
    let rounds = if bench.quick { 1 } else { bench.runs() };
    for _ in 0..rounds {
        let ours = OnAir::begin(bench, &bench.clip, Core::Server).await?;
        let mut audience = Audience::default();
        let (mut most, mut served) = (0, 0.0);
        let steps = if bench.quick { &FEW_CAPACITY_STEPS[..] } else { &CAPACITY_STEPS[..] };
        for step in steps.iter().copied() {
            let found = match watched_by(&ours, &mut audience, step, bench.span(5_000, 2_500)).await {
                Ok(found) => found,
                // More than it carries: what it carried before counts.
                Err(error) if most > 0 => {
                    println!("  {step} viewers: {error}");
                    break;
                }
                Err(error) => return Err(error),
            };
            served = step as f64 * found.share / found.cores;
            if !found.is_carried() {
                break;
            }
            most = step;
        }
        by_cpu.push(served);
        carried.push(most as f64);
        drop(audience);
        ours.end().await;
    }
    let by_time = Row {
        what: format!(
            "LL viewers that one core carries ({:.1} Mbit/s, a playlist and a part every 0.5 s each, all parts within {LATE_MS} ms at p99)",
            bench.clip.bitrate() as f64 / 1e6
        ),
        unit: "viewers",
        peer: None,
        ours: Figure::of(&carried),
        aims: vec![Aim::AtLeast(1_500.0), Aim::AtLeast(2_500.0)],
    };
    Ok(vec![
        by_time,
        Row {
            what:
                "the same by CPU: viewers for each core's worth of time that the last of these audiences took"
                    .into(),
            unit: "viewers",
            peer: None,
            ours: Figure::of(&by_cpu),
            aims: vec![Aim::AtLeast(1_500.0), Aim::AtLeast(2_500.0)],
        },
    ])
}

struct Watched {
    cores: f64,
    /// Of the parts that were to be had, how many were had.
    share: f64,
    /// From a part's completion to its last byte at the viewer.
    p99: f64,
}

async fn watched_by(
    ours: &OnAir,
    audience: &mut Audience,
    viewers: usize,
    span: Duration,
) -> io::Result<Watched> {
    let stream = ours.stream(true);
    while audience.len() < viewers {
        audience.join(&stream).await?;
    }
    sigma_clock::sleep(Duration::from_secs(2)).await;
    let used = ours.sigma.process.cpu_seconds()?;
    let begin = audience.seen.begin();
    sigma_clock::sleep(span).await;
    let end = audience.seen.close();
    let cores = (ours.sigma.process.cpu_seconds()? - used) / (end - begin).as_secs_f64();
    // The last ones' time.
    sigma_clock::sleep(Duration::from_millis(LATE_MS as u64)).await;
    let mut window = audience.seen.end()?;
    let due = viewers * ours.feed.log.reached(PICTURES, begin, end);
    let share = window.bodies.len() as f64 / due.max(1) as f64;
    let p99 = quantile(&mut window.bodies, 0.99).unwrap_or(f64::INFINITY);
    let found = Watched { cores, share, p99 };
    println!(
        "  {viewers} viewers: {:.0} % of the core, {:.1} % of the parts, p99 {:.0} ms",
        found.cores * 100.0,
        found.share * 100.0,
        found.p99
    );
    Ok(found)
}

impl Watched {
    fn is_carried(&self) -> bool {
        self.share >= 0.98 && self.p99 <= LATE_MS
    }
}

/// Cores that viewers take: for the plot. What an audience costs that is not carried says nothing.
pub(crate) async fn by_viewers(bench: &Bench) -> io::Result<Vec<(f64, f64)>> {
    let ours = OnAir::begin(bench, &bench.clip, Core::Server).await?;
    let mut audience = Audience::default();
    let mut points = Vec::new();
    for step in VIEWER_STEPS {
        let found = watched_by(&ours, &mut audience, step, bench.span(10_000, 4_000)).await?;
        if !found.is_carried() {
            break;
        }
        points.push((step as f64, found.cores));
    }
    drop(audience);
    ours.end().await;
    Ok(points)
}
