//! What is told as it happens, and how it ends.

use serde_json::{Value, json};

use super::feeds::sample;
use super::platform::{Platform, TOKEN};
use super::sockets::Socket;

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

const STOP: &str = "mutation($id: ID!) { stopChannel(id: $id) { channel { id } } }";
const DELETE: &str = "mutation($id: ID!) { deleteChannel(id: $id) { channel { id } } }";
const END: &str = "mutation($id: ID!) { endSession(sessionId: $id) { session { id } } }";

#[tokio::test]
async fn a_channel_is_told_at_once_and_after_each_change_until_it_is_deleted() {
    let platform = Platform::start().await;
    let (id, _) = platform.channel("show").await;
    let query = "subscription($id: ID) { channelUpdated(id: $id) { id state } }";
    let mut one = platform.follow(TOKEN, query, json!({ "id": id })).await;
    let mut all = platform.follow(TOKEN, query, json!({})).await;
    assert_eq!(one.data().await["channelUpdated"], json!({ "id": id, "state": "IDLE" }));
    // The others are asked for once, so that they listen before anything happens.
    let listening = futures_util::poll!(futures_util::StreamExt::next(&mut all.0));
    assert!(listening.is_pending());
    platform.data(STOP, json!({ "id": id })).await;
    let stopped = json!({ "id": id, "state": "STOP" });
    one.until(|data| data["channelUpdated"] == stopped).await;
    all.until(|data| data["channelUpdated"] == stopped).await;
    platform.data(DELETE, json!({ "id": id })).await;
    assert_eq!(one.next().await, None);
    let (other, _) = platform.channel("other").await;
    all.until(|data| data["channelUpdated"]["id"] == json!(other)).await;
}

#[tokio::test]
async fn a_channel_is_told_when_its_session_changes() {
    let platform = Platform::start().await;
    let (id, key) = platform.channel("show").await;
    let query = "subscription($id: ID) { channelUpdated(id: $id) { state currentSession { state } } }";
    let mut told = platform.follow(TOKEN, query, json!({ "id": id })).await;
    assert_eq!(told.data().await["channelUpdated"]["currentSession"], json!(null));
    platform.on_air(&key).await;
    told.until(|data| data["channelUpdated"]["currentSession"]["state"] == "PROCESSING").await;
}

