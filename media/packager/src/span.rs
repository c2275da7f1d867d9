//! A span: media of one format on one clock, cut into parts.

use std::collections::VecDeque;

use sigma_elementary::{AccessUnit, AudioConfig, CLOCK, RandomAccess, VideoConfig};

use crate::audio_timeline::{AudioTimeline, rescale};
use crate::boxes::{AUDIO_TRACK, Fragment, Run, Sample, VIDEO_TRACK, fragment};
use crate::cutter::{Cut, Cutter, Decision};
use crate::target::{Decided, TargetDuration};
use crate::{Output, Part, SegmentEnd, Settings, Warning};

/// How far video may go on past a part's end, in ticks, before the part is closed without audio that is late.
const AUDIO_WAIT: i64 = CLOCK as i64 * 15 / 100;
/// How far audio may go on past a part's end, in ticks, before the part is closed without video that is late: no
/// encoder interleaves worse, and slide shows have a frame every few seconds.
const VIDEO_WAIT: i64 = 2 * CLOCK as i64;
/// A part that holds more is closed whatever its duration.
const MAX_PART_BYTES: usize = 32 * 1024 * 1024;
/// … and one with more access units.
const MAX_PART_UNITS: usize = 4_096;
/// What a last frame lasts if nothing tells.
const USUAL_FRAME: i64 = CLOCK as i64 / 30;

/// What emitting needs from the packager.
pub(crate) struct Rendition<'a> {
    pub(crate) target: &'a mut TargetDuration,
    pub(crate) sequence: &'a mut u32,
    pub(crate) outputs: &'a mut Vec<Output>,
}

/// How a span begins.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) video: Option<VideoConfig>,
    pub(crate) audio: Option<AudioConfig>,
    /// Its first moment on the source's clock, in ticks.
    pub(crate) source: i64,
    /// The same on the rendition's timeline, in ticks.
    pub(crate) timeline: i64,
    /// No picture is decoded before this moment of the rendition's timeline: those before the span come that far.
    pub(crate) video_from: i64,
    /// The first frame and how decoding can start with it.
    pub(crate) first_frame: i64,
    pub(crate) first_access: RandomAccess,
    pub(crate) anchor_us: i64,
}

/// An access unit as it came.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) at_us: i64,
    pub(crate) unit: AccessUnit,
}

/// What a span leaves to the next.
#[derive(Debug)]
pub(crate) struct Closed {
    /// The audio that belongs to the next one.
    pub(crate) after: Vec<Arrived>,
    /// Where the rendition's timeline goes on: where the durations of all parts add up to.
    pub(crate) end: i64,
    /// How far its pictures come on it: a little further, where the sound's format changed under pictures that had come already.
    pub(crate) video_end: i64,
}

#[derive(Debug)]
struct VideoSample {
    dts: i64,
    pts: i64,
    closed: bool,
    data: bytes::Bytes,
}

#[derive(Debug)]
struct AudioSample {
    /// In samples on the rendition's timeline.
    start: i64,
    samples: u32,
    /// The start in ticks on the source's clock.
    tick: i64,
    arrived: Arrived,
}

#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) video: Option<VideoConfig>,
    pub(crate) audio: Option<AudioConfig>,
    source: i64,
    timeline: i64,
    anchor_us: Option<i64>,
    cutter: Cutter,
    cuts: VecDeque<Cut>,
    videos: VecDeque<VideoSample>,
    audios: VecDeque<AudioSample>,
    audio_timeline: AudioTimeline,
    /// The latest video frame's start.
    video_latest: Option<i64>,
    /// How long the frame before it lasted.
    video_frame: i64,
    /// Where the emitted video ends, that of the spans before too.
    video_emitted: i64,
    /// The latest audio frame's start and end, in ticks on the source's clock.
    audio_latest: Option<(i64, i64)>,
    queued_bytes: usize,
}

impl Span {
    pub(crate) fn new(settings: &Settings, begin: Beginning) -> Self {
        let audio_only = begin.video.is_none();
        let cutter = Cutter::new(settings, begin.source, begin.first_frame, begin.first_access, audio_only);
        Self {
            audio_timeline: AudioTimeline::new(begin.audio.as_ref().map_or(CLOCK, |audio| audio.sample_rate)),
            video: begin.video,
            audio: begin.audio,
            source: begin.source,
            timeline: begin.timeline,
            anchor_us: Some(begin.anchor_us),
            cutter,
            cuts: VecDeque::new(),
            videos: VecDeque::new(),
            audios: VecDeque::new(),
            video_latest: None,
            video_frame: USUAL_FRAME,
            video_emitted: begin.video_from - begin.timeline + begin.source,
            audio_latest: None,
            queued_bytes: 0,
        }
    }

    pub(crate) fn source_start(&self) -> i64 {
        self.source
    }

    pub(crate) fn video_latest(&self) -> Option<i64> {
        self.video_latest
    }

    /// The latest audio frame's start, in ticks on the source's clock.
    pub(crate) fn audio_latest(&self) -> Option<i64> {
        self.audio_latest.map(|(start, _)| start)
    }

