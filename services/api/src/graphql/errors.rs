//! The shape of every GraphQL error: `extensions {code, reason, fields}`.

use async_graphql::{Error, ErrorExtensionValues, ErrorExtensions, Response, ServerError, Value, value};
use sigma_app::{AppError, FieldError, ReadError};
use tracing::error;

/// What a caller sent is given back to this many characters.
const ECHO: usize = 200;
/// A message of ours is no longer than this, whatever stands in it.
const SENTENCE: usize = 400;
/// Errors of one answer at most.
const ERRORS: usize = 20;

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

/// When to try again what is away: nothing was done.
const RETRY_AFTER_SECONDS: u32 = 3;

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

    /// Several fields are wrong: all of them are told at once.
    pub(crate) fn together(faults: Vec<Self>) -> Self {
        let fields: Vec<FieldError> = faults.into_iter().flat_map(|fault| fault.fields).collect();
        let message = match fields.as_slice() {
            [one] => one.message.clone(),
            fields => format!("{} fields of the request are wrong", fields.len()),
        };
        Self { fields, ..Self::new(Code::BadInput, message) }
    }

    /// The same with a reason, as one word.
    pub(crate) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    /// There is no such thing, or it is none of the caller's business.
    pub(crate) fn not_found(kind: &'static str, id: &str) -> Self {
        AppError::NotFound { kind, id: id.to_owned() }.into()
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
        if self.code == Code::Unavailable && self.reason.is_none() {
            extensions.set("retryAfterSeconds", RETRY_AFTER_SECONDS);
        }
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
        match error {
            AppError::Refused { code, .. } => Self::new(Code::Refused, message).because(&code),
            AppError::NotFound { .. } => Self::new(Code::NotFound, cut(&message, ECHO)),
            AppError::Unauthenticated => Self::unauthenticated(),
            AppError::Forbidden { .. } => Self::new(Code::Forbidden, message).because("SCOPE_MISSING"),
            AppError::BoundToChannels => Self::new(Code::Forbidden, message).because("BOUND_TO_CHANNELS"),
            AppError::DefaultProjectOnly => {
                Self::new(Code::Forbidden, message).because("DEFAULT_PROJECT_ONLY")
            }
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

/// Gives every error a code, cuts what it gives back, and drops errors beyond [`ERRORS`].
pub(crate) fn present(mut response: Response) -> Response {
    drop_echoes(&mut response.errors);
    response.errors.truncate(ERRORS);
    response.errors.iter_mut().for_each(classify);
    response
}

/// A wrong argument that the engine named is met again, without its name, where the request's complexity is summed up.
fn drop_echoes(errors: &mut Vec<ServerError>) {
    let named = errors.iter().any(|error| error.message.starts_with("Invalid value for argument \""));
    let is_echo = |error: &ServerError| {
        error.extensions.is_none()
            && ["Failed to parse \"", "Expected input type \""]
                .iter()
                .any(|echo| error.message.starts_with(echo))
    };
    if named {
        errors.retain(|error| !is_echo(error));
    }
}

/// Gives a code to an error of the GraphQL engine itself: syntax, validation, coercion, limits.
fn classify(error: &mut ServerError) {
    let coded = error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
    if coded {
        error.message = cut(&error.message, SENTENCE);
        return;
    }
    let message = told(&error.message);
    let limits = ["too complex", "too deep", "recursion depth", "number of directives"];
    let fault = if limits.iter().any(|limit| message.contains(limit)) {
        Fault::new(Code::TooComplex, format!("{message} Ask for less at once."))
    } else {
        match argument_of(&error.message) {
            Some(path) => Fault::field(&cut(path, ECHO), message),
            None => Fault::new(Code::BadInput, message),
        }
    };
    error.message.clone_from(&fault.message);
    fault.extend(error.extensions.get_or_insert_default());
}

/// The engine's own words, fit to be told.
fn told(message: &str) -> String {
    match syntax(message) {
        Some(syntax) => cut(&syntax, ECHO),
        None if message.ends_with("expected type \"DateTime\"") => {
            format!("{}: give a moment as RFC 3339 says it, as 2026-11-24T17:30:00Z", cut(message, ECHO))
        }
        None => cut(message, ECHO),
    }
}

/// The parser draws the wrong line with an arrow under it, however long it is; the place and what was expected
/// suffice: ` --> 1:14 … = expected selection_set`.
fn syntax(message: &str) -> Option<String> {
    let place = message.trim_start().strip_prefix("--> ")?.lines().next()?;
    let (line, column) = place.trim().split_once(':')?;
    let expected = message.lines().rev().find_map(|line| line.trim_start().strip_prefix("= "))?;
    Some(format!("the document cannot be read at line {line}, column {column}: {expected}"))
}

/// At most so many characters, with a sign where something is left out.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The argument that the engine names in `Invalid value for argument "input.latencyMode", …`, and the field in
/// `…, unknown field "dvrWindow" of …`.
fn argument_of(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("argument \"")?;
    let rest = rest
        .split_once(", unknown field \"")
        .or_else(|| rest.split_once(", field \""))
        .map_or(rest, |(_, field)| field);
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
        let message = "Invalid value for argument \"input\", field \"name\" of type \"String!\" is required but not provided";
        assert_eq!(argument_of(message), Some("name"));
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

    #[test]
    fn what_a_caller_sent_is_given_back_to_200_characters() {
        let long = "ấ".repeat(10_000);
        let faults = [
            Fault::not_found("channel", &long).into_server_error(),
            ServerError::new(format!("Unknown argument \"{long}\" on field \"x\""), None),
            ServerError::new(
                format!("Invalid value for argument \"{long}\", expected type \"DateTime\""),
                None,
            ),
            ServerError::new(format!(" --> 1:3\n  |\n1 | {long}\n  = expected {long}"), None),
        ];
        for error in faults {
            let told = present(Response::from_errors(vec![error])).errors.remove(0);
            assert!(told.message.chars().count() <= SENTENCE, "{}", told.message);
            let whole = serde_json::to_string(&told).expect("JSON");
            assert!(whole.chars().count() < 1_000, "{whole}");
        }
    }

    #[test]
    fn a_thousand_errors_are_told_by_the_first_twenty() {
        let errors = (0..1_000).map(|n| ServerError::new(format!("Unknown field {n}"), None)).collect();
        assert_eq!(present(Response::from_errors(errors)).errors.len(), ERRORS);
    }

    #[test]
    fn a_syntax_error_is_told_by_its_place_and_without_the_document() {
        let error = async_graphql::parser::parse_query("{ channels {").expect_err("no document");
        let message = told(&error.to_string());
        assert_eq!(message, "the document cannot be read at line 1, column 13: expected selection");
    }
}
