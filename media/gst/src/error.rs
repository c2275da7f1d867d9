//! Why there is no picture.

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// No picture can be made here: the executable is missing, or does not start. In words, with the mend.
    #[error("pictures are not available: {0}")]
    Unavailable(String),
    /// There is more to do than can be done: this request made room for a newer one, or found none.
    #[error("there are too many pictures to make at the moment")]
    Shed,
    /// These bytes are no picture. In words.
    #[error("the key frame cannot be decoded: {0}")]
    Broken(String),
    /// What this channel sent has ended the worker, or kept it from the others' pictures: its pictures rest for a while.
    #[error("this channel's pictures have ended the worker process or took too long, and rest for a while")]
    Resting,
    /// More was asked for than one request may.
    #[error("{what} of a picture request exceeds the limit of {limit}")]
    TooMuch {
        /// What is too much.
        what: &'static str,
        /// The greatest accepted value.
        limit: usize,
    },
}
