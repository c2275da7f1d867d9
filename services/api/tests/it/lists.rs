//! Lists: orders, cursors, and pages that stay right while rows are added.

use serde_json::{Value, json};

use super::platform::Platform;

const CHANNELS: &str = "query($order: ChannelOrder, $after: String, $first: Int) { \
    channels(orderBy: $order, after: $after, first: $first) { nodes { name } pageInfo { hasNextPage endCursor } } }";

fn names(connection: &Value) -> Vec<String> {
    let nodes = connection["nodes"].as_array().expect("nodes").iter();
    nodes.map(|node| node["name"].as_str().expect("a name").to_owned()).collect()
}

fn field(answer: &Value) -> (&str, &str) {
    let extensions = &answer["errors"][0]["extensions"];
    let field = &extensions["fields"][0]["path"];
    (extensions["code"].as_str().unwrap_or("none"), field.as_str().unwrap_or("none"))
}

#[tokio::test]
async fn channels_stand_in_the_order_that_was_asked_for() {
    let platform = Platform::start().await;
    for name in ["beta", "Alpha", "ýnh", "gamma"] {
        platform.channel(name).await;
    }
    for (order, wanted) in [
        (json!("NEWEST"), ["gamma", "ýnh", "Alpha", "beta"]),
        (json!("OLDEST"), ["beta", "Alpha", "ýnh", "gamma"]),
        (json!("NAME"), ["Alpha", "beta", "gamma", "ýnh"]),
        (json!(null), ["gamma", "ýnh", "Alpha", "beta"]),
    ] {
        let mut read = Vec::new();
        let mut after = json!(null);
        loop {
            let variables = json!({ "order": order, "after": after, "first": 1 });
            let page = platform.data(CHANNELS, variables).await["channels"].take();
            read.extend(names(&page));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(read, wanted, "{order}");
    }
}

#[tokio::test]
async fn pages_stay_right_in_every_order_while_rows_are_added() {
    for order in ["NEWEST", "OLDEST", "NAME"] {
        let platform = Platform::start().await;
        let stood: Vec<String> = (0..7).map(|n| format!("channel {n}")).collect();
        for name in &stood {
            platform.channel(name).await;
        }
        let (mut read, mut after, mut turn) = (Vec::new(), json!(null), 0);
        loop {
            let variables = json!({ "order": order, "after": after, "first": 2 });
            let page = platform.data(CHANNELS, variables).await["channels"].take();
            read.extend(names(&page));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false || turn > 20 {
                break;
            }
            // One before, one between and one behind what was read, by name; the newest by time.
            for name in [format!("added a{turn}"), format!("channel {turn} added"), format!("zz {turn}")] {
                if turn < 3 {
                    platform.channel(&name).await;
                }
            }
            turn += 1;
        }
        let mut seen: Vec<&String> = read.iter().filter(|name| stood.contains(name)).collect();
        if order == "NEWEST" {
            seen.reverse();
        }
        assert_eq!(seen, stood.iter().collect::<Vec<_>>(), "{order}: each that stood once, in order");
        let mut once = read.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), read.len(), "{order}: none twice: {read:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_refused_by_another_list_and_another_order() {
    let platform = Platform::start().await;
    for name in ["a", "b"] {
        platform.channel(name).await;
    }
    let cursor = |order: &str| {
        let query = format!("{{ channels(orderBy: {order}, first: 1) {{ pageInfo {{ endCursor }} }} }}");
        let platform = &platform;
        async move {
            let data = platform.data(&query, json!({})).await;
            data["channels"]["pageInfo"]["endCursor"].clone()
        }
    };
    let (newest, by_name) = (cursor("NEWEST").await, cursor("NAME").await);
    let sessions = "query($after: String) { sessions(after: $after) { nodes { id } } }";
    let refused = platform.ask(sessions, json!({ "after": newest })).await;
    assert_eq!(field(&refused), ("BAD_INPUT", "after"), "{refused}");
    for (order, after) in [("NAME", &newest), ("OLDEST", &newest), ("NEWEST", &by_name)] {
        let refused = platform.ask(CHANNELS, json!({ "order": order, "after": after })).await;
        assert_eq!(field(&refused), ("BAD_INPUT", "after"), "{refused}");
        let message = refused["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(order), "{message}");
    }
}

#[tokio::test]
async fn events_are_read_forwards_and_backwards_and_by_what_they_are_of() {
    let platform = Platform::start().await;
    let (id, _) = platform.channel("a").await;
    platform.channel("b").await;
    let stop = "mutation($id: ID!) { stopChannel(id: $id) { channel { id } } }";
    platform.data(stop, json!({ "id": id })).await;
    let query = "query($first: Int, $last: Int, $after: String, $before: String, $aggregate: ID, $channel: ID, $type: String) { \
        events(first: $first, last: $last, afterPosition: $after, beforePosition: $before, aggregateId: $aggregate, channelId: $channel, type: $type) { \
        nodes { type position aggregateId channelId sequence version at actor { kind id name } data commandId correlationId causationId id aggregateType } \
        edges { cursor node { position } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let types = |page: &Value| -> Vec<String> {
        let nodes = page["nodes"].as_array().expect("nodes").iter();
        nodes.map(|node| node["type"].as_str().expect("a type").to_owned()).collect()
    };
    let all = platform.data(query, json!({})).await["events"].take();
    assert_eq!(types(&all), ["project.created", "channel.created", "channel.created", "channel.stopped"]);
    assert_eq!(all["nodes"][0]["channelId"], json!(null));
    assert_eq!((&all["nodes"][3]["channelId"], &all["nodes"][3]["sequence"]), (&json!(id), &json!(2)));
    assert_eq!(all["nodes"][3]["actor"], json!({ "kind": "ADMIN", "id": "admin", "name": null }));
    assert_eq!(all["edges"][2]["cursor"], all["nodes"][2]["position"]);

    let first = platform.data(query, json!({ "first": 3 })).await["events"].take();
    assert_eq!(types(&first), ["project.created", "channel.created", "channel.created"]);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let after = json!({ "after": first["pageInfo"]["endCursor"] });
    let rest = platform.data(query, after).await["events"].take();
    assert_eq!(types(&rest), ["channel.stopped"]);
    assert_eq!(
        (&rest["pageInfo"]["hasNextPage"], &rest["pageInfo"]["hasPreviousPage"]),
        (&json!(false), &json!(true))
    );

    let last = platform.data(query, json!({ "last": 1 })).await["events"].take();
    assert_eq!(types(&last), ["channel.stopped"]);
    assert_eq!(last["pageInfo"]["hasPreviousPage"], true);
    let before = json!({ "last": 2, "before": last["pageInfo"]["startCursor"] });
    let back = platform.data(query, before).await["events"].take();
    assert_eq!(types(&back), ["channel.created", "channel.created"]);

    for (filter, wanted) in [
        (json!({ "channel": id }), vec!["channel.created", "channel.stopped"]),
        (json!({ "aggregate": id, "type": "channel.stopped" }), vec!["channel.stopped"]),
        (json!({ "type": "project." }), vec!["project.created"]),
        (json!({ "type": "session." }), vec![]),
        (json!({ "channel": "ch_0" }), vec![]),
    ] {
        let page = platform.data(query, filter.clone()).await["events"].take();
        assert_eq!(types(&page), wanted, "{filter}");
    }
}

#[tokio::test]
async fn what_does_not_go_together_is_named() {
    let platform = Platform::start().await;
    for (arguments, path) in [
        ("first: 1, last: 1", "first"),
        ("first: 0", "first"),
        ("last: 101", "last"),
        ("afterPosition: \"nowhere\"", "afterPosition"),
        ("beforePosition: \"nowhere\"", "beforePosition"),
        ("type: \"no.such\"", "type"),
    ] {
        let answer =
            platform.ask(&format!("{{ events({arguments}) {{ nodes {{ id }} }} }}"), json!({})).await;
        assert_eq!(field(&answer), ("BAD_INPUT", path), "{arguments} {answer}");
    }
}

#[tokio::test]
async fn each_field_of_a_mutation_shows_what_those_before_it_made() {
    let platform = Platform::start().await;
    let (channel, key) = platform.channel("before").await;
    let session = platform.on_air(&key).await;
    let processing = |data: &Value| data["session"]["state"] == "PROCESSING";
    let state = "query($id: ID!) { session(id: $id) { state } }";
    platform.until(state, json!({ "id": session }), processing).await;
    let both = "mutation($session: ID!, $channel: ID!) { \
        a: goLive(sessionId: $session) { session { channel { name } } } \
        b: updateChannel(id: $channel, input: { name: \"after\" }) { channel { currentSession { channel { name } } } } }";
    let done = platform.data(both, json!({ "session": session, "channel": channel })).await;
    assert_eq!(done["a"]["session"]["channel"]["name"], "before", "{done}");
    assert_eq!(done["b"]["channel"]["currentSession"]["channel"]["name"], "after", "{done}");
}

#[tokio::test]
async fn timelines_of_twenty_sessions_are_told_at_once_and_of_a_hundred_are_not() {
    let platform = Platform::start().await;
    let query = "query($first: Int) { sessions(first: $first) { nodes { id timeline { type message at actor { kind name } data } } } }";
    platform.data(query, json!({ "first": 20 })).await;
    let refused = platform.ask(query, json!({ "first": 100 })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "TOO_COMPLEX", "{refused}");
}
