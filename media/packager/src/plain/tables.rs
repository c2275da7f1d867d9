//! The tables of a track (§8.6, §8.7), as they grow.

use sigma_elementary::CLOCK;

use crate::reader::{ReadError, Sample, Track};

/// A table of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// `stts` (§8.6.1.2): how long samples last.
    Times,
    /// `ctts` (§8.6.1.3): how much later they are shown.
    Compositions,
    /// `stss` (§8.6.2): with which of them decoding can start.
    Syncs,
    /// `stsc` (§8.7.4): how many lie together.
    Chunks,
    /// `stsz` (§8.7.3): how long they are.
    Sizes,
    /// `stco` or `co64` (§8.7.5): where those that lie together are. Counted from the first segment's beginning, in 8 bytes,
    /// until [`super::Head::place`] makes of them what the file says.
    Offsets,
}

impl Table {
    pub(super) const ALL: [Self; 6] =
        [Self::Times, Self::Compositions, Self::Syncs, Self::Chunks, Self::Sizes, Self::Offsets];

    /// The length of a row, as it is given out.
    pub(super) fn row(self) -> usize {
        match self {
            Self::Syncs | Self::Sizes => 4,
            Self::Times | Self::Compositions | Self::Offsets => 8,
            Self::Chunks => 12,
        }
    }
}

/// Rows of a track's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rows {
    /// The track's place among the init section's.
    pub track: usize,
    /// The table.
    pub table: Table,
}

/// A table: what was given out is counted, the rest is held.
#[derive(Debug, Default)]
struct Grown {
    rows: u64,
    held: Vec<u8>,
}

impl Grown {
    fn row<const N: usize>(&mut self, fields: [u32; N]) {
        self.rows += 1;
        fields.iter().for_each(|field| self.held.extend_from_slice(&field.to_be_bytes()));
    }
}

/// Equal values that follow on each other.
#[derive(Debug, Clone, Copy)]
struct Repeated<T> {
    value: T,
    count: u32,
}

/// A sample that lasts until the next one begins.
#[derive(Debug, Clone, Copy)]
struct Latest {
    /// In ticks, from the track's first sample.
    at: i64,
    lasts: u32,
}

/// A track and its tables.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) track: Track,
    tables: [Grown; 6],
    /// When its first sample is decoded, in ticks of the segments' time.
    pub(super) begins: Option<i64>,
    latest: Option<Latest>,
    times: Option<Repeated<u32>>,
    compositions: Option<Repeated<i32>>,
    /// Samples that lie together, the last of which ends here.
    chunk: Option<(u32, u64)>,
    /// The size of the last chunk that has a row.
    chunks_of: Option<u32>,
    /// The earliest moment at which a sample is shown, and the latest at which one ends, in ticks from the first sample.
    pub(super) shown: Option<(i64, i64)>,
    /// The least of all composition offsets.
    pub(super) least_offset: i32,
    /// Whether they are not all nought.
    pub(super) has_offsets: bool,
    /// Until the last sample ends, in ticks.
    pub(super) lasts: u64,
}

impl Timed {
    pub(super) fn new(track: Track) -> Self {
        Self {
            track,
            tables: Default::default(),
            begins: None,
            latest: None,
            times: None,
            compositions: None,
            chunk: None,
            chunks_of: None,
            shown: None,
            least_offset: 0,
            has_offsets: false,
            lasts: 0,
        }
    }

    fn table(&mut self, table: Table) -> &mut Grown {
        &mut self.tables[table as usize]
    }

    /// How many rows a table has.
    pub(super) fn rows(&self, table: Table) -> u64 {
        self.tables[table as usize].rows
    }

    /// Where its samples end, in ticks of the segments' time.
    pub(super) fn end(&self) -> Option<i64> {
        let latest = self.latest?;
        Some(self.begins? + latest.at + i64::from(latest.lasts))
    }

    /// Whether the tables can take these samples.
    pub(super) fn hold(&self, samples: &[Sample]) -> Result<(), ReadError> {
        let count = self.rows(Table::Sizes) + samples.len() as u64;
        if u32::try_from(count).is_err() {
            return Err(ReadError::TooManySamples);
        }
        // The reader has 32 bits of each size and offset.
        let fits = |sample: &Sample| {
            u32::try_from(sample.bytes.len()).is_ok() && i32::try_from(sample.offset).is_ok()
        };
        if samples.iter().all(fits) { Ok(()) } else { Err(ReadError::Invalid("a sample out of all bounds")) }
    }

