//! Playlists as the judge reads them: by the letter of the draft, and with what a rule wants to know kept.

mod attributes;
mod delta;
mod media;
mod multivariant;

pub use delta::merge;
pub use media::parse as parse_media;
pub use multivariant::{Multivariant, RenditionUri, Variant, parse as parse_multivariant};

/// Microseconds, of a duration or of a moment since the run began or since the Unix epoch.
pub type Micros = i64;

/// A sub-range of a resource (§4.4.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Bytes.
    pub length: u64,
    /// The first byte; none: behind the range before it.
    pub offset: Option<u64>,
}

/// `EXT-X-MAP` (§4.4.4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Where it is.
    pub uri: String,
    /// The part of it that is meant.
    pub byte_range: Option<ByteRange>,
}

/// `EXT-X-PART` (§4.4.4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub uri: String,
    /// How long it plays.
    pub duration: Micros,
    /// `INDEPENDENT=YES`
    pub independent: bool,
    /// `GAP=YES`
    pub gap: bool,
    /// The part of the resource that is meant.
    pub byte_range: Option<ByteRange>,
}

/// A segment, or the parts of one that is not whole yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Where it is; empty while it is not whole.
    pub uri: String,
    /// `EXTINF`; for one that is not whole, its parts.
    pub duration: Micros,
    /// `EXT-X-DISCONTINUITY` before it.
    pub discontinuity: bool,
    /// The discontinuity sequence number that it has by its playlist.
    pub discontinuities: u64,
    /// The init section in force.
    pub map: Option<Map>,
    /// The key in force, as it stands.
    pub key: Option<String>,
    /// Its own `EXT-X-PROGRAM-DATE-TIME`.
    pub date: Option<Micros>,
    /// `EXT-X-GAP`
    pub gap: bool,
    /// The part of the resource that is meant.
    pub byte_range: Option<ByteRange>,
    /// The parts that are still listed.
    pub parts: Vec<Part>,
    /// Tags that came after the first part and belong before it (rule 10).
    pub late_tags: Vec<String>,
}

/// `EXT-X-SERVER-CONTROL` (§4.4.3.8).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ServerControl {
    /// `CAN-BLOCK-RELOAD=YES`
    pub can_block: bool,
    /// `CAN-SKIP-UNTIL`
    pub skip_until: Option<Micros>,
    /// `CAN-SKIP-DATERANGES=YES`
    pub skip_date_ranges: bool,
    /// `HOLD-BACK`
    pub hold_back: Option<Micros>,
    /// `PART-HOLD-BACK`
    pub part_hold_back: Option<Micros>,
    /// The line itself.
    pub line: String,
}

/// `EXT-X-SKIP` (§4.4.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// `SKIPPED-SEGMENTS`
    pub segments: u64,
    /// `RECENTLY-REMOVED-DATERANGES`; none where the attribute is missing.
    pub removed: Option<Vec<String>>,
}

/// `EXT-X-PRELOAD-HINT` (§4.4.5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// `PART` or `MAP`
    pub kind: String,
    /// Where it will be.
    pub uri: String,
    /// `BYTERANGE-START`
    pub start: Option<u64>,
    /// `BYTERANGE-LENGTH`
    pub length: Option<u64>,
}

/// `EXT-X-RENDITION-REPORT` (§4.4.5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The other playlist.
    pub uri: String,
    /// `LAST-MSN`
    pub msn: Option<u64>,
    /// `LAST-PART`
    pub part: Option<u64>,
}

/// `EXT-X-DATERANGE` (§4.4.5.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateRange {
    /// `ID`
    pub id: String,
    /// The line itself.
    pub line: String,
}

