//! The kept corpus through every target, and what little changes of it bring, without a fuzzer.

use std::{collections::BTreeSet, fs, path::PathBuf};

use fuzz_targets::TARGETS;
use simulation::Dice;

/// Inputs made of the corpus, a target.
const CHANGED: usize = 400;
/// The longest that is kept, in bytes, so that the repository stays small.
const LONGEST: usize = 4_096;
/// The most that are kept of a target.
const MOST: usize = 64;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The kept inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = folder().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry of the corpus").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file of the corpus"))).collect()
}

#[test]
fn every_kept_input_passes_its_target() {
    for (name, run) in TARGETS {
        for (path, bytes) in corpus(name) {
            let ran = std::panic::catch_unwind(|| run(&bytes));
            assert!(ran.is_ok(), "{} fails in {name}", path.display());
        }
    }
}

#[test]
fn every_target_has_a_corpus_that_is_small_and_a_binary() {
    let bins = fs::read_dir(folder().join("fuzz_targets")).unwrap();
    let bins: BTreeSet<String> =
        bins.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(bins, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
    let page = fs::read_to_string(folder().join("../docs/fuzzing.md")).unwrap();
    for (name, _) in TARGETS {
        let kept = corpus(name);
        assert!((1..=MOST).contains(&kept.len()), "{name} has {} inputs", kept.len());
        for (path, bytes) in kept {
            assert!(bytes.len() <= LONGEST, "{} has {} bytes", path.display(), bytes.len());
        }
        assert!(page.contains(&format!("| `{name}` |")), "docs/fuzzing.md has no row of {name}");
    }
}

/// A byte turned, a piece left out, repeated or put in from another input: what a fuzzer does first.
fn changed(dice: &mut Dice, from: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for _ in 0..1 + dice.index(4) {
        let at = dice.index(bytes.len() + 1);
        let end = (at + dice.index(16)).min(bytes.len());
        match dice.index(4) {
            0 if at < bytes.len() => bytes[at] = dice.roll() as u8,
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let start = dice.index(other.len() + 1);
                let piece = other[start..].iter().copied().take(dice.index(32));
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

#[test]
fn little_changes_of_the_kept_inputs_pass_as_well() {
    let mut dice = Dice::new(1);
    for (name, run) in TARGETS {
        let kept = corpus(name);
        for number in 0..CHANGED {
            let (from, other) = (&kept[dice.index(kept.len())].1, &kept[dice.index(kept.len())].1);
            let bytes = changed(&mut dice, from, other);
            let ran = std::panic::catch_unwind(|| run(&bytes));
            assert!(ran.is_ok(), "change {number} fails in {name}: {}", bytes.escape_ascii());
        }
    }
}
