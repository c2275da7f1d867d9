//! The head of a plain file: `ftyp`, `moov`, and the beginning of `mdat`.

use sigma_elementary::CLOCK;

use super::description::{Described, Description};
use super::tables::{Rows, Table, Timed};

/// §4.2.2: a box with a length of 32 bits.
const BOX: u64 = 8;
/// §4.2.2: `mdat` with a length of 64 bits, whatever its length.
const MEDIA_HEAD: u64 = 16;

/// A piece of the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Bytes(Vec<u8>),
    /// All rows of a table that were given out, each through [`Head::place`].
    Rows(Rows),
}

/// What stands before the segments.
#[derive(Debug)]
pub struct Head {
    pieces: Vec<Piece>,
    len: u64,
    /// §8.7.5: whether 32 bits do not say where a sample lies.
    is_large: bool,
    /// By track: what makes no composition offset negative, for those of the first version of `ctts` have no sign.
    raised: Vec<u32>,
}

impl Head {
    /// Its bytes in all.
    #[expect(clippy::len_without_is_empty, reason = "a head is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// What it is made of, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Makes rows, as they were given out, into what the file says, and puts it behind `out`.
    pub fn place(&self, rows: Rows, given: &[u8], out: &mut Vec<u8>) {
        match rows.table {
            Table::Offsets => {
                for row in given.as_chunks::<8>().0 {
                    let at = u64::from_be_bytes(*row) + self.len;
                    match u32::try_from(at) {
                        Ok(at) if !self.is_large => out.extend_from_slice(&at.to_be_bytes()),
                        _ => out.extend_from_slice(&at.to_be_bytes()),
                    }
                }
            }
            Table::Compositions => {
                let raised = self.raised.get(rows.track).copied().unwrap_or(0);
                for [count, offset] in given.as_chunks::<4>().0.as_chunks::<2>().0 {
                    let offset = u32::from_be_bytes(*offset).wrapping_add(raised);
                    out.extend_from_slice(count);
                    out.extend_from_slice(&offset.to_be_bytes());
                }
            }
            Table::Times | Table::Syncs | Table::Chunks | Table::Sizes => out.extend_from_slice(given),
        }
    }
}

/// A box in the making.
#[derive(Debug)]
enum Node {
    Bytes(Vec<u8>),
    Rows { rows: Rows, len: u64 },
    Box { name: [u8; 4], inside: Vec<Node> },
}

impl Node {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Rows { len, .. } => *len,
            Self::Box { inside, .. } => BOX + inside.iter().map(Self::len).sum::<u64>(),
        }
    }

    fn write(self, out: &mut Pieces) {
        let len = self.len();
        match self {
            Self::Bytes(bytes) => out.bytes().extend_from_slice(&bytes),
            Self::Rows { rows, .. } => out.0.push(Piece::Rows(rows)),
            Self::Box { name, inside } => {
                // Of the samples that 32 bits count no table is as long as 32 bits say, and so is not all of them: a
                // recording has a quarter of a million segments at most.
                out.bytes().extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
                out.bytes().extend_from_slice(&name);
                inside.into_iter().for_each(|node| node.write(out));
            }
        }
    }
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn bytes(&mut self) -> &mut Vec<u8> {
        if !matches!(self.0.last(), Some(Piece::Bytes(_))) {
            self.0.push(Piece::Bytes(Vec::new()));
        }
        match self.0.last_mut() {
            Some(Piece::Bytes(bytes)) => bytes,
            _ => unreachable!("one was put there"),
        }
    }
}

fn boxed(name: &[u8; 4], inside: Vec<Node>) -> Node {
    Node::Box { name: *name, inside }
}

/// A box of fields alone.
fn fields(name: &[u8; 4], version: u8, flags: u32, body: &[&[u8]]) -> Node {
    let word = u32::from(version) << 24 | flags & 0x00ff_ffff;
    let mut bytes = word.to_be_bytes().to_vec();
    body.iter().for_each(|field| bytes.extend_from_slice(field));
    boxed(name, vec![Node::Bytes(bytes)])
}

/// A track's place in the presentation, in ticks of [`CLOCK`].
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// From the presentation's beginning until it begins.
    empty: u64,
    lasts: u64,
    /// Where in the track's media it begins, in the track's ticks.
    media: u64,
}

