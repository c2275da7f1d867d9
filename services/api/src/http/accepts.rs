//! In which form a caller of `POST /graphql` wants his answer (RFC 9110 §12.5.1).

use std::cmp::Reverse;

use http::{HeaderMap, header};

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object.
    Json,
    /// JSON, and events where there is more than one answer to tell.
    JsonOrEvents,
    /// A stream of events.
    Events,
}

impl Form {
    /// What `Accept` prefers. A stream is asked for by its name, not by a wildcard; of names with one weight the first
    /// counts, because clients that take everything (urql) name what they want first.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let named = accepted.flat_map(|value| value.split(',')).enumerate().filter_map(|(place, item)| {
            let mut parts = item.split(';').map(str::trim);
            let form = form(parts.next()?)?;
            let weight = parts.find_map(weight).unwrap_or(MOST);
            (weight > 0).then_some((Reverse(weight), place, form))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|(weight, place, _)| (*weight, *place));
        match named.first() {
            Some((_, _, Self::Events)) => Self::Events,
            _ if named.iter().any(|(_, _, form)| *form == Self::Events) => Self::JsonOrEvents,
            _ => Self::Json,
        }
    }
}

/// The weight of what has none, in thousandths.
const MOST: u16 = 1_000;

fn form(kind: &str) -> Option<Form> {
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if is("text/event-stream") {
        Some(Form::Events)
    } else if ["application/json", "application/graphql-response+json", "application/graphql+json"]
        .into_iter()
        .any(is)
    {
        Some(Form::Json)
    } else {
        None
    }
}

/// `q=0.5` in thousandths; what is no weight at all counts in full.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, part) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let thousandths = format!("{part:0<3}");
    match (whole, thousandths.get(..3).and_then(|digits| digits.parse().ok())) {
        ("0", Some(thousandths)) => Some(thousandths),
        _ => Some(MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Form {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, accept.parse().expect("a value"));
        Form::of(&headers)
    }

    #[test]
    fn what_is_named_first_with_the_highest_weight_is_wanted() {
        for accept in [
            "text/event-stream",
            "TEXT/Event-Stream; charset=utf-8",
            "text/event-stream, application/json",
            "application/json;q=0.9, text/event-stream",
            "application/json;q=0, text/event-stream;q=0.1",
            "*/*, text/event-stream",
        ] {
            assert_eq!(of(accept), Form::Events, "{accept}");
        }
        for accept in [
            "application/json, text/event-stream",
            "application/graphql+json, text/event-stream",
            "text/event-stream;q=0.5, application/json;q=0.51",
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, \
             multipart/mixed",
        ] {
            assert_eq!(of(accept), Form::JsonOrEvents, "{accept}");
        }
        for accept in ["", "*/*", "application/json", "text/event-stream;q=0", "text/event-stream; Q=0.000"] {
            assert_eq!(of(accept), Form::Json, "{accept}");
        }
        assert_eq!(Form::of(&HeaderMap::new()), Form::Json);
    }
}
