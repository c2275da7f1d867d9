//! The frame rate as it comes, beside what the codec's parameter sets say of it.

use sigma_packager::Part;

/// Media from which a rate is told, in ticks of 90 kHz: 2 s.
const ENOUGH: u64 = 2 * 90_000;

/// A stated rate holds while the measured one is within a twentieth of it.
const TRUSTED_WITHIN: u32 = 20;

/// Counts pictures against media time.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct FrameRate {
    pictures: u64,
    ticks: u64,
}

impl FrameRate {
    pub(super) fn count(&mut self, part: &Part) {
        self.pictures += u64::from(part.video_units);
        self.ticks += part.duration_ticks;
    }

    /// Pictures in 1,000 s; none before there is enough to tell.
    fn measured(&self) -> Option<u32> {
        if self.ticks < ENOUGH || self.pictures == 0 {
            return None;
        }
        let milli = u128::from(self.pictures) * 90_000 * 1_000 / u128::from(self.ticks);
        u32::try_from(milli).ok()
    }

    /// The stated rate where it is true, as far as one can tell; else the measured one. Pictures in 1,000 s.
    pub(super) fn told(&self, stated: Option<u32>) -> Option<u32> {
        match (stated, self.measured()) {
            (Some(stated), Some(measured)) if stated.abs_diff(measured) > stated / TRUSTED_WITHIN => {
                Some(measured)
            }
            (Some(stated), _) => Some(stated),
            (None, measured) => measured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(pictures: u32, ticks: u64) -> FrameRate {
        let mut rate = FrameRate::default();
        rate.count(&Part {
            bytes: Vec::new(),
            duration_ticks: ticks,
            independent: true,
            key_frame_end: None,
            first_of_span_anchor_us: None,
            video_units: pictures,
            audio_units: 0,
        });
        rate
    }

    #[test]
    fn a_stated_rate_holds_while_it_is_true() {
        assert_eq!(counted(0, 0).told(Some(30_000)), Some(30_000));
        assert_eq!(counted(60, 180_000).told(Some(29_970)), Some(29_970));
        assert_eq!(
            counted(30, 180_000).told(Some(30_000)),
            Some(15_000),
            "an encoder that drops every other frame"
        );
    }

    #[test]
    fn without_a_stated_rate_it_is_measured_once_there_is_enough() {
        assert_eq!(counted(25, 90_000).told(None), None);
        assert_eq!(counted(50, 180_000).told(None), Some(25_000));
        assert_eq!(counted(0, 900_000).told(None), None);
    }
}
