//! Chapters of a recording: `/vod/{assetId}/chapters.vtt`, one from its beginning and one from each return of its feed.

use std::fmt::Write as _;

use http::HeaderMap;
use sigma_hls::vod::{self, Run};

use super::Origin;
use super::respond::{Answer, Problem};
use super::webvtt::{self, Cue};

impl Origin {
    /// `/vod/{assetId}/chapters.vtt`
    pub(super) async fn chapters(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.seen(asset, query, headers).await?;
        let runs = shown.live.read_recording(|recording| vod::runs(recording, &shown.edit));
        Ok(webvtt::answer(headers, chapters(&runs), &shown.tag(asset, 'c'), shown.picture_cache()))
    }
}

/// WebVTT of the kind chapters (§4.4.2), on the time that a player counts.
fn chapters(runs: &[Run]) -> String {
    let end_us = runs.last().map_or(0, |last| last.at_us + last.length_us);
    let begin: Vec<(u64, &str)> =
        runs.iter().filter_map(|run| Some((run.at_us, run.chapter.as_deref()?))).collect();
    let mut text = String::from("WEBVTT\n");
    for (index, (from_us, title)) in begin.iter().enumerate() {
        let until_us = begin.get(index + 1).map_or(end_us, |(next, _)| *next);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{} --> {}\n{title}\n", Cue(*from_us), Cue(until_us));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_lasts_until_the_next_and_the_last_until_the_end() {
        let run = |seconds: u64, length: u64, chapter: Option<&str>| Run {
            at_us: seconds * 1_000_000,
            from_us: 0,
            length_us: length * 1_000_000,
            chapter: chapter.map(str::to_owned),
        };
        let runs = [run(0, 10, Some("First")), run(10, 5, None), run(15, 5, Some("Second"))];
        let wanted =
            "WEBVTT\n\n00:00:00.000 --> 00:00:15.000\nFirst\n\n00:00:15.000 --> 00:00:20.000\nSecond\n";
        assert_eq!(chapters(&runs), wanted);
        assert_eq!(chapters(&[]), "WEBVTT\n");
    }
}
