//! What the media plane counts of itself, for `/metrics`. Each label's values are a closed set, but for `session`: those
//! on air, of which there is a limit.

mod count;
mod families;
mod kinds;

pub use families::{Family, FamilyKind, FamilySample};

pub(crate) use count::{Counter, Histogram, Open};
pub(crate) use families::Now;
pub(crate) use kinds::{FeedEnding, Refusal, RequestKind};

use std::sync::Arc;

use sigma_door::Handshakes;
use sigma_health::WarningName;

/// Upper bounds of the durations from a unit to its part's being listed, in microseconds.
const PART_BOUNDS: [u64; 10] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000];

/// Upper bounds of blocking waits, in microseconds.
const WAIT_BOUNDS: [u64; 9] =
    [10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000];

/// Classes of status codes, from 2xx to 5xx.
pub(crate) const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The node's counters. One is written by whoever it happens to, without locks.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) connections: Counter,
    pub(crate) connections_open: Arc<Counter>,
    pub(crate) connections_refused: Counter,
    pub(crate) connections_sent_away: Counter,
    pub(crate) handshakes: Handshakes,
    pub(crate) received_bytes: Counter,
    pub(crate) feeds: Counter,
    pub(crate) takeovers: Counter,
    pub(crate) refused: [Counter; Refusal::ALL.len()],
    pub(crate) ended: [Counter; FeedEnding::ALL.len()],
    pub(crate) parts: Counter,
    pub(crate) segments: Counter,
    pub(crate) discontinuities: Counter,
    pub(crate) part_durations: Histogram<{ PART_BOUNDS.len() }>,
    pub(crate) log_bytes: Counter,
    pub(crate) log_errors: Counter,
    pub(crate) archive_bytes: Counter,
    pub(crate) archive_errors: Counter,
    pub(crate) archive_given_up: Counter,
    pub(crate) downloads_made: Counter,
    pub(crate) downloads_failed: Counter,
    pub(crate) requests: [[Counter; STATUS_CLASSES.len()]; RequestKind::ALL.len()],
    pub(crate) answered_bytes: [Counter; RequestKind::ALL.len()],
    pub(crate) waits_open: Arc<Counter>,
    pub(crate) wait_durations: Histogram<{ WAIT_BOUNDS.len() }>,
    pub(crate) warnings: [Counter; WarningName::ALL.len()],
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            connections: Counter::default(),
            connections_open: Arc::default(),
            connections_refused: Counter::default(),
            connections_sent_away: Counter::default(),
            handshakes: Handshakes::default(),
            received_bytes: Counter::default(),
            feeds: Counter::default(),
            takeovers: Counter::default(),
            refused: Default::default(),
            ended: Default::default(),
            parts: Counter::default(),
            segments: Counter::default(),
            discontinuities: Counter::default(),
            part_durations: Histogram::new(PART_BOUNDS),
            log_bytes: Counter::default(),
            log_errors: Counter::default(),
            archive_bytes: Counter::default(),
            archive_errors: Counter::default(),
            archive_given_up: Counter::default(),
            downloads_made: Counter::default(),
            downloads_failed: Counter::default(),
            requests: Default::default(),
            answered_bytes: Default::default(),
            waits_open: Arc::default(),
            wait_durations: Histogram::new(WAIT_BOUNDS),
            warnings: Default::default(),
        }
    }
}

impl Figures {
    /// A request was answered.
    pub(crate) fn answered(&self, kind: RequestKind, status: u16, bytes: u64) {
        let class = usize::from(status / 100).saturating_sub(2).min(STATUS_CLASSES.len() - 1);
        self.requests[kind as usize][class].add(1);
        self.answered_bytes[kind as usize].add(bytes);
    }
}
