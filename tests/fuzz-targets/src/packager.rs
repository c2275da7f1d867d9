use std::collections::BTreeMap;

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, CLOCK, Media, VideoCodec, VideoConfig};
use sigma_packager::reader::VideoTrack;
use sigma_packager::{Output, Packager, Settings, Warning};

use crate::{draw::Draw, fragments};

/// Written by x264: 1280×720 and 640×360, 30 frames a second; and AAC-LC, 48 and 44.1 kHz, stereo; and Opus.
const AVC_720P: &[u8] =
    b"\x01\x42\xc0\x1f\xff\xe1\x00\x17\x67\x42\xc0\x1f\xda\x01\x40\x16\xec\x04\x40\x00\x00\x03\x00\
    \x40\x00\x00\x0f\x03\xc6\x0c\xa8\x01\x00\x04\x68\xce\x0f\xc8";
const AVC_360P: &[u8] =
    b"\x01\x42\xc0\x1e\xff\xe1\x00\x17\x67\x42\xc0\x1e\xda\x02\x80\xbf\xe5\xc0\x44\x00\x00\x0f\xa4\
    \x00\x03\xa9\x80\x3c\x58\xba\x80\x01\x00\x04\x68\xce\x0f\xc8";
const AAC_48: &[u8] = &[0x11, 0x90];
const AAC_44: &[u8] = &[0x12, 0x10];
const OPUS: &[u8] = &[0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0];

/// The end of a unit that makes it a key frame, one of a recovery point, or neither, to the codec.
const PICTURES: [&[u8]; 3] =
    [&[0, 0, 0, 2, 0x65, 1], &[0, 0, 0, 5, 6, 6, 1, 0xc4, 0x80, 0, 0, 0, 2, 0x41, 1], &[0, 0, 0, 2, 0x41, 1]];

/// Configurations, access units and ends of feeds in any order, with any times.
///
/// Parts tile segments; the target duration is said once and kept to; nothing comes before its init section; neither track
/// goes back on the rendition's timeline, discontinuity or not; no unit comes out that did not go in; and the packager's own
/// reader finds all of them.
pub fn packager(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut seen = Seen::default();
    let mut packager = Packager::new(settings(&mut draw));
    let (mut clock, mut arrival) = (0i64, 1_767_225_600_000_000i64);
    while !draw.is_empty() {
        let step = draw.byte();
        arrival = arrival.saturating_add(i64::from(draw.byte()) * 1_000);
        let media = match step % 16 {
            0 => Media::VideoConfig(video(draw.one_of([AVC_720P, AVC_360P]))),
            1 => Media::AudioConfig(audio(AudioCodec::Aac, draw.one_of([AAC_48, AAC_44]))),
            2 => Media::AudioConfig(audio(AudioCodec::Opus, OPUS)),
            3 => {
                seen.all(packager.finish());
                seen.feed_ended();
                continue;
            }
            4 => {
                clock = draw.long();
                continue;
            }
            5 => {
                clock = clock.saturating_add(i64::from(draw.word() as i32));
                continue;
            }
            // The server died and is there again, with something listed.
            6 if seen.parts > 0 => {
                seen.all(packager.finish());
                seen.feed_ended();
                packager = Packager::resume(settings(&mut draw), seen.target, seen.ticks);
                seen.resumed();
                // What is listed stays; the packager does not know how the last init section read.
                seen.init = None;
                continue;
            }
            kind => {
                clock = clock.saturating_add(i64::from(draw.byte()) * 90);
                let pts = clock.saturating_add(i64::from(draw.byte() as i8) * 900);
                let sound = kind < 10;
                let data: Bytes = match kind {
                    7 => draw.bytes(8).to_vec().into(),
                    8..=10 => Bytes::from_static(&[0xfc, 0xff, 1]),
                    11 => draw.bytes(24).to_vec().into(),
                    _ => Bytes::from_static(PICTURES[usize::from(kind.saturating_sub(12)).min(2)]),
                };
                seen.pushed[usize::from(!sound)] += 1;
                seen.pushed_bytes += data.len();
                let unit = AccessUnit { dts: clock, pts, key: step & 0x80 != 0, data };
                if sound { Media::Audio(AccessUnit { pts: clock, ..unit }) } else { Media::Video(unit) }
            }
        };
        seen.all(packager.push(arrival, media));
    }
    seen.all(packager.finish());
    seen.feed_ended();
}

fn settings(draw: &mut Draw<'_>) -> Settings {
    draw.one_of([Settings::ULTRA_LOW, Settings::LOW, Settings::NORMAL])
}

fn video(record: &'static [u8]) -> VideoConfig {
    VideoConfig::parse(VideoCodec::H264, Bytes::from_static(record)).unwrap_or_else(|error| panic!("{error}"))
}

fn audio(codec: AudioCodec, record: &'static [u8]) -> AudioConfig {
    AudioConfig::parse(codec, Bytes::from_static(record)).unwrap_or_else(|error| panic!("{error}"))
}

