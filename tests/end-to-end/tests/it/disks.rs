//! Bad disks, and too few descriptors, in short: what is on air goes on, it is said, and it heals without a restart. The long
//! forms, with more ways to fail, are `tests/acceptance/run faults`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use end_to_end::{Broadcast, Channel, Clip, Platform, Start, Viewer, eventually};
use serde_json::{Value, json};

use crate::{SOON, join, session_is};

/// Runs a command that only root may; false where it may not either, as in most containers.
fn may(command: &str, args: &[&str]) -> bool {
    Command::new(command).args(args).output().is_ok_and(|output| output.status.success())
}

/// A file system of its own, gone when dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one in memory; none where that is not allowed.
    fn small(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a path in UTF-8");
        may("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", path]).then_some(())?;
        Some(Self { folder })
    }

    /// Mounts one on a device of its own, which can be frozen; none where that is not allowed.
    fn that_freezes(image: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a path in UTF-8");
        let image = image.to_str().expect("a path in UTF-8");
        let made =
            may("truncate", &["-s", "2G", image]) && may("mkfs.ext4", &["-q", "-O", "^has_journal", image]);
        (made && may("mount", &["-o", "loop", image, path])).then_some(())?;
        Some(Self { folder })
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().expect("a path in UTF-8")
    }

    fn resize(&self, size: &str) -> bool {
        may("mount", &["-o", &format!("remount,size={size}"), self.path()])
    }

    /// No room but for what is there and a little.
    fn fill(&self) {
        let filled = (0..200).any(|_| {
            let used = Command::new("du").args(["-sk", self.path()]).output().expect("du runs").stdout;
            let used = String::from_utf8_lossy(&used);
            let kilobytes: u64 =
                used.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a size");
            self.resize(&format!("{}k", kilobytes + 16))
        });
        assert!(filled, "the disk cannot be made small");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        may("umount", &["-l", self.path()]);
    }
}

/// A disk that hangs for as long as this lives. Whoever waits for it cannot even be killed: this must go before the platform.
struct Hanging<'a>(&'a Disk);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        may("fsfreeze", &["-u", self.0.path()]);
    }
}

async fn on_air(start: Start) -> (Platform, Channel, Broadcast, Viewer) {
    let platform = Platform::start(start).await;
    let channel = platform.create_channel("On air", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    (platform, channel, broadcast, viewer)
}

/// Two more segments of media are listed and can be fetched, without a gap.
async fn goes_on(viewer: &mut Viewer) {
    let reached = viewer.playlist.last_msn().unwrap_or(0) + 2;
    viewer.follow(Duration::from_secs(12), |viewer| viewer.playlist.last_msn() >= Some(reached)).await;
    for segment in viewer.unbroken().into_iter().rev().take(2) {
        assert!(!segment.gap, "{segment:?}");
        viewer.fetch(&segment.uri).await.expect("what is listed is there");
    }
}

/// Waits until `/readyz` says something of a component.
async fn said(platform: &Platform, component: &str, words: &str) {
    eventually(&format!("{component} to say {words}"), SOON, || async {
        let (_, ready) = platform.readiness().await;
        let all = ready["components"].as_array().expect("a list");
        let message = |one: &&Value| one["message"].as_str().is_some_and(|message| message.contains(words));
        all.iter().filter(|one| one["name"] == component).find(message).map(|_| ())
    })
    .await;
}

/// All is well again, and the same session goes on.
async fn healed(platform: &Platform, channel: &Channel, viewer: &mut Viewer) {
    eventually("the platform to be ready", SOON, || async {
        (platform.readiness().await.1["status"] == "ready").then_some(())
    })
    .await;
    platform.create_channel("After", json!({})).await;
    goes_on(viewer).await;
    assert_eq!(platform.sessions(&channel.id).await.len(), 1);
    assert_eq!(platform.session_state(&channel.id).await, "LIVE");
}

#[tokio::test]
async fn a_full_disk_is_said_and_heals_and_viewers_do_not_notice() {
    let Some(disk) = Disk::small("2g") else {
        eprintln!("skipped: no disk can be mounted here");
        return;
    };
    let start = Start { disk: Some(disk.path().into()), ..Start::default() };
    let (platform, channel, _broadcast, mut viewer) = on_air(start).await;
    disk.fill();
    said(&platform, "media", "go on from memory").await;
    said(&platform, "store", "only 0 MB are left").await;
    goes_on(&mut viewer).await;
    assert!(disk.resize("2g"), "there is room again");
    healed(&platform, &channel, &mut viewer).await;
    assert!(platform.log().contains("the segment log is written again"), "{}", platform.log());
}

#[tokio::test]
async fn a_disk_that_hangs_is_said_and_heals_and_viewers_do_not_notice() {
    let image = tempfile::NamedTempFile::new().expect("a file");
    let Some(disk) = Disk::that_freezes(image.path()) else {
        eprintln!("skipped: no disk can be mounted here");
        return;
    };
    let start = Start { disk: Some(disk.path().into()), ..Start::default() };
    let (platform, channel, _broadcast, mut viewer) = on_air(start).await;
    assert!(may("fsfreeze", &["-f", disk.path()]), "it hangs");
    let hanging = Hanging(&disk);
    goes_on(&mut viewer).await;
    said(&platform, "media", "go on from memory").await;
    said(&platform, "store", "has not answered").await;
    drop(hanging);
    healed(&platform, &channel, &mut viewer).await;
    assert!(platform.log().contains("the disk hangs"), "{}", platform.log());
}

#[tokio::test]
async fn a_crowd_of_viewers_leaves_the_descriptors_that_the_broadcast_needs() {
    let under = ["prlimit", "--nofile=80:80"].map(str::to_owned).to_vec();
    let (platform, channel, _broadcast, mut viewer) = on_air(Start { under, ..Start::default() }).await;
    // Each is idle and makes room for the next who comes, so that there are always some who wait.
    let mut crowd: Vec<std::net::TcpStream> = Vec::new();
    for _ in 0..3 {
        crowd.extend((0..60).filter_map(|_| std::net::TcpStream::connect(&platform.http).ok()));
        goes_on(&mut viewer).await;
    }
    said(&platform, "admission", "file descriptors are used up").await;
    drop(crowd);
    healed(&platform, &channel, &mut viewer).await;
    eventually("it to be told that there are descriptors again", SOON, || async {
        platform.log().contains("there are file descriptors again").then_some(())
    })
    .await;
    let log = platform.log();
    assert_eq!(log.matches("file descriptors are used up").count(), 1, "{log}");
    assert!(!log.contains("the segment log is not written"), "{log}");
}
