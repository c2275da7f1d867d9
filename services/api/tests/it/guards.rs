//! Every field states its scope, and keeps to it: the whole schema, walked with every kind of token.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::feeds::sample;
use super::platform::{Platform, TOKEN};

const SCOPES: [&str; 11] = [
    "channels:read",
    "channels:write",
    "channels:secrets",
    "sessions:read",
    "sessions:write",
    "assets:read",
    "assets:write",
    "events:read",
    "health:read",
    "tokens:admin",
    "platform:admin",
];

/// A field that states a scope.
struct Guarded {
    /// `Type.field`.
    field: &'static str,
    /// What its description states.
    states: &'static [&'static str],
    /// Whether only tokens of the project `default` may ask it.
    platform: bool,
    /// An operation that asks it.
    probe: &'static str,
    /// What else the operation wants, because the field stands inside another.
    inside: &'static [&'static str],
}

const fn field(field: &'static str, states: &'static [&'static str], probe: &'static str) -> Guarded {
    Guarded { field, states, platform: false, probe, inside: &[] }
}

const fn platform(name: &'static str, states: &'static [&'static str], probe: &'static str) -> Guarded {
    Guarded { platform: true, ..field(name, states, probe) }
}

const fn within(
    name: &'static str,
    states: &'static [&'static str],
    inside: &'static [&'static str],
    probe: &'static str,
) -> Guarded {
    Guarded { inside, ..field(name, states, probe) }
}

const READ: &[&str] = &["channels:read"];
const WRITE: &[&str] = &["channels:write"];
const SEE: &[&str] = &["sessions:read"];
const KEPT: &[&str] = &["assets:read"];
const CUT: &[&str] = &["assets:write"];
const ADMIN: &[&str] = &["tokens:admin"];
const HEALTH: &[&str] = &["health:read"];
const OPERATE: &[&str] = &["platform:admin"];

