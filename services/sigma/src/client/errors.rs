//! Errors of the API as a person reads them, with the mend.

use serde_json::Value;

use crate::fault::Fault;

/// What the API's `errors` mean for who asked `url` with the token of `token_from`.
pub(crate) fn refusal(errors: &[Value], url: &str, token_from: &str, retry_after: Option<&str>) -> Fault {
    let words = errors.iter().map(sentence).collect::<Vec<_>>().join("; ");
    let first = errors.first().unwrap_or(&Value::Null);
    let of_first = |name: &str| first["extensions"][name].as_str().unwrap_or_default();
    match of_first("code") {
        "UNAUTHENTICATED" => Fault::new(
            format!("{url} does not take the token of {token_from}"),
            "it is wrong, has expired or was revoked: name another with --token or SIGMA_TOKEN",
        ),
        "FORBIDDEN" if of_first("reason") == "SCOPE_MISSING" => {
            Fault::new(words, "`sigma token create NAME --scope SCOPE` makes one")
        }
        "NOT_FOUND" => match overview(first) {
            Some(command) => Fault::new(words, format!("see `{command}`")),
            None => Fault::told(words),
        },
        "RATE_LIMITED" => {
            let mend = match retry_after {
                Some(seconds) => format!("try again in {seconds} s"),
                None => "try again in a while".to_owned(),
            };
            Fault::new(words, mend).that_may_pass()
        }
        "UNAVAILABLE" => Fault::told(words).that_may_pass(),
        _ => Fault::told(words),
    }
}

/// Whether all that is wrong is that fields within the answer want scopes which the token has not: the rest stands.
pub(crate) fn is_only_withheld(errors: &[Value]) -> bool {
    errors.iter().all(|error| {
        let within = error["path"].as_array().is_some_and(|path| path.len() > 1);
        within && error["extensions"]["reason"] == "SCOPE_MISSING"
    })
}

/// The scopes that are wanted for what was withheld, in the API's words, each once.
pub(crate) fn withheld(errors: &[Value]) -> String {
    let words: std::collections::BTreeSet<String> = errors.iter().map(sentence).collect();
    words.into_iter().collect::<Vec<_>>().join("; ")
}

/// The command that lists what the field that failed is about.
fn overview(error: &Value) -> Option<&'static str> {
    let field = error["path"][0].as_str()?.to_lowercase();
    let about = [
        ("projection", "sigma projections status"),
        ("parked", "sigma projections status"),
        ("token", "sigma token list"),
        ("project", "sigma project list"),
        ("session", "sigma session list"),
        ("golive", "sigma session list"),
        ("channel", "sigma channel list"),
        ("streamkey", "sigma channel list"),
    ];
    about.into_iter().find(|(part, _)| field.contains(part)).map(|(_, command)| command)
}

/// Its sentence, and the fields that are wrong.
fn sentence(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or("the server gave no reason");
    let fields = error["extensions"]["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields =
        fields.iter().filter_map(|field| Some((field["path"].as_str()?, field["message"].as_str()?)));
    let fields: Vec<String> = fields.map(|(path, message)| format!("{path}: {message}")).collect();
    if fields.is_empty() { message.to_owned() } else { fields.join("; ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(error: Value) -> String {
        refusal(&[error], "http://x", "SIGMA_TOKEN", Some("3")).to_string()
    }

    #[test]
    fn wrong_fields_are_told_instead_of_their_sum() {
        let error = json!({ "message": "1 of the input field is wrong",
            "extensions": { "fields": [{ "path": "name", "message": "the channel's name must have 1 to 100 characters" }] } });
        assert_eq!(told(error), "name: the channel's name must have 1 to 100 characters");
        assert_eq!(told(json!({ "message": "no" })), "no");
    }

    #[test]
    fn a_wrong_token_is_told_by_where_it_came_from() {
        let error = json!({ "message": "a token is needed", "extensions": { "code": "UNAUTHENTICATED" } });
        assert_eq!(
            told(error),
            "http://x does not take the token of SIGMA_TOKEN; it is wrong, has expired or was revoked: name another with \
             --token or SIGMA_TOKEN"
        );
    }

    #[test]
    fn each_kind_of_refusal_has_its_mend() {
        let error = |code: &str, reason: &str, field: &str| {
            told(
                json!({ "message": "so it is", "path": [field], "extensions": { "code": code, "reason": reason } }),
            )
        };
        assert_eq!(error("NOT_FOUND", "", "stopChannel"), "so it is; see `sigma channel list`");
        assert_eq!(error("NOT_FOUND", "", "goLive"), "so it is; see `sigma session list`");
        assert_eq!(error("NOT_FOUND", "", "retryParked"), "so it is; see `sigma projections status`");
        assert_eq!(error("RATE_LIMITED", "", ""), "so it is; try again in 3 s");
        assert!(error("FORBIDDEN", "SCOPE_MISSING", "").contains("`sigma token create NAME --scope SCOPE`"));
        assert_eq!(error("REFUSED", "ALREADY_STOPPED", "stopChannel"), "so it is");
    }

    #[test]
    fn an_answer_without_the_fields_that_the_token_may_not_see_stands() {
        let error = |path: Value, reason: &str| json!({ "message": "m", "path": path, "extensions": { "reason": reason } });
        let within = error(json!(["channels", "nodes", 0, "currentSession"]), "SCOPE_MISSING");
        assert!(is_only_withheld(&[within.clone(), within.clone()]));
        assert_eq!(withheld(&[within.clone(), within.clone()]), "m");
        assert!(!is_only_withheld(&[within.clone(), error(json!(["channels"]), "SCOPE_MISSING")]));
        assert!(!is_only_withheld(&[within, error(json!(["channels", "nodes"]), "INTERNAL")]));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let passes = |code: &str| {
            refusal(&[json!({ "message": "m", "extensions": { "code": code } })], "u", "t", None).may_pass()
        };
        assert!(passes("UNAVAILABLE") && passes("RATE_LIMITED"));
        assert!(!passes("UNAUTHENTICATED") && !passes("NOT_FOUND") && !passes("BAD_INPUT"));
    }
}
