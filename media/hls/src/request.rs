//! Delivery directives (§6.2.5): when a media playlist request is answered, and with what.

use thiserror::Error;

use crate::resource::decimal;
use crate::{Timeline, View};

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Answer the current playlist at once.
    Now {
        /// Whether a delta update was asked for.
        delta: bool,
    },
    /// Wait for the timeline's next change and resolve again; 503 after [`Timeline::block_limit_ms`] (rule 30).
    Wait {
        /// The segment that is waited for, or whose part is.
        msn: u64,
        /// The part; none: the whole segment.
        part: Option<u32>,
        /// Whether a delta update was asked for.
        delta: bool,
    },
    /// 400, at once.
    Bad(Reason),
}

/// Why a request is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Rule 28.
    #[error("_HLS_part needs _HLS_msn beside it")]
    PartWithoutMsn,
    /// Rule 29.
    #[error("_HLS_msn is more than two past the last segment: reload the playlist without it")]
    MsnTooFar,
    /// Rule 29.
    #[error("_HLS_part is too far past the last part: reload the playlist without it")]
    PartTooFar,
    /// A directive's value cannot be read.
    #[error("{0} has a value that it cannot have")]
    Value(&'static str),
    /// A directive that stands twice.
    #[error("{0} stands more than once")]
    Twice(&'static str),
}

const MSN: &str = "_HLS_msn";
const PART: &str = "_HLS_part";
const SKIP: &str = "_HLS_skip";

/// The directives of one query string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `_HLS_msn`
    pub msn: Option<u64>,
    /// `_HLS_part`
    pub part: Option<u32>,
    /// `_HLS_skip=YES` or `v2`. We list no date ranges, so both ask the same.
    pub skip: bool,
}

impl Directives {
    /// Reads the directives of a query string; whatever else stands there is none of ours.
    ///
    /// # Errors
    /// A [`Reason`] to answer 400.
    pub fn parse(query: &str) -> Result<Self, Reason> {
        let (mut msn, mut part, mut skip) = (None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                MSN => once(&mut msn, MSN, decimal(value))?,
                PART => once(&mut part, PART, decimal(value).and_then(|part| u32::try_from(part).ok()))?,
                SKIP => once(&mut skip, SKIP, matches!(value, "YES" | "v2").then_some(true))?,
                _ => {}
            }
        }
        if part.is_some() && msn.is_none() {
            return Err(Reason::PartWithoutMsn);
        }
        Ok(Self { msn, part, skip: skip.unwrap_or(false) })
    }
}

fn once<T>(slot: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), Reason> {
    let value = value.ok_or(Reason::Value(name))?;
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Reason::Twice(name)),
    }
}

/// Resolves a media playlist request with this query string (without the `?`) against the timeline as it is now.
/// Only for a view that is playable.
pub fn resolve(query: &str, view: View, timeline: &Timeline) -> Resolution {
    // Rule 31: after the end, directives are ignored, sensible or not.
    if timeline.is_ended() {
        return Resolution::Now { delta: false };
    }
    let Directives { msn, part, skip: delta } = match Directives::parse(query) {
        Ok(directives) => directives,
        Err(reason) => return Resolution::Bad(reason),
    };
    let Some(msn) = msn else { return Resolution::Now { delta } };
    // Public numbers begin where the public view does.
    let first = if view == View::Public { timeline.live_from().unwrap_or(0) } else { 0 };
    let next = timeline.next_msn().max(first);
    if msn > next.saturating_add(1) {
        return Resolution::Bad(Reason::MsnTooFar);
    }
    let has_parts = timeline.profile().part_target_ms.is_some();
    let (msn, part) = match part.filter(|_| has_parts) {
        // Rules 24 and 27.
        None if msn < next => return Resolution::Now { delta },
        None => return Resolution::Wait { msn, part: None, delta },
        // Rule 26: one beyond the last part of a whole segment is the first of the next.
        Some(part)
            if msn + 1 == next && timeline.parts_of(msn).is_some_and(|parts| part as usize >= parts) =>
        {
            (next, 0)
        }
        Some(_) if msn < next => return Resolution::Now { delta },
        Some(part) => (msn, part),
    };
    let open = timeline.open(view).filter(|open| open.msn == msn).map_or(0, |open| open.parts.len() as u64);
    if u64::from(part) < open {
        return Resolution::Now { delta };
    }
    if u64::from(part) + 1 > open + u64::from(timeline.profile().advance_part_limit()) {
        return Resolution::Bad(Reason::PartTooFar);
    }
    Resolution::Wait { msn, part: Some(part), delta }
}
