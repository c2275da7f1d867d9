//! The archive as a node meets it: it follows logs, is cut short, loses its index, and is thinned out.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sigma_archive::{Archive, ArchiveError, Following, Place, Step};
use sigma_log::{Entry, MediaFile, Meta, SegmentLog};

const LEN: u64 = 40;

struct Studio {
    root: tempfile::TempDir,
    archive: Archive,
}

fn studio() -> Studio {
    let root = tempfile::tempdir().unwrap();
    let archive = Archive::open(&Place::Folder(root.path().join("objects"))).unwrap();
    Studio { root, archive }
}

fn meta(session: &str) -> Meta {
    Meta {
        session: session.into(),
        channel: "ch_1".into(),
        playback_id: "abc".into(),
        mode: "LOW".into(),
        part_target_ms: None,
        segment_target_ms: 2_000,
        created_us: 7,
        rewind_ms: Some(1),
        keeps: true,
        extra: Default::default(),
    }
}

impl Studio {
    fn folder(&self, session: &str) -> PathBuf {
        self.root.path().join("live").join(session)
    }

    fn log(&self, session: &str) -> SegmentLog {
        let mut log = SegmentLog::create(&self.folder(session), &meta(session)).unwrap();
        log.append(&Entry::Target { seconds: 2 }, &[]).unwrap();
        init(&mut log, 0);
        log.append(&Entry::Anchor { wall_us: 1 }, &[]).unwrap();
        log
    }

    fn object(&self, session: &str, name: &str) -> PathBuf {
        self.root.path().join("objects/sessions").join(session).join(name)
    }
}

fn init(log: &mut SegmentLog, init: u32) {
    let entry = Entry::Init {
        init,
        len: 4,
        codecs: "avc1.64001f".into(),
        width: 1,
        height: 1,
        frame_rate_milli: None,
    };
    log.append(&entry, &[Bytes::from_static(b"init")]).unwrap();
}

fn media(msn: u64) -> Bytes {
    let mut bytes = vec![msn as u8; LEN as usize];
    bytes[..8].copy_from_slice(&[0, 0, 0, LEN as u8, b'm', b'd', b'a', b't']);
    bytes.into()
}

fn segment(log: &mut SegmentLog, msn: u64) {
    let part = Entry::Part { msn, part: 0, offset: 0, len: LEN, duration: 180_000, independent: true };
    log.append(&part, &[media(msn)]).unwrap();
    let whole = Entry::Segment { msn, duration: 180_000, parts: 1, independent: true, len: LEN };
    log.append(&whole, &[]).unwrap();
}

/// What an archive must tell of a log: all but its parts.
fn told(folder: &Path) -> Vec<Entry> {
    let entries = SegmentLog::read(folder).unwrap();
    entries.into_iter().filter(|entry| !matches!(entry, Entry::Part { .. } | Entry::GapPart { .. })).collect()
}

fn without_sums(entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().filter(|entry| !matches!(entry, Entry::Sum { .. })).collect()
}

#[tokio::test]
async fn what_a_log_has_closed_is_in_the_archive_and_read_back_as_it_was() {
    let studio = studio();
    let mut log = studio.log("se_1");
    let mut following = Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap();
    for msn in 0..150 {
        match msn {
            70 => {
                log.append(&Entry::GapSegment { msn, duration: 90_000 }, &[]).unwrap();
                log.append(&Entry::Discontinuity, &[]).unwrap();
                init(&mut log, 1);
            }
            _ => segment(&mut log, msn),
        }
        if msn % 7 == 0 {
            assert_eq!(following.step().await.unwrap(), Step::UpToDate);
            assert_eq!(following.waiting_bytes(), 0);
        }
    }
    log.append(&Entry::Ended, &[]).unwrap();
    assert_eq!(following.step().await.unwrap(), Step::Whole);
    let archived = studio.archive.load("se_1").await.unwrap().unwrap();
    assert_eq!(archived.meta, meta("se_1"));
    assert_eq!(without_sums(archived.entries.clone()), told(&studio.folder("se_1")));
    for msn in (0..150).filter(|msn| *msn != 70) {
        let crc32 = archived.entries.iter().find_map(|entry| match entry {
            Entry::Sum { msn: of, crc32 } if *of == msn => Some(*crc32),
            _ => None,
        });
        assert!(crc32.is_some());
        let file = MediaFile::Segment(msn);
        let whole = studio.archive.read_whole("se_1", file, LEN, crc32).await.unwrap();
        assert_eq!(whole, media(msn));
    }
    assert_eq!(studio.archive.load("se_2").await.unwrap(), None);
    assert_eq!(studio.archive.sessions().await.unwrap(), ["se_1"]);
}

