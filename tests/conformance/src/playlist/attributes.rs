//! Attribute lists and numbers (§4.2).

use super::{ByteRange, Micros};

/// The most attributes of a tag that are read.
const MOST: usize = 64;

/// The attributes of one tag.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Reads `NAME=value,NAME="value"`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or_else(|| format!("no value in {rest:?}"))?;
            let sound = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
            if !sound {
                return Err(format!("{name:?} is no attribute name"));
            }
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => {
                    let (value, after) = quoted.split_once('"').ok_or("a quote is not closed")?;
                    (value, after.strip_prefix(',').or(after.is_empty().then_some("")))
                }
                None => {
                    let (value, after) = after.split_once(',').unwrap_or((after, ""));
                    (value, Some(after))
                }
            };
            rest = after.ok_or_else(|| format!("no comma after {name}"))?;
            if found.iter().any(|(known, _)| known == name) {
                return Err(format!("{name} stands twice"));
            }
            if found.len() == MOST {
                return Err("too many attributes".to_owned());
            }
            found.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(found))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        self.get(name).map(str::to_owned).ok_or_else(|| format!("{name} is missing"))
    }

    pub(super) fn is_yes(&self, name: &str) -> bool {
        self.get(name) == Some("YES")
    }

    pub(super) fn seconds(&self, name: &str) -> Result<Option<Micros>, String> {
        self.get(name).map(seconds).transpose()
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        self.get(name).map(number).transpose()
    }

    pub(super) fn byte_range(&self, name: &str) -> Result<Option<ByteRange>, String> {
        self.get(name).map(byte_range).transpose()
    }
}

/// A decimal integer.
pub(super) fn number(text: &str) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{text:?} is no decimal number"));
    }
    text.parse().map_err(|_| format!("{text} is too large"))
}

/// Decimal seconds as microseconds; what is finer is rounded up, so that no bound is missed by it.
pub(super) fn seconds(text: &str) -> Result<Micros, String> {
    let bad = || format!("{text:?} are no seconds");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let whole = i64::try_from(number(whole).map_err(|_| bad())?).map_err(|_| bad())?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let finer = fraction.len() > 6 && fraction[6..].bytes().any(|b| b != b'0');
    let micros: i64 = digits.parse().map_err(|_| bad())?;
    whole.checked_mul(1_000_000).map(|whole| whole + micros + i64::from(finer)).ok_or_else(bad)
}

/// `<n>[@<o>]`
pub(super) fn byte_range(text: &str) -> Result<ByteRange, String> {
    let (length, offset) = match text.split_once('@') {
        Some((length, offset)) => (length, Some(number(offset)?)),
        None => (text, None),
    };
    Ok(ByteRange { length: number(length)?, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_by_the_letter() {
        let read = Attributes::parse("A=1,B-2=\"x,y=z\",C=YES").expect("an attribute list");
        assert_eq!((read.get("A"), read.get("B-2"), read.is_yes("C")), (Some("1"), Some("x,y=z"), true));
        for bad in ["A", "A=1,A=2", "a=1", "A=\"x", "A=\"x\"y", "=1"] {
            assert!(Attributes::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_keep_microseconds_and_round_up_what_is_finer() {
        assert_eq!(seconds("1.5"), Ok(1_500_000));
        assert_eq!(seconds("2"), Ok(2_000_000));
        assert_eq!(seconds("0.33333333"), Ok(333_334));
        for bad in ["", ".5", "1.", "-1", "1,5", "99999999999999999999"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn byte_ranges_may_leave_out_where_they_begin() {
        assert_eq!(byte_range("5@7"), Ok(ByteRange { length: 5, offset: Some(7) }));
        assert_eq!(byte_range("5"), Ok(ByteRange { length: 5, offset: None }));
        assert!(byte_range("@5").is_err());
    }
}
