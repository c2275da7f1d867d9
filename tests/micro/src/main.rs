//! Counts the instructions of the small works under `valgrind --tool=callgrind` and holds them against a baseline: wall time
//! is noisy on a busy machine, instructions are not.
//!
//! `sigma-count check BASELINE` counts and compares, `sigma-count renew BASELINE` writes what it counted, `sigma-count NAME`
//! does one work (what valgrind runs).
#![allow(clippy::print_stdout, reason = "a program that prints its findings")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};

use sigma_micro::{ALL, Work};

/// A work may take so much more than its baseline, in per cent; so much less asks for a new baseline.
const TOLERANCE: u64 = 5;

/// How often each is done: enough that the first time does not decide.
const TIMES: usize = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["check", baseline] => check(Path::new(baseline)),
        ["renew", baseline] => renew(Path::new(baseline)),
        [name] => ALL.iter().find(|work| work.name == *name).map(measured).ok_or_else(usage),
        _ => Err(usage()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("sigma-count: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let names: Vec<&str> = ALL.iter().map(|work| work.name).collect();
    format!("say check BASELINE, renew BASELINE, or one of {}", names.join(", "))
}

fn measured(work: &Work) {
    let mut done = (work.prepare)();
    for _ in 0..TIMES {
        black_box(counted(&mut *done));
    }
}

/// callgrind counts inside this function alone: its name is its switch.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> usize) -> usize {
    black_box(work())
}

/// Instructions of one time of a work.
fn count(work: &Work) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*sigma_count*counted*",
        ])
        .arg(own)
        .arg(work.name)
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}; install the package valgrind"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    // "==1== Collected : 123456"
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let instructions: Option<u64> = collected.and_then(|(_, number)| number.trim().parse().ok());
    match instructions {
        Some(instructions @ 1..) => Ok(instructions / TIMES as u64),
        _ => Err(format!("valgrind counted nothing for {}:\n{said}", work.name)),
    }
}

/// Counts depend on the compiler: a baseline of another one says nothing.
fn compiler() -> String {
    let said = Command::new("rustc").arg("--version").output().ok();
    said.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default()
}

fn renew(baseline: &Path) -> Result<(), String> {
    let mut counts = BTreeMap::new();
    for work in &ALL {
        counts.insert(work.name, count(work)?);
    }
    let page = serde_json::json!({ "compiler": compiler(), "instructions": counts });
    let text = serde_json::to_string_pretty(&page).map_err(|error| error.to_string())?;
    std::fs::write(baseline, text + "\n").map_err(|error| format!("{}: {error}", baseline.display()))
}

fn check(baseline: &Path) -> Result<(), String> {
    let text =
        std::fs::read_to_string(baseline).map_err(|error| format!("{}: {error}", baseline.display()))?;
    let page: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let known = page["compiler"].as_str().unwrap_or_default();
    let comparable = known == compiler();
    if !comparable {
        println!(
            "the baseline is of {known}, this is {}: differences are told, and none is a fault",
            compiler()
        );
    }
    let (mut dearer, mut cheaper) = (Vec::new(), Vec::new());
    for work in &ALL {
        let found = count(work)?;
        let Some(before) = page["instructions"][work.name].as_u64() else {
            return Err(format!("{} has no {}: run make count-renew", baseline.display(), work.name));
        };
        println!(
            "{:14} {found:>12} instructions, {:+.2} %",
            work.name,
            (found as f64 / before as f64 - 1.0) * 100.0
        );
        if found * 100 > before * (100 + TOLERANCE) {
            dearer.push(work.name);
        } else if found * 100 < before * (100 - TOLERANCE) {
            cheaper.push(work.name);
        }
    }
    if !cheaper.is_empty() {
        println!("{} became cheaper: keep the gain with make count-renew", cheaper.join(", "));
    }
    let faults = if comparable { dearer } else { Vec::new() };
    println!("{} passed, {} failed", ALL.len() - faults.len(), faults.len());
    match faults.as_slice() {
        [] => Ok(()),
        faults => Err(format!(
            "{} became dearer by more than {TOLERANCE} %: mend it, or say why in the commit that runs make count-renew",
            faults.join(", ")
        )),
    }
}
