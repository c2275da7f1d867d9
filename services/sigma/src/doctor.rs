//! `sigma doctor`: what is missing or unreachable, each with its mend. It changes nothing.

mod kafka;
mod nodes;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sigma_clock::{Clock, SystemClock, Timestamp};
use sigma_store_postgres::Address;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::client::{Client, is_distrust, print};
use crate::fault::Fault;
use crate::folder::{Names, plain, read_line};
use crate::serve::{ROOM_BYTES, most_files, room};
use crate::settings::{EventStore, Settings, Sources, Tls, master_key};
use crate::tls::{WARN_DAYS, days_left};

/// A clock before this is wrong: 2026-01-01, UTC, in milliseconds.
const EPOCH_OF_OURS_MS: i64 = 1_767_225_600_000;
/// A file of ours may be this much younger than now, in milliseconds, before the clock is called wrong.
const AHEAD_MS: i64 = 60_000;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Fewer open files than this are too few for a busy server.
const FILES_LEAST: u64 = 4_096;
const FILES_WANTED: u64 = 65_536;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Good(String),
    /// It works without.
    Amiss(Fault),
    Bad(Fault),
}

use Verdict::{Amiss, Bad, Good};

struct Report(Vec<(&'static str, Verdict)>);

impl Report {
    fn say(&mut self, what: &'static str, verdict: Verdict) {
        self.0.push((what, verdict));
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.0.iter().map(|(what, verdict)| match verdict {
            Good(words) => format!("ok    {what:<12} {words}"),
            Amiss(fault) => format!("warn  {what:<12} {fault}"),
            Bad(fault) => format!("FAIL  {what:<12} {fault}"),
        });
        lines.collect()
    }

    fn failures(&self) -> usize {
        self.0.iter().filter(|(_, verdict)| matches!(verdict, Bad(_))).count()
    }
}

/// Looks at everything and says how it stands.
///
/// # Errors
/// Something fails that the platform cannot do without.
pub(crate) async fn run(sources: Result<Sources, Fault>) -> Result<(), Fault> {
    let mut report = Report(Vec::new());
    match sources.and_then(|sources| Settings::read(&sources)) {
        Ok(settings) => {
            let warnings = settings.warnings.iter().map(|warning| Amiss(Fault::told(warning)));
            let all_right = Good("all can be read; sigma serve --print-config shows them".to_owned());
            let verdicts: Vec<Verdict> = warnings.collect();
            for verdict in if verdicts.is_empty() { vec![all_right] } else { verdicts } {
                report.say("settings", verdict);
            }
            examine(&settings, &mut report).await;
        }
        Err(fault) => report.say("settings", Bad(fault)),
    }
    print::lines(report.lines())?;
    match report.failures() {
        0 => Ok(()),
        1 => Err(Fault::new("one thing fails", "its line above names the mend")),
        failures => Err(Fault::new(format!("{failures} things fail"), "their lines above name the mends")),
    }
}

async fn examine(settings: &Settings, report: &mut Report) {
    let names = Names::of(&settings.data_dir);
    report.say("data folder", folder(names.folder()));
    report.say("disk", disk(names.folder()));
    report.say("clock", clock(&names));
    report.say(
        "admin token",
        secret(&names.admin_token(), settings.admin_token.is_some(), "SIGMA_ADMIN_TOKEN", |_| Ok(())),
    );
    report.say(
        "master key",
        secret(&names.master_key(), settings.master_key.is_some(), "SIGMA_MASTER_KEY", |text| {
            master_key(text).map(|_| ())
        }),
    );
    match read_line(&names.endpoint()) {
        Ok(url) => report.say("server", server(settings, &names, url).await),
        Err(_) => {
            report.say("server", Good("none runs on this data folder".to_owned()));
            report.say("http port", port("http", &settings.http).await);
            if settings.roles.ingest {
                report.say("rtmp port", port("rtmp", &settings.rtmp).await);
            }
            if let (true, Some(tls)) = (settings.roles.ingest, &settings.tls) {
                report.say("rtmps port", port("rtmps", &tls.rtmps).await);
            }
        }
    }
    if let Some(tls) = &settings.tls {
        report.say("certificate", certificate(tls, SystemClock.now()));
    }
    if let EventStore::Postgres { address, .. } = &settings.event_store {
        report.say("event store", event_store(address).await);
        for verdict in nodes::all(address).await {
            report.say("node", verdict);
        }
    }
    if let Some(settings) = &settings.kafka {
        report.say("kafka", kafka::brokers(settings).await);
        report.say("relay", kafka::relay(settings).await);
    }
    report.say("open files", open_files(std::fs::read_to_string("/proc/self/limits").ok().as_deref()));
    if let Some(url) = &settings.public_url {
        report.say("public url", public_url(url).await);
    }
    if let Some(endpoint) = &settings.otlp_endpoint {
        report.say("traces", collector(endpoint).await);
    }
    report.say("ffmpeg", ffmpeg().await);
}

/// Whether the database answers and is one that can be used. Nothing is changed there.
async fn event_store(address: &Address) -> Verdict {
    match sigma_store_postgres::look(address).await {
        Ok(words) => Good(format!("{address} answers: {words}")),
        Err(error) => Bad(Fault::told(error)),
    }
}

/// Each connection is a file, and each session on air holds several.
fn open_files(limits: Option<&str>) -> Verdict {
    match limits.and_then(most_files) {
        Some(most) if most < FILES_LEAST => Amiss(Fault::new(
            format!("this user may open {most} files at once: connections beyond that are turned away"),
            format!("ulimit -n {FILES_WANTED}, or LimitNOFILE={FILES_WANTED} in the service's unit"),
        )),
        Some(most) => Good(format!("{most} may be open at once")),
        None => Good("any number may be open at once".to_owned()),
    }
}

/// Whether the two files are a certificate, and for how long it is good.
fn certificate(tls: &Tls, now: Timestamp) -> Verdict {
    let certificate = match tls.files.certificate() {
        Ok(certificate) => certificate,
        Err(fault) => return Bad(fault),
    };
    let path = tls.files.chain.display();
    let mend = "put a new one there; a server that runs takes it without a restart";
    match days_left(&certificate, now) {
        ..0 => Bad(Fault::new(format!("the certificate in {path} has run out"), mend)),
        _ if now < certificate.not_before() => Bad(Fault::new(
            format!("the certificate in {path} is not good yet"),
            "see this machine's clock, or wait until it is",
        )),
        days @ ..WARN_DAYS => {
            Amiss(Fault::new(format!("the certificate in {path} runs out in {days} days"), mend))
        }
        days => Good(format!("{path} and its key belong together and are good for {days} days")),
    }
}

/// Whether what viewers are told leads to a server of ours.
async fn public_url(url: &str) -> Verdict {
    let mend = "see that the name leads to this machine and that the proxy passes on to --http, or mend --public-url";
    let asked = sigma_clock::timeout(ANSWER_WITHIN, reqwest::get(format!("{url}/healthz"))).await;
    match asked {
        Ok(Ok(answer)) if answer.status().is_success() => Good(format!("{url} leads to a server")),
        Ok(Ok(answer)) => Amiss(Fault::new(format!("{url}/healthz answers {}", answer.status()), mend)),
        Ok(Err(error)) if is_distrust(&error) => Amiss(Fault::new(
            format!(
                "{url} shows a certificate that this machine does not believe, and players elsewhere may not"
            ),
            "take one that an authority signed for that name",
        )),
        Ok(Err(_)) | Err(_) => Amiss(Fault::new(format!("{url} does not answer"), mend)),
    }
}

/// Whether somebody listens where traces are sent.
async fn collector(endpoint: &str) -> Verdict {
    let asked = sigma_clock::timeout(ANSWER_WITHIN, reqwest::get(format!("{endpoint}/v1/traces"))).await;
    match asked {
        // Any answer will do: to ask is not to send.
        Ok(Ok(_)) => Good(format!("{endpoint} answers")),
        Ok(Err(_)) | Err(_) => Amiss(Fault::new(
            format!("{endpoint} does not answer: traces are dropped"),
            "start the collector, or leave --otlp-endpoint out",
        )),
    }
}

fn folder(path: &Path) -> Verdict {
    let mend = "make it writable, or name another with --data-dir";
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            Bad(Fault::new(format!("{} is no folder", path.display()), mend))
        }
        Ok(_) => match rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
            Ok(()) => Good(format!("{} can be written", path.display())),
            Err(error) => {
                let wrong = format!("{} cannot be written: {}", path.display(), plain(&error.into()));
                Bad(Fault::new(wrong, mend))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = nearest_that_is_there(path);
            match rustix::fs::access(parent, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
                Ok(()) => Good(format!("{} will be made at the first start", path.display())),
                Err(error) => {
                    let why = plain(&error.into());
                    Bad(Fault::new(format!("{} cannot be made: {why}", path.display()), mend))
                }
            }
        }
        Err(error) => Bad(Fault::new(format!("{} cannot be seen: {}", path.display(), plain(&error)), mend)),
    }
}

