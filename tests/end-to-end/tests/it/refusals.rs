//! Who is not let in, and what he is told.

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::json;

use crate::session_is;

#[tokio::test]
async fn a_publisher_is_refused_in_the_protocols_own_way_and_his_key_is_logged_nowhere() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Refusals", json!({})).await;

    let wrong = "zzzz2345678923456789abcdefgh";
    let words = Broadcast::push(&platform.push_url(wrong), Clip::default()).last_words();
    assert!(words.contains("no channel has this stream key"), "{words}");

    let _on_air = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    let words = Broadcast::push(&platform.push_url(&channel.key), Clip::default()).last_words();
    assert!(words.contains("on air already"), "{words}");

    let stop = "mutation($id: ID!) { stopChannel(id: $id) { channel { state } } }";
    platform.graphql(stop, json!({ "id": channel.id })).await.get("/stopChannel");
    let words = Broadcast::push(&platform.push_url(&channel.key), Clip::default()).last_words();
    assert!(words.contains("stopped"), "{words}");

    let log = platform.log();
    assert!(!log.contains(&channel.key) && !log.contains(wrong), "a key stands in the log");
    assert!(!log.contains(&platform.admin_token()), "the admin token stands in the log");
}

#[tokio::test]
async fn strangers_at_the_rtmp_door_are_closed_and_harm_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Bystander", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = crate::join(&platform, &channel.playback_id).await;
    let tls_hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    let mut absurd = vec![3];
    absurd.extend([0; 3_072]);
    // A chunk header that promises 16 MB of command.
    absurd.extend([0x03, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0]);
    for stranger in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), &tls_hello, &[0x7f; 4_096], &absurd] {
        let mut socket = tokio::net::TcpStream::connect(&platform.rtmp).await.expect("the door is open");
        let _ = socket.write_all(stranger).await;
        let mut rest = Vec::new();
        let closed =
            sigma_clock::timeout(std::time::Duration::from_secs(15), socket.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{stranger:02x?} was not closed");
    }
    let reached = viewer.seen.len() + 2;
    viewer.follow(crate::SOON, |viewer| viewer.seen.len() >= reached).await;
    assert!(viewer.unbroken().iter().all(|segment| !segment.gap));
}
