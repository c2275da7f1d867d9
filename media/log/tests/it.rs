//! The segment log as a node meets it: written, cut short at any byte, on a disk that is full, read back.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use sigma_log::{Entry, EntryRef, LogError, MediaFile, Meta, SegmentLog, discover};

fn meta() -> Meta {
    Meta {
        session: "se_1".into(),
        channel: "ch_1".into(),
        playback_id: "abcdefghijklmnopqrst".into(),
        mode: "ULTRA_LOW".into(),
        part_target_ms: Some(500),
        segment_target_ms: 2_000,
        created_us: 1_700_000_000_000_000,
        rewind_ms: None,
        keeps: true,
        extra: [("path".to_owned(), "s3cret".to_owned())].into(),
    }
}

struct Folder {
    _root: tempfile::TempDir,
    dir: PathBuf,
}

fn folder() -> Folder {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("se_1");
    Folder { _root: root, dir }
}

fn init(number: u32) -> (Entry, Vec<Bytes>) {
    let entry = Entry::Init {
        init: number,
        len: 4,
        codecs: "avc1.64001f,mp4a.40.2".into(),
        width: 1_280,
        height: 720,
        frame_rate_milli: Some(30_000),
    };
    (entry, vec![Bytes::from_static(b"mo"), Bytes::from_static(b"ov")])
}

/// Part `part` of segment `msn`: ten bytes in two slices that say where they belong.
fn part(msn: u64, part: u32) -> (Entry, Vec<Bytes>) {
    let entry = Entry::Part {
        msn,
        part,
        offset: u64::from(part) * 10,
        len: 10,
        duration: 45_000,
        independent: part == 0,
    };
    (entry, vec![format!("{msn:04}").into(), Bytes::new(), format!("/{part:05}").into()])
}

fn segment(msn: u64, parts: u32) -> (Entry, Vec<Bytes>) {
    let entry = Entry::Segment {
        msn,
        duration: u64::from(parts) * 45_000,
        parts,
        independent: true,
        len: u64::from(parts) * 10,
    };
    (entry, Vec::new())
}

fn segments(from: u64, to: u64) -> Vec<(Entry, Vec<Bytes>)> {
    (from..to).flat_map(|msn| (0..4).map(move |index| part(msn, index)).chain([segment(msn, 4)])).collect()
}

fn a_session() -> Vec<(Entry, Vec<Bytes>)> {
    let mut all = vec![
        (Entry::Target { seconds: 2 }, vec![]),
        init(0),
        (Entry::Anchor { wall_us: 1_700_000_000_123_456 }, vec![]),
    ];
    all.extend(segments(0, 3));
    all.push((Entry::Live { from_msn: 2 }, vec![]));
    all.push((Entry::GapPart { msn: 3, part: 0, duration: 45_000 }, vec![]));
    all.push((Entry::GapSegment { msn: 3, duration: 45_000 }, vec![]));
    all.push((Entry::Discontinuity, vec![]));
    all.push(init(1));
    all.extend([part(4, 0), part(4, 1)]);
    all
}

fn write(log: &mut SegmentLog, entries: &[(Entry, Vec<Bytes>)]) {
    for (entry, bytes) in entries {
        log.append(entry, bytes).unwrap();
    }
}

fn only_entries(all: &[(Entry, Vec<Bytes>)]) -> Vec<Entry> {
    all.iter().map(|(entry, _)| entry.clone()).collect()
}

/// The files of a log that this process holds open.
fn open_files(dir: &Path) -> usize {
    fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(dir))
        .count()
}

#[test]
fn what_was_appended_is_read_back() {
    let folder = folder();
    let all = a_session();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &all);
    drop(log);
    let opened = SegmentLog::open(&folder.dir).unwrap();
    assert_eq!(opened.entries, only_entries(&all));
    assert_eq!(opened.meta, meta());
    assert_eq!(opened.cut, 0);
}

