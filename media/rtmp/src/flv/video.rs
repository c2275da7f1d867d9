use bytes::Bytes;
use sigma_elementary::{ConfigError, Media, VideoCodec, VideoConfig};

use super::{Demuxed, Demuxer, Instant, Track, body::Body, clock, multitrack};
use crate::FlvError;

/// FLV 10.1 §E.4.3.1 FrameType.
const KEY_FRAME: u8 = 1;
const COMMAND_FRAME: u8 = 5;

/// FLV 10.1 §E.4.3.1 CodecID.
const AVC: u8 = 7;
/// Not in any Adobe text: what encoders used for HEVC before E-RTMP, with AVC's packet layout.
const LEGACY_HEVC: u8 = 12;

/// AVCPacketType (FLV 10.1 §E.4.3.2).
const AVC_SEQUENCE_HEADER: u8 = 0;
const AVC_NALU: u8 = 1;

/// VideoPacketType (E-RTMP v2 "Enhanced Video").
mod packet {
    pub(super) const SEQUENCE_START: u8 = 0;
    pub(super) const CODED_FRAMES: u8 = 1;
    pub(super) const CODED_FRAMES_X: u8 = 3;
    pub(super) const METADATA: u8 = 4;
    pub(super) const MULTITRACK: u8 = 6;
}

/// A temporal delimiter OBU with its size, which AV1 in ISO-BMFF leaves out (AV1-ISOBMFF §2.4).
const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0x00];

/// Which codec a message is of.
enum Codec {
    Known(VideoCodec),
    Unsupported(String),
}

fn name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "H.264",
        VideoCodec::Hevc => "HEVC",
        VideoCodec::Av1 => "AV1",
    }
}

fn legacy_codec(id: u8) -> Codec {
    Codec::Unsupported(
        match id {
            AVC => return Codec::Known(VideoCodec::H264),
            LEGACY_HEVC => return Codec::Known(VideoCodec::Hevc),
            2 => "Sorenson H.263",
            3 => "Screen Video",
            4 => "VP6",
            5 => "VP6 with alpha",
            6 => "Screen Video 2",
            8 => "VP8",
            9 => "VP9",
            13 => "AV1 in legacy packets",
            other => return Codec::Unsupported(format!("id {other}")),
        }
        .to_owned(),
    )
}

fn fourcc_codec(fourcc: [u8; 4]) -> Codec {
    Codec::Unsupported(match &fourcc {
        b"avc1" => return Codec::Known(VideoCodec::H264),
        b"hvc1" => return Codec::Known(VideoCodec::Hevc),
        b"av01" => return Codec::Known(VideoCodec::Av1),
        b"vp08" => "VP8".to_owned(),
        b"vp09" => "VP9".to_owned(),
        b"vvc1" => "VVC".to_owned(),
        other => format!("FourCC {}", other.escape_ascii()),
    })
}

impl Demuxer {
    /// Reads a video message (RTMP 1.0 §7.1.5) with its timestamp in milliseconds.
    ///
    /// Command and metadata packets, ends of sequences and empty messages bring nothing.
    ///
    /// # Errors
    /// [`FlvError`] when the message or a configuration in it cannot be read.
    pub fn video(&mut self, timestamp: u32, payload: Bytes) -> Result<Option<Demuxed>, FlvError> {
        let milliseconds = self.clock.milliseconds(timestamp);
        let mut body = Body::new(Track::Video, payload);
        if body.is_empty() {
            return Ok(None);
        }
        let first = body.byte("frame type")?;
        if first & 0x80 != 0 {
            return self.enhanced_video(milliseconds, first, body);
        }
        let frame_type = first >> 4;
        if frame_type == COMMAND_FRAME {
            return Ok(None);
        }
        let codec = match legacy_codec(first & 0x0F) {
            Codec::Known(codec) => codec,
            Codec::Unsupported(name) => return Ok(self.video.unsupported(Track::Video, &name)),
        };
        let packet_type = body.byte("packet type")?;
        let composition = body.signed24("composition time")?;
        match packet_type {
            AVC_SEQUENCE_HEADER => self.video_config(codec, body.rest()),
            AVC_NALU => {
                let time = video_time(milliseconds, composition, 0);
                Ok(self.coded_video(codec, time, frame_type == KEY_FRAME, body.rest()))
            }
            _ => Ok(None),
        }
    }

    /// ExVideoTagHeader and ExVideoTagBody (E-RTMP v2 "Enhanced Video").
    fn enhanced_video(
        &mut self,
        milliseconds: i64,
        first: u8,
        mut body: Body,
    ) -> Result<Option<Demuxed>, FlvError> {
        let frame_type = first >> 4 & 0x07;
        let (mut packet_type, nanoseconds) = multitrack::mod_ex(&mut body, first & 0x0F)?;
        // "frameType is ignored if videoPacketType is VideoPacketType.MetaData": neither carries pictures.
        if packet_type == packet::METADATA || frame_type == COMMAND_FRAME {
            return Ok(None);
        }
        let fourcc = if packet_type == packet::MULTITRACK {
            let Some(track) = multitrack::default_track(Track::Video, body)? else { return Ok(None) };
            packet_type = track.packet_type;
            body = track.body;
            track.fourcc
        } else {
            body.fourcc()?
        };
        let codec = match fourcc_codec(fourcc) {
            Codec::Known(codec) => codec,
            Codec::Unsupported(name) => return Ok(self.video.unsupported(Track::Video, &name)),
        };
        let composition = match packet_type {
            packet::SEQUENCE_START => return self.video_config(codec, body.rest()),
            packet::CODED_FRAMES if codec != VideoCodec::Av1 => body.signed24("composition time")?,
            packet::CODED_FRAMES | packet::CODED_FRAMES_X => 0,
            _ => return Ok(None),
        };
        let time = video_time(milliseconds, composition, nanoseconds);
        Ok(self.coded_video(codec, time, frame_type == KEY_FRAME, body.rest()))
    }

    /// An empty record is ffmpeg's word for an encoder that has not said its configuration yet; it follows.
    fn video_config(&mut self, codec: VideoCodec, record: Bytes) -> Result<Option<Demuxed>, FlvError> {
        if record.is_empty() {
            return Ok(None);
        }
        match VideoConfig::parse(codec, record) {
            Err(ConfigError::Unsupported(what)) => {
                Ok(self.video.unsupported(Track::Video, &format!("{} ({what})", name(codec))))
            }
            parsed => Ok(self
                .video
                .configure(Track::Video, parsed)?
                .map(|config| Demuxed::Media(Media::VideoConfig(config)))),
        }
    }

    fn coded_video(
        &mut self,
        codec: VideoCodec,
        time: Instant,
        key: bool,
        mut data: Bytes,
    ) -> Option<Demuxed> {
        if self.video.config.as_ref()?.codec != codec {
            return None;
        }
        if codec == VideoCodec::Av1 && data.starts_with(&TEMPORAL_DELIMITER) {
            data = data.slice(TEMPORAL_DELIMITER.len()..);
        }
        if data.is_empty() {
            return None;
        }
        Some(Demuxed::Media(Media::Video(time.unit(key, data))))
    }
}

/// The nanosecond offset makes the presentation time more precise; it moves the decoding time along, so that their distance
/// stays what the encoder said.
fn video_time(milliseconds: i64, composition: i32, nanoseconds: u32) -> Instant {
    let dts = clock::ticks(milliseconds) + clock::offset_ticks(nanoseconds);
    Instant { dts, pts: dts + clock::ticks(i64::from(composition)) }
}
