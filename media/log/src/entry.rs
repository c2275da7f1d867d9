//! The entries of the index and their compact form.

/// One entry of the index. Their order is their meaning: a rendition's timeline is the fold of its entries.
///
/// Durations are ticks of 90 kHz; `msn` is a media sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The target duration, once, before anything is listed.
    Target {
        /// Whole seconds.
        seconds: u32,
    },
    /// An initialisation section; what follows uses it.
    Init {
        /// Its number: the file is `iN.mp4`.
        init: u32,
        /// Bytes.
        len: u64,
        /// RFC 6381, as in CODECS.
        codecs: String,
        /// Pixels; 0 without video.
        width: u32,
        /// Pixels; 0 without video.
        height: u32,
        /// Thousandths of a frame a second, where known.
        frame_rate_milli: Option<u32>,
    },
    /// The next segment begins a new span: other timestamps or another format.
    Discontinuity,
    /// The wall-clock time at which the next segment's media begins.
    Anchor {
        /// Microseconds since the Unix epoch.
        wall_us: i64,
    },
    /// A part of the segment that is being written.
    Part {
        /// Its segment.
        msn: u64,
        /// Its index in the segment, from 0.
        part: u32,
        /// Where it begins in the segment's file.
        offset: u64,
        /// Bytes.
        len: u64,
        /// Ticks.
        duration: u64,
        /// Whether it holds a frame that needs no other.
        independent: bool,
    },
    /// The segment is whole.
    Segment {
        /// Its number.
        msn: u64,
        /// Ticks; the sum of its parts.
        duration: u64,
        /// How many parts it has.
        parts: u32,
        /// Whether it begins with a key frame.
        independent: bool,
        /// Bytes; the sum of its parts.
        len: u64,
    },
    /// The checksum of a segment's media, before the segment is whole. Stands where segments tell of themselves, in their
    /// files and in archives, and not in a log's index.
    Sum {
        /// The segment.
        msn: u64,
        /// CRC-32 (ISO/IEC 3309) of all its parts.
        crc32: u32,
    },
    /// Where the key frame ends with which a segment begins, behind its first part's boxes. What an I-frame playlist names of
    /// the segment (RFC 8216bis §4.4.3.6); after the first part, where that begins with one.
    KeyFrame {
        /// The segment.
        msn: u64,
        /// Bytes from the segment's beginning.
        end: u64,
    },
    /// A part for which there is no media.
    GapPart {
        /// Its segment.
        msn: u64,
        /// Its index in the segment, from 0.
        part: u32,
        /// Ticks.
        duration: u64,
    },
    /// A segment for which there is no media. Where parts of it were written, they are void.
    GapSegment {
        /// Its number.
        msn: u64,
        /// Ticks.
        duration: u64,
    },
    /// The session went public: the public playlists begin at this segment.
    Live {
        /// The first public segment.
        from_msn: u64,
    },
    /// The end: gaps at the end are dropped, nothing follows.
    Ended,
}

const TARGET: u8 = 1;
const INIT: u8 = 2;
const DISCONTINUITY: u8 = 3;
const ANCHOR: u8 = 4;
const PART: u8 = 5;
const SEGMENT: u8 = 6;
const GAP_PART: u8 = 7;
const GAP_SEGMENT: u8 = 8;
const LIVE: u8 = 9;
const ENDED: u8 = 10;
const SUM: u8 = 11;
const KEY_FRAME: u8 = 12;

