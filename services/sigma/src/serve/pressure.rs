//! Measures what the process lacks: memory, and the bandwidth that may be used. Beyond a limit the doors let nobody new in;
//! who is on air and who watches go on. Tells of it, and of file descriptors, which the doors count themselves.

use std::collections::VecDeque;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sigma_api::http::{Component, Condition, Exposition, MetricSource, Shell};
use sigma_door::{Minutely, Pressure};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::figures::resident_bytes;

const EVERY: Duration = Duration::from_secs(1);
/// Bandwidth is the average of so many seconds: a second's burst is none of its own.
const SPAN: usize = 5;
const MB: u64 = 1024 * 1024;

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of memory.
    pub(crate) memory: Option<u64>,
    /// Bits a second of all answers.
    pub(crate) egress: Option<u64>,
}

impl Limits {
    /// As set; memory where nothing is: four fifths of what this process can have.
    pub(crate) fn of(memory_mb: Option<u64>, egress_mbit: Option<u64>) -> Self {
        let memory = memory_mb.map(|mb| mb * MB).or_else(|| memory_to_be_had().map(|all| all / 5 * 4));
        Self { memory, egress: egress_mbit.map(|mbit| mbit * 1_000_000) }
    }
}

/// Looks at memory and bandwidth and tells the doors.
pub(crate) struct Gauge {
    limits: Limits,
    pressure: Arc<Pressure>,
    scarcity_told: Minutely,
    is_scarcity_told: AtomicBool,
}

impl Gauge {
    pub(crate) fn new(limits: Limits, pressure: Arc<Pressure>) -> Self {
        Self {
            limits,
            pressure,
            scarcity_told: Minutely::default(),
            is_scarcity_told: AtomicBool::new(false),
        }
    }

    /// Measures until `stop` is cancelled.
    pub(crate) async fn run(self: Arc<Self>, shell: Shell, stop: CancellationToken) {
        let mut rounds = sigma_clock::interval(EVERY);
        let mut sent = VecDeque::with_capacity(SPAN + 1);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = stop.cancelled() => return,
            }
            sent.push_back((sigma_clock::monotonic(), shell.sent_bytes()));
            if sent.len() > SPAN + 1 {
                sent.pop_front();
            }
            let (began, before) = sent.front().copied().unwrap_or((sigma_clock::monotonic(), 0));
            let bytes = shell.sent_bytes().saturating_sub(before);
            let bits = u128::from(bytes) * 8_000 / began.elapsed().as_millis().max(1_000);
            self.judge(resident_bytes(), u64::try_from(bits).unwrap_or(u64::MAX));
            self.tell_of_descriptors();
        }
    }

    /// Once a minute while they are scarce, and once when that is over.
    fn tell_of_descriptors(&self) {
        let descriptors = self.pressure.descriptors();
        let waits = descriptors.waits();
        if descriptors.are_scarce() {
            if self.scarcity_told.happened().is_some() {
                self.is_scarcity_told.store(true, Ordering::Relaxed);
                warn!(
                    waits,
                    "file descriptors are used up: the last are kept for the disk, and new connections wait until others end"
                );
            }
        } else if self.is_scarcity_told.swap(false, Ordering::Relaxed) {
            info!(waits, "there are file descriptors again");
        }
    }

    fn judge(&self, resident: Option<u64>, bits: u64) {
        if let (Some(limit), Some(bytes)) = (self.limits.memory, resident) {
            let lacking = is_over(bytes, limit, self.pressure.memory());
            if self.pressure.set_memory(lacking) {
                let (used_mb, limit_mb) = (bytes / MB, limit / MB);
                match lacking {
                    true => warn!(
                        used_mb,
                        limit_mb, "memory is at its limit: no new feeds and viewers are let in"
                    ),
                    false => info!(used_mb, limit_mb, "there is memory again"),
                }
            }
        }
        if let Some(limit) = self.limits.egress {
            let lacking = is_over(bits, limit, self.pressure.bandwidth());
            if self.pressure.set_bandwidth(lacking) {
                let (mbit, limit_mbit) = (bits / 1_000_000, limit / 1_000_000);
                match lacking {
                    true => warn!(mbit, limit_mbit, "bandwidth is at its limit: no new viewers are let in"),
                    false => info!(mbit, limit_mbit, "there is bandwidth again"),
                }
            }
        }
    }
}

