//! A rendition with its timeline and its log's entries, played by hand. After every step all playlists of both views
//! are held against the checklist.

use std::collections::BTreeMap;

use bytes::Bytes;
use sigma_hls::{Append, Input, Profile, Recording, Rendition, Timeline, View, playlist};
use sigma_log::Entry;
use sigma_packager::{InitSection, Output, Part, SegmentEnd};

use crate::parsed::{Parsed, check, check_change, parse};

/// 2025-10-05T12:00:00Z: mid-month, far from where the parsed dates wrap.
pub(crate) const NOON: i64 = 1_759_665_600_000_000;

pub(crate) struct Stage {
    pub(crate) profile: Profile,
    pub(crate) rendition: Rendition,
    pub(crate) timeline: Timeline,
    pub(crate) recording: Recording,
    pub(crate) entries: Vec<Entry>,
    pub(crate) now_us: i64,
    /// Outputs that come with the next part.
    pub(crate) before: Vec<Output>,
    pub(crate) new_span: bool,
    /// The playlists of late, each with the last moment at which a client may have got it.
    seen: [Vec<(Parsed, i64)>; 2],
    /// The same of the rewind window.
    rewound: [Vec<(Parsed, i64)>; 2],
    /// When each segment became whole, and when playlists last changed.
    listed: BTreeMap<u64, i64>,
    changed_us: i64,
    /// Before then a server that was started again does not know how old its segments are.
    restarted_us: i64,
    was_down: bool,
    /// Whether nothing is checked: a test looks for itself.
    unchecked: bool,
}

const VIEWS: [View; 2] = [View::Preview, View::Public];

/// The rewind window of every test, in milliseconds.
pub(crate) const REWIND_MS: u64 = 150_000;

pub(crate) fn init(format: u8) -> InitSection {
    InitSection {
        bytes: Bytes::from(vec![format; 40]),
        codecs: "avc1.64001f,mp4a.40.2".into(),
        width: 1_280,
        height: 720,
        frame_rate_milli: Some(30_000),
        video: true,
        audio: true,
    }
}

impl Stage {
    /// Just before the first part of a feed with this target duration.
    pub(crate) fn new(profile: Profile, target: u32) -> Self {
        Self {
            profile,
            rendition: Rendition::new(profile),
            timeline: Timeline::new(profile),
            recording: Recording::default(),
            entries: Vec::new(),
            now_us: NOON,
            before: vec![Output::TargetDuration(target), Output::Init(init(0))],
            new_span: true,
            seen: [Vec::new(), Vec::new()],
            rewound: [Vec::new(), Vec::new()],
            listed: BTreeMap::new(),
            changed_us: NOON,
            restarted_us: i64::MIN,
            was_down: false,
            unchecked: false,
        }
    }

    /// One whose playlists are not checked.
    pub(crate) fn unchecked(profile: Profile, target: u32) -> Self {
        Self { unchecked: true, ..Self::new(profile, target) }
    }

    pub(crate) fn ultra_low() -> Self {
        Self::new(Profile::ULTRA_LOW, 2)
    }

    pub(crate) fn low() -> Self {
        Self::new(Profile::LOW, 2)
    }

    pub(crate) fn normal() -> Self {
        Self::new(Profile::NORMAL, 6)
    }

    pub(crate) fn act(&mut self, input: Input) -> Vec<Entry> {
        let appends = self.rendition.handle(input);
        let entries = self.apply(appends);
        if !self.unchecked {
            self.check();
        }
        entries
    }

    pub(crate) fn apply(&mut self, appends: Vec<Append>) -> Vec<Entry> {
        let mut entries = Vec::new();
        let version = self.timeline.version();
        for Append { entry, bytes } in appends {
            let bytes = bytes.iter().map(|slice| slice.len() as u64).sum::<u64>();
            match &entry {
                Entry::Init { len, .. } | Entry::Part { len, .. } => assert_eq!(bytes, *len),
                _ => assert_eq!(bytes, 0),
            }
            if let Entry::Segment { msn, .. } | Entry::GapSegment { msn, .. } = &entry {
                self.listed.insert(*msn, self.now_us);
            }
            self.timeline.apply(&entry, self.now_us);
            self.recording.apply(&entry);
            self.entries.push(entry.clone());
            entries.push(entry);
        }
        if self.timeline.version() != version {
            self.changed_us = self.now_us;
        }
        self.timeline.forget(self.now_us);
        entries
    }