/// Every field that states a scope: all of the roots', and those that lead to a secret or into another room.
const TABLE: &[Guarded] = &[
    field("Query.me", &[], "{ me { name scopes } }"),
    field("Query.channel", READ, "query($channel: ID!) { channel(id: $channel) { id name } }"),
    field("Query.channels", READ, "{ channels { nodes { id name } } }"),
    field("Query.session", SEE, "query($session: ID!) { session(id: $session) { id } }"),
    field("Query.sessions", SEE, "{ sessions { nodes { id } } }"),
    field("Query.asset", KEPT, "query($asset: ID!) { asset(id: $asset) { id title } }"),
    field("Query.assets", KEPT, "{ assets { nodes { id title } } }"),
    field("Query.storage", KEPT, "{ storage { bytes byChannel { channelId } } }"),
    within("StorageOfChannel.channel", READ, KEPT, "{ storage { byChannel { channel { id name } } } }"),
    field(
        "Mutation.createClip",
        CUT,
        "mutation($asset: ID!) { createClip(input: { assetId: $asset, from: 0, to: 1 }) { asset { id title } } }",
    ),
    field(
        "Mutation.trimAsset",
        CUT,
        "mutation($asset: ID!) { trimAsset(id: $asset, from: 0, to: 1) { asset { id title } } }",
    ),
    field(
        "Mutation.untrimAsset",
        CUT,
        "mutation($asset: ID!) { untrimAsset(id: $asset) { asset { id title } } }",
    ),
    field(
        "Mutation.setPoster",
        CUT,
        "mutation($asset: ID!) { setPoster(id: $asset, at: 0) { asset { id title } } }",
    ),
    field(
        "Mutation.deleteAsset",
        CUT,
        "mutation($asset: ID!) { deleteAsset(id: $asset) { asset { id title } } }",
    ),
    field(
        "Subscription.assetUpdated",
        KEPT,
        "subscription($asset: ID!) { assetUpdated(id: $asset) { id title } }",
    ),
    within("Asset.channel", READ, KEPT, "query($asset: ID!) { asset(id: $asset) { channel { id name } } }"),
    within("Asset.session", SEE, KEPT, "query($asset: ID!) { asset(id: $asset) { session { id } } }"),
    within(
        "Channel.assets",
        KEPT,
        READ,
        "query($channel: ID!) { channel(id: $channel) { assets { nodes { id title } } } }",
    ),
    within(
        "Session.assets",
        KEPT,
        SEE,
        "query($session: ID!) { session(id: $session) { assets { nodes { id title } } } }",
    ),
    within(
        "Channel.lastEvent",
        &["events:read"],
        READ,
        "query($channel: ID!) { channel(id: $channel) { lastEvent { type } } }",
    ),
    field(
        "Query.events",
        &["events:read"],
        "{ events(first: 100) { nodes { aggregateId channelId data } } }",
    ),
    field("Query.apiTokens", ADMIN, "{ apiTokens { id prefix } }"),
    field("Query.projects", ADMIN, "{ projects { id } }"),
    platform("Query.health", HEALTH, "{ health { status } }"),
    platform("Query.projections", HEALTH, "{ projections { name } }"),
    field(
        "Mutation.createChannel",
        WRITE,
        "mutation { createChannel(input: { name: \"x\" }) { channel { id } } }",
    ),
    field(
        "Mutation.updateChannel",
        WRITE,
        "mutation($channel: ID!) { updateChannel(id: $channel, input: { name: \"x\" }) { channel { id } } }",
    ),
    field(
        "Mutation.startChannel",
        WRITE,
        "mutation($channel: ID!) { startChannel(id: $channel) { channel { id } } }",
    ),
    field(
        "Mutation.stopChannel",
        WRITE,
        "mutation($channel: ID!) { stopChannel(id: $channel) { channel { id } } }",
    ),
    field(
        "Mutation.deleteChannel",
        WRITE,
        "mutation($channel: ID!) { deleteChannel(id: $channel) { channel { id } } }",
    ),
    field(
        "Mutation.rotateStreamKey",
        &["channels:write", "channels:secrets"],
        "mutation($channel: ID!) { rotateStreamKey(channelId: $channel) { streamKey } }",
    ),
    field(
        "Mutation.goLive",
        &["sessions:write"],
        "mutation($session: ID!) { goLive(sessionId: $session) { session { id } } }",
    ),
    field(
        "Mutation.endSession",
        &["sessions:write"],
        "mutation($session: ID!) { endSession(sessionId: $session) { session { id } } }",
    ),
    platform(
        "Mutation.rebuildProjection",
        OPERATE,
        "mutation { rebuildProjection(name: \"none\") { projection { name } } }",
    ),
    platform(
        "Mutation.retryParked",
        OPERATE,
        "mutation($channel: ID!) { retryParked(projection: \"channels\", aggregateId: $channel) { projection { name } } }",
    ),
    platform(
        "Mutation.skipParked",
        OPERATE,
        "mutation($channel: ID!) { skipParked(projection: \"channels\", aggregateId: $channel) { projection { name } } }",
    ),
    field(
        "Mutation.createApiToken",
        ADMIN,
        "mutation { createApiToken(input: { name: \"x\", scopes: [\"channels:read\"] }) { secret } }",
    ),
    field(
        "Mutation.revokeApiToken",
        ADMIN,
        "mutation($token: ID!) { revokeApiToken(id: $token) { token { id } } }",
    ),
    platform("Mutation.createProject", ADMIN, "mutation { createProject(name: \"x\") { project { id } } }"),
    field(
        "Subscription.channelUpdated",
        READ,
        "subscription($channel: ID!) { channelUpdated(id: $channel) { id name } }",
    ),
    field(
        "Subscription.sessionUpdated",
        SEE,
        "subscription($session: ID!) { sessionUpdated(id: $session) { id } }",
    ),
    field(
        "Subscription.sessionHealth",
        HEALTH,
        "subscription($session: ID!) { sessionHealth(id: $session) { videoBitrate } }",
    ),
    field(
        "Subscription.events",
        &["events:read"],
        "subscription { events(afterPosition: \"\") { aggregateId channelId data } }",
    ),
    within(
        "Channel.currentSession",
        SEE,
        READ,
        "query($channel: ID!) { channel(id: $channel) { currentSession { id } } }",
    ),
    within(
        "Channel.sessions",
        SEE,
        READ,
        "query($channel: ID!) { channel(id: $channel) { sessions { nodes { id } } } }",
    ),
    within(
        "Ingest.streamKey",
        &["channels:secrets"],
        READ,
        "query($channel: ID!) { channel(id: $channel) { ingest { streamKey } } }",
    ),
    within(
        "Session.channel",
        READ,
        SEE,
        "query($session: ID!) { session(id: $session) { channel { id name } } }",
    ),
    within(
        "Session.health",
        HEALTH,
        SEE,
        "query($session: ID!) { session(id: $session) { health { videoBitrate } } }",
    ),
    within(
        "Session.recentHealth",
        HEALTH,
        SEE,
        "query($session: ID!) { session(id: $session) { recentHealth { videoBitrate } } }",
    ),
    within(
        "Session.timeline",
        SEE,
        &[],
        "query($session: ID!) { session(id: $session) { timeline { message } } }",
    ),
];

