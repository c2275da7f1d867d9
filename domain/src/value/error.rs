/// Why a text or a number is not the value it was given for. The sentence says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text has not the form of this value.
    #[error("{what} must be {wanted}")]
    Form {
        /// The value's name, as people say it.
        what: &'static str,
        /// The form that is right.
        wanted: &'static str,
    },
    /// Too short or too long, counted in characters.
    #[error("{what} must have {min} to {max} characters; this has {found}")]
    Length {
        /// The value's name.
        what: &'static str,
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
        /// What was given; counting stops soon after the most that is allowed.
        found: usize,
    },
    /// Too few or too many of something.
    #[error("{what} must be {min} to {max}; this has {found}")]
    Count {
        /// What they are, as people say it.
        what: &'static str,
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
        /// What was given.
        found: usize,
    },
    /// A duration outside its bounds.
    #[error("{what} must be {min} to {max} seconds, not {found}")]
    Seconds {
        /// The value's name.
        what: &'static str,
        /// The least, in seconds.
        min: u32,
        /// The most, in seconds.
        max: u32,
        /// What was given.
        found: i64,
    },
    /// None of the names that are known today.
    #[error("{what} must be one of {known}")]
    Unknown {
        /// The value's name.
        what: &'static str,
        /// The names that are known, with commas.
        known: &'static str,
    },
}
