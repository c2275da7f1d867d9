//! The state machine around spans: what begins them, what ends them.

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioConfig, CLOCK, Media, RandomAccess, VideoConfig};

use crate::boxes::init_section;
use crate::span::{Arrived, Beginning, Rendition, Span};
use crate::target::{Decided, TargetDuration};
use crate::timestamps::{Clock, Reading};
use crate::transition::{Change, Transition};
use crate::waiting::{Held, Prospect, Tracks, Waiting};
use crate::{Dropped, MAX_ACCESS_UNIT, Output, Settings, Warning};

/// A track that has been silent for so long, in ticks, is left out of what follows until it comes back: players stop
/// where one of the announced tracks ends.
const AUDIO_GONE: i64 = 3 * CLOCK as i64;
/// The same for video; slide shows have a frame every few seconds.
const VIDEO_GONE: i64 = 10 * CLOCK as i64;
/// Audio frames kept while the rendition has no audio, until a key frame lets it in.
const LATE_AUDIO: usize = 256;

/// Makes one muxed rendition of one feed after the other.
///
/// Push what arrives, in the order of arrival; carry out what it answers, in order. Every access unit from a span's
/// first key frame on comes out exactly once, in decoding order.
///
/// A *span* is media of one format on one clock. A new one begins when the format changes, when timestamps jump, when a
/// track goes for long or comes back, and after [`Packager::finish`]. Its timeline (`tfdt`) goes on where the one
/// before ended, both tracks keeping their offset.
#[derive(Debug)]
pub struct Packager {
    settings: Settings,
    target: TargetDuration,
    sequence: u32,
    /// Where the next span begins on the rendition's timeline, in ticks.
    timeline: i64,
    /// How far pictures come on it.
    video_end: i64,
    /// Whether anything stands before the next span.
    continued: bool,
    init: Option<Bytes>,
    /// As announced; the span on air may still have another one.
    video: Option<VideoConfig>,
    audio: Option<AudioConfig>,
    video_clock: Clock,
    audio_clock: Clock,
    state: State,
    /// What has been warned of in this span.
    said: Vec<Dropped>,
}

#[derive(Debug)]
enum State {
    Waiting(Waiting),
    Running(Box<Running>),
}

#[derive(Debug)]
struct Running {
    span: Span,
    transition: Option<Transition>,
    /// The latest audio that the span has no track for.
    late_audio: std::collections::VecDeque<Arrived>,
}

/// The outputs of one push.
type Outputs = Vec<Output>;