    /// Seconds of all gaps that are whole, listed still or not.
    pub(crate) fn gap_seconds(&self) -> f64 {
        let ticks: u64 = self
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::GapSegment { duration, .. } => *duration,
                _ => 0,
            })
            .sum();
        ticks as f64 / 90_000.0
    }

    pub(crate) fn text(&self, view: View) -> String {
        playlist::media(&self.timeline, view, false)
    }

    pub(crate) fn rewind(&self, view: View, delta: bool) -> String {
        playlist::rewind(&self.timeline, &self.recording, view, REWIND_MS, delta)
    }

    pub(crate) fn list(&self) -> Parsed {
        parse(&self.text(View::Preview))
    }

    pub(crate) fn public(&self) -> Parsed {
        parse(&self.text(View::Public))
    }

    /// Holds what a player would see now against the checklist and against what it saw before.
    pub(crate) fn check(&mut self) {
        let exact = self.changed_us - self.restarted_us.max(0) > held_us(&self.timeline);
        for (view, seen) in VIEWS.into_iter().zip(&mut self.seen) {
            if !self.timeline.is_playable(view) {
                assert!(seen.is_empty(), "what was playable stays playable");
                continue;
            }
            let text = playlist::media(&self.timeline, view, false);
            let full = parse(&text);
            check(&full);
            assert_eq!(full.skipped, 0);
            let delta = parse(&playlist::media(&self.timeline, view, true));
            let held_us = held_us(&self.timeline);
            let is_old = |msn| self.listed.get(&msn).is_some_and(|at| self.changed_us - at > held_us);
            check_boundary(&full, &delta, is_old, exact);
            // He who got it may have done so up to this very moment, or until the server died.
            if let Some((_, until)) = seen.last_mut().filter(|_| !self.was_down) {
                *until = self.now_us;
            }
            for (old, until) in seen.iter() {
                if self.now_us - until <= held_us && !full.ended {
                    let mut merged = old.merged(&delta);
                    merged.version = full.version;
                    let mut expected = full.clone();
                    for seg in expected.segments.iter_mut().take(delta.skipped as usize) {
                        seg.parts.clear();
                    }
                    assert_eq!(merged, expected, "rule 32");
                }
            }
            if let Some((old, _)) = seen.last() {
                check_change(old, &full);
            }
            seen.push((full, self.now_us));
            if seen.len() > 20 {
                seen.remove(0);
            }
        }
        self.check_rewind();
        self.was_down = false;
    }

    /// The same of the rewind window; and that it holds the live window.
    fn check_rewind(&mut self) {
        let held_us = 1_000 * 6_000 * i64::from(self.timeline.target_duration().unwrap_or(0));
        let has_gaps = self.gap_seconds() > 0.0;
        for (view, seen) in VIEWS.into_iter().zip(&mut self.rewound) {
            if !self.timeline.is_playable(view) {
                continue;
            }
            let text = |delta| playlist::rewind(&self.timeline, &self.recording, view, REWIND_MS, delta);
            let (full, delta) = (parse(&text(false)), parse(&text(true)));
            check(&full.dated());
            check_contained(&parse(&playlist::media(&self.timeline, view, false)), &full);
            let frames =
                |delta| playlist::rewind_key_frames(&self.timeline, &self.recording, view, REWIND_MS, delta);
            let (frames, newest) = (parse(&frames(false)), parse(&frames(true)));
            check_key_frames(&self.recording, &frames, &newest, &full, delta.skipped);
            let before: f64 = full.segments.iter().skip(10).map(|seg| seg.duration).sum();
            assert!(before <= REWIND_MS as f64 / 1_000.0 + 60.0 || has_gaps, "the window slides: {before}");
            if let Some((_, until)) = seen.last_mut().filter(|_| !self.was_down) {
                *until = self.now_us;
            }
            for (old, until) in seen.iter().filter(|_| delta.skipped > 0) {
                if self.now_us - until <= held_us && !full.ended {
                    // Which it does not, where the delta lists as many as it holds.
                    assert!(!delta.hints.is_empty(), "VHS sees a change");
                    let mut merged = old.merged(&delta);
                    merged.version = full.version;
                    let mut expected = full.clone();
                    for seg in expected.segments.iter_mut().take(delta.skipped as usize) {
                        seg.parts.clear();
                    }
                    assert_eq!(merged, expected, "rule 32");
                }
            }
            if let Some((old, _)) = seen.last() {
                check_change(old, &full);
            }
            seen.push((full, self.now_us));
            if seen.len() > 20 {
                seen.remove(0);
            }
        }
    }

    /// A part that ends now, `ms` after the last; with `end`, the last of its segment.
    pub(crate) fn part(&mut self, ms: u64, independent: bool, end: bool) -> Vec<Entry> {
        self.now_us += ms as i64 * 1_000;
        let outputs = self.outputs(ms, independent, end);
        self.act(Input::Packaged { now_us: self.now_us, outputs })
    }

    pub(crate) fn outputs(&mut self, ms: u64, independent: bool, end: bool) -> Vec<Output> {
        let mut outputs = std::mem::take(&mut self.before);
        let anchor = self.now_us - ms as i64 * 1_000;
        outputs.push(Output::Part(Part {
            bytes: vec![Bytes::from(vec![1; 100]), Bytes::from(vec![2; ms as usize])],
            duration_ticks: ms * 90,
            independent,
            key_frame_end: independent.then_some(60),
            first_of_span_anchor_us: std::mem::take(&mut self.new_span).then_some(anchor),
            video_units: 1,
            audio_units: 1,
        }));
        if end {
            outputs.push(Output::SegmentEnd(SegmentEnd { duration_ticks: 0, starts_with_key: true }));
        }
        outputs
    }

    /// A whole segment of the mode.
    pub(crate) fn segment(&mut self) {
        let (parts, ms) = match self.profile.part_target_ms {
            Some(ms) => (u64::from(self.profile.segment_target_ms / ms), u64::from(ms)),
            None => (u64::from(self.profile.segment_target_ms / 1_000), 1_000),
        };
        for part in 0..parts {
            self.part(ms, part == 0, part + 1 == parts);
        }
    }

    pub(crate) fn segments(&mut self, count: usize) {
        for _ in 0..count {
            self.segment();
        }
    }

    pub(crate) fn lose(&mut self) -> Vec<Entry> {
        self.act(Input::FeedLost { at_us: self.now_us, flushed: Vec::new() })
    }

    /// Time goes by, in ticks when they are due.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now_us + ms as i64 * 1_000;
        while let Some(next) = self.rendition.next_tick_us().filter(|next| *next <= until) {
            self.now_us = self.now_us.max(next);
            let entries = self.act(Input::Tick { now_us: self.now_us });
            assert!(!entries.is_empty(), "a tick that is due brings something");
        }
        self.now_us = until;
        self.act(Input::Tick { now_us: self.now_us });
    }

    /// Media comes in again; the next part begins a new span, in `format`.
    pub(crate) fn back(&mut self, format: u8) {
        self.act(Input::FeedBack { at_us: self.now_us });
        self.format(format);
    }

    /// The feed goes on in another format.
    pub(crate) fn format(&mut self, format: u8) {
        self.before.push(Output::Discontinuity);
        self.before.push(Output::Init(init(format)));
        self.new_span = true;
    }

    /// The server dies and is there again after `ms`, with its log as it was.
    pub(crate) fn restart(&mut self, ms: u64) -> Vec<Entry> {
        let shown = |stage: &Self| {
            VIEWS.map(|view| {
                let is_playable = stage.timeline.is_playable(view);
                is_playable.then(|| (stage.text(view), stage.rewind(view, false)))
            })
        };
        let before = shown(self);
        self.fold(ms);
        let after = shown(self);
        assert_eq!(before, after, "rule 16: a restart shows what was shown");
        self.before = vec![Output::Init(init(0))];
        self.new_span = true;
        self.act(Input::Restarted { now_us: self.now_us })
    }

    /// What a server that is there again after `ms` reads from its log.
    pub(crate) fn fold(&mut self, ms: u64) {
        let seen = self.seen.iter_mut().chain(&mut self.rewound);
        for (_, until) in seen.filter_map(|seen| seen.last_mut()) {
            *until = self.now_us;
        }
        self.now_us += ms as i64 * 1_000;
        self.was_down = true;
        (self.restarted_us, self.changed_us) = (self.now_us, self.now_us);
        for entry in &self.entries {
            if let Entry::Segment { msn, .. } | Entry::GapSegment { msn, .. } = entry {
                // What was written and never shown is new now.
                self.listed.entry(*msn).or_insert(self.now_us);
            }
        }
        self.timeline = Timeline::fold(self.profile, &self.entries, self.now_us);
        self.recording = Recording::fold(&self.entries);
        self.rendition = Rendition::resume(&self.timeline);
    }

    pub(crate) fn stop(&mut self) -> Vec<Entry> {
        self.act(Input::Stop { now_us: self.now_us, flushed: Vec::new() })
    }
}

