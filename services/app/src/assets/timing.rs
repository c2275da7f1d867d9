//! What is played and when: posters and chapters, by the runs that the media plane tells.

use sigma_domain::{Asset, AssetCommand, Scope};

use super::cutting::{from_start, not_cut, seconds};
use super::fold::shown;
use super::recordings::CutPoint;
use super::{CutError, Run};
use crate::app::nothing_beside;
use crate::input::{Wrong, asked};
use crate::{App, AppError, AssetRow, Caller, Done, ReadError};

/// Moments so close behind the end are the end: what a player tells is rounded. Microseconds.
const TOLERANCE_US: u64 = 20_000;

/// Where something begins in an asset, and what that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Microseconds from the beginning of what is shown.
    pub at_us: u64,
    /// What it is called.
    pub title: String,
}

impl App {
    /// Lets the picture of a moment stand for an asset: `at_us` microseconds from the beginning of what is shown of it. Wants
    /// `assets:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; [`AppError::BadInput`] for a moment that the media has not; refused
    /// where it is not READY.
    pub async fn set_poster(
        &self,
        caller: &Caller,
        id: &str,
        at_us: i64,
    ) -> Result<Done<AssetRow>, AppError> {
        caller.need(Scope::AssetsWrite)?;
        let context = self.context(caller, "setPoster", &asked(&(id, at_us))?)?;
        if let Some(first) = self.executor.first_answer::<Asset>(&context).await? {
            return self.asset_done(first).await;
        }
        let facts = self.owned_asset(caller, id).await?;
        let mut wrong = Wrong::default();
        let point = from_start(&mut wrong, "at", at_us);
        wrong.answer()?;
        let CutPoint::FromStart(at_us) = point else { return Err(outside(0)) };
        let recording = facts.recording().ok_or_else(|| self.not_ready(facts.state()))?;
        let runs = self.recordings.runs(&facts.of.session, &shown(recording.shown())).await;
        let runs = runs.map_err(|error| not_cut(&error, "id", |_| "at".to_owned()))?;
        let moment_us = moment_of(&runs, at_us).ok_or_else(|| outside(length_of(&runs)))?;
        let command = AssetCommand::SetPoster { moment_us, at: self.executor.now() };
        let executed = self.executor.execute::<Asset>(id, command, &context, nothing_beside).await?;
        self.asset_done(executed).await
    }

    /// Where the poster of an asset stands in what is shown of it, in microseconds from its beginning; none where none was chosen,
    /// or where it is not shown.
    ///
    /// # Errors
    /// [`ReadError`] while the store or the media cannot be looked at.
    pub async fn poster_at(&self, asset: &str) -> Result<Option<u64>, ReadError> {
        let loaded =
            self.executor.load::<Asset>(asset).await.map_err(|error| ReadError(error.to_string()))?;
        let facts = loaded.aggregate.facts();
        let Some(recording) = facts.and_then(|facts| facts.recording()) else { return Ok(None) };
        let Some(moment_us) = recording.poster_us() else { return Ok(None) };
        let runs = self.runs_of(asset).await?;
        Ok(at_of(&runs, moment_us))
    }

    /// The chapters of an asset that is READY: its beginning, and each return of its feed. None of what is not.
    ///
    /// # Errors
    /// [`ReadError`] while the store or the media cannot be looked at.
    pub async fn chapters(&self, asset: &str) -> Result<Vec<Chapter>, ReadError> {
        let runs = self.runs_of(asset).await?.into_iter();
        let chapters = runs.filter_map(|run| Some(Chapter { at_us: run.at_us, title: run.chapter? }));
        Ok(chapters.collect())
    }

    /// What is shown of an asset; nothing where it is not READY, or its media is not there any more.
    async fn runs_of(&self, asset: &str) -> Result<Vec<Run>, ReadError> {
        let loaded =
            self.executor.load::<Asset>(asset).await.map_err(|error| ReadError(error.to_string()))?;
        let Some(facts) = loaded.aggregate.facts() else { return Ok(Vec::new()) };
        let Some(recording) = facts.recording() else { return Ok(Vec::new()) };
        match self.recordings.runs(&facts.of.session, &shown(recording.shown())).await {
            Ok(runs) => Ok(runs),
            Err(CutError::Unknown) => Ok(Vec::new()),
            Err(error) => Err(ReadError(error.to_string())),
        }
    }
}

fn outside(length_us: u64) -> AppError {
    let length = seconds(length_us);
    AppError::field(
        "at",
        format!("this lies outside of what is shown, which is {length} s long; stay within"),
    )
}

fn length_of(runs: &[Run]) -> u64 {
    runs.last().map_or(0, |last| last.at_us + last.length_us)
}

/// The moment of the session's media time that stands at `at_us` of what is played.
fn moment_of(runs: &[Run], at_us: u64) -> Option<u64> {
    let length = length_of(runs);
    // The end is no moment of it; what a player says there is the last one.
    let at_us =
        if (length..=length + TOLERANCE_US).contains(&at_us) { length.checked_sub(1)? } else { at_us };
    let run = runs.iter().find(|run| at_us < run.at_us + run.length_us)?;
    Some(run.from_us + at_us.saturating_sub(run.at_us))
}

/// Where a moment of the session's media time stands in what is played.
fn at_of(runs: &[Run], moment_us: u64) -> Option<u64> {
    let holds = |run: &&Run| run.from_us <= moment_us && moment_us < run.from_us + run.length_us;
    runs.iter().find(holds).map(|run| run.at_us + (moment_us - run.from_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Vec<Run> {
        let run = |at_us, from_us, length_us| Run { at_us, from_us, length_us, chapter: None };
        vec![run(0, 1_000_000, 5_000_000), run(5_000_000, 16_000_000, 2_000_000)]
    }

    #[test]
    fn a_moment_of_what_is_played_is_one_of_media_time_and_back() {
        for (at_us, moment_us) in
            [(0, 1_000_000), (4_999_999, 5_999_999), (5_000_000, 16_000_000), (6_999_999, 17_999_999)]
        {
            assert_eq!(moment_of(&runs(), at_us), Some(moment_us), "{at_us}");
            assert_eq!(at_of(&runs(), moment_us), Some(at_us), "{moment_us}");
        }
        for gap in [0, 6_000_000, 15_999_999, 18_000_000] {
            assert_eq!(at_of(&runs(), gap), None, "{gap}");
        }
    }

    #[test]
    fn what_is_rounded_over_the_end_is_its_last_moment() {
        assert_eq!(moment_of(&runs(), 7_000_000), Some(17_999_999));
        assert_eq!(moment_of(&runs(), 7_020_000), Some(17_999_999));
        assert_eq!(moment_of(&runs(), 7_020_001), None);
        assert_eq!(moment_of(&[], 0), None);
    }
}
