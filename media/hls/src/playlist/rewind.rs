//! The rewind window: the live playlist, with all that was before it.

use std::fmt::{self, Write};

use super::{Head, Kind, held_us, open_with_parts, write_end, write_parts, write_top};
use crate::recording::{Piece, Recording};
use crate::text::{Date, Seconds};
use crate::{KeyFrame, KeyFrameName, Resource, Segment, Timeline, View, ticks_of_ms};

/// The window slides by so many segments at once, and one in so many has its date: a day's dates would be most of its
/// playlist. Between two of them players count (§4.4.4.6); the first of the window always has its own (rule 23).
const STEP: u64 = 10;

/// The media playlist of a view that is playable, `window_ms` long where there is so much. `recording` is the fold of the
/// same entries as `timeline`. With `delta`, older segments are skipped where it is worth it (§6.2.5.1). The same folds give
/// the same text.
pub fn rewind(timeline: &Timeline, recording: &Recording, view: View, window_ms: u64, delta: bool) -> String {
    let window = Window::new(timeline, recording, view, window_ms);
    let mut text = String::with_capacity(4_096);
    // Unwrap safety: writing to a String cannot fail.
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    window.write(&mut text, delta).expect("a String takes all");
    text
}

/// The I-frame playlist (§4.4.3.6) of the same window: of each whole segment the key frame with which it begins, standing until
/// the next segment. One that begins with none is a gap, so that numbers, dates and discontinuities are those of [`rewind`].
pub fn rewind_key_frames(
    timeline: &Timeline,
    recording: &Recording,
    view: View,
    window_ms: u64,
    delta: bool,
) -> String {
    let window = Window::new(timeline, recording, view, window_ms);
    let mut text = String::with_capacity(4_096);
    // Unwrap safety: writing to a String cannot fail.
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    window.write_key_frames(&mut text, delta).expect("a String takes all");
    text
}

struct Window<'a> {
    timeline: &'a Timeline,
    recording: &'a Recording,
    view: View,
    /// The first segment that is listed.
    from: u64,
    /// The first that the live window lists too.
    live_from: u64,
}

impl<'a> Window<'a> {
    fn new(timeline: &'a Timeline, recording: &'a Recording, view: View, window_ms: u64) -> Self {
        let window = ticks_of_ms(window_ms);
        let is_past = |piece: &Piece| recording.reached() - piece.start > window;
        let oldest = recording.pieces().partition_point(is_past) as u64;
        let visible = match view {
            View::Preview => 0,
            View::Public => timeline.live_from().unwrap_or(0),
        };
        let live_from = timeline.listed(view).next().map_or(timeline.next_msn(), |first| first.msn);
        let oldest = oldest.min(live_from);
        let from = (oldest - oldest % STEP).max(visible);
        Self { timeline, recording, view, from, live_from }
    }

    /// How many segments a delta leaves out: all that lie before the skip boundary and stood in whatever its reader holds.
    fn skipped(&self, until_ms: u64) -> u64 {
        let pieces = self.recording.pieces();
        let end = pieces.last().map_or(0, Piece::end);
        let boundary = ticks_of_ms(until_ms);
        let old = pieces.partition_point(|piece| end - piece.end() >= boundary) as u64;
        let known = self.timeline.first_listed_within(held_us(self.timeline, until_ms));
        old.min(known).saturating_sub(self.from)
    }

    fn write(&self, out: &mut String, delta: bool) -> fmt::Result {
        let has_gaps = (self.from..self.live_from)
            .any(|msn| self.recording.piece(msn).is_some_and(|piece| piece.gap))
            || self.timeline.listed(self.view).any(|segment| segment.gap);
        let (first, mut init) = self.write_top(out, Kind::Media, has_gaps, delta)?;
        for msn in first..self.live_from.max(first) {
            let Some(piece) = self.recording.piece(msn) else { break };
            let place = Place { msn, discontinuity: piece.discontinuity, init: piece.init };
            self.write_head(out, place, init, self.recording.date_us(msn))?;
            write_whole(out, msn, piece.duration, piece.gap)?;
            init = Some(piece.init);
        }
        for segment in self.timeline.listed(self.view).filter(|segment| segment.msn >= first) {
            self.write_head(out, Place::of(segment), init, Some(segment.date_us))?;
            if self.timeline.lists_parts_of(segment) {
                write_parts(out, segment)?;
            }
            write_whole(out, segment.msn, segment.duration, segment.gap)?;
            init = Some(segment.init);
        }
        if let Some(open) = open_with_parts(self.timeline, self.view) {
            self.write_head(out, Place::of(open), init, Some(open.date_us))?;
            write_parts(out, open)?;
            init = Some(open.init);
        }
        write_end(out, self.timeline, init)?;
        self.write_map_hint(out)
    }

