//! Ingest health: from the media node to the session's stream of warnings, and to who looks at it through the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sigma_api::graphql::{HealthSample, IngestHealth, StandingWarning};
use sigma_app::WarningReport;
use sigma_node::{HealthSample as Measured, StandingWarning as Standing, WarningChange, WarningData};

use super::Media;

impl IngestHealth for Media {
    fn latest(&self, session: &str) -> Option<HealthSample> {
        let health = self.node.health(session).filter(|health| health.is_live())?;
        health.latest().map(|measured| Teller::default().tell(measured))
    }

    fn recent(&self, session: &str, seconds: u32) -> Vec<HealthSample> {
        let kept = self.node.health(session).map(|health| health.recent(seconds)).unwrap_or_default();
        let mut teller = Teller::default();
        kept.into_iter().map(|measured| teller.tell(measured)).collect()
    }

    fn follow(&self, session: &str) -> Option<BoxStream<'static, HealthSample>> {
        let health = self.node.health(session).filter(|health| health.is_live())?;
        let next = |(mut follower, mut teller): (sigma_node::HealthFollower, Teller)| async move {
            let measured = follower.next().await?;
            Some((teller.tell(measured), (follower, teller)))
        };
        Some(stream::unfold((health.follow(), Teller::default()), next).boxed())
    }
}

/// Tells seconds of a feed in the API's terms. The same warnings stand for many seconds: they are put into words once.
#[derive(Default)]
struct Teller {
    last: Option<InWords>,
}

/// Warnings, and how they are told.
struct InWords {
    of: Arc<[Standing]>,
    told: Arc<[StandingWarning]>,
}

impl Teller {
    fn tell(&mut self, measured: Measured) -> HealthSample {
        let Measured { sample, warnings } = measured;
        let known = self.last.as_ref().filter(|last| Arc::ptr_eq(&last.of, &warnings));
        let told = known.map_or_else(|| standing(&warnings), |last| Arc::clone(&last.told));
        self.last = Some(InWords { of: warnings, told: Arc::clone(&told) });
        HealthSample {
            at_ms: sample.at_us.div_euclid(1_000),
            video_bitrate: sample.video_bitrate,
            audio_bitrate: sample.audio_bitrate,
            frame_rate_milli: sample.frame_rate_milli,
            key_frame_interval_ms: sample.key_frame_interval_ms,
            av_offset_ms: sample.av_offset_ms,
            behind_ms: sample.behind_ms,
            queue_ms: sample.queue_ms,
            largest_gap_ms: sample.largest_gap_ms,
            dropped_frames: sample.dropped_frames,
            warnings: told,
        }
    }
}

fn standing(warnings: &[Standing]) -> Arc<[StandingWarning]> {
    let told = |standing: &Standing| StandingWarning {
        name: standing.warning.name.code().to_owned(),
        message: standing.warning.message.clone(),
        since_ms: standing.since_us.div_euclid(1_000),
        data: named(&standing.warning.data),
    };
    warnings.iter().map(told).collect()
}

/// What became of a warning, in the application layer's terms.
pub(super) fn warning_report(change: WarningChange) -> WarningReport {
    match change {
        WarningChange::Raised(warning) => WarningReport::Raised {
            name: warning.name.code().to_owned(),
            message: warning.message,
            data: named(&warning.data),
        },
        WarningChange::Cleared(name) => WarningReport::Cleared { name: name.code().to_owned() },
    }
}

fn named(data: &WarningData) -> BTreeMap<String, i64> {
    data.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_that_stand_for_many_seconds_are_put_into_words_once() {
        let second = |at_us, warnings: &Arc<[Standing]>| Measured {
            sample: sigma_node::Sample { at_us, ..Default::default() },
            warnings: Arc::clone(warnings),
        };
        let (first, later): (Arc<[Standing]>, Arc<[Standing]>) = (Arc::new([]), Arc::new([]));
        let mut teller = Teller::default();
        let [one, two] = [1_000, 2_000].map(|at_us| teller.tell(second(at_us, &first)));
        let three = teller.tell(second(3_000, &later));
        assert_eq!([&one, &two, &three].map(|told| told.at_ms), [1, 2, 3]);
        assert!(Arc::ptr_eq(&one.warnings, &two.warnings));
        assert!(!Arc::ptr_eq(&two.warnings, &three.warnings));
    }
}
