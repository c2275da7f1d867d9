//! Reading a media playlist (§4.4.3).

use super::attributes::{Attributes, byte_range, number, seconds};
use super::{
    ByteRange, DateRange, Hint, Map, MediaPlaylist, Micros, Part, Report, Segment, ServerControl, Skip,
};

/// The most lines of a playlist that are read: 12 hours of 2 s segments in parts of half a second are some 200,000.
const MOST_LINES: usize = 500_000;

/// Reads a media playlist.
///
/// # Errors
/// The first line that is not as the draft has it, in words.
pub fn parse(text: &str) -> Result<MediaPlaylist, String> {
    let mut reader = Reader::default();
    reader.out.text = text.to_owned();
    reader.out.version = 1;
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err("the first line is not #EXTM3U".to_owned());
    }
    for (line, at) in lines.zip(2..) {
        if at > MOST_LINES {
            return Err(format!("more than {MOST_LINES} lines"));
        }
        reader.line(line).map_err(|error| format!("line {at}: {error}: {line}"))?;
    }
    reader.end()
}

#[derive(Default)]
struct Reader {
    out: MediaPlaylist,
    /// What has been said of the segment to come.
    next: Segment,
    said: bool,
    extinf: Option<Micros>,
    map: Option<Map>,
    key: Option<String>,
    discontinuities: u64,
    target: Option<Micros>,
    has_discontinuity: bool,
}

impl Reader {
    fn needs(&mut self, version: u32) {
        self.out.version_needed = self.out.version_needed.max(version);
    }

