//! Input of use cases: every wrong field is named, not only the first.

use serde::Serialize;
use sigma_domain::ValueError;

use crate::{AppError, FieldError};

/// Gathers every wrong field.
#[derive(Default)]
pub(crate) struct Wrong(Vec<FieldError>);

impl Wrong {
    /// The value, or a note of what is wrong with it.
    pub(crate) fn take<T>(&mut self, path: &str, parsed: Result<T, ValueError>) -> Option<T> {
        parsed.map_err(|error| self.note(path, error.to_string())).ok()
    }

    /// The same, where there is one.
    pub(crate) fn take_some<V, T: TryFrom<V, Error = ValueError>>(
        &mut self,
        path: &str,
        given: Option<V>,
    ) -> Option<T> {
        given.and_then(|value| self.take(path, T::try_from(value)))
    }

    /// Notes what is wrong with a field.
    pub(crate) fn note(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(FieldError { path: path.to_owned(), message: message.into() });
    }

    /// Nothing, or every wrong field.
    pub(crate) fn answer(self) -> Result<(), AppError> {
        if self.0.is_empty() { Ok(()) } else { Err(AppError::BadInput { fields: self.0 }) }
    }
}

/// What was asked, as text for the fingerprint.
pub(crate) fn asked<T: Serialize>(input: &T) -> Result<String, AppError> {
    serde_json::to_string(input).map_err(|error| AppError::Internal(error.to_string()))
}
