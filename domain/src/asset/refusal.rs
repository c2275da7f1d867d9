use super::AssetState;

/// Why an asset refuses. The sentence says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssetRefusal {
    /// There is no such asset.
    #[error("there is no such asset")]
    Unknown,
    /// The id is taken.
    #[error("the asset is there already; take another id")]
    AlreadyStarted,
    /// It is gone.
    #[error("the asset is gone ({state}); there is nothing left of it to work with")]
    Gone {
        /// How.
        state: AssetState,
    },
    /// It has no media to work with.
    #[error("the asset is {state}; only what is READY can be trimmed or be given a poster")]
    NotReady {
        /// What it is instead.
        state: AssetState,
    },
    /// `untrim` on what is whole.
    #[error("the asset is not trimmed; all of it is shown already")]
    NotTrimmed,
    /// The part is no part of it.
    #[error("the part lies outside the asset; take it from what the asset was when it became ready")]
    OutsideMedia,
    /// The moment of a poster is not shown.
    #[error("the moment is not shown by the asset; take one of what is shown")]
    PosterNotShown,
}

impl AssetRefusal {
    /// The reason's name outside.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "ASSET_UNKNOWN",
            Self::AlreadyStarted => "ALREADY_STARTED",
            Self::Gone { .. } => "ASSET_GONE",
            Self::NotReady { .. } => "NOT_READY",
            Self::NotTrimmed => "NOT_TRIMMED",
            Self::OutsideMedia => "OUTSIDE_MEDIA",
            Self::PosterNotShown => "POSTER_NOT_SHOWN",
        }
    }
}
