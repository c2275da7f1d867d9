//! A delta update and the older playlist that it goes with (§6.2.5.1, §6.3.7).

use super::{MediaPlaylist, Segment};

/// The full playlist that `delta` stands for, to a client that holds `base`.
///
/// # Errors
/// Why the two do not go together.
pub fn merge(base: &MediaPlaylist, delta: &MediaPlaylist) -> Result<MediaPlaylist, String> {
    let Some(skip) = &delta.skip else { return Ok(delta.clone()) };
    let mut merged = delta.clone();
    merged.skip = None;
    let end = delta.media_sequence.saturating_add(skip.segments);
    let kept: Vec<Segment> = base
        .segments
        .iter()
        .filter(|segment| (delta.media_sequence..end).contains(&segment.msn))
        .cloned()
        .map(|mut segment| {
            // Parts of what is skipped are gone from the playlist, or the segment would not be old enough.
            segment.parts.clear();
            segment
        })
        .collect();
    if kept.len() as u64 != skip.segments {
        let (first, last) = (base.media_sequence, base.next_msn());
        return Err(format!(
            "it skips segments {} to {end}, the older playlist had {first} to {last}",
            delta.media_sequence
        ));
    }
    let before = kept.last().cloned();
    let mut discontinuities =
        before.as_ref().map_or(delta.discontinuity_sequence.unwrap_or(0), |b| b.discontinuities);
    let mut map = before.as_ref().and_then(|before| before.map.clone());
    let mut key = before.and_then(|before| before.key);
    for segment in merged.segments.iter_mut().chain(&mut merged.open) {
        discontinuities += u64::from(segment.discontinuity);
        segment.discontinuities = discontinuities;
        if segment.map.is_some() {
            map.clone_from(&segment.map);
        }
        segment.map.clone_from(&map);
        if segment.key.is_some() {
            key.clone_from(&segment.key);
        }
        segment.key.clone_from(&key);
    }
    merged.segments.splice(0..0, kept);
    if let Some(removed) = &skip.removed {
        let known = |id: &str| merged.date_ranges.iter().any(|range| range.id == id);
        let old = base.date_ranges.iter().filter(|range| !removed.contains(&range.id) && !known(&range.id));
        let mut ranges: Vec<_> = old.cloned().collect();
        ranges.append(&mut merged.date_ranges);
        merged.date_ranges = ranges;
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::parse_media;

    #[test]
    fn skipped_segments_come_from_the_older_playlist_with_map_and_discontinuities() {
        let base = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-MAP:URI=\"i\"\n#EXTINF:1,\n1\n\
            #EXT-X-DISCONTINUITY\n#EXTINF:1,\n2\n#EXTINF:1,\n3\n";
        let delta = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:2\n\
            #EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXTINF:1,\n3\n#EXTINF:1,\n4\n";
        let (base, delta) = (parse_media(base).expect("a playlist"), parse_media(delta).expect("a delta"));
        let merged = merge(&base, &delta).expect("they go together");
        let uris: Vec<&str> = merged.segments.iter().map(|segment| segment.uri.as_str()).collect();
        assert_eq!(uris, ["2", "3", "4"]);
        assert_eq!(merged.segments[2].map, base.segments[0].map);
        assert_eq!(merged.segments[2].discontinuities, 1);
        let late = MediaPlaylist { media_sequence: 9, ..delta };
        assert!(merge(&base, &late).is_err());
    }
}
