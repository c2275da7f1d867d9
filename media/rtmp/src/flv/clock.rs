/// Ticks of 90 kHz in a millisecond.
const TICKS_PER_MS: i64 = 90;
/// Nanoseconds in a millisecond: the bound of an E-RTMP nanosecond offset.
const NANOS_PER_MS: u32 = 1_000_000;

/// Unwraps 32-bit milliseconds, which roll over every 49.7 days (RTMP 1.0 §5.3.1: "adjacent timestamps are within 2^31 - 1 ms").
///
/// Audio and video share one, so that they stay on the same line whichever passes the roll-over first.
#[derive(Debug, Clone, Default)]
pub struct Unwrapped {
    last: Option<i64>,
}

impl Unwrapped {
    /// The timestamp in milliseconds on a line without end. The first one stands as it is.
    pub fn milliseconds(&mut self, timestamp: u32) -> i64 {
        let unwrapped = match self.last {
            None => i64::from(timestamp),
            Some(last) => last + i64::from(timestamp.wrapping_sub(last as u32) as i32),
        };
        self.last = Some(unwrapped);
        unwrapped
    }
}

/// Milliseconds to ticks of 90 kHz.
pub(super) fn ticks(milliseconds: i64) -> i64 {
    milliseconds * TICKS_PER_MS
}

/// The nanosecond offset of an E-RTMP v2 ModEx packet in ticks. At most 999 999 ns are valid; more is cut there.
pub(super) fn offset_ticks(nanoseconds: u32) -> i64 {
    i64::from(nanoseconds.min(NANOS_PER_MS - 1)) * TICKS_PER_MS / i64::from(NANOS_PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_past_the_roll_over() {
        let mut clock = Unwrapped::default();
        assert_eq!(clock.milliseconds(u32::MAX - 9), i64::from(u32::MAX) - 9);
        assert_eq!(clock.milliseconds(10), i64::from(u32::MAX) + 11);
        assert_eq!(clock.milliseconds(u32::MAX), i64::from(u32::MAX));
        assert_eq!(clock.milliseconds(30), i64::from(u32::MAX) + 31);
    }

    #[test]
    fn it_follows_a_jump_back() {
        let mut clock = Unwrapped::default();
        assert_eq!(clock.milliseconds(60_000), 60_000);
        assert_eq!(clock.milliseconds(0), 0);
        assert_eq!(clock.milliseconds(40), 40);
    }

    #[test]
    fn it_cuts_offsets_at_a_millisecond() {
        assert_eq!(offset_ticks(500_000), 45);
        assert_eq!(offset_ticks(0xFF_FFFF), 89);
    }
}
