use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ValueError;

/// A text newtype: `as_str`, `Display`, `TryFrom<String>`, serde; `FromStr` is its own.
macro_rules! text_value {
    ($(#[$outer:meta])* $name:ident) => {
        $(#[$outer])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(super) use text_value;

/// An id made by the caller from a UUID (version 7, so that ids sort by their making): a prefix and 32 hexadecimal digits.
macro_rules! uuid_id {
    ($(#[$outer:meta])* $name:ident, $what:literal, $prefix:literal) => {
        text_value!($(#[$outer])* $name);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The id of this UUID.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(format!(concat!($prefix, "{}"), uuid.simple()))
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text.strip_prefix($prefix) {
                    Some(digits) if is_simple_uuid(digits) => Ok(Self(text.to_owned())),
                    _ => Err(ValueError::Form {
                        what: $what,
                        wanted: concat!("an id like ", $prefix, "0190163d8694739bb9fe2b8f9c1f8f5a"),
                    }),
                }
            }
        }
    };
}

fn is_simple_uuid(digits: &str) -> bool {
    digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn visible_ascii(what: &'static str, text: &str, max: usize) -> Result<(), ValueError> {
    if text.is_empty() || text.len() > max {
        return Err(ValueError::Length { what, min: 1, max, found: text.chars().take(max + 1).count() });
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ValueError::Form { what, wanted: "visible ASCII characters without blanks" });
    }
    Ok(())
}

uuid_id!(
    /// A channel's id: `ch_…`.
    ChannelId, "the channel's id", "ch_"
);
uuid_id!(
    /// A session's id: `se_…`. Used once.
    SessionId, "the session's id", "se_"
);
uuid_id!(
    /// An asset's id: `as_…`.
    AssetId, "the asset's id", "as_"
);
uuid_id!(
    /// An API token's id: `tk_…`. Not the token itself, and no secret.
    ApiTokenId, "the API token's id", "tk_"
);

text_value!(
    /// A project's id: `pr_…`, or `pr_default` for the one that is there from the first start.
    ProjectId
);

impl ProjectId {
    /// What every id of a project begins with.
    pub const PREFIX: &'static str = "pr_";

    /// The id of this UUID.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(format!("{}{}", Self::PREFIX, uuid.simple()))
    }

    /// The project that is there from the first start.
    pub fn default_project() -> Self {
        Self("pr_default".to_owned())
    }

    /// Whether this is the project that is there from the first start.
    pub fn is_default(&self) -> bool {
        self.0 == "pr_default"
    }
}

impl FromStr for ProjectId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.strip_prefix(Self::PREFIX) {
            Some("default") => Ok(Self(text.to_owned())),
            Some(digits) if is_simple_uuid(digits) => Ok(Self(text.to_owned())),
            _ => Err(ValueError::Form {
                what: "the project's id",
                wanted: "pr_default or an id like pr_0190163d8694739bb9fe2b8f9c1f8f5a",
            }),
        }
    }
}

text_value!(
    /// The public name of a channel in viewers' addresses: 20 characters of `a–z` and `2–7`, 100 random bits.
    PlaybackId
);

impl PlaybackId {
    /// Characters in a playback id.
    pub const CHARS: usize = 20;
    /// RFC 4648 §6 in lower case: five bits a character, without the look-alikes 0, 1, 8 and 9.
    const ALPHABET: &'static [u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

    /// The playback id of the low 100 bits of `random`, which the caller takes from a generator fit for secrets.
    pub fn from_random(random: u128) -> Self {
        let text =
            (0..Self::CHARS).map(|i| Self::ALPHABET[(random >> (5 * i)) as usize & 31] as char).collect();
        Self(text)
    }
}

impl FromStr for PlaybackId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.len() == Self::CHARS && text.bytes().all(|b| Self::ALPHABET.contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Form { what: "the playback id", wanted: "20 characters of a to z and 2 to 7" })
        }
    }
}

text_value!(
    /// A media node's id: 1 to 64 letters, digits, dots, hyphens and underscores.
    NodeId
);

impl NodeId {
    /// The most characters of a node's id.
    pub const CHARS: usize = 64;
}

impl FromStr for NodeId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        visible_ascii("the node's id", text, Self::CHARS)?;
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
            return Err(ValueError::Form {
                what: "the node's id",
                wanted: "letters, digits, dots, hyphens, underscores",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! visible_ascii_value {
    ($(#[$outer:meta])* $name:ident, $what:literal) => {
        text_value!($(#[$outer])* $name);

        impl $name {
            /// The most characters.
            pub const CHARS: usize = 255;
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                visible_ascii($what, text, Self::CHARS)?;
                Ok(Self(text.to_owned()))
            }
        }
    };
}

visible_ascii_value!(
    /// A command's id, honoured once: 1 to 255 visible ASCII characters.
    CommandId, "the command's id"
);
visible_ascii_value!(
    /// What ties together all that one request set off: 1 to 255 visible ASCII characters.
    CorrelationId, "the correlation id"
);

/// Which feed of a session, counted from 1 in the order they were let in. A report carries it, so that a late one of an
/// old feed is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FeedNumber(u32);

impl FeedNumber {
    /// The feed that a session opens with.
    pub const FIRST: Self = Self(1);

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number of the feed after this one. A session would need a feed every 150 µs for a week to run out.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TryFrom<u32> for FeedNumber {
    type Error = ValueError;

    fn try_from(number: u32) -> Result<Self, ValueError> {
        match number {
            0 => Err(ValueError::Form { what: "the feed's number", wanted: "1 or more" }),
            _ => Ok(Self(number)),
        }
    }
}

impl From<FeedNumber> for u32 {
    fn from(feed: FeedNumber) -> u32 {
        feed.0
    }
}

impl fmt::Display for FeedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
