use bytes::Bytes;
use sigma_elementary::{AudioCodec, AudioConfig, ConfigError, Media};

use super::{Demuxed, Demuxer, Instant, Track, body::Body, clock, multitrack};
use crate::FlvError;

/// FLV 10.1 §E.4.2.1 SoundFormat.
const AAC: u8 = 10;
/// E-RTMP v2 "Enhanced Audio" SoundFormat.
const EX_HEADER: u8 = 9;

/// AACPacketType (FLV 10.1 §E.4.2.2).
const AAC_SEQUENCE_HEADER: u8 = 0;
const AAC_RAW: u8 = 1;

/// AudioPacketType (E-RTMP v2 "Enhanced Audio").
mod packet {
    pub(super) const SEQUENCE_START: u8 = 0;
    pub(super) const CODED_FRAMES: u8 = 1;
    pub(super) const MULTITRACK: u8 = 5;
}

/// Opus' second header, which may come as a SequenceStart of its own and says nothing about decoding (RFC 7845 §5.2).
const OPUS_TAGS: &[u8] = b"OpusTags";

enum Codec {
    Known(AudioCodec),
    Unsupported(String),
}

fn name(codec: AudioCodec) -> &'static str {
    match codec {
        AudioCodec::Aac => "AAC",
        AudioCodec::Opus => "Opus",
    }
}

fn legacy_codec(format: u8) -> Codec {
    Codec::Unsupported(
        match format {
            AAC => return Codec::Known(AudioCodec::Aac),
            0 | 3 => "PCM",
            1 => "ADPCM",
            2 | 14 => "MP3",
            4..=6 => "Nellymoser",
            7 => "G.711 A-law",
            8 => "G.711 mu-law",
            11 => "Speex",
            13 => "Opus in legacy packets",
            other => return Codec::Unsupported(format!("format {other}")),
        }
        .to_owned(),
    )
}

fn fourcc_codec(fourcc: [u8; 4]) -> Codec {
    Codec::Unsupported(match &fourcc {
        b"mp4a" => return Codec::Known(AudioCodec::Aac),
        b"Opus" => return Codec::Known(AudioCodec::Opus),
        b"ac-3" => "AC-3".to_owned(),
        b"ec-3" => "E-AC-3".to_owned(),
        b".mp3" => "MP3".to_owned(),
        b"fLaC" => "FLAC".to_owned(),
        other => format!("FourCC {}", other.escape_ascii()),
    })
}

impl Demuxer {
    /// Reads an audio message (RTMP 1.0 §7.1.4) with its timestamp in milliseconds.
    ///
    /// Channel layouts (MultichannelConfig), ends of sequences and empty messages bring nothing.
    ///
    /// # Errors
    /// [`FlvError`] when the message or a configuration in it cannot be read.
    pub fn audio(&mut self, timestamp: u32, payload: Bytes) -> Result<Option<Demuxed>, FlvError> {
        let milliseconds = self.clock.milliseconds(timestamp);
        let mut body = Body::new(Track::Audio, payload);
        if body.is_empty() {
            return Ok(None);
        }
        let first = body.byte("sound format")?;
        let format = first >> 4;
        if format == EX_HEADER {
            return self.enhanced_audio(milliseconds, first & 0x0F, body);
        }
        let codec = match legacy_codec(format) {
            Codec::Known(codec) => codec,
            Codec::Unsupported(name) => return Ok(self.audio.unsupported(Track::Audio, &name)),
        };
        if body.is_empty() {
            return Ok(None);
        }
        match body.byte("packet type")? {
            AAC_SEQUENCE_HEADER => self.audio_config(codec, body.rest()),
            AAC_RAW => Ok(self.coded_audio(codec, milliseconds, 0, body.rest())),
            _ => Ok(None),
        }
    }

    /// ExAudioTagHeader and ExAudioTagBody (E-RTMP v2 "Enhanced Audio").
    fn enhanced_audio(
        &mut self,
        milliseconds: i64,
        packet_type: u8,
        mut body: Body,
    ) -> Result<Option<Demuxed>, FlvError> {
        let (mut packet_type, nanoseconds) = multitrack::mod_ex(&mut body, packet_type)?;
        let fourcc = if packet_type == packet::MULTITRACK {
            let Some(track) = multitrack::default_track(Track::Audio, body)? else { return Ok(None) };
            packet_type = track.packet_type;
            body = track.body;
            track.fourcc
        } else {
            body.fourcc()?
        };
        let codec = match fourcc_codec(fourcc) {
            Codec::Known(codec) => codec,
            Codec::Unsupported(name) => return Ok(self.audio.unsupported(Track::Audio, &name)),
        };
        match packet_type {
            packet::SEQUENCE_START => self.audio_config(codec, body.rest()),
            packet::CODED_FRAMES => Ok(self.coded_audio(codec, milliseconds, nanoseconds, body.rest())),
            _ => Ok(None),
        }
    }

    fn audio_config(&mut self, codec: AudioCodec, record: Bytes) -> Result<Option<Demuxed>, FlvError> {
        if record.is_empty() || codec == AudioCodec::Opus && record.starts_with(OPUS_TAGS) {
            return Ok(None);
        }
        match AudioConfig::parse(codec, record) {
            Err(ConfigError::Unsupported(what)) => {
                Ok(self.audio.unsupported(Track::Audio, &format!("{} ({what})", name(codec))))
            }
            parsed => Ok(self
                .audio
                .configure(Track::Audio, parsed)?
                .map(|config| Demuxed::Media(Media::AudioConfig(config)))),
        }
    }

    fn coded_audio(
        &mut self,
        codec: AudioCodec,
        milliseconds: i64,
        nanoseconds: u32,
        data: Bytes,
    ) -> Option<Demuxed> {
        if self.audio.config.as_ref()?.codec != codec || data.is_empty() {
            return None;
        }
        let time = clock::ticks(milliseconds) + clock::offset_ticks(nanoseconds);
        Some(Demuxed::Media(Media::Audio(Instant { dts: time, pts: time }.unit(true, data))))
    }
}