#[tokio::test]
async fn on_the_disk_of_the_logs_nothing_is_copied() {
    use std::os::unix::fs::MetadataExt;
    let studio = studio();
    let mut log = studio.log("se_1");
    segment(&mut log, 0);
    Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap().step().await.unwrap();
    let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(studio.folder("se_1").join("0.m4s")), inode(studio.object("se_1", "0.m4s")));
}

/// A node is killed after every step, and once between media and its index: nothing is missing, nothing is there twice.
#[tokio::test]
async fn who_was_killed_goes_on_where_the_archive_ends() {
    let studio = studio();
    let mut log = studio.log("se_1");
    for msn in 0..400 {
        segment(&mut log, msn);
        if msn % 50 == 49 {
            Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap().step().await.unwrap();
        }
    }
    log.append(&Entry::Ended, &[]).unwrap();
    let mut following = Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap();
    assert_eq!(following.step().await.unwrap(), Step::Whole);
    let archived = studio.archive.load("se_1").await.unwrap().unwrap();
    assert_eq!(without_sums(archived.entries), told(&studio.folder("se_1")));
    let mut again = Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap();
    assert_eq!(again.step().await.unwrap(), Step::Whole);
}

#[tokio::test]
async fn an_index_that_is_lost_or_bent_is_made_anew_from_the_segments() {
    let studio = studio();
    let mut log = studio.log("se_1");
    for msn in 0..100 {
        segment(&mut log, msn);
    }
    log.append(&Entry::Ended, &[]).unwrap();
    Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap().step().await.unwrap();
    let whole = studio.archive.load("se_1").await.unwrap().unwrap();
    let mut left = whole.entries.clone();
    // No segment follows that could tell of the end.
    assert_eq!(left.pop(), Some(Entry::Ended));
    assert_eq!(studio.archive.recover("se_1").await.unwrap(), left);
    fs::write(studio.object("se_1", "index/00000000000000000000"), "rubbish").unwrap();
    assert_eq!(studio.archive.load("se_1").await.unwrap().unwrap().entries, left);
    fs::remove_dir_all(studio.object("se_1", "index")).unwrap();
    assert_eq!(studio.archive.load("se_1").await.unwrap().unwrap().entries, left);
}

/// The node's own log is gone: what is in the archive has its end, that of which no index tells yet included.
#[tokio::test]
async fn what_is_archived_of_a_log_that_is_gone_gets_its_end() {
    for (segments, told_of) in [(3, 0), (64 + 6, 64)] {
        let studio = studio();
        let mut log = studio.log("se_1");
        for msn in 0..segments {
            segment(&mut log, msn);
        }
        Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap().step().await.unwrap();
        let pieces = fs::read_dir(studio.object("se_1", "index")).map_or(0, Iterator::count);
        assert_eq!(pieces > 0, told_of > 0);
        let mut all = told(&studio.folder("se_1"));
        all.push(Entry::Ended);
        for _ in 0..2 {
            let archived = studio.archive.load("se_1").await.unwrap().unwrap();
            assert_eq!(without_sums(studio.archive.end(archived).await.unwrap()), all);
        }
        let archived = studio.archive.load("se_1").await.unwrap().unwrap();
        assert_eq!((archived.is_recovered, without_sums(archived.entries)), (false, all));
    }
}

