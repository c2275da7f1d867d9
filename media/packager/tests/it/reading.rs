//! What the reader finds in what the packager wrote.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use sigma_elementary::{AccessUnit, CLOCK, Media};
use sigma_packager::reader::{KeyFrame, ReadError, Sample, Track, VideoTrack};
use sigma_packager::{KeyFrameError, Output, Settings, key_frame, key_frame_init};

use crate::feed::{Broadcast, MS, SECOND, aac, audio, h264, package};
use crate::inspect::{Read, read};
use crate::real_decoder::{encode, run};

/// The init section and the segments of a session of one format.
fn segments(read: &Read) -> (Bytes, Vec<Vec<u8>>) {
    let part = |part: &crate::inspect::ReadPart| part.part.bytes.concat();
    let segments = read.spans.iter().flat_map(|span| &span.segments);
    let segments = segments.map(|segment| segment.parts.iter().flat_map(part).collect()).collect();
    (read.spans[0].init.bytes.clone(), segments)
}

/// Holds the reader against what the tests' own reader found.
fn assert_found(outputs: &[Output]) {
    let read = read(outputs);
    let (init, segments) = segments(&read);
    let track = VideoTrack::read(&init).unwrap().expect("a video track");
    let expected = read.spans.iter().flat_map(|span| &span.segments);
    for (bytes, expected) in segments.iter().zip(expected) {
        let samples = track.samples(bytes).unwrap();
        let expected: Vec<_> = expected.parts.iter().flat_map(|part| part.video()).collect();
        assert_eq!(samples.len(), expected.len());
        for (sample, expected) in samples.iter().zip(&expected) {
            assert_eq!(bytes[sample.bytes.clone()], expected.data[..]);
            assert_eq!(
                (sample.decode_time as i64, sample.offset, i64::from(sample.duration), sample.sync),
                (expected.dts, expected.offset, expected.duration, expected.sync)
            );
            assert_eq!(bytes[sample.fragment + 4..][..4], *b"moof");
        }
        assert_key_frames(&track.key_frames(bytes).unwrap(), &samples);
        if let Some(first) = samples.first() {
            assert_alone(&init, bytes, first);
        }
    }
}

/// The key frame that a segment begins with, taken out of the segment's beginning, is a fragment of its own.
fn assert_alone(init: &[u8], segment: &[u8], first: &Sample) {
    let (head, stands) = (Bytes::copy_from_slice(&segment[..first.bytes.end]), 5 * CLOCK);
    let made = key_frame(init, &head, u64::from(stands));
    let short = key_frame(init, &head.slice(..head.len() - 1), 1);
    assert!(matches!(short, Err(KeyFrameError::None)), "{short:?}");
    if !first.sync {
        return assert!(matches!(made, Err(KeyFrameError::None)), "{made:?}");
    }
    let (alone, init) = (made.unwrap().concat(), key_frame_init(init).unwrap());
    assert_eq!(Track::read_all(&init).unwrap().len(), 1, "sound is no part of it");
    let samples = VideoTrack::read(&init).unwrap().unwrap().samples(&alone).unwrap();
    let [found] = &samples[..] else { panic!("{samples:?}") };
    assert_eq!(alone[found.bytes.clone()], segment[first.bytes.clone()]);
    assert_eq!((found.decode_time, found.offset), (first.decode_time, first.offset));
    assert_eq!((found.duration, found.sync), (stands, true));
}

fn assert_key_frames(found: &[KeyFrame], samples: &[Sample]) {
    let sync: Vec<&Sample> = samples.iter().filter(|sample| sample.sync).collect();
    assert_eq!(found.len(), sync.len());
    let end = samples.last().map_or(0, |last| last.decode_time + u64::from(last.duration));
    let ends = sync.iter().skip(1).map(|next| next.decode_time).chain([end]);
    for ((frame, sample), end) in found.iter().zip(&sync).zip(ends) {
        assert_eq!((frame.fragment, &frame.bytes), (sample.fragment, &sample.bytes));
        assert_eq!(frame.presentation_time, frame.decode_time as i64 + sample.offset);
        assert_eq!((frame.decode_time, frame.lasts), (sample.decode_time, end - sample.decode_time));
    }
}

