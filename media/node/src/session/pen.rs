//! What writes segment logs: a thread of the node's own, so that a disk that hangs holds up nobody but itself.
//!
//! A session waits for its pen, and lists what stands on disk. A disk that takes longer than [`PATIENCE`] is waited for no
//! more: the live picture goes on from memory, and what is on its way is written when the disk goes on.

use std::io;
use std::sync::mpsc as threads;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_hls::Append;
use sigma_log::{Entry, LogError, SegmentLog};
use tokio::sync::mpsc;

/// A write that takes longer is not waited for: twice the longest part of our low-latency modes.
const PATIENCE: Duration = Duration::from_secs(1);

/// What may be on its way to a disk that hangs: some two minutes of parts, as much as memory holds of unwritten media.
const WAITING: usize = 256;

/// See [`WAITING`]; in bytes, so that a wide stream holds no more memory than a narrow one.
const WAITING_BYTES: u64 = 64 * 1024 * 1024;

/// The node's one writing thread.
#[derive(Clone, Debug)]
pub(crate) struct Scribe {
    /// None: whoever asks writes himself. Paused time does not wait for another thread.
    jobs: Option<threads::Sender<Job>>,
}

#[derive(Debug)]
struct Job {
    log: Arc<Mutex<SegmentLog>>,
    appends: Vec<Append>,
    /// Memory was full: entries whose media is given up.
    forgone: bool,
    bytes: u64,
    answer: mpsc::UnboundedSender<Answer>,
}

#[derive(Debug)]
struct Answer {
    bytes: u64,
    written: Vec<Written>,
}

/// What became of an entry.
#[derive(Debug)]
pub(super) struct Written {
    /// Of a part: its segment.
    pub(super) part_of: Option<u64>,
    /// The bytes of its media that were written.
    pub(super) result: Result<u64, LogError>,
}

impl Scribe {
    /// Starts the thread; it ends with the last pen.
    pub(crate) fn start() -> io::Result<Self> {
        let (jobs, letters) = threads::channel::<Job>();
        let work = move || {
            letters.into_iter().for_each(Job::write);
        };
        std::thread::Builder::new().name("segment-logs".into()).spawn(work)?;
        Ok(Self { jobs: Some(jobs) })
    }

    /// For tests on paused time.
    #[cfg(test)]
    pub(crate) fn in_place() -> Self {
        Self { jobs: None }
    }

    fn take(&self, job: Job) {
        match &self.jobs {
            // The thread lives as long as there is a pen; were it gone, all would count as on its way.
            Some(jobs) => drop(jobs.send(job)),
            None => job.write(),
        }
    }
}

impl Job {
    fn write(self) {
        let written = write(&self.log, &self.appends, self.forgone);
        // A session that is over asks no more.
        let _ = self.answer.send(Answer { bytes: self.bytes, written });
    }
}

fn write(log: &Mutex<SegmentLog>, appends: &[Append], forgone: bool) -> Vec<Written> {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let one = |Append { entry, bytes }: &Append| {
        let part_of = match entry {
            Entry::Part { msn, .. } => Some(*msn),
            _ => None,
        };
        let appended = if forgone { log.forgo(entry, bytes) } else { log.append(entry, bytes).map(|_| ()) };
        Written { part_of, result: appended.map(|()| length(bytes)) }
    };
    appends.iter().map(one).collect()
}

fn length(slices: &[bytes::Bytes]) -> u64 {
    slices.iter().map(|slice| slice.len() as u64).sum()
}

/// How a session's entries stand once the pen has been asked.
#[derive(Debug, Default)]
pub(super) struct Stand {
    /// What became of entries, those of earlier calls among them.
    pub(super) written: Vec<Written>,
    /// The entries of this call are on their way still.
    pub(super) late: bool,
}

/// A session's hand on its log.
#[derive(Debug)]
pub(super) struct Pen {
    scribe: Scribe,
    log: Arc<Mutex<SegmentLog>>,
    answer: mpsc::UnboundedSender<Answer>,
    answers: mpsc::UnboundedReceiver<Answer>,
    waiting: usize,
    waiting_bytes: u64,
}

impl Pen {
    pub(super) fn new(scribe: Scribe, log: SegmentLog) -> Self {
        let (answer, answers) = mpsc::unbounded_channel();
        let log = Arc::new(Mutex::new(log));
        Self { scribe, log, answer, answers, waiting: 0, waiting_bytes: 0 }
    }

    /// Writes on this thread. For the time before a session's actor runs.
    pub(super) fn write_here(&self, appends: &[Append]) -> Stand {
        Stand { written: write(&self.log, appends, false), late: false }
    }

    /// Writes, and waits until it stands; not for a disk that hangs.
    pub(super) async fn write(&mut self, appends: &[Append]) -> Stand {
        let is_late = self.waiting > 0;
        self.send(appends);
        if is_late {
            return self.look();
        }
        let answered = sigma_clock::timeout(PATIENCE, self.answers.recv()).await;
        let mut stand = Stand::default();
        if let Ok(Some(answer)) = answered {
            self.take(answer, &mut stand);
        }
        stand.late = self.waiting > 0;
        stand
    }

