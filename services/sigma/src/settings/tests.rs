use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::table::{SETTINGS, Setting, Shape, nearest};
use super::{EventStore, Flags, InForce, Settings, Sources};

struct Given {
    flags: Flags,
    environment: BTreeMap<String, String>,
    file: Option<String>,
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

    fn file(mut self, text: &str) -> Self {
        self.file = Some(text.to_owned());
        self
    }

    fn read(self) -> Result<Settings, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sigma.toml");
        if let Some(text) = &self.file {
            std::fs::write(&path, text).expect("a file");
        }
        let config = self.file.as_ref().map(|_| path.as_path());
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
    given().variable("SIGMA_CLICKHOUSE", "embedded").then_refused(&refused("SIGMA_CLICKHOUSE"));
    given().file("clickhouse = \"off\"\n").then_refused(&refused("clickhouse in sigma.toml"));
}

#[test]
fn an_event_store_is_told_without_its_password() {
    assert!(matches!(given().read().expect("settings").event_store, EventStore::Sqlite));
    let address = "postgres://sigma:geheim@db.example:5433/live";
    let settings = given().variable("SIGMA_EVENT_STORE", address).flag("event-store-connections", "7");
    let settings = settings.read().expect("settings");
    let EventStore::Postgres { connections, .. } = &settings.event_store else { panic!("{settings:?}") };
    assert_eq!(*connections, 7);
    let told = settings.in_force.iter().find(|one| one.name == "event-store").expect("it is told");
    assert_eq!(told.value, "postgres://sigma@db.example:5433/live");
    assert!(!format!("{settings:?}").contains("geheim"));
    for wrong in ["postgres://sigma:geheim@db.example", "mysql://a:geheim@b/c", "geheim"] {
        let line = given().flag("event-store", wrong).read().expect_err("refused");
        assert!(line.starts_with("--event-store cannot be used; write sqlite; or:"), "{line}");
        assert!(!line.contains("geheim"), "{line}");
    }
}

/// With a database, so that Kafka may be.
fn with_kafka() -> Given {
    given()
        .flag("event-store", "postgres://sigma@db.example/live")
        .flag("kafka", "kafka-1:9092, kafka-2:9092")
}

#[test]
fn kafka_wants_a_database() {
    given().flag("kafka", "a:9092").then_refused(
        "kafka is set and events are kept in SQLite; name a database with --event-store postgres://…, or leave kafka out",
    );
    let kafka = with_kafka().read().expect("settings").kafka.expect("kafka");
    assert_eq!(kafka.connection.brokers, "kafka-1:9092,kafka-2:9092");
    assert_eq!((kafka.connection.tls, kafka.connection.account), (None, None));
    assert_eq!((kafka.events.partitions, kafka.events.copies, kafka.events.retention), (12, 1, None));
    assert_eq!(kafka.events.name, "sigma.events.v1");
}

#[test]
fn an_account_at_kafka_is_whole_and_its_password_is_never_told() {
    let account = || {
        with_kafka()
            .flag("kafka-sasl", "scram-sha-512")
            .flag("kafka-user", "sigma")
            .variable("SIGMA_KAFKA_PASSWORD", "geheim")
    };
    let settings = account().read().expect("settings");
    assert!(!format!("{settings:?}").contains("geheim"));
    let account_of = settings.kafka.expect("kafka").connection.account.expect("an account");
    assert_eq!((account_of.name.as_str(), account_of.password.as_str()), ("sigma", "geheim"));
    let half = "an account at Kafka is half set; set all of --kafka-sasl, --kafka-user and SIGMA_KAFKA_PASSWORD, or none";
    with_kafka().flag("kafka-user", "sigma").then_refused(half);
    account().flag("kafka-sasl", "plain").then_refused(
        "kafka-sasl is plain, which sends the password as it is, and there is no TLS; set --kafka-security tls, or \
         --kafka-sasl scram-sha-256",
    );
    let plain = account().flag("kafka-sasl", "plain").flag("kafka-security", "tls").read().expect("settings");
    assert!(plain.kafka.expect("kafka").connection.tls.is_some());
    with_kafka().flag("kafka-ca", "ca.pem").then_refused(
        "files of a certificate are set for Kafka, which is spoken to in clear; set --kafka-security tls, or leave them out",
    );
}

