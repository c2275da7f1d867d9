//! AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1.

use bytes::Bytes;

use crate::bits::Bits;
use crate::{AudioCodec, AudioConfig, ConfigError};

/// Table 1.18.
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Sampling rate index that is followed by the rate itself.
const ESCAPED_RATE: u32 = 15;
/// Table 1.19: channels of a channel configuration.
const CHANNELS: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0];
/// Audio object types, table 1.17.
const SBR: u32 = 5;
const ER_LD: u32 = 23;
const PS: u32 = 29;
const ER_ELD: u32 = 39;
/// syncExtensionType values that announce SBR and PS behind a plain configuration, §1.6.6.
const SYNC_SBR: u32 = 0x2b7;
const SYNC_PS: u32 = 0x548;

pub(crate) fn parse(record: Bytes) -> Result<AudioConfig, ConfigError> {
    let mut bits = Bits::new(&record);
    let mut core = object_type(&mut bits)?;
    let sample_rate = sample_rate(&mut bits)?;
    let configuration = bits.read(4)? as usize;
    let mut announced = core;
    if core == SBR || core == PS {
        // Hierarchical signalling: the decoder's rate, then the core's type.
        self::sample_rate(&mut bits)?;
        core = object_type(&mut bits)?;
    }
    let (frame_samples, program_channels) = match core {
        1..=4 | 6 | 7 | 17 | 19..=23 => general_audio(&mut bits, core, configuration)?,
        ER_ELD => (if bits.flag()? { 480 } else { 512 }, None),
        _ => return Err(ConfigError::Unsupported("an audio object type that is not AAC")),
    };
    if announced == core && bits.left() >= 16 {
        announced = behind(&mut bits, core).unwrap_or(core);
    }
    let mut channels = match program_channels {
        Some(channels) => channels,
        None => CHANNELS[configuration],
    };
    if channels == 0 {
        return Err(ConfigError::Unsupported("an AAC channel configuration that is reserved"));
    }
    if announced == PS && channels == 1 {
        channels = 2;
    }
    Ok(AudioConfig {
        codec: AudioCodec::Aac,
        sample_rate,
        channels,
        frame_samples,
        object_type: announced as u8,
        record: record.clone(),
    })
}

fn object_type(bits: &mut Bits<'_>) -> Result<u32, ConfigError> {
    match bits.read(5)? {
        31 => Ok(32 + bits.read(6)?),
        kind => Ok(kind),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Result<u32, ConfigError> {
    match bits.read(4)? {
        ESCAPED_RATE => bits.read(24),
        index => {
            SAMPLE_RATES.get(index as usize).copied().ok_or(ConfigError::Invalid("a reserved sampling rate"))
        }
    }
}

/// GASpecificConfig, §4.4.1. Answers samples of a frame, and channels where the configuration spells them out.
fn general_audio(
    bits: &mut Bits<'_>,
    core: u32,
    configuration: usize,
) -> Result<(u32, Option<u8>), ConfigError> {
    let short = bits.flag()?;
    if bits.flag()? {
        bits.skip(14)?;
    }
    let extension = bits.flag()?;
    let channels = if configuration == 0 { Some(program_config(bits)?) } else { None };
    if core == 6 || core == 20 {
        bits.skip(3)?;
    }
    if extension {
        if core == 22 {
            bits.skip(16)?;
        }
        if matches!(core, 17 | 19 | 20 | ER_LD) {
            bits.skip(3)?;
        }
        bits.skip(1)?;
    }
    let samples = match (core, short) {
        (ER_LD, true) => 480,
        (ER_LD, false) => 512,
        (_, true) => 960,
        (_, false) => 1_024,
    };
    Ok((samples, channels))
}

/// program_config_element(), §4.4.1.1: counts the channels.
fn program_config(bits: &mut Bits<'_>) -> Result<u8, ConfigError> {
    bits.skip(10)?;
    let (front, side, back) = (bits.read(4)?, bits.read(4)?, bits.read(4)?);
    let (effects, data, coupling) = (bits.read(2)?, bits.read(3)?, bits.read(4)?);
    for bits_if_present in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(bits_if_present)?;
        }
    }
    let mut channels = effects as u8;
    for _ in 0..front + side + back {
        channels += 1 + u8::from(bits.flag()?);
        bits.skip(4)?;
    }
    bits.skip(4 * (effects + data) as usize + 5 * coupling as usize)?;
    bits.align();
    let comment = bits.read(8)?;
    bits.skip(8 * comment as usize)?;
    Ok(channels)
}

/// Backward compatible explicit signalling, §1.6.6.1: the object type that is really played.
fn behind(bits: &mut Bits<'_>, core: u32) -> Result<u32, ConfigError> {
    if bits.read(11)? != SYNC_SBR || object_type(bits)? != SBR || !bits.flag()? {
        return Ok(core);
    }
    sample_rate(bits)?;
    let parametric = bits.left() >= 12 && bits.read(11)? == SYNC_PS && bits.flag()?;
    Ok(if parametric { PS } else { SBR })
}