impl Guarded {
    fn wants(&self) -> BTreeSet<&'static str> {
        self.states.iter().chain(self.inside).copied().collect()
    }

    fn changes(&self) -> bool {
        self.field.starts_with("Mutation.")
    }

    fn follows(&self) -> bool {
        self.field.starts_with("Subscription.")
    }
}

/// A channel on air, and ids of nothing.
struct Stage {
    platform: Platform,
    channel: String,
    session: String,
    token: String,
    asset: String,
}

impl Stage {
    async fn set() -> Self {
        let platform = Platform::start().await;
        let (channel, key) = platform.channel("ours").await;
        let session = platform.on_air(&key).await;
        platform.feeds.measured(&session, sample(1_700_000_001_000));
        platform.until("{ sessions { nodes { state } } }", json!({}), processing).await;
        platform.token(&["channels:read"], None).await;
        let tokens = platform.data("{ apiTokens { id } }", json!({})).await;
        let token = tokens["apiTokens"][0]["id"].as_str().expect("an id").to_owned();
        let clip = "mutation($id: ID!) { createClip(input: { sessionId: $id, from: 0, to: 5, title: \"ours\" }) { asset { id } } }";
        let clip = platform.data(clip, json!({ "id": session })).await;
        let asset = clip["createClip"]["asset"]["id"].as_str().expect("an id").to_owned();
        Self { platform, channel, session, token, asset }
    }

    /// What is there.
    fn real(&self) -> Value {
        json!({ "channel": self.channel, "session": self.session, "token": self.token, "asset": self.asset })
    }

    /// What is not: a command that is let in changes nothing of ours.
    fn nothing() -> Value {
        json!({ "channel": "ch_0", "session": "se_0", "token": "tk_0", "asset": "as_0" })
    }

    /// The first answer to a field's probe.
    async fn probe(&self, guarded: &Guarded, token: &str, variables: Value) -> Value {
        if !guarded.follows() {
            return self.platform.ask_as(token, guarded.probe, variables).await;
        }
        let mut followed = self.platform.follow(token, guarded.probe, variables).await;
        let first =
            sigma_clock::timeout(std::time::Duration::from_millis(500), followed.0.next_answer()).await;
        first.ok().flatten().unwrap_or_else(|| json!({ "data": null }))
    }
}

trait NextAnswer {
    async fn next_answer(&mut self) -> Option<Value>;
}

impl NextAnswer for futures_util::stream::BoxStream<'static, Value> {
    async fn next_answer(&mut self) -> Option<Value> {
        futures_util::StreamExt::next(self).await
    }
}

fn processing(data: &Value) -> bool {
    data["sessions"]["nodes"][0]["state"] == "PROCESSING"
}

fn code_and_reason(answer: &Value) -> (&str, &str) {
    let extensions = &answer["errors"][0]["extensions"];
    (extensions["code"].as_str().unwrap_or("none"), extensions["reason"].as_str().unwrap_or("none"))
}

/// Every field of the schema's objects with its description, as introspection tells them.
async fn fields(platform: &Platform) -> BTreeMap<String, String> {
    let query = "{ __schema { types { name kind fields { name description } } } }";
    let data = platform.data(query, json!({})).await;
    let types = data["__schema"]["types"].as_array().expect("types");
    let objects = types.iter().filter(|one| one["kind"] == "OBJECT");
    let objects = objects.filter(|one| !one["name"].as_str().is_some_and(|name| name.starts_with("__")));
    objects
        .flat_map(|one| {
            let of = one["name"].as_str().expect("a name");
            one["fields"].as_array().expect("fields").iter().map(move |field| {
                let name = format!("{of}.{}", field["name"].as_str().expect("a name"));
                (name, field["description"].as_str().unwrap_or_default().replace('\n', " "))
            })
        })
        .collect()
}

