//! `/metrics`: figures in Prometheus' text format 0.0.4, written by hand because there are few of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

/// Upper bounds of the request-duration histogram, in milliseconds. Blocking playlist reloads take seconds.
const BOUNDS_MS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 1_000, 2_500, 10_000];

/// Somebody who has figures to tell at a scrape.
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// Writes the figures as they stand.
    async fn collect(&self, out: &mut Exposition);
}

/// The text of one scrape.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family: `name` with its meaning and kind (`counter`, `gauge`, `histogram`).
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    /// One sample of the family begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// A family of one unlabelled sample.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[derive(Debug, Default)]
struct Durations {
    buckets: [u64; BOUNDS_MS.len()],
    count: u64,
    sum_micros: u64,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(&'static str, &'static str, u16), u64>,
    durations: BTreeMap<&'static str, Durations>,
    graphql: BTreeMap<String, u64>,
    sent_bytes: BTreeMap<&'static str, u64>,
}

/// The HTTP door's own figures. Every label's values are a closed set.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    open: AtomicU64,
    refused: AtomicU64,
    in_flight: AtomicU64,
    counts: Mutex<Counts>,
}

/// Counts one open thing down when dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Figures>, fn(&Figures) -> &AtomicU64);

impl Drop for Open {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Figures {
    pub(crate) fn connection_opened(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self), |figures| &figures.open)
    }

    pub(crate) fn connection_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_begun(self: &Arc<Self>) -> Open {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self), |figures| &figures.in_flight)
    }

    pub(crate) fn request_ended(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        took: Duration,
        bytes: u64,
    ) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.requests.entry((route, method, status)).or_default() += 1;
        *counts.sent_bytes.entry(route).or_default() += bytes;
        let durations = counts.durations.entry(route).or_default();
        durations.count += 1;
        durations.sum_micros += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bucket, bound) in durations.buckets.iter_mut().zip(BOUNDS_MS) {
            *bucket += u64::from(took <= Duration::from_millis(bound));
        }
    }

    /// One GraphQL request answered with `outcome`: `ok` or its first error's code.
    pub(crate) fn graphql_answered(&self, outcome: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.graphql.entry(outcome.to_owned()).or_default() += 1;
    }

    pub(crate) fn write(&self, out: &mut Exposition) {
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        out.family("sigma_build_info", "gauge", "The version that runs.");
        out.sample("sigma_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        out.single("sigma_http_connections", "gauge", "Connections open now.", read(&self.open));
        out.single(
            "sigma_http_connections_refused_total",
            "counter",
            "Connections turned away at the limit.",
            read(&self.refused),
        );
        out.single("sigma_http_requests_in_flight", "gauge", "Requests in flight.", read(&self.in_flight));
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        out.family("sigma_http_requests_total", "counter", "Requests answered.");
        for ((route, method, status), count) in &counts.requests {
            let labels = [("route", *route), ("method", *method), ("status", &status.to_string())];
            out.sample("sigma_http_requests_total", &labels, count);
        }
        out.family("sigma_http_sent_bytes_total", "counter", "Bytes of answers' bodies.");
        for (route, bytes) in &counts.sent_bytes {
            out.sample("sigma_http_sent_bytes_total", &[("route", route)], bytes);
        }
        let name = "sigma_http_request_duration_seconds";
        out.family(name, "histogram", "From a request's head to its answer's last byte.");
        for (route, durations) in &counts.durations {
            let bucket = format!("{name}_bucket");
            for (count, bound) in durations.buckets.iter().zip(BOUNDS_MS) {
                out.sample(&bucket, &[("route", route), ("le", &seconds(bound * 1_000))], count);
            }
            out.sample(&bucket, &[("route", route), ("le", "+Inf")], durations.count);
            out.sample(&format!("{name}_sum"), &[("route", route)], seconds(durations.sum_micros));
            out.sample(&format!("{name}_count"), &[("route", route)], durations.count);
        }
        out.family("sigma_graphql_requests_total", "counter", "GraphQL requests by outcome.");
        for (outcome, count) in &counts.graphql {
            out.sample("sigma_graphql_requests_total", &[("outcome", outcome)], count);
        }
    }
}

/// Microseconds as decimal seconds, without floating point.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut out = Exposition::default();
        out.sample("a", &[("b", "q\"\\\n")], 1);
        assert_eq!(out.into_text(), "a{b=\"q\\\"\\\\\\n\"} 1\n");
    }

    #[test]
    fn durations_fall_into_cumulative_buckets() {
        let figures = Figures::default();
        figures.request_ended("/graphql", "POST", 200, Duration::from_millis(30), 5);
        let mut out = Exposition::default();
        figures.write(&mut out);
        let text = out.into_text();
        assert!(text.contains("duration_seconds_bucket{route=\"/graphql\",le=\"0.025\"} 0\n"), "{text}");
        assert!(text.contains("duration_seconds_bucket{route=\"/graphql\",le=\"0.05\"} 1\n"), "{text}");
        assert!(text.contains("duration_seconds_sum{route=\"/graphql\"} 0.03\n"), "{text}");
    }

    #[test]
    fn seconds_are_written_without_trailing_zeros() {
        assert_eq!([seconds(0), seconds(1_000), seconds(10_000_000)], ["0", "0.001", "10"]);
    }
}
