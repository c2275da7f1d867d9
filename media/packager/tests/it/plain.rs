//! Plain files around segments, read by a parser that did not write them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use mp4_atom::{Decode, Moov, Stbl};
use proptest::prelude::*;
use sigma_elementary::Media;
use sigma_packager::plain::{Piece, PlainFile, Rows};
use sigma_packager::reader::{Fragment, ReadError, Skim};
use sigma_packager::{Output, Packager, Settings};

use crate::feed::{Broadcast, SECOND, aac, audio, av1, hevc, opus, package, push_all};
use crate::inspect::{self, Read, read};
use crate::laws;
use crate::real_decoder::{encode, frames_decoded, run};

/// A segment as it stands in a log.
#[derive(Debug, Clone)]
struct Segment {
    bytes: Bytes,
    /// Whether it goes on from the one before.
    follows: bool,
    samples: Vec<inspect::Sample>,
}

fn segments(read: &Read) -> Vec<Segment> {
    let of_span = |span: &inspect::ReadSpan| {
        let whole = |segment: &inspect::ReadSegment| Segment {
            bytes: segment.parts.iter().flat_map(|part| part.part.bytes.concat()).collect::<Vec<u8>>().into(),
            follows: true,
            samples: segment.parts.iter().flat_map(|part| part.samples.clone()).collect(),
        };
        let mut segments: Vec<Segment> = span.segments.iter().map(whole).collect();
        segments[0].follows = false;
        segments
    };
    read.spans.iter().flat_map(of_span).collect()
}

fn skim(segment: &Bytes, window: usize) -> Result<Vec<Fragment>, ReadError> {
    let mut skim = Skim::new(segment.len(), window);
    let mut seen = 0;
    while let Some(wanted) = skim.wanted() {
        seen += wanted.len();
        skim.take(&segment.slice(wanted))?;
        assert!(seen <= 4 * segment.len() + 64 * window, "it reads on and on");
    }
    skim.finish()
}

/// The file of these segments; none without samples.
fn file(init: &[u8], segments: &[Segment]) -> Option<Vec<u8>> {
    let mut file = PlainFile::new(init).unwrap();
    let mut tables: HashMap<Rows, Vec<u8>> = HashMap::new();
    let mut keep = |rows: Rows, bytes: &[u8]| {
        tables.entry(rows).or_default().extend_from_slice(bytes);
        Ok::<_, Infallible>(())
    };
    for segment in segments {
        file.segment(segment.bytes.len() as u64, &skim(&segment.bytes, 64).unwrap(), segment.follows)
            .unwrap();
        file.drain(&mut keep).unwrap();
        assert_eq!(file.undrained(), 0);
    }
    let head = file.finish(&mut keep).unwrap()?;
    let mut bytes = Vec::new();
    for piece in head.pieces() {
        match piece {
            Piece::Bytes(own) => bytes.extend_from_slice(own),
            Piece::Rows(rows) => {
                // In two halves, as they may be read.
                let given = tables.get(rows).map(Vec::as_slice).unwrap_or_default();
                let (one, other) = given.split_at(given.len() / 16 * 8);
                head.place(*rows, one, &mut bytes);
                head.place(*rows, other, &mut bytes);
            }
        }
    }
    assert_eq!(bytes.len() as u64, head.len());
    segments.iter().for_each(|segment| bytes.extend_from_slice(&segment.bytes));
    Some(bytes)
}

/// A sample as the tables of a plain file have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    dts: i64,
    /// On the presentation's time, in the track's ticks times the movie's: exact.
    shown: i128,
    sync: bool,
    data: Vec<u8>,
}

