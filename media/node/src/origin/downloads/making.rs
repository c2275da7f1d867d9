//! Makes the heads of a recording's files: reads of each segment what says where its samples lie, and lays the tables out.
//!
//! The tables grow on disk: in memory there are a few segments' fragments and some rows, however long the recording is.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use sigma_hls::Resource;
use sigma_log::MediaFile;
use sigma_packager::plain::{Piece, PlainFile, Rows};
use sigma_packager::reader::Fragment;
use tokio::sync::watch;

use super::plan::{Plan, Planned, PlannedFile, PlannedInit};
use super::shelf::{Index, Lengths, Missing, Shelf, head_name};
use super::{Damaged, Progress};
use crate::session::{LiveSession, ReadError};

/// Segments that are read at once: an archive answers each question after some tens of milliseconds.
const AT_ONCE: usize = 8;
/// Segments that are laid out together.
const TOGETHER: usize = 64;
/// Rows that are held before they go to the disk, in bytes.
const HELD: usize = 64 * 1024;
/// How much of a table is read back at once: whole rows of any.
const READ: usize = 96 * 1024;

/// Why there are no heads.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakingError {
    /// Media that may be there later.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk on which they are made.
    #[error("the folder of downloads cannot be written: {0}")]
    Disk(#[from] io::Error),
    /// An init section that is gone, without which nothing plays.
    #[error("the init section {0} is lost")]
    Init(String),
    /// The runtime ends.
    #[error("the server stops")]
    Stopping,
}

/// What there is to make.
pub(super) struct Order {
    pub(super) live: Arc<LiveSession>,
    pub(super) asset: String,
    pub(super) key: String,
    pub(super) plan: Plan,
    pub(super) damaged: Arc<Damaged>,
}

/// Makes the heads and puts them onto the shelf.
pub(super) async fn make(
    order: Order,
    shelf: Arc<Shelf>,
    progress: &watch::Sender<Progress>,
) -> Result<(), MakingError> {
    let begun = Arc::clone(&shelf);
    let draft = blocking(move || begun.begin()).await??;
    let (mut index, mut done) = (Index::default(), 0);
    let total = order.plan.segments().max(1);
    for (number, planned) in order.plan.files.iter().enumerate() {
        let init = init_section(&order.live, planned).await?;
        let mut laying = match PlainFile::new(&init) {
            Ok(file) => Laying::begin(file, number, draft.folder.clone()),
            Err(error) => return Err(ReadError::Damaged(error).into()),
        };
        let known = order.damaged.of(&order.live.facts.session);
        let read = stream::iter(planned.segments.clone()).map(|segment| {
            let (live, is_damaged) = (Arc::clone(&order.live), segment.is_damaged(&known));
            async move { (segment, skim(&live, &segment, is_damaged).await) }
        });
        let mut batches = read.buffered(AT_ONCE).chunks(TOGETHER);
        while let Some(batch) = batches.next().await {
            done += batch.len();
            laying = blocking(move || laying.take(batch)).await??;
            let percent = u8::try_from(done * 99 / total).unwrap_or(99);
            progress.send_replace(Progress::Making { percent });
        }
        let (lengths, missing) = blocking(move || laying.finish()).await??;
        index.files.push(lengths);
        index.missing.extend(missing);
    }
    blocking(move || shelf.keep(draft, &order.asset, &order.key, &index)).await??;
    Ok(())
}

/// Work that waits for the disk, off the threads that wait for nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, MakingError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| MakingError::Stopping)
}

async fn init_section(live: &LiveSession, file: &PlannedFile) -> Result<bytes::Bytes, MakingError> {
    let (range, name) = match file.init {
        PlannedInit::Session(number) => {
            (live.range_of(Resource::Init(number)), MediaFile::Init(number).to_string())
        }
        PlannedInit::Edge(range) => (Some(range), range.file.to_string()),
    };
    let lost = || MakingError::Init(name.clone());
    match live.store().read(range.ok_or_else(lost)?).await {
        Err(error) if error.is_lost() => Err(lost()),
        read => Ok(read?),
    }
}

