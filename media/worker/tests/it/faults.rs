//! What strangers send, and what befalls the worker.
#![allow(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use sigma_gst::{KeyFrame, PictureError, Pictures, PicturesSettings, Standing, Tile, Width};

use crate::media::{AV1, H264, HEVC, key_frames, look, script, solid};
use crate::{settings, until};

const WIDTH: Width = Width::ALL[1];

fn frame() -> KeyFrame {
    key_frames(&solid("red", "640x360"), 1, &H264).remove(0)
}

fn signal(name: &str, process: u32) {
    let done = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(done.success(), "kill {name} {process}");
}

fn exists(process: u32) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

async fn gone(process: u32) {
    let begin = sigma_clock::monotonic();
    while exists(process) {
        assert!(begin.elapsed() < Duration::from_secs(10), "process {process} is still there");
        sigma_clock::sleep(Duration::from_millis(5)).await;
    }
}

async fn running(pictures: &Pictures) -> u32 {
    let standing = pictures.look().await;
    assert!(matches!(standing, Standing::Ready { .. }), "{standing:?}");
    pictures.figures().worker.unwrap()
}

#[tokio::test]
async fn a_worker_killed_between_requests_is_put_away_and_started_again_when_needed() {
    let pictures = Pictures::start(settings());
    let first = running(&pictures).await;
    signal("-9", first);
    until(&pictures, "the loss is noticed", |figures| figures.losses == 1).await;
    assert!(!exists(first), "no zombie is left");
    assert_eq!(pictures.standing(), Standing::Idle);
    look(&pictures.thumbnail("a", "live", frame(), WIDTH).await.unwrap());
    let figures = pictures.figures();
    assert_eq!((figures.starts, figures.losses, figures.made), (2, 1, 1));
    assert_ne!(figures.worker, Some(first));
}

#[tokio::test]
async fn a_worker_killed_in_the_midst_costs_nobody_his_picture() {
    let pictures = Pictures::start(settings());
    let first = running(&pictures).await;
    let large = key_frames("testsrc2=size=1920x1080", 1, &H264).remove(0);
    let sheet = tokio::spawn({
        let (pictures, frames) = (pictures.clone(), vec![large; 100]);
        async move { pictures.sheet("a", frames, Tile::new(160, 90, 10).unwrap()).await }
    });
    // It works: its processor time goes on.
    let idle = pictures.figures().cpu;
    until(&pictures, "the worker works", |figures| figures.cpu > idle + Duration::from_millis(50)).await;
    signal("-9", first);
    look(&sheet.await.unwrap().unwrap());
    let figures = pictures.figures();
    assert_eq!((figures.starts, figures.losses, figures.made, figures.broken), (2, 1, 1, 0));
    assert!(figures.cpu > idle + Duration::from_millis(50), "what the first one took is not forgotten");
    assert!(!exists(first), "no zombie is left");
}

#[tokio::test]
async fn a_stopped_worker_is_found_by_the_watchdog() {
    let limit = Duration::from_millis(1_500);
    let pictures = Pictures::start(PicturesSettings { limit, ..settings() });
    let first = running(&pictures).await;
    signal("-STOP", first);
    let begin = sigma_clock::monotonic();
    look(&pictures.thumbnail("a", "live", frame(), WIDTH).await.unwrap());
    assert!(begin.elapsed() >= limit, "it was waited for");
    assert!(!exists(first), "the stopped one is gone");
    let figures = pictures.figures();
    assert_eq!((figures.starts, figures.losses, figures.made), (2, 1, 1));
}

#[tokio::test]
async fn the_worker_ends_with_the_last_handle() {
    let pictures = Pictures::start(settings());
    let other = pictures.clone();
    let worker = running(&pictures).await;
    drop(pictures);
    assert!(matches!(other.look().await, Standing::Ready { .. }));
    assert!(exists(worker));
    drop(other);
    gone(worker).await;
}

/// This test's own executable, started again as the parent that is killed.
#[tokio::test]
async fn the_worker_ends_with_its_parent_however_that_ends() {
    const PARENT: &str = "SIGMA_TEST_PARENT_OF_A_WORKER";
    if let Some(said) = std::env::var_os(PARENT) {
        let pictures = Pictures::start(settings());
        std::fs::write(said, running(&pictures).await.to_string()).unwrap();
        return std::future::pending().await;
    }
    for stopped in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("worker");
        let mut parent = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "faults::the_worker_ends_with_its_parent_however_that_ends"])
            .env(PARENT, &said)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let begin = sigma_clock::monotonic();
        let worker: u32 = loop {
            let text = std::fs::read_to_string(&said).unwrap_or_default();
            if let Ok(worker) = text.parse() {
                break worker;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "no worker runs");
            sigma_clock::sleep(Duration::from_millis(5)).await;
        };
        if stopped {
            signal("-STOP", worker);
        }
        parent.kill().await.unwrap();
        gone(worker).await;
    }
}

