//! `golden/NAME.vVERSION.json`: every shape that was ever written. A golden file is never edited: add the
//! next version beside it. To write the file of a new version, run these tests with `SIGMA_GOLDEN=new`; a file that is
//! there is not touched by it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::events::{AnyEvent, examples, newest};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn text_of(event: &AnyEvent) -> String {
    format!("{}\n", serde_json::to_string_pretty(&event.to_stored().data).unwrap())
}

/// `channel.created.v1-sealed` is of `channel.created`, version 1.
pub fn name_and_version(file: &str) -> (&str, u16) {
    let stem = file.split('-').next().unwrap();
    let (name, version) = stem.rsplit_once(".v").unwrap_or_else(|| panic!("{file} is no golden file's name"));
    (name, version.parse().unwrap())
}

/// The golden files that are there, by name.
pub fn golden() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let stem = name.strip_suffix(".json").unwrap_or_else(|| panic!("golden/{name} is no golden file"));
        files.insert(stem.to_owned(), fs::read_to_string(&path).unwrap());
    }
    files
}

#[test]
fn every_golden_file_is_read_as_the_event_that_it_was() {
    let files = golden();
    for (file, event) in examples() {
        let path = folder().join(format!("{file}.json"));
        if !path.exists() && std::env::var("SIGMA_GOLDEN").is_ok_and(|value| value == "new") {
            fs::write(&path, text_of(&event)).unwrap();
            continue;
        }
        let text = files.get(file).unwrap_or_else(|| panic!("golden/{file}.json is missing"));
        let (name, version) = name_and_version(file);
        let data = serde_json::from_str(text).unwrap_or_else(|error| panic!("golden/{file}.json: {error}"));
        let read = AnyEvent::from_stored(name, version, data)
            .unwrap_or_else(|error| panic!("golden/{file}.json: {error}"));
        assert_eq!(read, event, "golden/{file}.json is read as another event than it was");
    }
}

#[test]
fn what_is_written_today_is_what_the_newest_golden_file_holds() {
    let newest: BTreeMap<_, _> = newest().collect();
    for (file, text) in golden() {
        let (name, version) = name_and_version(&file);
        if newest.get(name) != Some(&version) {
            continue;
        }
        let (_, event) = examples()
            .into_iter()
            .find(|(known, _)| *known == file)
            .unwrap_or_else(|| panic!("golden/{file}.json stands for nothing in tests/it/events.rs"));
        let stored = event.to_stored();
        assert_eq!((stored.name, stored.version), (name, version));
        // As JSON, not as bytes: the order of fields is serde_json's, by a feature that any crate may switch on.
        let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(stored.data, golden, "the shape of {file} changed: add a version, golden files stay");
    }
}

#[test]
fn every_version_of_every_event_has_a_golden_file() {
    let there = golden();
    for (name, newest) in newest() {
        for version in 1..=newest {
            let file = format!("{name}.v{version}");
            assert!(there.contains_key(&file), "golden/{file}.json is missing");
        }
    }
}

#[test]
fn every_golden_file_stands_for_an_event() {
    let known: BTreeSet<_> = examples().into_iter().map(|(file, _)| file.to_owned()).collect();
    for file in golden().into_keys() {
        assert!(known.contains(&file), "golden/{file}.json stands for nothing in tests/it/events.rs");
    }
}

#[test]
fn every_event_of_the_domain_has_a_shape_in_the_version_it_names() {
    use cqrs_es::DomainEvent;
    let of_the_domain: BTreeSet<_> = sigma_domain::event_names().collect();
    assert_eq!(newest().map(|(name, _)| name).collect::<BTreeSet<_>>(), of_the_domain);
    for (_, event) in examples() {
        let (name, version) = match &event {
            AnyEvent::Project(event) => (event.event_type(), event.event_version()),
            AnyEvent::Channel(event) => (event.event_type(), event.event_version()),
            AnyEvent::Session(event) => (event.event_type(), event.event_version()),
            AnyEvent::ApiToken(event) => (event.event_type(), event.event_version()),
            AnyEvent::Asset(event) => (event.event_type(), event.event_version()),
            AnyEvent::SessionHealth(event) => (event.event_type(), event.event_version()),
        };
        let stored = event.to_stored();
        assert_eq!((stored.name.to_owned(), stored.version.to_string()), (name, version));
    }
}

/// What a person or a program outside could not know where it came from has no place in an event.
#[test]
fn no_golden_file_holds_a_secret_or_an_address() {
    for (file, text) in golden() {
        // The scope's name is no secret.
        let text = text.replace("\"channels:secrets\"", "");
        for word in ["streamKey", "passphrase", "secret", "password", "address", "peer", "encoder", "\"ip\""]
        {
            assert!(!text.contains(word), "golden/{file}.json holds {word}");
        }
    }
}
