//! Before a span begins: until it is known which tracks it has, and a key frame has come.

use sigma_elementary::{CLOCK, RandomAccess};

use crate::span::Arrived;

/// How long video waits for the announcement of audio, or audio for that of video, in ticks.
const ANNOUNCEMENT_WAIT: i64 = CLOCK as i64 / 2;
/// How long video waits for audio that was announced.
const AUDIO_START_WAIT: i64 = CLOCK as i64;
/// How long audio waits for video that was announced.
const VIDEO_START_WAIT: i64 = 2 * CLOCK as i64;
/// How long audio waits for the first key frame of video that is coming.
const KEY_FRAME_WAIT: i64 = 12 * CLOCK as i64;
/// Access units that are held at most.
const MAX_HELD_UNITS: usize = 4_096;
/// Bytes that are held at most.
const MAX_HELD_BYTES: usize = 32 * 1024 * 1024;

/// What is known beforehand about the span to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prospect {
    /// Video must begin with a key frame; what comes before is dropped.
    pub(crate) needs_key: bool,
    /// Audio from before the first frame is kept.
    pub(crate) keeps_early_audio: bool,
    /// Announcements may still come.
    pub(crate) patient: bool,
    /// Audio was announced, but is known not to come.
    pub(crate) without_audio: bool,
    /// Video was announced, but is known not to come.
    pub(crate) without_video: bool,
}

impl Prospect {
    /// A new feed, of which nothing is known.
    pub(crate) const NEW_FEED: Self = Self {
        needs_key: true,
        keeps_early_audio: false,
        patient: true,
        without_audio: false,
        without_video: false,
    };
    /// The span before ended at a frame from which the next can start.
    pub(crate) const AT_KEY: Self = Self { patient: false, ..Self::NEW_FEED };
    /// The same coded stream goes on: not a unit may be lost.
    pub(crate) const GOES_ON: Self = Self { needs_key: false, keeps_early_audio: true, ..Self::AT_KEY };
}

/// A unit that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) arrived: Arrived,
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    /// None: audio.
    pub(crate) access: Option<RandomAccess>,
}

/// Which tracks the span has, and whether something that was announced is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tracks {
    pub(crate) video: bool,
    pub(crate) audio: bool,
    pub(crate) given_up: bool,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) prospect: Prospect,
    pub(crate) held: Vec<Held>,
    bytes: usize,
    /// Video came, but no key frame.
    video_seen: bool,
}

impl Waiting {
    pub(crate) fn new(prospect: Prospect) -> Self {
        Self { prospect, held: Vec::new(), bytes: 0, video_seen: false }
    }

    /// Holds a unit. False: a frame that cannot be decoded, to be dropped.
    pub(crate) fn hold(&mut self, unit: Held) -> bool {
        if unit.access == Some(RandomAccess::No) && self.prospect.needs_key && !self.has_video() {
            self.video_seen = true;
            return false;
        }
        self.bytes += unit.arrived.unit.data.len();
        self.held.push(unit);
        true
    }

    /// Whether a frame is held.
    pub(crate) fn has_video(&self) -> bool {
        self.held.iter().any(|unit| unit.access.is_some())
    }

    /// Throws away the frames that were held for a decoder configuration that no longer holds.
    pub(crate) fn drop_track(&mut self, video: bool) {
        self.held.retain(|unit| unit.access.is_some() != video);
        self.bytes = self.held.iter().map(|unit| unit.arrived.unit.data.len()).sum();
    }

    /// Whether the span can begin, and with what. `force`: with what there is.
    pub(crate) fn ready(&self, video_announced: bool, audio_announced: bool, force: bool) -> Option<Tracks> {
        let force = force || self.held.len() >= MAX_HELD_UNITS || self.bytes >= MAX_HELD_BYTES;
        let (video, audio) = (self.length(true), self.length(false));
        let waited = |length: i64, wait: i64| force || length >= wait;
        match (video, audio) {
            (None, None) => None,
            (Some(_), Some(_)) => Some(Tracks { video: true, audio: true, given_up: false }),
            (Some(length), None) => {
                let wait = match (audio_announced, self.prospect) {
                    (true, Prospect { without_audio: true, .. })
                    | (false, Prospect { patient: false, .. }) => 0,
                    (true, _) => AUDIO_START_WAIT,
                    (false, _) => ANNOUNCEMENT_WAIT,
                };
                let given_up = audio_announced && !self.prospect.without_audio && !force;
                waited(length, wait).then_some(Tracks { video: true, audio: false, given_up })
            }
            (None, Some(length)) => {
                let wait = match (video_announced, self.prospect) {
                    (true, Prospect { without_video: true, .. })
                    | (false, Prospect { patient: false, .. }) => 0,
                    (true, _) if self.video_seen => KEY_FRAME_WAIT,
                    (true, _) => VIDEO_START_WAIT,
                    (false, _) => ANNOUNCEMENT_WAIT,
                };
                let given_up = video_announced && !self.prospect.without_video && !force;
                waited(length, wait).then_some(Tracks { video: false, audio: true, given_up })
            }
        }
    }

    /// From a track's first unit to its last, in ticks. None: there is none.
    fn length(&self, video: bool) -> Option<i64> {
        let mut track = self.held.iter().filter(|unit| unit.access.is_some() == video);
        let first = track.next()?.dts;
        Some(track.next_back().map_or(0, |last| last.dts - first))
    }
}