#[test]
fn key_frames_are_found_with_their_times_whatever_the_distance_between_them() {
    for gop in [1, 15, 60, 400] {
        let media = Broadcast::new((30, 1), gop).lasting(12 * SECOND).media();
        for settings in [Settings::ULTRA_LOW, Settings::LOW, Settings::NORMAL] {
            assert_found(&package(settings, media.clone()));
        }
    }
}

#[test]
fn a_rendition_without_video_has_no_key_frames() {
    let media = [Media::AudioConfig(aac(48_000))].into_iter();
    let media = media.chain((0..200).map(|number| audio(i64::from(number) * 1_920, number)));
    let read = read(&package(Settings::LOW, media));
    assert_eq!(VideoTrack::read(&segments(&read).0), Ok(None));
}

#[test]
fn a_segment_that_is_cut_short_is_said_to_be() {
    let media = Broadcast::new((30, 1), 30).lasting(3 * SECOND).media();
    let (init, segments) = segments(&read(&package(Settings::LOW, media)));
    let track = VideoTrack::read(&init).unwrap().unwrap();
    let whole = &segments[0];
    // Where a fragment ends, what is before it is whole by itself.
    let ends = |length: usize| whole[length..].get(4..8).is_some_and(|name| name == b"moof");
    for length in 1..whole.len() {
        let found = track.samples(&whole[..length]);
        assert_eq!(found.is_ok(), ends(length), "{length} of {} bytes: {found:?}", whole.len());
    }
    for length in 0..init.len() {
        assert!(VideoTrack::read(&init[..length]).is_err(), "{length} of {} bytes", init.len());
    }
}

#[test]
fn a_fragment_that_goes_back_in_time_is_damage() {
    let media = Broadcast::new((30, 1), 30).lasting(3 * SECOND).media();
    let (init, mut segments) = segments(&read(&package(Settings::LOW, media)));
    let track = VideoTrack::read(&init).unwrap().unwrap();
    let segment = &mut segments[0];
    let before = track.samples(segment).unwrap();
    let time = segment.windows(4).position(|window| window == b"tfdt").unwrap();
    // The first fragment is the latest of all.
    segment[time + 8] = 1;
    assert!(before.last().is_some_and(|last| last.fragment > 0), "the segment has two fragments");
    assert_eq!(track.samples(segment), Err(ReadError::Invalid("a track goes back in time")));
}

#[test]
fn more_samples_than_are_read_are_refused_before_they_take_memory() {
    let media = Broadcast::new((30, 1), 30).lasting(3 * SECOND).media();
    let (init, mut segments) = segments(&read(&package(Settings::LOW, media)));
    let track = VideoTrack::read(&init).unwrap().unwrap();
    let segment = &mut segments[0];
    let run = segment.windows(4).position(|window| window == b"trun").unwrap();
    // No field of a sample's own, and as many samples as can be said.
    segment[run + 4..run + 12].copy_from_slice(&[1, 0, 0, 1, 255, 255, 255, 255]);
    assert_eq!(track.samples(segment), Err(ReadError::TooManySamples));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_of_any_feed_is_found(
        frames in prop::collection::vec((1i64..400, 0i64..200, prop::bool::weighted(0.15), 1usize..300), 2..120),
        sound in any::<bool>(),
    ) {
        let mut media = vec![Media::VideoConfig(h264())];
        media.extend(sound.then(|| Media::AudioConfig(aac(48_000))));
        let (mut at, mut heard) = (0, 0);
        for (number, (after, offset, key, size)) in frames.into_iter().enumerate() {
            let key = key || number == 0;
            let mut nal = vec![if key { 0x65 } else { 0x41 }];
            nal.resize(size, number as u8);
            let data = [&(size as u32).to_be_bytes()[..], &nal].concat().into();
            media.push(Media::Video(AccessUnit { dts: at, pts: at + offset * MS, key, data }));
            at += after * MS;
            while sound && i64::from(heard) * 1_920 < at {
                media.push(audio(i64::from(heard) * 1_920, heard));
                heard += 1;
            }
        }
        assert_found(&package(Settings::ULTRA_LOW, media));
    }

    #[test]
    fn damage_is_no_panic_and_what_is_found_lies_inside(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_init in any::<bool>(),
    ) {
        let media = Broadcast::new((30, 1), 30).lasting(3 * SECOND).media();
        let (init, mut segments) = segments(&read(&package(Settings::LOW, media)));
        let mut init = init.to_vec();
        let segment = &mut segments[0];
        for (place, byte) in hits {
            let bytes: &mut [u8] = if in_init { &mut init } else { segment };
            *place.get_mut(bytes) = byte;
        }
        if let Ok(Some(track)) = VideoTrack::read(&init) && let Ok(samples) = track.samples(segment) {
            assert!(samples.iter().all(|sample| segment.get(sample.bytes.clone()).is_some()));
            assert_key_frames(&track.key_frames(segment).unwrap(), &samples);
        }
    }
}

