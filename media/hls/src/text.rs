//! Numbers and dates as playlists write them: integer arithmetic, never a rounding that breaks a bound.

use std::fmt;

use crate::CLOCK;

/// A duration in seconds with five decimals: fine enough that no rounding lifts a part over its target.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: u128 = 100_000;
        let units = (u128::from(self.0) * UNITS + u128::from(CLOCK) / 2) / u128::from(CLOCK);
        write!(out, "{}.{:05}", units / UNITS, units % UNITS)
    }
}

/// Milliseconds as seconds, without needless zeros, at least one decimal.
pub(crate) struct Millis(pub(crate) u64);

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1_000, self.0 % 1_000);
        match millis {
            _ if millis % 100 == 0 => write!(out, "{seconds}.{}", millis / 100),
            _ if millis % 10 == 0 => write!(out, "{seconds}.{:02}", millis / 10),
            _ => write!(out, "{seconds}.{millis:03}"),
        }
    }
}

/// Microseconds since the Unix epoch as `2026-01-31T12:00:00.000Z`.
#[derive(Clone, Copy, Debug)]
pub struct Date(pub i64);

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_MS: i64 = 86_400_000;
        let millis = self.0.div_euclid(1_000);
        let (days, in_day) = (millis.div_euclid(DAY_MS), millis.rem_euclid(DAY_MS));
        let (year, month, day) = civil(days);
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            in_day / 3_600_000,
            in_day / 60_000 % 60,
            in_day / 1_000 % 60,
            in_day % 1_000
        )
    }
}

/// The same for people, to the second: `2026-01-31 12:00:00 UTC`.
pub(crate) struct Moment(pub(crate) i64);

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Date(self.0).to_string();
        let (day, time) = date.split_once('T').unwrap_or((&date, ""));
        write!(out, "{day} {} UTC", time.split('.').next().unwrap_or(time))
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar: 400-year eras of years
/// that begin in March, so that the leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let shifted = days + 719_468;
    let era = shifted.div_euclid(ERA);
    let of_era = shifted.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_rfc_3339_in_utc_with_milliseconds() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599_999_000, "2025-12-31T23:59:59.999Z"),
            (1_767_225_600_001_000, "2026-01-01T00:00:00.001Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
            (-1_000, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Date(us).to_string(), text);
        }
    }

    #[test]
    fn a_moment_is_told_to_the_second() {
        assert_eq!(Moment(1_767_225_599_999_000).to_string(), "2025-12-31 23:59:59 UTC");
    }

    #[test]
    fn durations_have_five_decimals_and_milliseconds_as_few_as_needed() {
        assert_eq!(Seconds(180_000).to_string(), "2.00000");
        assert_eq!(Seconds(3_003).to_string(), "0.03337");
        assert_eq!(Seconds(1).to_string(), "0.00001");
        assert_eq!(Millis(1_500).to_string(), "1.5");
        assert_eq!(Millis(6_000).to_string(), "6.0");
        assert_eq!(Millis(333).to_string(), "0.333");
        assert_eq!(Millis(1_050).to_string(), "1.05");
    }
}
