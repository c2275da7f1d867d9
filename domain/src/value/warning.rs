use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ValueError, ids::text_value};

text_value!(
    /// A health warning's name, as `NO_AUDIO`: 1 to 40 of `A–Z` and `_`. Which there are is known to whoever looks at feeds.
    WarningName
);

impl WarningName {
    /// The most characters of a warning's name.
    pub const CHARS: usize = 40;
}

impl FromStr for WarningName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = (1..=Self::CHARS).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Form { what: "the warning's name", wanted: "1 to 40 of A to Z and underscores" })
        }
    }
}

text_value!(
    /// What a health warning says to the broadcaster, with the mend: 1 to 500 characters, no control characters.
    WarningMessage
);

impl WarningMessage {
    /// The most characters of a message.
    pub const CHARS: usize = 500;
}

impl FromStr for WarningMessage {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let what = "the warning's message";
        let found = text.chars().take(Self::CHARS + 1).count();
        if found == 0 || found > Self::CHARS {
            return Err(ValueError::Length { what, min: 1, max: Self::CHARS, found });
        }
        if text.chars().any(char::is_control) {
            return Err(ValueError::Form { what, wanted: "free of control characters" });
        }
        Ok(Self(text.to_owned()))
    }
}

/// The numbers that a health warning's message is made of, by name, so that it can be said in another language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, i64>", into = "BTreeMap<String, i64>")]
pub struct WarningData(BTreeMap<String, i64>);

impl WarningData {
    /// The most numbers of a warning.
    pub const MAX_NUMBERS: usize = 16;

    /// The most characters of a number's name.
    pub const NAME_CHARS: usize = 40;

    /// The numbers by name.
    pub fn numbers(&self) -> &BTreeMap<String, i64> {
        &self.0
    }
}

impl TryFrom<BTreeMap<String, i64>> for WarningData {
    type Error = ValueError;

    fn try_from(numbers: BTreeMap<String, i64>) -> Result<Self, ValueError> {
        if numbers.len() > Self::MAX_NUMBERS {
            let (what, found) = ("the warning's numbers", numbers.len());
            return Err(ValueError::Count { what, min: 0, max: Self::MAX_NUMBERS, found });
        }
        let is_name = |name: &String| {
            (1..=Self::NAME_CHARS).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !numbers.keys().all(is_name) {
            return Err(ValueError::Form {
                what: "the name of a warning's number",
                wanted: "1 to 40 letters and digits",
            });
        }
        Ok(Self(numbers))
    }
}

impl From<WarningData> for BTreeMap<String, i64> {
    fn from(data: WarningData) -> Self {
        data.0
    }
}
