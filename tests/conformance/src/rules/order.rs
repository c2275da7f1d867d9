//! The text of playlists, and how it may change: rules 10, 20 and 23.

use std::collections::HashMap;

use super::NO_PARTS;
use crate::case::{Case, Load};
use crate::finding::{Exhibit, Finding, Trial, seconds};
use crate::playlist::{MediaPlaylist, Segment};

pub(super) fn tags_before_parts(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for (_, load) in case.loads() {
        for segment in load.playlist.all().filter(|segment| !segment.parts.is_empty()) {
            trial.saw();
            if let Some(late) = segment.late_tags.first() {
                trial.breach(
                    format!("in segment {} this comes after a part: {late}", segment.msn),
                    [load.exhibit()],
                );
            }
        }
    }
    trial.end("all come before it", "no part came")
}

pub(super) fn dates(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for (_, load) in case.loads() {
        let playlist = &load.playlist;
        if playlist.segments.is_empty() && playlist.open.is_none() {
            continue;
        }
        trial.saw();
        if playlist.all().all(|segment| segment.date.is_none()) {
            trial.breach("a playlist without PROGRAM-DATE-TIME", [load.exhibit()]);
        }
        let bare = playlist.all().find(|segment| segment.discontinuity && segment.date.is_none());
        if let Some(bare) = bare {
            let said = format!("segment {} comes after a discontinuity without PROGRAM-DATE-TIME", bare.msn);
            trial.breach(said, [load.exhibit()]);
        }
    }
    trial.end("in every playlist and after discontinuities", "no playlist came")
}

pub(super) fn changes(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, torn) in &line.torn {
            trial.breach(
                format!("no media playlist: {}", torn.error),
                [Exhibit::playlist(exchange, &torn.text)],
            );
        }
        if let Some(load) = line.loads.iter().find(|load| load.playlist.kind.is_some()) {
            trial.breach("a live playlist with EXT-X-PLAYLIST-TYPE", [load.exhibit()]);
        }
        let follows: Vec<&Load<'_>> = line.follows().collect();
        for pair in follows.windows(2) {
            trial.saw();
            if let Err(said) = successive(&pair[0].playlist, &pair[1].playlist) {
                trial.breach(said, [pair[0].exhibit(), pair[1].exhibit()]);
            }
        }
    }
    trial.end("successive playlists differ as they may", "no two playlists came")
}

/// Whether `new` may come after `old` (§6.2.1).
fn successive(old: &MediaPlaylist, new: &MediaPlaylist) -> Result<(), String> {
    if old.ended && !new.ended {
        return Err("an ended playlist goes on".to_owned());
    }
    if !new.ended && new.edge() < old.edge() {
        return Err("the playlist is older than the one before it".to_owned());
    }
    if old.part_target != new.part_target {
        return Err("PART-TARGET changed".to_owned());
    }
    if new.media_sequence > old.next_msn() {
        return Ok(());
    }
    let by_uri: HashMap<&str, (usize, &Segment)> = new
        .segments
        .iter()
        .enumerate()
        .filter(|(_, segment)| segment.byte_range.is_none())
        .map(|(at, segment)| (segment.uri.as_str(), (at, segment)))
        .collect();
    // §6.2.1 has no leave to take anything back. One thing is let pass here: ENDLIST in place of the gaps at the very end, all
    // of them, which nobody could have loaded. Left there they keep players from ending: hls.js 1.7 takes no gap for a
    // stream's end (`bufferedEnd` in its fragment tracker) and waits for ever, as whoever stands before gaps does.
    let took_all = new.ended && new.segments.last().is_some_and(|last| !last.gap);
    let spare = old.segments.iter().rev().take_while(|segment| took_all && segment.gap).count();
    for (at, segment) in
        old.segments.iter().enumerate().filter(|(_, segment)| segment.msn >= new.media_sequence)
    {
        let may_go = at + spare >= old.segments.len();
        match new.segment(segment.msn) {
            Some(same) if same.uri == segment.uri => {}
            Some(other) => {
                return Err(format!("segment {} was {} and is {}", segment.msn, segment.uri, other.uri));
            }
            None if may_go => {}
            None => return Err(format!("segment {} is gone and was not the oldest", segment.msn)),
        }
    }
    for before in &old.segments {
        if let Some((at, now)) = by_uri.get(before.uri.as_str()) {
            unchanged(before, now, *at == 0)?;
        }
    }
    let Some(open) = &old.open else { return Ok(()) };
    let now = new.segment(open.msn).or(new.open.as_ref().filter(|now| now.msn == open.msn));
    match now {
        None if new.ended && open.parts.iter().all(|part| part.gap) => Ok(()),
        None => Err(format!("the parts of segment {} are gone", open.msn)),
        Some(now) if now.parts.is_empty() || now.parts.starts_with(&open.parts) => {
            let head =
                now.date == open.date && now.map == open.map && now.discontinuity == open.discontinuity;
            if head { Ok(()) } else { Err(format!("the tags of segment {} changed", open.msn)) }
        }
        Some(_) => Err(format!("the parts of segment {} changed", open.msn)),
    }
}

