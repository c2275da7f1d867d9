//! Sequence parameter sets, ISO/IEC 23008-2 §7.3.2.2.

use crate::ConfigError;
use crate::bits::Bits;

/// Greatest sps_max_sub_layers_minus1, §7.4.3.2.1.
const MAX_SUB_LAYERS_MINUS1: u32 = 6;
/// Greatest number of short-term reference picture sets, §7.4.3.2.1.
const MAX_SHORT_TERM_SETS: u32 = 64;
/// Greatest number of pictures in one set, §7.4.8 (the decoded picture buffer has 16 at most).
const MAX_SET_PICTURES: u32 = 16;
/// Greatest number of long-term reference pictures, §7.4.3.2.1.
const MAX_LONG_TERM: u32 = 32;
/// Greatest coded size and crop offset.
const MAX_SIDE: u32 = 32_768;
/// Bits of profile_tier_level's general part with the level, §7.3.3.
const GENERAL_PROFILE_BITS: usize = 96;
/// aspect_ratio_idc that is followed by a ratio, table E.1.
const EXTENDED_SAR: u32 = 255;

pub(super) struct Sps {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame_rate: Option<(u32, u32)>,
}

/// `rbsp`: after the NAL unit's header, unescaped.
pub(super) fn parse(rbsp: &[u8]) -> Result<Sps, ConfigError> {
    let mut bits = Bits::new(rbsp);
    bits.skip(4)?;
    let sub_layers = bits.read(3)?;
    if sub_layers > MAX_SUB_LAYERS_MINUS1 {
        return Err(ConfigError::Invalid("too many temporal layers"));
    }
    bits.skip(1)?;
    skip_profile_tier_level(&mut bits, sub_layers)?;
    bits.ue()?;
    let chroma_format = bits.ue_at_most(3, "chroma_format_idc")?;
    let separate_planes = chroma_format == 3 && bits.flag()?;
    let mut width = bits.ue_at_most(MAX_SIDE, "the picture's width")?;
    let mut height = bits.ue_at_most(MAX_SIDE, "the picture's height")?;
    if bits.flag()? {
        let mut offsets = [0; 4];
        for offset in &mut offsets {
            *offset = bits.ue_at_most(MAX_SIDE, "cropping")?;
        }
        // Table 6-1.
        let plain = chroma_format == 0 || separate_planes;
        let unit_x = if !plain && chroma_format < 3 { 2 } else { 1 };
        let unit_y = if !plain && chroma_format == 1 { 2 } else { 1 };
        width = width.saturating_sub((offsets[0] + offsets[1]) * unit_x);
        height = height.saturating_sub((offsets[2] + offsets[3]) * unit_y);
    }
    // The size is known: what breaks off after it costs only the hint.
    let frame_rate = frame_rate(&mut bits, sub_layers).unwrap_or(None);
    Ok(Sps { width, height, frame_rate })
}

/// §7.3.3.
fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Result<(), ConfigError> {
    bits.skip(GENERAL_PROFILE_BITS)?;
    let mut present = Vec::with_capacity(sub_layers as usize);
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Ok(())
}

/// From the bit depths to the usability information's timing.
fn frame_rate(bits: &mut Bits<'_>, sub_layers: u32) -> Result<Option<(u32, u32)>, ConfigError> {
    bits.ue()?;
    bits.ue()?;
    let order_count_bits = bits.ue_at_most(12, "log2_max_pic_order_cnt_lsb_minus4")? + 4;
    let ordering_layers = if bits.flag()? { sub_layers + 1 } else { 1 };
    for _ in 0..ordering_layers * 3 {
        bits.ue()?;
    }
    for _ in 0..6 {
        bits.ue()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    let sets = bits.ue_at_most(MAX_SHORT_TERM_SETS, "the number of reference picture sets")?;
    let mut pictures = 0;
    for index in 0..sets {
        pictures = skip_short_term_set(bits, index, pictures)?;
    }
    if bits.flag()? {
        for _ in 0..bits.ue_at_most(MAX_LONG_TERM, "the number of long-term pictures")? {
            bits.skip(order_count_bits as usize + 1)?;
        }
    }
    bits.skip(2)?;
    if bits.flag()? { usability_timing(bits) } else { Ok(None) }
}

/// §7.3.4.
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Result<(), ConfigError> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?;
            }
        }
    }
    Ok(())
}

/// §7.3.7. Answers how many pictures the set has; `before`: how many the set before it has.
fn skip_short_term_set(bits: &mut Bits<'_>, index: u32, before: u32) -> Result<u32, ConfigError> {
    if index > 0 && bits.flag()? {
        bits.skip(1)?;
        bits.ue()?;
        let mut pictures = 0;
        for _ in 0..=before {
            let used = bits.flag()?;
            if used || bits.flag()? {
                pictures += 1;
            }
        }
        return Ok(pictures);
    }
    let negative = bits.ue_at_most(MAX_SET_PICTURES, "a reference picture set")?;
    let positive = bits.ue_at_most(MAX_SET_PICTURES, "a reference picture set")?;
    for _ in 0..negative + positive {
        bits.ue()?;
        bits.skip(1)?;
    }
    Ok(negative + positive)
}

/// §E.2.1 up to vui_time_scale.
fn usability_timing(bits: &mut Bits<'_>) -> Result<Option<(u32, u32)>, ConfigError> {
    if bits.flag()? && bits.read(8)? == EXTENDED_SAR {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    bits.skip(3)?;
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if !bits.flag()? {
        return Ok(None);
    }
    let units = bits.read(32)?;
    let scale = bits.read(32)?;
    Ok((units > 0 && scale > 0).then_some((scale, units)))
}
