//! `/metrics`: figures in Prometheus' text format 0.0.4, written by hand because there are few of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::{Response, Value};
use async_trait::async_trait;
use sigma_door::{Handshake, Handshakes};

use super::viewers::Lack;
use crate::graphql::{Kind, Operation};

/// Upper bounds of the request-duration histogram, in milliseconds. Blocking playlist reloads take seconds.
const BOUNDS_MS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 1_000, 2_500, 10_000];

/// The label of a request that holds no operation, or was not looked at.
const NO_OPERATION: &str = "none";

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

impl Durations {
    fn add(&mut self, took: Duration) {
        self.count += 1;
        self.sum_micros = self.sum_micros.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS_MS) {
            *bucket += u64::from(took <= Duration::from_millis(bound));
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(&'static str, &'static str, u16), u64>,
    durations: BTreeMap<&'static str, Durations>,
    graphql: BTreeMap<(&'static str, String), u64>,
    graphql_durations: BTreeMap<&'static str, Durations>,
    sent_bytes: BTreeMap<&'static str, u64>,
}

/// The HTTP door's own figures. Every label's values are a closed set.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    open: AtomicU64,
    refused: AtomicU64,
    sent_away: AtomicU64,
    slow_cut: AtomicU64,
    viewers_refused: [AtomicU64; Lack::ALL.len()],
    sent: AtomicU64,
    in_flight: AtomicU64,
    sockets: AtomicU64,
    event_streams: AtomicU64,
    subscriptions: AtomicU64,
    cut: [AtomicU64; Cut::ALL.len()],
    rate_limited: [AtomicU64; Quota::ALL.len()],
    handshakes: Handshakes,
    counts: Mutex<Counts>,
}

/// What stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Socket,
    EventStream,
    Subscription,
}

/// Why a subscription was ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    TooSlow,
    Unauthenticated,
}

impl Cut {
    const ALL: [(Self, &'static str); 2] =
        [(Self::TooSlow, "too_slow"), (Self::Unauthenticated, "unauthenticated")];
}

/// Which quota was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    Token,
    Address,
    SignIn,
}

impl Quota {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Token, "token"), (Self::Address, "address"), (Self::SignIn, "sign_in")];
}

/// `ok`, or the first error's code: a closed set.
pub(crate) fn outcome(response: &Response) -> &str {
    let Some(error) = response.errors.first() else {
        return "ok";
    };
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code,
        _ => "UNAVAILABLE",
    }
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

    pub(crate) fn opened(self: &Arc<Self>, what: Opened) -> Open {
        let gauge: fn(&Self) -> &AtomicU64 = match what {
            Opened::Socket => |figures| &figures.sockets,
            Opened::EventStream => |figures| &figures.event_streams,
            Opened::Subscription => |figures| &figures.subscriptions,
        };
        gauge(self).fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(self), gauge)
    }

    pub(crate) fn subscription_cut(&self, why: Cut) {
        self.cut[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rate_limited(&self, by: Quota) {
        self.rate_limited[by as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handshakes(&self) -> &Handshakes {
        &self.handshakes
    }

    pub(crate) fn connection_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_sent_away(&self) {
        self.sent_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn slow_client_cut(&self) {
        self.slow_cut.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn viewer_refused(&self, lack: Lack) {
        self.viewers_refused[lack as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of all answers that have gone out.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
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
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.requests.entry((route, method, status)).or_default() += 1;
        *counts.sent_bytes.entry(route).or_default() += bytes;
        counts.durations.entry(route).or_default().add(took);
    }

    /// One GraphQL request answered with `outcome`: `ok` or its first error's code. Of a subscription, its first answer.
    pub(crate) fn graphql_answered(&self, operation: Option<&Operation>, outcome: &str, took: Duration) {
        let kind = operation.and_then(|operation| operation.kind).map_or(NO_OPERATION, Kind::as_str);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.graphql.entry((kind, outcome.to_owned())).or_default() += 1;
        counts.graphql_durations.entry(kind).or_default().add(took);
    }

    /// One GraphQL request that was not looked at, with its error's code.
    pub(crate) fn graphql_refused(&self, code: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.graphql.entry((NO_OPERATION, code.to_owned())).or_default() += 1;
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
        out.single(
            "sigma_http_connections_sent_away_total",
            "counter",
            "Connections that were closed because they asked nothing and another one wanted the place.",
            read(&self.sent_away),
        );
        out.single(
            "sigma_http_slow_clients_cut_total",
            "counter",
            "Connections that were cut because they took next to nothing of their answers.",
            read(&self.slow_cut),
        );
        let name = "sigma_viewers_refused_total";
        out.family(name, "counter", "Requests of new viewers that were refused, by what was lacking.");
        for (lack, label) in Lack::ALL {
            out.sample(name, &[("reason", label)], read(&self.viewers_refused[lack as usize]));
        }
        let name = "sigma_http_handshakes_total";
        out.family(name, "counter", "TLS handshakes at the HTTP door, by how they went.");
        for (how, label) in Handshake::ALL {
            out.sample(name, &[("outcome", label)], self.handshakes.get(how));
        }
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
        let help = "From a request's head to its answer's last byte.";
        write_durations(out, "sigma_http_request_duration_seconds", help, "route", &counts.durations);
        let name = "sigma_http_rate_limited_total";
        out.family(
            name,
            "counter",
            "Requests that were told to come less often, by what they were counted by.",
        );
        for (by, label) in Quota::ALL {
            out.sample(name, &[("by", label)], read(&self.rate_limited[by as usize]));
        }
        let name = "sigma_graphql_requests_total";
        out.family(name, "counter", "GraphQL requests by what they do and how they were answered.");
        for ((operation, outcome), count) in &counts.graphql {
            out.sample(name, &[("operation", operation), ("outcome", outcome)], count);
        }
        let help = "From a GraphQL request's turn to its answer; of a subscription, to its first.";
        let name = "sigma_graphql_request_duration_seconds";
        write_durations(out, name, help, "operation", &counts.graphql_durations);
        let name = "sigma_graphql_sockets";
        out.single(name, "gauge", "WebSockets open now.", read(&self.sockets));
        let name = "sigma_graphql_event_streams";
        out.single(name, "gauge", "Streams of server-sent events open now.", read(&self.event_streams));
        let name = "sigma_graphql_subscriptions";
        out.single(name, "gauge", "Subscriptions that run now.", read(&self.subscriptions));
        let name = "sigma_graphql_subscriptions_cut_total";
        out.family(name, "counter", "Subscriptions that we ended.");
        for (why, label) in Cut::ALL {
            out.sample(name, &[("reason", label)], read(&self.cut[why as usize]));
        }
    }
}

fn write_durations(
    out: &mut Exposition,
    name: &str,
    help: &str,
    label: &str,
    all: &BTreeMap<&'static str, Durations>,
) {
    out.family(name, "histogram", help);
    for (value, durations) in all {
        let bucket = format!("{name}_bucket");
        for (count, bound) in durations.buckets.iter().zip(BOUNDS_MS) {
            out.sample(&bucket, &[(label, value), ("le", &seconds(bound * 1_000))], count);
        }
        out.sample(&bucket, &[(label, value), ("le", "+Inf")], durations.count);
        out.sample(&format!("{name}_sum"), &[(label, value)], seconds(durations.sum_micros));
        out.sample(&format!("{name}_count"), &[(label, value)], durations.count);
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
