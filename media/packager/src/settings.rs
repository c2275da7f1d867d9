//! How long parts and segments shall be.

/// What a latency mode asks of the packager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Part target in milliseconds. None: the mode has no parts in its playlist, and parts are only the fragments in
    /// which media is written down.
    pub part_target_ms: Option<u32>,
    /// How long segments are at least, in milliseconds, where key frames allow.
    pub segment_target_ms: u32,
}

impl Settings {
    /// ULTRA_LOW: parts of 500 ms, segments of 2 s.
    pub const ULTRA_LOW: Self = Self { part_target_ms: Some(500), segment_target_ms: 2_000 };
    /// LOW: segments of 2 s.
    pub const LOW: Self = Self { part_target_ms: None, segment_target_ms: 2_000 };
    /// NORMAL: segments of 6 s.
    pub const NORMAL: Self = Self { part_target_ms: None, segment_target_ms: 6_000 };
}