    pub(crate) fn push_video(
        &mut self,
        (dts, pts): (i64, i64),
        access: RandomAccess,
        unit: AccessUnit,
        rendition: &mut Rendition<'_>,
    ) {
        let mut decisions = Vec::new();
        let mut start = dts.max(self.video_emitted);
        if let Some(latest) = self.video_latest {
            start = start.max(latest + 1);
            self.video_frame = start - latest;
            self.cutter.frame(start, access, rendition.target, &mut decisions);
        }
        self.video_latest = Some(start);
        self.queued_bytes += unit.data.len();
        let closed = access == RandomAccess::Closed;
        self.videos.push_back(VideoSample { dts: start, pts, closed, data: unit.data });
        if self.is_full() {
            self.cutter.cut_full(start, rendition.target, &mut decisions);
        }
        self.carry_out(decisions, rendition);
        self.emit_ready(rendition);
    }

    /// `samples`: how long the frame lasts at the configuration's rate.
    pub(crate) fn push_audio(
        &mut self,
        pts: i64,
        samples: u32,
        arrived: Arrived,
        rendition: &mut Rendition<'_>,
    ) {
        let rate = i64::from(self.audio.as_ref().map_or(CLOCK, |audio| audio.sample_rate));
        let placed = self.audio_timeline.place(pts - self.source + self.timeline, samples);
        if let Some(gap) = placed.gap {
            let by_ticks = rescale(gap, CLOCK.into(), rate);
            rendition.outputs.push(Output::Warning(Warning::AudioReanchored { by_ticks }));
        }
        let to_source = self.source - self.timeline;
        let tick = rescale(placed.start, CLOCK.into(), rate) + to_source;
        let end = rescale(placed.start + i64::from(samples), CLOCK.into(), rate) + to_source;
        let before = self.audio_latest.replace((tick, end));
        self.queued_bytes += arrived.unit.data.len();
        self.audios.push_back(AudioSample { start: placed.start, samples, tick, arrived });
        let mut decisions = Vec::new();
        if let Some((before, _)) = before {
            if self.video.is_none() {
                self.cutter.frame(tick, RandomAccess::Closed, rendition.target, &mut decisions);
            } else {
                // The frame before: where both tracks skip a stretch, video is only a moment behind.
                self.cutter.advance(before - VIDEO_WAIT, rendition.target, &mut decisions);
            }
        }
        if self.is_full() {
            let full = if self.video.is_some() { self.video_latest.unwrap_or(tick) } else { tick };
            self.cutter.cut_full(full, rendition.target, &mut decisions);
        }
        self.carry_out(decisions, rendition);
        self.emit_ready(rendition);
    }

    /// Ends the span. Without `at` it ends with its last access unit.
    pub(crate) fn close(mut self, at: Option<i64>, rendition: &mut Rendition<'_>) -> Closed {
        let mut after = Vec::new();
        if let Some(at) = at {
            let keep = self.audios.iter().take_while(|audio| audio.tick < at).count();
            after = self.audios.split_off(keep).into_iter().map(|audio| audio.arrived).collect();
        }
        let video_end = self.video_latest.map(|latest| latest + self.video_frame);
        let audio_end = self.audios.back().map(|audio| self.audio_end(audio));
        let mut end = at.or(video_end.max(audio_end)).unwrap_or(self.source);
        end = end.max(self.cutter.part_start());
        if end == self.cutter.part_start() && !(self.videos.is_empty() && self.audios.is_empty()) {
            end += 1;
        }
        if let Some(Decided(seconds)) = rendition.target.span_ends(end - self.cutter.segment_start()) {
            rendition.outputs.push(Output::TargetDuration(seconds));
        }
        let mut decisions = Vec::new();
        self.cutter.finish(end, rendition.target, &mut decisions);
        self.carry_out(decisions, rendition);
        while let Some(cut) = self.cuts.pop_front() {
            self.emit(cut, self.cuts.is_empty(), rendition);
        }
        let to_timeline = self.timeline - self.source;
        Closed { after, end: end + to_timeline, video_end: self.video_emitted + to_timeline }
    }

    fn audio_end(&self, audio: &AudioSample) -> i64 {
        let rate = i64::from(self.audio.as_ref().map_or(CLOCK, |audio| audio.sample_rate));
        rescale(audio.start + i64::from(audio.samples), CLOCK.into(), rate) + self.source - self.timeline
    }

    fn is_full(&self) -> bool {
        self.queued_bytes > MAX_PART_BYTES || self.videos.len() + self.audios.len() > MAX_PART_UNITS
    }

    fn carry_out(&mut self, decisions: Vec<Decision>, rendition: &mut Rendition<'_>) {
        for decision in decisions {
            match decision {
                Decision::Target(seconds) => rendition.outputs.push(Output::TargetDuration(seconds)),
                Decision::Warning(warning) => rendition.outputs.push(Output::Warning(warning)),
                Decision::Cut(cut) => self.cuts.push_back(cut),
            }
        }
    }

