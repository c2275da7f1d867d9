use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ValueError;

/// The most characters of a name.
const NAME_CHARS: usize = 100;

fn parse_name(what: &'static str, text: &str) -> Result<String, ValueError> {
    let trimmed = text.trim();
    // One over the limit is enough to know; a huge text is not counted to its end.
    let found = trimmed.chars().take(NAME_CHARS + 1).count();
    if found == 0 || found > NAME_CHARS {
        return Err(ValueError::Length { what, min: 1, max: NAME_CHARS, found });
    }
    if trimmed.chars().any(|c| c.is_control() || is_direction_override(c)) {
        return Err(ValueError::Form { what, wanted: "free of control characters" });
    }
    Ok(trimmed.to_owned())
}

/// Unicode's explicit direction marks (UAX #9 §2): invisible, and they can turn the rest of a page around.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

macro_rules! name {
    ($(#[$outer:meta])* $name:ident, $what:literal) => {
        $(#[$outer])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as people wrote it, without the blanks around it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                parse_name($what, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A channel's name: 1 to 100 characters, trimmed, no control characters. It may be personal: see [`super::Personal`].
    ChannelName, "the channel's name"
);
name!(
    /// An API token's name: 1 to 100 characters, trimmed, no control characters.
    ApiTokenName, "the API token's name"
);
name!(
    /// A project's name: 1 to 100 characters, trimmed, no control characters.
    ProjectName, "the project's name"
);
name!(
    /// An asset's title: 1 to 100 characters, trimmed, no control characters. It may be personal, as a channel's name.
    AssetTitle, "the title"
);