fn nearest_that_is_there(path: &Path) -> &Path {
    path.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("."))
}

fn disk(path: &Path) -> Verdict {
    match room(nearest_that_is_there(path)) {
        Ok(bytes) if bytes < ROOM_BYTES => Amiss(Fault::new(
            format!("{} MB are left; an hour at 6 Mbit/s takes 2.7 GB", bytes / (1024 * 1024)),
            "make room, or name a folder on another disk with --data-dir",
        )),
        Ok(bytes) => Good(format!("{} GB are left", bytes / (1024 * 1024 * 1024))),
        Err(error) => Amiss(Fault::new(
            format!("the disk cannot be asked: {}", plain(&error)),
            "see that it is mounted",
        )),
    }
}

fn clock(names: &Names) -> Verdict {
    let now = SystemClock.now().millis();
    let mend = "set the clock and keep it right (apt-get install systemd-timesyncd)";
    if now < EPOCH_OF_OURS_MS {
        return Bad(Fault::new("this machine's clock stands in the past", mend));
    }
    let written = std::fs::metadata(names.events()).and_then(|metadata| metadata.modified()).ok();
    let written = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written.and_then(|since| i64::try_from(since.as_millis()).ok());
    match written {
        Some(written) if written > now + AHEAD_MS => {
            Bad(Fault::new("the event store was written in what this clock calls the future", mend))
        }
        _ => Good("plausible".to_owned()),
    }
}

