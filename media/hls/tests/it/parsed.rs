//! A media playlist as an independent parser (quick-m3u8) reads it, and the laws that hold between two of them.

use quick_m3u8::config::ParsingOptionsBuilder;
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartLine {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Seg {
    pub(crate) msn: u64,
    /// None while only parts of it are listed.
    pub(crate) uri: Option<String>,
    pub(crate) duration: f64,
    pub(crate) discontinuity: bool,
    /// The MAP that applies; none where it is to be inherited from what was skipped.
    pub(crate) map: Option<String>,
    /// Milliseconds in the month.
    pub(crate) date_ms: Option<i64>,
    pub(crate) gap: bool,
    pub(crate) parts: Vec<PartLine>,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Parsed {
    pub(crate) version: u64,
    pub(crate) target: u64,
    pub(crate) can_block: bool,
    pub(crate) can_skip_until: Option<f64>,
    pub(crate) hold_back: Option<f64>,
    pub(crate) part_hold_back: Option<f64>,
    pub(crate) part_target: Option<f64>,
    pub(crate) msn: u64,
    pub(crate) dsn: Option<u64>,
    pub(crate) independent: bool,
    pub(crate) key_frames_only: bool,
    pub(crate) skipped: u64,
    pub(crate) segments: Vec<Seg>,
    pub(crate) hints: Vec<(String, String)>,
    pub(crate) ended: bool,
}

pub(crate) fn parse(text: &str) -> Parsed {
    let mut reader = Reader::from_str(text, ParsingOptionsBuilder::new().with_parsing_for_all_tags().build());
    let mut out = Parsed::default();
    let mut seg = Seg::default();
    let mut map = None;
    let mut number = 0;
    while let Some(line) = reader.read_line().unwrap() {
        match line {
            HlsLine::KnownTag(KnownTag::Hls(tag)) => match tag {
                Tag::M3u(_) => {}
                Tag::Version(tag) => out.version = tag.version(),
                Tag::Targetduration(tag) => out.target = tag.target_duration(),
                Tag::ServerControl(tag) => {
                    out.can_block = tag.can_block_reload();
                    out.can_skip_until = tag.can_skip_until();
                    out.hold_back = tag.hold_back();
                    out.part_hold_back = tag.part_hold_back();
                    assert!(!tag.can_skip_dateranges());
                }
                Tag::PartInf(tag) => out.part_target = Some(tag.part_target()),
                Tag::MediaSequence(tag) => {
                    out.msn = tag.media_sequence();
                    number = out.msn;
                }
                Tag::DiscontinuitySequence(tag) => out.dsn = Some(tag.discontinuity_sequence()),
                Tag::IndependentSegments(_) => out.independent = true,
                Tag::IFramesOnly(_) => out.key_frames_only = true,
                Tag::Skip(tag) => {
                    out.skipped = tag.skipped_segments();
                    number += out.skipped;
                    assert!(out.skipped > 0 && out.segments.is_empty());
                }
                Tag::Discontinuity(_) => {
                    assert!(seg.parts.is_empty(), "rule 10: DISCONTINUITY before the first PART");
                    seg.discontinuity = true;
                }
                Tag::Map(tag) => {
                    assert!(seg.parts.is_empty(), "rule 10: MAP before the first PART");
                    map = Some(tag.uri().to_owned());
                }
                Tag::ProgramDateTime(tag) => {
                    assert!(seg.parts.is_empty(), "rule 10: PROGRAM-DATE-TIME before the first PART");
                    let date = tag.program_date_time();
                    let minutes = (i64::from(date.date_mday) * 24 + i64::from(date.time_hour)) * 60
                        + i64::from(date.time_minute);
                    seg.date_ms = Some(minutes * 60_000 + (date.time_second * 1_000.0).round() as i64);
                }
                Tag::Part(tag) => seg.parts.push(PartLine {
                    uri: tag.uri().to_owned(),
                    duration: tag.duration(),
                    independent: tag.independent(),
                    gap: tag.gap(),
                }),
                Tag::Gap(_) => seg.gap = true,
                Tag::Inf(tag) => seg.duration = tag.duration(),
                Tag::PreloadHint(tag) => {
                    let kind = format!("{:?}", tag.hint_type());
                    let kind = if kind.to_uppercase().contains("MAP") { "MAP" } else { "PART" };
                    out.hints.push((kind.to_owned(), tag.uri().to_owned()));
                }
                Tag::Endlist(_) => out.ended = true,
                other => panic!("{other:?} has no place in our media playlists"),
            },
            HlsLine::Uri(uri) => {
                assert!(seg.duration > 0.0, "a segment has an EXTINF");
                seg.uri = Some(uri.into_owned());
                seg.msn = number;
                seg.map = map.clone();
                number += 1;
                out.segments.push(std::mem::take(&mut seg));
            }
            HlsLine::Blank => {}
            other => panic!("{other:?} is no line of ours"),
        }
    }
    if !seg.parts.is_empty() {
        seg.msn = number;
        seg.map = map;
        seg.duration = seg.parts.iter().map(|part| part.duration).sum();
        out.segments.push(seg);
    }
    out
}

impl Parsed {
    pub(crate) fn whole(&self) -> impl DoubleEndedIterator<Item = &Seg> {
        self.segments.iter().filter(|seg| seg.uri.is_some())
    }

    pub(crate) fn total(&self) -> f64 {
        self.segments.iter().map(|seg| seg.duration).sum()
    }

    pub(crate) fn last_whole(&self) -> u64 {
        self.whole().next_back().map_or(self.msn, |seg| seg.msn)
    }

    /// With the dates between two that are stated, as players count them.
    pub(crate) fn dated(&self) -> Parsed {
        let mut dated = self.clone();
        let mut next = None;
        for seg in &mut dated.segments {
            let counted = next.map(|next: f64| next.round() as i64);
            assert!(seg.date_ms.is_some() || counted.is_some(), "rule 23: the first has its date");
            seg.date_ms = seg.date_ms.or(counted);
            next = Some(seg.date_ms.map_or(0.0, |ms| ms as f64) + seg.duration * 1_000.0);
        }
        dated
    }

    /// Applies a delta update to this, an older playlist (§6.2.5.1).
    pub(crate) fn merged(&self, delta: &Parsed) -> Parsed {
        let mut merged = delta.clone();
        merged.skipped = 0;
        let mut segments: Vec<Seg> = (delta.msn..delta.msn + delta.skipped)
            .map(|msn| {
                let mut seg = self.whole().find(|seg| seg.msn == msn).unwrap().clone();
                // Parts of what lies before the skip boundary are of no use any more.
                seg.parts.clear();
                seg
            })
            .collect();
        let mut map = segments.last().and_then(|seg| seg.map.clone());
        for seg in &delta.segments {
            let mut seg = seg.clone();
            map = seg.map.take().or(map);
            seg.map.clone_from(&map);
            segments.push(seg);
        }
        merged.segments = segments;
        merged
    }
}

impl Parsed {
    /// Rule 44: MAP asks for 6, GAP for 8, SKIP for 9.
    pub(crate) fn lowest_version(&self) -> u64 {
        match (self.skipped, self.segments.iter().any(|seg| seg.gap)) {
            (1.., _) => 9,
            (0, true) => 8,
            (0, false) => 6,
        }
    }
}

/// What must hold of a playlist by itself.
pub(crate) fn check(list: &Parsed) {
    let target = list.target as f64;
    assert!(list.can_block, "rule 1");
    assert!(list.hold_back.unwrap() >= 3.0 * target, "rule 3");
    assert!(list.can_skip_until.unwrap() >= 6.0 * target, "rule 4");
    assert_eq!(list.version, list.lowest_version(), "rule 44");
    assert!(list.dsn.is_some(), "rule 17");
    if let Some(part_target) = list.part_target {
        assert!(list.part_hold_back.unwrap() >= 3.0 * part_target, "rule 2");
    } else {
        assert!(list.part_hold_back.is_none() && list.segments.iter().all(|seg| seg.parts.is_empty()));
        assert!(list.hints.len() <= 1 && list.hints.iter().all(|(kind, _)| kind == "MAP"));
    }
    let end: f64 = list.total();
    let mut at = 0.0;
    for (index, seg) in list.segments.iter().enumerate() {
        assert!(seg.duration.round() <= target, "rule 5: {} in {target}", seg.duration);
        assert!(seg.date_ms.is_some(), "rule 23");
        assert!(seg.map.is_some() || list.skipped > 0, "every segment has a MAP");
        if let Some(uri) = &seg.uri {
            assert_eq!(*uri, format!("{}.m4s", seg.msn));
        }
        let mut part_at = at;
        for (part_index, part) in seg.parts.iter().enumerate() {
            let part_target = list.part_target.unwrap();
            assert_eq!(part.uri, format!("{}.{part_index}.m4s", seg.msn));
            assert!(part.duration <= part_target, "rule 7: {}", part.duration);
            let last = part_index + 1 == seg.parts.len() && seg.uri.is_some();
            let newest = part_index + 1 == seg.parts.len() && index + 1 == list.segments.len();
            let before_gap = seg.parts.get(part_index + 1).is_some_and(|next| next.gap);
            let excused = part.independent || part.gap || before_gap || last || newest;
            assert!(part.duration >= 0.85 * part_target || excused, "rule 8: {}", part.duration);
            part_at += part.duration;
            assert!(
                end - part_at <= 3.0 * target + 0.000_1,
                "rule 13: a PART {} s from the end",
                end - part_at
            );
        }
        if seg.uri.is_some() && !seg.parts.is_empty() {
            let sum: f64 = seg.parts.iter().map(|part| part.duration).sum();
            assert!(
                (sum - seg.duration).abs() < 0.000_1 * seg.parts.len() as f64,
                "parts add up to their segment"
            );
            assert!(seg.parts.iter().all(|part| part.gap) || !seg.gap, "a GAP segment has GAP parts");
            if list.independent && !seg.gap {
                assert!(seg.parts[0].independent, "rule 9");
            }
        }
        if let Some(next) = list.segments.get(index + 1) {
            let date_end = seg.date_ms.unwrap() + (seg.duration * 1_000.0) as i64;
            assert!(next.date_ms.unwrap() >= date_end - 1, "dates never go back");
            if !next.discontinuity {
                assert!(next.date_ms.unwrap() <= date_end + 2, "dates only jump at a discontinuity");
            }
            if seg.map != next.map && list.skipped == 0 {
                assert!(next.discontinuity, "rule 22: another init section, another span");
            }
        }
        at += seg.duration;
    }
    if list.ended {
        assert!(list.hints.is_empty(), "rule 36: no hint with ENDLIST");
    } else if list.part_target.is_some() {
        let parts: Vec<_> = list.hints.iter().filter(|(kind, _)| kind == "PART").collect();
        assert_eq!(parts.len(), 1, "rule 34: one hint a TYPE, always there");
        let open = list.segments.last().filter(|seg| seg.uri.is_none());
        let next = match open {
            Some(open) => format!("{}.{}.m4s", open.msn, open.parts.len()),
            None => format!("{}.0.m4s", list.last_whole() + 1),
        };
        assert_eq!(parts[0].1, next, "rule 34: the URI is that of the next part");
        assert!(list.hints.len() - parts.len() <= 1);
    }
}

/// Rule 20: what may change from one playlist to the next. Our own leave: at the end, trailing gaps are dropped.
pub(crate) fn check_change(old: &Parsed, new: &Parsed) {
    if old.ended {
        assert_eq!(old, new, "nothing changes after ENDLIST");
        return;
    }
    assert_eq!(old.target, new.target, "rule 5: the target duration never changes");
    assert_eq!(
        (old.can_skip_until, old.hold_back, old.part_hold_back, old.part_target),
        (new.can_skip_until, new.hold_back, new.part_hold_back, new.part_target),
        "rule 1"
    );
    assert!(old.independent || !new.independent, "a claim given up is not made again");
    assert!(new.msn >= old.msn, "rule 16: {} after {}", new.msn, old.msn);
    let removed: Vec<&Seg> = old.segments.iter().filter(|seg| seg.msn < new.msn).collect();
    let discontinuities = removed.iter().filter(|seg| seg.discontinuity).count() as u64;
    if removed.len() as u64 == new.msn - old.msn {
        assert_eq!(new.dsn.unwrap(), old.dsn.unwrap() + discontinuities, "rule 17");
    } else {
        assert!(new.dsn.unwrap() >= old.dsn.unwrap() + discontinuities, "rule 17");
    }
    for seg in old.segments.iter().filter(|seg| seg.msn >= new.msn) {
        let Some(now) = new.segments.iter().find(|now| now.msn == seg.msn) else {
            let gap = seg.gap || (seg.uri.is_none() && seg.parts.iter().all(|part| part.gap));
            assert!(new.ended && gap, "segment {} vanished", seg.msn);
            continue;
        };
        assert_eq!(
            (seg.discontinuity, &seg.map, seg.date_ms),
            (now.discontinuity, &now.map, now.date_ms),
            "segment {} changed",
            seg.msn
        );
        if seg.uri.is_some() {
            assert_eq!((&seg.uri, seg.duration, seg.gap), (&now.uri, now.duration, now.gap));
            assert!(now.parts == seg.parts || now.parts.is_empty(), "parts go together");
        } else {
            assert!(now.parts.is_empty() || now.parts.starts_with(&seg.parts), "parts are only appended");
        }
    }
}
