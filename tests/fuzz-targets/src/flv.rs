use bytes::Bytes;
use sigma_elementary::Media;
use sigma_rtmp::flv::{Demuxed, Demuxer, Track, Unsupported};

use crate::draw::Draw;

/// The farthest that presentation may be from decoding: a signed 24-bit number of milliseconds (FLV 10.1 §E.4.3.2).
const FARTHEST: i64 = (1 << 23) * 90;

/// A row of audio and video messages: times roll over and jump, payloads are anything.
///
/// No unit comes before a configuration of its track; a unit is a piece of its message; a configuration is not told
/// twice in a row, nor is a codec that is not packaged.
pub fn flv(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut demuxer = Demuxer::new();
    let mut timestamp = draw.word();
    let mut tracks = [Told::default(), Told::default()];
    while !draw.is_empty() {
        let head = draw.byte();
        timestamp = timestamp.wrapping_add(if head & 2 == 0 { u32::from(draw.byte()) } else { draw.word() });
        let length = if head & 4 == 0 { draw.byte().into() } else { draw.short().into() };
        let payload = Bytes::copy_from_slice(draw.bytes(length));
        let video = head & 1 == 1;
        let demuxed = match video {
            true => demuxer.video(timestamp, payload.clone()),
            false => demuxer.audio(timestamp, payload.clone()),
        };
        if let Ok(Some(demuxed)) = demuxed {
            tracks[usize::from(video)].take(video, demuxed, &payload);
        }
    }
}

/// What a track has told so far.
#[derive(Debug, Default)]
struct Told {
    config: Option<Media>,
    unsupported: Option<Unsupported>,
}

impl Told {
    fn take(&mut self, video: bool, demuxed: Demuxed, payload: &Bytes) {
        let media = match demuxed {
            Demuxed::Unsupported(unsupported) => {
                assert_eq!(unsupported.track == Track::Video, video);
                assert_ne!(self.unsupported.as_ref(), Some(&unsupported), "said twice");
                self.unsupported = Some(unsupported);
                self.config = None;
                return;
            }
            Demuxed::Media(media) => media,
        };
        match &media {
            Media::VideoConfig(_) | Media::AudioConfig(_) => {
                assert_eq!(matches!(media, Media::VideoConfig(_)), video);
                assert_ne!(self.config.as_ref(), Some(&media), "told twice");
                self.unsupported = None;
                self.config = Some(media);
            }
            Media::Video(unit) | Media::Audio(unit) => {
                assert_eq!(matches!(media, Media::Video(_)), video);
                assert!(self.config.is_some(), "media before its configuration");
                assert!((unit.pts - unit.dts).abs() <= FARTHEST);
                assert!(!unit.data.is_empty());
                let whole = payload.as_ptr_range();
                let piece = unit.data.as_ptr_range();
                assert!(whole.start <= piece.start && piece.end <= whole.end, "a copy of the payload");
            }
        }
    }
}
