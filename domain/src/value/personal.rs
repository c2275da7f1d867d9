use serde::{Deserialize, Serialize};

/// A free text that may say something about a person: plain, or sealed under a key of that person's own. Events have
/// known both from version 1, so that forgetting somebody is the loss of a key and needs no new event version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Personal<T> {
    /// Readable.
    Plain(T),
    /// Readable only with the subject's key.
    Sealed(SealedText),
}

/// A text sealed under a key per subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SealedText {
    /// Which key opens it.
    pub key_id: String,
    /// Nonce and ciphertext, base64.
    pub sealed: String,
}

impl<T> Personal<T> {
    /// The text, where it can be read without a key.
    pub fn plain(&self) -> Option<&T> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Sealed(_) => None,
        }
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self::Plain(value)
    }
}
