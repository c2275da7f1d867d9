//! Reads what the packager wrote, with a parser that it did not write with: the boxes' lengths by hand, their bodies by
//! mp4-atom's decoder.

use bytes::Bytes;
use mp4_atom::{Decode, Moof, Moov};
use sigma_packager::{InitSection, Output, Part, SegmentEnd, Warning};

/// One sample as a player sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) video: bool,
    /// In the track's timescale.
    pub(crate) dts: i64,
    pub(crate) duration: i64,
    pub(crate) offset: i64,
    pub(crate) sync: bool,
    pub(crate) data: Bytes,
}

impl Sample {
    /// The number that the feed gave it.
    pub(crate) fn number(&self) -> u32 {
        let tail = &self.data[self.data.len() - 4..];
        u32::from_be_bytes([tail[0], tail[1], tail[2], tail[3]])
    }
}

/// One part with what is in it.
#[derive(Debug, Clone)]
pub(crate) struct ReadPart {
    pub(crate) part: Part,
    pub(crate) samples: Vec<Sample>,
}

impl ReadPart {
    pub(crate) fn video(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|sample| sample.video)
    }

    pub(crate) fn audio(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(|sample| !sample.video)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ReadSegment {
    pub(crate) parts: Vec<ReadPart>,
    pub(crate) end: SegmentEnd,
}

/// From one discontinuity to the next.
#[derive(Debug, Clone)]
pub(crate) struct ReadSpan {
    pub(crate) init: InitSection,
    /// Whether it brought its own init section.
    pub(crate) new_init: bool,
    pub(crate) audio_rate: u32,
    pub(crate) segments: Vec<ReadSegment>,
}

impl ReadSpan {
    pub(crate) fn parts(&self) -> impl Iterator<Item = &ReadPart> {
        self.segments.iter().flat_map(|segment| &segment.parts)
    }

    pub(crate) fn video(&self) -> Vec<Sample> {
        self.parts().flat_map(ReadPart::video).cloned().collect()
    }

    pub(crate) fn audio(&self) -> Vec<Sample> {
        self.parts().flat_map(ReadPart::audio).cloned().collect()
    }

    pub(crate) fn duration(&self) -> u64 {
        self.parts().map(|part| part.part.duration_ticks).sum()
    }

    /// Audio's first start minus video's first decoding time, in ticks of 90 kHz.
    pub(crate) fn audio_offset(&self) -> i64 {
        let audio = self.audio()[0].dts * 90_000 / i64::from(self.audio_rate);
        audio - self.video()[0].dts
    }
}

#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) target: Option<u32>,
    pub(crate) spans: Vec<ReadSpan>,
    pub(crate) warnings: Vec<Warning>,
}

impl Read {
    pub(crate) fn segment_seconds(&self) -> Vec<u64> {
        let segments = self.spans.iter().flat_map(|span| &span.segments);
        segments.map(|segment| (segment.end.duration_ticks + 45_000) / 90_000).collect()
    }

    /// The numbers of all video frames, in the order of the file.
    pub(crate) fn video_numbers(&self) -> Vec<u32> {
        self.spans.iter().flat_map(ReadSpan::video).map(|sample| sample.number()).collect()
    }

    pub(crate) fn audio_numbers(&self) -> Vec<u32> {
        self.spans.iter().flat_map(ReadSpan::audio).map(|sample| sample.number()).collect()
    }
}

/// Reads outputs and checks what must hold of every sequence of them.
pub(crate) fn read(outputs: &[Output]) -> Read {
    let mut read = Read::default();
    let mut init: Option<InitSection> = None;
    let mut new_init = false;
    let mut new_span = true;
    let mut open: Vec<ReadPart> = Vec::new();
    for output in outputs {
        match output {
            Output::TargetDuration(seconds) => {
                assert_eq!(read.target.replace(*seconds), None, "the target duration is fixed once");
            }
            Output::Warning(warning) => read.warnings.push(warning.clone()),
            Output::Discontinuity => {
                assert!(open.is_empty(), "a discontinuity inside a segment");
                assert!(!read.spans.is_empty(), "a discontinuity before anything");
                new_span = true;
            }
            Output::Init(section) => {
                assert!(new_span, "an init section inside a span");
                assert_ne!(
                    init.as_ref().map(|old| &old.bytes),
                    Some(&section.bytes),
                    "the same init section"
                );
                init = Some(section.clone());
                new_init = true;
            }
            Output::Part(part) => {
                let init = init.clone().expect("an init section before the first part");
                assert_eq!(
                    part.first_of_span_anchor_us.is_some(),
                    new_span,
                    "the anchor is with the first part"
                );
                if std::mem::take(&mut new_span) {
                    let audio_rate = audio_rate(&init);
                    let new_init = std::mem::take(&mut new_init);
                    read.spans.push(ReadSpan { init, new_init, audio_rate, segments: Vec::new() });
                }
                open.push(read_part(part));
            }
            Output::SegmentEnd(end) => {
                assert!(read.target.is_some(), "a segment before the target duration");
                assert!(!open.is_empty(), "a segment without parts");
                let parts = std::mem::take(&mut open);
                read.spans.last_mut().expect("a span").segments.push(ReadSegment { parts, end: *end });
            }
        }
    }
    assert!(open.is_empty(), "a segment that never ends");
    read
}

