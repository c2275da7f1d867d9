//! `asyncapi/`: what programs that follow the log are told. `events/NAME.vVERSION.json` is the JSON schema of a version of
//! an event, `samples/` holds those of what is measured, `asyncapi.json` names them all, `released.json` is what the world has
//! been told already.
//!
//! To bring a new event, sample or version: write its schema and its message by hand, then run these tests with
//! `SIGMA_ASYNCAPI=release`. That writes `released.json`, unless a reader of it would be broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::events::{AnyEvent, newest};
use crate::golden::{golden, name_and_version};
use crate::json_schema::{breaks, faults};
use crate::round_trip::any_event;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("asyncapi")
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The schema of every version of every event, by `NAME.vVERSION`.
fn schemas() -> BTreeMap<String, Value> {
    schemas_in("events")
}

/// The schema of every version of what is measured, by `NAME.vVERSION`.
pub fn samples() -> BTreeMap<String, Value> {
    schemas_in("samples")
}

/// All that the world is told.
fn all() -> BTreeMap<String, Value> {
    let mut all = schemas();
    all.extend(samples());
    all
}

fn schemas_in(name: &str) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder().join(name)).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

fn of_event(schemas: &BTreeMap<String, Value>, name: &str, version: u16) -> Value {
    let file = format!("{name}.v{version}");
    let schema = schemas.get(&file);
    schema.unwrap_or_else(|| panic!("asyncapi/events/{file}.json is missing: write it")).clone()
}