    /// What was answered meanwhile.
    pub(super) fn look(&mut self) -> Stand {
        let mut stand = Stand::default();
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer, &mut stand);
        }
        stand.late = self.waiting > 0;
        stand
    }

    /// Waits for what is on its way, for `within` at most; says whether all of it stands.
    pub(super) async fn settle(&mut self, within: Duration) -> bool {
        let all = async {
            while self.waiting > 0 {
                let Some(answer) = self.answers.recv().await else { return };
                self.take(answer, &mut Stand::default());
            }
        };
        sigma_clock::timeout(within, all).await.is_ok()
    }

    fn send(&mut self, appends: &[Append]) {
        let mut appends = appends.to_vec();
        let forgone = self.waiting >= WAITING || self.waiting_bytes >= WAITING_BYTES;
        if forgone {
            // An init section is small, and nothing plays without it.
            for append in &mut appends {
                if !matches!(append.entry, Entry::Init { .. }) {
                    append.bytes.clear();
                }
            }
        }
        let bytes = appends.iter().map(|append| length(&append.bytes)).sum();
        self.waiting += 1;
        self.waiting_bytes += bytes;
        let job = Job { log: Arc::clone(&self.log), appends, forgone, bytes, answer: self.answer.clone() };
        self.scribe.take(job);
    }

    fn take(&mut self, answer: Answer, stand: &mut Stand) {
        self.waiting = self.waiting.saturating_sub(1);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(answer.bytes);
        stand.written.extend(answer.written);
    }
}

#[cfg(test)]
mod tests {
    use sigma_clock::monotonic;
    use sigma_log::Meta;

    use super::*;

    fn log(folder: &tempfile::TempDir) -> SegmentLog {
        let meta = Meta {
            session: "se_1".into(),
            channel: "ch_1".into(),
            playback_id: "p".into(),
            mode: "LOW".into(),
            part_target_ms: None,
            segment_target_ms: 2_000,
            created_us: 0,
            rewind_ms: None,
            keeps: true,
            extra: Default::default(),
        };
        SegmentLog::create(&folder.path().join("se_1"), &meta).unwrap()
    }

    fn part(part: u32) -> Append {
        let offset = u64::from(part) * 5;
        let entry = Entry::Part { msn: 0, part, offset, len: 5, duration: 1, independent: part == 0 };
        Append { entry, bytes: vec![bytes::Bytes::from_static(b"media")] }
    }

    #[tokio::test]
    #[expect(clippy::await_holding_lock, reason = "the lock that is held is the disk that hangs")]
    async fn a_disk_that_hangs_is_waited_for_once_and_takes_all_when_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut pen = Pen::new(Scribe::start().unwrap(), log(&folder));
        let hanging = Arc::clone(&pen.log);
        let hang = hanging.lock().unwrap();
        let began = monotonic();
        assert!(pen.write(&[part(0)]).await.late);
        assert!(began.elapsed() >= PATIENCE);
        let began = monotonic();
        for number in 1..4 {
            assert!(pen.write(&[part(number)]).await.late);
        }
        assert!(began.elapsed() < PATIENCE, "it is not waited for again");
        assert!(!pen.settle(Duration::from_millis(20)).await);
        drop(hang);
        assert!(pen.settle(Duration::from_secs(30)).await);
        let reader = hanging.lock().unwrap().reader();
        let file = sigma_log::MediaFile::Segment(0);
        assert_eq!(reader.whole(file).unwrap().unwrap().len, 20, "all of it stands");
        let stand = pen.write(&[part(4)]).await;
        assert!(!stand.late && stand.written.iter().all(|written| written.result.is_ok()), "{stand:?}");
    }

    #[tokio::test]
    #[expect(clippy::await_holding_lock, reason = "the lock that is held is the disk that hangs")]
    async fn what_memory_cannot_hold_for_a_hanging_disk_is_a_gap_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut pen = Pen::new(Scribe::start().unwrap(), log(&folder));
        let hanging = Arc::clone(&pen.log);
        let hang = hanging.lock().unwrap();
        for number in 0..(WAITING as u32 + 10) {
            pen.write(&[part(number)]).await;
        }
        assert_eq!(pen.waiting_bytes, WAITING as u64 * 5, "media beyond is not kept");
        drop(hang);
        assert!(pen.settle(Duration::from_secs(30)).await);
        let end = Append {
            entry: Entry::Segment { msn: 0, duration: 1, parts: 1, independent: true, len: 5 },
            bytes: Vec::new(),
        };
        let stand = pen.write(&[end]).await;
        assert!(matches!(stand.written[0].result, Err(LogError::Incomplete { msn: 0 })), "{stand:?}");
        let dir = hanging.lock().unwrap().dir().to_owned();
        drop(pen);
        let opened = SegmentLog::open(&dir).unwrap();
        assert!(
            matches!(opened.entries.last(), Some(Entry::GapSegment { msn: 0, .. })),
            "{:?}",
            opened.entries
        );
    }
}