fn unchanged(before: &Segment, now: &Segment, is_first: bool) -> Result<(), String> {
    let differs = |what: &str| Err(format!("{what} of segment {} ({}) changed", before.msn, before.uri));
    if before.duration != now.duration {
        return Err(format!(
            "EXTINF of segment {} was {} and is {}",
            before.msn,
            seconds(before.duration),
            seconds(now.duration)
        ));
    }
    // The tag may go with the segment before it; its number then stands in DISCONTINUITY-SEQUENCE.
    if before.discontinuity != now.discontinuity && !is_first {
        return differs("DISCONTINUITY");
    }
    if before.date != now.date && !(is_first && before.date.is_none()) {
        return differs("PROGRAM-DATE-TIME");
    }
    if before.map != now.map {
        return differs("MAP");
    }
    if before.gap != now.gap || before.byte_range != now.byte_range {
        return differs("GAP or BYTERANGE");
    }
    if !before.parts.is_empty() && !now.parts.is_empty() && before.parts != now.parts {
        return differs("PART tags");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::parse_media;

    fn playlist(body: &str) -> MediaPlaylist {
        parse_media(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n{body}")).expect("a playlist")
    }

    #[test]
    fn a_playlist_grows_at_its_end_and_shrinks_at_its_beginning() {
        let old = playlist(
            "#EXT-X-MEDIA-SEQUENCE:3\n#EXTINF:1,\n3\n#EXTINF:1,\n4\n#EXT-X-PART:DURATION=0.5,URI=\"5.0\"\n",
        );
        let new = playlist(
            "#EXT-X-MEDIA-SEQUENCE:4\n#EXTINF:1,\n4\n#EXT-X-PART:DURATION=0.5,URI=\"5.0\"\n#EXTINF:0.5,\n5\n",
        );
        assert_eq!(successive(&old, &new), Ok(()));
        assert!(successive(&new, &old).is_err());
    }

    #[test]
    fn what_was_listed_stays_as_it_was() {
        let old = playlist("#EXTINF:1,\n0\n#EXTINF:1,\n1\n");
        for new in [
            "#EXTINF:1,\n0\n#EXTINF:1.1,\n1\n#EXTINF:1,\n2\n",
            "#EXTINF:1,\n0\n#EXT-X-DISCONTINUITY\n#EXTINF:1,\n1\n#EXTINF:1,\n2\n",
            "#EXTINF:1,\n0\n#EXT-X-GAP\n#EXTINF:1,\n1\n#EXTINF:1,\n2\n",
            "#EXTINF:1,\n0\n#EXTINF:1,\nx\n#EXTINF:1,\n2\n",
            "#EXTINF:1,\n0\n#EXT-X-ENDLIST\n",
        ] {
            assert!(successive(&old, &playlist(new)).is_err(), "{new}");
        }
    }

    #[test]
    fn an_end_takes_back_gaps_and_nothing_else() {
        let old = playlist("#EXTINF:1,\n0\n#EXT-X-GAP\n#EXTINF:1,\n1\n");
        assert_eq!(successive(&old, &playlist("#EXTINF:1,\n0\n#EXT-X-ENDLIST\n")), Ok(()));
        assert!(successive(&old, &playlist("#EXT-X-ENDLIST\n")).is_err());
        let old = playlist("#EXTINF:1,\n0\n#EXT-X-GAP\n#EXTINF:1,\n1\n#EXT-X-GAP\n#EXTINF:1,\n2\n");
        let half = "#EXTINF:1,\n0\n#EXT-X-GAP\n#EXTINF:1,\n1\n#EXT-X-ENDLIST\n";
        assert!(successive(&old, &playlist(half)).is_err(), "all of them or none");
        for (part, sound) in [("URI=\"1.0\",GAP=YES", true), ("URI=\"1.0\"", false)] {
            let old = playlist(&format!("#EXTINF:1,\n0\n#EXT-X-PART:DURATION=0.5,{part}\n"));
            assert_eq!(
                successive(&old, &playlist("#EXTINF:1,\n0\n#EXT-X-ENDLIST\n")).is_ok(),
                sound,
                "{part}"
            );
        }
    }
}