#[test]
fn an_entry_says_where_its_media_stands() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    let (entry, bytes) = init(0);
    let at = log.append(&entry, &bytes).unwrap().unwrap();
    assert_eq!(log.reader().read(&at).unwrap(), "moov");
    write(&mut log, &[part(0, 0)]);
    let (entry, bytes) = part(0, 1);
    let at = log.append(&entry, &bytes).unwrap().unwrap();
    assert_eq!(at, EntryRef { file: MediaFile::Segment(0), offset: 10, len: 10 });
    assert_eq!(log.reader().read(&at).unwrap(), "0000/00001");
    assert_eq!(log.reader().read(&at.slice(5, 10).unwrap()).unwrap(), "00001");
    assert_eq!(at.slice(5, 11), None);
    let (entry, bytes) = segment(0, 2);
    let whole = log.append(&entry, &bytes).unwrap().unwrap();
    assert_eq!(log.reader().read(&whole).unwrap(), "0000/000000000/00001");
    assert_eq!(log.reader().whole(MediaFile::Segment(1)).unwrap(), None);
}

#[test]
fn media_is_written_before_its_entry() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &[init(0), part(0, 0)]);
    let before = fs::metadata(folder.dir.join("index")).unwrap().len();
    // The media cannot be written: the entry must not be there either.
    symlink("/dev/full", folder.dir.join("1.m4s")).unwrap();
    let (entry, bytes) = part(1, 0);
    assert!(log.append(&entry, &bytes).is_err());
    assert_eq!(fs::metadata(folder.dir.join("index")).unwrap().len(), before);
}

#[test]
fn a_log_goes_on_where_it_was_left() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &a_session());
    drop(log);
    let mut log = SegmentLog::open(&folder.dir).unwrap().log;
    write(&mut log, &[part(4, 2), segment(4, 3), part(5, 0)]);
    let mut all = only_entries(&a_session());
    all.extend(only_entries(&[part(4, 2), segment(4, 3), part(5, 0)]));
    assert_eq!(SegmentLog::open(&folder.dir).unwrap().entries, all);
    assert!(fs::read(folder.dir.join("4.m4s")).unwrap().starts_with(b"0004/000000004/000010004/00002"));
}

#[test]
fn two_files_are_open_however_long_the_session() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &segments(0, 300));
    // Between two segments too: nobody else gets the descriptor that the next one needs.
    assert_eq!(open_files(&folder.dir), 2);
    write(&mut log, &[part(300, 0)]);
    assert_eq!(open_files(&folder.dir), 2);
    log.reader().read(&EntryRef { file: MediaFile::Segment(7), offset: 0, len: 40 }).unwrap();
    assert_eq!(open_files(&folder.dir), 2);
}

#[test]
fn a_torn_index_is_cut_at_its_last_whole_entry_whichever_byte_it_tears_at() {
    let folder = folder();
    let all = a_session();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &all);
    drop(log);
    let whole = fs::read(folder.dir.join("index")).unwrap();
    let mut most = all.len();
    for len in (8..whole.len()).rev() {
        fs::write(folder.dir.join("index"), &whole[..len]).unwrap();
        let opened = SegmentLog::open(&folder.dir).unwrap();
        assert_eq!(opened.entries, only_entries(&all[..opened.entries.len()]));
        assert!(opened.entries.len() + 1 >= most, "{} of {most} at byte {len}", opened.entries.len());
        most = opened.entries.len();
        assert_eq!(fs::metadata(folder.dir.join("index")).unwrap().len() + opened.cut, len as u64);
    }
    assert_eq!(most, 0);
}

#[test]
fn a_flipped_bit_ends_the_index_there() {
    let folder = folder();
    let all = a_session();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &all);
    drop(log);
    let whole = fs::read(folder.dir.join("index")).unwrap();
    for at in 8..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 0x10;
        fs::write(folder.dir.join("index"), &bent).unwrap();
        let opened = SegmentLog::open(&folder.dir).unwrap();
        assert!(opened.entries.len() < all.len());
        assert_eq!(opened.entries, only_entries(&all[..opened.entries.len()]));
    }
}

