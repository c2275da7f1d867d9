//! What a latency mode asks of playlists.

/// A latency mode's numbers. They are the same for a session's whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The part target in milliseconds; none: no parts are listed.
    pub part_target_ms: Option<u32>,
    /// The segment length aimed at, in milliseconds: that of a gap, too.
    pub segment_target_ms: u32,
    /// How far behind players without parts shall stay, in milliseconds; never less than 3 target durations (rule 3).
    pub hold_back_ms: u32,
    /// The live window, in milliseconds; never less than 8 target durations (rule 15).
    pub window_ms: u32,
}

impl Profile {
    /// ULTRA_LOW: 2 s segments in parts of 0.5 s, 2 to 4 s behind.
    pub const ULTRA_LOW: Self =
        Self { part_target_ms: Some(500), segment_target_ms: 2_000, hold_back_ms: 6_000, window_ms: 30_000 };
    /// LOW: 2 s segments, 8 to 10 s behind: hls.js sits up to a segment further back than HOLD-BACK says (10.1 s with 8).
    pub const LOW: Self =
        Self { part_target_ms: None, segment_target_ms: 2_000, hold_back_ms: 7_000, window_ms: 30_000 };
    /// NORMAL: 6 s segments, 20 to 30 s behind.
    pub const NORMAL: Self =
        Self { part_target_ms: None, segment_target_ms: 6_000, hold_back_ms: 24_000, window_ms: 60_000 };

    /// How many parts ahead of the last a request may ask (§6.2.5.2, the Advance Part Limit).
    pub(crate) fn advance_part_limit(&self) -> u32 {
        match self.part_target_ms {
            Some(target) if target < 1_000 => 3_000_u32.div_ceil(target.max(1)),
            _ => 3,
        }
    }
}
