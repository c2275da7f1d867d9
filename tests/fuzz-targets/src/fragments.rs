//! Reads what the packager writes: the boxes' lengths by hand, their bodies by mp4-atom's decoder.

use bytes::{Buf, Bytes};
use mp4_atom::{Decode, Moof, Moov};
use sigma_packager::{InitSection, Part};

/// What one part holds of one track.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) track: u32,
    /// In the track's timescale.
    pub(crate) start: u64,
    /// Where its last sample starts.
    pub(crate) latest: u64,
    pub(crate) samples: usize,
    pub(crate) bytes: usize,
}

/// The boxes of some bytes, which must be whole: name and body with its header.
fn boxes(bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (length, name) = (rest.get_u32() as usize, rest.get_u32().to_be_bytes());
        let at = bytes.len() - rest.len() - 8;
        assert!(length >= 8 && at + length <= bytes.len(), "a box of {length} bytes at {at}");
        found.push((name, &bytes[at..at + length]));
        rest.advance(length - 8);
    }
    found
}

/// The track ids and timescales of an init section.
pub(crate) fn tracks(init: &InitSection) -> Vec<(u32, u32)> {
    let boxes = boxes(&init.bytes);
    let [(file, _), (movie, body)] = &boxes[..] else { panic!("an init section of {} boxes", boxes.len()) };
    assert_eq!((file, movie), (b"ftyp", b"moov"));
    let movie =
        Moov::decode(&mut &body[..]).unwrap_or_else(|error| panic!("a moov that is not read: {error}"));
    movie.trak.iter().map(|trak| (trak.tkhd.track_id, trak.mdia.mdhd.timescale)).collect()
}

/// The runs of a part.
pub(crate) fn runs(part: &Part) -> Vec<Run> {
    let whole: Vec<u8> = part.bytes.iter().flat_map(|slice: &Bytes| slice.to_vec()).collect();
    assert_eq!(whole.len() as u64, part.len());
    let boxes = boxes(&whole);
    let [(moof, head), (mdat, _)] = &boxes[..] else { panic!("a part of {} boxes", boxes.len()) };
    assert_eq!((moof, mdat), (b"moof", b"mdat"));
    let moof =
        Moof::decode(&mut &head[..]).unwrap_or_else(|error| panic!("a moof that is not read: {error}"));
    let mut offset = head.len() + 8;
    let mut runs = Vec::new();
    for traf in &moof.traf {
        let start = traf.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time).unwrap_or_default();
        let mut run = Run { track: traf.tfhd.track_id, start, latest: start, samples: 0, bytes: 0 };
        let mut at = start;
        for trun in &traf.trun {
            assert_eq!(
                trun.data_offset.and_then(|at| usize::try_from(at).ok()),
                Some(offset),
                "runs lie in a row"
            );
            for sample in trun.samples.iter() {
                let duration = sample.duration.unwrap_or_default();
                assert!(duration > 0, "a sample lasts");
                run.samples += 1;
                run.latest = at;
                at += u64::from(duration);
                run.bytes += sample.size.unwrap_or_default() as usize;
            }
            offset = head.len() + 8 + runs.iter().map(|run: &Run| run.bytes).sum::<usize>() + run.bytes;
        }
        runs.push(run);
    }
    assert_eq!(offset, whole.len(), "mdat holds the samples and nothing else");
    runs
}
