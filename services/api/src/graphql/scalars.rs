//! Scalars of our own.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A moment as RFC 3339 says it, in UTC, to the millisecond: `2026-11-24T17:30:00.250Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime {
    millis: i64,
}

impl DateTime {
    /// From milliseconds since the Unix epoch.
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self { millis }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) const fn as_millis(self) -> i64 {
        self.millis
    }
}

/// A moment as RFC 3339 says it, in UTC, to the millisecond: `2026-11-24T17:30:00.250Z`.
#[Scalar(name = "DateTime", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let parsed: jiff::Timestamp = text.parse()?;
        Ok(Self::from_millis(parsed.as_millisecond()))
    }

    /// Looked at before the request runs, so that a wrong one is refused under its argument's name.
    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if text.parse::<jiff::Timestamp>().is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(rfc3339(self.millis))
    }
}

/// Milliseconds since the Unix epoch as RFC 3339. What lies outside the years that it can say becomes their nearest.
pub(crate) fn rfc3339(millis: i64) -> String {
    let nearest = if millis < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(nearest);
    format!("{at:.3}")
}

/// A whole number of up to 63 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Long(pub i64);

impl From<u64> for Long {
    fn from(value: u64) -> Self {
        Self(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// A whole number of up to 63 bits.
#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| InputValueError::expected_type(value.clone()))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Number(number) if number.is_i64())
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339_to_the_millisecond() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_700_000_000_250), "2023-11-14T22:13:20.250Z");
    }

    #[test]
    fn moments_with_an_offset_are_read_into_utc() {
        let parsed = DateTime::parse(Value::from("2023-11-15T05:13:20.25+07:00")).expect("a moment");
        assert_eq!(parsed, DateTime::from_millis(1_700_000_000_250));
    }
}
