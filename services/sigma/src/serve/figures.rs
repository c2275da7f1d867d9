//! The process's own figures, under the names that Prometheus' own clients give them.

use std::fs;
use std::time::Duration;

use async_trait::async_trait;
use sigma_api::http::{Exposition, MetricSource};

use super::store_figures::seconds;

/// What the kernel tells of this process.
pub(crate) struct Process;

#[async_trait]
impl MetricSource for Process {
    async fn collect(&self, out: &mut Exposition) {
        // Files of /proc never wait for a disk. What cannot be read is left out.
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(stat) {
            let a_second = rustix::param::clock_ticks_per_second().max(1);
            let hundredths = stat.cpu_ticks * 100 / a_second;
            let value = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            out.single("process_cpu_seconds_total", "counter", "Processor time used.", value);
            out.single("process_threads", "gauge", "Threads of the operating system.", stat.threads);
            out.single("process_virtual_memory_bytes", "gauge", "Address space in use.", stat.virtual_bytes);
            if let Some(booted) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(booted_at) {
                let started = booted + stat.started_ticks / a_second;
                let help = "When the process was started, in seconds since 1970.";
                out.single("process_start_time_seconds", "gauge", help, started);
            }
        }
        if let Some(bytes) = resident_bytes() {
            out.single("process_resident_memory_bytes", "gauge", "Memory in use.", bytes);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            out.single("process_open_fds", "gauge", "File descriptors open.", open.count());
        }
        if let Some(most) = fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(most_files) {
            out.single("process_max_fds", "gauge", "File descriptors that may be open.", most);
        }
    }
}

/// Memory that this process has in use.
pub(crate) fn resident_bytes() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok().as_deref().and_then(resident_pages)?;
    Some(pages * rustix::param::page_size() as u64)
}

/// What tokio tells of this runtime.
pub(crate) struct Runtime;

#[async_trait]
impl MetricSource for Runtime {
    async fn collect(&self, out: &mut Exposition) {
        let runtime = tokio::runtime::Handle::current().metrics();
        let workers = runtime.num_workers();
        let busy: Duration = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
        let parks: u64 = (0..workers).map(|worker| runtime.worker_park_count(worker)).sum();
        let busy = seconds(u64::try_from(busy.as_micros()).unwrap_or(u64::MAX));
        out.single("tokio_workers", "gauge", "Threads that run tasks.", workers);
        out.single("tokio_alive_tasks", "gauge", "Tasks that have not ended.", runtime.num_alive_tasks());
        let depth = runtime.global_queue_depth();
        out.single("tokio_global_queue_depth", "gauge", "Tasks that wait for any thread.", depth);
        let help = "Time that the threads spent running tasks; the sum of all.";
        out.single("tokio_busy_seconds_total", "counter", help, busy);
        out.single("tokio_parks_total", "counter", "How often a thread had nothing to do.", parks);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    /// Since the machine was started.
    started_ticks: u64,
    virtual_bytes: u64,
}

/// proc(5), /proc/pid/stat: user and system time are fields 14 and 15, threads 20, start 22, address space 23; the
/// second field may hold blanks and ends with a parenthesis.
fn stat(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // The first that is left is field 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        cpu_ticks: field(14)? + field(15)?,
        threads: field(20)?,
        started_ticks: field(22)?,
        virtual_bytes: field(23)?,
    })
}

/// proc(5), /proc/stat: when the machine was started, in seconds since 1970.
fn booted_at(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// proc(5), /proc/pid/limits: the soft limit.
pub(crate) fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// proc(5): the second field.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_a_name_with_blanks() {
        let told = stat("7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 300 45 0 0 20 0 9 0 5000 4096 12");
        let right = Stat { cpu_ticks: 345, threads: 9, started_ticks: 5_000, virtual_bytes: 4_096 };
        assert_eq!(told, Some(right));
        assert_eq!(stat("7 (a) S 1 2"), None);
    }

    #[test]
    fn resident_pages_are_the_second_field() {
        assert_eq!(resident_pages("100 25 3 1 0 9 0"), Some(25));
    }

    #[test]
    fn limits_and_the_machines_start_are_found_by_their_lines() {
        assert_eq!(booted_at("cpu 1 2\nbtime 1764000000\nprocesses 5\n"), Some(1_764_000_000));
        assert_eq!(
            most_files("Limit\nMax open files            1024                 524288   files\n"),
            Some(1_024)
        );
        assert_eq!(most_files("Max open files            unlimited"), None);
    }

    #[tokio::test]
    async fn a_process_tells_its_figures() {
        let mut out = Exposition::default();
        Process.collect(&mut out).await;
        Runtime.collect(&mut out).await;
        let text = out.into_text();
        for name in [
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            "process_max_fds",
            "process_threads",
            "tokio_alive_tasks",
            "tokio_busy_seconds_total",
        ] {
            assert!(
                text.lines().any(|line| line.starts_with(&format!("{name} "))),
                "{name} is missing:\n{text}"
            );
        }
    }
}
