//! `sigma asset …`

use serde_json::{Value, json};

use super::connection::Client;
use super::download;
use super::print;
use super::table::{extra, state, text, whole};
use super::watch::{Wake, watch};
use crate::cli::{AssetArgs, AssetCommand, AssetKind, AssetState, ClipArgs, ConnectArgs};
use crate::fault::Fault;

const ASSET: &str = "fragment A on Asset { id kind state failure title channel { id name } session { id } parent { id } \
durationSeconds bytes gapsSeconds files trimmed exact wholeDurationSeconds createdAt readyAt expiresAt playbackUrl sourceUrls downloadUrl }";

/// What wakes `--watch`.
const CHANGES: &str =
    "subscription Changes($id: ID, $channel: ID) { assetUpdated(id: $id, channelId: $channel) { id } }";

/// What is listed unless another state is asked for.
const THERE: [&str; 3] = ["STARTED", "READY", "FAILED"];

pub(crate) async fn run(command: AssetCommand) -> Result<(), Fault> {
    match command {
        AssetCommand::List { channel, session, kind, state, limit, watch, connect } => {
            let kind = kind.map(|kind| match kind {
                AssetKind::Source => "SOURCE",
                AssetKind::Catchup => "CATCHUP",
                AssetKind::Clip => "CLIP",
            });
            let states = state.map_or(THERE.to_vec(), |state| {
                vec![match state {
                    AssetState::Started => "STARTED",
                    AssetState::Ready => "READY",
                    AssetState::Failed => "FAILED",
                    AssetState::Deleted => "DELETED",
                    AssetState::Expired => "EXPIRED",
                }]
            });
            let variables = json!({ "channel": channel, "session": session, "kind": kind, "states": states });
            list(&connect, variables, limit.limit, watch.watch).await
        }
        AssetCommand::Show { watch, asset } => show(&asset, watch.watch).await,
        AssetCommand::Clip(args) => clip(&args).await,
        AssetCommand::Trim { from, to, exact, asset } => trim(&asset, from, to, exact).await,
        AssetCommand::Poster { at, asset } => poster(&asset, at).await,
        AssetCommand::Untrim(args) => act(&args, "untrimAsset", "whole again").await,
        AssetCommand::Download { id, file, number, source, connect } => {
            download(&connect, &id, &file, number, source).await
        }
        AssetCommand::Delete(args) => act(&args, "deleteAsset", "deleted").await,
    }
}

async fn list(connect: &ConnectArgs, variables: Value, limit: u16, watching: bool) -> Result<(), Fault> {
    let query = format!(
        "query Assets($first: Int, $after: String, $channel: ID, $session: ID, $kind: AssetKind, $states: [AssetState!]) {{ \
         assets(first: $first, after: $after, channelId: $channel, sessionId: $session, kind: $kind, states: $states) \
         {{ nodes {{ ...A }} pageInfo {{ hasNextPage endCursor }} }} }} {ASSET}"
    );
    let client = Client::connect(connect)?;
    let look = async || {
        let assets = client.pages(&query, variables.clone(), "assets", limit).await?;
        let lines = rows(&assets);
        Ok((assets, lines))
    };
    if watching {
        let variables = json!({ "channel": variables["channel"] });
        let wake = Wake::Changes { subscription: CHANGES.to_owned(), variables };
        return watch(&client, &wake, connect.json, look).await;
    }
    let (assets, lines) = look().await?;
    if connect.json { print::json(&assets) } else { print::lines(lines) }
}