#[test]
fn media_without_its_entry_is_cut() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &[part(0, 0)]);
    drop(log);
    fs::write(folder.dir.join("0.m4s"), "0000/00000and half of the next").unwrap();
    let mut log = SegmentLog::open(&folder.dir).unwrap().log;
    write(&mut log, &[part(0, 1)]);
    assert_eq!(fs::read(folder.dir.join("0.m4s")).unwrap(), b"0000/000000000/00001");
}

#[test]
fn entries_whose_media_a_power_cut_took_are_cut() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &segments(0, 5));
    drop(log);
    fs::OpenOptions::new().write(true).open(folder.dir.join("3.m4s")).unwrap().set_len(15).unwrap();
    let opened = SegmentLog::open(&folder.dir).unwrap();
    let mut left = segments(0, 3);
    left.push(part(3, 0));
    assert_eq!(opened.entries, only_entries(&left));
    assert!(opened.cut > 0);
    let mut log = opened.log;
    write(&mut log, &[part(3, 1)]);
    assert_eq!(fs::read(folder.dir.join("3.m4s")).unwrap(), b"0003/000000003/00001");
}

#[test]
fn a_full_disk_costs_the_log_a_gap_and_nothing_else() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &[init(0)]);
    write(&mut log, &segments(0, 1));
    symlink("/dev/full", folder.dir.join("1.m4s")).unwrap();
    let (entry, bytes) = part(1, 0);
    let error = log.append(&entry, &bytes).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    let (entry, bytes) = part(1, 1);
    assert!(matches!(log.append(&entry, &bytes), Err(LogError::Incomplete { msn: 1 })));
    let (entry, bytes) = segment(1, 2);
    assert!(matches!(log.append(&entry, &bytes), Err(LogError::Incomplete { msn: 1 })));
    write(&mut log, &segments(2, 3));
    drop(log);
    let mut expected = only_entries(&[init(0)]);
    expected.extend(only_entries(&segments(0, 1)));
    expected.push(Entry::GapSegment { msn: 1, duration: 90_000 });
    expected.extend(only_entries(&segments(2, 3)));
    assert_eq!(SegmentLog::open(&folder.dir).unwrap().entries, expected);
    assert!(!folder.dir.join("1.m4s").exists(), "half a segment must not be taken for a whole one");
}

#[test]
fn a_segment_that_fails_half_way_is_void_with_the_parts_it_had() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &segments(0, 1));
    write(&mut log, &[part(1, 0)]);
    let misplaced = Entry::Part { msn: 1, part: 1, offset: 99, len: 1, duration: 1, independent: false };
    assert!(matches!(log.append(&misplaced, &["x".into()]), Err(LogError::Misplaced { end: 10, .. })));
    assert!(log.append(&segment(1, 2).0, &[]).is_err());
    write(&mut log, &segments(2, 3));
    drop(log);
    let opened = SegmentLog::open(&folder.dir).unwrap();
    assert_eq!(opened.cut, 0);
    let mut expected = only_entries(&segments(0, 1));
    expected.push(part(1, 0).0);
    expected.push(Entry::GapSegment { msn: 1, duration: 90_000 });
    expected.extend(only_entries(&segments(2, 3)));
    assert_eq!(opened.entries, expected);
}

#[test]
fn an_init_section_that_the_disk_refused_is_written_later() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    symlink("/dev/full", folder.dir.join("i0.mp4")).unwrap();
    let (entry, bytes) = init(0);
    assert!(log.append(&entry, &bytes).unwrap_err().is_full());
    assert!(log.append(&part(0, 0).0, &part(0, 0).1).unwrap_err().is_full());
    fs::remove_file(folder.dir.join("i0.mp4")).unwrap();
    assert!(log.append(&segment(0, 1).0, &[]).is_err());
    write(&mut log, &segments(1, 2));
    drop(log);
    let mut expected = only_entries(&[init(0)]);
    expected.push(Entry::GapSegment { msn: 0, duration: 45_000 });
    expected.extend(only_entries(&segments(1, 2)));
    assert_eq!(SegmentLog::open(&folder.dir).unwrap().entries, expected);
    assert_eq!(fs::read(folder.dir.join("i0.mp4")).unwrap(), b"moov");
}