    /// Emits the parts whose audio is there, or given up.
    fn emit_ready(&mut self, rendition: &mut Rendition<'_>) {
        while let Some(cut) = self.cuts.front().copied() {
            let complete = self.video.is_none()
                || self.audio.is_none()
                // What comes next begins where the latest ends: none of this part is to come.
                || self.audio_latest.is_some_and(|(_, end)| end >= cut.at)
                || self.video_latest.is_some_and(|latest| latest >= cut.at + AUDIO_WAIT)
                || self.is_full();
            if !complete {
                return;
            }
            self.cuts.pop_front();
            self.emit(cut, false, rendition);
        }
    }

    fn emit(&mut self, cut: Cut, last: bool, rendition: &mut Rendition<'_>) {
        let from = cut.at - cut.duration;
        let (video, independent) = self.take_video(cut.at, last);
        let audio = self.take_audio(cut.at, last);
        let (video_units, audio_units) = (units(video.as_ref()), units(audio.as_ref()));
        let first = video.as_ref().and_then(|run| run.samples.first()).filter(|first| first.sync);
        let key_frame = first.map(|first| first.data.len() as u64);
        let mut runs: Vec<Run> = video.into_iter().chain(audio).collect();
        if runs.is_empty() && cut.duration > 0 {
            runs.push(self.empty_run(from));
        }
        if !runs.is_empty() {
            *rendition.sequence = rendition.sequence.wrapping_add(1);
            match fragment(Fragment { sequence: *rendition.sequence, runs }) {
                Ok(bytes) => rendition.outputs.push(Output::Part(Part {
                    // The pictures come first, behind the boxes.
                    key_frame_end: key_frame.map(|length| bytes[0].len() as u64 + length),
                    bytes,
                    duration_ticks: cut.duration.unsigned_abs(),
                    independent,
                    first_of_span_anchor_us: self.anchor_us.take(),
                    video_units,
                    audio_units,
                })),
                Err(error) => {
                    let warning = Warning::Unpackageable(error.to_string());
                    rendition.outputs.push(Output::Warning(warning));
                }
            }
        }
        if let Some(segment) = cut.segment
            && segment.duration > 0
        {
            rendition.outputs.push(Output::SegmentEnd(SegmentEnd {
                duration_ticks: segment.duration.unsigned_abs(),
                starts_with_key: segment.starts_with_key,
            }));
        }
    }

    /// The frames that start before `end`, and whether decoding can start with one of them.
    fn take_video(&mut self, end: i64, last: bool) -> (Option<Run>, bool) {
        let Some(base) = self.videos.front().map(|sample| sample.dts).filter(|dts| last || *dts < end) else {
            return (None, self.video.is_none());
        };
        let mut samples = Vec::new();
        let mut independent = false;
        while let Some(sample) = self.videos.pop_front_if(|sample| last || sample.dts < end) {
            let next = self.videos.front().map(|next| next.dts);
            // With no next frame in sight it lasts until the cut; at a span's end never shorter than a tick.
            let until = next.unwrap_or(end.max(sample.dts + 1));
            self.video_emitted = until;
            self.queued_bytes -= sample.data.len();
            independent |= sample.closed;
            samples.push(Sample {
                duration: duration(until - sample.dts),
                offset: i32::try_from(sample.pts - sample.dts).unwrap_or(0),
                sync: sample.closed,
                data: sample.data,
            });
        }
        let base = (base - self.source + self.timeline).unsigned_abs();
        (Some(Run { track: VIDEO_TRACK, base, samples, video: true }), independent)
    }

    fn take_audio(&mut self, end: i64, last: bool) -> Option<Run> {
        let base = self.audios.front().filter(|sample| last || sample.tick < end)?.start.unsigned_abs();
        let mut samples = Vec::new();
        while let Some(sample) = self.audios.pop_front_if(|sample| last || sample.tick < end) {
            let next = self.audios.front().map(|next| next.start);
            let until = next.unwrap_or(sample.start + i64::from(sample.samples));
            let data = sample.arrived.unit.data;
            self.queued_bytes -= data.len();
            samples.push(Sample { duration: duration(until - sample.start), offset: 0, sync: true, data });
        }
        Some(Run { track: AUDIO_TRACK, base, samples, video: false })
    }

    /// A stretch of time in which no frame starts.
    fn empty_run(&self, from: i64) -> Run {
        let ticks = from - self.source + self.timeline;
        let (track, base) = match (&self.video, &self.audio) {
            (None, Some(audio)) => (AUDIO_TRACK, rescale(ticks, audio.sample_rate.into(), CLOCK.into())),
            _ => (VIDEO_TRACK, ticks),
        };
        Run { track, base: base.unsigned_abs(), samples: Vec::new(), video: track == VIDEO_TRACK }
    }
}

fn units(run: Option<&Run>) -> u32 {
    run.map_or(0, |run| u32::try_from(run.samples.len()).unwrap_or(u32::MAX))
}

fn duration(ticks: i64) -> u32 {
    u32::try_from(ticks.max(1)).unwrap_or(u32::MAX)
}
