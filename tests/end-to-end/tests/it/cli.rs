//! The command line as people and programs use it, against a real server.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use end_to_end::{Platform, Start, binary};
use harness::free_port;
use serde_json::{Value, json};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(30);

/// The binary with nothing of this machine's own settings.
fn sigma(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null());
    for variable in ["SIGMA_URL", "SIGMA_TOKEN", "SIGMA_ADMIN_TOKEN", "SIGMA_CONFIG", "SIGMA_DATA_DIR"] {
        command.env_remove(variable);
    }
    command
}

/// As the operator of `platform` calls it.
fn of(platform: &Platform, args: &[&str]) -> Command {
    let mut command = sigma(args);
    command.arg("--data-dir").arg(platform.data_dir());
    command
}

fn run(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("it ends by itself"), text(stdout), text(stderr))
}

fn json_of(command: Command) -> Value {
    let (code, out, err) = run(command);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).expect("JSON")
}

/// Refused with one line of words.
fn refused(command: Command) -> String {
    let (code, out, err) = run(command);
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    err
}

/// A command that goes on, line by line. Ended when dropped.
struct Going {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Going {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let out = child.stdout.take().expect("its output");
        let (said, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        let line = sigma_clock::timeout(SOON, self.lines.recv()).await.expect("a line in time");
        line.expect("it goes on")
    }