#[test]
fn a_log_is_made_once() {
    let folder = folder();
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    write(&mut log, &a_session());
    assert!(matches!(SegmentLog::create(&folder.dir, &meta()), Err(LogError::Io { .. })));
    assert_eq!(SegmentLog::open(&folder.dir).unwrap().entries.len(), a_session().len());
}

#[test]
fn a_newer_log_is_left_alone() {
    let folder = folder();
    drop(SegmentLog::create(&folder.dir, &meta()).unwrap());
    // A whole record with a tag that nobody knows yet.
    let payload = [200_u8];
    let mut index = fs::read(folder.dir.join("index")).unwrap();
    index.extend_from_slice(&1_u16.to_le_bytes());
    index.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    index.extend_from_slice(&payload);
    fs::write(folder.dir.join("index"), &index).unwrap();
    assert!(matches!(SegmentLog::open(&folder.dir), Err(LogError::Foreign { .. })));
    assert_eq!(fs::read(folder.dir.join("index")).unwrap(), index);
    fs::write(folder.dir.join("index"), "something else").unwrap();
    assert!(matches!(SegmentLog::open(&folder.dir), Err(LogError::Foreign { .. })));
}

#[test]
fn a_node_finds_its_sessions_again() {
    let root = tempfile::tempdir().unwrap();
    let live = root.path().join("live");
    assert!(discover(&live).unwrap().is_empty());
    drop(SegmentLog::create(&live.join("se_1"), &meta()).unwrap());
    fs::create_dir(live.join("se_0")).unwrap();
    fs::create_dir(live.join("se_2")).unwrap();
    fs::write(live.join("se_2/meta.json"), "{").unwrap();
    let found = discover(&live).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, live.join("se_1"));
    assert_eq!(found[0].1.as_ref().unwrap(), &meta());
    assert!(matches!(found[1].1, Err(LogError::Foreign { .. })));
}

#[test]
fn twelve_hours_load_at_once() {
    let folder = folder();
    drop(SegmentLog::create(&folder.dir, &meta()).unwrap());
    // The index alone is written through; the media of a dozen hours is not needed to load it.
    let sample = {
        let other = self::folder();
        let mut log = SegmentLog::create(&other.dir, &meta()).unwrap();
        write(&mut log, &segments(1_000, 1_100));
        fs::read(other.dir.join("index")).unwrap()[8..].to_vec()
    };
    let mut index = fs::read(folder.dir.join("index")).unwrap();
    for _ in 0..216 {
        index.extend_from_slice(&sample);
    }
    fs::write(folder.dir.join("index"), &index).unwrap();
    for msn in 1_000..1_100 {
        fs::write(folder.dir.join(format!("{msn}.m4s")), [0; 40]).unwrap();
    }
    let before = sigma_clock::monotonic();
    let opened = SegmentLog::open(&folder.dir).unwrap();
    let took = before.elapsed();
    assert_eq!(opened.entries.len(), 12 * 3_600 / 2 * 5);
    // Some 10 ms on an idle machine; the bound leaves room for a busy one.
    assert!(took.as_millis() < 500, "{took:?}");
}

