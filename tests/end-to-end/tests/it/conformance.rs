//! The judge of LL-HLS on our own origin: a broadcast whose encoder crashes, comes back with another format, freezes,
//! is replaced and stops, in each latency mode. No rule is broken, and where there are parts each that applies is seen.

use std::time::Duration;

use end_to_end::{Broadcast, Channel, Clip, Platform, Start, Viewer};
use serde_json::json;
use sigma_conformance::{Options, Report, Verdict, check};

use crate::{join, session_is};

/// Longer than the longest mode's broadcast lasts.
const LONGEST: u64 = 120;

/// Silence is found out only after a blocked request of `ULTRA_LOW` was answered 503: 3 target durations of 2 s.
const SILENCE: &str = "8";

/// Plays a broadcast with its troubles, segment by segment as viewers see it: so many before the crash, after it, and
/// after the freeze.
async fn troubles(
    platform: &Platform,
    channel: &Channel,
    mut viewer: Viewer,
    first: Broadcast,
    segments: [usize; 3],
) {
    let url = platform.push_url(&channel.key);
    let other = Clip { size: "320x180", bitrate: 300, ..Clip::default() };
    more(&mut viewer, segments[0], false).await;

    first.crash();
    more(&mut viewer, 1, true).await;
    let back = Broadcast::push(&url, other);
    more(&mut viewer, segments[1], false).await;

    back.freeze();
    more(&mut viewer, 1, true).await;
    drop(back);
    let last = Broadcast::push(&url, other);
    more(&mut viewer, segments[2], false).await;
    last.stop();
    session_is(platform, &channel.id, "ENDED").await;
}

/// Follows until so many more segments, gaps or not, are listed.
async fn more(viewer: &mut Viewer, count: usize, gaps: bool) {
    let from = viewer.playlist.last_msn();
    viewer
        .follow(Duration::from_secs(60), |viewer| {
            let new = viewer.seen.values().filter(|segment| Some(segment.msn) > from && segment.gap == gaps);
            new.count() >= count
        })
        .await;
}

async fn judged(platform: &Platform, mode: &str, segments: [usize; 3]) -> Report {
    let channel = platform.create_channel(mode, json!({ "latencyMode": mode })).await;
    let first = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let viewer = join(platform, &channel.playback_id).await;
    let url = platform.url(&format!("/live/{}/index.m3u8", channel.playback_id));
    let options = Options { seconds: LONGEST, insecure: false };
    let (report, ()) =
        tokio::join!(check(&url, &options, |_| ()), troubles(platform, &channel, viewer, first, segments));
    report.expect("something to judge")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_origin_breaks_no_rule_in_any_latency_mode() {
    let flags = vec!["--ingest-silence".to_owned(), SILENCE.to_owned()];
    let platform = Platform::start(Start { flags, ..Start::default() }).await;
    let (ultra_low, low, normal) = tokio::join!(
        judged(&platform, "ULTRA_LOW", [2, 2, 3]),
        judged(&platform, "LOW", [2, 2, 3]),
        judged(&platform, "NORMAL", [1, 1, 1])
    );
    let mut wrong = Vec::new();
    for (mode, report) in [("ULTRA_LOW", &ultra_low), ("LOW", &low), ("NORMAL", &normal)] {
        if !report.numbers(Verdict::Broken).is_empty() {
            wrong.push(format!("{mode}:\n{}", report.broken()));
        }
        if report.lasted >= i64::try_from(LONGEST * 1_000_000).expect("small") {
            wrong.push(format!("{mode} was not judged to its end"));
        }
    }
    let unseen = ultra_low.findings.iter().filter(|(_, finding)| finding.verdict == Verdict::NotSeen);
    wrong.extend(
        unseen.map(|(rule, finding)| {
            format!("rule {} was not seen in ULTRA_LOW: {}", rule.number, finding.said)
        }),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