    async fn object(&mut self) -> Value {
        serde_json::from_str(&self.line().await).expect("a JSON object a line")
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn make(platform: &Platform, name: &str) -> String {
    let made = json_of(of(platform, &["channel", "create", name, "--json"]));
    made["channel"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn channels_are_made_found_changed_and_shown() {
    let platform = Platform::start(Start::default()).await;
    let id = make(&platform, "Evening");
    make(&platform, "Morning");
    let changed = json_of(of(
        &platform,
        &["channel", "update", &id, "--name", "Night", "--reconnect-window", "5", "--json"],
    ));
    assert_eq!(changed["channel"]["name"], "Night");
    assert_eq!(changed["channel"]["reconnectWindow"], 5);
    let by_name = json_of(of(&platform, &["channel", "list", "--order", "name", "--json"]));
    let names: Vec<&Value> =
        by_name["nodes"].as_array().expect("a list").iter().map(|channel| &channel["name"]).collect();
    assert_eq!(names, ["Morning", "Night"]);
    let (_, table, _) = run(of(&platform, &["channel", "list", "--search", "night"]));
    assert!(table.contains(&id) && !table.contains("Morning") && !table.contains('\u{1b}'), "{table}");

    // The key is shown only to who asks for it.
    let shown = json_of(of(&platform, &["channel", "show", &id, "--json"]));
    assert_eq!(shown["ingest"].get("streamKey"), None, "{shown}");
    let shown = json_of(of(&platform, &["channel", "show", &id, "--key", "--json"]));
    assert!(shown["ingest"]["streamKey"].is_string(), "{shown}");
    let seen =
        json_of(of(&platform, &["events", "tail", "--no-follow", "--type", "channel.key_shown", "--json"]));
    assert_eq!(seen["aggregateId"], json!(id), "that it was shown is an event");
}

#[tokio::test]
async fn what_goes_wrong_is_one_line_with_its_mend() {
    let platform = Platform::start(Start::default()).await;
    let line = refused(of(&platform, &["channel", "show", "ch_nobody"]));
    assert_eq!(line, "sigma: there is no channel `ch_nobody`; see `sigma channel list`\n");
    let line = refused(of(&platform, &["channel", "stop", "ch_0198c0ffee00700080000000000000aa"]));
    assert!(line.contains("see `sigma channel list`"), "{line}");
    let line = refused(of(&platform, &["channel", "list", "--token", "sgm_wrong"]));
    assert!(
        line.contains("does not take the token of --token") && line.contains("--token or SIGMA_TOKEN"),
        "{line}"
    );
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let line = refused(sigma(&["channel", "list", "--url", &nowhere, "--token", "x"]));
    assert!(line.contains("does not answer; see that `sigma serve` runs there"), "{line}");
    let line = refused(of(&platform, &["channel", "create", ""]));
    assert!(line.contains("name: "), "the field is named: {line}");

    let made = json_of(of(&platform, &["token", "create", "reader", "--scope", "sessions:read", "--json"]));
    let secret = made["secret"].as_str().expect("a token").to_owned();
    let line = refused(of(&platform, &["channel", "list", "--token", &secret]));
    assert!(line.contains("channels:read") && line.contains("sigma token create"), "{line}");

    for usage in [
        &["channel"][..],
        &["channel", "dance"],
        &["token", "create", "x"],
        &["events", "tail", "--lines", "x"],
    ] {
        let (code, _, _) = run(sigma(usage));
        assert_eq!(code, 2, "{usage:?}");
    }
}

#[tokio::test]
async fn tokens_and_projects_are_made_listed_and_revoked() {
    let platform = Platform::start(Start::default()).await;
    let args =
        ["token", "create", "studio", "--scope", "channels:read,channels:write", "--expires-in", "30d"];
    let (code, out, err) = run(of(&platform, &args));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("it is not shown again"), "{out}");
    let secret = out.lines().find_map(|line| line.strip_prefix("token")).expect("a token").trim().to_owned();
    assert!(secret.starts_with("sgm_"), "{secret}");
    make(&platform, "Seen");
    let mut command = sigma(&["channel", "list"]);
    command.env("SIGMA_URL", platform.url("")).env("SIGMA_TOKEN", &secret);
    let (code, out, err) = run(command);
    assert!(code == 0 && out.contains("Seen"), "{err}");
    assert!(err.contains("left out") && err.contains("sessions:read") && err.lines().count() == 1, "{err}");

    let (_, out, _) = run(of(&platform, &["token", "list"]));
    assert!(out.contains("studio") && out.contains("valid") && !out.contains(&secret), "{out}");
    let listed = json_of(of(&platform, &["token", "list", "--json"]));
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(run(of(&platform, &["token", "revoke", &id])).0, 0);
    let line = refused(of(&platform, &["channel", "list", "--token", &secret]));
    assert!(line.contains("was revoked"), "{line}");

    let project = json_of(of(&platform, &["project", "create", "Second", "--json"]));
    let (_, out, _) = run(of(&platform, &["project", "list"]));
    assert!(
        out.contains(project["project"]["id"].as_str().expect("an id")) && out.contains("Second"),
        "{out}"
    );
}

#[tokio::test]
async fn a_tail_loses_nothing_and_shows_nothing_twice_through_a_restart() {
    let mut platform = Platform::start(Start::default()).await;
    make(&platform, "Before");
    let mut command = of(&platform, &["events", "tail", "--type", "channel.", "--json"]);
    command.env("SIGMA_TOKEN", platform.admin_token()).env("SIGMA_URL", platform.url(""));
    let mut tail = Going::start(command);
    let mut seen = vec![tail.object().await];
    for name in ["One", "Two"] {
        make(&platform, name);
        seen.push(tail.object().await);
    }
    platform.terminate().await;
    platform.launch().await;
    // Some of these come while the tail is still on its way back.
    for name in ["Three", "Four", "Five"] {
        make(&platform, name);
    }
    for _ in 0..3 {
        seen.push(tail.object().await);
    }
    let ids: BTreeSet<&str> = seen.iter().map(|event| event["id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), 6, "none twice: {seen:#?}");
    let names: Vec<&Value> = seen.iter().map(|event| &event["data"]["name"]["plain"]).collect();
    assert_eq!(names, ["Before", "One", "Two", "Three", "Four", "Five"]);

    let after = seen[3]["position"].as_str().expect("a position");
    let rest =
        of(&platform, &["events", "tail", "--after", after, "--type", "channel.", "--no-follow", "--json"]);
    let (_, out, _) = run(rest);
    assert_eq!(out.lines().count(), 2, "{out}");
}

#[tokio::test]
async fn an_export_is_gone_on_with_where_it_broke_off() {
    let platform = Platform::start(Start::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.ndjson");
    let export = || {
        let mut command = of(&platform, &["events", "export"]);
        command.arg("--output").arg(&file);
        command
    };
    for number in 0..120 {
        platform.create_channel(&format!("Channel {number}"), json!({})).await;
    }
    assert_eq!(run(export()).0, 0);
    let positions = || -> Vec<String> {
        let text = std::fs::read_to_string(&file).expect("the file");
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event a line"));
        events.map(|event| event["position"].as_str().expect("a position").to_owned()).collect()
    };
    let first = positions();
    assert!(first.len() >= 120, "{}", first.len());
    // The last line is torn, as a kill leaves it.
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, &text[..text.len() - 20]).expect("written");
    make(&platform, "Later");
    assert_eq!(run(export()).0, 0);
    let second = positions();
    assert!(second.len() > first.len());
    assert_eq!(second[..first.len()], first);
    let all: BTreeSet<&String> = second.iter().collect();
    assert_eq!(all.len(), second.len(), "none twice");
    assert_eq!(run(export()).0, 0);
    assert_eq!(positions(), second, "nothing new, nothing written");
    let (_, out, _) = run(of(&platform, &["events", "export"]));
    assert_eq!(out.lines().count(), second.len());
}

#[tokio::test]
async fn a_watched_list_shows_what_changes() {
    let platform = Platform::start(Start::default()).await;
    let mut watch = Going::start(of(&platform, &["channel", "list", "--watch", "--json"]));
    assert_eq!(watch.object().await["nodes"], json!([]));
    let id = make(&platform, "New");
    assert_eq!(watch.object().await["nodes"][0]["id"], json!(id));
    let mut one = Going::start(of(&platform, &["channel", "show", &id, "--watch", "--json"]));
    assert_eq!(one.object().await["state"], "IDLE");
    assert_eq!(run(of(&platform, &["channel", "stop", &id])).0, 0);
    assert_eq!(one.object().await["state"], "STOP");
    let mut status = Going::start(of(&platform, &["projections", "status", "--watch", "--json"]));
    assert!(status.object().await.is_array());
    let mut tokens = Going::start(of(&platform, &["token", "list", "--watch", "--json"]));
    assert_eq!(tokens.object().await, json!([]));
    let mut projects = Going::start(of(&platform, &["project", "list", "--watch", "--json"]));
    assert_eq!(projects.object().await.as_array().map(Vec::len), Some(1));
    assert_eq!(run(of(&platform, &["token", "create", "Reader", "--scope", "channels:read"])).0, 0);
    assert_eq!(tokens.object().await[0]["name"], "Reader");
    assert_eq!(run(of(&platform, &["project", "create", "Another"])).0, 0);
    assert_eq!(projects.object().await.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_projection_is_rebuilt_before_the_command_ends() {
    let platform = Platform::start(Start::default()).await;
    make(&platform, "Kept");
    let before = json_of(of(&platform, &["projections", "status", "--json"]));
    let name = before[0]["name"].as_str().expect("a name").to_owned();
    let rebuilt = json_of(of(&platform, &["projections", "rebuild", &name, "--json"]));
    assert!(rebuilt["projection"]["generation"].as_i64() > before[0]["generation"].as_i64(), "{rebuilt}");
    let (code, out, _) = run(of(&platform, &["projections", "rebuild", &name]));
    assert!(code == 0 && out.contains("is filled anew"), "{out}");
    let line = refused(of(&platform, &["projections", "skip", &name, "ch_nobody"]));
    assert!(!line.is_empty());
}

#[test]
fn settings_are_printed_with_where_they_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("sigma.toml"), "rtmp = \"127.0.0.1:1\"\n").expect("written");
    let mut command = sigma(&["serve", "--http", "127.0.0.1:2", "--print-config", "--json"]);
    command
        .current_dir(folder.path())
        .env("SIGMA_ADMIN_TOKEN", "not-to-be-told-to-anyone")
        .env("SIGMA_HTPT", "x");
    let (code, out, err) = run(command);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("did you mean SIGMA_HTTP?"), "{err}");
    assert!(!out.contains("not-to-be-told-to-anyone"), "{out}");
    let settings: Value = serde_json::from_str(&out).expect("JSON");
    let of = |name: &str| {
        settings.as_array().expect("a list").iter().find(|one| one["name"] == name).expect("it").clone()
    };
    assert_eq!(of("http"), json!({ "name": "http", "value": "127.0.0.1:2", "source": "--http" }));
    assert_eq!(of("rtmp")["source"], "sigma.toml");
    assert_eq!(
        of("admin-token"),
        json!({ "name": "admin-token", "value": "set", "source": "SIGMA_ADMIN_TOKEN" })
    );
    std::fs::write(folder.path().join("sigma.toml"), "rmtp = \"x\"\n").expect("written");
    let mut command = sigma(&["serve", "--print-config"]);
    command.current_dir(folder.path());
    assert!(refused(command).contains("unknown key `rmtp`; did you mean `rtmp`?"));
}

#[test]
fn manuals_and_completions_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = sigma(&["man"]);
    command.arg(folder.path());
    assert_eq!(run(command).0, 0);
    let page = std::fs::read_to_string(folder.path().join("sigma-events-tail.1")).expect("a page");
    assert!(page.contains("none lost"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = run(sigma(&["completions", shell]));
        assert!(code == 0 && out.contains("rotate-key"), "{shell}");
    }
}