proptest! {
    /// What `kill -9` leaves behind: any prefix of the writes, the last one cut anywhere.
    #[test]
    fn a_log_that_was_killed_opens_with_all_that_was_whole(whole in 0_usize..20, cut in 0_usize..12, garbage in any::<bool>()) {
        let folder = folder();
        let all = a_session();
        let whole = whole.min(all.len() - 1);
        let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
        write(&mut log, &all[..whole]);
        drop(log);
        // The next part's media is under way, its entry torn or not begun.
        if let Entry::Part { msn, .. } = &all[whole].0 {
            let path = folder.dir.join(format!("{msn}.m4s"));
            let mut media = fs::read(&path).unwrap_or_default();
            media.extend_from_slice(&all[whole].1.concat()[..cut.min(10)]);
            fs::write(&path, media).unwrap();
        }
        if garbage {
            let mut index = fs::read(folder.dir.join("index")).unwrap();
            index.extend_from_slice(&[7; 5]);
            fs::write(folder.dir.join("index"), index).unwrap();
        }
        let opened = SegmentLog::open(&folder.dir).unwrap();
        prop_assert_eq!(opened.entries, only_entries(&all[..whole]));
        let mut log = opened.log;
        write(&mut log, &all[whole..]);
        drop(log);
        prop_assert_eq!(SegmentLog::open(&folder.dir).unwrap().entries, only_entries(&all));
    }

    #[test]
    fn any_bytes_as_an_index_are_cut_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = folder();
        drop(SegmentLog::create(&folder.dir, &meta()).unwrap());
        let mut index = b"sigmlog1".to_vec();
        index.extend_from_slice(&bytes);
        fs::write(folder.dir.join("index"), index).unwrap();
        if let Ok(opened) = SegmentLog::open(&folder.dir) {
            prop_assert_eq!(opened.entries, vec![]);
        }
    }
}

/// A part as players have it: boxes.
fn boxed(msn: u64, part: u32) -> (Entry, Vec<Bytes>) {
    let mut bytes = [0, 0, 0, 12, b'm', b'd', b'a', b't'].to_vec();
    bytes.extend_from_slice(&[msn as u8, part as u8, 1, 2]);
    let entry = Entry::Part {
        msn,
        part,
        offset: u64::from(part) * 12,
        len: 12,
        duration: 45_000,
        independent: part == 0,
    };
    (entry, vec![bytes.into()])
}

#[test]
fn segments_alone_tell_the_whole_index_even_when_the_node_was_killed_in_each() {
    let folder = folder();
    let mut all =
        vec![(Entry::Target { seconds: 2 }, vec![]), init(0), (Entry::Anchor { wall_us: 5 }, vec![])];
    for msn in 0..12 {
        match msn {
            3 => all.push((Entry::GapSegment { msn, duration: 45_000 }, vec![])),
            5 => all.push((Entry::GapSegment { msn, duration: 90_000 }, vec![])),
            _ => {
                if msn == 6 {
                    all.extend([(Entry::Discontinuity, vec![]), init(1)]);
                }
                all.extend([boxed(msn, 0), boxed(msn, 1)]);
                let len = 24;
                let whole = Entry::Segment { msn, duration: 90_000, parts: 2, independent: true, len };
                all.push((whole, vec![]));
            }
        }
        if msn == 7 {
            all.push((Entry::Live { from_msn: 8 }, vec![]));
        }
    }
    let mut log = SegmentLog::create(&folder.dir, &meta()).unwrap();
    for one in &all {
        write(&mut log, std::slice::from_ref(one));
        drop(log);
        log = SegmentLog::open(&folder.dir).unwrap().log;
    }
    let mut told = Vec::new();
    for msn in 0..12 {
        let Ok(file) = fs::read(folder.dir.join(format!("{msn}.m4s"))) else { continue };
        let entries = sigma_log::entries_in_tail(&file).unwrap();
        let sum = crc32fast::hash(&file[..24]);
        assert!(entries.contains(&Entry::Sum { msn, crc32: sum }));
        told.extend(entries.into_iter().filter(|entry| !matches!(entry, Entry::Sum { .. })));
    }
    let without_parts: Vec<Entry> =
        only_entries(&all).into_iter().filter(|entry| !matches!(entry, Entry::Part { .. })).collect();
    assert_eq!(told, without_parts);
}