fn secret(
    path: &Path,
    in_environment: bool,
    variable: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Verdict {
    if in_environment {
        return Good(format!("given by {variable}"));
    }
    let line = match read_line(path) {
        Ok(line) => line,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Good("will be made at the first start".to_owned());
        }
        Err(error) => {
            let wrong = format!("{} cannot be read: {}", path.display(), plain(&error));
            return Bad(Fault::new(wrong, "run this as the user that runs sigma"));
        }
    };
    if line.is_empty() {
        return Bad(Fault::new(format!("{} is empty", path.display()), "put it back from your backup"));
    }
    if let Err(mend) = check(&line) {
        return Bad(Fault::new(format!("{} cannot be used", path.display()), mend));
    }
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777).unwrap_or(0o600);
    if mode & 0o077 != 0 {
        let wrong = format!("others can read {} (mode {mode:03o})", path.display());
        return Amiss(Fault::new(wrong, format!("chmod 600 {}", path.display())));
    }
    Good(format!("{} is for its owner only", path.display()))
}

/// The server that says it runs here: whether it answers, takes the token, and which of its parts is not ready.
async fn server(settings: &Settings, names: &Names, url: String) -> Verdict {
    let token = match &settings.admin_token {
        Some(token) => token.expose().to_owned(),
        None => read_line(&names.admin_token()).unwrap_or_default(),
    };
    let asked = async {
        let client = Client::of_folder(url.clone(), token, names)?;
        client.ask("{ __typename }", json!({})).await?;
        client.readiness().await
    };
    match sigma_clock::timeout(ANSWER_WITHIN, asked).await {
        Ok(Ok(readiness)) => judge(&url, &readiness),
        Ok(Err(fault)) => Bad(fault),
        Err(_) => Bad(Fault::new(format!("{url} does not answer in time"), "see its log, or start it again")),
    }
}

