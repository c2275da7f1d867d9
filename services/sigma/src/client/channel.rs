//! `sigma channel …`

use serde_json::{Map, Value, json};

use super::connection::Client;
use super::print;
use super::table::{extra, state, text, whole};
use super::watch::{Wake, watch};
use crate::cli::{
    ChannelArgs, ChannelCommand, ChannelOrder, ChannelSettings, ChannelState, ConnectArgs, LatencyMode,
};
use crate::fault::Fault;

/// All of a channel but its key: that it is shown is written down, so it is asked for only where it is wanted.
const CHANNEL: &str = "fragment C on Channel { id name state latencyMode autoGoLive maxSessionDuration reconnectWindow \
endOnUnpublish dvrWindow recordSource catchup sourceRetention catchupRetention playbackId playbackUrl dvrUrl watchUrl ingest { rtmpUrl rtmpsUrl } currentSession { id state startedAt liveAt } createdAt }";
const WITH_KEY: &str = "fragment K on Channel { ingest { streamKey } }";
/// What wakes `--watch`: of one channel, or of any.
const CHANGES: &str = "subscription Changes($id: ID) { channelUpdated(id: $id) { id } }";

pub(crate) async fn run(command: ChannelCommand) -> Result<(), Fault> {
    match command {
        ChannelCommand::Create { name, settings, connect } => {
            create(&connect, input(Some(name), settings)).await
        }
        ChannelCommand::List { search, state, order, limit, watch, connect } => {
            let state = state.map(|state| match state {
                ChannelState::Idle => "IDLE",
                ChannelState::Active => "ACTIVE",
                ChannelState::Stop => "STOP",
            });
            let order = match order {
                ChannelOrder::Newest => "NEWEST",
                ChannelOrder::Oldest => "OLDEST",
                ChannelOrder::Name => "NAME",
            };
            let variables = json!({ "search": search, "state": state, "order": order });
            list(&connect, variables, limit.limit, watch.watch).await
        }
        ChannelCommand::Show { as_of, key, watch, channel } => show(&channel, as_of, key, watch.watch).await,
        ChannelCommand::Update { name, settings, channel } => update(&channel, input(name, settings)).await,
        ChannelCommand::Start(args) => act(&args, "startChannel", "started: it lets feeds in").await,
        ChannelCommand::Stop(args) => act(&args, "stopChannel", "stopped: it lets no feed in").await,
        ChannelCommand::Delete { erase: false, channel } => act(&channel, "deleteChannel", "deleted").await,
        ChannelCommand::Delete { erase: true, channel } => erase(&channel).await,
        ChannelCommand::RotateKey { overlap, channel } => rotate(&channel, overlap).await,
    }
}

/// The API's word for a mode.
pub(crate) fn word(mode: LatencyMode) -> &'static str {
    match mode {
        LatencyMode::Normal => "NORMAL",
        LatencyMode::Low => "LOW",
        LatencyMode::UltraLow => "ULTRA_LOW",
    }
}

/// What was said of a channel, and nothing else: the rest keeps its default, or stays as it is.
fn input(name: Option<String>, settings: ChannelSettings) -> Value {
    let said = [
        ("name", name.map(Value::from)),
        ("latencyMode", settings.latency_mode.map(|mode| json!(word(mode)))),
        ("autoGoLive", settings.auto_go_live.map(Value::from)),
        ("maxSessionDuration", settings.max_session_duration.map(Value::from)),
        ("reconnectWindow", settings.reconnect_window.map(Value::from)),
        ("endOnUnpublish", settings.end_on_unpublish.map(Value::from)),
        ("dvrWindow", settings.dvr_window.map(Value::from)),
        ("recordSource", settings.record_source.map(Value::from)),
        ("catchup", settings.catchup.map(Value::from)),
        ("sourceRetention", settings.source_retention.map(retention)),
        ("catchupRetention", settings.catchup_retention.map(retention)),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect::<Map<String, Value>>())
}

/// Until they are deleted is null to the API.
fn retention(seconds: i32) -> Value {
    if seconds == 0 { Value::Null } else { json!(seconds) }
}