/// The samples of a track of a plain file.
fn told(file: &[u8], video: bool) -> Vec<Told> {
    let moov = moov(file);
    let wanted = if video { b"vide" } else { b"soun" };
    let Some(trak) = moov.trak.iter().find(|trak| trak.mdia.hdlr.handler == wanted.into()) else {
        return Vec::new();
    };
    let Stbl { stts, ctts, stss, stsc, stsz, stco, co64, .. } = &trak.mdia.minf.stbl;
    let durations =
        stts.entries.iter().flat_map(|e| std::iter::repeat_n(e.sample_delta, e.sample_count as usize));
    let durations: Vec<u32> = durations.collect();
    let offsets: Vec<i64> = match ctts {
        Some(ctts) => ctts
            .entries
            .iter()
            .flat_map(|e| std::iter::repeat_n(e.sample_offset, e.sample_count as usize))
            .collect(),
        None => vec![0; durations.len()],
    };
    let sizes = match &stsz.samples {
        mp4_atom::StszSamples::Different { sizes } => sizes.clone(),
        mp4_atom::StszSamples::Identical { count, size } => vec![*size; *count as usize],
    };
    assert_eq!((durations.len(), offsets.len()), (sizes.len(), sizes.len()));
    let chunks: Vec<u64> = match (stco, co64) {
        (Some(stco), None) => stco.entries.iter().map(|at| u64::from(*at)).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        _ => panic!("a track has one table of offsets"),
    };
    let mut places = Vec::new();
    for (index, at) in chunks.iter().enumerate() {
        let entry = stsc.entries.iter().rev().find(|entry| entry.first_chunk as usize <= index + 1).unwrap();
        assert_eq!(entry.sample_description_index, 1);
        let mut at = *at as usize;
        for _ in 0..entry.samples_per_chunk {
            let size = sizes[places.len()] as usize;
            places.push(at..at + size);
            at += size;
        }
    }
    assert_eq!(places.len(), sizes.len(), "the chunks hold all samples");
    let timescale = i128::from(trak.mdia.mdhd.timescale);
    let (mut empty, mut begins) = (0i128, 0i128);
    if let Some(list) = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref()) {
        for entry in &list.entries {
            match entry.media_time {
                Some(media) => begins = i128::from(media),
                None => empty = i128::from(entry.segment_duration),
            }
        }
    }
    let mut dts = 0;
    let mut samples = Vec::new();
    for (index, place) in places.into_iter().enumerate() {
        let number = index as u32 + 1;
        let shown =
            (i128::from(dts + offsets[index]) - begins) * i128::from(moov.mvhd.timescale) + empty * timescale;
        samples.push(Told {
            dts,
            shown,
            sync: stss.as_ref().is_none_or(|stss| stss.entries.contains(&number)),
            data: file[place].to_vec(),
        });
        dts += i64::from(durations[index]);
    }
    assert_eq!(trak.mdia.mdhd.duration, dts as u64);
    samples
}

fn moov(file: &[u8]) -> Moov {
    let mut at = 0;
    loop {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if &file[at + 4..at + 8] == b"moov" {
            return Moov::decode(&mut &file[at..at + size]).unwrap();
        }
        assert_eq!(&file[at + 4..at + 8], b"ftyp", "moov stands in front");
        at += size;
    }
}

/// Every sample of these segments is in the file once, in order, at its place; the tracks are as far from each other in each
/// stretch as they were; and no time is lost between stretches, nor overlaps.
fn assert_same(init: &[u8], segments: &[Segment]) {
    let Some(file) = file(init, segments) else {
        assert!(segments.iter().all(|segment| segment.samples.is_empty()));
        return;
    };
    let movie = moov(&file);
    let rates = [true, false].map(|video| {
        let handler = if video { b"vide" } else { b"soun" };
        let trak = movie.trak.iter().find(|trak| trak.mdia.hdlr.handler == handler.into());
        trak.map_or(1, |trak| i128::from(trak.mdia.mdhd.timescale))
    });
    // By how much its presentation differs from the segments' time, in a stretch: the same for both tracks.
    let mut shifts: Vec<[Vec<i128>; 2]> = Vec::new();
    let mut rests = [true, false].map(|video| told(&file, video).into_iter());
    for segment in segments {
        if !segment.follows || shifts.is_empty() {
            shifts.push(Default::default());
        }
        for sample in &segment.samples {
            let track = usize::from(!sample.video);
            let found = rests[track].next().expect("as many samples as there are");
            assert_eq!(found.data, sample.data, "at {}", sample.dts);
            assert_eq!(found.sync, sample.sync || !sample.video);
            let was = i128::from(sample.dts + sample.offset) * 90_000;
            // In ticks of the movie's clock times the track's.
            shifts.last_mut().unwrap()[track].push((found.shown - was) / rates[track]);
        }
    }
    assert!(rests.iter_mut().all(|rest| rest.next().is_none()), "nothing is there twice");
    for stretch in &shifts {
        let all = stretch.iter().flatten();
        let (least, most) = (all.clone().min().copied().unwrap_or(0), all.max().copied().unwrap_or(0));
        assert!(most - least <= 3, "tracks move by {least} to {most} ticks in one stretch");
    }
    // The first picture or sound is shown at the beginning.
    let first = [true, false].iter().zip(rates);
    let first = first
        .filter_map(|(video, rate)| Some(told(&file, *video).iter().map(|told| told.shown).min()? / rate));
    assert_eq!(first.min(), Some(0));
}