    /// Takes a segment's samples, which begins at `media` of the file's media; `shift`: what is added to their times, in ticks
    /// of [`CLOCK`].
    pub(super) fn take(&mut self, samples: &[Sample], shift: i64, media: u64) {
        let scaled = i128::from(shift) * i128::from(self.track.timescale) + i128::from(CLOCK / 2);
        // A shift is a difference of times below `MAX_TIME`.
        let shift = i64::try_from(scaled.div_euclid(CLOCK.into())).unwrap_or(0);
        for sample in samples {
            self.sample(sample, sample.decode_time.cast_signed().saturating_add(shift), media);
        }
    }

    fn sample(&mut self, sample: &Sample, decoded: i64, media: u64) {
        let at = decoded.saturating_sub(*self.begins.get_or_insert(decoded));
        let mut starts = 0;
        if let Some(latest) = self.latest {
            // A track never stands still: where spans overlap by some ticks, the earlier one's last sample is cut short.
            let lasts = u32::try_from((at - latest.at).max(1)).unwrap_or(u32::MAX);
            self.time(lasts);
            starts = latest.at + i64::from(lasts);
        }
        self.latest = Some(Latest { at: starts, lasts: sample.duration });
        // It is shown when it was to be, whenever it is decoded.
        let offset = i32::try_from(at + sample.offset - starts).unwrap_or(0);
        self.composition(offset);
        let (shown, ends) =
            (starts + i64::from(offset), starts + i64::from(offset) + i64::from(sample.duration));
        let (first, last) = self.shown.unwrap_or((shown, ends));
        self.shown = Some((first.min(shown), last.max(ends)));
        let size = sample.bytes.len() as u32;
        self.table(Table::Sizes).row([size]);
        if sample.sync && self.track.is_video {
            // `hold` has seen to it that 32 bits count them.
            let number = self.rows(Table::Sizes) as u32;
            self.table(Table::Syncs).row([number]);
        }
        self.place(media + sample.bytes.start as u64, size);
    }

    fn time(&mut self, value: u32) {
        match &mut self.times {
            Some(same) if same.value == value => same.count += 1,
            _ => {
                let before = self.times.replace(Repeated { value, count: 1 });
                if let Some(Repeated { value, count }) = before {
                    self.table(Table::Times).row([count, value]);
                }
            }
        }
    }

    fn composition(&mut self, value: i32) {
        self.least_offset = self.least_offset.min(value);
        self.has_offsets |= value != 0;
        match &mut self.compositions {
            Some(same) if same.value == value => same.count += 1,
            _ => {
                let before = self.compositions.replace(Repeated { value, count: 1 });
                if let Some(Repeated { value, count }) = before {
                    self.table(Table::Compositions).row([count, value.cast_unsigned()]);
                }
            }
        }
    }

    fn place(&mut self, at: u64, size: u32) {
        let end = at + u64::from(size);
        match &mut self.chunk {
            Some((count, until)) if *until == at => {
                *count += 1;
                *until = end;
            }
            _ => {
                self.close_chunk();
                self.chunk = Some((1, end));
                let offsets = self.table(Table::Offsets);
                offsets.rows += 1;
                offsets.held.extend_from_slice(&at.to_be_bytes());
            }
        }
    }

    fn close_chunk(&mut self) {
        let Some((count, _)) = self.chunk.take() else { return };
        if self.chunks_of.replace(count) != Some(count) {
            // The chunk that is closed is the last that has an offset.
            let number = self.rows(Table::Offsets) as u32;
            self.table(Table::Chunks).row([number, count, 1]);
        }
    }

    /// Closes what is open.
    pub(super) fn finish(&mut self) {
        self.close_chunk();
        if let Some(latest) = self.latest {
            self.time(latest.lasts);
            self.lasts = (latest.at + i64::from(latest.lasts)).unsigned_abs();
        }
        if let Some(Repeated { value, count }) = self.times.take() {
            self.table(Table::Times).row([count, value]);
        }
        if let Some(Repeated { value, count }) = self.compositions.take() {
            self.table(Table::Compositions).row([count, value.cast_unsigned()]);
        }
    }

    pub(super) fn undrained(&self) -> usize {
        self.tables.iter().map(|table| table.held.len()).sum()
    }

    pub(super) fn drain<E>(
        &mut self,
        track: usize,
        keep: &mut impl FnMut(Rows, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (table, grown) in Table::ALL.into_iter().zip(&mut self.tables) {
            if !grown.held.is_empty() {
                keep(Rows { track, table }, &grown.held)?;
                grown.held.clear();
            }
        }
        Ok(())
    }
}
