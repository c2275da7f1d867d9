//! What whoever runs the process managers knows without asking their rows, for as long as he holds their lease.

use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use sigma_cluster::Fence;
use sigma_store::Cursor;

/// A place behind which nothing was to be written down is written down when the last one is older than this.
const KEEP: Duration = Duration::from_secs(1);

pub(super) struct Seat<'f> {
    pub(super) fence: &'f Fence,
    /// Up to where the log was looked at.
    place: Cursor,
    /// Up to where that is written down.
    kept: Cursor,
    kept_at: Instant,
    /// When the next step is due.
    pub(super) next_due_ms: Option<i64>,
}

impl<'f> Seat<'f> {
    /// Of who begins where the rows say.
    pub(super) fn new(fence: &'f Fence, place: Cursor, next_due_ms: Option<i64>) -> Self {
        Self { fence, kept: place.clone(), place, kept_at: monotonic(), next_due_ms }
    }

    pub(super) fn place(&self) -> &Cursor {
        &self.place
    }

    /// There was nothing to write down up to here.
    pub(super) fn pass_over(&mut self, place: Cursor) {
        self.place = place;
    }

    /// All up to here is written down, and the place with it.
    pub(super) fn kept(&mut self, place: Cursor) {
        (self.place, self.kept, self.kept_at) = (place.clone(), place, monotonic());
    }

    /// The place, where it is not written down yet.
    pub(super) fn unkept(&self) -> Option<&Cursor> {
        (self.kept != self.place).then_some(&self.place)
    }

    /// The same, once that is due.
    pub(super) fn to_keep(&self) -> Option<&Cursor> {
        self.unkept().filter(|_| self.kept_at.elapsed() >= KEEP)
    }
}
