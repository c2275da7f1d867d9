//! The small part of JSON Schema that our schemas are written in: whether a value is of a schema, and whether whoever
//! reads by one schema can read what is written by another.

use serde_json::{Map, Value};

/// What is told to people and changes nothing.
const ANNOTATIONS: [&str; 4] = ["$schema", "$id", "title", "description"];

/// What is understood beside them. A word that is not is refused: it would be believed and not held.
const WORDS: [&str; 10] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "oneOf",
    "minimum",
    "maximum",
];

/// Every way in which `value` is not of `schema`, as sentences.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "the value", &mut found);
    found
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema is an object");
    for word in schema.keys() {
        let known = ANNOTATIONS.contains(&word.as_str()) || WORDS.contains(&word.as_str());
        assert!(known, "the word {word} is not understood here");
    }
    if let Some(kind) = schema.get("type") {
        let is_it = match kind.as_str().expect("one type") {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            other => panic!("the type {other} is not understood here"),
        };
        if !is_it {
            found.push(format!("{at} is no {kind}: {value}"));
            return;
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array)
        && !values.contains(value)
    {
        found.push(format!("{at} is none of the known: {value}"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        found.push(format!("{at} is another: {value}"));
    }
    let number = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    if let (Some(value), Some(least)) = (number(value), schema.get("minimum").and_then(number))
        && value < least
    {
        found.push(format!("{at} is below {least}"));
    }
    if let (Some(value), Some(most)) = (number(value), schema.get("maximum").and_then(number))
        && value > most
    {
        found.push(format!("{at} is above {most}"));
    }
    if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
        let fitting = branches.iter().filter(|branch| faults(branch, value).is_empty()).count();
        if fitting != 1 {
            found.push(format!("{at} fits {fitting} of {} forms", branches.len()));
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (n, value) in values.iter().enumerate() {
            check(items, value, &format!("{at}[{n}]"), found);
        }
    }
    if let Some(fields) = value.as_object() {
        for name in required(schema) {
            if !fields.contains_key(name) {
                found.push(format!("{at} has no {name}"));
            }
        }
        for (name, value) in fields {
            let known = schema.get("properties").and_then(|known| known.get(name));
            if let Some(field) = known.or(schema.get("additionalProperties")) {
                check(field, value, &format!("{at}.{name}"), found);
            }
        }
    }
}

fn required(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Everything between two schemas of one version by which a reader of yesterday could not read what is written today, or
/// a reader of today what was written yesterday. What may change: words for people, and new fields that may be left out.
pub fn breaks(then: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(then, now, "the value", &mut found);
    found
}

fn compare(then: &Value, now: &Value, at: &str, found: &mut Vec<String>) {
    let (Some(then), Some(now)) = (then.as_object(), now.as_object()) else {
        if then != now {
            found.push(format!("{at} was {then} and is {now}"));
        }
        return;
    };
    let nothing = Value::Null;
    for word in WORDS {
        let (old, new) = (then.get(word).unwrap_or(&nothing), now.get(word).unwrap_or(&nothing));
        match word {
            "properties" => fields(then, now, at, found),
            "required" => {}
            "items" | "additionalProperties" if old.is_object() && new.is_object() => {
                compare(old, new, &format!("each of {at}"), found);
            }
            "oneOf" if old.is_array() && new.is_array() => {
                let (old, new) = (old.as_array().into_iter().flatten(), new.as_array().into_iter().flatten());
                if old.clone().count() != new.clone().count() {
                    found.push(format!("{at} has another number of forms"));
                }
                for (n, (old, new)) in old.zip(new).enumerate() {
                    compare(old, new, &format!("form {} of {at}", n + 1), found);
                }
            }
            _ if old != new => found.push(format!("{word} of {at} was {old} and is {new}")),
            _ => {}
        }
    }
}

fn fields(then: &Map<String, Value>, now: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    let of = |schema: &Map<String, Value>| {
        schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old, new) = (of(then), of(now));
    let must = |schema, name: &str| required(schema).any(|required| required == name);
    for (name, field) in &old {
        let at = format!("{at}.{name}");
        match new.get(name) {
            None => found.push(format!("{at} is gone")),
            Some(_) if must(then, name) && !must(now, name) => {
                found.push(format!("{at} was always there and may be left out"));
            }
            Some(_) if !must(then, name) && must(now, name) => {
                found.push(format!("{at} could be left out and must be there"));
            }
            Some(now) => compare(field, now, &at, found),
        }
    }
    for name in new.keys().filter(|name| !old.contains_key(*name) && must(now, name)) {
        found.push(format!("{at}.{name} is new and must be there"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "title": "a thing", "type": "object",
            "properties": {
                "id": { "type": "string", "description": "who" },
                "size": { "type": "integer", "minimum": 0, "maximum": 255 },
                "kind": { "enum": ["A", "B"] },
                "tags": { "type": "array", "items": { "type": "string" } },
                "data": { "type": "object", "additionalProperties": { "type": "integer" } },
                "name": { "oneOf": [
                    { "type": "object", "properties": { "plain": { "type": "string" } }, "required": ["plain"] },
                    { "type": "object", "properties": { "sealed": { "type": "string" } }, "required": ["sealed"] }
                ] }
            },
            "required": ["id", "kind"]
        })
    }

    #[test]
    fn what_is_of_the_schema_has_no_fault() {
        for value in [
            json!({ "id": "x", "kind": "A" }),
            json!({ "id": "x", "kind": "B", "size": 255, "tags": ["y"], "data": { "n": -1 }, "later": null }),
            json!({ "id": "x", "kind": "A", "name": { "plain": "n" } }),
        ] {
            assert_eq!(faults(&schema(), &value), Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn each_kind_of_fault_is_found() {
        let with = |name: &str, value: Value| {
            let mut whole = json!({ "id": "x", "kind": "A" });
            whole[name] = value;
            faults(&schema(), &whole)
        };
        assert_eq!(faults(&schema(), &json!([])), ["the value is no \"object\": []"]);
        assert_eq!(faults(&schema(), &json!({ "kind": "A" })), ["the value has no id"]);
        assert_eq!(with("id", json!(1)), ["the value.id is no \"string\": 1"]);
        assert_eq!(with("size", json!(1.5)), ["the value.size is no \"integer\": 1.5"]);
        assert_eq!(with("size", json!(-1)), ["the value.size is below 0"]);
        assert_eq!(with("size", json!(256)), ["the value.size is above 255"]);
        assert_eq!(with("kind", json!("C")), ["the value.kind is none of the known: \"C\""]);
        assert_eq!(with("tags", json!(["a", 1])), ["the value.tags[1] is no \"string\": 1"]);
        assert_eq!(with("data", json!({ "n": "1" })), ["the value.data.n is no \"integer\": \"1\""]);
        assert_eq!(with("name", json!({})), ["the value.name fits 0 of 2 forms"]);
    }

    /// The schema with one thing changed, and what is found.
    fn mutant(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut now = schema();
        change(&mut now);
        breaks(&schema(), &now)
    }

    #[test]
    fn words_for_people_and_new_fields_that_may_be_left_out_break_nobody() {
        let found = mutant(|now| {
            now["title"] = json!("another title");
            now["properties"]["id"]["description"] = json!("whom");
            now["properties"]["later"] = json!({ "type": "string" });
        });
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_break_is_found() {
        let gone = |now: &mut Value, name: &str| now["properties"].as_object_mut().unwrap().remove(name);
        assert_eq!(mutant(|now| drop(gone(now, "id"))), ["the value.id is gone"]);
        assert_eq!(mutant(|now| drop(gone(now, "size"))), ["the value.size is gone"]);
        assert_eq!(
            mutant(|now| now["required"] = json!(["kind"])),
            ["the value.id was always there and may be left out"]
        );
        assert_eq!(
            mutant(|now| now["required"] = json!(["id", "kind", "size"])),
            ["the value.size could be left out and must be there"]
        );
        let new = mutant(|now| {
            now["properties"]["new"] = json!({ "type": "string" });
            now["required"] = json!(["id", "kind", "new"]);
        });
        assert_eq!(new, ["the value.new is new and must be there"]);
        assert_eq!(
            mutant(|now| now["properties"]["id"]["type"] = json!("integer")),
            ["type of the value.id was \"string\" and is \"integer\""]
        );
        assert_eq!(
            mutant(|now| now["properties"]["kind"]["enum"] = json!(["A", "B", "C"])),
            [r#"enum of the value.kind was ["A","B"] and is ["A","B","C"]"#]
        );
        assert_eq!(
            mutant(|now| now["properties"]["size"]["maximum"] = json!(65_535)),
            ["maximum of the value.size was 255 and is 65535"]
        );
        assert_eq!(
            mutant(|now| now["properties"]["tags"]["items"]["type"] = json!("integer")),
            ["type of each of the value.tags was \"string\" and is \"integer\""]
        );
        assert_eq!(
            mutant(|now| now["properties"]["data"]["additionalProperties"]["type"] = json!("string")),
            ["type of each of the value.data was \"integer\" and is \"string\""]
        );
        let other = mutant(|now| now["properties"]["name"]["oneOf"][1]["required"] = json!([]));
        assert_eq!(other, ["form 2 of the value.name.sealed was always there and may be left out"]);
        let forms = mutant(|now| {
            now["properties"]["name"]["oneOf"].as_array_mut().unwrap().push(json!({ "type": "string" }));
        });
        assert_eq!(forms, ["the value.name has another number of forms"]);
    }
}