#[tokio::test]
async fn a_segment_that_was_bent_or_cut_in_the_store_is_found_out() {
    let studio = studio();
    let mut log = studio.log("se_1");
    segment(&mut log, 0);
    Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap().step().await.unwrap();
    let sum = Some(crc32fast::hash(&media(0)));
    let read = || studio.archive.read_whole("se_1", MediaFile::Segment(0), LEN, sum);
    assert_eq!(read().await.unwrap(), media(0));
    let mut bent = fs::read(studio.object("se_1", "0.m4s")).unwrap();
    bent[20] ^= 1;
    fs::write(studio.object("se_1", "0.m4s"), &bent).unwrap();
    assert!(matches!(read().await, Err(ArchiveError::Bent { .. })));
    fs::write(studio.object("se_1", "0.m4s"), &bent[..10]).unwrap();
    assert!(read().await.is_err());
    fs::remove_file(studio.object("se_1", "0.m4s")).unwrap();
    assert!(read().await.unwrap_err().is_missing());
}

#[tokio::test]
async fn what_is_given_up_for_want_of_room_is_a_gap_and_the_newest_stay() {
    let studio = studio();
    let mut log = studio.log("se_1");
    let mut following = Following::begin(&studio.archive, &studio.folder("se_1")).await.unwrap();
    // A store that is away: a file stands where its folder should be.
    let sessions = studio.root.path().join("objects/sessions/se_1");
    fs::rename(&sessions, studio.root.path().join("aside")).unwrap();
    fs::write(&sessions, "").unwrap();
    for msn in 0..30 {
        segment(&mut log, msn);
    }
    following.step().await.unwrap_err();
    assert_eq!(following.waiting_bytes(), 30 * LEN);
    assert_eq!(following.give_up(20 * LEN, 5), 10);
    assert_eq!(following.give_up(0, 5), 14, "the newest five and the one after stay");
    fs::remove_file(&sessions).unwrap();
    fs::rename(studio.root.path().join("aside"), &sessions).unwrap();
    log.append(&Entry::Ended, &[]).unwrap();
    assert_eq!(following.step().await.unwrap(), Step::Whole);
    let entries = studio.archive.load("se_1").await.unwrap().unwrap().entries;
    let kept: Vec<u64> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Segment { msn, .. } => Some(*msn),
            _ => None,
        })
        .collect();
    let gaps = entries.iter().filter(|entry| matches!(entry, Entry::GapSegment { .. })).count();
    assert_eq!((kept, gaps), ((24..30).collect(), 24));
}

#[tokio::test]
async fn only_what_nobody_needs_is_removed() {
    let studio = studio();
    for session in ["se_1", "se_2"] {
        let mut log = studio.log(session);
        for msn in 0..20 {
            segment(&mut log, msn);
        }
        log.append(&Entry::Ended, &[]).unwrap();
        Following::begin(&studio.archive, &studio.folder(session)).await.unwrap().step().await.unwrap();
    }
    let removed = studio
        .archive
        .thin_out("se_1", |file, _| matches!(file, MediaFile::Segment(5..8)), false)
        .await
        .unwrap();
    assert_eq!(removed, 17);
    let left = |session: &str, msn: u64| studio.object(session, &format!("{msn}.m4s")).exists();
    assert!((0..20).all(|msn| left("se_1", msn) == (5..8).contains(&msn)));
    assert_eq!(studio.archive.load("se_1").await.unwrap().unwrap().entries.len(), 3 + 40 + 1);
    assert_eq!(studio.archive.thin_out("se_1", |_, _| true, false).await.unwrap(), 0);
    assert!(studio.archive.thin_out("se_2", |_, _| false, true).await.unwrap() > 20);
    assert_eq!(studio.archive.sessions().await.unwrap(), ["se_1"]);
    assert_eq!(studio.archive.load("se_2").await.unwrap(), None);
}