fn assert_plain(outputs: &[Output]) {
    let read = read(outputs);
    assert_same(&read.spans[0].init.bytes, &segments(&read));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_sample_is_in_the_file_once_at_its_place_and_its_time(
        stream in laws::stream(),
        left_out in prop::collection::vec(any::<bool>(), 64),
    ) {
        let (media, _) = laws::media(&stream);
        let read = read(&package(Settings::ULTRA_LOW, media));
        let mut all = segments(&read);
        let init = &read.spans[0].init.bytes;
        assert_same(init, &all);
        // What stands behind what is left out does not follow.
        let mut kept: Vec<Segment> = Vec::new();
        let mut follows = false;
        for (segment, is_left_out) in all.drain(..).zip(left_out.into_iter().cycle()) {
            if is_left_out {
                follows = false;
            } else {
                kept.push(Segment { follows: segment.follows && follows, ..segment });
                follows = true;
            }
        }
        assert_same(init, &kept);
    }

    #[test]
    fn damage_is_found_or_harmless(at in any::<prop::sample::Index>(), bits in 1u8.., window in 0usize..5_000) {
        let media = Broadcast::new((30, 1), 30).lasting(3 * SECOND).media();
        let read = read(&package(Settings::LOW, media));
        let all = segments(&read);
        let mut bent = all[0].bytes.to_vec();
        *at.get_mut(&mut bent) ^= bits;
        let mut file = PlainFile::new(&read.spans[0].init.bytes).unwrap();
        let taken = |file: &mut PlainFile, bytes: &Bytes| {
            let fragments = skim(bytes, window)?;
            file.segment(bytes.len() as u64, &fragments, false)
        };
        let found = taken(&mut file, &bent.into());
        prop_assert_eq!(taken(&mut file, &all[1].bytes), Ok(()), "after {:?}", found);
        let mut rows = 0;
        let head = file.finish(|_, bytes| { rows += bytes.len(); Ok::<_, Infallible>(()) }).unwrap();
        prop_assert!(head.is_some_and(|head| head.len() as usize >= rows / 2));
    }
}

#[test]
fn a_window_of_any_size_sees_the_same_fragments() {
    let media = Broadcast::new((30, 1), 30).lasting(3 * SECOND).media();
    let read = read(&package(Settings::ULTRA_LOW, media));
    let segment = &segments(&read)[0].bytes;
    let whole = skim(segment, segment.len()).unwrap();
    assert!(whole.len() > 1);
    for window in [0, 1, 16, 17, 100, 1_000] {
        assert_eq!(skim(segment, window).unwrap(), whole, "{window}");
    }
    for length in 1..segment.len() {
        let found = skim(&segment.slice(..length), 64);
        assert!(found.is_err() || found.is_ok_and(|found| whole.starts_with(&found)), "{length}");
    }
}

#[test]
fn reconnects_and_clocks_that_begin_anew_leave_no_hole() {
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let mut outputs = Vec::new();
    for start in [0, 7_000 * SECOND, 33] {
        outputs.extend(push_all(
            &mut packager,
            Broadcast::new((25, 1), 50).starting(start).lasting(5 * SECOND).media(),
        ));
        outputs.extend(packager.finish());
    }
    assert_plain(&outputs);
    let read = read(&outputs);
    let file = file(&read.spans[0].init.bytes, &segments(&read)).unwrap();
    let frames = told(&file, true);
    let longest = frames.windows(2).map(|pair| pair[1].dts - pair[0].dts).max().unwrap();
    assert!(longest < SECOND / 10, "a picture stands for {longest} ticks where a feed began anew");
    let lasts = moov(&file).mvhd.duration as i64;
    assert!((lasts - 15 * SECOND).abs() < SECOND / 4, "{lasts} ticks");
}

#[test]
fn every_codec_and_sound_alone() {
    for config in [hevc(), av1()] {
        let mut media = vec![Media::VideoConfig(config)];
        media.extend(Broadcast::new((30, 1), 30).lasting(4 * SECOND).media().into_iter().skip(1));
        assert_plain(&package(Settings::LOW, media));
    }
    let sounds = |config| {
        let media = [Media::AudioConfig(config)].into_iter();
        media.chain((0..200).map(|number| audio(i64::from(number) * 1_920, number)))
    };
    assert_plain(&package(Settings::LOW, sounds(aac(48_000))));
    assert_plain(&package(Settings::LOW, sounds(opus())));
    let mut silent = Broadcast::new((30, 1), 30).lasting(4 * SECOND);
    silent.audio_rate = None;
    assert_plain(&package(Settings::LOW, silent.media()));
}

