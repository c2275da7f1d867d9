//! The state machine between the packager and the log.

use bytes::Bytes;
use sigma_log::Entry;
use sigma_packager::{InitSection, Output, Part};

use crate::timeline::MAX_LISTED;
use crate::{CLOCK, Profile, Timeline, View, ticks_of_ms, ticks_of_us, us_of_ticks};

/// The longest hole, in ticks, that is filled with gaps: the longest reconnect window twice over. Beyond it (a server that
/// was down for a day, or again and again), the date alone jumps.
const MAX_HOLE: u64 = 2 * 3_600 * CLOCK;
/// The same in segments: the media before it stays listed.
const MAX_HOLE_SEGMENTS: u64 = MAX_LISTED as u64 - 64;
/// The shortest rest of a hole, in ticks, that is worth a gap of its own: 50 ms.
const MIN_GAP: u64 = CLOCK / 20;

/// What happens to a rendition. Times are wall-clock microseconds since the Unix epoch, best taken from a clock that
/// was set once and then only goes forward.
#[derive(Clone, Debug)]
pub enum Input {
    /// The packager's answer to media that came in at `now_us`.
    Packaged {
        /// When.
        now_us: i64,
        /// All of one answer.
        outputs: Vec<Output>,
    },
    /// The feed is gone, or silent for too long, or taken over by another.
    FeedLost {
        /// When that was found out.
        at_us: i64,
        /// What the packager's `finish` still gave.
        flushed: Vec<Output>,
    },
    /// Media comes in again. Gaps hang back from here on, so that they do not cover what is being packaged.
    FeedBack {
        /// When.
        at_us: i64,
    },
    /// Time went by. Needed while the feed is lost: see [`Rendition::next_tick_us`].
    Tick {
        /// Now.
        now_us: i64,
    },
    /// The session goes public.
    GoLive {
        /// Whether all of it is public from its start (it went live by itself); else from the first segment that
        /// begins after now.
        from_start: bool,
    },
    /// The end, whatever its reason.
    Stop {
        /// When.
        now_us: i64,
        /// What the packager's `finish` still gave.
        flushed: Vec<Output>,
    },
    /// The server is there again, with this rendition read back from its log: the outage is a loss of the feed.
    Restarted {
        /// When.
        now_us: i64,
    },
}

/// An entry to append to the log, with its media; then to apply to the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The entry.
    pub entry: Entry,
    /// An init section's or a part's bytes; else empty.
    pub bytes: Vec<Bytes>,
}

#[derive(Clone, Debug)]
struct Open {
    gap: bool,
    parts: u32,
    len: u64,
    duration: u64,
    independent: bool,
}

/// A hole in the media that is being filled.
#[derive(Clone, Debug)]
struct Hole {
    from_us: i64,
    /// Ticks of gaps that were listed in this hole before the server went down.
    before: u64,
    filled: u64,
    hang_back_us: i64,
}

/// One rendition's numbers and states: everything that is listed goes through here.
#[derive(Clone, Debug)]
pub struct Rendition {
    profile: Profile,
    target: Option<u32>,
    next_msn: u64,
    open: Option<Open>,
    /// The number of the latest init section, and its bytes where they came in since the start.
    init: Option<(u32, Option<Bytes>)>,
    discontinuity_next: bool,
    /// The date of the end of what is listed, as anchor and ticks since.
    date: Option<(i64, u64)>,
    /// When, by the wall clock, the media that is listed ended.
    edge_us: Option<i64>,
    hole: Option<Hole>,
    /// Ticks of gaps at the end of what was read back.
    gap_read_back: u64,
    live: bool,
    ended: bool,
    out: Vec<Append>,
}

