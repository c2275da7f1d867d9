//! Many at once, and one's misfortune is nobody else's.

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::json;

use crate::{SOON, join, session_is};

#[tokio::test]
async fn one_killed_one_reconnecting_and_the_others_show_no_gap() {
    const STEADY: usize = 4;
    let platform = Platform::start(Start::default()).await;
    let small = Clip { size: "320x180", bitrate: 200, ..Clip::default() };
    let mut steady = Vec::new();
    for number in 0..STEADY {
        let mode = ["ULTRA_LOW", "LOW"][number % 2];
        let channel =
            platform.create_channel(&format!("Steady {number}"), json!({ "latencyMode": mode })).await;
        steady.push((Broadcast::push(&platform.push_url(&channel.key), small), channel));
    }
    let killed = platform.create_channel("Killed", json!({})).await;
    let returning = platform.create_channel("Returning", json!({})).await;
    let victim = Broadcast::push(&platform.push_url(&killed.key), small);
    let leaver = Broadcast::push(&platform.push_url(&returning.key), small);
    let mut viewers = Vec::new();
    for (_, channel) in &steady {
        viewers.push(join(&platform, &channel.playback_id).await);
    }
    session_is(&platform, &killed.id, "LIVE").await;
    session_is(&platform, &returning.id, "LIVE").await;
    victim.crash();
    leaver.crash();
    session_is(&platform, &killed.id, "ERROR").await;
    let _back = Broadcast::push(&platform.push_url(&returning.key), small);
    session_is(&platform, &returning.id, "LIVE").await;
    for viewer in &mut viewers {
        let reached = viewer.seen.len() + 2;
        viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;
        for segment in viewer.unbroken() {
            assert!(!segment.gap && !segment.discontinuity, "{segment:?}");
        }
    }
}
