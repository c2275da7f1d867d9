//! Ingest health: from the media node to the session's stream of warnings, to who looks at it through the API, and to the
//! topic that other nodes hear it from.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sigma_api::graphql::{HealthSample, IngestHealth, StandingWarning};
use sigma_app::WarningReport;
use sigma_node::{HealthSample as Measured, StandingWarning as Standing, WarningChange, WarningData};
use sigma_schema::IngestWarning;

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

/// Hears of each second of each session on air here: its session, its channel, what was measured. Must not wait.
pub(crate) type Seconds = Arc<dyn Fn(&str, &str, &Measured) + Send + Sync>;

/// A second in the form that stands in the topic.
pub(crate) fn written(session: &str, channel: &str, measured: &Measured) -> sigma_schema::IngestHealth {
    let Measured { sample, warnings } = measured;
    let warning = |standing: &Standing| IngestWarning {
        name: standing.warning.name.code().to_owned(),
        message: standing.warning.message.clone(),
        since_ms: standing.since_us.div_euclid(1_000),
        data: named(&standing.warning.data),
    };
    sigma_schema::IngestHealth {
        session_id: session.to_owned(),
        channel_id: channel.to_owned(),
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
        warnings: warnings.iter().map(warning).collect(),
    }
}

/// What was written, in the API's terms.
pub(crate) fn told(written: sigma_schema::IngestHealth) -> HealthSample {
    let warning =
        |IngestWarning { name, message, since_ms, data }| StandingWarning { name, message, since_ms, data };
    HealthSample {
        at_ms: written.at_ms,
        video_bitrate: written.video_bitrate,
        audio_bitrate: written.audio_bitrate,
        frame_rate_milli: written.frame_rate_milli,
        key_frame_interval_ms: written.key_frame_interval_ms,
        av_offset_ms: written.av_offset_ms,
        behind_ms: written.behind_ms,
        queue_ms: written.queue_ms,
        largest_gap_ms: written.largest_gap_ms,
        dropped_frames: written.dropped_frames,
        warnings: written.warnings.into_iter().map(warning).collect(),
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
    use sigma_node::{Warning, WarningName};

    use super::*;

    /// Who is told by Kafka is told what he would be told by the node itself.
    #[test]
    fn what_goes_through_the_topic_is_what_the_node_itself_tells() {
        let warning = Warning {
            name: WarningName::BFrames,
            message: "Set B-frames to 0.".to_owned(),
            data: WarningData::from([("reorderMs", 66)]),
        };
        let measured = Measured {
            sample: sigma_node::Sample {
                at_us: 1_790_000_001_000_999,
                video_bitrate: 1,
                audio_bitrate: 2,
                frame_rate_milli: Some(3),
                key_frame_interval_ms: Some(4),
                av_offset_ms: Some(-5),
                behind_ms: 6,
                queue_ms: 7,
                largest_gap_ms: 8,
                dropped_frames: 9,
            },
            warnings: [Standing { warning, since_us: 1_790_000_000_000_001 }].into(),
        };
        let body = serde_json::to_vec(&written("se_1", "ch_1", &measured)).unwrap();
        let read: sigma_schema::IngestHealth = serde_json::from_slice(&body).unwrap();
        assert_eq!((read.session_id.as_str(), read.channel_id.as_str()), ("se_1", "ch_1"));
        assert_eq!(told(read), Teller::default().tell(measured));
    }

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
