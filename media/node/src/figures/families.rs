//! The figures as families, under the names that `docs/metrics.md` explains.

use sigma_door::Handshake;
use sigma_health::WarningName;

use super::{Counter, FeedEnding, Figures, Histogram, Refusal, RequestKind, STATUS_CLASSES};
use crate::keeping::RoomUse;
use crate::session::HealthSample;

/// How a family's values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Rises only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in buckets.
    Histogram,
}

impl FamilyKind {
    /// As Prometheus' text format has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Figures of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// E.g. `sigma_ingest_feeds_total`.
    pub name: &'static str,
    /// How they behave.
    pub kind: FamilyKind,
    /// What they mean.
    pub help: &'static str,
    /// The figures.
    pub samples: Vec<FamilySample>,
}

/// One figure of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilySample {
    /// Stands behind the family's name: `_bucket`, `_sum` or `_count` of a histogram, nothing else.
    pub suffix: &'static str,
    /// Labels with their values.
    pub labels: Vec<(&'static str, String)>,
    /// A decimal number.
    pub value: String,
}

type Labels<'a> = &'a [(&'static str, &'a str)];

struct Families(Vec<Family>);

impl Families {
    fn begin(&mut self, name: &'static str, kind: FamilyKind, help: &'static str) -> &mut Family {
        let at = self.0.len();
        self.0.push(Family { name, kind, help, samples: Vec::new() });
        &mut self.0[at]
    }

    fn counter(&mut self, name: &'static str, help: &'static str, value: &Counter) {
        self.begin(name, FamilyKind::Counter, help).add("", &[], value.get());
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: impl ToString) {
        self.begin(name, FamilyKind::Gauge, help).add("", &[], value);
    }

    fn histogram<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        durations: &Histogram<N>,
    ) {
        let family = self.begin(name, FamilyKind::Histogram, help);
        // Read first: what is counted meanwhile may be in the buckets and not in the total, never the other way round.
        let (count, sum_us) = durations.total();
        for (bound, below) in durations.cumulative() {
            family.add("_bucket", &[("le", &seconds_of_micros(bound))], below.min(count));
        }
        family.add("_bucket", &[("le", "+Inf")], count);
        family.add("_sum", &[], seconds_of_micros(sum_us));
        family.add("_count", &[], count);
    }
}

impl Family {
    fn add(&mut self, suffix: &'static str, labels: Labels<'_>, value: impl ToString) {
        let labels = labels.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        self.samples.push(FamilySample { suffix, labels, value: value.to_string() });
    }
}

/// What is true of the node at this moment.
pub(crate) struct Now {
    pub(crate) sessions_on_air: usize,
    pub(crate) feeds: usize,
    pub(crate) unwritten_logs: usize,
    pub(crate) archive_backlog: u64,
    pub(crate) room: RoomUse,
    /// The newest sample of each session on air, as many as are shown.
    pub(crate) health: Vec<(String, HealthSample)>,
}

impl Figures {
    pub(crate) fn families(&self, now: &Now) -> Vec<Family> {
        let mut families = Families(Vec::with_capacity(40));
        self.ingest(&mut families, now);
        self.packager(&mut families);
        self.log(&mut families, now);
        self.origin(&mut families);
        self.health(&mut families, now);
        families.0
    }

    fn ingest(&self, families: &mut Families, now: &Now) {
        families.gauge(
            "sigma_sessions_on_air",
            "Sessions on air here, those included that wait for their broadcaster.",
            now.sessions_on_air,
        );
        families.gauge("sigma_feeds", "Feeds that deliver here.", now.feeds);
        families.gauge(
            "sigma_ingest_connections_open",
            "RTMP connections that are open.",
            self.connections_open.get(),
        );
        families.counter("sigma_ingest_connections_total", "RTMP connections accepted.", &self.connections);
        families.counter(
            "sigma_ingest_connections_refused_total",
            "RTMP connections closed unheard because there were too many.",
            &self.connections_refused,
        );
        families.counter(
            "sigma_ingest_connections_sent_away_total",
            "RTMP connections that were closed because they did nothing and another one wanted the place.",
            &self.connections_sent_away,
        );
        let handshakes = families.begin(
            "sigma_ingest_handshakes_total",
            FamilyKind::Counter,
            "TLS handshakes at the RTMPS door, by how they went.",
        );
        for (how, word) in Handshake::ALL {
            handshakes.add("", &[("outcome", word)], self.handshakes.get(how));
        }
        families.counter(
            "sigma_ingest_received_bytes_total",
            "Bytes read from RTMP connections.",
            &self.received_bytes,
        );
        families.counter("sigma_ingest_feeds_total", "Feeds let in.", &self.feeds);
        families.counter(
            "sigma_ingest_takeovers_total",
            "Feeds let in that took over from a quiet one.",
            &self.takeovers,
        );
        let refused = families.begin(
            "sigma_ingest_publishes_refused_total",
            FamilyKind::Counter,
            "Publishers refused, by reason.",
        );
        for (reason, counter) in Refusal::ALL.into_iter().zip(&self.refused) {
            refused.add("", &[("reason", reason.word())], counter.get());
        }
        let ended = families.begin(
            "sigma_ingest_feeds_ended_total",
            FamilyKind::Counter,
            "Feeds that ended, by how, and feeds that fell silent on a standing connection.",
        );
        for (how, counter) in FeedEnding::ALL.into_iter().zip(&self.ended) {
            ended.add("", &[("how", how.word())], counter.get());
        }
    }