impl Packager {
    /// For a session's first feed.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            target: TargetDuration::new(&settings, None),
            sequence: 0,
            timeline: 0,
            video_end: 0,
            continued: false,
            init: None,
            video: None,
            audio: None,
            video_clock: Clock::default(),
            audio_clock: Clock::default(),
            state: State::Waiting(Waiting::new(Prospect::NEW_FEED)),
            said: Vec::new(),
        }
    }

    /// For a session that another packager began (before a restart). `target_duration`: as that one fixed it, if it
    /// did; `timeline`: where media goes on, in ticks of [`CLOCK`], at least the sum of all durations so far.
    pub fn resume(settings: Settings, target_duration: Option<u32>, timeline: u64) -> Self {
        Self {
            target: TargetDuration::new(&settings, target_duration),
            timeline: i64::try_from(timeline).unwrap_or(0),
            continued: true,
            ..Self::new(settings)
        }
    }

    /// Takes what arrived at `arrival_us` (wall clock, microseconds since 1970).
    pub fn push(&mut self, arrival_us: i64, media: Media) -> Vec<Output> {
        let mut outputs = Vec::new();
        match media {
            Media::VideoConfig(config) => self.video_config(config, &mut outputs),
            Media::AudioConfig(config) => self.audio_config(config, &mut outputs),
            Media::Video(unit) => self.unit(true, Arrived { at_us: arrival_us, unit }, &mut outputs),
            Media::Audio(unit) => self.unit(false, Arrived { at_us: arrival_us, unit }, &mut outputs),
        }
        outputs
    }

    /// The feed is gone: gives out what is whole and forgets the feed's formats and clocks. The next push begins a
    /// new span.
    pub fn finish(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.complete_transition(&mut outputs);
        self.start_if_ready(true, &mut outputs);
        self.complete_transition(&mut outputs);
        self.close(None, Prospect::NEW_FEED, &mut outputs);
        self.state = State::Waiting(Waiting::new(Prospect::NEW_FEED));
        self.video = None;
        self.audio = None;
        self.video_clock = Clock::default();
        self.audio_clock = Clock::default();
        outputs
    }

    fn video_config(&mut self, config: VideoConfig, outputs: &mut Outputs) {
        self.complete_transition(outputs);
        if self.video.as_ref() == Some(&config) {
            return;
        }
        self.start_with_held_video(outputs);
        if let State::Waiting(waiting) = &mut self.state {
            waiting.drop_track(true);
            waiting.prospect.needs_key = true;
        }
        self.video = Some(config);
    }

    fn audio_config(&mut self, config: AudioConfig, outputs: &mut Outputs) {
        self.complete_transition(outputs);
        if self.audio.as_ref() == Some(&config) {
            return;
        }
        self.start_with_held_video(outputs);
        match &mut self.state {
            State::Waiting(waiting) => waiting.drop_track(false),
            State::Running(running) => running.late_audio.clear(),
        }
        self.audio = Some(config);
    }

    /// Frames that wait for a span to begin are not lost when their configuration ends before it has begun.
    fn start_with_held_video(&mut self, outputs: &mut Outputs) {
        if matches!(&self.state, State::Waiting(waiting) if waiting.has_video()) {
            self.start_if_ready(true, outputs);
        }
    }

    /// One access unit, of video or audio.
    fn unit(&mut self, video: bool, arrived: Arrived, outputs: &mut Outputs) {
        let length = arrived.unit.data.len();
        if length == 0 || length > MAX_ACCESS_UNIT {
            return self.drop_unit(Dropped::Size, outputs);
        }
        let configured = if video { self.video.is_some() } else { self.audio.is_some() };
        if !configured {
            return self.drop_unit(Dropped::BeforeConfiguration, outputs);
        }
        if !video && self.audio_samples(&arrived.unit).is_none() {
            return self.drop_unit(Dropped::Malformed, outputs);
        }
        if let State::Running(running) = &mut self.state
            && let Some(transition) = &mut running.transition
        {
            let clock = if video { &self.video_clock } else { &self.audio_clock };
            if !transition.lets_pass(video, &arrived.unit, clock) {
                if transition.hold(video, arrived) {
                    self.complete_transition(outputs);
                }
                return;
            }
        }
        let (clock, other) = match video {
            true => (&mut self.video_clock, self.audio_clock.last()),
            false => (&mut self.audio_clock, self.video_clock.last()),
        };
        match clock.read(&arrived.unit, other) {
            Reading::At { dts, pts } => self.read_unit(video, (dts, pts), arrived, outputs),
            Reading::Jumped(by_ticks) => self.jumped(video, by_ticks, arrived, outputs),
        }
    }

    fn audio_samples(&self, unit: &AccessUnit) -> Option<u32> {
        self.audio.as_ref()?.samples_per_frame(&unit.data)
    }

    fn drop_unit(&mut self, reason: Dropped, outputs: &mut Outputs) {
        if !self.said.contains(&reason) {
            self.said.push(reason);
            outputs.push(Output::Warning(Warning::Dropped(reason)));
        }
    }

    /// A unit on the span's clock.
    fn read_unit(&mut self, video: bool, times: (i64, i64), arrived: Arrived, outputs: &mut Outputs) {
        let access = self.video.as_ref().filter(|_| video).map(|config| access(config, &arrived.unit));
        if let State::Waiting(waiting) = &mut self.state {
            let (dts, pts) = times;
            if waiting.hold(Held { arrived, dts, pts, access }) {
                self.start_if_ready(false, outputs);
            } else {
                self.drop_unit(Dropped::BeforeKeyFrame, outputs);
            }
            return;
        }
        match access {
            Some(access) => self.running_video(times, access, arrived, outputs),
            None => self.running_audio(times, arrived, outputs),
        }
    }

    fn running_video(
        &mut self,
        times: (i64, i64),
        access: RandomAccess,
        arrived: Arrived,
        outputs: &mut Outputs,
    ) {
        let State::Running(running) = &mut self.state else { return };
        let span = &running.span;
        if running.transition.is_none() {
            let changed = span.video != self.video;
            let audio_back = span.audio.is_none() && !running.late_audio.is_empty();
            let heard = span.audio_latest().unwrap_or(span.source_start());
            let audio_gone =
                span.audio.is_some() && span.video_latest().is_some_and(|latest| latest - heard > AUDIO_GONE);
            if access == RandomAccess::No {
                if changed {
                    return self.drop_unit(Dropped::BeforeKeyFrame, outputs);
                }
            } else if changed || audio_back || audio_gone {
                if audio_gone {
                    self.audio_clock.forget();
                    outputs.push(Output::Warning(Warning::AudioMissing));
                }
                let prospect = Prospect { without_audio: audio_gone, ..Prospect::AT_KEY };
                let at = span.video_latest().map_or(times.0, |latest| times.0.max(latest + 1));
                let audio_to_come = span.audio.is_some()
                    && !audio_gone
                    && span.audio_latest().is_none_or(|latest| latest < at);
                let change = Change::Format { at };
                return self.begin_transition(true, change, prospect, audio_to_come, arrived, outputs);
            }
        }
        let mut rendition = Rendition { target: &mut self.target, sequence: &mut self.sequence, outputs };
        running.span.push_video(times, access, arrived.unit, &mut rendition);
    }

    fn running_audio(&mut self, (dts, pts): (i64, i64), arrived: Arrived, outputs: &mut Outputs) {
        let samples = self.audio_samples(&arrived.unit).unwrap_or_default();
        let State::Running(running) = &mut self.state else { return };
        let span = &running.span;
        if span.audio.is_none() {
            if running.late_audio.len() >= LATE_AUDIO {
                running.late_audio.pop_front();
            }
            running.late_audio.push_back(arrived);
            return;
        }
        if running.transition.is_none() {
            // Counted samples may be a little ahead of the timestamps.
            let at = span.audio_latest().map_or(dts, |latest| dts.max(latest + 1));
            if span.audio != self.audio {
                let video_to_come = span.video_latest().is_some_and(|latest| latest < at);
                let change = Change::Format { at };
                let prospect = Prospect::GOES_ON;
                return self.begin_transition(false, change, prospect, video_to_come, arrived, outputs);
            }
            let heard = span.audio_latest().unwrap_or(dts);
            if span.video_latest().is_some_and(|latest| heard - latest > VIDEO_GONE) {
                self.video_clock.forget();
                outputs.push(Output::Warning(Warning::VideoMissing));
                let prospect = Prospect { without_video: true, needs_key: true, ..Prospect::GOES_ON };
                let change = Change::Format { at };
                return self.begin_transition(false, change, prospect, false, arrived, outputs);
            }
        }
        if pts < span.source_start() {
            return;
        }
        let mut rendition = Rendition { target: &mut self.target, sequence: &mut self.sequence, outputs };
        running.span.push_audio(pts, samples, arrived, &mut rendition);
    }

    fn jumped(&mut self, video: bool, by_ticks: i64, arrived: Arrived, outputs: &mut Outputs) {
        self.start_if_ready(true, outputs);
        match &mut self.state {
            State::Running(running) if running.transition.is_none() => {
                let span = &running.span;
                let other_to_come = if video { span.audio.is_some() } else { span.video.is_some() };
                let change = Change::Jump { by_ticks };
                self.begin_transition(video, change, Prospect::GOES_ON, other_to_come, arrived, outputs);
            }
            State::Running(_) => {
                // The other track jumped as well, elsewhere.
                self.complete_transition(outputs);
                self.unit(video, arrived, outputs);
            }
            State::Waiting(waiting) => {
                // Nothing of what was held can begin a span.
                *waiting = Waiting::new(waiting.prospect);
                self.video_clock = Clock::default();
                self.audio_clock = Clock::default();
                self.unit(video, arrived, outputs);
            }
        }
    }

    /// From this unit on the span is another one. `wait`: what the other track still has for the old one is awaited.
    fn begin_transition(
        &mut self,
        video: bool,
        change: Change,
        prospect: Prospect,
        wait: bool,
        arrived: Arrived,
        outputs: &mut Outputs,
    ) {
        let State::Running(running) = &mut self.state else { return };
        let mut transition = Transition::new(video, change, prospect);
        let complete = transition.hold(video, arrived) || !wait;
        running.transition = Some(transition);
        if complete {
            self.complete_transition(outputs);
        }
    }

    fn complete_transition(&mut self, outputs: &mut Outputs) {
        let State::Running(running) = &mut self.state else { return };
        let Some(transition) = running.transition.take() else { return };
        let late_audio = std::mem::take(&mut running.late_audio);
        let (at, mut prospect) = (transition.cut(), transition.prospect);
        if let Change::Jump { by_ticks } = transition.change {
            self.video_clock = Clock::default();
            self.audio_clock = Clock::default();
            outputs.push(Output::Warning(Warning::TimestampsJumped { by_ticks }));
            prospect.without_audio |= running.span.audio.is_none();
            prospect.without_video |= running.span.video.is_none();
        }
        let jumped = matches!(transition.change, Change::Jump { .. });
        let after = self.close(at, prospect, outputs);
        if !jumped {
            for arrived in after.into_iter().chain(late_audio) {
                self.unit(false, arrived, outputs);
            }
        }
        for (video, arrived) in transition.into_held() {
            self.unit(video, arrived, outputs);
        }
    }

    /// Ends the span on air; answers its audio from `at` on.
    fn close(&mut self, at: Option<i64>, prospect: Prospect, outputs: &mut Outputs) -> Vec<Arrived> {
        let waiting = State::Waiting(Waiting::new(prospect));
        match std::mem::replace(&mut self.state, waiting) {
            State::Running(running) => {
                let mut rendition =
                    Rendition { target: &mut self.target, sequence: &mut self.sequence, outputs };
                let closed = running.span.close(at, &mut rendition);
                self.timeline = self.timeline.max(closed.end);
                self.video_end = self.video_end.max(closed.video_end);
                closed.after
            }
            State::Waiting(_) => Vec::new(),
        }
    }

    fn start_if_ready(&mut self, force: bool, outputs: &mut Outputs) {
        let State::Waiting(waiting) = &mut self.state else { return };
        let ready = waiting.ready(self.video.is_some(), self.audio.is_some(), force);
        let Some(tracks) = ready else { return };
        let prospect = waiting.prospect;
        let held = std::mem::take(&mut waiting.held);
        if tracks.given_up {
            let missing = if tracks.video { Warning::AudioMissing } else { Warning::VideoMissing };
            outputs.push(Output::Warning(missing));
        }
        self.start(tracks, prospect, held, outputs);
    }

    fn start(&mut self, tracks: Tracks, prospect: Prospect, held: Vec<Held>, outputs: &mut Outputs) {
        let video = self.video.clone().filter(|_| tracks.video);
        let audio = self.audio.clone().filter(|_| tracks.audio);
        let first_video = held.iter().find(|unit| unit.access.is_some());
        let first_audio = held.iter().find(|unit| unit.access.is_none());
        let Some(mut first) = first_video.or(first_audio) else { return };
        let (first_frame, first_access) = (first.dts, first.access.unwrap_or(RandomAccess::Closed));
        if let Some(early) = first_audio.filter(|early| prospect.keeps_early_audio && early.dts < first.dts) {
            first = early;
        }
        let (source, anchor_us) = (first.dts, first.arrived.at_us);
        let init = match init_section(video.as_ref(), audio.as_ref()) {
            Ok(init) => init,
            Err(error) => return self.unpackageable(error.to_string(), prospect, outputs),
        };
        if self.continued {
            outputs.push(Output::Discontinuity);
        }
        self.continued = true;
        self.said.clear();
        if self.init.as_ref() != Some(&init.bytes) {
            self.init = Some(init.bytes.clone());
            outputs.push(Output::Init(init));
        }
        if video.is_none()
            && let Some(Decided(seconds)) = self.target.without_video()
        {
            outputs.push(Output::TargetDuration(seconds));
        }
        let begin = Beginning {
            video,
            audio,
            source,
            timeline: self.timeline,
            video_from: self.video_end,
            first_frame,
            first_access,
            anchor_us,
        };
        let span = Span::new(&self.settings, begin);
        let late_audio = std::collections::VecDeque::new();
        self.state = State::Running(Box::new(Running { span, transition: None, late_audio }));
        for unit in held {
            self.read_unit(unit.access.is_some(), (unit.dts, unit.pts), unit.arrived, outputs);
        }
    }

    /// Forgets the format that cannot be written; the other one goes on alone.
    fn unpackageable(&mut self, why: String, prospect: Prospect, outputs: &mut Outputs) {
        outputs.push(Output::Warning(Warning::Unpackageable(why)));
        self.video = self.video.take().filter(|config| init_section(Some(config), None).is_ok());
        self.audio = self.audio.take().filter(|config| init_section(None, Some(config)).is_ok());
        self.state = State::Waiting(Waiting::new(prospect));
    }
}

/// What the bytes say counts; where they say nothing, a frame that the protocol calls a key frame may be one of an open
/// GOP.
fn access(config: &VideoConfig, unit: &AccessUnit) -> RandomAccess {
    match config.random_access(&unit.data) {
        RandomAccess::No if unit.key => RandomAccess::Open,
        found => found,
    }
}
