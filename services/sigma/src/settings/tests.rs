use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Flags, Settings, Sources};

struct Given {
    flags: Flags,
    environment: BTreeMap<String, String>,
    file: Option<&'static str>,
}

fn given() -> Given {
    Given { flags: Flags::new(), environment: BTreeMap::new(), file: None }
}

impl Given {
    fn flag(mut self, name: &'static str, text: &str) -> Self {
        self.flags.insert(name, text.to_owned());
        self
    }

    fn variable(mut self, name: &str, text: &str) -> Self {
        self.environment.insert(name.to_owned(), text.to_owned());
        self
    }

    fn file(mut self, text: &'static str) -> Self {
        self.file = Some(text);
        self
    }

    fn read(self) -> Result<Settings, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sigma.toml");
        if let Some(text) = self.file {
            std::fs::write(&path, text).expect("a file");
        }
        let config = self.file.map(|_| path.as_path());
        let sources = Sources::gather(config.or(Some(Path::new("/dev/null"))), self.flags, self.environment);
        let read = sources.and_then(|sources| Settings::read(&sources));
        read.map_err(|fault| fault.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    fn then_refused(self, line: &str) {
        assert_eq!(self.read().expect_err("refused"), line);
    }
}

#[test]
fn without_anything_the_defaults_of_the_contract_stand() {
    let settings = given().read().expect("settings");
    assert_eq!(settings.data_dir, Path::new("./data"));
    assert_eq!((settings.http.as_str(), settings.rtmp.as_str()), ("127.0.0.1:8080", "127.0.0.1:1935"));
    assert_eq!(settings.ingest_silence, Duration::from_secs(5));
    assert_eq!((settings.public_url, settings.public_rtmp), (None, None));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "http = \"127.0.0.1:1\"\nrtmp = \"127.0.0.1:1\"\ningest-silence = 7\n";
    let given =
        given().file(file).variable("SIGMA_HTTP", "127.0.0.1:2").variable("SIGMA_RTMP", "127.0.0.1:2");
    let settings = given.flag("http", "127.0.0.1:3").read().expect("settings");
    assert_eq!((settings.http.as_str(), settings.rtmp.as_str()), ("127.0.0.1:3", "127.0.0.1:2"));
    assert_eq!(settings.ingest_silence, Duration::from_secs(7));
}

#[test]
fn a_bad_setting_is_named_with_where_it_came_from() {
    let mend = "write HOST:PORT, as 127.0.0.1:8080, or 0.0.0.0:8080 for all";
    given().flag("http", "8080").then_refused(&format!("--http cannot be `8080`; {mend}"));
    given().variable("SIGMA_RTMP", "a:b").then_refused(&format!("SIGMA_RTMP cannot be `a:b`; {mend}"));
    given().file("http = 80\n").then_refused(&format!("http in sigma.toml cannot be `80`; {mend}"));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_right_one() {
    given()
        .file("htttp = \"x\"\n")
        .then_refused("sigma.toml has an unknown key `htttp`; did you mean `http`?");
    given()
        .file("public_url = \"x\"\n")
        .then_refused("sigma.toml has an unknown key `public_url`; did you mean `public-url`?");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let line = given().file("http = \"127.0.0.1:1\"\nrtmp = \n").read().expect_err("refused");
    assert!(line.starts_with("sigma.toml line 2 is no TOML: "), "{line}");
}

#[test]
fn settings_of_later_versions_are_refused_by_name() {
    let refused = |from: &str| format!("{from} is not there yet in this version; leave it out");
    given().flag("srt", "127.0.0.1:10080").then_refused(&refused("--srt"));
    given().variable("SIGMA_EVENT_STORE", "sqlite").then_refused(&refused("SIGMA_EVENT_STORE"));
    given().file("kafka = \"a:9092\"\n").then_refused(&refused("kafka in sigma.toml"));
}

#[test]
fn public_addresses_are_brought_into_one_form() {
    let given =
        given().flag("public-url", "https://live.example/").flag("public-rtmp", "rtmp://in.example:1936");
    let settings = given.read().expect("settings");
    assert_eq!(settings.public_url.as_deref(), Some("https://live.example"));
    assert_eq!(settings.public_rtmp.as_deref(), Some("rtmp://in.example:1936/live"));
}

#[test]
fn public_addresses_that_lead_astray_are_refused() {
    for url in ["live.example", "ftp://live.example", "https://live.example/path", "https://a@b", "https://"]
    {
        assert!(given().flag("public-url", url).read().is_err(), "{url}");
    }
    for url in ["http://in.example", "rtmp://in.example/app", "rtmp://in.example:99999"] {
        assert!(given().flag("public-rtmp", url).read().is_err(), "{url}");
    }
}

#[test]
fn silence_has_bounds() {
    for text in ["0", "30", "-1", "1.5", "x"] {
        let mend = "write whole seconds, 1 to 29";
        given()
            .flag("ingest-silence", text)
            .then_refused(&format!("--ingest-silence cannot be `{text}`; {mend}"));
    }
}

#[test]
fn a_secret_is_checked_and_never_told() {
    let line = given().variable("SIGMA_ADMIN_TOKEN", "short").read().expect_err("refused");
    assert!(line.starts_with("SIGMA_ADMIN_TOKEN cannot be used; ") && !line.contains("short"), "{line}");
    let line = given().variable("SIGMA_MASTER_KEY", "AAAA").read().expect_err("refused");
    assert!(line.starts_with("SIGMA_MASTER_KEY cannot be used; ") && !line.contains("AAAA"), "{line}");
    let settings = given().variable("SIGMA_ADMIN_TOKEN", "0123456789abcdef").read().expect("settings");
    assert!(!format!("{settings:?}").contains("0123456789abcdef"));
}

#[test]
fn secrets_do_not_stand_in_the_file() {
    given().file("admin-token = \"x\"\n").then_refused(
        "admin-token does not stand in sigma.toml; set SIGMA_ADMIN_TOKEN, or let it be made in the data folder",
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let sources = Sources::gather(Some(Path::new("/nowhere/sigma.toml")), Flags::new(), BTreeMap::new());
    let line = sources.err().expect("refused").to_string();
    assert!(line.starts_with("/nowhere/sigma.toml cannot be read: "), "{line}");
}
