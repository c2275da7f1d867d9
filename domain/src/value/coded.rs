/// An enum whose variants have a name outside, in SCREAMING_SNAKE_CASE: `code()`, `ALL`, `Display`, `FromStr` and serde
/// all speak that name.
macro_rules! coded {
    (
        $(#[$outer:meta])*
        $what:literal pub enum $name:ident { $first:ident = $first_code:literal : $first_doc:literal $(, $variant:ident = $code:literal : $doc:literal)* $(,)? }
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            #[doc = $first_doc]
            #[serde(rename = $first_code)]
            $first,
            $(
                #[doc = $doc]
                #[serde(rename = $code)]
                $variant,
            )*
        }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[Self::$first $(, Self::$variant)*];

            /// The name outside.
            pub const fn code(self) -> &'static str {
                match self {
                    Self::$first => $first_code,
                    $(Self::$variant => $code,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::value::ValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|variant| variant.code() == text).ok_or(
                    $crate::value::ValueError::Unknown {
                        what: $what,
                        known: concat!($first_code $(, ", ", $code)*),
                    },
                )
            }
        }
    };
}
pub(crate) use coded;
