//! The newest media in memory, as slices of what came in; older media is read from the segment log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

/// Closed segments kept in memory behind the one that is open: those whose parts are listed,
/// which is what players at the edge fetch. Older ones come from the page cache. At 2.5 Mbit/s each takes 0.66 MB.
const CLOSED_SEGMENTS: usize = sigma_hls::SEGMENTS_WITH_PARTS as usize;

/// Closed segments kept at most while the log cannot be written and memory has the only copy.
const UNWRITTEN_SEGMENTS: usize = 32;

#[derive(Debug)]
struct EdgeSegment {
    msn: u64,
    parts: Vec<Arc<[Bytes]>>,
    whole: bool,
    written: bool,
    /// The log will never have it whole.
    refused: bool,
}

/// What of a session stands in memory.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    segments: VecDeque<EdgeSegment>,
    inits: BTreeMap<u32, Bytes>,
}

impl Edge {
    /// Keeps an init section. They are small; each feed brings one.
    pub(crate) fn keep_init(&mut self, init: u32, bytes: Bytes) {
        self.inits.insert(init, bytes);
    }

    /// Keeps the next part of segment `msn`.
    pub(crate) fn keep_part(&mut self, msn: u64, part: u32, slices: Vec<Bytes>, written: bool) {
        if self.segments.back().is_none_or(|segment| segment.msn != msn) {
            self.segments.push_back(EdgeSegment {
                msn,
                parts: Vec::new(),
                whole: true,
                written: true,
                refused: false,
            });
            while self.segments.len() > CLOSED_SEGMENTS + 1
                && (self.segments.len() > UNWRITTEN_SEGMENTS + 1
                    || self.segments.front().is_some_and(|oldest| oldest.written))
            {
                self.segments.pop_front();
            }
        }
        if let Some(segment) = self.segments.back_mut() {
            // After a restart an open segment's first parts are on disk only.
            segment.written &= written;
            segment.whole &= segment.parts.len() == part as usize;
            segment.parts.resize_with(part as usize, || Arc::from([]));
            segment.parts.push(slices.into());
        }
    }

    /// The log refused a part of segment `msn`.
    pub(crate) fn refused(&mut self, msn: u64) {
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.msn == msn) {
            (segment.written, segment.refused) = (false, true);
        }
    }

    /// What was on its way to the log stands there.
    pub(crate) fn written(&mut self) {
        for segment in self.segments.iter_mut().filter(|segment| !segment.refused) {
            segment.written = true;
        }
    }

    /// Lets go of what the log has.
    pub(crate) fn keep_unwritten(&mut self) {
        self.segments.retain(|segment| !segment.written);
    }

    /// Lets go of the init sections that only media uses which has left the window.
    pub(crate) fn forget_inits(&mut self, is_past: impl Fn(u32) -> bool) {
        while self.inits.len() > 1 && self.inits.first_key_value().is_some_and(|(&init, _)| is_past(init)) {
            self.inits.pop_first();
        }
    }

    /// An init section.
    pub(crate) fn init(&self, init: u32) -> Option<Bytes> {
        self.inits.get(&init).cloned()
    }

    /// The slices of a part.
    pub(crate) fn part(&self, msn: u64, part: u32) -> Option<Arc<[Bytes]>> {
        let segment = self.segments.iter().find(|segment| segment.msn == msn)?;
        segment.parts.get(part as usize).filter(|slices| !slices.is_empty()).cloned()
    }

    /// The slices of a whole segment, part by part. The caller knows that it is closed.
    pub(crate) fn segment(&self, msn: u64) -> Option<Vec<Arc<[Bytes]>>> {
        let segment = self.segments.iter().find(|segment| segment.msn == msn && segment.whole)?;
        Some(segment.parts.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(text: &'static str) -> Vec<Bytes> {
        vec![Bytes::from_static(text.as_bytes())]
    }

    #[test]
    fn it_keeps_the_open_segment_and_the_last_closed_ones() {
        let mut edge = Edge::default();
        for msn in 0..10 {
            edge.keep_part(msn, 0, slices("a"), true);
            edge.keep_part(msn, 1, slices("b"), true);
        }
        assert_eq!(edge.part(9, 1).as_deref(), Some(&slices("b")[..]));
        assert_eq!(edge.segment(7).map(|parts| parts.len()), Some(2));
        assert_eq!(edge.segment(6), None);
    }

    #[test]
    fn what_the_log_did_not_take_is_kept_for_longer_and_not_for_ever() {
        let mut edge = Edge::default();
        for msn in 0..100 {
            edge.keep_part(msn, 0, slices("a"), false);
        }
        assert_eq!(edge.segment(99 - UNWRITTEN_SEGMENTS as u64), Some(vec![slices("a").into()]));
        assert_eq!(edge.segment(98 - UNWRITTEN_SEGMENTS as u64), None);
        edge.keep_part(100, 0, slices("b"), true);
        edge.keep_unwritten();
        assert_eq!((edge.segment(100), edge.segment(99)), (None, Some(vec![slices("a").into()])));
    }

    #[test]
    fn init_sections_of_feeds_long_gone_are_let_go_and_the_newest_is_not() {
        let mut edge = Edge::default();
        for init in 0..5 {
            edge.keep_init(init, Bytes::from_static(b"init"));
        }
        edge.forget_inits(|init| init < 3);
        assert_eq!([2, 3, 4].map(|init| edge.init(init).is_some()), [false, true, true]);
        edge.forget_inits(|_| true);
        assert_eq!([3, 4].map(|init| edge.init(init).is_some()), [false, true]);
    }

    #[test]
    fn a_segment_that_began_before_a_restart_is_not_whole_here() {
        let mut edge = Edge::default();
        edge.keep_part(7, 2, slices("c"), true);
        assert_eq!(edge.part(7, 2).as_deref(), Some(&slices("c")[..]));
        assert_eq!(edge.part(7, 0), None);
        assert_eq!(edge.segment(7), None);
    }
}