    /// A tag that belongs before the first part of its segment (rule 10).
    fn head(&mut self, line: &str) {
        self.said = true;
        if !self.next.parts.is_empty() {
            self.next.late_tags.push(line.to_owned());
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || (line.starts_with('#') && !line.starts_with("#EXT")) {
            return Ok(());
        }
        if !line.starts_with('#') {
            return self.uri(line);
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => self.out.version = u32::try_from(number(value)?).unwrap_or(u32::MAX),
            "#EXT-X-TARGETDURATION" => {
                let target = i64::try_from(number(value)?).map_err(|_| "too long")?.checked_mul(1_000_000);
                self.target = Some(target.ok_or("too long")?);
            }
            "#EXT-X-MEDIA-SEQUENCE" => self.out.media_sequence = number(value)?,
            "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                if self.has_discontinuity || !self.out.segments.is_empty() {
                    return Err("it comes after a segment or a discontinuity (§4.4.3.3)".to_owned());
                }
                self.discontinuities = number(value)?;
                self.out.discontinuity_sequence = Some(self.discontinuities);
            }
            "#EXT-X-PLAYLIST-TYPE" => self.out.kind = Some(value.to_owned()),
            "#EXT-X-INDEPENDENT-SEGMENTS" => self.out.independent_segments = true,
            "#EXT-X-I-FRAMES-ONLY" => self.out.key_frames_only = true,
            "#EXT-X-SERVER-CONTROL" => self.control(value, line)?,
            "#EXT-X-PART-INF" => {
                let target = Attributes::parse(value)?.seconds("PART-TARGET")?;
                self.out.part_target = Some(target.ok_or("PART-TARGET is missing")?);
            }
            "#EXT-X-SKIP" => self.skip(value)?,
            "#EXT-X-MAP" => {
                self.head(line);
                let read = Attributes::parse(value)?;
                let map = Map { uri: read.text("URI")?, byte_range: read.byte_range("BYTERANGE")? };
                self.map = Some(map);
                self.needs(6);
            }
            "#EXT-X-KEY" => {
                self.head(line);
                let read = Attributes::parse(value)?;
                self.needs(if read.get("KEYFORMAT").is_some() { 5 } else { 2 });
                self.key = (read.get("METHOD") != Some("NONE")).then(|| line.to_owned());
            }
            "#EXT-X-DISCONTINUITY" => {
                self.head(line);
                self.has_discontinuity = true;
                self.next.discontinuity = true;
                self.discontinuities += 1;
            }
            "#EXT-X-PROGRAM-DATE-TIME" => {
                self.head(line);
                let date: jiff::Timestamp = value.parse().map_err(|_| "no date")?;
                self.next.date = Some(date.as_microsecond());
            }
            "#EXT-X-PART" => self.part(value)?,
            "#EXT-X-GAP" => {
                self.said = true;
                self.next.gap = true;
                self.out.has_gaps = true;
            }
            "#EXT-X-BYTERANGE" => {
                self.said = true;
                self.needs(4);
                self.next.byte_range = Some(byte_range(value)?);
            }
            "#EXTINF" => {
                let (length, _) = value.split_once(',').ok_or("no comma (§4.4.4.1)")?;
                if length.contains('.') {
                    self.needs(3);
                }
                self.extinf = Some(seconds(length)?);
            }
            "#EXT-X-DATERANGE" => {
                let id = Attributes::parse(value)?.text("ID")?;
                self.out.date_ranges.push(DateRange { id, line: line.to_owned() });
            }
            "#EXT-X-PRELOAD-HINT" => {
                let read = Attributes::parse(value)?;
                self.out.hints.push(Hint {
                    kind: read.text("TYPE")?,
                    uri: read.text("URI")?,
                    start: read.number("BYTERANGE-START")?,
                    length: read.number("BYTERANGE-LENGTH")?,
                });
            }
            "#EXT-X-RENDITION-REPORT" => {
                let read = Attributes::parse(value)?;
                self.out.reports.push(Report {
                    uri: read.text("URI")?,
                    msn: read.number("LAST-MSN")?,
                    part: read.number("LAST-PART")?,
                });
            }
            "#EXT-X-DEFINE" => self.needs(if value.contains("QUERYPARAM") { 11 } else { 8 }),
            "#EXT-X-ENDLIST" => self.out.ended = true,
            "#EXT-X-STREAM-INF" | "#EXT-X-MEDIA" | "#EXT-X-I-FRAME-STREAM-INF" => {
                return Err("a tag of multivariant playlists".to_owned());
            }
            // §6.3.1: what is not known is ignored.
            _ => {}
        }
        Ok(())
    }

    fn control(&mut self, value: &str, line: &str) -> Result<(), String> {
        let read = Attributes::parse(value)?;
        self.out.control = Some(ServerControl {
            can_block: read.is_yes("CAN-BLOCK-RELOAD"),
            skip_until: read.seconds("CAN-SKIP-UNTIL")?,
            skip_date_ranges: read.is_yes("CAN-SKIP-DATERANGES"),
            hold_back: read.seconds("HOLD-BACK")?,
            part_hold_back: read.seconds("PART-HOLD-BACK")?,
            line: line.to_owned(),
        });
        Ok(())
    }

    fn skip(&mut self, value: &str) -> Result<(), String> {
        if !self.out.segments.is_empty() || self.said || self.out.skip.is_some() {
            return Err("it comes after a segment".to_owned());
        }
        let read = Attributes::parse(value)?;
        let segments = read.number("SKIPPED-SEGMENTS")?.ok_or("SKIPPED-SEGMENTS is missing")?;
        let removed = read.get("RECENTLY-REMOVED-DATERANGES");
        let removed =
            removed.map(|ids| ids.split('\t').filter(|id| !id.is_empty()).map(str::to_owned).collect());
        self.needs(if removed.is_some() { 10 } else { 9 });
        self.out.skip = Some(Skip { segments, removed });
        Ok(())
    }

    fn part(&mut self, value: &str) -> Result<(), String> {
        self.said = true;
        let read = Attributes::parse(value)?;
        let uri = read.text("URI")?;
        let mut range = read.byte_range("BYTERANGE")?;
        if let Some(ByteRange { offset: offset @ None, .. }) = &mut range {
            // §4.4.4.9: behind the part before it.
            let before = self.next.parts.last().filter(|before| before.uri == uri).and_then(|p| p.byte_range);
            *offset = Some(before.map_or(0, |range| range.offset.unwrap_or(0).saturating_add(range.length)));
        }
        self.next.parts.push(Part {
            uri,
            duration: read.seconds("DURATION")?.ok_or("DURATION is missing")?,
            independent: read.is_yes("INDEPENDENT"),
            gap: read.is_yes("GAP"),
            byte_range: range,
        });
        Ok(())
    }

    fn place(&mut self) -> Segment {
        let mut segment = std::mem::take(&mut self.next);
        segment.msn = self.out.next_msn();
        segment.map.clone_from(&self.map);
        segment.key.clone_from(&self.key);
        segment.discontinuities = self.discontinuities;
        self.said = false;
        segment
    }

    fn uri(&mut self, uri: &str) -> Result<(), String> {
        let duration = self.extinf.take().ok_or("a URI without its EXTINF")?;
        let mut segment = self.place();
        segment.uri = uri.to_owned();
        segment.duration = duration;
        if let Some(ByteRange { offset: offset @ None, .. }) = &mut segment.byte_range {
            let before =
                self.out.segments.last().filter(|before| before.uri == uri).and_then(|s| s.byte_range);
            *offset = Some(before.map_or(0, |range| range.offset.unwrap_or(0).saturating_add(range.length)));
        }
        self.out.segments.push(segment);
        Ok(())
    }

    fn end(mut self) -> Result<MediaPlaylist, String> {
        self.out.target = self.target.ok_or("EXT-X-TARGETDURATION is missing (§4.4.3.1)")?;
        if self.out.target == 0 {
            return Err("a target duration of nothing".to_owned());
        }
        if self.extinf.is_some() {
            return Err("an EXTINF without its URI at the end: the playlist is torn".to_owned());
        }
        self.out.version_needed = self.out.version_needed.max(1);
        if !self.next.parts.is_empty() {
            let mut open = self.place();
            open.duration = open.parts.iter().map(|part| part.duration).sum();
            self.out.open = Some(open);
        }
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::Reached;

    const LIVE: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6.0,PART-HOLD-BACK=1.5,HOLD-BACK=3\n\
        #EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n\
        #EXT-X-MAP:URI=\"i.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:00:00.000Z\n\
        #EXTINF:1.00000,\n7.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:00:01.000Z\n\
        #EXT-X-PART:DURATION=0.5,URI=\"8.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.5,URI=\"8.1.m4s\"\n\
        #EXTINF:1.00000,\n8.m4s\n#EXT-X-PART:DURATION=0.5,URI=\"9.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.1.m4s\"\n";

    #[test]
    fn a_live_playlist_is_read_with_its_numbers() {
        let read = parse(LIVE).expect("a playlist");
        assert_eq!((read.edge(), read.next_msn(), read.version_needed), ((9, 1), 9, 6));
        let eight = read.segment(8).expect("segment 8");
        assert_eq!((eight.discontinuities, eight.parts.len(), eight.discontinuity), (3, 2, true));
        assert_eq!(eight.map, read.segments[0].map);
        assert_eq!(read.duration(), 2_500_000);
        assert_eq!(read.hint("PART").map(|hint| hint.uri.as_str()), Some("9.1.m4s"));
    }

    #[test]
    fn what_a_blocking_request_may_be_answered_with() {
        let read = parse(LIVE).expect("a playlist");
        assert_eq!(read.answers(8, None), Reached::Yes);
        assert_eq!(read.answers(9, None), Reached::No);
        assert_eq!(read.answers(9, Some(0)), Reached::Yes);
        assert_eq!(read.answers(9, Some(1)), Reached::No);
        assert_eq!(read.answers(8, Some(1)), Reached::Yes);
        assert_eq!(read.answers(8, Some(2)), Reached::YesInTheNext);
        let closed = LIVE.replace("#EXT-X-PART:DURATION=0.5,URI=\"9.0.m4s\",INDEPENDENT=YES\n", "");
        assert_eq!(parse(&closed).expect("a playlist").answers(8, Some(2)), Reached::NotInTheNext);
    }

    #[test]
    fn a_torn_playlist_is_none() {
        let torn = LIVE.replace("8.m4s\n#EXT-X-PART:DURATION=0.5,URI=\"9.0.m4s\",INDEPENDENT=YES\n", "");
        assert!(parse(&torn).is_err_and(|error| error.contains("torn")));
        assert!(parse("#EXTM3U\n#EXTINF:1\na\n").is_err_and(|error| error.contains("comma")));
        assert!(parse("hello").is_err());
    }

    #[test]
    fn a_date_behind_the_first_part_is_noted() {
        let late = LIVE.replace(
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:00:01.000Z\n#EXT-X-PART:DURATION=0.5,URI=\"8.0.m4s\",INDEPENDENT=YES\n",
            "#EXT-X-PART:DURATION=0.5,URI=\"8.0.m4s\",INDEPENDENT=YES\n#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:00:01.000Z\n",
        );
        assert_eq!(parse(&late).expect("a playlist").segments[1].late_tags.len(), 1);
    }

    #[test]
    fn parts_of_one_resource_follow_each_other() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-PART:DURATION=0.5,URI=\"a\",BYTERANGE=\"10@0\"\n\
            #EXT-X-PART:DURATION=0.5,URI=\"a\",BYTERANGE=\"5\"\n";
        let read = parse(text).expect("a playlist");
        let open = read.open.expect("open parts");
        assert_eq!(open.parts[1].byte_range, Some(ByteRange { length: 5, offset: Some(10) }));
    }
}
