//! The rules: each second they are judged, and what stands for long enough is said.

mod bitrate;
mod judge;

use std::sync::Arc;

use crate::warning::{Change, Data, Standing, Warning, WarningName};
use crate::{Mode, Observed, SECOND_US, Thresholds};
use judge::Judge;

/// Warnings that one meter's rules raise at most; the store keeps as many a session.
pub const MAX_RAISED: u32 = 200;

/// A second that was longer (the machine slept) counts as this, in microseconds.
const LONGEST_SECOND: i64 = 2 * SECOND_US;

/// What the packager saw of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Segments were cut without a key frame because the next one was further away than this.
    KeyFramesTooFarApart {
        /// In milliseconds.
        limit_ms: u32,
    },
    /// Key frames are of open GOPs.
    OpenGop,
    /// Timestamps jumped; negative: back.
    TimestampsJumped {
        /// In milliseconds.
        by_ms: i64,
    },
    /// Sound left its timestamps and was set on them again; positive: it had been ahead of its pictures.
    AudioReanchored {
        /// In milliseconds.
        by_ms: i64,
    },
}

/// What a rule says of one second.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Well,
    Bad(Data),
    /// There is nothing to judge: neither clock goes on.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Clear,
    /// A server that went down may have raised it; who keeps account knows.
    Perhaps,
    Raised,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    phase: Phase,
    bad_us: i64,
    well_us: i64,
}

/// Judges the seconds of one session, whatever feeds it has.
///
/// A rule that has been broken for `raise_after_s` on end is raised once; it is cleared after `clear_after_s` on end in which it
/// was kept. While there is no feed, or nothing comes of it, both wait: what stood before a loss stands after it until the
/// feed has shown better.
#[derive(Debug, Clone)]
pub struct Rules {
    thresholds: Thresholds,
    judge: Judge,
    states: [State; WarningName::ALL.len()],
    raised: u32,
    standing: Arc<[Standing]>,
}

impl Rules {
    /// For a new session.
    pub fn new(mode: Mode, thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            judge: Judge::new(mode, thresholds),
            states: Default::default(),
            raised: 0,
            standing: Arc::default(),
        }
    }

    /// For a session that was on air before this server started. What was raised then is not known here: each rule that
    /// is kept is cleared once, and each that is broken raised anew; who keeps account drops what he knew.
    pub fn resume(mode: Mode, thresholds: Thresholds) -> Self {
        let perhaps = State { phase: Phase::Perhaps, ..State::default() };
        Self { states: [perhaps; WarningName::ALL.len()], ..Self::new(mode, thresholds) }
    }

    /// Takes what the packager saw.
    pub fn note(&mut self, note: Note) {
        self.judge.note(note);
    }

    /// Judges a second.
    pub fn judge(&mut self, observed: &Observed) -> Vec<Change> {
        let verdicts = self.judge.second(observed);
        let elapsed = observed.elapsed_us.clamp(0, LONGEST_SECOND);
        let mut changes = Vec::new();
        for (name, verdict) in WarningName::ALL.into_iter().zip(verdicts) {
            let state = &mut self.states[name as usize];
            match verdict {
                Verdict::Unknown => {}
                Verdict::Well => {
                    state.bad_us = 0;
                    state.well_us += elapsed;
                    let long_enough = state.well_us >= i64::from(self.thresholds.clear_after_s) * SECOND_US;
                    if state.phase != Phase::Clear && long_enough {
                        state.phase = Phase::Clear;
                        changes.push(Change::Cleared(name));
                    }
                }
                Verdict::Bad(data) => {
                    state.well_us = 0;
                    state.bad_us += elapsed;
                    let long_enough = state.bad_us >= i64::from(self.thresholds.raise_after_s) * SECOND_US;
                    if state.phase != Phase::Raised && long_enough && self.raised < MAX_RAISED {
                        state.phase = Phase::Raised;
                        self.raised += 1;
                        changes.push(Change::Raised(Warning::new(name, data)));
                    }
                }
            }
        }
        if !changes.is_empty() {
            self.keep_account(&changes, observed.sample.at_us);
        }
        changes
    }

    fn keep_account(&mut self, changes: &[Change], at_us: i64) {
        let mut standing = self.standing.to_vec();
        for change in changes {
            match change {
                Change::Raised(warning) => {
                    standing.push(Standing { warning: warning.clone(), since_us: at_us });
                }
                Change::Cleared(name) => standing.retain(|standing| standing.warning.name != *name),
            }
        }
        self.standing = standing.into();
    }

    /// The warnings that stand, oldest first.
    pub fn standing(&self) -> &Arc<[Standing]> {
        &self.standing
    }
}
