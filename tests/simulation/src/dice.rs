use std::ops::Range;

/// Numbers that are the same for the same seed, on every machine and in every version: SplitMix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of `range`, which must not be empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.roll() % (range.end - range.start)
    }

    /// An index of something that is `length` long, which must not be 0.
    pub fn index(&mut self, length: usize) -> usize {
        (self.roll() % length as u64) as usize
    }

    /// True once in `often` times.
    pub fn once_in(&mut self, often: u64) -> bool {
        self.roll().is_multiple_of(often)
    }

    /// One of these.
    pub fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.index(N)]
    }

    /// Dice of their own, so that what one player rolls changes nothing for another.
    pub fn apart(&mut self) -> Self {
        Self(self.roll())
    }
}
