//! A plain file (ISO/IEC 14496-12, without fragments) around segments as they stand: what stands before them.
//!
//! The segments are the file's `mdat`, one after the other, their own boxes included; the tables in front name each sample's
//! place in them (§8.7). So nothing of the media is copied or changed, and its length is known before any of it is read.
//! Tables grow with the length of the recording: they are given out in pieces ([`PlainFile::drain`]), to be kept elsewhere
//! until the head can be written.

mod description;
mod head;
mod tables;

use sigma_elementary::CLOCK;

use crate::reader::{Fragment, ReadError, Sample};
use description::Description;
use tables::Timed;

pub use head::{Head, Piece};
pub use tables::{Rows, Table};

/// How far the tracks of a segment may be apart, and a segment from the one that it follows on, in seconds: the packager
/// begins a new span for less. What is further is damage, and would be seen as a picture that stands for so long.
const MAX_APART: i64 = 60;

/// A plain file in the making.
#[derive(Debug)]
pub struct PlainFile {
    description: Description,
    tracks: Vec<Timed>,
    /// Of the segments so far.
    media_len: u64,
    /// What is added to times of the segments that follow on each other, in ticks of [`CLOCK`].
    shift: i64,
    begun: bool,
}

impl PlainFile {
    /// A file of the format of this init section (`ftyp` and `moov`).
    ///
    /// # Errors
    /// It is no init section.
    pub fn new(init: &[u8]) -> Result<Self, ReadError> {
        let description = Description::read(init)?;
        let tracks = description.tracks.iter().map(|track| Timed::new(track.track.clone())).collect();
        Ok(Self { description, tracks, media_len: 0, shift: 0, begun: false })
    }

    /// Takes the next segment, of `len` bytes with these fragments. `follows`: its times go on where the last one's ended.
    /// Where they do not, it is put where the last one ends, with its tracks as far from each other as they were.
    ///
    /// # Errors
    /// It is damaged. Then it is as if it had not been given.
    pub fn segment(&mut self, len: u64, fragments: &[Fragment], follows: bool) -> Result<(), ReadError> {
        let mut samples = Vec::with_capacity(self.tracks.len());
        for track in &self.tracks {
            samples.push(track.track.samples_of(fragments)?);
        }
        let shift = if !self.begun {
            0
        } else if follows {
            self.shift
        } else {
            self.shift_behind(&samples).unwrap_or(self.shift)
        };
        self.hold_times(&samples, shift, follows && self.begun)?;
        for (track, samples) in self.tracks.iter().zip(&samples) {
            track.hold(samples)?;
        }
        for (track, samples) in self.tracks.iter_mut().zip(&samples) {
            track.take(samples, shift, self.media_len);
            self.begun |= !samples.is_empty();
        }
        self.shift = shift;
        self.media_len += len;
        Ok(())
    }

    /// By how much a segment's times change so that it begins where all tracks have ended.
    fn shift_behind(&self, samples: &[Vec<Sample>]) -> Option<i64> {
        let both = self.tracks.iter().zip(samples).filter_map(|(track, samples)| {
            let first = samples.first()?.decode_time.cast_signed();
            Some(clock_up(track.end()? - first, track.track.timescale))
        });
        both.max().or_else(|| {
            // No track goes on.
            let ends =
                self.tracks.iter().filter_map(|track| Some(clock_up(track.end()?, track.track.timescale)));
            Some(ends.max()? - self.begins(samples).min()?)
        })
    }

    /// When each track begins in a segment, in ticks of [`CLOCK`].
    fn begins(&self, samples: &[Vec<Sample>]) -> impl Iterator<Item = i64> {
        self.tracks.iter().zip(samples).filter_map(|(track, samples)| {
            Some(clock_up(samples.first()?.decode_time.cast_signed(), track.track.timescale))
        })
    }

    fn hold_times(&self, samples: &[Vec<Sample>], shift: i64, follows: bool) -> Result<(), ReadError> {
        let apart = MAX_APART * i64::from(CLOCK);
        let (first, last) = (self.begins(samples).min(), self.begins(samples).max());
        if first.zip(last).is_some_and(|(first, last)| last - first > apart) {
            return Err(ReadError::Invalid("its tracks are too far apart"));
        }
        if last.is_some_and(|last| last > MAX_TICKS) {
            return Err(ReadError::Invalid("its time is out of all bounds"));
        }
        let ends = self.tracks.iter().filter_map(|track| Some(clock_up(track.end()?, track.track.timescale)));
        if let (true, Some(first), Some(end)) = (follows, first, ends.max())
            && (first + shift - end).abs() > apart
        {
            return Err(ReadError::Invalid("its time does not go on from what is before it"));
        }
        let lasts = |samples: &[Sample], timescale: u32| {
            let (first, last) = samples.first().zip(samples.last())?;
            Some((last.decode_time - first.decode_time) / u64::from(timescale))
        };
        let mut tracks = self.tracks.iter().zip(samples);
        if tracks.any(|(track, samples)| lasts(samples, track.track.timescale) > Some(MAX_SEGMENT)) {
            return Err(ReadError::Invalid("it lasts longer than any segment"));
        }
        Ok(())
    }

    /// Gives out what the tables have gained, some rows at once.
    ///
    /// # Errors
    /// Those of `keep`.
    pub fn drain<E>(&mut self, mut keep: impl FnMut(Rows, &[u8]) -> Result<(), E>) -> Result<(), E> {
        for (number, track) in self.tracks.iter_mut().enumerate() {
            track.drain(number, &mut keep)?;
        }
        Ok(())
    }

    /// How many bytes of rows wait to be drained.
    pub fn undrained(&self) -> usize {
        self.tracks.iter().map(Timed::undrained).sum()
    }

    /// The file has all its segments: gives out the last rows, and says what its head is made of. None where it has no sample.
    ///
    /// # Errors
    /// Those of `keep`.
    pub fn finish<E>(mut self, keep: impl FnMut(Rows, &[u8]) -> Result<(), E>) -> Result<Option<Head>, E> {
        self.tracks.iter_mut().for_each(Timed::finish);
        self.drain(keep)?;
        Ok(head::head(&self.description, &self.tracks, self.media_len))
    }
}

/// The longest stretch of time in a segment, in seconds: an hour, where players are served segments of seconds.
const MAX_SEGMENT: u64 = 3_600;

/// The latest time, in ticks of [`CLOCK`]: more than three thousand years, and no sum of some of them overflows.
const MAX_TICKS: i64 = 1 << 53;

/// Ticks of a track in those of [`CLOCK`], none of them lost.
fn clock_up(ticks: i64, timescale: u32) -> i64 {
    let scaled = i128::from(ticks) * i128::from(CLOCK);
    let timescale = i128::from(timescale);
    i64::try_from((scaled + timescale - 1).div_euclid(timescale)).unwrap_or(i64::MAX)
}
