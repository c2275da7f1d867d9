//! `sigma session …`

use serde_json::{Value, json};

use super::connection::Client;
use super::print;
use crate::cli::{ConnectArgs, SessionArgs, SessionCommand};
use crate::fault::Fault;

const SESSION: &str = "fragment S on Session { id channel { id name } state startedAt liveAt endedAt endReason \
input { protocol encoder videoCodec width height frameRate audioCodec bitrate } playbackUrl }";

pub(crate) async fn run(command: SessionCommand) -> Result<(), Fault> {
    match command {
        SessionCommand::List { channel, limit, connect } => list(&connect, channel, limit).await,
        SessionCommand::Show(args) => show(&args).await,
        SessionCommand::End(args) => end(&args).await,
    }
}

async fn list(connect: &ConnectArgs, channel: Option<String>, limit: u16) -> Result<(), Fault> {
    let query = "query Sessions($first: Int, $after: String, $channel: ID) { \
        sessions(first: $first, after: $after, channelId: $channel) { nodes { id channel { id name } state startedAt \
        liveAt endedAt endReason playbackUrl } pageInfo { hasNextPage endCursor } } }";
    let client = Client::connect(connect)?;
    let sessions = client.pages(query, json!({ "channel": channel }), "sessions", limit).await?;
    if connect.json {
        return print::json(&sessions);
    }
    let nodes = sessions["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if nodes.is_empty() {
        return print::lines(["No sessions."]);
    }
    let rows = nodes.iter().map(|session| {
        let text = |name: &str| print::cell(&session[name]);
        let moment = |name: &str| print::moment(&session[name]);
        let channel = print::cell(&session["channel"]["name"]);
        vec![text("id"), text("state"), moment("startedAt"), moment("endedAt"), text("endReason"), channel]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    print::lines(print::table(&["ID", "STATE", "STARTED", "ENDED", "WHY", "CHANNEL"], &rows))
}

async fn show(args: &SessionArgs) -> Result<(), Fault> {
    let query = format!("query Session($id: ID!) {{ session(id: $id) {{ ...S }} }} {SESSION}");
    let session = Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), "session").await?;
    if session.is_null() {
        return Err(Fault::new(format!("there is no session `{}`", args.id), "see `sigma session list`"));
    }
    if args.connect.json {
        return print::json(&session);
    }
    print::lines(facts(&session))
}

async fn end(args: &SessionArgs) -> Result<(), Fault> {
    let query =
        format!("mutation End($id: ID!) {{ endSession(sessionId: $id) {{ session {{ ...S }} }} }} {SESSION}");
    let payload =
        Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), "endSession").await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("session {} is ended", args.id)])
}

fn facts(session: &Value) -> Vec<String> {
    let text = |name: &str| print::cell(&session[name]);
    let input = &session["input"];
    let of_input = |name: &str| print::cell(&input[name]);
    let channel = &session["channel"];
    let channel = match channel.is_null() {
        true => "deleted".to_owned(),
        false => format!("{} ({})", print::cell(&channel["name"]), print::cell(&channel["id"])),
    };
    let size = match of_input("width").as_str() {
        "" => String::new(),
        width => format!("{width}x{}", of_input("height")),
    };
    let rate = match of_input("bitrate").as_str() {
        "" => String::new(),
        rate => format!("{rate} bit/s"),
    };
    let frames = match of_input("frameRate").as_str() {
        "" => String::new(),
        frames => format!("{frames} a second"),
    };
    print::facts(&[
        ("id", text("id")),
        ("channel", channel),
        ("state", text("state")),
        ("started", print::moment(&session["startedAt"])),
        ("live", print::moment(&session["liveAt"])),
        ("ended", print::moment(&session["endedAt"])),
        ("why", text("endReason")),
        ("protocol", of_input("protocol")),
        ("encoder", of_input("encoder")),
        ("video", of_input("videoCodec")),
        ("size", size),
        ("frames", frames),
        ("audio", of_input("audioCodec")),
        ("bitrate", rate),
        ("playlist", text("playbackUrl")),
    ])
}