impl Entry {
    /// Appends the entry's compact form: a tag, then its numbers as LEB128.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Target { seconds } => {
                out.push(TARGET);
                number(out, u64::from(*seconds));
            }
            Self::Init { init, len, codecs, width, height, frame_rate_milli } => {
                out.push(INIT);
                number(out, u64::from(*init));
                number(out, *len);
                number(out, u64::from(*width));
                number(out, u64::from(*height));
                number(out, frame_rate_milli.map_or(0, |rate| u64::from(rate) + 1));
                out.extend_from_slice(codecs.as_bytes());
            }
            Self::Discontinuity => out.push(DISCONTINUITY),
            Self::Anchor { wall_us } => {
                out.push(ANCHOR);
                out.extend_from_slice(&wall_us.to_le_bytes());
            }
            Self::Part { msn, part, offset, len, duration, independent } => {
                out.push(PART);
                number(out, *msn);
                number(out, u64::from(*part));
                number(out, *offset);
                number(out, *len);
                number(out, *duration);
                out.push(u8::from(*independent));
            }
            Self::Segment { msn, duration, parts, independent, len } => {
                out.push(SEGMENT);
                number(out, *msn);
                number(out, *duration);
                number(out, u64::from(*parts));
                number(out, *len);
                out.push(u8::from(*independent));
            }
            Self::GapPart { msn, part, duration } => {
                out.push(GAP_PART);
                number(out, *msn);
                number(out, u64::from(*part));
                number(out, *duration);
            }
            Self::GapSegment { msn, duration } => {
                out.push(GAP_SEGMENT);
                number(out, *msn);
                number(out, *duration);
            }
            Self::Live { from_msn } => {
                out.push(LIVE);
                number(out, *from_msn);
            }
            Self::Ended => out.push(ENDED),
            Self::Sum { msn, crc32 } => {
                out.push(SUM);
                number(out, *msn);
                number(out, u64::from(*crc32));
            }
            Self::KeyFrame { msn, end } => {
                out.push(KEY_FRAME);
                number(out, *msn);
                number(out, *end);
            }
        }
    }

    /// Reads what [`Entry::encode`] wrote; `None` where it is anything else.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let (&tag, rest) = payload.split_first()?;
        let mut fields = Fields(rest);
        let entry = match tag {
            TARGET => Self::Target { seconds: fields.short()? },
            INIT => Self::Init {
                init: fields.short()?,
                len: fields.number()?,
                width: fields.short()?,
                height: fields.short()?,
                frame_rate_milli: match fields.number()? {
                    0 => None,
                    rate => Some(u32::try_from(rate - 1).ok()?),
                },
                codecs: String::from_utf8(std::mem::take(&mut fields.0).to_vec()).ok()?,
            },
            DISCONTINUITY => Self::Discontinuity,
            ANCHOR => {
                let (bytes, rest) = fields.0.split_first_chunk::<8>()?;
                fields.0 = rest;
                Self::Anchor { wall_us: i64::from_le_bytes(*bytes) }
            }
            PART => Self::Part {
                msn: fields.number()?,
                part: fields.short()?,
                offset: fields.number()?,
                len: fields.number()?,
                duration: fields.number()?,
                independent: fields.flag()?,
            },
            SEGMENT => Self::Segment {
                msn: fields.number()?,
                duration: fields.number()?,
                parts: fields.short()?,
                len: fields.number()?,
                independent: fields.flag()?,
            },
            GAP_PART => {
                Self::GapPart { msn: fields.number()?, part: fields.short()?, duration: fields.number()? }
            }
            GAP_SEGMENT => Self::GapSegment { msn: fields.number()?, duration: fields.number()? },
            LIVE => Self::Live { from_msn: fields.number()? },
            ENDED => Self::Ended,
            SUM => Self::Sum { msn: fields.number()?, crc32: fields.short()? },
            KEY_FRAME => Self::KeyFrame { msn: fields.number()?, end: fields.number()? },
            _ => return None,
        };
        fields.0.is_empty().then_some(entry)
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn short(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_entry() -> impl Strategy<Value = Entry> {
        prop_oneof![
            any::<u32>().prop_map(|seconds| Entry::Target { seconds }),
            (
                any::<u32>(),
                any::<u64>(),
                "[ -~]{0,60}",
                any::<u32>(),
                any::<u32>(),
                prop::option::of(any::<u32>())
            )
                .prop_map(|(init, len, codecs, width, height, frame_rate_milli)| Entry::Init {
                    init,
                    len,
                    codecs,
                    width,
                    height,
                    frame_rate_milli
                }),
            Just(Entry::Discontinuity),
            any::<i64>().prop_map(|wall_us| Entry::Anchor { wall_us }),
            (any::<u64>(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>()).prop_map(
                |(msn, part, offset, len, duration, independent)| Entry::Part {
                    msn,
                    part,
                    offset,
                    len,
                    duration,
                    independent
                }
            ),
            (any::<u64>(), any::<u64>(), any::<u32>(), any::<bool>(), any::<u64>()).prop_map(
                |(msn, duration, parts, independent, len)| Entry::Segment {
                    msn,
                    duration,
                    parts,
                    independent,
                    len
                }
            ),
            (any::<u64>(), any::<u32>(), any::<u64>()).prop_map(|(msn, part, duration)| Entry::GapPart {
                msn,
                part,
                duration
            }),
            (any::<u64>(), any::<u64>()).prop_map(|(msn, duration)| Entry::GapSegment { msn, duration }),
            any::<u64>().prop_map(|from_msn| Entry::Live { from_msn }),
            (any::<u64>(), any::<u32>()).prop_map(|(msn, crc32)| Entry::Sum { msn, crc32 }),
            (any::<u64>(), any::<u64>()).prop_map(|(msn, end)| Entry::KeyFrame { msn, end }),
            Just(Entry::Ended),
        ]
    }

    proptest! {
        #[test]
        fn every_entry_reads_back_as_it_was_written(entry in any_entry()) {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            prop_assert_eq!(Entry::decode(&bytes), Some(entry));
        }

        #[test]
        fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Entry::decode(&bytes);
        }

        #[test]
        fn an_entry_cut_short_or_with_a_tail_is_none(entry in any_entry()) {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            if !matches!(entry, Entry::Init { .. }) {
                prop_assert_eq!(Entry::decode(&bytes[..bytes.len() - 1]), None);
                bytes.push(0);
                prop_assert_eq!(Entry::decode(&bytes), None);
            }
        }
    }
}