/// Bytes that are no picture, and pictures with damage.
fn damaged(frame: &KeyFrame) -> Vec<(String, KeyFrame)> {
    let with = |data: Vec<u8>| KeyFrame { data: data.into(), ..frame.clone() };
    let whole = frame.data.to_vec();
    let mut damaged = vec![("nothing".to_owned(), with(Vec::new()))];
    for kept in [1, 4, 5, 8, whole.len() / 2, whole.len() - 1] {
        damaged.push((format!("{kept} of {} bytes", whole.len()), with(whole[..kept].to_vec())));
    }
    damaged.push(("noughts".into(), with(vec![0; whole.len()])));
    // Numbers that look like chance, the same in every run.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut chance = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    damaged.push(("noise".into(), with((0..whole.len()).map(|_| chance() as u8).collect())));
    // The long form: SIGMA_TEST_DAMAGED=3000 and more.
    let count = std::env::var("SIGMA_TEST_DAMAGED").map_or(24, |count| count.parse().unwrap());
    for number in 0..count {
        let mut data = whole.clone();
        for _ in 0..=number % 24 {
            // Behind the first length: the picture itself is hit.
            let at = 4 + chance() as usize % (data.len() - 4);
            data[at] ^= 1 << (chance() % 8);
        }
        damaged.push((format!("number {number} of those with bits flipped"), with(data)));
    }
    damaged
}

#[tokio::test]
async fn garbage_ends_in_a_word_or_a_picture_and_never_in_a_hang() {
    let pictures = Pictures::start(settings());
    running(&pictures).await;
    for (name, coded) in [("h264", &H264[..]), ("hevc", &HEVC), ("av1", &AV1)] {
        let frame = key_frames("testsrc2=size=320x180", 1, coded).remove(0);
        let (mut refused, mut crashed) = (0, 0);
        for (number, (what, broken)) in damaged(&frame).into_iter().enumerate() {
            // A channel each, so that none rests for another.
            let channel = format!("{name} {number}");
            match pictures.thumbnail(&channel, "live", broken, WIDTH).await {
                Ok(file) => assert!(file.starts_with(&[0xff, 0xd8]) && file.ends_with(&[0xff, 0xd9])),
                Err(PictureError::Broken(words)) => {
                    refused += 1;
                    crashed += usize::from(words.contains("ended the worker"));
                }
                Err(error) => panic!("{name}, {what}: {error}"),
            }
        }
        println!("{name}: {refused} refused, {crashed} of them ended the worker");
        assert!(refused >= 3, "{name}: {refused} refused");
        look(&pictures.thumbnail(name, "live", frame, WIDTH).await.unwrap());
    }
}

#[tokio::test]
async fn a_frame_that_cannot_begin_a_picture_is_refused_in_words() {
    let pictures = Pictures::start(settings());
    let frame = frame();
    let torn = KeyFrame { data: frame.data.slice(..frame.data.len() - 1), ..frame.clone() };
    let error = pictures.thumbnail("a", "live", torn, WIDTH).await.unwrap_err();
    assert_eq!(error.to_string(), "the key frame cannot be decoded: it is not whole");
    // A slice of a picture that needs others.
    let other = KeyFrame { data: Bytes::from_static(&[0, 0, 0, 4, 0x41, 0x9a, 0, 0]), ..frame };
    let error = pictures.thumbnail("a", "live", other, WIDTH).await.unwrap_err();
    assert_eq!(error.to_string(), "the key frame cannot be decoded: decoding cannot start with it");
    assert_eq!(pictures.figures().losses, 0);
}

#[tokio::test]
async fn without_the_executable_every_request_says_so() {
    let worker = std::path::PathBuf::from("/nowhere/sigma-media-worker");
    let pictures = Pictures::start(PicturesSettings { worker, ..settings() });
    let words =
        "/nowhere/sigma-media-worker is not there; `make build` puts it beside the executable of sigma";
    assert_eq!(pictures.standing(), Standing::Unavailable(words.into()));
    let error = pictures.thumbnail("a", "live", frame(), WIDTH).await.unwrap_err();
    assert_eq!(error, PictureError::Unavailable(words.into()));
    assert_eq!(pictures.look().await, Standing::Unavailable(words.into()));
    assert_eq!(pictures.figures().unavailable, 1);
}

