//! The shape of every GraphQL error: `extensions {code, reason, fields}`.

use async_graphql::{Error, ErrorExtensionValues, ErrorExtensions, ServerError, Value, value};
use sigma_app::{AppError, FieldError, ReadError};
use tracing::error;

/// The codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Unauthenticated,
    Forbidden,
    NotFound,
    BadInput,
    Refused,
    Conflict,
    RateLimited,
    TooComplex,
    TooLarge,
    Unavailable,
}

impl Code {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadInput => "BAD_INPUT",
            Self::Refused => "REFUSED",
            Self::Conflict => "CONFLICT",
            Self::RateLimited => "RATE_LIMITED",
            Self::TooComplex => "TOO_COMPLEX",
            Self::TooLarge => "TOO_LARGE",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

/// An error with its code, and the reason and the wrong fields where there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) reason: Option<String>,
    pub(crate) fields: Vec<FieldError>,
}

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), reason: None, fields: Vec::new() }
    }

    /// One field of the request is wrong.
    pub(crate) fn field(path: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let field = FieldError { path: path.to_owned(), message: message.clone() };
        Self { fields: vec![field], ..Self::new(Code::BadInput, message) }
    }

    /// The same with a reason, as one word.
    pub(crate) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    /// A subscriber does not take its events as fast as they happen.
    pub(crate) fn too_slow() -> Self {
        let message = "events were not taken as fast as they happened, so this subscription ends: subscribe again, \
                       ask for fewer fields, and read faster";
        Self::new(Code::RateLimited, message).because("TOO_SLOW")
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            Code::Unauthenticated,
            "this needs a token: send Authorization: Bearer TOKEN (the admin token stands in DATA_DIR/admin-token)",
        )
    }

    fn internal(cause: &str) -> Self {
        error!(cause, "a GraphQL request met a fault of ours");
        let message =
            "the server met a fault of its own; the log has the cause under the request id in x-request-id";
        Self { reason: Some("INTERNAL".to_owned()), ..Self::new(Code::Unavailable, message) }
    }

    pub(crate) fn extend(&self, extensions: &mut ErrorExtensionValues) {
        extensions.set("code", self.code.as_str());
        if let Some(reason) = &self.reason {
            extensions.set("reason", reason.as_str());
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter();
            let fields = fields.map(|f| value!({ "path": f.path.as_str(), "message": f.message.as_str() }));
            extensions.set("fields", Value::List(fields.collect()));
        }
    }

    /// The error as the whole answer of a request.
    pub(crate) fn into_server_error(self) -> ServerError {
        let mut error = ServerError::new(self.message.clone(), None);
        self.extend(error.extensions.get_or_insert_default());
        error
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::new(fault.message.clone()).extend_with(|_, extensions| fault.extend(extensions))
    }
}

impl From<AppError> for Fault {
    fn from(error: AppError) -> Self {
        let message = error.to_string();
        let forbidden = |reason: &str| Self {
            reason: Some(reason.to_owned()),
            ..Self::new(Code::Forbidden, message.clone())
        };
        match error {
            AppError::Unauthenticated => Self::new(Code::Unauthenticated, message),
            AppError::Forbidden { .. } => forbidden("SCOPE_MISSING"),
            AppError::DefaultProjectOnly => forbidden("DEFAULT_PROJECT_ONLY"),
            AppError::BoundToChannels => forbidden("BOUND_TO_CHANNELS"),
            AppError::Refused { code, .. } => {
                Self { reason: Some(code), ..Self::new(Code::Refused, message) }
            }
            AppError::NotFound { .. } => Self::new(Code::NotFound, message),
            AppError::Conflict(_) => Self::new(Code::Conflict, message),
            AppError::BadInput { fields } => Self { fields, ..Self::new(Code::BadInput, message) },
            AppError::Unavailable { .. } => Self::new(Code::Unavailable, message),
            AppError::Internal(cause) => Self::internal(&cause),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::new(Code::Unavailable, format!("{error}; try again in a few seconds"))
    }
}

/// Gives a code to an error of the GraphQL engine itself: syntax, validation, coercion, limits.
pub(crate) fn classify(error: &mut ServerError) {
    let coded = error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
    if coded {
        return;
    }
    let message = error.message.as_str();
    let limits = ["too complex", "too deep", "recursion depth", "number of directives"];
    let fault = if limits.iter().any(|limit| message.contains(limit)) {
        Fault::new(Code::TooComplex, message)
    } else {
        match argument_of(message) {
            Some(path) => Fault::field(path, message),
            None => Fault::new(Code::BadInput, message),
        }
    };
    fault.extend(error.extensions.get_or_insert_default());
}

/// The argument that the engine names in `Invalid value for argument "input.latencyMode", …`, and the field in
/// `…, unknown field "dvrWindow" of …`.
fn argument_of(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("argument \"")?;
    let rest = rest.split_once(", unknown field \"").map_or(rest, |(_, field)| field);
    let (path, _) = rest.split_once('"')?;
    Some(path.strip_prefix("input.").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_the_engine_names_becomes_a_field() {
        let message =
            "Invalid value for argument \"input.latencyMode\", enumeration type does not contain it";
        assert_eq!(argument_of(message), Some("latencyMode"));
        let message = "Invalid value for argument \"input\", unknown field \"dvrWindow\" of type \"CreateChannelInput\"";
        assert_eq!(argument_of(message), Some("dvrWindow"));
        assert_eq!(argument_of("Unknown field \"x\" on type \"Query\"."), None);
    }

    #[test]
    fn limits_are_told_apart_from_bad_input() {
        let code = |message: &str| {
            let mut error = ServerError::new(message, None);
            classify(&mut error);
            error.extensions.and_then(|extensions| extensions.get("code").cloned())
        };
        assert_eq!(code("Query is too complex."), Some(value!("TOO_COMPLEX")));
        assert_eq!(code("Query is nested too deep."), Some(value!("TOO_COMPLEX")));
        assert_eq!(code("expected selection_set"), Some(value!("BAD_INPUT")));
    }
}