/// A segment's fragments; inner error: why it is lost.
async fn skim(
    live: &LiveSession,
    segment: &Planned,
    is_damaged: bool,
) -> Result<Result<Vec<Fragment>, String>, ReadError> {
    if is_damaged {
        return Ok(Err("its media is not what was written: its checksum is another".to_owned()));
    }
    match live.store().skim(segment.file, segment.len).await {
        Ok(fragments) => Ok(Ok(fragments)),
        Err(error) if error.is_lost() => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

/// What was read of some segments.
type Batch = Vec<(Planned, Result<Result<Vec<Fragment>, String>, ReadError>)>;

/// A file's head in the making.
struct Laying {
    file: PlainFile,
    number: usize,
    folder: PathBuf,
    spools: Spools,
    media: u64,
    /// Segments so far, those included that are missing.
    taken: usize,
    missing: Vec<Missing>,
    /// The last segment is not there: the next one that begins with a key frame goes on, for what is before it needs what is
    /// missing.
    is_broken: bool,
}

impl Laying {
    fn begin(file: PlainFile, number: usize, folder: PathBuf) -> Self {
        let spools = Spools { folder: folder.clone(), number, files: HashMap::new() };
        Self { file, number, folder, spools, media: 0, taken: 0, missing: Vec::new(), is_broken: false }
    }

    fn take(mut self, batch: Batch) -> Result<Self, MakingError> {
        for (segment, read) in batch {
            let taken = self.segment(&segment, read?);
            if let Err(why) = taken {
                self.is_broken = true;
                self.missing.push(Missing {
                    file: self.number,
                    place: self.taken,
                    msn: segment.msn,
                    ms: segment.duration_ticks / 90,
                    why,
                });
            }
            self.taken += 1;
        }
        if self.file.undrained() >= HELD {
            let spools = &mut self.spools;
            self.file.drain(|rows, bytes| spools.keep(rows, bytes))?;
        }
        Ok(self)
    }

    /// Error: why it is left out.
    fn segment(&mut self, segment: &Planned, read: Result<Vec<Fragment>, String>) -> Result<(), String> {
        let fragments = read?;
        if self.is_broken && !segment.starts_with_key {
            return Err("it cannot be decoded without the one before it, which is missing".to_owned());
        }
        let follows = segment.follows && !self.is_broken;
        self.file.segment(segment.len, &fragments, follows).map_err(|error| error.to_string())?;
        self.is_broken = false;
        self.media += segment.len;
        Ok(())
    }

    fn finish(mut self) -> Result<(Lengths, Vec<Missing>), MakingError> {
        let spools = &mut self.spools;
        let head = self.file.finish(|rows, bytes| spools.keep(rows, bytes))?;
        let Some(head) = head else { return Ok((Lengths { head: 0, media: 0 }, self.missing)) };
        let mut out = BufWriter::new(File::create(self.folder.join(head_name(self.number)))?);
        for piece in head.pieces() {
            match piece {
                Piece::Bytes(bytes) => out.write_all(bytes)?,
                Piece::Rows(rows) => {
                    self.spools.copy(*rows, |given, placed| head.place(*rows, given, placed), &mut out)?
                }
            }
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        self.spools.remove()?;
        Ok((Lengths { head: head.len(), media: self.media }, self.missing))
    }
}

/// Tables on disk, until all of each is known.
struct Spools {
    folder: PathBuf,
    number: usize,
    files: HashMap<Rows, File>,
}

impl Spools {
    fn path(&self, rows: Rows) -> PathBuf {
        self.folder.join(format!("{}-{}-{:?}.rows", self.number, rows.track, rows.table))
    }

    fn keep(&mut self, rows: Rows, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(rows);
        let file = match self.files.entry(rows) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(File::create(path)?),
        };
        file.write_all(bytes)
    }

    fn copy(&self, rows: Rows, place: impl Fn(&[u8], &mut Vec<u8>), out: &mut impl Write) -> io::Result<()> {
        if !self.files.contains_key(&rows) {
            return Ok(());
        }
        let mut file = File::open(self.path(rows))?;
        let (mut given, mut placed) = (Vec::with_capacity(READ), Vec::with_capacity(READ));
        loop {
            given.clear();
            placed.clear();
            if Read::by_ref(&mut file).take(READ as u64).read_to_end(&mut given)? == 0 {
                return Ok(());
            }
            place(&given, &mut placed);
            out.write_all(&placed)?;
        }
    }

    fn remove(self) -> io::Result<()> {
        self.files.keys().try_for_each(|rows| fs::remove_file(self.path(*rows)))
    }
}