/// How old the playlist that a delta is merged into may be: half the skip boundary when it is asked for (§6.3.7), and as
/// long as a request may be blocked after that (rule 30).
fn held_us(timeline: &Timeline) -> i64 {
    let target = i64::from(timeline.target_duration().unwrap_or(0));
    let until_ms = match timeline.profile().part_target_ms {
        Some(_) => 6_000 * target,
        None => i64::from(timeline.profile().window_ms).max(8_000 * target),
    };
    (until_ms / 2 + 3_000 * target) * 1_000
}

/// Rule 32: what is skipped lies before the skip boundary, counted from the end of the last whole segment; and all of it is
/// skipped that everybody holds who asks.
fn check_boundary(full: &Parsed, delta: &Parsed, is_old: impl Fn(u64) -> bool, exact: bool) {
    let total: f64 = full.whole().map(|seg| seg.duration).sum();
    let mut at = 0.0;
    let before: Vec<u64> = full
        .whole()
        .take_while(|seg| {
            at += seg.duration;
            total - at >= full.can_skip_until.unwrap() - 0.000_1
        })
        .map(|seg| seg.msn)
        .collect();
    let skippable = before.iter().take_while(|msn| is_old(**msn)).count() as u64;
    assert!(delta.skipped <= skippable, "{} skipped, {skippable} may be", delta.skipped);
    assert!(delta.skipped == skippable || !exact || full.ended, "{} skipped of {skippable}", delta.skipped);
    assert_eq!(delta.version, delta.lowest_version(), "rule 44");
}

