//! The rules: each a pure function of what was observed. The 44 of the checklist are of what is live; some of them are of
//! recordings too, and those from 45 on are of recordings alone.

mod blocking;
mod cache;
mod content;
mod control;
mod delivery;
mod delta;
mod durations;
mod hints;
mod lasting;
mod numbers;
mod order;
mod pace;
mod recorded;
mod renditions;

use crate::case::Case;
use crate::finding::Finding;
use crate::observation::Observation;

/// One rule of the checklist.
pub struct Rule {
    /// Its number.
    pub number: u8,
    /// Where it stands: sections of draft-pantos-hls-rfc8216bis, or of Apple's HLS Authoring Specification (HAS).
    pub clause: &'static str,
    /// What it asks, in short.
    pub title: &'static str,
    of: Of,
    judge: fn(&Case<'_>) -> Finding,
}

/// What a rule is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Live,
    Recordings,
    Both,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {} ({})", self.number, self.clause)
    }
}

const fn rule(
    number: u8,
    clause: &'static str,
    title: &'static str,
    judge: fn(&Case<'_>) -> Finding,
) -> Rule {
    Rule { number, clause, title, of: Of::Live, judge }
}

impl Rule {
    const fn of(self, of: Of) -> Self {
        Self { of, ..self }
    }
}

/// All rules, by number.
pub const RULES: [Rule; 50] = [
    rule(1, "4.4.3.8, 6.2.4", "CAN-BLOCK-RELOAD, and one SERVER-CONTROL for all", control::server_control),
    rule(2, "4.4.3.8, HAS 14.3", "PART-HOLD-BACK of 3 part targets", control::part_hold_back),
    rule(3, "4.4.3.8", "HOLD-BACK of 3 target durations", control::hold_back),
    rule(4, "4.4.3.8", "CAN-SKIP-UNTIL of 6 target durations", control::skip_until),
    rule(5, "4.4.3.1, 6.2.1", "one target duration, and no segment longer", durations::target).of(Of::Both),
    rule(6, "6.2.4", "the same target duration everywhere", durations::same_target).of(Of::Both),
    rule(7, "4.4.4.9", "no part longer than the part target", durations::longest_part),
    rule(8, "4.4.4.9", "parts of at least 85 % of the part target", durations::shortest_part),
    rule(9, "4.4.4.9, B.1, HAS 7.4", "INDEPENDENT where a picture stands alone", content::independent)
        .of(Of::Both),
    rule(10, "4.4.4.9", "a segment's tags before its first part", order::tags_before_parts),
    rule(11, "6.2.1", "the next part within a part target", pace::next_part),
    rule(12, "6.2.1", "the next segment within 1.5 target durations", pace::next_segment),
    rule(13, "6.2.2", "old PART tags are dropped", lasting::old_parts_are_dropped),
    rule(14, "6.2.2", "dropped parts stay for 3 target durations", lasting::dropped_parts_stay),
    rule(15, "6.2.2, HAS 8.11", "a window of 3 target durations and 6 segments", lasting::window),
    rule(16, "4.4.3.2, 6.2.2", "MEDIA-SEQUENCE rises by one a segment", numbers::media_sequence),
    rule(17, "4.4.3.3, 6.2.2, HAS 8.17", "DISCONTINUITY-SEQUENCE likewise", numbers::discontinuity_sequence),
    rule(18, "6.2.2", "removed segments stay for a playlist's length", lasting::removed_segments_stay),
    rule(19, "6.2.1", "what is listed is there at once", pace::listed_is_there),
    rule(20, "6.2.1", "only allowed changes, whole ones", order::changes),
    rule(21, "4.4.4.7, 6.2.1", "a lost encoder's hole is filled by gaps", content::holes),
    rule(22, "4.4.4.3", "DISCONTINUITY where format or timestamps change", content::changes).of(Of::Both),
    rule(23, "B.1, HAS 8.4", "PROGRAM-DATE-TIME, and after discontinuities", order::dates),
    rule(24, "6.2.5.2", "_HLS_msn waits for the whole segment", blocking::whole_segment),
    rule(25, "6.2.5.2", "_HLS_part waits for that part", blocking::part),
    rule(26, "6.2.5.2", "beyond the last part means the next segment's first", blocking::next_part),
    rule(27, "6.2.5.2", "a past msn is answered at once", blocking::past),
    rule(28, "6.2.5.2", "_HLS_part alone gives 400", blocking::part_alone),
    rule(29, "6.2.5.2", "too far ahead gives 400 at once", blocking::far_ahead),
    rule(30, "6.2.5.2", "blocked for 3 target durations gives 503", blocking::too_long),
    rule(31, "6.2.5", "after ENDLIST directives are ignored", blocking::after_the_end),
    rule(32, "6.2.5.1", "a delta and the older playlist make the full one", delta::merges),
    rule(33, "4.4.5.2, 6.2.5.1", "v2 names removed date ranges", delta::removed_date_ranges),
    rule(34, "4.4.5.3, B.1", "the next part is hinted, truly", hints::truth),
    rule(35, "6.2.6", "no byte of a hinted part before it is complete", hints::whole_answers),
    rule(36, "4.4.5.3, 6.2.6", "404 for what is unknown or given up", hints::unknown),
    rule(37, "4.4.5.3, 6.2.6", "byte-range parts serve an open range", hints::byte_ranges),
    rule(38, "4.4.5.4, B.1", "fresh RENDITION-REPORTs of the others", renditions::reports),
    rule(39, "6.2.4", "renditions in step", renditions::in_step),
    rule(40, "4, HAS 10.1", "gzip for playlists, and the right types", delivery::coding_and_types)
        .of(Of::Both),
    rule(41, "B.1", "HTTP/2 on TLS", delivery::http2).of(Of::Both),
    rule(42, "6.2.5.2, HAS 12", "Cache-Control that a CDN can live with", cache::control),
    rule(43, "4.4.6.2, HAS 8.18, 9", "attributes as measured, no redirects", delivery::attributes)
        .of(Of::Both),
    rule(44, "8", "the lowest EXT-X-VERSION that fits", control::version).of(Of::Both),
    rule(45, "4.4.3.5, HAS 8.6", "PLAYLIST-TYPE VOD, and its end", recorded::kind).of(Of::Recordings),
    rule(46, "4.4.3.5, 6.2.1", "nothing changes any more", recorded::unchanged).of(Of::Recordings),
    rule(47, "HAS 8.1", "durations that add up to what plays", recorded::durations).of(Of::Recordings),
    rule(48, "HAS 1.26, 1.27", "rates within 10 % of what is measured", recorded::rates).of(Of::Recordings),
    rule(49, "HAS 9.11, 9.12", "INDEPENDENT-SEGMENTS where all are", recorded::independent)
        .of(Of::Recordings),
    rule(50, "4.4.3.6, HAS 6.1", "I-frames to wind through, each a picture", recorded::key_frames)
        .of(Of::Both),
];

/// Judges what was observed by all rules.
pub fn judge(log: &Observation) -> Vec<(&'static Rule, Finding)> {
    let case = Case::new(log);
    let finding = |rule: &Rule| match rule.of {
        Of::Live if log.recorded => Finding::not_applicable("this is a recording"),
        Of::Recordings if !log.recorded => Finding::not_applicable("this is live"),
        _ => (rule.judge)(&case),
    };
    RULES.iter().map(|rule| (rule, finding(rule))).collect()
}

/// Why rules on parts say nothing here.
const NO_PARTS: &str = "no parts are listed";

/// Why rules on blocking say nothing here.
const NO_BLOCKING: &str = "the origin does not offer blocking reload";
