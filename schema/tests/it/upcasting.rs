//! The seam that old versions come through, with steps of its own, and those that there are.

use serde_json::{Value, json};
use sigma_schema::{
    SchemaError,
    upcast::{UPCASTERS, Upcaster, upcast},
};

use crate::events::newest;

fn named(mut data: Value) -> Result<Value, String> {
    let title = data.get_mut("title").map(Value::take).ok_or("there is no title")?;
    Ok(json!({ "name": title }))
}

fn wrapped(mut data: Value) -> Result<Value, String> {
    Ok(json!({ "name": { "plain": data["name"].take() } }))
}

const STEPS: &[Upcaster] = &[
    Upcaster { name: "thing.made", from: 2, step: wrapped },
    Upcaster { name: "other.made", from: 1, step: |_| Err("not this one".to_owned()) },
    Upcaster { name: "thing.made", from: 1, step: named },
];

#[test]
fn an_old_version_comes_up_step_by_step() {
    let newest = json!({ "name": { "plain": "x" } });
    assert_eq!(upcast(STEPS, "thing.made", 1, 3, json!({ "title": "x" })), Ok(newest.clone()));
    assert_eq!(upcast(STEPS, "thing.made", 2, 3, json!({ "name": "x" })), Ok(newest.clone()));
    assert_eq!(upcast(STEPS, "thing.made", 3, 3, newest.clone()), Ok(newest));
}

#[test]
fn a_step_that_fails_says_at_which_version() {
    let error = upcast(STEPS, "thing.made", 1, 3, json!({})).unwrap_err();
    assert_eq!(error.to_string(), "thing.made version 1 is not of its shape: there is no title");
}

#[test]
fn a_step_that_is_missing_is_no_silent_pass() {
    let error = upcast(STEPS, "thing.made", 3, 4, json!({})).unwrap_err();
    assert_eq!(error.to_string(), "thing.made version 3 is not of its shape: there is no step to version 4");
}

#[test]
fn a_version_from_the_future_is_not_guessed_at() {
    let unknown = |version| SchemaError::UnknownVersion { name: "thing.made".to_owned(), version, newest: 3 };
    assert_eq!(upcast(STEPS, "thing.made", 4, 3, json!({})), Err(unknown(4)));
    assert_eq!(upcast(STEPS, "thing.made", 0, 3, json!({})), Err(unknown(0)));
}

#[test]
fn every_old_version_of_every_event_has_its_step() {
    for (name, newest) in newest() {
        for from in 1..newest {
            let steps = UPCASTERS.iter().filter(|upcaster| upcaster.name == name && upcaster.from == from);
            assert_eq!(steps.count(), 1, "{name} from version {from}");
        }
    }
}