fn rows(assets: &Value) -> Vec<String> {
    let nodes = print::nodes(assets);
    if nodes.is_empty() {
        return vec!["No recordings.".to_owned()];
    }
    let rows = nodes.iter().map(|asset| {
        let cell = |name: &str| print::cell(&asset[name]);
        let title = [cell("title"), print::cell(&asset["channel"]["name"])];
        vec![
            cell("id"),
            cell("kind"),
            cell("state"),
            length(&asset["durationSeconds"]),
            size(&asset["bytes"]),
            print::moment(&asset["createdAt"]),
            print::moment(&asset["expiresAt"]),
            title.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · "),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns = [
        whole("ID"),
        state("KIND"),
        state("STATE"),
        extra("LENGTH"),
        extra("SIZE"),
        extra("CREATED"),
        extra("EXPIRES"),
        text("WHAT"),
    ];
    print::table(&columns, &rows)
}

async fn show(args: &AssetArgs, watching: bool) -> Result<(), Fault> {
    let query = format!("query Asset($id: ID!) {{ asset(id: $id) {{ ...A }} }} {ASSET}");
    let client = Client::connect(&args.connect)?;
    let look = async || {
        let asset = client.field(&query, json!({ "id": args.id }), "asset").await?;
        if asset.is_null() {
            return Err(unknown(&args.id));
        }
        let lines = facts(&asset);
        Ok((asset, lines))
    };
    if watching {
        let wake = Wake::Changes { subscription: CHANGES.to_owned(), variables: json!({ "id": args.id }) };
        return watch(&client, &wake, args.connect.json, look).await;
    }
    let (asset, lines) = look().await?;
    if args.connect.json { print::json(&asset) } else { print::lines(lines) }
}

fn unknown(id: &str) -> Fault {
    Fault::new(format!("there is no asset `{id}`"), "see `sigma asset list`")
}

async fn clip(args: &ClipArgs) -> Result<(), Fault> {
    let query = format!(
        "mutation Clip($input: CreateClipInput!) {{ createClip(input: $input) {{ asset {{ ...A }} }} }} {ASSET}"
    );
    let of = if args.id.starts_with("as_") { "assetId" } else { "sessionId" };
    let mut input = match args.range.as_slice() {
        [] => json!({ "from": args.from, "to": args.to }),
        ranges => {
            let ranges = ranges.iter().map(|(from, to)| json!({ "from": from, "to": to }));
            json!({ "ranges": ranges.collect::<Vec<_>>() })
        }
    };
    input["title"] = json!(args.title);
    input["exact"] = json!(args.exact);
    input[of] = json!(args.id);
    let payload =
        Client::connect(&args.connect)?.field(&query, json!({ "input": input }), "createClip").await?;
    if args.connect.json { print::json(&payload) } else { print::lines(facts(&payload["asset"])) }
}

async fn trim(args: &AssetArgs, from: f64, to: f64, exact: bool) -> Result<(), Fault> {
    let query = format!(
        "mutation Trim($id: ID!, $from: Float!, $to: Float!, $exact: Boolean!) {{ \
         trimAsset(id: $id, from: $from, to: $to, exact: $exact) {{ asset {{ ...A }} }} }} {ASSET}"
    );
    let variables = json!({ "id": args.id, "from": from, "to": to, "exact": exact });
    let payload = Client::connect(&args.connect)?.field(&query, variables, "trimAsset").await?;
    if args.connect.json { print::json(&payload) } else { print::lines(facts(&payload["asset"])) }
}

async fn poster(args: &AssetArgs, at: f64) -> Result<(), Fault> {
    let query = format!(
        "mutation Poster($id: ID!, $at: Float!) {{ setPoster(id: $id, at: $at) {{ asset {{ ...A }} }} }} {ASSET}"
    );
    let variables = json!({ "id": args.id, "at": at });
    let payload = Client::connect(&args.connect)?.field(&query, variables, "setPoster").await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("the picture {at} s from its beginning stands for {}", args.id)])
}

async fn act(args: &AssetArgs, mutation: &str, done: &str) -> Result<(), Fault> {
    let query = format!("mutation Act($id: ID!) {{ {mutation}(id: $id) {{ asset {{ ...A }} }} }} {ASSET}");
    let payload = Client::connect(&args.connect)?.field(&query, json!({ "id": args.id }), mutation).await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{} is {done}", args.id)])
}