async fn create(connect: &ConnectArgs, input: Value) -> Result<(), Fault> {
    let query = format!(
        "mutation Create($input: CreateChannelInput!) {{ createChannel(input: $input) {{ channel {{ ...C }} streamKey }} }} {CHANNEL}"
    );
    let mut payload =
        Client::connect(connect)?.field(&query, json!({ "input": input }), "createChannel").await?;
    // The key stands where an encoder's other words stand, as it always has.
    let key = payload["streamKey"].clone();
    if let Some(ingest) = payload["channel"]["ingest"].as_object_mut() {
        ingest.insert("streamKey".to_owned(), key);
    }
    if connect.json {
        return print::json(&payload);
    }
    print::lines(facts(&payload["channel"]))
}

async fn list(connect: &ConnectArgs, variables: Value, limit: u16, watching: bool) -> Result<(), Fault> {
    let query = format!(
        "query Channels($first: Int, $after: String, $search: String, $state: ChannelState, $order: ChannelOrder) {{ \
         channels(first: $first, after: $after, search: $search, state: $state, orderBy: $order) {{ nodes {{ ...C }} \
         pageInfo {{ hasNextPage endCursor }} }} }} {CHANNEL}"
    );
    let client = Client::connect(connect)?;
    let look = async || {
        let channels = client.pages(&query, variables.clone(), "channels", limit).await?;
        let lines = rows(&channels);
        Ok((channels, lines))
    };
    if watching {
        let wake = Wake::Changes { subscription: CHANGES.to_owned(), variables: json!({}) };
        return watch(&client, &wake, connect.json, look).await;
    }
    let (channels, lines) = look().await?;
    if connect.json { print::json(&channels) } else { print::lines(lines) }
}

fn rows(channels: &Value) -> Vec<String> {
    let nodes = print::nodes(channels);
    if nodes.is_empty() {
        return vec!["No channels. Make one with: sigma channel create NAME".to_owned()];
    }
    let rows = nodes.iter().map(|channel| {
        let text = |name: &str| print::cell(&channel[name]);
        let session = print::cell(&channel["currentSession"]["state"]);
        vec![text("id"), text("state"), session, text("latencyMode"), text("name"), text("watchUrl")]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns =
        [whole("ID"), state("STATE"), state("SESSION"), extra("LATENCY"), text("NAME"), extra("WATCH")];
    print::table(&columns, &rows)
}

async fn show(args: &ChannelArgs, as_of: Option<String>, key: bool, watching: bool) -> Result<(), Fault> {
    let (with_key, fragment) = if key { ("...K", WITH_KEY) } else { ("", "") };
    let query = format!(
        "query Channel($id: ID!, $asOf: DateTime) {{ channel(id: $id, asOf: $asOf) {{ ...C {with_key} }} }} {CHANNEL} {fragment}"
    );
    let client = Client::connect(&args.connect)?;
    let look = async || {
        let variables = json!({ "id": args.id, "asOf": as_of });
        let channel = client.field(&query, variables, "channel").await?;
        if channel.is_null() {
            return Err(unknown(&args.id, as_of.as_deref()));
        }
        let lines = facts(&channel);
        Ok((channel, lines))
    };
    if watching {
        let wake = Wake::Changes { subscription: CHANGES.to_owned(), variables: json!({ "id": args.id }) };
        return watch(&client, &wake, args.connect.json, look).await;
    }
    let (channel, lines) = look().await?;
    if args.connect.json { print::json(&channel) } else { print::lines(lines) }
}

fn unknown(id: &str, as_of: Option<&str>) -> Fault {
    let then = as_of.map(|moment| format!(" at {moment}")).unwrap_or_default();
    let was = if as_of.is_some() { "was" } else { "is" };
    Fault::new(format!("there {was} no channel `{id}`{then}"), "see `sigma channel list`")
}

async fn update(args: &ChannelArgs, input: Value) -> Result<(), Fault> {
    if input.as_object().is_some_and(Map::is_empty) {
        let mend = "say what is to change, as --name or --latency-mode; see `sigma channel update --help`";
        return Err(Fault::new("nothing is to change", mend));
    }
    let query = format!(
        "mutation Update($id: ID!, $input: UpdateChannelInput!) {{ updateChannel(id: $id, input: $input) {{ channel {{ ...C }} }} }} {CHANNEL}"
    );
    let variables = json!({ "id": args.id, "input": input });
    let payload = Client::connect(&args.connect)?.field(&query, variables, "updateChannel").await?;
    if args.connect.json { print::json(&payload) } else { print::lines(facts(&payload["channel"])) }
}

async fn act(args: &ChannelArgs, mutation: &str, done: &str) -> Result<(), Fault> {
    let query = format!(
        "mutation Act($id: ID!) {{ {mutation}(id: $id) {{ channel {{ id name state latencyMode playbackId watchUrl }} }} }}"
    );
    let payload = Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), mutation).await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{} ({}) is {done}", print::cell(&payload["channel"]["name"]), args.id)])
}