fn judge(url: &str, readiness: &Value) -> Verdict {
    let components = readiness["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    let amiss = components.iter().filter(|one| one["status"] != json!("ready"));
    let amiss: Vec<String> = amiss
        .map(|one| {
            format!(
                "{} is {}: {}",
                print::cell(&one["name"]),
                print::cell(&one["status"]),
                print::cell(&one["message"])
            )
        })
        .collect();
    match (readiness["status"].as_str(), amiss.is_empty()) {
        (Some("ready"), true) => Good(format!("{url} is ready")),
        (Some("degraded"), _) => Amiss(Fault::told(amiss.join("; "))),
        _ => Bad(Fault::new(amiss.join("; "), format!("see the log of {url}"))),
    }
}

async fn port(door: &str, address: &str) -> Verdict {
    match TcpListener::bind(address).await {
        Ok(_) => Good(format!("{address} is free")),
        Err(error) => {
            let wrong = format!("{address} cannot be listened on: {}", plain(&error));
            Bad(Fault::new(wrong, format!("stop what uses it, or name another with --{door}")))
        }
    }
}

async fn ffmpeg() -> Verdict {
    let mend = "apt-get install ffmpeg (only `sigma demo` needs it)";
    let listed = Command::new("ffmpeg").args(["-hide_banner", "-encoders"]).output().await;
    match listed {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("libx264") => {
            Good("is there, with libx264".to_owned())
        }
        Ok(_) => Amiss(Fault::new("ffmpeg is there without libx264", mend)),
        Err(_) => Amiss(Fault::new("ffmpeg is missing", mend)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_amiss() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin-token");
        std::fs::write(&path, "abc\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("a mode");
        let Amiss(fault) = secret(&path, false, "X", |_| Ok(())) else { panic!("another verdict") };
        assert!(fault.to_string().ends_with(&format!("(mode 640); chmod 600 {}", path.display())), "{fault}");
    }

    #[tokio::test]
    async fn a_port_in_use_fails_with_the_mend() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        let Bad(fault) = port("rtmp", &address).await else { panic!("another verdict") };
        let mend = format!(
            "{address} cannot be listened on: it is in use; stop what uses it, or name another with --rtmp"
        );
        assert_eq!(fault.to_string(), mend);
    }

    #[test]
    fn a_certificate_is_judged_by_its_files_and_its_days() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let files =
            crate::tls::Files { chain: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        std::fs::write(&files.chain, made.cert.pem()).expect("written");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
        let tls = Tls { files, rtmps: "127.0.0.1:0".to_owned() };
        let read = tls.files.certificate().expect("a certificate");
        let before_the_end =
            |days: i64| Timestamp::from_millis(read.not_after().millis() - days * 86_400_000);
        assert!(matches!(certificate(&tls, before_the_end(14)), Good(_)));
        assert!(matches!(certificate(&tls, before_the_end(13)), Amiss(_)));
        assert!(matches!(certificate(&tls, before_the_end(-1)), Bad(_)));
        assert!(matches!(certificate(&tls, Timestamp::from_millis(0)), Bad(_)));
        std::fs::write(&tls.files.key, made.cert.pem()).expect("written");
        let Bad(fault) = certificate(&tls, before_the_end(14)) else { panic!("another verdict") };
        assert!(fault.to_string().contains("k.pem cannot be used: "), "{fault}");
    }

    #[test]
    fn few_open_files_are_amiss() {
        let limits = |most: &str| format!("Limit\nMax open files            {most}    524288   files\n");
        assert!(matches!(open_files(Some(&limits("1024"))), Amiss(_)));
        assert!(matches!(open_files(Some(&limits("65536"))), Good(_)));
        assert!(matches!(open_files(None), Good(_)));
    }

    #[tokio::test]
    async fn a_collector_that_is_away_is_amiss() {
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", door.local_addr().expect("an address"));
        drop(door);
        assert!(matches!(collector(&endpoint).await, Amiss(_)));
        assert!(matches!(public_url(&endpoint).await, Amiss(_)));
    }

    #[test]
    fn a_component_that_is_not_ready_is_named() {
        let readiness = json!({ "status": "not_ready", "components": [
            { "name": "store", "status": "not_ready", "message": "the disk is full" }, { "name": "media", "status": "ready" } ] });
        let Bad(fault) = judge("http://x", &readiness) else { panic!("another verdict") };
        assert_eq!(fault.to_string(), "store is not_ready: the disk is full; see the log of http://x");
    }

    #[test]
    fn a_folder_that_is_a_file_fails() {
        let folder_of_test = tempfile::tempdir().expect("a folder");
        let file = folder_of_test.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert!(matches!(folder(&file), Bad(_)));
        assert!(matches!(folder(&folder_of_test.path().join("to/come")), Good(_)));
    }
}
