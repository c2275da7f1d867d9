//! `sigma session …`

use serde_json::{Value, json};

use super::connection::Client;
use super::print;
use super::table::{extra, state, text, whole};
use super::watch::{Wake, watch};
use crate::cli::{ConnectArgs, SessionArgs, SessionCommand, SessionState};
use crate::fault::Fault;

const SESSION: &str = "fragment S on Session { id channel { id name } state startedAt liveAt endedAt endReason \
input { protocol encoder videoCodec width height frameRate audioCodec bitrate } playbackUrl }";

/// What wakes `--watch`.
const CHANGES: &str =
    "subscription Changes($id: ID, $channel: ID) { sessionUpdated(id: $id, channelId: $channel) { id } }";

pub(crate) async fn run(command: SessionCommand) -> Result<(), Fault> {
    match command {
        SessionCommand::List { channel, state, limit, watch, connect } => {
            let state = state.map(|state| match state {
                SessionState::Init => "INIT",
                SessionState::Processing => "PROCESSING",
                SessionState::Live => "LIVE",
                SessionState::Error => "ERROR",
                SessionState::Ended => "ENDED",
            });
            let variables = json!({ "channel": channel, "state": state });
            list(&connect, variables, limit.limit, watch.watch).await
        }
        SessionCommand::Show { watch, session } => show(&session, watch.watch).await,
        SessionCommand::GoLive(args) => act(&args, "goLive", "public").await,
        SessionCommand::End(args) => act(&args, "endSession", "ended").await,
        SessionCommand::Timeline(args) => timeline(&args).await,
    }
}

async fn list(connect: &ConnectArgs, variables: Value, limit: u16, watching: bool) -> Result<(), Fault> {
    let query = format!(
        "query Sessions($first: Int, $after: String, $channel: ID, $state: SessionState) {{ \
         sessions(first: $first, after: $after, channelId: $channel, state: $state) {{ nodes {{ ...S }} \
         pageInfo {{ hasNextPage endCursor }} }} }} {SESSION}"
    );
    let client = Client::connect(connect)?;
    let look = async || {
        let sessions = client.pages(&query, variables.clone(), "sessions", limit).await?;
        let lines = rows(&sessions);
        Ok((sessions, lines))
    };
    if watching {
        let variables = json!({ "channel": variables["channel"] });
        let wake = Wake::Changes { subscription: CHANGES.to_owned(), variables };
        return watch(&client, &wake, connect.json, look).await;
    }
    let (sessions, lines) = look().await?;
    if connect.json { print::json(&sessions) } else { print::lines(lines) }
}

fn rows(sessions: &Value) -> Vec<String> {
    let nodes = print::nodes(sessions);
    if nodes.is_empty() {
        return vec!["No sessions.".to_owned()];
    }
    let rows = nodes.iter().map(|session| {
        let text = |name: &str| print::cell(&session[name]);
        let moment = |name: &str| print::moment(&session[name]);
        let channel = print::cell(&session["channel"]["name"]);
        vec![text("id"), text("state"), moment("startedAt"), moment("endedAt"), text("endReason"), channel]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns =
        [whole("ID"), state("STATE"), extra("STARTED"), extra("ENDED"), extra("WHY"), text("CHANNEL")];
    print::table(&columns, &rows)
}

async fn show(args: &SessionArgs, watching: bool) -> Result<(), Fault> {
    let query = format!("query Session($id: ID!) {{ session(id: $id) {{ ...S }} }} {SESSION}");
    let client = Client::connect(&args.connect)?;
    let look = async || {
        let session = client.field(&query, json!({ "id": args.id }), "session").await?;
        if session.is_null() {
            return Err(unknown(&args.id));
        }
        let lines = facts(&session);
        Ok((session, lines))
    };
    if watching {
        let wake = Wake::Changes { subscription: CHANGES.to_owned(), variables: json!({ "id": args.id }) };
        return watch(&client, &wake, args.connect.json, look).await;
    }
    let (session, lines) = look().await?;
    if args.connect.json { print::json(&session) } else { print::lines(lines) }
}

fn unknown(id: &str) -> Fault {
    Fault::new(format!("there is no session `{id}`"), "see `sigma session list`")
}

async fn act(args: &SessionArgs, mutation: &str, done: &str) -> Result<(), Fault> {
    let query =
        format!("mutation Act($id: ID!) {{ {mutation}(sessionId: $id) {{ session {{ ...S }} }} }} {SESSION}");
    let payload = Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), mutation).await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("session {} is {done}", args.id)])
}

async fn timeline(args: &SessionArgs) -> Result<(), Fault> {
    let query = "query Timeline($id: ID!) { session(id: $id) { id timeline { at type message actor { kind id name } data } } }";
    let session = Client::connect(&args.connect)?.field(query, json!({ "id": args.id }), "session").await?;
    if session.is_null() {
        return Err(unknown(&args.id));
    }
    if args.connect.json {
        return print::json(&session);
    }
    let entries = session["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = entries.iter().map(|entry| {
        let cell = |name: &str| print::cell(&entry[name]);
        vec![print::moment(&entry["at"]), cell("type"), cell("message"), print::actor(&entry["actor"])]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    print::lines(print::table(&[whole("AT"), extra("TYPE"), text("WHAT"), text("WHO")], &rows))
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
