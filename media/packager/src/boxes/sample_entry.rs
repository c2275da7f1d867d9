//! Sample entries: `avc1`, `hvc1`, `av01`, `mp4a`, `Opus`.

use mp4_atom::{
    Atom, Audio, Av01, Av1c, Avc1, Avcc, Codec, Dops, Hvc1, Hvcc, Mp4a, Visual,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, Esds, SLConfig},
};
use sigma_elementary::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};

/// objectTypeIndication of ISO/IEC 14496-3 audio, ISO/IEC 14496-1 table 5.
const OBJECT_TYPE_AAC: u8 = 0x40;
/// streamType of audio, ISO/IEC 14496-1 table 6.
const STREAM_TYPE_AUDIO: u8 = 5;

pub(crate) fn video(config: &VideoConfig) -> Result<Codec, mp4_atom::Error> {
    let visual = Visual {
        data_reference_index: 1,
        width: u16::try_from(config.width).unwrap_or(u16::MAX),
        height: u16::try_from(config.height).unwrap_or(u16::MAX),
        ..Visual::default()
    };
    let mut record: &[u8] = &config.record;
    Ok(match config.codec {
        VideoCodec::H264 => {
            let avcc = Avcc::decode_body(&mut record)?;
            Avc1 { visual, avcc, ..Avc1::default() }.into()
        }
        VideoCodec::Hevc => {
            let hvcc = Hvcc::decode_body(&mut record)?;
            Hvc1 { visual, hvcc, ..Hvc1::default() }.into()
        }
        VideoCodec::Av1 => {
            let av1c = Av1c::decode_body(&mut record)?;
            Av01 { visual, av1c, ..Av01::default() }.into()
        }
    })
}

pub(super) fn audio(config: &AudioConfig) -> Result<Codec, mp4_atom::Error> {
    // 16 bits hold no rate above 65 535; the decoder's configuration has it (so does ffmpeg write it).
    let rate = u16::try_from(config.sample_rate).unwrap_or(0);
    let audio = Audio {
        data_reference_index: 1,
        channel_count: config.channels.into(),
        sample_size: 16,
        sample_rate: rate.into(),
    };
    Ok(match config.codec {
        AudioCodec::Aac => Mp4a { audio, esds: esds(config), btrt: None, taic: None }.into(),
        AudioCodec::Opus => {
            let dops = Dops::decode_body(&mut &config.record[..])?;
            mp4_atom::Opus { audio, dops, btrt: None }.into()
        }
    })
}

/// ISO/IEC 14496-14 §5.6.
fn esds(config: &AudioConfig) -> Esds {
    let dec_config = DecoderConfig {
        object_type_indication: OBJECT_TYPE_AAC,
        stream_type: STREAM_TYPE_AUDIO,
        dec_specific: Some(DecoderSpecific { raw: config.record.to_vec(), ..DecoderSpecific::default() }),
        ..DecoderConfig::default()
    };
    Esds { es_desc: EsDescriptor { dec_config, sl_config: SLConfig::default(), ..EsDescriptor::default() } }
}
