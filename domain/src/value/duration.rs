use super::{Timestamp, ValueError};

/// A whole number of seconds within named bounds.
macro_rules! bounded_seconds {
    ($(#[$outer:meta])* $name:ident, $what:literal, $min:expr, $max:expr, $default:expr) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "u32", into = "u32")]
        pub struct $name(u32);

        impl $name {
            /// The least, in seconds.
            pub const MIN: u32 = $min;
            /// The most, in seconds.
            pub const MAX: u32 = $max;
            /// What stands where nobody says otherwise.
            pub const DEFAULT: Self = Self($default);

            /// Whole seconds.
            pub const fn seconds(self) -> u32 {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        impl TryFrom<i64> for $name {
            type Error = ValueError;

            fn try_from(seconds: i64) -> Result<Self, ValueError> {
                match u32::try_from(seconds) {
                    Ok(fit) if (Self::MIN..=Self::MAX).contains(&fit) => Ok(Self(fit)),
                    _ => Err(ValueError::Seconds { what: $what, min: Self::MIN, max: Self::MAX, found: seconds }),
                }
            }
        }

        impl TryFrom<u32> for $name {
            type Error = ValueError;

            fn try_from(seconds: u32) -> Result<Self, ValueError> {
                Self::try_from(i64::from(seconds))
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> u32 {
                value.0
            }
        }
    };
}

bounded_seconds!(
    /// How long a session may last, counted from its start: a minute to a week, 12 hours by default.
    MaxSessionDuration, "the maximum session duration", 60, 7 * 86_400, 43_200
);
bounded_seconds!(
    /// How long a session waits for a lost feed: 0 (ends at once) to an hour, a minute by default.
    ReconnectWindow, "the reconnect window", 0, 3_600, 60
);
bounded_seconds!(
    /// How far back viewers may rewind a live session: 0 (not at all) to a day, two hours by default.
    DvrWindow, "the rewind window", 0, 86_400, 7_200
);
bounded_seconds!(
    /// How long a recording is kept where it is not kept until it is deleted: a minute to ten years, thirty days by default.
    RetentionTime, "the retention", 60, 315_360_000, 2_592_000
);
bounded_seconds!(
    /// How long an old stream key goes on serving after a rotation: 0 (none) to a week, none by default.
    KeyOverlap, "the overlap of stream keys", 0, 7 * 86_400, 0
);

/// For how long what was recorded is kept, counted from when it became ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Retention {
    /// Until somebody deletes it.
    #[default]
    UntilDeleted,
    /// For so long.
    For(RetentionTime),
}

impl Retention {
    /// Whole seconds; none: until it is deleted.
    pub fn seconds(self) -> Option<u32> {
        match self {
            Self::UntilDeleted => None,
            Self::For(time) => Some(time.seconds()),
        }
    }

    /// When what became ready then is to expire; none: never by itself.
    pub fn end_of(self, ready_at: Timestamp) -> Option<Timestamp> {
        self.seconds().map(|seconds| ready_at.plus_seconds(seconds))
    }
}

impl TryFrom<Option<i64>> for Retention {
    type Error = ValueError;

    fn try_from(seconds: Option<i64>) -> Result<Self, ValueError> {
        seconds.map_or(Ok(Self::UntilDeleted), |seconds| seconds.try_into().map(Self::For))
    }
}