/// A span begins on the rendition's timeline where the durations of all parts before it add up to, and no track of it
/// goes back, not from span to span either.
fn assert_timeline(read: &Read) {
    let (mut start, mut latest) = (0, [i64::MIN; 2]);
    for span in &read.spans {
        let (video, audio) = (span.video(), span.audio());
        let rate = i64::from(span.audio_rate.max(1));
        let begins = video.first().map_or(i64::MAX, |sample| sample.dts);
        let begins = begins.min(audio.first().map_or(i64::MAX, |sample| sample.dts * 90_000 / rate));
        assert!((-1..=1).contains(&(begins - start)), "a span begins at {begins}, not at {start}");
        for (track, (latest, rate)) in [video, audio].iter().zip(latest.iter_mut().zip([90_000, rate])) {
            assert!(track.windows(2).all(|pair| pair[0].dts < pair[1].dts));
            let ticks = |sample: &Sample| sample.dts * 90_000 / rate;
            let first = track.first().map_or(i64::MAX, ticks);
            assert!(first >= *latest, "a track goes back from {latest} to {first}");
            *latest = track.last().map_or(*latest, ticks);
        }
        start += span.duration() as i64;
    }
}

fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        found.push((String::from_utf8_lossy(&bytes[4..8]).into_owned(), &bytes[..size]));
        bytes = &bytes[size..];
    }
    found
}

pub(crate) fn moov(init: &InitSection) -> Moov {
    let boxes = boxes(&init.bytes);
    assert_eq!(boxes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ftyp", "moov"]);
    Moov::decode(&mut &boxes[1].1[..]).unwrap()
}

fn audio_rate(init: &InitSection) -> u32 {
    moov(init).trak.iter().find(|trak| trak.tkhd.track_id == 2).map_or(0, |trak| trak.mdia.mdhd.timescale)
}

/// Splits a part into samples, by its own boxes.
pub(crate) fn read_part(part: &Part) -> ReadPart {
    let whole: Vec<u8> = part.bytes.iter().flat_map(|slice| slice.to_vec()).collect();
    assert_eq!(whole.len() as u64, part.len());
    let whole = Bytes::from(whole);
    let boxes = boxes(&whole);
    assert_eq!(boxes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["moof", "mdat"]);
    let moof_length = boxes[0].1.len();
    let moof = Moof::decode(&mut &boxes[0].1[..]).unwrap();
    let mut samples = Vec::new();
    let mut expected = moof_length + 8;
    for traf in &moof.traf {
        let video = traf.tfhd.track_id == 1;
        assert!(traf.tfhd.default_base_is_moof);
        let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
        for trun in &traf.trun {
            let mut offset = usize::try_from(trun.data_offset.unwrap()).unwrap();
            assert_eq!(offset, expected, "the runs lie one after the other");
            for entry in trun.samples.iter() {
                let size = entry.size.unwrap() as usize;
                let flags = entry.flags.or(traf.tfhd.default_sample_flags).unwrap();
                let duration = i64::from(entry.duration.unwrap());
                samples.push(Sample {
                    video,
                    dts,
                    duration,
                    offset: entry.cts.unwrap_or(0),
                    sync: flags & 0x0001_0000 == 0,
                    data: whole.slice(offset..offset + size),
                });
                dts += duration;
                offset += size;
            }
            expected = offset;
        }
    }
    assert_eq!(expected, whole.len(), "nothing in mdat is left over");
    let first = samples.iter().find(|sample| sample.video).filter(|first| first.sync);
    let ends = first.map(|first| (moof_length + 8 + first.data.len()) as u64);
    assert_eq!(part.key_frame_end, ends, "where the key frame ends with which it begins");
    let read = ReadPart { part: part.clone(), samples };
    assert_eq!(read.video().count(), part.video_units as usize);
    assert_eq!(read.audio().count(), part.audio_units as usize);
    read
}

/// The rules on parts and segments (the checklist's 5, 7, 8, 9), where parts are listed.
pub(crate) fn assert_rules(read: &Read, part_target: u64) {
    assert_timeline(read);
    let target = u64::from(read.target.unwrap());
    for span in &read.spans {
        for segment in &span.segments {
            let sum: u64 = segment.parts.iter().map(|part| part.part.duration_ticks).sum();
            assert_eq!(sum, segment.end.duration_ticks, "a segment is as long as its parts");
            assert!(
                (sum + 45_000) / 90_000 <= target,
                "a segment of {sum} ticks with a target of {target} s"
            );
            assert_eq!(segment.end.starts_with_key, segment.parts[0].part.independent, "{:?}", segment.end);
            for (index, part) in segment.parts.iter().enumerate() {
                let last = index + 1 == segment.parts.len();
                let ticks = part.part.duration_ticks;
                assert!(ticks <= part_target, "a part of {ticks} ticks");
                let excused = last || part.part.independent;
                assert!(
                    ticks * 100 >= part_target * 85 || excused,
                    "a part of {ticks} ticks, number {index}"
                );
                if span.init.video {
                    let key = part.video().any(|sample| sample.sync);
                    assert_eq!(part.part.independent, key, "INDEPENDENT iff there is a key frame");
                    if key {
                        assert!(part.video().next().unwrap().sync, "a part with a key frame begins with it");
                    }
                } else {
                    assert!(part.part.independent);
                }
            }
        }
    }
}