/// Its name is told no more: it is gone.
async fn erase(args: &ChannelArgs) -> Result<(), Fault> {
    let query = "mutation Erase($id: ID!) { deleteChannel(id: $id, erase: true) { channel { id erased } } }";
    let payload =
        Client::connect(&args.connect)?.field(query, json!({ "id": args.id }), "deleteChannel").await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{} is deleted, and what was personal about it is erased", args.id)])
}

async fn rotate(args: &ChannelArgs, overlap: Option<i32>) -> Result<(), Fault> {
    let query = format!(
        "mutation Rotate($id: ID!, $overlap: Int) {{ rotateStreamKey(channelId: $id, overlapSeconds: $overlap) \
         {{ channel {{ ...C }} streamKey }} }} {CHANNEL}"
    );
    let variables = json!({ "id": args.id, "overlap": overlap });
    let payload = Client::connect(&args.connect)?.field(&query, variables, "rotateStreamKey").await?;
    if args.connect.json {
        return print::json(&payload);
    }
    let server = print::cell(&payload["channel"]["ingest"]["rtmpUrl"]);
    print::lines(print::facts(&[
        ("secure server", print::cell(&payload["channel"]["ingest"]["rtmpsUrl"])),
        ("server", server),
        ("stream key", print::cell(&payload["streamKey"])),
    ]))
}

fn facts(channel: &Value) -> Vec<String> {
    let text = |name: &str| print::cell(&channel[name]);
    let session = &channel["currentSession"];
    let on_air = if session.is_null() {
        String::new()
    } else {
        format!(
            "{} {} since {}",
            print::cell(&session["id"]),
            print::cell(&session["state"]),
            print::moment(&session["startedAt"])
        )
    };
    print::facts(&[
        ("id", text("id")),
        ("name", text("name")),
        ("state", text("state")),
        ("on air", on_air),
        ("latency mode", text("latencyMode")),
        ("auto go live", text("autoGoLive")),
        ("end on unpublish", text("endOnUnpublish")),
        ("reconnect window", format!("{} s", text("reconnectWindow"))),
        ("longest session", format!("{} s", text("maxSessionDuration"))),
        ("rewind", rewind(&channel["dvrWindow"])),
        ("source record", kept(&channel["recordSource"], &channel["sourceRetention"])),
        ("catchup", kept(&channel["catchup"], &channel["catchupRetention"])),
        ("created", print::moment(&channel["createdAt"])),
        ("watch", text("watchUrl")),
        ("playlist", text("playbackUrl")),
        ("with rewind", text("dvrUrl")),
        ("secure server", print::cell(&channel["ingest"]["rtmpsUrl"])),
        ("server", print::cell(&channel["ingest"]["rtmpUrl"])),
        ("stream key", print::cell(&channel["ingest"]["streamKey"])),
    ])
}

fn rewind(seconds: &Value) -> String {
    if seconds == &json!(0) { "none".to_owned() } else { format!("{} s", print::cell(seconds)) }
}

/// Whether something is kept, and for how long.
fn kept(is_kept: &Value, seconds: &Value) -> String {
    match (is_kept.as_bool(), seconds.is_null()) {
        (Some(true), true) => "kept until deleted".to_owned(),
        (Some(true), false) => format!("kept for {} s", print::cell(seconds)),
        _ => "not kept".to_owned(),
    }
}