/// Once over, a twentieth below the limit counts as over still: the doors are not to flap.
fn is_over(value: u64, limit: u64, was: bool) -> bool {
    if was { value > limit - limit / 20 } else { value > limit }
}

/// The least of the machine's memory and the limit of the control group that this process is in.
fn memory_to_be_had() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_memory);
    // In a container its own group stands at the root; elsewhere at the path that the kernel tells.
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let places = [
        format!("/sys/fs/cgroup{path}/memory.max"),
        "/sys/fs/cgroup/memory.max".to_owned(),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned(),
    ];
    let groups = places.iter().filter_map(|place| fs::read_to_string(place).ok()?.trim().parse::<u64>().ok());
    groups.chain(machine).min()
}

/// proc(5), /proc/meminfo: in kibibytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[async_trait]
impl Component for Gauge {
    fn name(&self) -> &'static str {
        "admission"
    }

    async fn check(&self) -> Condition {
        match (self.pressure.memory(), self.pressure.bandwidth(), self.pressure.descriptors().are_scarce()) {
            (true, ..) => Condition::Degraded(
                "memory is at --limit-memory: no new feeds and viewers are let in; give the server more, or look what takes it".to_owned(),
            ),
            (_, true, _) => Condition::Degraded(
                "bandwidth is at --limit-egress: no new viewers are let in; raise it where the line carries more".to_owned(),
            ),
            (.., true) => Condition::Degraded(
                "file descriptors are used up: new connections wait until others end; raise the limit (ulimit -n, LimitNOFILE)".to_owned(),
            ),
            _ => Condition::Ready,
        }
    }
}

#[async_trait]
impl MetricSource for Gauge {
    async fn collect(&self, out: &mut Exposition) {
        let name = "sigma_admission_closed";
        out.family(name, "gauge", "1 while nobody new is let in for the lack of it.");
        out.sample(name, &[("lack", "memory")], u8::from(self.pressure.memory()));
        out.sample(name, &[("lack", "bandwidth")], u8::from(self.pressure.bandwidth()));
        let help = "How often a connection waited for a file descriptor.";
        let waits = self.pressure.descriptors().waits();
        out.single("sigma_admission_descriptor_waits_total", "counter", help, waits);
        if let Some(limit) = self.limits.memory {
            let help = "Memory beyond which nobody new is let in.";
            out.single("sigma_admission_memory_limit_bytes", "gauge", help, limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_are_closed_at_a_limit_and_opened_a_little_below() {
        let pressure = Arc::new(Pressure::default());
        let limits = Limits { memory: Some(1_000), egress: Some(1_000_000) };
        let gauge = Gauge::new(limits, Arc::clone(&pressure));
        let judged = |resident, bits| {
            gauge.judge(Some(resident), bits);
            (pressure.memory(), pressure.bandwidth())
        };
        assert_eq!(judged(1_000, 1_000_000), (false, false));
        assert_eq!(judged(1_001, 1_000_001), (true, true));
        assert_eq!(judged(960, 960_000), (true, true));
        assert_eq!(judged(950, 950_000), (false, false));
    }

    #[test]
    fn what_the_machine_has_is_read_from_the_kernel() {
        assert_eq!(total_memory("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16_777_216));
        assert!(memory_to_be_had().is_some_and(|bytes| bytes > MB));
        assert_eq!(Limits::of(Some(3), Some(2)), Limits { memory: Some(3 * MB), egress: Some(2_000_000) });
    }
}