impl Rendition {
    /// A rendition without anything yet.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            target: None,
            next_msn: 0,
            open: None,
            init: None,
            discontinuity_next: false,
            date: None,
            edge_us: None,
            hole: None,
            gap_read_back: 0,
            live: false,
            ended: false,
            out: Vec::new(),
        }
    }

    /// The rendition of a log that was read back. Give it [`Input::Restarted`] next.
    pub fn resume(timeline: &Timeline) -> Self {
        let open = timeline.open(View::Preview).map(|open| Open {
            gap: open.gap,
            parts: u32::try_from(open.parts.len()).unwrap_or(u32::MAX),
            len: open.len,
            duration: open.duration,
            independent: open.independent,
        });
        let open_ticks = open.as_ref().map_or(0, |open| open.duration);
        Self {
            profile: *timeline.profile(),
            target: timeline.target_duration(),
            next_msn: timeline.next_msn(),
            open,
            init: timeline.latest_init().map(|init| (init.init, None)),
            discontinuity_next: false,
            date: timeline.edge_date_us().map(|date| (date, open_ticks)),
            edge_us: None,
            hole: None,
            gap_read_back: timeline.gap_at_end(),
            live: timeline.live_from().is_some(),
            ended: timeline.is_ended(),
            out: Vec::new(),
        }
    }

    /// The bytes of the latest init section, of a log that was read back: a feed that comes back in the same format goes on
    /// with it.
    pub fn remember_init(&mut self, latest: Bytes) {
        if let Some((_, bytes)) = &mut self.init {
            bytes.get_or_insert(latest);
        }
    }

    /// Takes in what happened. All entries of an answer belong together: append them in order, apply them to the
    /// timeline, and only then let anyone read it. After the end nothing comes any more.
    #[must_use]
    pub fn handle(&mut self, input: Input) -> Vec<Append> {
        if self.ended {
            return Vec::new();
        }
        match input {
            Input::Packaged { now_us, outputs } => {
                for output in outputs {
                    self.take(output, now_us);
                }
            }
            Input::FeedLost { at_us, flushed } => {
                self.flush(flushed, at_us);
                self.lose(at_us);
                self.fill(at_us);
            }
            Input::FeedBack { at_us } => {
                self.fill(at_us);
                let hang_back_us = i64::from(
                    self.profile.part_target_ms.map_or(self.gap_segment_ms(), |part_target| 2 * part_target),
                ) * 1_000;
                if let Some(hole) = &mut self.hole {
                    hole.hang_back_us = hang_back_us;
                }
            }
            Input::Tick { now_us } => self.fill(now_us),
            Input::GoLive { from_start } => self.go_live(from_start),
            Input::Stop { now_us, flushed } => {
                self.flush(flushed, now_us);
                self.close_media();
                self.open = None;
                self.hole = None;
                self.ended = true;
                self.push(Entry::Ended);
            }
            Input::Restarted { now_us } => {
                self.edge_us = self.date.map(|(anchor, ticks)| (anchor + us_of_ticks(ticks)).min(now_us));
                self.lose(now_us);
                self.fill(now_us);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// When the next [`Input::Tick`] is due: only while the feed is lost.
    pub fn next_tick_us(&self) -> Option<i64> {
        let hole = self.hole.as_ref()?;
        let filled = hole.filled + self.gap_item();
        (filled <= self.most_of(hole))
            .then(|| hole.from_us.saturating_add(hole.hang_back_us).saturating_add(us_of_ticks(filled) + 1))
    }

    /// The target duration in seconds, once fixed.
    pub fn target_duration(&self) -> Option<u32> {
        self.target
    }

    /// Whether the origin goes on with gaps.
    pub fn is_lost(&self) -> bool {
        self.hole.is_some()
    }

    /// Whether the rendition has ended.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    fn push(&mut self, entry: Entry) {
        self.out.push(Append { entry, bytes: Vec::new() });
    }

    fn take(&mut self, output: Output, now_us: i64) {
        match output {
            Output::TargetDuration(seconds) => self.fix_target(seconds),
            Output::Init(init) => self.take_init(init),
            Output::Discontinuity => {
                self.close_media();
                self.discontinuity_next = self.has_media();
            }
            Output::Part(part) => self.take_part(part, now_us),
            Output::SegmentEnd(_) => self.close_media(),
            Output::Warning(_) => {}
        }
    }

    /// Takes what the packager still held: it had come in by the time that the last media before it did.
    fn flush(&mut self, flushed: Vec<Output>, at_us: i64) {
        let edge = self.edge_us;
        let mut ticks = 0;
        for output in flushed {
            if let Output::Part(part) = &output {
                ticks += part.duration_ticks;
            }
            self.take(output, at_us);
        }
        if let Some(edge) = edge {
            self.edge_us = Some(edge.saturating_add(us_of_ticks(ticks)).min(at_us));
        }
    }

    fn has_media(&self) -> bool {
        self.next_msn > 0 || self.open.is_some()
    }

    /// Rule 5: the first word on the target duration is the last.
    fn fix_target(&mut self, seconds: u32) {
        if self.target.is_none() {
            self.target = Some(seconds.max(1));
            self.push(Entry::Target { seconds: seconds.max(1) });
        }
    }

    fn take_init(&mut self, init: InitSection) {
        let number = match &self.init {
            Some((_, Some(bytes))) if *bytes == init.bytes => return,
            Some((number, _)) => number + 1,
            None => 0,
        };
        // Rule 22: a format changes only between segments, and with a discontinuity.
        self.close_media();
        self.discontinuity_next = self.has_media();
        self.init = Some((number, Some(init.bytes.clone())));
        let entry = Entry::Init {
            init: number,
            len: init.bytes.len() as u64,
            codecs: init.codecs,
            width: init.width,
            height: init.height,
            frame_rate_milli: init.frame_rate_milli,
        };
        self.out.push(Append { entry, bytes: vec![init.bytes] });
    }

    fn take_part(&mut self, part: Part, now_us: i64) {
        let begins_at = part.first_of_span_anchor_us;
        let arrived_us = begins_at.unwrap_or(now_us.saturating_sub(us_of_ticks(part.duration_ticks)));
        if self.hole.is_some() {
            self.end_hole(arrived_us);
        }
        let over = self.target.is_some_and(|target| {
            let most = u64::from(target) * CLOCK + CLOCK / 2 - 1;
            self.open.as_ref().is_some_and(|open| open.duration + part.duration_ticks > most)
        });
        if begins_at.is_some() || over {
            self.close_media();
        }
        if self.open.is_none() {
            if self.discontinuity_next {
                self.push(Entry::Discontinuity);
            }
            if self.discontinuity_next || self.date.is_none() {
                let listed_to = self.date.map(|(anchor, ticks)| anchor.saturating_add(us_of_ticks(ticks)));
                let anchor = listed_to.map_or(arrived_us, |end| end.max(arrived_us));
                self.date = Some((anchor, 0));
                self.push(Entry::Anchor { wall_us: anchor });
            }
            self.discontinuity_next = false;
        }
        let msn = self.next_msn;
        let open = self.open.get_or_insert(Open {
            gap: false,
            parts: 0,
            len: 0,
            duration: 0,
            independent: part.independent,
        });
        let entry = Entry::Part {
            msn,
            part: open.parts,
            offset: open.len,
            len: part.len(),
            duration: part.duration_ticks,
            independent: part.independent,
        };
        let key_frame = part.key_frame_end.filter(|_| open.parts == 0);
        open.parts += 1;
        open.len += part.len();
        open.duration += part.duration_ticks;
        self.advance(part.duration_ticks);
        self.edge_us = Some(now_us);
        self.out.push(Append { entry, bytes: part.bytes });
        if let Some(end) = key_frame {
            self.push(Entry::KeyFrame { msn, end });
        }
    }

    fn advance(&mut self, ticks: u64) {
        if let Some((_, since)) = &mut self.date {
            *since += ticks;
        }
    }

    /// Closes the segment that is being written, where it has media.
    fn close_media(&mut self) {
        let Some(open) = self.open.take_if(|open| !open.gap) else { return };
        if self.target.is_none() {
            // The feed went before the packager could tell.
            let seconds =
                open.duration.div_ceil(CLOCK).max(u64::from(self.profile.segment_target_ms.div_ceil(1_000)));
            self.fix_target(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        let entry = Entry::Segment {
            msn: self.next_msn,
            duration: open.duration,
            parts: open.parts,
            independent: open.independent,
            len: open.len,
        };
        self.next_msn += 1;
        self.push(entry);
    }

    fn close_gap(&mut self) {
        let Some(open) = self.open.take_if(|open| open.gap) else { return };
        self.push(Entry::GapSegment { msn: self.next_msn, duration: open.duration });
        self.next_msn += 1;
    }

    fn go_live(&mut self, from_start: bool) {
        if !self.live {
            self.live = true;
            let next = self.next_msn + u64::from(self.open.is_some());
            self.push(Entry::Live { from_msn: if from_start { 0 } else { next } });
        }
    }

    /// Begins a hole at the end of the media, where there is any. What is being written is closed as it is.
    fn lose(&mut self, at_us: i64) {
        self.close_media();
        if !self.has_media() {
            return;
        }
        self.discontinuity_next = true;
        match &mut self.hole {
            Some(hole) => hole.hang_back_us = 0,
            None => {
                let from_us = self.edge_us.unwrap_or(at_us).min(at_us);
                let before = std::mem::take(&mut self.gap_read_back);
                self.hole = Some(Hole { from_us, before, filled: 0, hang_back_us: 0 });
            }
        }
    }

    /// The length of a gap's segment, in milliseconds: the mode's, which the target duration always allows.
    fn gap_segment_ms(&self) -> u32 {
        let most = self.target.map_or(u32::MAX, |target| target.saturating_mul(1_000));
        self.profile.segment_target_ms.min(most)
    }

    /// What a hole is filled with: parts where there are parts, else segments. Ticks.
    fn gap_item(&self) -> u64 {
        ticks_of_ms(u64::from(self.profile.part_target_ms.unwrap_or(self.gap_segment_ms()).max(1)))
    }

    /// How much of a hole is filled at most, in ticks.
    fn most_of(&self, hole: &Hole) -> u64 {
        let segments = MAX_HOLE_SEGMENTS * ticks_of_ms(self.gap_segment_ms().into());
        MAX_HOLE.min(segments).saturating_sub(hole.before)
    }

    /// Lists the gaps whose time is over (rule 21).
    fn fill(&mut self, now_us: i64) {
        let item = self.gap_item();
        while let Some(hole) = &self.hole {
            let over = ticks_of_us(now_us.saturating_sub(hole.hang_back_us).saturating_sub(hole.from_us));
            if hole.filled + item > over.min(self.most_of(hole)) {
                break;
            }
            if let Some(hole) = &mut self.hole {
                hole.filled += item;
            }
            self.list_gap(item);
        }
    }

    /// Fills the hole up to the arrival of new media.
    fn end_hole(&mut self, arrived_us: i64) {
        if let Some(hole) = &mut self.hole {
            hole.hang_back_us = 0;
        }
        self.fill(arrived_us);
        if let Some(hole) = self.hole.take() {
            let over = ticks_of_us(arrived_us.saturating_sub(hole.from_us)).min(self.most_of(&hole));
            let rest = over.saturating_sub(hole.filled);
            if rest >= MIN_GAP {
                self.list_gap(rest);
            }
        }
        self.close_gap();
    }

    fn list_gap(&mut self, ticks: u64) {
        self.advance(ticks);
        if self.profile.part_target_ms.is_none() {
            self.push(Entry::GapSegment { msn: self.next_msn, duration: ticks });
            self.next_msn += 1;
            return;
        }
        let full = ticks_of_ms(u64::from(self.gap_segment_ms()));
        // A gap that was full already when the server died.
        if self.open.as_ref().is_some_and(|open| open.duration + ticks > full) {
            self.close_gap();
        }
        let open =
            self.open.get_or_insert(Open { gap: true, parts: 0, len: 0, duration: 0, independent: true });
        let entry = Entry::GapPart { msn: self.next_msn, part: open.parts, duration: ticks };
        open.parts += 1;
        open.duration += ticks;
        let whole =
            open.duration + self.profile.part_target_ms.map_or(0, |ms| ticks_of_ms(u64::from(ms))) > full;
        self.push(entry);
        if whole {
            self.close_gap();
        }
    }
}
