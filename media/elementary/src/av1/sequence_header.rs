//! sequence_header_obu(), AV1 specification §5.5.

use crate::ConfigError;
use crate::bits::Bits;

pub(super) struct SequenceHeader {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame_rate: Option<(u32, u32)>,
    /// reduced_still_picture_header: every frame is a shown key frame.
    pub(super) reduced: bool,
}

impl SequenceHeader {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ConfigError> {
        let mut bits = Bits::new(payload);
        bits.skip(4)?;
        let reduced = bits.flag()?;
        let mut frame_rate = None;
        if reduced {
            bits.skip(5)?;
        } else {
            frame_rate = skip_operating_points(&mut bits)?;
        }
        let width_bits = bits.read(4)? + 1;
        let height_bits = bits.read(4)? + 1;
        let width = bits.read(width_bits)? + 1;
        let height = bits.read(height_bits)? + 1;
        Ok(Self { width, height, frame_rate, reduced })
    }
}

/// From timing_info_present_flag to the last operating point; answers the frame rate where it is constant.
fn skip_operating_points(bits: &mut Bits<'_>) -> Result<Option<(u32, u32)>, ConfigError> {
    let mut frame_rate = None;
    let mut delay_bits = None;
    if bits.flag()? {
        let units = bits.read(32)?;
        let scale = bits.read(32)?;
        if bits.flag()? {
            let ticks = uvlc(bits)?.saturating_add(1);
            let period = units.checked_mul(ticks).filter(|period| *period > 0 && scale > 0);
            frame_rate = period.map(|period| (scale, period));
        }
        if bits.flag()? {
            delay_bits = Some(bits.read(5)? + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let initial_delays = bits.flag()?;
    for _ in 0..=bits.read(5)? {
        bits.skip(12)?;
        if bits.read(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * delay_bits as usize + 1)?;
        }
        if initial_delays && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Ok(frame_rate)
}

/// §4.10.3.
fn uvlc(bits: &mut Bits<'_>) -> Result<u32, ConfigError> {
    let mut zeros = 0;
    while !bits.flag()? {
        zeros += 1;
    }
    if zeros >= 32 {
        return Ok(u32::MAX);
    }
    Ok(bits.read(zeros)? + ((1u64 << zeros) - 1) as u32)
}
