//! Running a simulation over its seeds.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
};

/// Names how many seeds are run instead of the usual number: `SIGMA_SEEDS=100000`, or `SIGMA_SEEDS=7..8` for the seeds
/// from 7 to below 8.
pub const SEEDS: &str = "SIGMA_SEEDS";

/// The seeds of one simulation: those that failed once, which a file keeps, then the first so many.
#[derive(Debug)]
pub struct Seeds {
    file: PathBuf,
    usual: u64,
}

impl Seeds {
    /// The file is `seeds/NAME` in the folder of the crate under test, given by `env!("CARGO_MANIFEST_DIR")`.
    pub fn new(crate_folder: &str, name: &str, usual: u64) -> Self {
        Self { file: PathBuf::from(crate_folder).join("seeds").join(name), usual }
    }

    /// Seeds that failed once. A line is a seed and, behind a `#`, what it found.
    fn kept(&self) -> BTreeSet<u64> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let seed = |line: &str| line.split('#').next().unwrap_or_default().trim().parse().ok();
        text.lines().filter_map(seed).collect()
    }

    fn wanted(&self) -> std::ops::Range<u64> {
        let Ok(text) = std::env::var(SEEDS) else { return 0..self.usual };
        let range = match text.split_once("..") {
            Some((from, to)) => from.parse().and_then(|from| Ok(from..to.parse()?)),
            None => text.parse().map(|count| 0..count),
        };
        range.unwrap_or_else(|_| panic!("{SEEDS} is a number or FROM..TO, not {text}"))
    }

    /// Runs the simulation with each seed. The first that fails is kept in the file, to be run first from then on.
    pub fn each(&self, mut run: impl FnMut(u64)) {
        let kept = self.kept();
        for seed in kept.iter().copied().chain(self.wanted()) {
            let ran = panic::catch_unwind(AssertUnwindSafe(|| run(seed)));
            if let Err(why) = ran {
                if !kept.contains(&seed) {
                    self.keep(seed);
                }
                panic!("seed {seed} of {} fails: {}", self.file.display(), words(&*why));
            }
        }
    }

    fn keep(&self, seed: u64) {
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)
            .and_then(|mut file| writeln!(file, "{seed} # failed: say here what it found"));
        if let Err(error) = written {
            panic!("seed {seed} fails and cannot be kept in {}: {error}", self.file.display());
        }
    }
}

fn words(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str).or(why.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}
