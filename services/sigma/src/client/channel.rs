//! `sigma channel …`

use serde_json::{Map, Value, json};

use super::connection::Client;
use super::print;
use crate::cli::{ChannelArgs, ChannelCommand, ConnectArgs, LatencyMode};
use crate::fault::Fault;

/// All of a channel, its key included: who may ask for it may see it.
const CHANNEL: &str = "fragment C on Channel { id name state latencyMode autoGoLive maxSessionDuration reconnectWindow \
endOnUnpublish playbackId playbackUrl watchUrl ingest { rtmpUrl streamKey } \
currentSession { id state startedAt liveAt } createdAt }";

pub(crate) async fn run(command: ChannelCommand) -> Result<(), Fault> {
    match command {
        ChannelCommand::Create {
            name,
            latency_mode,
            auto_go_live,
            max_session_duration,
            reconnect_window,
            end_on_unpublish,
            connect,
        } => {
            let said = [
                ("name", Some(json!(name))),
                ("latencyMode", latency_mode.map(|mode| json!(word(mode)))),
                ("autoGoLive", auto_go_live.map(Value::from)),
                ("maxSessionDuration", max_session_duration.map(Value::from)),
                ("reconnectWindow", reconnect_window.map(Value::from)),
                ("endOnUnpublish", end_on_unpublish.map(Value::from)),
            ];
            let input: Map<String, Value> =
                said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            create(&connect, Value::Object(input)).await
        }
        ChannelCommand::List { search, limit, connect } => list(&connect, search, limit).await,
        ChannelCommand::Show(args) => show(&args).await,
        ChannelCommand::Start(args) => act(&args, "startChannel", "started: it lets feeds in").await,
        ChannelCommand::Stop(args) => act(&args, "stopChannel", "stopped: it lets no feed in").await,
        ChannelCommand::Delete(args) => act(&args, "deleteChannel", "deleted").await,
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

async fn create(connect: &ConnectArgs, input: Value) -> Result<(), Fault> {
    let query = format!(
        "mutation Create($input: CreateChannelInput!) {{ createChannel(input: $input) {{ channel {{ ...C }} streamKey }} }} {CHANNEL}"
    );
    let payload = Client::connect(connect)?.field(&query, json!({ "input": input }), "createChannel").await?;
    if connect.json {
        return print::json(&payload);
    }
    print::lines(facts(&payload["channel"]))
}

async fn list(connect: &ConnectArgs, search: Option<String>, limit: u16) -> Result<(), Fault> {
    let query = "query Channels($first: Int, $after: String, $search: String) { \
        channels(first: $first, after: $after, search: $search) { nodes { id name state latencyMode autoGoLive \
        maxSessionDuration reconnectWindow endOnUnpublish playbackId playbackUrl watchUrl ingest { rtmpUrl } \
        currentSession { id state startedAt liveAt } createdAt } pageInfo { hasNextPage endCursor } } }";
    let client = Client::connect(connect)?;
    let channels = client.pages(query, json!({ "search": search }), "channels", limit).await?;
    if connect.json {
        return print::json(&channels);
    }
    let nodes = channels["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if nodes.is_empty() {
        return print::lines(["No channels. Make one with: sigma channel create NAME"]);
    }
    let rows = nodes.iter().map(|channel| {
        let text = |name: &str| print::cell(&channel[name]);
        let session = print::cell(&channel["currentSession"]["state"]);
        vec![text("id"), text("state"), session, text("latencyMode"), text("name"), text("watchUrl")]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    print::lines(print::table(&["ID", "STATE", "SESSION", "LATENCY", "NAME", "WATCH"], &rows))
}

async fn show(args: &ChannelArgs) -> Result<(), Fault> {
    let query = format!("query Channel($id: ID!) {{ channel(id: $id) {{ ...C }} }} {CHANNEL}");
    let channel = Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), "channel").await?;
    if channel.is_null() {
        return Err(Fault::new(format!("there is no channel `{}`", args.id), "see `sigma channel list`"));
    }
    if args.connect.json {
        return print::json(&channel);
    }
    print::lines(facts(&channel))
}

async fn act(args: &ChannelArgs, mutation: &str, done: &str) -> Result<(), Fault> {
    // What `deleteChannel` answers has no key any more, so none is asked for.
    let query = format!(
        "mutation Act($id: ID!) {{ {mutation}(id: $id) {{ channel {{ id name state latencyMode playbackId watchUrl }} }} }}"
    );
    let payload = Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), mutation).await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{} ({}) is {done}", print::cell(&payload["channel"]["name"]), args.id)])
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
    print::lines(print::facts(&[("server", server), ("stream key", print::cell(&payload["streamKey"]))]))
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
        ("created", print::moment(&channel["createdAt"])),
        ("watch", text("watchUrl")),
        ("playlist", text("playbackUrl")),
        ("server", print::cell(&channel["ingest"]["rtmpUrl"])),
        ("stream key", print::cell(&channel["ingest"]["streamKey"])),
    ])
}
