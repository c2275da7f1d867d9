//! NAL units: the shared shell of H.264 and HEVC.

/// The longest parameter set that is unescaped and read.
pub(crate) const MAX_PARAMETER_SET: usize = 8 * 1024;

/// Whether decoding can start with an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RandomAccess {
    /// It needs what came before.
    No,
    /// Decoding can start here, but pictures that follow in decoding order may need what came before: HEVC's CRA,
    /// H.264's recovery point, AV1's delayed random access point.
    Open,
    /// Nothing from here on needs anything before: IDR, BLA, AV1's shown key frame.
    Closed,
}

/// Walks over length-prefixed NAL units (ISO/IEC 14496-15 §4.3.3). Ends at the first length that does not fit.
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> NalUnits<'a> {
    /// `length_size`: bytes of each length prefix.
    pub fn new(data: &'a [u8], length_size: u8) -> Self {
        Self { rest: data, length_size: length_size.clamp(1, 4).into() }
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (prefix, rest) = self.rest.split_at_checked(self.length_size)?;
        let length = prefix.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(unit)
    }
}

/// Takes the emulation prevention bytes out (ISO/IEC 14496-10 §7.3.1), of at most [`MAX_PARAMETER_SET`] bytes.
pub(crate) fn unescape(unit: &[u8]) -> Vec<u8> {
    let unit = &unit[..unit.len().min(MAX_PARAMETER_SET)];
    let mut plain = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(unescape(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]), [0, 0, 1, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn nal_units_end_at_a_length_that_does_not_fit() {
        let data = [0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9, 1];
        let units: Vec<&[u8]> = NalUnits::new(&data, 4).collect();
        assert_eq!(units, [&[7u8, 8][..], &[]]);
    }
}
