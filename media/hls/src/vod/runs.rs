//! What plays without a break: where it stands in what a player counts, and where in the session's media time.

use crate::recording::{Edit, Recording};
use crate::text::Moment;
use crate::us_of_ticks;

/// Between runs whose dates lie at least so far apart the feed was away: what comes at once has another format only.
const AWAY_US: i64 = 1_000_000;

/// A stretch of media that plays without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it begins, in microseconds of what is played: media alone, gaps left out.
    pub at_us: u64,
    /// Where it begins in the session's media time, in microseconds: gaps counted.
    pub from_us: u64,
    /// How long it is, in microseconds.
    pub length_us: u64,
    /// What the chapter that begins with it is called; none where it goes on with the one before.
    pub chapter: Option<String>,
}

/// The runs of an edit, in order: a new one begins wherever something is missing before it, or the format changes. The
/// first, and each whose feed was away before it, begins a chapter, called by its date.
pub fn runs(recording: &Recording, edit: &Edit) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut played = 0u64;
    // Where what is before ends, and when that was.
    let mut before: Option<(u64, Option<i64>)> = None;
    for item in recording.items(edit) {
        let date = recording.date_at(item.start());
        let at_us = us(played);
        played += item.duration();
        let is_next = before.is_some_and(|(end, _)| end == item.start());
        let follows = is_next && !recording.begins_span(item.start());
        match runs.last_mut().filter(|_| follows) {
            Some(run) => run.length_us = us(played) - run.at_us,
            None => {
                let until = before.and_then(|(_, until)| until);
                let apart = date.zip(until).map_or(0, |(date, until)| date - until);
                let title = || match date {
                    Some(date) => Moment(date).to_string(),
                    None => (runs.len() + 1).to_string(),
                };
                let chapter = (!is_next || apart >= AWAY_US).then(title);
                let (from_us, length_us) = (us(item.start()), us(played) - at_us);
                runs.push(Run { at_us, from_us, length_us, chapter });
            }
        }
        before = Some((item.end(), date.map(|date| date + us_of_ticks(item.duration()))));
    }
    runs
}

fn us(ticks: u64) -> u64 {
    us_of_ticks(ticks).unsigned_abs()
}
