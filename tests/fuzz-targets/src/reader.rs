use std::convert::Infallible;

use bytes::Bytes;
use sigma_packager::plain::PlainFile;
use sigma_packager::reader::{MAX_SAMPLES, Skim, Track, VideoTrack};

use crate::draw::Draw;

/// An init section and a segment, as they may lie damaged in a store.
///
/// What is found lies inside the segment and behind its `moof`; key frames are some of the samples, in their order, and last
/// until the next one. Who sees only what he asks for finds the same samples; a plain file takes them or says why not.
pub fn reader(data: &[u8]) {
    let mut draw = Draw::new(data);
    let length = draw.short();
    let init = draw.bytes(length.into());
    let segment = draw.rest();
    skimmed(init, segment);
    let Ok(Some(track)) = VideoTrack::read(init) else { return };
    assert!(track.timescale > 0);
    let samples = track.samples(segment);
    let frames = track.key_frames(segment);
    assert_eq!(samples.as_ref().err(), frames.as_ref().err());
    let (Ok(samples), Ok(frames)) = (samples, frames) else { return };

    assert!(samples.len() <= MAX_SAMPLES);
    for sample in &samples {
        assert!(segment.get(sample.bytes.clone()).is_some(), "a sample outside its segment");
        assert!(sample.bytes.is_empty() || sample.fragment < sample.bytes.start);
        assert_eq!(segment.get(sample.fragment + 4..sample.fragment + 8), Some(&b"moof"[..]));
    }
    let sync: Vec<_> = samples.iter().filter(|sample| sample.sync).collect();
    assert_eq!(frames.len(), sync.len());
    for (frame, sample) in frames.iter().zip(sync) {
        assert_eq!((frame.fragment, &frame.bytes), (sample.fragment, &sample.bytes));
        assert_eq!(frame.decode_time, sample.decode_time);
    }
    for pair in frames.windows(2) {
        assert_eq!(pair[0].decode_time.checked_add(pair[0].lasts), Some(pair[1].decode_time));
    }
}

fn skimmed(init: &[u8], segment: &[u8]) {
    let bytes = Bytes::copy_from_slice(segment);
    let mut skim = Skim::new(segment.len(), segment.first().copied().unwrap_or(0).into());
    let walked = loop {
        let Some(wanted) = skim.wanted() else { break Ok(()) };
        assert!(wanted.end <= segment.len(), "bytes outside the segment are asked for");
        if let Err(error) = skim.take(&bytes.slice(wanted)) {
            break Err(error);
        }
    };
    let Ok(fragments) = walked.and_then(|()| skim.finish()) else { return };
    let Ok(tracks) = Track::read_all(init) else { return };
    let video = tracks.iter().find(|track| track.is_video);
    let found = video.map(|track| track.samples_of(&fragments));
    let whole = VideoTrack::read(init).ok().flatten().map(|track| track.samples(segment));
    if let (Some(Ok(found)), Some(Ok(whole))) = (&found, &whole) {
        assert_eq!(found, whole);
    }
    let Ok(mut file) = PlainFile::new(init) else { return };
    for follows in [false, true, false] {
        // What it does not take changes nothing.
        let _ = file.segment(segment.len() as u64, &fragments, follows);
    }
    let mut given = 0;
    let head = file.finish(|_, rows| {
        given += rows.len() as u64;
        Ok::<_, Infallible>(())
    });
    if let Ok(Some(head)) = head {
        assert!(head.len() >= given / 2, "a head without its tables");
    }
}