#[tokio::test]
async fn a_session_is_told_to_its_end() {
    let platform = Platform::start().await;
    let (channel, key) = platform.channel("show").await;
    let by_channel = "subscription($id: ID) { sessionUpdated(channelId: $id) { id state } }";
    let mut of_channel = platform.follow(TOKEN, by_channel, json!({ "id": channel })).await;
    assert!(futures_util::poll!(futures_util::StreamExt::next(&mut of_channel.0)).is_pending());
    let session = platform.on_air(&key).await;
    of_channel.until(|data| data["sessionUpdated"]["state"] == "PROCESSING").await;
    let by_id = "subscription($id: ID) { sessionUpdated(id: $id) { state endReason } }";
    let mut one = platform.follow(TOKEN, by_id, json!({ "id": session })).await;
    assert_eq!(one.data().await["sessionUpdated"]["state"], "PROCESSING");
    platform.data(END, json!({ "id": session })).await;
    let ended = json!({ "state": "ENDED", "endReason": "SESSION_ENDED_BY_USER" });
    one.until(|data| data["sessionUpdated"] == ended).await;
    assert_eq!(one.next().await, None);
    let mut late = platform.follow(TOKEN, by_id, json!({ "id": session })).await;
    assert_eq!(late.data().await["sessionUpdated"], ended);
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn health_is_told_second_by_second_until_the_session_ends() {
    let platform = Platform::start().await;
    let (_, key) = platform.channel("show").await;
    let session = platform.on_air(&key).await;
    platform
        .until("{ sessions { nodes { id } } }", json!({}), |data| data["sessions"]["nodes"] != json!([]))
        .await;
    let read = "query($id: ID!) { session(id: $id) { health { at } recentHealth(seconds: 2) { at } } }";
    let before = platform.data(read, json!({ "id": session })).await;
    assert_eq!(before["session"], json!({ "health": null, "recentHealth": [] }));

    platform.feeds.measured(&session, sample(1_700_000_001_000));
    let query = "subscription($id: ID!) { sessionHealth(id: $id) { at videoBitrate audioBitrate frameRate keyFrameInterval \
        avOffsetMs behindMs queueMs largestGapMs droppedFrames warnings { name message since data } } }";
    let mut told = platform.follow(TOKEN, query, json!({ "id": session })).await;
    let second = serde_json::to_string_pretty(&told.data().await).expect("JSON");
    insta::assert_snapshot!("a_second_of_health", second);
    platform.feeds.measured(&session, sample(1_700_000_002_000));
    assert_eq!(told.data().await["sessionHealth"]["at"], "2023-11-14T22:13:22.000Z");
    let now = platform.data(read, json!({ "id": session })).await;
    let (one, two) =
        (json!({ "at": "2023-11-14T22:13:21.000Z" }), json!({ "at": "2023-11-14T22:13:22.000Z" }));
    assert_eq!(now["session"], json!({ "health": two, "recentHealth": [one, two] }));

    platform.data(END, json!({ "id": session })).await;
    platform.feeds.left(&session);
    assert_eq!(told.next().await, None);
    let seconds = "query($id: ID!) { session(id: $id) { recentHealth(seconds: 901) { at } } }";
    let refused = platform.ask(seconds, json!({ "id": session })).await;
    assert_eq!(refused["errors"][0]["extensions"]["fields"][0]["path"], "seconds", "{refused}");
}

#[tokio::test]
async fn events_resume_where_a_client_left_off_with_none_lost_and_none_twice() {
    let platform = Platform::start().await;
    for n in 0..30 {
        platform.channel(&format!("channel {n}")).await;
    }
    let query = "subscription($after: String) { events(afterPosition: $after) { position sequence aggregateId type } }";
    let (mut after, mut seen) = (json!(""), Vec::new());
    // It breaks off again and again, with events made meanwhile.
    for turn in 0..10 {
        let mut told = platform.follow(TOKEN, query, json!({ "after": after })).await;
        for _ in 0..4 {
            let event = told.data().await["events"].take();
            after = event["position"].clone();
            seen.push((event["aggregateId"].clone(), event["sequence"].clone()));
        }
        drop(told);
        platform.channel(&format!("later {turn}")).await;
    }
    let all = platform.data("{ events(first: 40) { nodes { aggregateId sequence } } }", json!({})).await;
    let all = all["events"]["nodes"].as_array().expect("events").iter();
    let all: Vec<_> = all.map(|event| (event["aggregateId"].clone(), event["sequence"].clone())).collect();
    assert_eq!(seen, all);

    let mut from_now = platform.follow(TOKEN, query, json!({})).await;
    assert!(futures_util::poll!(futures_util::StreamExt::next(&mut from_now.0)).is_pending());
    let mut nowhere = platform.follow(TOKEN, query, json!({ "after": "nowhere" })).await;
    let refused = nowhere.next().await.expect("an answer");
    assert_eq!(refused["errors"][0]["extensions"]["fields"][0]["path"], "afterPosition", "{refused}");
    assert_eq!(nowhere.next().await, None);
}

#[tokio::test]
async fn a_revoked_token_ends_its_subscriptions_within_five_seconds() {
    let platform = Platform::start().await;
    let token = platform.token(&["events:read"], None).await;
    let mut socket = Socket::with_token(&platform, &token).await;
    socket.subscribe("1", "subscription { events(afterPosition: \"\") { type } }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["events"]["type"], "project.created");
    let tokens = platform.data("{ apiTokens { id } }", json!({})).await;
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { revokedAt } } }";
    let revoked = platform.data(revoke, json!({ "id": tokens["apiTokens"][0]["id"] })).await;
    assert!(revoked["revokeApiToken"]["token"]["revokedAt"].is_string(), "{revoked}");
    let at = sigma_clock::monotonic();
    assert_eq!(socket.closed().await.0, 4401);
    assert!(at.elapsed() < std::time::Duration::from_secs(5), "{:?}", at.elapsed());
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_and_cut() {
    let platform = Platform::start().await;
    let query = "subscription { channelUpdated { state } }";
    let mut slow = platform.follow(TOKEN, query, json!({})).await;
    assert!(futures_util::poll!(futures_util::StreamExt::next(&mut slow.0)).is_pending());
    let caller = sigma_app::Caller::new(
        sigma_app::Actor::new(sigma_app::ActorKind::Admin, "admin").expect("an actor"),
        sigma_app::ProjectId::default_project(),
    );
    // More than anybody may be behind.
    for _ in 0..42 {
        let made = (0..100).map(|_| {
            let named = sigma_app::NewChannel { name: "x".to_owned(), ..sigma_app::NewChannel::default() };
            platform.app.create_channel(&caller, named)
        });
        futures_util::future::try_join_all(made).await.expect("made");
    }
    let answer = loop {
        let answer = slow.next().await.expect("a word why");
        if answer.get("errors").is_some() {
            break answer;
        }
    };
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["reason"]),
        (&json!("RATE_LIMITED"), &json!("TOO_SLOW")),
        "{answer}"
    );
    assert_eq!(slow.next().await, None);
}