/// The key frames of the rewind window have its numbers, lengths, breaks and dates.
fn check_key_frames(recording: &Recording, frames: &Parsed, newest: &Parsed, media: &Parsed, skipped: u64) {
    assert!(frames.key_frames_only && frames.part_target.is_none() && frames.hints.is_empty());
    assert_eq!((frames.msn, frames.dsn, frames.ended), (media.msn, media.dsn, media.ended));
    assert_eq!((frames.target, frames.hold_back), (media.target, media.hold_back));
    assert_eq!(frames.segments.len(), media.whole().count());
    for (one, other) in frames.segments.iter().zip(media.whole()) {
        let of_media = |name: &Option<String>| name.as_ref().map(|name| name.replace('k', "i"));
        assert_eq!(
            (one.msn, one.duration, one.discontinuity),
            (other.msn, other.duration, other.discontinuity)
        );
        assert_eq!(
            (one.uri.clone(), of_media(&one.map)),
            (Some(format!("k{}.m4s", one.msn)), other.map.clone())
        );
        assert!(one.date_ms.is_none() || one.date_ms == other.date_ms);
        let has_one = recording.piece(one.msn).is_some_and(|piece| piece.key_frame_end.is_some());
        assert_eq!(one.gap, !has_one, "there is a picture wherever one is known");
    }
    assert_eq!(newest.skipped, skipped);
    assert_eq!(newest.version, if skipped > 0 { 9 } else { frames.version });
    let left = &frames.segments[skipped as usize..];
    // What a delta does not say of its first segments is what held for the last that it skips.
    let before = frames.segments[..skipped as usize].last().and_then(|seg| seg.map.clone());
    let mapped = newest
        .segments
        .iter()
        .map(|seg| crate::parsed::Seg { map: seg.map.clone().or(before.clone()), ..seg.clone() });
    assert!(mapped.eq(left.iter().cloned()));
}

/// The live window is the newest of the rewind window.
fn check_contained(live: &Parsed, rewind: &Parsed) {
    let newest = rewind.segments.iter().skip((live.msn - rewind.msn) as usize);
    for (one, other) in live.segments.iter().zip(newest.clone()) {
        let undated = |seg: &crate::parsed::Seg| crate::parsed::Seg { date_ms: None, ..seg.clone() };
        assert_eq!(undated(one), undated(other));
    }
    assert_eq!(live.segments.len(), newest.count());
    assert_eq!(live.ended, rewind.ended);
    match live.hints.as_slice() {
        [] => {
            assert!(rewind.ended || rewind.hints.iter().all(|(kind, _)| kind == "MAP"), "{:?}", rewind.hints)
        }
        hints => assert_eq!(hints, rewind.hints),
    }
    let before = rewind.segments.iter().take((live.msn - rewind.msn) as usize);
    let discontinuities = before.filter(|seg| seg.discontinuity).count() as u64;
    assert_eq!(live.dsn.unwrap(), rewind.dsn.unwrap() + discontinuities, "rule 17");
}