/// (pts, dts, size, key) of each packet of a file's video, as ffprobe reads them.
fn packets(path: &Path) -> Vec<(i64, i64, usize, bool)> {
    let entries = "packet=pts,dts,size,flags";
    let path = path.to_str().unwrap();
    let text = run(
        "ffprobe",
        &["-v", "error", "-select_streams", "v", "-show_entries", entries, "-of", "csv=p=0", path],
    );
    let packets = text.lines().map(|line| {
        let fields: Vec<&str> = line.trim_end_matches(',').split(',').collect();
        let number = |index: usize| fields[index].parse::<i64>().unwrap();
        (number(0), number(1), number(2) as usize, fields[3].starts_with('K'))
    });
    packets.collect()
}

#[test]
fn the_reader_and_ffprobe_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let media = encode(folder.path(), "30000/1001", 7, &["-preset", "veryfast", "-bf", "2", "-g", "45"]);
    let (init, segments) = segments(&read(&package(Settings::LOW, media)));
    let track = VideoTrack::read(&init).unwrap().unwrap();
    assert_eq!((track.timescale, track.config.width, track.config.height), (90_000, 320, 180));
    let found: Vec<_> = segments.iter().flat_map(|bytes| track.samples(bytes).unwrap()).collect();
    let file = folder.path().join("packaged.mp4");
    std::fs::write(&file, [vec![init.to_vec()], segments].concat().concat()).unwrap();
    let found = found.iter().map(|sample| {
        let dts = sample.decode_time as i64;
        (dts + sample.offset, dts, sample.bytes.len(), sample.sync)
    });
    assert_eq!(found.collect::<Vec<_>>(), packets(&file));
}

#[test]
fn fragments_that_another_wrote_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.mp4");
    let path = file.to_str().unwrap();
    let source = "testsrc2=size=320x180:rate=25:duration=3";
    let coded = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast", "-g", "25"];
    let flags = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof", path];
    run("ffmpeg", &[&["-y", "-v", "error", "-f", "lavfi", "-i", source][..], &coded, &flags].concat());
    let bytes = std::fs::read(&file).unwrap();
    let begin = bytes.windows(4).position(|name| name == b"moof").unwrap() - 4;
    let end = bytes.windows(4).rposition(|name| name == b"mfra").unwrap() - 4;
    let track = VideoTrack::read(&bytes[..begin]).unwrap().unwrap();
    let samples = track.samples(&bytes[begin..end]).unwrap();
    let keys: Vec<usize> = (0..samples.len()).filter(|number| samples[*number].sync).collect();
    assert_eq!((samples.len(), keys), (75, vec![0, 25, 50]));
    let sizes: Vec<usize> = packets(&file).into_iter().map(|(_, _, size, _)| size).collect();
    assert_eq!(samples.iter().map(|sample| sample.bytes.len()).collect::<Vec<_>>(), sizes);
}
