use sigma_packager::reader::{MAX_SAMPLES, VideoTrack};

use crate::draw::Draw;

/// An init section and a segment, as they may lie damaged in a store.
///
/// What is found lies inside the segment and behind its `moof`; key frames are some of the samples, in their order, and last
/// until the next one.
pub fn reader(data: &[u8]) {
    let mut draw = Draw::new(data);
    let length = draw.short();
    let init = draw.bytes(length.into());
    let segment = draw.rest();
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
