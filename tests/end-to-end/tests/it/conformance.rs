//! The judge of LL-HLS on our own origin: a broadcast whose encoder crashes, comes back with another format, freezes,
//! is replaced and stops, in each latency mode over HTTPS with HTTP/2, and with parts in clear too; and afterwards its catchup.
//! No rule is broken, and which rules are not seen or do not apply is known.

use std::time::Duration;

use end_to_end::{Broadcast, Channel, Clip, Platform, Start, Viewer, eventually};
use serde_json::json;
use sigma_conformance::{Options, Report, Verdict, check};

use crate::{SOON, join, session_is};

/// Longer than the longest mode's broadcast lasts.
const LONGEST: u64 = 120;

/// Silence is found out midway: a blocked request of `ULTRA_LOW` is answered 503 before that, after 3 target durations of 2 s, and
/// the judge calls a standstill broken from 10 s on.
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

/// Judges a broadcast by one of its two playlists, and then its catchup.
async fn judged(platform: &Platform, mode: &str, segments: [usize; 3], playlist: &str) -> [Report; 2] {
    let channel = platform.create_channel(mode, json!({ "latencyMode": mode })).await;
    let first = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let viewer = join(platform, &channel.playback_id).await;
    let url = platform.url(&format!("/live/{}/{playlist}", channel.playback_id));
    let options = Options { seconds: LONGEST, insecure: true };
    let (report, ()) =
        tokio::join!(check(&url, &options, |_| ()), troubles(platform, &channel, viewer, first, segments));
    let asked = "query($id: ID!) { assets(channelId: $id, kind: CATCHUP) { nodes { state playbackUrl } } }";
    let catchup = eventually("the catchup to be ready", SOON, || async {
        let told = platform.graphql(asked, json!({ "id": channel.id })).await;
        let catchup = told.get("/assets/nodes/0").clone();
        (catchup["state"] == "READY").then_some(catchup)
    })
    .await;
    let url = catchup["playbackUrl"].as_str().expect("an address");
    let recording = check(url, &options, |_| ()).await;
    [report.expect("something to judge"), recording.expect("a recording to judge")]
}

/// The rules that have nothing to judge in our origin, whatever the mode: one rendition, so none to be the same as (6, 38, 39);
/// no date ranges (33), no byte ranges (37); those of recordings, of which 50 is of rewind windows too.
const NEVER: [u8; 11] = [6, 33, 37, 38, 39, 45, 46, 47, 48, 49, 50];

/// The rules that a recording over HTTPS shows.
const OF_A_RECORDING: [u8; 13] = [5, 9, 22, 40, 41, 43, 44, 45, 46, 47, 48, 49, 50];

/// What half a minute of `NORMAL` does not show: no segment leaves the window (15, 16), none is old enough to be skipped (32), and
/// nothing is blocked for 18 s (30). `tests/acceptance/run judge` goes on for longer; docs/hls-check.md has it all.
const TOO_SHORT: [u8; 4] = [15, 16, 30, 32];

/// Nothing leaves a rewind window of hours.
const NOTHING_LEAVES: [u8; 2] = [15, 16];

/// Those of parts and hints.
const PARTS: [u8; 11] = [2, 7, 8, 10, 11, 13, 14, 25, 26, 34, 35];

/// What a run shows of each rule, held against what it should. `unseen` may be not seen in so short a run.
fn told(name: &str, report: &Report, none: &[u8], unseen: &[u8]) -> Vec<String> {
    let mut wrong = Vec::new();
    if !report.numbers(Verdict::Broken).is_empty() {
        wrong.push(format!("{name}:\n{}", report.broken()));
    }
    if report.lasted >= i64::try_from(LONGEST * 1_000_000).expect("small") {
        wrong.push(format!("{name} was not judged to its end"));
    }
    let applies_not = report.numbers(Verdict::NotApplicable);
    if applies_not != none {
        wrong.push(format!("{name}: rules {applies_not:?} do not apply, it should be {none:?}"));
    }
    let missed = report
        .findings
        .iter()
        .filter(|(rule, finding)| finding.verdict == Verdict::NotSeen && !unseen.contains(&rule.number));
    wrong.extend(
        missed
            .map(|(rule, finding)| format!("rule {} was not seen in {name}: {}", rule.number, finding.said)),
    );
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_origin_breaks_no_rule_in_any_latency_mode() {
    let flags = vec!["--ingest-silence".to_owned(), SILENCE.to_owned()];
    let clear = Platform::start(Start { flags: flags.clone(), ..Start::default() }).await;
    let secure = Platform::start(Start { flags, tls: true, ..Start::default() }).await;
    let (rewind, rewind_low, ultra_low, low, normal) = tokio::join!(
        judged(&clear, "ULTRA_LOW", [2, 2, 3], "dvr.m3u8"),
        judged(&clear, "LOW", [2, 2, 3], "dvr.m3u8"),
        judged(&secure, "ULTRA_LOW", [2, 2, 3], "index.m3u8"),
        judged(&secure, "LOW", [2, 2, 3], "index.m3u8"),
        judged(&secure, "NORMAL", [1, 1, 1], "index.m3u8")
    );
    let mut wrong = Vec::new();
    for (name, [_, recording]) in
        [("in clear", &rewind), ("ULTRA_LOW", &ultra_low), ("LOW", &low), ("NORMAL", &normal)]
    {
        let none: Vec<u8> = (1..=50)
            .filter(|rule| !OF_A_RECORDING.contains(rule) || (*rule == 41 && name == "in clear"))
            .collect();
        wrong.extend(told(&format!("the catchup of {name}"), recording, &none, &[]));
    }
    let [[rewind, _], [rewind_low, _]] = [rewind, rewind_low];
    let [[ultra_low, _], [low, _], [normal, _]] = [ultra_low, low, normal];
    let with = |more: &[u8]| {
        let mut all = [&NEVER[..], more].concat();
        all.sort_unstable();
        all
    };
    wrong.extend(told("ULTRA_LOW", &ultra_low, &with(&[]), &[]));
    // In clear there is no HTTP/2 to ask for. The rewind windows have I-frames.
    let with_key_frames =
        |more: &[u8]| -> Vec<u8> { with(more).into_iter().filter(|rule| *rule != 50).collect() };
    wrong.extend(told("rewind in ULTRA_LOW, in clear", &rewind, &with_key_frames(&[41]), &NOTHING_LEAVES));
    let none = with_key_frames(&[&PARTS[..], &[41]].concat());
    wrong.extend(told("rewind in LOW, in clear", &rewind_low, &none, &NOTHING_LEAVES));
    wrong.extend(told("LOW", &low, &with(&PARTS), &[32]));
    wrong.extend(told("NORMAL", &normal, &with(&PARTS), &TOO_SHORT));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