/// The scopes that a description states, up to the first point or semicolon; none where it states nothing.
fn stated(description: &str) -> Option<(BTreeSet<&str>, bool)> {
    let (_, stated) = description.split_once("Scope: ")?;
    let sentence = stated.split(['.', ';']).next().unwrap_or(stated);
    let scopes = sentence.split('`').filter(|part| part.contains(':')).collect();
    Some((scopes, sentence.contains("in the project `default`")))
}

#[tokio::test]
async fn every_field_states_its_scope_or_is_known_to_need_none_of_its_own() {
    let platform = Platform::start().await;
    let fields = fields(&platform).await;
    let mut open = Vec::new();
    for (name, description) in &fields {
        let row = TABLE.iter().find(|row| row.field == name);
        let is_root = ["Query.", "Mutation.", "Subscription."].iter().any(|root| name.starts_with(root));
        match (row, stated(description)) {
            (Some(row), Some((scopes, of_platform))) => {
                assert_eq!(scopes, row.states.iter().copied().collect(), "{name} states something else");
                assert_eq!(of_platform, row.platform, "{name}");
            }
            (Some(_), None) => panic!("{name} does not state its scope"),
            (None, Some(_)) => panic!("{name} states a scope: give it a row of the table"),
            (None, None) if is_root => panic!("{name} states no scope and has no row of the table"),
            (None, None) => open.push(name.as_str()),
        }
    }
    for row in TABLE {
        assert!(fields.contains_key(row.field), "{} is gone", row.field);
    }
    // What whoever has the object sees. A new field that leads to a secret or into another room has no place here.
    insta::assert_snapshot!("open_fields", open.join("\n"));
}

#[tokio::test]
async fn without_a_token_no_field_answers() {
    let platform = Platform::start().await;
    for row in TABLE {
        let body = json!({ "query": row.probe, "variables": Stage::nothing() });
        for authorization in ["", "Bearer sgm_wrong", "Bearer "] {
            let answer = platform.post(&[("authorization", authorization)], &body).await.json();
            assert_eq!(code_and_reason(&answer).0, "UNAUTHENTICATED", "{} {answer}", row.field);
            assert_eq!(answer["data"], json!(null), "{}", row.field);
        }
    }
}

#[tokio::test]
async fn one_scope_opens_what_it_names_and_nothing_else() {
    let stage = Stage::set().await;
    for scope in SCOPES {
        let token = stage.platform.token(&[scope], None).await;
        for row in TABLE {
            let variables = if row.changes() { Stage::nothing() } else { stage.real() };
            let answer = stage.probe(row, &token, variables).await;
            let may = row.wants().iter().all(|wanted| *wanted == scope);
            let (code, reason) = code_and_reason(&answer);
            if may {
                assert!(!["FORBIDDEN", "UNAUTHENTICATED"].contains(&code), "{} {scope} {answer}", row.field);
            } else {
                assert_eq!((code, reason), ("FORBIDDEN", "SCOPE_MISSING"), "{} {scope} {answer}", row.field);
            }
        }
    }
}

#[tokio::test]
async fn every_scope_but_one_is_not_enough_and_the_missing_one_is_named() {
    let stage = Stage::set().await;
    for missing in SCOPES {
        let rest: Vec<&str> = SCOPES.into_iter().filter(|scope| *scope != missing).collect();
        let token = stage.platform.token(&rest, None).await;
        for row in TABLE.iter().filter(|row| row.wants().contains(missing)) {
            let variables = if row.changes() { Stage::nothing() } else { stage.real() };
            let answer = stage.probe(row, &token, variables).await;
            assert_eq!(code_and_reason(&answer), ("FORBIDDEN", "SCOPE_MISSING"), "{} {answer}", row.field);
            let message = answer["errors"][0]["message"].as_str().expect("a message");
            assert!(message.contains(missing), "{} {message}", row.field);
        }
    }
}