#[tokio::test]
async fn an_executable_that_does_not_start_is_told_with_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (
            "echo libgstreamer-1.0.so.0: cannot open shared object file >&2; exit 127",
            "cannot open shared object file",
        ),
        // A greeting of another version.
        (r"printf '\000\000\000\006\020\000\000\000\143\007' >&0; sleep 5", "it is of another build"),
        (r"printf '\377\377\377\377' >&0; sleep 5", "an answer of 4294967295 bytes"),
        (r"printf '\000\000\000\001\001' >&0; sleep 5", "a message with a kind that does not exist"),
        ("sleep 30", "it took longer than 300ms and was killed"),
    ] {
        let worker = script(folder.path(), text);
        let start_limit = Duration::from_millis(if text == "sleep 30" { 300 } else { 5_000 });
        let pictures = Pictures::start(PicturesSettings { worker, start_limit, ..settings() });
        let Standing::Unavailable(words) = pictures.look().await else { panic!("{text}") };
        assert!(words.contains(expected), "{words:?} for {text:?}");
        // It is not tried again at once: the word is there already.
        let error = pictures.thumbnail("a", "live", frame(), WIDTH).await.unwrap_err();
        assert_eq!(error, PictureError::Unavailable(words));
    }
}

/// A worker that greets, and then falls with every request.
const FALLS: &str =
    r"printf '\000\000\000\006\020\000\000\000\002\007' >&0; head -c 1 <&0 >/dev/null; exit 3";

#[tokio::test]
async fn what_ends_the_worker_twice_is_refused_and_its_channel_rests() {
    let folder = tempfile::tempdir().unwrap();
    let worker = script(folder.path(), FALLS);
    let pictures = Pictures::start(PicturesSettings { worker, ..settings() });
    let error = pictures.thumbnail("a", "live", frame(), WIDTH).await.unwrap_err();
    let PictureError::Broken(words) = &error else { panic!("{error}") };
    assert!(words.contains("it ended by itself: exit status: 3"), "{words}");
    let figures = pictures.figures();
    assert_eq!((figures.starts, figures.losses, figures.broken), (2, 2, 1));
    assert_eq!(pictures.thumbnail("a", "live", frame(), WIDTH).await, Err(PictureError::Resting));
    assert_eq!(pictures.figures().starts, 2, "it is not tried with the same channel");
    // Another channel is heard.
    assert!(matches!(pictures.thumbnail("b", "live", frame(), WIDTH).await, Err(PictureError::Broken(_))));
    assert_eq!(pictures.figures().starts, 4);
}

#[tokio::test]
async fn what_keeps_the_worker_from_the_others_is_made_and_its_channel_rests() {
    let pictures = Pictures::start(PicturesSettings { slow: Duration::from_millis(100), ..settings() });
    let huge = key_frames(&solid("blue", "7680x4320"), 1, &H264).remove(0);
    pictures.thumbnail("slow", "live", huge, WIDTH).await.unwrap();
    assert_eq!(pictures.thumbnail("slow", "live", frame(), WIDTH).await, Err(PictureError::Resting));
    look(&pictures.thumbnail("other", "live", frame(), WIDTH).await.unwrap());
    assert_eq!((pictures.figures().resting, pictures.figures().losses), (1, 0));
}

#[tokio::test]
async fn what_would_take_more_memory_than_there_is_costs_that_request_only() {
    let pictures = Pictures::start(PicturesSettings { memory: sigma_gst::MIN_MEMORY, ..settings() });
    let huge = key_frames(&solid("blue", "7680x4320"), 1, &H264).remove(0);
    let error = pictures.thumbnail("a", "live", huge, WIDTH).await.unwrap_err();
    assert!(matches!(error, PictureError::Broken(_)), "{error}");
    look(&pictures.thumbnail("b", "live", frame(), WIDTH).await.unwrap());
}

#[tokio::test]
async fn behind_with_its_work_it_makes_the_newest_of_each_channel() {
    let pictures = Pictures::start(settings());
    let worker = running(&pictures).await;
    signal("-STOP", worker);
    let ask = |channel: &'static str, colour: &str| {
        let (pictures, frame) = (pictures.clone(), key_frames(&solid(colour, "640x360"), 1, &H264).remove(0));
        tokio::spawn(async move { pictures.thumbnail(channel, "live", frame, WIDTH).await })
    };
    let taken = ask("first", "red");
    until(&pictures, "the first is taken", |figures| figures.waiting == 0).await;
    let old = ask("a", "red");
    until(&pictures, "one waits", |figures| figures.waiting == 1).await;
    let new = ask("a", "blue");
    assert_eq!(old.await.unwrap(), Err(PictureError::Shed));
    let other = ask("b", "red");
    until(&pictures, "two wait", |figures| figures.waiting == 2).await;
    signal("-CONT", worker);
    look(&taken.await.unwrap().unwrap());
    let seen = look(&new.await.unwrap().unwrap());
    assert!(seen.at(50, 50)[2] > 200, "the newest is made: {:?}", seen.at(50, 50));
    look(&other.await.unwrap().unwrap());
    assert_eq!(pictures.figures().shed, 1);
}