/// The head of a file with these tracks and so much media; none where no track has a sample.
pub(super) fn head(description: &Description, tracks: &[Timed], media_len: u64) -> Option<Head> {
    let begins = |track: &Timed| {
        let (shown, _) = track.shown?;
        Some(rescaled(i128::from(track.begins?) + i128::from(shown), track.track.timescale))
    };
    let first = tracks.iter().filter_map(begins).min()?;
    let raised: Vec<u32> = tracks.iter().map(|track| track.least_offset.min(0).unsigned_abs()).collect();
    // Larger than the head, whatever the sizes of its offsets.
    let estimate =
        tracks.iter().flat_map(|track| Table::ALL.map(|table| track.rows(table) * 12)).sum::<u64>();
    let is_large = u32::try_from(media_len + estimate + (1 << 24)).is_err();
    let mut nodes = Vec::new();
    let mut lasts = 0;
    for (number, (track, described)) in tracks.iter().zip(&description.tracks).enumerate() {
        let Some((begins, (from, to))) = begins(track).zip(track.shown) else { continue };
        let length = i128::from(to - from) * i128::from(CLOCK);
        let timescale = i128::from(track.track.timescale);
        let shown = Shown {
            empty: u64::try_from(begins - first).unwrap_or(0),
            // To the tick after its end: players leave out what is behind it.
            lasts: u64::try_from((length + timescale - 1) / timescale).unwrap_or(0),
            media: u64::try_from(from + i64::from(raised[number])).unwrap_or(0),
        };
        lasts = lasts.max(shown.empty + shown.lasts);
        nodes.push(trak(number, track, described, shown, is_large));
    }
    let movie =
        fields(b"mvhd", 1, 0, &[&[0; 16], &CLOCK.to_be_bytes(), &lasts.to_be_bytes(), &description.movie]);
    nodes.insert(0, movie);
    let mut pieces = Pieces(Vec::new());
    let file_type: &[u8] = b"isom\0\0\x02\0isomiso2mp41";
    boxed(b"ftyp", vec![Node::Bytes(file_type.to_vec())]).write(&mut pieces);
    let moov = boxed(b"moov", nodes);
    let len = BOX + file_type.len() as u64 + moov.len() + MEDIA_HEAD;
    moov.write(&mut pieces);
    pieces.bytes().extend_from_slice(b"\0\0\0\x01mdat");
    pieces.bytes().extend_from_slice(&(media_len + MEDIA_HEAD).to_be_bytes());
    Some(Head { pieces: pieces.0, len, is_large, raised })
}

/// Ticks of a track to the nearest of [`CLOCK`].
fn rescaled(ticks: i128, timescale: u32) -> i64 {
    let scaled = ticks * i128::from(CLOCK) + i128::from(timescale / 2);
    i64::try_from(scaled.div_euclid(timescale.into())).unwrap_or(i64::MAX)
}

fn trak(number: usize, track: &Timed, described: &Described, shown: Shown, is_large: bool) -> Node {
    let header = fields(
        b"tkhd",
        1,
        described.flags,
        &[
            &[0; 16],
            &track.track.id.to_be_bytes(),
            &[0; 4],
            &(shown.empty + shown.lasts).to_be_bytes(),
            &described.header,
        ],
    );
    let mut inside = vec![header];
    inside.extend(edits(shown));
    let media_header = fields(
        b"mdhd",
        1,
        0,
        &[&[0; 16], &track.track.timescale.to_be_bytes(), &track.lasts.to_be_bytes(), &described.language],
    );
    let minf = boxed(
        b"minf",
        vec![Node::Bytes(described.information.clone()), sample_table(number, track, described, is_large)],
    );
    inside.push(boxed(b"mdia", vec![media_header, Node::Bytes(described.handler.clone()), minf]));
    boxed(b"trak", inside)
}

/// §8.6.6: nothing, until the track begins; then its media from its first picture on. None where that is how it would be
/// played anyway.
fn edits(shown: Shown) -> Option<Node> {
    if shown.empty == 0 && shown.media == 0 {
        return None;
    }
    let edit = |lasts: u64, media: i64| -> Vec<u8> {
        let rate_of_one = [0, 1, 0, 0];
        [&lasts.to_be_bytes()[..], &media.to_be_bytes(), &rate_of_one].concat()
    };
    let mut list = Vec::new();
    if shown.empty > 0 {
        list.push(edit(shown.empty, -1));
    }
    list.push(edit(shown.lasts, shown.media.cast_signed()));
    let count = list.len() as u32;
    let list = fields(b"elst", 1, 0, &[&count.to_be_bytes(), &list.concat()]);
    Some(boxed(b"edts", vec![list]))
}

fn sample_table(number: usize, track: &Timed, described: &Described, is_large: bool) -> Node {
    let of = |table: Table| Rows { track: number, table };
    let table = |name: &[u8; 4], table: Table, row: usize, before: &[u8]| {
        let rows = track.rows(table);
        let mut head = vec![0; 4];
        head.extend_from_slice(before);
        head.extend_from_slice(&u32::try_from(rows).unwrap_or(u32::MAX).to_be_bytes());
        boxed(name, vec![Node::Bytes(head), Node::Rows { rows: of(table), len: rows * row as u64 }])
    };
    let plain = |name: &[u8; 4], of: Table| table(name, of, of.row(), &[]);
    let samples = track.rows(Table::Sizes);
    let mut inside = vec![Node::Bytes(described.samples.clone()), plain(b"stts", Table::Times)];
    if track.has_offsets {
        inside.push(plain(b"ctts", Table::Compositions));
    }
    // §8.6.2.1: without the box decoding can start with each.
    if track.track.is_video && track.rows(Table::Syncs) < samples {
        inside.push(plain(b"stss", Table::Syncs));
    }
    inside.push(plain(b"stsc", Table::Chunks));
    // §8.7.3.2: the samples have sizes of their own.
    inside.push(table(b"stsz", Table::Sizes, Table::Sizes.row(), &[0; 4]));
    inside.push(match is_large {
        true => table(b"co64", Table::Offsets, 8, &[]),
        false => table(b"stco", Table::Offsets, 4, &[]),
    });
    boxed(b"stbl", inside)
}