#[test]
fn a_certificate_is_two_files_and_rtmps_wants_one() {
    let settings = given().flag("tls-cert", "c").variable("SIGMA_TLS_KEY", "k").read().expect("settings");
    let tls = settings.tls.expect("TLS");
    assert_eq!((tls.files.chain.to_str(), tls.files.key.to_str()), (Some("c"), Some("k")));
    assert_eq!(tls.rtmps, "127.0.0.1:1936");
    let settings = given().flag("tls-cert", "c").flag("tls-key", "k").file("rtmps = \"127.0.0.1:443\"\n");
    assert_eq!(settings.read().expect("settings").tls.expect("TLS").rtmps, "127.0.0.1:443");
    given().flag("tls-cert", "c").then_refused(
        "tls-cert is set (by --tls-cert) and tls-key is not; name the other file with --tls-key, or leave tls-cert out",
    );
    given().variable("SIGMA_TLS_KEY", "k").then_refused(
        "tls-key is set (by SIGMA_TLS_KEY) and tls-cert is not; name the other file with --tls-cert, or leave tls-key out",
    );
    given().flag("rtmps", "127.0.0.1:1936").then_refused(
        "rtmps is set (by --rtmps) and there is no certificate; name one with --tls-cert and --tls-key, or leave rtmps out",
    );
    assert!(given().flag("public-rtmps", "rtmp://in.example").read().is_err());
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
    let line = sources.expect_err("refused").to_string();
    assert!(line.starts_with("/nowhere/sigma.toml cannot be read: "), "{line}");
}

#[test]
fn a_number_out_of_its_bounds_is_told_with_them() {
    given()
        .flag("limit-depth", "101")
        .then_refused("--limit-depth cannot be `101`; write whole levels, 4 to 100");
    given()
        .variable("SIGMA_HEALTH_AV_OFFSET", "49")
        .then_refused("SIGMA_HEALTH_AV_OFFSET cannot be `49`; write whole milliseconds, 50 to 5000");
}

#[test]
fn lists_are_read_from_text_and_from_the_file_and_each_entry_is_looked_at() {
    let settings = given().file("trusted-proxies = [\"10.0.0.0/8\", \"::1\"]\n").read().expect("settings");
    let trusted: Vec<String> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["10.0.0.0/8", "::1/128"]);
    let settings = given().flag("cors-origins", "https://A.example/, http://b:81").read().expect("settings");
    assert_eq!(settings.cors_origins, ["https://a.example", "http://b:81"]);
    let line = given().flag("trusted-proxies", "10.0.0.0/33").read().expect_err("refused");
    assert!(line.contains("`10.0.0.0/33` is no network"), "{line}");
    let line = given().flag("cors-origins", "https://a/path").read().expect_err("refused");
    assert!(line.contains("`https://a/path` is no origin"), "{line}");
}

#[test]
fn a_variable_that_is_no_setting_is_warned_of_with_the_nearest_right_one() {
    let given =
        given().variable("SIGMA_HTPT", "x").variable("SIGMA_TOKEN", "t").variable("SIGMA_TEST_X", "1");
    let settings = given.read().expect("settings");
    assert_eq!(settings.warnings, ["SIGMA_HTPT is no setting and does nothing; did you mean SIGMA_HTTP?"]);
}

#[test]
fn defaults_of_limits_are_those_of_the_doors() {
    let settings = given().read().expect("settings");
    assert_eq!(settings.limits, sigma_api::http::Limits::default());
    assert_eq!(
        format!("{:?}", settings.query_limits),
        format!("{:?}", sigma_api::graphql::QueryLimits::default())
    );
    assert_eq!(settings.thresholds, sigma_node::Thresholds::default());
    let (node, ingest) = (sigma_node::NodeSettings::new([0; 32]), settings.ingest);
    assert_eq!(
        (ingest.connections, ingest.strangers, ingest.sessions, ingest.feed_bitrate),
        (node.max_connections, node.max_strangers, node.max_sessions, node.max_feed_bitrate)
    );
    assert_eq!((ingest.wrong_keys, ingest.reconnects), (node.wrong_keys, node.reconnects));
    assert_eq!(settings.admission.egress, None);
    assert!(settings.admission.memory.is_some());
}

#[test]
fn a_limit_that_is_set_reaches_its_door() {
    let given = given().flag("limit-depth", "7").flag("limit-body", "2048").flag("health-behind", "999");
    let settings = given.read().expect("settings");
    assert_eq!(settings.query_limits.depth, 7);
    assert_eq!(settings.limits.body_bytes, 2_048);
    assert_eq!(settings.thresholds.behind_ms, 999);
}

#[test]
fn what_is_in_force_tells_no_secret() {
    let given = given().variable("SIGMA_ADMIN_TOKEN", "0123456789abcdef").flag("http", "127.0.0.1:1");
    let settings = given.read().expect("settings");
    let of = |name: &str| settings.in_force.iter().find(|one| one.name == name).expect("a setting").clone();
    let told = |name, value: &str, source: &str| InForce { name, value: value.into(), source: source.into() };
    assert_eq!(of("admin-token"), told("admin-token", "set", "SIGMA_ADMIN_TOKEN"));
    assert_eq!(of("master-key"), told("master-key", "not set", "default"));
    assert_eq!(of("http"), told("http", "127.0.0.1:1", "--http"));
    assert_eq!(of("rtmp"), told("rtmp", "127.0.0.1:1935", "default"));
    assert!(!format!("{:?}", settings.in_force).contains("0123456789abcdef"));
}

