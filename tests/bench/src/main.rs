//! The bench: what the live path costs and how long it takes, nginx with its RTMP module in the same run on the same
//! feeds. A figure that misses its aim is reported; the exit code is 0 all the same.
//!
//! `sigma-bench [--quick] [--alone] [--only ingest,recording,requests,waiting,capacity,commands,projections,backbone,plot] [--write] [--binary FILE]`
//!
//! CPU time is that of the server's process alone, user and system, from `/proc/PID/stat`. The server has the first core
//! to itself, feeds and viewers come from this process on the others.
#![allow(clippy::print_stdout, reason = "a program that prints its findings")]

mod feed;
mod figures;
mod http;
mod plot;
mod process;
mod publish;
mod report;
mod rows;
mod servers;
mod viewer;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit};

use crate::feed::Clip;
use crate::plot::Panel;
use crate::rows::Bench;
use crate::servers::Nginx;

/// Video of the usual feed, kbit/s.
const VIDEO_KBIT: u32 = 2_500;

/// With 128 kbit/s of audio, 2 s of it are 345 kB.
const SMALL_VIDEO_KBIT: u32 = 1_230;

const PARTS: [&str; 9] =
    ["ingest", "recording", "requests", "waiting", "capacity", "commands", "projections", "backbone", "plot"];

/// The plot's place.
const PLOT: &str = "docs/performance.svg";

struct Asked {
    quick: bool,
    /// Without nginx: for who looks for a cost of ours.
    alone: bool,
    write: bool,
    only: Vec<String>,
    binary: PathBuf,
}

fn main() -> ExitCode {
    let done = asked().and_then(|asked| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(&asked))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sigma-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked() -> io::Result<Asked> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let mut asked = Asked {
        quick: false,
        alone: false,
        write: false,
        only: Vec::new(),
        binary: target.join("release/sigma"),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), &mut words) {
            ("--quick", _) => asked.quick = true,
            ("--alone", _) => asked.alone = true,
            ("--write", _) => asked.write = true,
            ("--only", words) => {
                asked.only = words.next().unwrap_or_default().split(',').map(str::to_owned).collect()
            }
            ("--binary", words) => asked.binary = words.next().unwrap_or_default().into(),
            _ => return Err(io::Error::other(format!("{word} is not known"))),
        }
    }
    if let Some(unknown) = asked.only.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(io::Error::other(format!("{unknown} is none of {}", PARTS.join(", "))));
    }
    if !asked.binary.is_file() {
        return Err(io::Error::other(format!("{} is missing: make build", asked.binary.display())));
    }
    Ok(asked)
}

async fn run(asked: &Asked) -> io::Result<()> {
    let stamp = report::stamp(asked.quick);
    let feeds = std::env::temp_dir().join("sigma-bench-feeds");
    let bench = Bench {
        binary: asked.binary.canonicalize()?,
        clip: Arc::new(Clip::prepare(&feeds, VIDEO_KBIT)?),
        small_clip: Arc::new(Clip::prepare(&feeds, SMALL_VIDEO_KBIT)?),
        quick: asked.quick,
        peer: !asked.alone && Nginx::is_there(),
    };
    if !bench.peer && !asked.alone {
        println!("nginx with its RTMP module is not installed: ours is measured alone");
    }
    raise_files();
    process::move_away()?;
    // What wants PostgreSQL and Kafka takes minutes: in the short form it is for whoever names it.
    let in_all = |part: &str| !(asked.quick && part == "backbone");
    let wanted = |part: &str| match asked.only.as_slice() {
        [] => in_all(part),
        only => only.iter().any(|only| only == part),
    };
    let (mut all, mut recording, mut backbone) = (Vec::new(), Vec::new(), Vec::new());
    macro_rules! part {
        ($name:literal, $measure:expr) => {
            part!($name, $measure, all);
        };
        ($name:literal, $measure:expr, $table:ident) => {
            if wanted($name) {
                println!("{} …", $name);
                match $measure.await {
                    Ok(rows) => $table.extend(rows),
                    // The other rows are worth having all the same.
                    Err(error) => println!("  {} could not be measured: {error}", $name),
                }
            }
        };
    }
    part!("ingest", rows::ingest::rows(&bench));
    part!("recording", rows::recording::rows(&bench), recording);
    part!("requests", rows::viewing::requests(&bench));
    part!("waiting", rows::viewing::waiting(&bench));
    part!("capacity", rows::viewing::capacity(&bench));
    part!("commands", rows::control::commands(&bench));
    part!("projections", rows::control::projections(&bench));
    part!("backbone", rows::backbone::rows(&bench), backbone);
    if asked.only.is_empty() {
        all.extend(report::glass(&std::fs::read_to_string("docs/acceptance.md").unwrap_or_default()));
    }
    for (name, rows) in [("table", all), ("recording", recording), ("backbone", backbone)] {
        if rows.is_empty() {
            continue;
        }
        let text = format!("{stamp}\n\n{}", figures::table(&rows));
        println!("\n{text}");
        // Of the first table a part would stand for the whole.
        let pages: &[&str] = match name {
            "table" if !asked.only.is_empty() => &[],
            "table" => &["docs/performance.md", "README.md"],
            _ => &["docs/performance.md"],
        };
        for page in pages.iter().filter(|_| asked.write) {
            report::write_between(Path::new(page), name, &text)?;
        }
    }
    let plotted = asked.only.iter().any(|only| only == "plot") || (asked.only.is_empty() && !asked.quick);
    if plotted { plot(&bench, asked.write).await } else { Ok(()) }
}

/// How cost grows with channels and with viewers.
async fn plot(bench: &Bench, write: bool) -> io::Result<()> {
    println!("plot …");
    let channels = rows::ingest::by_channels(bench).await?;
    let viewers = rows::viewing::by_viewers(bench).await?;
    let tables =
        format!("{}\n{}", report::points("channels", &channels), report::points("viewers", &viewers));
    println!("\n{tables}");
    let svg = plot::svg(&[
        Panel { title: "Channels on air, nobody watching", along: "channels", points: channels },
        Panel { title: "Viewers of one channel, low latency", along: "viewers", points: viewers },
    ]);
    if write {
        std::fs::write(PLOT, svg)?;
        let shown = format!("![cores by channels and by viewers](performance.svg)\n\n{tables}");
        report::write_between(Path::new("docs/performance.md"), "plot", &shown)?;
    }
    Ok(())
}

/// Thousands of connections want thousands of descriptors, here and in the servers that inherit the limit.
fn raise_files() {
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    // Where it may not be raised, fewer viewers find a connection and the row says so.
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