#[tokio::test]
async fn a_subscription_that_cannot_be_followed_says_why_and_ends() {
    let platform = Platform::start().await;
    for (query, wanted) in [
        ("subscription { channelUpdated(id: \"ch_0\") { id } }", "NOT_FOUND"),
        ("subscription { sessionUpdated(channelId: \"ch_0\") { id } }", "NOT_FOUND"),
        ("subscription { sessionHealth(id: \"se_0\") { at } }", "NOT_FOUND"),
        ("subscription { events { type } channelUpdated { id } }", "BAD_INPUT"),
        ("subscription { none { id } }", "BAD_INPUT"),
        ("subscription {", "BAD_INPUT"),
    ] {
        let mut told = platform.follow(TOKEN, query, json!({})).await;
        let answer = told.next().await.expect("a word why");
        assert_eq!(code(&answer), wanted, "{query} {answer}");
        assert_eq!(told.next().await, None, "{query}");
    }
    let once = platform.ask("subscription { events { type } }", json!({})).await;
    assert_eq!((code(&once), &once["errors"][0]["extensions"]["reason"]), ("BAD_INPUT", &json!("NO_STREAM")));
}

#[tokio::test]
async fn a_fragment_at_the_root_is_followed_and_a_question_is_answered_once() {
    let platform = Platform::start().await;
    let query = "subscription { ...F } fragment F on Subscription { events(afterPosition: \"\") { type } }";
    let mut told = platform.follow(TOKEN, query, json!({})).await;
    assert_eq!(told.data().await["events"]["type"], "project.created");
    let mut asked = platform.follow(TOKEN, "{ me { name } }", json!({})).await;
    assert_eq!(asked.data().await["me"]["name"], "admin");
    assert_eq!(asked.next().await, None);
}

/// Five hundred who follow all channels hear of a change: the time until the last one has it, at the 99th percentile of
/// them. `cargo test -p sigma-api --release -- --ignored five_hundred --nocapture` prints it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it by hand on a quiet machine"]
#[allow(clippy::print_stdout, reason = "a measurement is there to be read")]
async fn five_hundred_subscribers_hear_of_a_change() {
    let platform = Platform::start().await;
    let (id, _) = platform.channel("show").await;
    let query = "subscription { channelUpdated { id name state currentSession { id state } } }";
    let (heard, mut times) = tokio::sync::mpsc::unbounded_channel();
    let ready = std::sync::Arc::new(tokio::sync::Barrier::new(501));
    for _ in 0..500 {
        let mut told = platform.follow(TOKEN, query, json!({})).await;
        let (heard, ready) = (heard.clone(), std::sync::Arc::clone(&ready));
        tokio::spawn(async move {
            assert!(futures_util::poll!(futures_util::StreamExt::next(&mut told.0)).is_pending());
            ready.wait().await;
            while let Some(answer) = told.next().await {
                let state = answer["data"]["channelUpdated"]["state"].as_str().unwrap_or_default().to_owned();
                let _ = heard.send((state, sigma_clock::monotonic()));
            }
        });
    }
    ready.wait().await;
    let caller = sigma_app::Caller::new(
        sigma_app::Actor::new(sigma_app::ActorKind::Admin, "admin").expect("an actor"),
        sigma_app::ProjectId::default_project(),
    );
    let mut taken = Vec::new();
    for turn in 0..20 {
        let at = sigma_clock::monotonic();
        if turn % 2 == 0 {
            platform.app.stop_channel(&caller, &id).await.expect("stopped");
        } else {
            platform.app.start_channel(&caller, &id).await.expect("started");
        }
        for _ in 0..500 {
            let (_, when) = times.recv().await.expect("heard");
            taken.push(when.saturating_duration_since(at));
        }
    }
    taken.sort();
    let at = |per_mille: usize| taken[(taken.len() - 1) * per_mille / 1_000];
    println!("from the command on: p50 {:?}, p99 {:?}, most {:?}", at(500), at(990), at(1_000));
    assert!(at(990) < std::time::Duration::from_millis(100), "{:?}", at(990));
}