#[test]
fn every_version_of_every_event_has_a_schema_and_nothing_else_has() {
    let schemas = schemas();
    let mut known = BTreeSet::new();
    for (name, newest) in newest() {
        for version in 1..=newest {
            let schema = of_event(&schemas, name, version);
            assert_eq!(schema["title"], json!(format!("sigma.{name}.v{version}")));
            assert_eq!(schema["$id"], json!(format!("urn:sigma:event:{name}:v{version}")));
            known.insert(format!("{name}.v{version}"));
        }
    }
    assert_eq!(schemas.into_keys().collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_golden_file_is_of_its_schema() {
    let schemas = schemas();
    for (file, text) in golden() {
        let (name, version) = name_and_version(&file);
        let data = serde_json::from_str(&text).unwrap();
        let found = faults(&of_event(&schemas, name, version), &data);
        assert_eq!(found, Vec::<String>::new(), "golden/{file}.json");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_of_its_schema(event in any_event()) {
        let stored = event.to_stored();
        let path = folder().join(format!("events/{}.v{}.json", stored.name, stored.version));
        prop_assert_eq!(faults(&read(&path), &stored.data), Vec::<String>::new());
    }
}

/// A place in a document, as JSON Pointer.
type Pointer = String;

/// Every field of `value` that the schema names, with the field's schema and whether it must be there.
fn named_fields(schema: &Value, value: &Value, at: &str, found: &mut Vec<(Pointer, Value, bool)>) {
    for branch in schema["oneOf"].as_array().into_iter().flatten() {
        if faults(branch, value).is_empty() {
            named_fields(branch, value, at, found);
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(inner) = value.get(name) {
            let at = format!("{at}/{name}");
            let must = schema["required"].as_array().unwrap().contains(&json!(name));
            found.push((at.clone(), field.clone(), must));
            named_fields(field, inner, &at, found);
        }
    }
}

fn without(document: &Value, pointer: &str) -> Value {
    let mut document = document.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    document
}

/// What the schema says of a field, and what the program that reads it says, are one.
#[test]
fn a_field_that_must_be_there_is_one_that_is_not_read_without() {
    let schemas = schemas();
    // By event and field: whether it was seen to be read without.
    let mut may_be_missing: BTreeMap<(String, Pointer), bool> = BTreeMap::new();
    for (file, text) in golden() {
        let (name, version) = name_and_version(&file);
        let schema = of_event(&schemas, name, version);
        let data: Value = serde_json::from_str(&text).unwrap();
        let mut fields = Vec::new();
        named_fields(&schema, &data, "", &mut fields);
        for (pointer, _, must) in fields {
            let read = AnyEvent::from_stored(name, version, without(&data, &pointer));
            if must {
                assert!(read.is_err(), "{file} is read without {pointer}, which its schema wants");
            } else {
                let key = (format!("{name}.v{version}"), pointer);
                *may_be_missing.entry(key).or_default() |= read.is_ok();
            }
        }
        let mut optional = Vec::new();
        optional_of(&schema, "", &mut optional);
        for pointer in optional {
            let is_missing = data.pointer(&pointer).is_none();
            let key = (format!("{name}.v{version}"), pointer);
            if is_missing && AnyEvent::from_stored(name, version, data.clone()).is_ok() {
                may_be_missing.insert(key, true);
            }
        }
    }
    for ((event, pointer), seen) in may_be_missing {
        assert!(seen, "{event} was never read without {pointer}, which its schema does not want");
    }
}

fn optional_of(schema: &Value, at: &str, found: &mut Vec<Pointer>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        if !schema["required"].as_array().unwrap().contains(&json!(name)) {
            found.push(at.clone());
        }
        optional_of(field, &at, found);
    }
}

/// serde names what it would take: `unknown variant `X`, expected one of `A`, `B``.
fn expected(error: &str) -> Option<BTreeSet<String>> {
    let (_, list) = error.split_once("unknown variant")?.1.split_once("expected")?;
    Some(list.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

#[test]
fn a_list_of_names_is_the_list_that_is_read() {
    let schemas = schemas();
    let mut lists = 0;
    for (file, text) in golden() {
        let (name, version) = name_and_version(&file);
        let data: Value = serde_json::from_str(&text).unwrap();
        let mut fields = Vec::new();
        named_fields(&of_event(&schemas, name, version), &data, "", &mut fields);
        for (pointer, field, _) in fields {
            let (pointer, list) = match (&field["enum"], &field["items"]["enum"]) {
                (Value::Array(list), _) => (pointer, list),
                (_, Value::Array(list)) => (format!("{pointer}/0"), list),
                _ => continue,
            };
            let mut unknown = data.clone();
            *unknown.pointer_mut(&pointer).unwrap() = json!("NOBODY KNOWS THIS");
            let error = AnyEvent::from_stored(name, version, unknown).unwrap_err().to_string();
            let list = list.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
            assert_eq!(expected(&error), Some(list), "{file} {pointer}: {error}");
            lists += 1;
        }
    }
    assert!(lists > 20, "{lists}");
}

#[test]
fn the_document_names_every_event_and_what_it_names_is_there() {
    let document = read(&folder().join("asyncapi.json"));
    assert_eq!(document["asyncapi"], json!("3.0.0"));
    let events = &document["channels"]["events"];
    assert_eq!(events["address"], json!("sigma.events.v1"));
    assert_eq!(document["channels"]["ingestHealth"]["address"], json!("sigma.ingest-health.v1"));
    let mut messages = serde_json::Map::new();
    for (channel, operation, folder, kind) in [
        ("events", "followEvents", "events", "event"),
        ("ingestHealth", "followIngestHealth", "samples", "sample"),
    ] {
        let (mut in_channel, mut in_operation) = (serde_json::Map::new(), Vec::new());
        for (file, schema) in schemas_in(folder) {
            in_channel.insert(file.clone(), json!({ "$ref": format!("#/components/messages/{file}") }));
            in_operation.push(json!({ "$ref": format!("#/channels/{channel}/messages/{file}") }));
            let message = json!({
                "name": format!("sigma.{file}"),
                "summary": schema["description"],
                "payload": { "$ref": format!("{folder}/{file}.json") },
                "traits": [{ "$ref": format!("#/components/messageTraits/{kind}") }],
            });
            messages.insert(file, message);
        }
        assert_eq!(document["channels"][channel]["messages"], Value::Object(in_channel));
        let listed = document["operations"][operation]["messages"].as_array().unwrap().clone();
        assert_eq!(listed.len(), in_operation.len());
        assert!(in_operation.iter().all(|message| listed.contains(message)));
        let headers = &document["components"]["messageTraits"][kind]["headers"];
        for name in
            ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type"]
        {
            assert!(headers["required"].as_array().unwrap().contains(&json!(name)), "{name}");
        }
    }
    assert_eq!(document["components"]["messages"], Value::Object(messages));
}

/// Everything that breaks a reader of what was released, as sentences.
fn broken(released: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<String> {
    let of = |(file, then): (&String, &Value)| match now.get(file) {
        None => vec![format!("{file} is gone")],
        Some(now) => breaks(then, now).into_iter().map(|found| format!("{file}: {found}")).collect(),
    };
    released.iter().flat_map(of).collect()
}

#[test]
fn no_reader_of_yesterday_is_left_behind() {
    let path = folder().join("released.json");
    let released: BTreeMap<String, Value> = serde_json::from_value(read(&path)).unwrap();
    let now = all();
    let found = broken(&released, &now);
    assert_eq!(found, Vec::<String>::new(), "a version never changes so: add a version beside it");
    if std::env::var("SIGMA_ASYNCAPI").is_ok_and(|value| value == "release") {
        fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&now).unwrap())).unwrap();
        return;
    }
    let untold: Vec<_> = now.keys().filter(|file| !released.contains_key(*file)).collect();
    assert!(
        untold.is_empty(),
        "run these tests with SIGMA_ASYNCAPI=release: {untold:?} may change until then"
    );
}

#[test]
fn a_version_that_is_gone_is_a_break() {
    let now = all();
    let mut less = now.clone();
    less.remove("session.live.v1");
    less.remove("ingest_health.v1");
    assert_eq!(broken(&now, &less), ["ingest_health.v1 is gone", "session.live.v1 is gone"]);
    assert_eq!(broken(&less, &now), Vec::<String>::new(), "a new version breaks nobody");
}
