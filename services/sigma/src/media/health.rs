//! Ingest health: from the media node to the session's stream of warnings, and to who looks at it through the API.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sigma_api::graphql::{HealthSample, IngestHealth, StandingWarning};
use sigma_app::WarningReport;
use sigma_node::{HealthSample as Measured, WarningChange, WarningData};

use super::Media;

impl IngestHealth for Media {
    fn latest(&self, session: &str) -> Option<HealthSample> {
        let health = self.node.health(session).filter(|health| health.is_live())?;
        health.latest().map(told)
    }

    fn recent(&self, session: &str, seconds: u32) -> Vec<HealthSample> {
        let kept = self.node.health(session).map(|health| health.recent(seconds)).unwrap_or_default();
        kept.into_iter().map(told).collect()
    }

    fn follow(&self, session: &str) -> Option<BoxStream<'static, HealthSample>> {
        let health = self.node.health(session).filter(|health| health.is_live())?;
        let next = |mut follower: sigma_node::HealthFollower| async move {
            let measured = follower.next().await?;
            Some((told(measured), follower))
        };
        Some(stream::unfold(health.follow(), next).boxed())
    }
}

/// A second of a feed in the API's terms.
fn told(measured: Measured) -> HealthSample {
    let Measured { sample, warnings } = measured;
    let standing = warnings.iter().map(|standing| StandingWarning {
        name: standing.warning.name.code().to_owned(),
        message: standing.warning.message.clone(),
        since_ms: standing.since_us.div_euclid(1_000),
        data: named(&standing.warning.data),
    });
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
        warnings: standing.collect(),
    }
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