async fn download(
    connect: &ConnectArgs,
    id: &str,
    file: &std::path::Path,
    number: u32,
    source: bool,
) -> Result<(), Fault> {
    let client = Client::connect(connect)?;
    let query = "query Files($id: ID!) { asset(id: $id) { id kind state sourceUrls downloadUrl } }";
    let asset = client.field(query, json!({ "id": id }), "asset").await?;
    if asset.is_null() {
        return Err(unknown(id));
    }
    let (urls, missing) = match (source, asset["downloadUrl"].as_str()) {
        (true, _) => (asset["sourceUrls"].clone(), Vec::new()),
        (false, Some(first)) => {
            let mut made = download::made(&client, first).await?;
            (made["urls"].take(), made["missing"].as_array().cloned().unwrap_or_default())
        }
        (false, None) => (Value::Null, Vec::new()),
    };
    let urls = urls.as_array().map(Vec::as_slice).unwrap_or_default();
    let chosen = number.checked_sub(1).and_then(|place| urls.get(usize::try_from(place).ok()?));
    let Some(url) = chosen.and_then(Value::as_str) else {
        let (kind, state) = (print::cell(&asset["kind"]), print::cell(&asset["state"]));
        let mend = match source {
            true => "download what is SOURCE and READY; see `sigma asset list --kind source`",
            false => "download what is READY; see `sigma asset list`",
        };
        return Err(match urls.len() {
            0 => Fault::new(format!("{id} is {kind} and {state}: there is no file of it"), mend),
            files => Fault::new(format!("{id} has {files} files"), format!("say --number 1 to {files}")),
        });
    };
    let written = download::into_file(&client, url, file).await?;
    if connect.json {
        let file = file.display().to_string();
        return print::json(&json!({ "id": id, "file": file, "bytes": written, "missing": missing }));
    }
    let lost = missing.iter().map(|lost| {
        format!(
            "{} s are missing (segment {}): {}",
            lost["seconds"],
            lost["segment"],
            print::cell(&lost["why"])
        )
    });
    print::lines(
        std::iter::once(format!("{} written to {}", size(&json!(written)), file.display())).chain(lost),
    )
}

/// `1:02:03`, or `2:03`; to the second.
fn length(seconds: &Value) -> String {
    let Some(seconds) = seconds.as_f64() else { return String::new() };
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `1.4 GB`: powers of ten, one decimal.
pub(super) fn size(bytes: &Value) -> String {
    let Some(bytes) = bytes.as_u64() else { return String::new() };
    let mut unit = ("B", 1_u64);
    for larger in [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)] {
        if bytes >= larger.1 {
            unit = larger;
        }
    }
    match unit {
        (name, 1) => format!("{bytes} {name}"),
        (name, of) => format!("{}.{} {name}", bytes / of, bytes % of * 10 / of),
    }
}

fn facts(asset: &Value) -> Vec<String> {
    let cell = |name: &str| print::cell(&asset[name]);
    let channel = &asset["channel"];
    let channel = match channel.is_null() {
        true => "deleted".to_owned(),
        false => format!("{} ({})", print::cell(&channel["name"]), print::cell(&channel["id"])),
    };
    let gaps = match asset["gapsSeconds"].as_f64() {
        Some(gaps) if gaps > 0.0 => format!("{gaps} s are missing"),
        _ => String::new(),
    };
    let part = match asset["trimmed"].as_bool() {
        Some(true) => format!("a part of {}", length(&asset["wholeDurationSeconds"])),
        _ => String::new(),
    };
    print::facts(&[
        ("id", cell("id")),
        ("title", cell("title")),
        ("kind", cell("kind")),
        ("state", cell("state")),
        ("why", cell("failure")),
        ("channel", channel),
        ("session", print::cell(&asset["session"]["id"])),
        ("cut from", print::cell(&asset["parent"]["id"])),
        ("length", length(&asset["durationSeconds"])),
        ("trimmed", part),
        ("cut", if asset["exact"] == true { "to the picture".to_owned() } else { String::new() }),
        ("gaps", gaps),
        ("size", size(&asset["bytes"])),
        ("created", print::moment(&asset["createdAt"])),
        ("ready", print::moment(&asset["readyAt"])),
        ("expires", print::moment(&asset["expiresAt"])),
        ("playlist", cell("playbackUrl")),
        ("files", print::cells(&asset["downloadUrls"])),
        ("as sent", print::cells(&asset["sourceUrls"])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_are_told_as_people_say_them() {
        assert_eq!(length(&json!(62.6)), "1:03");
        assert_eq!(length(&json!(3_723)), "1:02:03");
        assert_eq!(length(&Value::Null), "");
        for (bytes, told) in [(999, "999 B"), (1_000, "1.0 kB"), (1_490_000_000, "1.4 GB")] {
            assert_eq!(size(&json!(bytes)), told);
        }
    }
}
