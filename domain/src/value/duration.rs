use super::ValueError;

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
    /// How long an old stream key goes on serving after a rotation: 0 (none) to a week, none by default.
    KeyOverlap, "the overlap of stream keys", 0, 7 * 86_400, 0
);