/// A media playlist (§4.4.3).
#[derive(Clone, Debug, Default)]
pub struct MediaPlaylist {
    /// The text itself.
    pub text: String,
    /// `EXT-X-VERSION`; 1 where it is missing.
    pub version: u32,
    /// The lowest version that what stands in it asks for (§8).
    pub version_needed: u32,
    /// Whether it has gaps: some readers want version 8 for them.
    pub has_gaps: bool,
    /// `EXT-X-TARGETDURATION`
    pub target: Micros,
    /// `PART-TARGET`
    pub part_target: Option<Micros>,
    /// `EXT-X-SERVER-CONTROL`
    pub control: Option<ServerControl>,
    /// `EXT-X-MEDIA-SEQUENCE`
    pub media_sequence: u64,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`
    pub discontinuity_sequence: Option<u64>,
    /// `EXT-X-INDEPENDENT-SEGMENTS`
    pub independent_segments: bool,
    /// `EXT-X-PLAYLIST-TYPE`
    pub kind: Option<String>,
    /// `EXT-X-I-FRAMES-ONLY`
    pub key_frames_only: bool,
    /// `EXT-X-SKIP`: then it is a delta.
    pub skip: Option<Skip>,
    /// The whole segments, oldest first.
    pub segments: Vec<Segment>,
    /// What is being made: parts without their segment's URI.
    pub open: Option<Segment>,
    /// `EXT-X-DATERANGE`
    pub date_ranges: Vec<DateRange>,
    /// `EXT-X-PRELOAD-HINT`
    pub hints: Vec<Hint>,
    /// `EXT-X-RENDITION-REPORT`
    pub reports: Vec<Report>,
    /// `EXT-X-ENDLIST`
    pub ended: bool,
}

impl MediaPlaylist {
    /// The number that the next whole segment will have.
    pub fn next_msn(&self) -> u64 {
        let skipped = self.skip.as_ref().map_or(0, |skip| skip.segments);
        self.media_sequence.saturating_add(skipped).saturating_add(self.segments.len() as u64)
    }

    /// The place of what comes next: segment and part.
    pub fn edge(&self) -> (u64, u64) {
        (self.next_msn(), self.open.as_ref().map_or(0, |open| open.parts.len() as u64))
    }

    /// How long it plays, the open parts with it.
    pub fn duration(&self) -> Micros {
        let open = self.open.as_ref().map_or(0, |open| open.duration);
        self.segments.iter().map(|segment| segment.duration).sum::<Micros>() + open
    }

    /// The whole segment of this number.
    pub fn segment(&self, msn: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.msn == msn)
    }

    /// All segments, the open one last.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        self.segments.iter().chain(&self.open)
    }

    /// All listed parts with their place.
    pub fn parts(&self) -> impl Iterator<Item = (u64, u64, &Part)> {
        self.all()
            .flat_map(|segment| segment.parts.iter().zip(0..).map(|(part, index)| (segment.msn, index, part)))
    }

    /// The hint of a type.
    pub fn hint(&self, kind: &str) -> Option<&Hint> {
        self.hints.iter().find(|hint| hint.kind == kind)
    }

    /// Whether `_HLS_msn` and `_HLS_part` let a server answer this playlist.
    pub fn answers(&self, msn: u64, part: Option<u64>) -> Reached {
        if self.ended {
            return Reached::Yes;
        }
        let (next, parts) = self.edge();
        let Some(part) = part else {
            return if next > msn { Reached::Yes } else { Reached::No };
        };
        if next < msn {
            return Reached::No;
        }
        if next == msn {
            return if parts > part { Reached::Yes } else { Reached::No };
        }
        let count = self.segment(msn).map_or(0, |segment| segment.parts.len() as u64);
        if count == 0 || part < count {
            return Reached::Yes;
        }
        // §6.2.5.2: it means part 0 of the next segment.
        if next > msn + 1 || parts > 0 { Reached::YesInTheNext } else { Reached::NotInTheNext }
    }
}

/// What a playlist is to a blocking request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It has what was asked for.
    Yes,
    /// It does not.
    No,
    /// The part was beyond the last of its segment, and part 0 of the next is there.
    YesInTheNext,
    /// The part was beyond the last of its segment, and part 0 of the next is not there.
    NotInTheNext,
}
