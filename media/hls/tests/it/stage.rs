//! A rendition with its timeline and its log's entries, played by hand. After every step all playlists of both views
//! are held against the checklist.

use bytes::Bytes;
use sigma_hls::{Append, Input, Profile, Rendition, Timeline, View, playlist};
use sigma_log::Entry;
use sigma_packager::{InitSection, Output, Part, SegmentEnd};

use crate::parsed::{Parsed, check, check_change, parse};

/// 2025-10-05T12:00:00Z: mid-month, far from where the parsed dates wrap.
pub(crate) const NOON: i64 = 1_759_665_600_000_000;

pub(crate) struct Stage {
    pub(crate) profile: Profile,
    pub(crate) rendition: Rendition,
    pub(crate) timeline: Timeline,
    pub(crate) entries: Vec<Entry>,
    pub(crate) now_us: i64,
    /// Outputs that come with the next part.
    pub(crate) before: Vec<Output>,
    pub(crate) new_span: bool,
    seen: [Vec<Parsed>; 2],
}

const VIEWS: [View; 2] = [View::Preview, View::Public];

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
            entries: Vec::new(),
            now_us: NOON,
            before: vec![Output::TargetDuration(target), Output::Init(init(0))],
            new_span: true,
            seen: [Vec::new(), Vec::new()],
        }
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
        self.check();
        entries
    }

    pub(crate) fn apply(&mut self, appends: Vec<Append>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for Append { entry, bytes } in appends {
            let bytes = bytes.iter().map(|slice| slice.len() as u64).sum::<u64>();
            match &entry {
                Entry::Init { len, .. } | Entry::Part { len, .. } => assert_eq!(bytes, *len),
                _ => assert_eq!(bytes, 0),
            }
            self.timeline.apply(&entry, self.now_us);
            self.entries.push(entry.clone());
            entries.push(entry);
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

    pub(crate) fn list(&self) -> Parsed {
        parse(&self.text(View::Preview))
    }

    pub(crate) fn public(&self) -> Parsed {
        parse(&self.text(View::Public))
    }

    /// Holds what a player would see now against the checklist and against what it saw before.
    pub(crate) fn check(&mut self) {
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
            check_boundary(&full, &delta);
            let end = |list: &Parsed| list.segments.last().map_or(0, |seg| seg.msn);
            for old in seen.iter() {
                // §6.2.5.1: a client asks for a delta only over a playlist at most half a skip boundary old.
                let newer: f64 =
                    full.segments.iter().filter(|seg| seg.msn >= end(old)).map(|seg| seg.duration).sum();
                if newer <= full.can_skip_until.unwrap() / 2.0 && !full.ended {
                    let mut merged = old.merged(&delta);
                    merged.version = full.version;
                    let mut expected = full.clone();
                    for seg in expected.segments.iter_mut().take(delta.skipped as usize) {
                        seg.parts.clear();
                    }
                    assert_eq!(merged, expected, "rule 32");
                }
            }
            if let Some(old) = seen.last() {
                check_change(old, &full);
            }
            seen.push(full);
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
        self.before.push(Output::Discontinuity);
        self.before.push(Output::Init(init(format)));
        self.new_span = true;
    }

    /// The server dies and is there again after `ms`, with its log as it was.
    pub(crate) fn restart(&mut self, ms: u64) -> Vec<Entry> {
        self.now_us += ms as i64 * 1_000;
        let before = VIEWS.map(|view| self.timeline.is_playable(view).then(|| self.text(view)));
        self.timeline = Timeline::fold(self.profile, &self.entries, self.now_us);
        let after = VIEWS.map(|view| self.timeline.is_playable(view).then(|| self.text(view)));
        assert_eq!(before, after, "rule 16: a restart shows what was shown");
        self.rendition = Rendition::resume(&self.timeline);
        self.before = vec![Output::Init(init(0))];
        self.new_span = true;
        self.act(Input::Restarted { now_us: self.now_us })
    }

    pub(crate) fn stop(&mut self) -> Vec<Entry> {
        self.act(Input::Stop { now_us: self.now_us, flushed: Vec::new() })
    }
}

/// Rule 32: what is skipped lies before the skip boundary, and all of it is skipped.
fn check_boundary(full: &Parsed, delta: &Parsed) {
    let total = full.total();
    let mut at = 0.0;
    let skippable = full
        .whole()
        .take_while(|seg| {
            at += seg.duration;
            total - at >= full.can_skip_until.unwrap() - 0.000_1
        })
        .count() as u64;
    assert_eq!(delta.skipped, skippable);
    assert_eq!(delta.version, delta.lowest_version(), "rule 44");
}