/// A token with these scopes meets everything of ours as if it were not there.
async fn sees_nothing_of_ours(stage: &Stage, token: &str, scopes: &[&str], of_default: bool) {
    for row in TABLE.iter().filter(|row| row.wants().iter().all(|wanted| scopes.contains(wanted))) {
        let answer = stage.probe(row, token, stage.real()).await;
        if row.platform {
            // Who is of the default project is bound to a channel here: the platform is not his either.
            let reason = if of_default { "BOUND_TO_CHANNELS" } else { "DEFAULT_PROJECT_ONLY" };
            assert_eq!(code_and_reason(&answer), ("FORBIDDEN", reason), "{} {answer}", row.field);
            continue;
        }
        let told = answer["data"].to_string();
        for ours in [&stage.channel, &stage.session, &stage.token, &stage.asset] {
            assert!(!told.contains(ours.as_str()), "{} {answer}", row.field);
        }
        assert!(!told.contains("ours") && !told.contains("videoBitrate"), "{} {answer}", row.field);
        let made = ["Mutation.createChannel", "Mutation.createApiToken"];
        if row.changes() && !row.platform && !made.contains(&row.field) {
            assert_eq!(code_and_reason(&answer).0, "NOT_FOUND", "{} {answer}", row.field);
        }
    }
    let still = stage.platform.data(
        "query($channel: ID!, $session: ID!) { channel(id: $channel) { name state } session(id: $session) { state } }",
        json!({ "channel": stage.channel, "session": stage.session }),
    );
    let wanted =
        json!({ "channel": { "name": "ours", "state": "ACTIVE" }, "session": { "state": "PROCESSING" } });
    assert_eq!(still.await, wanted, "it was changed all the same");
}

#[tokio::test]
async fn a_token_of_another_project_sees_nothing_of_ours() {
    let stage = Stage::set().await;
    let other = stage.platform.project("other").await;
    let scopes: Vec<&str> = SCOPES.into_iter().filter(|scope| *scope != "platform:admin").collect();
    let token = stage.platform.token_of(&scopes, None, Some(&other)).await;
    sees_nothing_of_ours(&stage, &token, &scopes, false).await;
}

#[tokio::test]
async fn a_token_that_is_bound_to_one_channel_sees_nothing_of_another() {
    let stage = Stage::set().await;
    let (mine, _) = stage.platform.channel("mine").await;
    let scopes: Vec<&str> =
        SCOPES.into_iter().filter(|scope| !["tokens:admin", "platform:admin"].contains(scope)).collect();
    let token = stage.platform.token(&scopes, Some(&[&mine])).await;
    sees_nothing_of_ours(&stage, &token, &scopes, true).await;
    let seen = stage.platform.ask_as(&token, "{ channels { nodes { id } } }", json!({})).await;
    assert_eq!(seen["data"]["channels"]["nodes"], json!([{ "id": mine }]), "{seen}");
    let made = stage.platform.ask_as(
        &token,
        "mutation { createChannel(input: { name: \"x\" }) { channel { id } } }",
        json!({}),
    );
    assert_eq!(code_and_reason(&made.await), ("FORBIDDEN", "BOUND_TO_CHANNELS"));
}

#[tokio::test]
async fn the_admin_token_may_everything() {
    let stage = Stage::set().await;
    for row in TABLE {
        let variables = if row.changes() { Stage::nothing() } else { stage.real() };
        let answer = stage.probe(row, TOKEN, variables).await;
        let code = code_and_reason(&answer).0;
        let wanted: &[&str] = if row.changes() { &["none", "NOT_FOUND", "REFUSED"] } else { &["none"] };
        assert!(wanted.contains(&code), "{} {answer}", row.field);
    }
}

#[tokio::test]
async fn a_stream_key_is_answered_to_who_may_see_it_only() {
    let platform = Platform::start().await;
    let create = "mutation { createChannel(input: { name: \"x\" }) { streamKey channel { id } } }";
    let blind = platform.token(&["channels:write"], None).await;
    let answer = platform.ask_as(&blind, create, json!({})).await;
    assert_eq!((answer.get("errors"), &answer["data"]["createChannel"]["streamKey"]), (None, &json!(null)));
    let seeing = platform.token(&["channels:write", "channels:secrets"], None).await;
    let answer = platform.ask_as(&seeing, create, json!({})).await;
    assert!(answer["data"]["createChannel"]["streamKey"].is_string(), "{answer}");
}
