//! Which crate may import which, as ARCHITECTURE.md states it. Read from cargo itself, so no import escapes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each crate with the crates of ours that it may depend on in its normal build (tests may reach further down).
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("sigma-clock", &[]),
    (
        "sigma-bench",
        &[
            "sigma-app",
            "sigma-clock",
            "sigma-cluster",
            "sigma-relay",
            "sigma-rtmp",
            "sigma-runner",
            "sigma-store",
            "sigma-store-postgres",
            "sigma-store-sqlite",
            "sigma-views",
        ],
    ),
    ("sigma-micro", &["sigma-elementary", "sigma-hls", "sigma-packager", "sigma-rtmp"]),
    ("sigma-door", &["sigma-clock"]),
    ("sigma-domain", &[]),
    ("sigma-schema", &["sigma-domain"]),
    ("sigma-store", &[]),
    ("sigma-store-sqlite", &["sigma-store"]),
    ("sigma-store-postgres", &["sigma-clock", "sigma-store", "sigma-tables"]),
    ("sigma-tables", &["sigma-clock"]),
    ("sigma-cluster", &["sigma-clock", "sigma-tables"]),
    (
        "sigma-app",
        &["sigma-clock", "sigma-cluster", "sigma-domain", "sigma-schema", "sigma-store", "sigma-tables"],
    ),
    ("sigma-runner", &["sigma-clock", "sigma-cluster", "sigma-store", "sigma-tables"]),
    ("sigma-relay", &["sigma-clock", "sigma-store", "sigma-tables"]),
    (
        "sigma-views",
        &[
            "sigma-app",
            "sigma-clock",
            "sigma-domain",
            "sigma-runner",
            "sigma-schema",
            "sigma-store",
            "sigma-tables",
        ],
    ),
    ("sigma-api", &["sigma-app", "sigma-clock", "sigma-door", "sigma-domain", "sigma-schema", "sigma-store"]),
    ("sigma-elementary", &[]),
    ("sigma-health", &["sigma-elementary"]),
    ("sigma-rtmp", &["sigma-elementary"]),
    ("sigma-packager", &["sigma-elementary"]),
    ("sigma-log", &[]),
    ("sigma-archive", &["sigma-clock", "sigma-log"]),
    ("sigma-hls", &["sigma-elementary", "sigma-log", "sigma-packager"]),
    ("sigma-gst", &["sigma-clock", "sigma-elementary"]),
    ("sigma-media-worker", &["sigma-elementary", "sigma-gst"]),
    // The judge shares nothing with what it judges.
    ("sigma-conformance", &["sigma-clock"]),
    (
        "sigma-node",
        &[
            "sigma-archive",
            "sigma-clock",
            "sigma-door",
            "sigma-elementary",
            "sigma-gst",
            "sigma-health",
            "sigma-hls",
            "sigma-log",
            "sigma-packager",
            "sigma-rtmp",
        ],
    ),
];

/// Crates that must stay free of sockets, files and runtimes.
const PURE: &[&str] = &[
    "sigma-domain",
    "sigma-schema",
    "sigma-elementary",
    "sigma-health",
    "sigma-rtmp",
    "sigma-packager",
    "sigma-hls",
];

/// What makes a crate impure when it is depended on directly.
const IMPURE: &[&str] = &["tokio", "axum", "hyper", "sqlx", "reqwest", "socket2", "sigma-clock"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().expect("dependencies");
            let normal = normal.iter().filter(|d| d["kind"].is_null());
            let names = normal.map(|d| d["name"].as_str().expect("a name").to_owned()).collect();
            (package["name"].as_str().expect("a name").to_owned(), names)
        })
        .collect()
}

#[test]
fn each_crate_imports_only_what_the_architecture_allows() {
    let dependencies = dependencies();
    for (name, allowed) in MAY_IMPORT {
        let found = dependencies.get(*name).unwrap_or_else(|| panic!("{name} is gone: mend this list"));
        for import in found.iter().filter(|import| import.starts_with("sigma")) {
            assert!(allowed.contains(&import.as_str()), "{name} must not import {import}");
        }
    }
}

#[test]
fn every_crate_of_ours_has_its_directions_stated() {
    let stated: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    for name in dependencies().keys().filter(|name| name.starts_with("sigma-")) {
        assert!(stated.contains(name.as_str()), "state what {name} may import, here and in ARCHITECTURE.md");
    }
}

#[test]
fn pure_crates_touch_no_socket_clock_or_database() {
    let dependencies = dependencies();
    for name in PURE {
        for import in &dependencies[*name] {
            assert!(!IMPURE.contains(&import.as_str()), "{name} is pure and must not import {import}");
        }
    }
}

#[test]
fn media_never_imports_the_control_plane() {
    let dependencies = dependencies();
    for name in [
        "sigma-elementary",
        "sigma-health",
        "sigma-rtmp",
        "sigma-packager",
        "sigma-log",
        "sigma-archive",
        "sigma-hls",
        "sigma-gst",
        "sigma-media-worker",
        "sigma-node",
    ] {
        for import in &dependencies[name] {
            let control =
                ["sigma-domain", "sigma-app", "sigma-store", "sigma-schema", "sigma-api", "sigma-views"];
            assert!(!control.contains(&import.as_str()), "{name} must not import {import}");
        }
    }
}

/// What decodes strangers' media, and may fall over it, is a process of its own.
#[test]
fn gstreamer_is_linked_by_the_media_worker_alone() {
    for (name, imports) in dependencies() {
        let links = imports.iter().any(|import| import.starts_with("gstreamer"));
        assert_eq!(links, name == "sigma-media-worker", "{name}");
        assert!(!imports.contains("sigma-media-worker"), "{name} must not link the media worker");
    }
}