    /// Where no part is hinted, the init section that the next segment will want, as far as one can tell. VHS (video.js) takes a
    /// delta of as many segments as it holds for no change at all, unless something is hinted, and stands still.
    fn write_map_hint(&self, out: &mut String) -> fmt::Result {
        let is_wanted = !self.timeline.is_ended() && self.timeline.hinted_part().is_none();
        match self.timeline.latest_init().filter(|_| is_wanted) {
            Some(latest) => {
                writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"{}\"", Resource::Init(latest.init))
            }
            None => Ok(()),
        }
    }

    fn write_key_frames(&self, out: &mut String, delta: bool) -> fmt::Result {
        let end = self.recording.pieces().len() as u64;
        let has_gaps = (self.from..end).any(|msn| KeyFrame::of_segment(self.recording, msn).is_none());
        let (first, mut init) = self.write_top(out, Kind::KeyFrames, has_gaps, delta)?;
        for msn in first..end {
            let Some(piece) = self.recording.piece(msn) else { break };
            if piece.discontinuity {
                writeln!(out, "#EXT-X-DISCONTINUITY")?;
            }
            if init.replace(piece.init) != Some(piece.init) {
                writeln!(out, "#EXT-X-MAP:URI=\"{}\"", KeyFrameName::Init(piece.init))?;
            }
            self.write_date(out, msn, piece.discontinuity, self.recording.date_us(msn))?;
            if KeyFrame::of_segment(self.recording, msn).is_none() {
                writeln!(out, "#EXT-X-GAP")?;
            }
            writeln!(out, "#EXTINF:{},\n{}", Seconds(piece.duration), KeyFrameName::Picture(msn))?;
        }
        if self.timeline.is_ended() { writeln!(out, "#EXT-X-ENDLIST") } else { Ok(()) }
    }

    /// What stands before the segments; answers the first that is listed, and the init section of the one before, where that
    /// is skipped.
    fn write_top(
        &self,
        out: &mut String,
        kind: Kind,
        has_gaps: bool,
        delta: bool,
    ) -> Result<(u64, Option<u32>), fmt::Error> {
        let until_ms = u64::from(self.timeline.target_duration().unwrap_or(1)) * 6_000;
        let skipped = if delta { self.skipped(until_ms) } else { 0 };
        let breaks = self.recording.piece(self.from).is_some_and(|first| first.discontinuity);
        let head = Head {
            has_gaps,
            skip_until_ms: until_ms,
            first_msn: self.from,
            discontinuities: self.recording.discontinuities(self.from) - u64::from(breaks),
            skipped: usize::try_from(skipped).unwrap_or(usize::MAX),
            kind,
        };
        write_top(out, self.timeline, &head)?;
        let first = self.from + skipped;
        let skipped_last = (skipped > 0).then(|| first - 1).and_then(|last| self.recording.piece(last));
        Ok((first, skipped_last.map(|last| last.init)))
    }

    fn write_head(
        &self,
        out: &mut String,
        place: Place,
        init_before: Option<u32>,
        date_us: Option<i64>,
    ) -> fmt::Result {
        if place.discontinuity {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if init_before != Some(place.init) {
            writeln!(out, "#EXT-X-MAP:URI=\"{}\"", Resource::Init(place.init))?;
        }
        self.write_date(out, place.msn, place.discontinuity, date_us)
    }

    fn write_date(
        &self,
        out: &mut String,
        msn: u64,
        discontinuity: bool,
        date_us: Option<i64>,
    ) -> fmt::Result {
        let is_dated = msn.is_multiple_of(STEP) || discontinuity || self.begins_with(msn);
        match date_us.filter(|_| is_dated) {
            Some(date) => writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(date)),
            None => Ok(()),
        }
    }

    /// Whether the window begins there as long as it has not slid yet.
    fn begins_with(&self, msn: u64) -> bool {
        self.view == View::Public && self.timeline.live_from() == Some(msn)
    }
}

/// What of a segment stands before its first part.
#[derive(Clone, Copy)]
struct Place {
    msn: u64,
    discontinuity: bool,
    init: u32,
}

impl Place {
    fn of(segment: &Segment) -> Self {
        Self { msn: segment.msn, discontinuity: segment.discontinuity, init: segment.init }
    }
}

fn write_whole(out: &mut String, msn: u64, duration: u64, gap: bool) -> fmt::Result {
    if gap {
        writeln!(out, "#EXT-X-GAP")?;
    }
    writeln!(out, "#EXTINF:{},\n{}", Seconds(duration), Resource::Segment(msn))
}
