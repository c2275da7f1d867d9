//! The process's own figures, under the names that Prometheus' own clients give them.

use std::fs;

use async_trait::async_trait;
use sigma_api::http::{Exposition, MetricSource};

/// What the kernel tells of this process.
pub(crate) struct Process;

#[async_trait]
impl MetricSource for Process {
    async fn collect(&self, out: &mut Exposition) {
        // Files of /proc never wait for a disk. What cannot be read is left out.
        if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_ticks) {
            let a_second = rustix::param::clock_ticks_per_second().max(1);
            let hundredths = ticks * 100 / a_second;
            let value = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            out.single("process_cpu_seconds_total", "counter", "Processor time used.", value);
        }
        if let Some(pages) = fs::read_to_string("/proc/self/statm").ok().as_deref().and_then(resident_pages) {
            let bytes = pages * rustix::param::page_size() as u64;
            out.single("process_resident_memory_bytes", "gauge", "Memory in use.", bytes);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            out.single("process_open_fds", "gauge", "File descriptors open.", open.count());
        }
    }
}

/// proc(5): user and system time, fields 14 and 15; the second field may hold blanks and ends with a parenthesis.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
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
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 300 45 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(345));
    }

    #[test]
    fn resident_pages_are_the_second_field() {
        assert_eq!(resident_pages("100 25 3 1 0 9 0"), Some(25));
    }
}