    fn packager(&self, families: &mut Families) {
        families.counter("sigma_packager_parts_total", "Parts made.", &self.parts);
        families.counter("sigma_packager_segments_total", "Segments made.", &self.segments);
        families.counter(
            "sigma_packager_discontinuities_total",
            "Discontinuities made.",
            &self.discontinuities,
        );
        families.histogram(
            "sigma_packager_part_duration_seconds",
            "From the frame that completes a part to the part's being listed: packaging, writing, publishing.",
            &self.part_durations,
        );
    }

    fn log(&self, families: &mut Families, now: &Now) {
        families.counter(
            "sigma_log_written_bytes_total",
            "Bytes of media written to segment logs.",
            &self.log_bytes,
        );
        families.counter(
            "sigma_log_write_errors_total",
            "Entries that a segment log could not take at once.",
            &self.log_errors,
        );
        families.gauge(
            "sigma_log_unwritten_sessions",
            "Sessions on air whose segment log cannot be written and that go on from memory.",
            now.unwritten_logs,
        );
        families.counter(
            "sigma_archive_bytes_total",
            "Bytes of segments that went into the archive.",
            &self.archive_bytes,
        );
        families.counter(
            "sigma_archive_errors_total",
            "Tries to archive a session that failed; each is tried again.",
            &self.archive_errors,
        );
        families.counter(
            "sigma_archive_given_up_segments_total",
            "Segments that were given up because more waited for the archive than the disk may hold.",
            &self.archive_given_up,
        );
        families.gauge(
            "sigma_archive_waiting_bytes",
            "Bytes of segments that wait for the archive.",
            now.archive_backlog,
        );
        families.counter(
            "sigma_downloads_made_total",
            "Heads of downloads that were made.",
            &self.downloads_made,
        );
        families.counter(
            "sigma_downloads_failed_total",
            "Heads of downloads that could not be made.",
            &self.downloads_failed,
        );
        families.gauge(
            "sigma_recordings_bytes",
            "Bytes that recordings and what is on air take on this node's disk.",
            now.room.used,
        );
        if let Some(limit) = now.room.limit {
            families.gauge("sigma_recordings_limit_bytes", "Bytes that they may take.", limit);
        }
    }

    fn origin(&self, families: &mut Families) {
        let requests = families.begin(
            "sigma_origin_requests_total",
            FamilyKind::Counter,
            "Requests answered by the origin, by what was asked and the class of the answer's status.",
        );
        for (kind, classes) in RequestKind::ALL.into_iter().zip(&self.requests) {
            for (class, counter) in STATUS_CLASSES.into_iter().zip(classes) {
                requests.add("", &[("kind", kind.word()), ("status", class)], counter.get());
            }
        }
        let bytes = families.begin(
            "sigma_origin_answered_bytes_total",
            FamilyKind::Counter,
            "Bytes of the bodies that the origin answered with, by what was asked.",
        );
        for (kind, counter) in RequestKind::ALL.into_iter().zip(&self.answered_bytes) {
            bytes.add("", &[("kind", kind.word())], counter.get());
        }
        families.gauge(
            "sigma_origin_waits_open",
            "Requests that wait for media that is to come.",
            self.waits_open.get(),
        );
        families.histogram(
            "sigma_origin_wait_duration_seconds",
            "How long requests waited for media that was to come.",
            &self.wait_durations,
        );
    }

    fn health(&self, families: &mut Families, now: &Now) {
        let raised = families.begin(
            "sigma_health_warnings_raised_total",
            FamilyKind::Counter,
            "Warnings of feeds raised, by name.",
        );
        for (name, counter) in WarningName::ALL.into_iter().zip(&self.warnings) {
            raised.add("", &[("name", name.code())], counter.get());
        }
        let mut gauge = |name, help, value: fn(&HealthSample) -> Option<String>| {
            let family = families.begin(name, FamilyKind::Gauge, help);
            for (session, health) in &now.health {
                if let Some(value) = value(health) {
                    family.add("", &[("session", session)], value);
                }
            }
        };
        gauge("sigma_session_video_bits_per_second", "Video that arrives.", |health| {
            Some(health.sample.video_bitrate.to_string())
        });
        gauge("sigma_session_audio_bits_per_second", "Audio that arrives.", |health| {
            Some(health.sample.audio_bitrate.to_string())
        });
        gauge("sigma_session_frames_per_second", "Pictures a second by their timestamps.", |health| {
            health.sample.frame_rate_milli.map(|milli| thousandths(milli.into()))
        });
        gauge("sigma_session_key_frame_interval_seconds", "From key frame to key frame.", |health| {
            health.sample.key_frame_interval_ms.map(|ms| thousandths(ms.into()))
        });
        gauge(
            "sigma_session_av_offset_seconds",
            "Decoding time of the audio minus that of the video that arrives with it; positive: sound is ahead.",
            |health| health.sample.av_offset_ms.map(|ms| thousandths(ms.into())),
        );
        gauge("sigma_session_behind_seconds", "How far the feed is behind real time.", |health| {
            Some(thousandths(health.sample.behind_ms.into()))
        });
        gauge("sigma_session_queue_seconds", "How long media waits for the packager.", |health| {
            Some(thousandths(health.sample.queue_ms.into()))
        });
        gauge(
            "sigma_session_largest_gap_seconds",
            "The largest step of decoding time in the last second.",
            |health| Some(thousandths(health.sample.largest_gap_ms.into())),
        );
        gauge(
            "sigma_session_dropped_frames",
            "Pictures missing by the timestamps since the feed began.",
            |health| Some(health.sample.dropped_frames.to_string()),
        );
        gauge("sigma_session_warnings", "Warnings that stand.", |health| {
            Some(health.warnings.len().to_string())
        });
    }
}

