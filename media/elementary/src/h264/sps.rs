//! Sequence parameter sets, ISO/IEC 14496-10 §7.3.2.1.

use crate::ConfigError;
use crate::bits::Bits;

/// Profiles with chroma format and scaling lists, §7.3.2.1.1.
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Greatest num_ref_frames_in_pic_order_cnt_cycle, §7.4.2.1.1.
const MAX_POC_CYCLE: u32 = 255;
/// Greatest picture size in macroblocks a side (`MAX_DIMENSION` / 16).
const MAX_MACROBLOCKS: u32 = 1_024;
/// Greatest crop offset.
const MAX_CROP: u32 = 16_384;
/// aspect_ratio_idc that is followed by a ratio, table E-1.
const EXTENDED_SAR: u32 = 255;

pub(super) struct Sps {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame_rate: Option<(u32, u32)>,
    /// frame_mbs_only_flag is not set.
    pub(super) interlaced: bool,
}

/// `rbsp`: after the NAL unit's header, unescaped.
pub(super) fn parse(rbsp: &[u8]) -> Result<Sps, ConfigError> {
    let mut bits = Bits::new(rbsp);
    let profile = bits.read(8)?;
    bits.skip(16)?;
    bits.ue()?;
    let mut chroma_format = 1;
    let mut separate_planes = false;
    if HIGH_PROFILES.contains(&profile) {
        chroma_format = bits.ue_at_most(3, "chroma_format_idc")?;
        separate_planes = chroma_format == 3 && bits.flag()?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
        if bits.flag()? {
            for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue_at_most(2, "pic_order_cnt_type")? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue_at_most(MAX_POC_CYCLE, "the picture order cycle")? {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.skip(1)?;
    let columns = bits.ue_at_most(MAX_MACROBLOCKS - 1, "the picture's width")? + 1;
    let map_units = bits.ue_at_most(MAX_MACROBLOCKS - 1, "the picture's height")? + 1;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let fields = if frames_only { 1 } else { 2 };
    let (mut width, mut height) = (columns * 16, map_units * 16 * fields);
    if bits.flag()? {
        let mut offsets = [0; 4];
        for offset in &mut offsets {
            *offset = bits.ue_at_most(MAX_CROP, "cropping")?;
        }
        // §7.4.2.1.1, equations 7-19 to 7-22.
        let plain = chroma_format == 0 || separate_planes;
        let unit_x = if !plain && chroma_format < 3 { 2 } else { 1 };
        let unit_y = if !plain && chroma_format == 1 { 2 } else { 1 } * fields;
        width = width.saturating_sub((offsets[0] + offsets[1]) * unit_x);
        height = height.saturating_sub((offsets[2] + offsets[3]) * unit_y);
    }
    // The size is known: usability information that breaks off costs only the hint.
    let frame_rate = frame_rate(&mut bits).unwrap_or(None);
    Ok(Sps { width, height, frame_rate, interlaced: !frames_only })
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Result<(), ConfigError> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()? + 256).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

/// Video usability information up to its timing, §E.1.1.
fn frame_rate(bits: &mut Bits<'_>) -> Result<Option<(u32, u32)>, ConfigError> {
    if !bits.flag()? {
        return Ok(None);
    }
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
    if !bits.flag()? {
        return Ok(None);
    }
    let units = bits.read(32)?;
    let scale = bits.read(32)?;
    // A tick is a field's time: two make a frame.
    Ok(units.checked_mul(2).filter(|units| *units > 0 && scale > 0).map(|units| (scale, units)))
}
