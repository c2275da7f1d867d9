//! Ingest health: what a feed is like, second by second, and what its broadcaster should mend.
//!
//! A [`Meter`] is fed with access units as they arrive and answers an [`Observed`] second with its [`Sample`]; [`Rules`]
//! judge one second after the other and raise and clear warnings. Both are plain state machines: no clock, no I/O,
//! integer arithmetic; what they keep of a feed does not grow with it.
//!
//! Times on the wall are microseconds since 1970 of a clock that does not step while a feed lasts; media times are ticks
//! of [`sigma_elementary::CLOCK`].

mod audio;
mod cadence;
mod clock;
mod lag;
mod meter;
mod rules;
mod sample;
mod thresholds;
mod video;
mod warning;

pub use meter::Meter;
pub use rules::{MAX_RAISED, Note, Rules};
pub use sample::{Observed, Sample};
pub use thresholds::{Mode, THRESHOLDS, Threshold, Thresholds, Unit};
pub use warning::{Change, Data, Standing, Warning, WarningName};

/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// Ticks of a millisecond.
const TICKS_A_MS: i64 = sigma_elementary::CLOCK as i64 / 1_000;

/// Ticks as microseconds.
fn micros(ticks: i64) -> i64 {
    let micros = i128::from(ticks) * i128::from(SECOND_US) / i128::from(sigma_elementary::CLOCK);
    i64::try_from(micros).unwrap_or(if ticks < 0 { i64::MIN } else { i64::MAX })
}

/// Microseconds as ticks.
fn ticks(micros: i64) -> i64 {
    let ticks = i128::from(micros) * i128::from(sigma_elementary::CLOCK) / i128::from(SECOND_US);
    i64::try_from(ticks).unwrap_or(0)
}

/// Whole milliseconds of a span that is not negative.
fn millis_of_micros(micros: i64) -> u32 {
    u32::try_from((micros / 1_000).max(0)).unwrap_or(u32::MAX)
}

/// Whole milliseconds of a span of media that is not negative.
fn millis_of_ticks(ticks: i64) -> u32 {
    u32::try_from((ticks / TICKS_A_MS).max(0)).unwrap_or(u32::MAX)
}