/// What came out so far.
#[derive(Debug, Default)]
struct Seen {
    target: Option<u32>,
    init: Option<Bytes>,
    /// As the packager's own reader has it.
    video: Option<VideoTrack>,
    timescales: BTreeMap<u32, u32>,
    /// Whether an anchor is due: a span has no part yet.
    new_span: bool,
    parts: u64,
    /// Ticks of all parts, and of those of the open segment.
    ticks: u64,
    open: Option<u64>,
    /// Where each track's latest sample starts, in ticks of 90 kHz.
    latest: BTreeMap<u32, u64>,
    /// Sound and pictures that went in, and came out.
    pushed: [usize; 2],
    out: [usize; 2],
    pushed_bytes: usize,
    out_bytes: usize,
}

impl Seen {
    fn all(&mut self, outputs: Vec<Output>) {
        outputs.into_iter().for_each(|output| self.take(output));
    }

    /// Everything that was held is out or dropped, so that nothing is open.
    fn feed_ended(&mut self) {
        assert_eq!(self.open, None, "a segment that does not end with its feed");
    }

    /// The log tells how long its parts are, not where the pictures of the last one end: no further back than that.
    fn resumed(&mut self) {
        for latest in self.latest.values_mut() {
            *latest = self.ticks.min(*latest);
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::TargetDuration(seconds) => {
                assert!(seconds > 0);
                assert_eq!(self.target.replace(seconds), None, "the target duration is said once");
            }
            Output::Discontinuity => {
                assert!(self.open.is_none(), "a discontinuity inside a segment");
                assert!(self.parts > 0, "a discontinuity before all");
                self.new_span = true;
            }
            Output::Init(init) => {
                assert!(self.open.is_none(), "an init section inside a segment");
                assert_ne!(
                    self.init.replace(init.bytes.clone()),
                    Some(init.bytes.clone()),
                    "the same init section"
                );
                self.timescales = fragments::tracks(&init).into_iter().collect();
                self.video = VideoTrack::read(&init.bytes).expect("what was written is read");
                assert_eq!(self.video.is_some(), init.video);
                assert_eq!(self.timescales.contains_key(&1), init.video);
                assert_eq!(self.timescales.contains_key(&2), init.audio);
                self.new_span = true;
            }
            Output::Part(part) => {
                assert!(part.duration_ticks > 0, "a part lasts");
                assert_eq!(part.first_of_span_anchor_us.is_some(), std::mem::take(&mut self.new_span));
                self.parts += 1;
                self.ticks += part.duration_ticks;
                *self.open.get_or_insert(0) += part.duration_ticks;
                let runs = fragments::runs(&part);
                let count = |track| {
                    runs.iter().filter(|run| run.track == track).map(|run| run.samples).sum::<usize>()
                };
                let found = [count(2), count(1)];
                if let Some(track) = &self.video {
                    let samples = track.samples(&part.bytes.concat()).expect("what was written is read");
                    assert_eq!(samples.len(), found[1]);
                    assert_eq!(samples.iter().any(|sample| sample.sync), part.independent);
                }
                assert_eq!(found, [part.audio_units as usize, part.video_units as usize]);
                for (out, found) in self.out.iter_mut().zip(found) {
                    *out += found;
                }
                for run in runs {
                    self.run(&run);
                }
                assert!(
                    self.out[0] <= self.pushed[0] && self.out[1] <= self.pushed[1],
                    "more came out than went in"
                );
                assert!(self.out_bytes <= self.pushed_bytes, "more came out than went in");
            }
            Output::SegmentEnd(end) => {
                assert_eq!(self.open.take(), Some(end.duration_ticks), "a segment is as long as its parts");
                let Some(target) = self.target else { panic!("a segment before the target duration") };
                let seconds = (end.duration_ticks + u64::from(CLOCK) / 2) / u64::from(CLOCK);
                assert!(
                    seconds <= target.into(),
                    "a segment of {seconds} s with a target duration of {target}"
                );
            }
            Output::Warning(warning) => {
                assert!(!matches!(warning, Warning::Unpackageable(_)), "these configurations can be written");
            }
        }
    }

    /// A track's samples start one behind the other, within a tick: sound is counted in samples.
    fn run(&mut self, run: &fragments::Run) {
        let Some(scale) = self.timescales.get(&run.track) else { panic!("a run of track {}", run.track) };
        let ticks = |time: u64| {
            let ticks = u128::from(time) * u128::from(CLOCK) / u128::from(*scale);
            u64::try_from(ticks).unwrap_or(u64::MAX)
        };
        self.out_bytes += run.bytes;
        if run.samples == 0 {
            return;
        }
        let before = self.latest.insert(run.track, ticks(run.latest));
        let back = before.is_some_and(|before| ticks(run.start) < before);
        assert!(!back, "track {} goes back from {before:?} to {}", run.track, ticks(run.start));
    }
}