#[test]
fn what_is_larger_than_32_bits_say_has_offsets_that_say_it() {
    let media = Broadcast::new((30, 1), 30).lasting(8 * SECOND).media();
    let read = read(&package(Settings::LOW, media));
    let all = segments(&read);
    let mut file = PlainFile::new(&read.spans[0].init.bytes).unwrap();
    // As if there were gigabytes behind each segment's last box.
    let apart = 3_000_000_000;
    for segment in &all {
        file.segment(apart, &skim(&segment.bytes, 4_096).unwrap(), segment.follows).unwrap();
    }
    let mut tables: HashMap<Rows, Vec<u8>> = HashMap::new();
    let head = file.finish(|rows, bytes| {
        tables.entry(rows).or_default().extend_from_slice(bytes);
        Ok::<_, Infallible>(())
    });
    let head = head.unwrap().unwrap();
    let mut bytes = Vec::new();
    for piece in head.pieces() {
        match piece {
            Piece::Bytes(own) => bytes.extend_from_slice(own),
            Piece::Rows(rows) => head.place(*rows, &tables[rows], &mut bytes),
        }
    }
    let (len, moov) = (head.len(), moov(&bytes));
    assert_eq!(bytes[bytes.len() - 8..], (apart * all.len() as u64 + 16).to_be_bytes());
    for trak in &moov.trak {
        let offsets = &trak.mdia.minf.stbl.co64.as_ref().expect("offsets of 64 bits").entries;
        assert!(trak.mdia.minf.stbl.stco.is_none());
        assert!(offsets.iter().all(|at| *at >= len && (*at - len) % apart < 4_000_000));
        assert!(offsets.last().is_some_and(|last| *last > 3 * apart));
    }
}

#[test]
fn a_segment_that_is_out_of_time_is_refused_and_changes_nothing() {
    let packaged = |start| {
        let media = Broadcast::new((30, 1), 30).starting(start).lasting(4 * SECOND).media();
        read(&package(Settings::LOW, media))
    };
    let read = packaged(0);
    let all = segments(&read);
    let mut late = all[1].bytes.to_vec();
    let time = late.windows(4).position(|window| window == b"tfdt").unwrap();
    // 2^40 ticks: months later.
    late[time + 10] = 1;
    let fragments = skim(&late.into(), 4_096).unwrap();
    let mut file = PlainFile::new(&read.spans[0].init.bytes).unwrap();
    let first = skim(&all[0].bytes, 4_096).unwrap();
    file.segment(all[0].bytes.len() as u64, &first, false).unwrap();
    let before = file.undrained();
    for follows in [true, false] {
        let refused = file.segment(all[1].bytes.len() as u64, &fragments, follows);
        assert!(matches!(refused, Err(ReadError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(file.undrained(), before);
}

/// A hash of each packet's data, in order.
fn hashes(path: &Path, stream: &str) -> Vec<String> {
    let path = path.to_str().unwrap();
    let printed = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            stream,
            "-show_packets",
            "-show_data_hash",
            "md5",
            "-show_entries",
            "packet=data_hash",
            "-of",
            "csv=p=0",
            path,
        ],
    );
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn ffmpeg_finds_in_it_what_it_finds_in_the_fragments() {
    for (rate, video) in [
        ("30", &["-preset", "ultrafast", "-g", "30"][..]),
        ("30000/1001", &["-preset", "veryfast", "-bf", "3", "-g", "60"][..]),
        ("25", &["-preset", "veryfast", "-bf", "2", "-g", "50", "-x264-params", "open-gop=1"][..]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut packager = Packager::new(Settings::ULTRA_LOW);
        let mut outputs = push_all(&mut packager, encode(folder.path(), rate, 5, video));
        outputs.extend(packager.finish());
        outputs.extend(push_all(&mut packager, encode(folder.path(), rate, 3, video)));
        outputs.extend(packager.finish());
        assert_plain(&outputs);
        let read = read(&outputs);
        let (init, all) = (&read.spans[0].init.bytes, segments(&read));
        let (plain, fragments) = (folder.path().join("plain.mp4"), folder.path().join("fragments.mp4"));
        std::fs::write(&plain, file(init, &all).unwrap()).unwrap();
        let joined = all.iter().flat_map(|segment| segment.bytes.to_vec());
        std::fs::write(&fragments, init.iter().copied().chain(joined).collect::<Vec<u8>>()).unwrap();
        for stream in ["v:0", "a:0"] {
            assert_eq!(hashes(&plain, stream), hashes(&fragments, stream), "{stream} at {rate}");
        }
        assert_eq!(frames_decoded(&plain, "v:0"), frames_decoded(&fragments, "v:0"), "at {rate}");
        run("ffmpeg", &["-v", "error", "-xerror", "-i", plain.to_str().unwrap(), "-f", "null", "-"]);
    }
}