#[test]
fn every_setting_has_a_name_of_its_own_and_a_default_that_it_may_have() {
    let mut names = std::collections::BTreeSet::new();
    for setting in SETTINGS.iter() {
        assert!(names.insert(setting.name), "{} stands twice", setting.name);
        assert!(!setting.help.ends_with('.') && !setting.help.is_empty(), "{}", setting.name);
    }
    given().read().expect("every default can be read");
}

#[test]
fn the_nearest_name_is_found_through_case_and_underscores() {
    let names = || SETTINGS.iter().map(|setting| setting.name);
    assert_eq!(nearest("LIMIT_DEPHT", names()), Some("limit-depth"));
    assert_eq!(nearest("cors_origin", names()), Some("cors-origins"));
}

/// Texts that a setting may have.
fn texts(setting: &Setting) -> BoxedStrategy<String> {
    match setting.shape {
        Shape::Number { least, most, .. } => (least..=most).prop_map(|number| number.to_string()).boxed(),
        Shape::Secret(_) => "[a-zA-Z0-9]{20}".boxed(),
        Shape::Address { .. } => "postgres://[a-z]{1,9}@[a-z]{1,9}\\.example:5432/[a-z]{1,9}".boxed(),
        Shape::Text(_) => match setting.name {
            "http" | "rtmp" | "rtmps" => "127\\.0\\.0\\.1:[1-9][0-9]{0,3}".boxed(),
            "public-url" | "cors-origins" | "otlp-endpoint" => "https://[a-z]{1,9}\\.example".boxed(),
            "public-rtmp" => "rtmp://[a-z]{1,9}/live".boxed(),
            "public-rtmps" => "rtmps://[a-z]{1,9}/live".boxed(),
            "trusted-proxies" => "10\\.[1-9]\\.0\\.0/16".boxed(),
            "log" => "(error|warn|info|debug)".boxed(),
            "log-format" => "(text|json)".boxed(),
            "kafka" => "[a-z]{1,9}:9092".boxed(),
            "roles" => "(all|api|ingest|api,projections)".boxed(),
            "objects" => "(file|s3://[a-z]{3,9}(/[a-z]{1,9})?)".boxed(),
            "kafka-security" => "(plaintext|tls)".boxed(),
            "kafka-sasl" => "(scram-sha-256|scram-sha-512|plain)".boxed(),
            _ => "[a-z]{3,12}".boxed(),
        },
    }
}

fn said() -> impl Strategy<Value = (&'static Setting, [Option<String>; 3])> {
    let open: Vec<&'static Setting> = SETTINGS.iter().filter(|setting| !setting.is_secret()).collect();
    proptest::sample::select(open).prop_flat_map(|setting| {
        let maybe = || proptest::option::of(texts(setting));
        (Just(setting), [maybe(), maybe(), maybe()])
    })
}

proptest! {
    #[test]
    fn a_flag_beats_the_environment_and_that_the_file_for_every_setting((setting, [flag, variable, file]) in said()) {
        let mut given = given();
        // What stands only with others.
        let others: &[(&str, &str)] = match setting.name {
            "tls-cert" => &[("tls-key", "other")],
            "tls-key" => &[("tls-cert", "other")],
            "rtmps" => &[("tls-cert", "other"), ("tls-key", "other")],
            "kafka" | "roles" => &[("event-store", "postgres://sigma@db.example/live")],
            _ => &[],
        };
        if flag.is_some() || variable.is_some() || file.is_some() {
            for (other, text) in others {
                given = given.flag(other, text);
            }
        }
        if let Some(text) = &flag {
            given = given.flag(setting.name, text);
        }
        if let Some(text) = &variable {
            given = given.variable(&setting.variable(), text);
        }
        if let Some(text) = &file {
            given = given.file(&format!("{} = \"{text}\"\n", setting.name));
        }
        let settings = given.read().map_err(TestCaseError::fail)?;
        let found = settings.in_force.iter().find(|one| one.name == setting.name).expect("it is told");
        let (value, source) = match (flag, variable, file) {
            (Some(text), ..) => (text, format!("--{}", setting.name)),
            (None, Some(text), _) => (text, setting.variable()),
            (None, None, Some(text)) => (text, found.source.clone()),
            (None, None, None) => (found.value.clone(), "default".to_owned()),
        };
        prop_assert_eq!(&found.value, &value);
        prop_assert_eq!(&found.source, &source);
    }
}
