//! Reading single bits of untrusted bytes.

use crate::ConfigError;

/// The longest exp-Golomb prefix that still yields 32 bits (ISO/IEC 14496-10 §9.1).
const MAX_GOLOMB_ZEROS: u32 = 31;

/// A cursor over bits, most significant first. Every read past the end is [`ConfigError::Truncated`].
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, ConfigError> {
        Ok(self.read(1)? == 1)
    }

    /// Up to 32 bits.
    pub(crate) fn read(&mut self, count: u32) -> Result<u32, ConfigError> {
        debug_assert!(count <= 32);
        if self.left() < count as usize {
            return Err(ConfigError::Truncated);
        }
        let mut value: u64 = 0;
        for _ in 0..count {
            let byte = self.bytes[self.position / 8];
            value = value << 1 | u64::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Ok(value as u32)
    }

    /// Up to 255 bits, thrown away.
    pub(crate) fn skip(&mut self, count: usize) -> Result<(), ConfigError> {
        if self.left() < count {
            return Err(ConfigError::Truncated);
        }
        self.position += count;
        Ok(())
    }

    pub(crate) fn align(&mut self) {
        self.position = self.position.div_ceil(8) * 8;
    }

    /// ue(v), ISO/IEC 14496-10 §9.1.
    pub(crate) fn ue(&mut self) -> Result<u32, ConfigError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > MAX_GOLOMB_ZEROS {
                return Err(ConfigError::Invalid("an exp-Golomb code is too long"));
            }
        }
        let rest = u64::from(self.read(zeros)?);
        Ok(((1u64 << zeros) - 1 + rest) as u32)
    }

    /// se(v), ISO/IEC 14496-10 §9.1.1.
    pub(crate) fn se(&mut self) -> Result<i64, ConfigError> {
        let code = i64::from(self.ue()?);
        Ok(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }

    /// ue(v) that must not exceed `limit`.
    pub(crate) fn ue_at_most(&mut self, limit: u32, what: &'static str) -> Result<u32, ConfigError> {
        let value = self.ue()?;
        if value > limit { Err(ConfigError::TooLarge { what, limit: limit as usize }) } else { Ok(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_in_table_9_2() {
        // 1 | 010 | 011 | 00100 | 00101 | pad
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        let codes: Vec<u32> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&bytes);
        let codes: Vec<i64> = (0..5).map(|_| bits.se().unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.read(8), Ok(0xff));
        assert_eq!(bits.read(1), Err(ConfigError::Truncated));
        assert_eq!(Bits::new(&[0; 8]).ue(), Err(ConfigError::Invalid("an exp-Golomb code is too long")));
    }
}
