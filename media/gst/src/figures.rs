//! What was made, and what it cost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the pictures of a process have come to so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Pictures made.
    pub made: u64,
    /// Requests refused because what they brought cannot be decoded.
    pub broken: u64,
    /// Single frames of sheets and previews that could not be decoded.
    pub broken_frames: u64,
    /// Requests that made room for others, or found none.
    pub shed: u64,
    /// Requests refused because their channel's media had ended the worker or kept it busy.
    pub resting: u64,
    /// Requests refused because there is no worker.
    pub unavailable: u64,
    /// How often the worker was started.
    pub starts: u64,
    /// How often it fell, or was killed for being stuck.
    pub losses: u64,
    /// Processor time that all workers have taken.
    pub cpu: Duration,
    /// Requests that wait.
    pub waiting: usize,
    /// The worker's process id, while there is one.
    pub worker: Option<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) made: AtomicU64,
    pub(crate) broken: AtomicU64,
    pub(crate) broken_frames: AtomicU64,
    pub(crate) shed: AtomicU64,
    pub(crate) resting: AtomicU64,
    pub(crate) unavailable: AtomicU64,
    pub(crate) starts: AtomicU64,
    pub(crate) losses: AtomicU64,
    pub(crate) processor: Processor,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn figures(&self, waiting: usize) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (cpu, worker) = self.processor.read();
        Figures {
            made: read(&self.made),
            broken: read(&self.broken),
            broken_frames: read(&self.broken_frames),
            shed: read(&self.shed),
            resting: read(&self.resting),
            unavailable: read(&self.unavailable),
            starts: read(&self.starts),
            losses: read(&self.losses),
            cpu,
            waiting,
            worker,
        }
    }
}

/// Processor time of the workers, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Processor(Mutex<Spent>);

#[derive(Debug, Default)]
struct Spent {
    /// By those that are gone.
    before: Duration,
    /// By the present one, when last asked.
    now: Duration,
    worker: Option<u32>,
}

impl Processor {
    pub(crate) fn begins(&self, worker: u32) {
        let mut spent = self.spent();
        spent.now = Duration::ZERO;
        spent.worker = Some(worker);
    }

    /// To be told before the process is waited for: until then the system keeps what it took.
    pub(crate) fn ends(&self) {
        let mut spent = self.spent();
        spent.look();
        let now = std::mem::take(&mut spent.now);
        spent.before += now;
        spent.worker = None;
    }

    pub(crate) fn read(&self) -> (Duration, Option<u32>) {
        let mut spent = self.spent();
        spent.look();
        (spent.before + spent.now, spent.worker)
    }

    fn spent(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn look(&mut self) {
        if let Some(spent) = self.worker.and_then(processor_time) {
            self.now = self.now.max(spent);
        }
    }
}

/// proc(5): user and system time, of the process and of its children that were waited for, in the clock's ticks.
fn processor_time(process: u32) -> Option<Duration> {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may hold anything; what follows it begins with field 3.
    let (_, fields) = line.rsplit_once(')')?;
    let times = fields.split_ascii_whitespace().skip(11).take(4);
    let ticks: u64 = times.map_while(|field| field.parse::<u64>().ok()).sum();
    let second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_micros(ticks.saturating_mul(1_000_000) / second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_of_a_process_that_works() {
        let before = processor_time(std::process::id()).unwrap();
        let mut sum = 0u64;
        while processor_time(std::process::id()).unwrap() < before + Duration::from_millis(20) {
            sum = (0..100_000u64).fold(sum, |sum, number| sum.wrapping_mul(31).wrapping_add(number));
        }
        assert_ne!(sum, 1);
        assert_eq!(processor_time(u32::MAX), None);
    }

    #[test]
    fn what_one_worker_took_stays_when_the_next_begins() {
        let processor = Processor::default();
        processor.begins(std::process::id());
        let (first, worker) = processor.read();
        assert_eq!(worker, Some(std::process::id()));
        processor.ends();
        assert!(processor.read().0 >= first);
        assert_eq!(processor.read().1, None);
        processor.begins(u32::MAX);
        assert!(processor.read().0 >= first);
    }
}