/// Thousandths as a decimal number.
fn thousandths(milli: i64) -> String {
    let sign = if milli < 0 { "-" } else { "" };
    let milli = milli.unsigned_abs();
    format!("{sign}{}.{:03}", milli / 1_000, milli % 1_000)
}

fn seconds_of_micros(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use sigma_health::Sample;

    use super::*;
    use crate::figures::Open;

    fn families(figures: &Figures) -> Vec<Family> {
        let sample = Sample { av_offset_ms: Some(-40), frame_rate_milli: Some(29_970), ..Sample::default() };
        let health = HealthSample { sample, warnings: Default::default() };
        figures.families(&Now {
            sessions_on_air: 2,
            feeds: 1,
            unwritten_logs: 0,
            archive_backlog: 0,
            room: RoomUse { used: 0, limit: Some(1) },
            health: vec![("se_1".into(), health)],
        })
    }

    fn values(families: &[Family], name: &str) -> Vec<String> {
        let family = families.iter().find(|family| family.name == name).expect("a family");
        let text = |sample: &FamilySample| {
            let labels: Vec<String> =
                sample.labels.iter().map(|(label, text)| format!("{label}={text}")).collect();
            format!("{}{{{}}} {}", sample.suffix, labels.join(","), sample.value)
        };
        family.samples.iter().map(text).collect()
    }

    #[test]
    fn every_family_has_a_name_of_its_own_which_is_documented() {
        let documented = include_str!("../../../../docs/metrics.md");
        let mut names = BTreeSet::new();
        for family in families(&Figures::default()) {
            assert!(names.insert(family.name), "{}", family.name);
            assert!(
                documented.contains(&format!("`{}`", family.name)),
                "write {} into docs/metrics.md",
                family.name
            );
            assert_eq!(
                family.name.ends_with("_total"),
                family.kind == FamilyKind::Counter,
                "{}",
                family.name
            );
            assert!(family.help.ends_with('.'));
        }
    }

    #[test]
    fn what_was_counted_stands_under_its_labels() {
        let figures = Figures::default();
        figures.refused[Refusal::OnAir as usize].add(3);
        figures.answered(RequestKind::Part, 206, 1_000);
        figures.answered(RequestKind::Part, 503, 10);
        let open = Open::new(&figures.waits_open);
        figures.wait_durations.observe(Duration::from_millis(300));
        figures.wait_durations.observe(Duration::from_secs(60));
        let told = families(&figures);
        assert!(
            values(&told, "sigma_ingest_publishes_refused_total").contains(&"{reason=on_air} 3".to_owned())
        );
        let requests = values(&told, "sigma_origin_requests_total");
        assert!(requests.contains(&"{kind=part,status=2xx} 1".to_owned()));
        assert!(requests.contains(&"{kind=part,status=5xx} 1".to_owned()));
        assert!(values(&told, "sigma_origin_answered_bytes_total").contains(&"{kind=part} 1010".to_owned()));
        assert_eq!(values(&told, "sigma_origin_waits_open"), ["{} 1"]);
        let waits = values(&told, "sigma_origin_wait_duration_seconds");
        assert!(
            waits.contains(&"_bucket{le=0.25} 0".to_owned())
                && waits.contains(&"_bucket{le=0.5} 1".to_owned())
        );
        assert!(
            waits.contains(&"_bucket{le=+Inf} 2".to_owned()) && waits.contains(&"_sum{} 60.3".to_owned())
        );
        drop(open);
        assert_eq!(values(&families(&figures), "sigma_origin_waits_open"), ["{} 0"]);
    }

    #[test]
    fn a_sessions_health_has_its_label_and_leaves_out_what_is_not_known() {
        let told = families(&Figures::default());
        assert_eq!(values(&told, "sigma_session_frames_per_second"), ["{session=se_1} 29.970"]);
        assert_eq!(values(&told, "sigma_session_av_offset_seconds"), ["{session=se_1} -0.040"]);
        assert_eq!(values(&told, "sigma_session_key_frame_interval_seconds"), Vec::<String>::new());
    }
}
