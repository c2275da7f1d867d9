//! The one table of settings: flags, environment, `sigma.toml`, `--print-config`, `docs/settings.md` and what the API
//! tells of settings in force all come from it.

use std::borrow::Cow;
use std::sync::LazyLock;

use sigma_node::{THRESHOLDS, Threshold, Unit};

use super::{parse, roles};

/// One setting.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// As flag (`--NAME`) and as key of `sigma.toml`.
    pub(crate) name: &'static str,
    /// What stands for its value in the help.
    pub(crate) value: &'static str,
    /// What holds when nothing is said.
    pub(crate) default: Default,
    /// What it is for, in a sentence without a full stop.
    pub(crate) help: &'static str,
    pub(crate) shape: Shape,
    pub(crate) group: Group,
}

/// What holds when nothing is said of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    /// This text.
    Is(Cow<'static, str>),
    /// Nothing is set; in words, what happens then.
    None(&'static str),
}

/// What a setting's text must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A text that has one right form, or says how it would be right.
    Text(fn(&str) -> Result<String, String>),
    /// A whole number, with its bounds and what it counts.
    Number { least: u64, most: u64, unit: &'static str },
    /// A text that may hold a password: checked, and told without it.
    Address { form: fn(&str) -> Result<String, String>, told: fn(&str) -> String },
    /// Something that is never told. In the environment only, never on a command line or in a file.
    Secret(fn(&str) -> Result<(), String>),
}

/// Where a setting stands in the help and the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Platform,
    Kafka,
    Log,
    Secrets,
    Limits,
    Health,
}

impl Group {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Platform => "Platform",
            Self::Kafka => "Kafka",
            Self::Log => "Logs and traces",
            Self::Secrets => "Secrets",
            Self::Limits => "Limits",
            Self::Health => "Ingest health",
        }
    }
}

impl Setting {
    /// The environment's variable.
    pub(crate) fn variable(&self) -> String {
        variable(self.name)
    }

    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.shape, Shape::Secret(_))
    }

    /// Whether its text must not be repeated as it was said.
    pub(super) fn may_hide_something(&self) -> bool {
        matches!(self.shape, Shape::Secret(_) | Shape::Address { .. })
    }

    /// Its text as people may see it.
    pub(super) fn told(&self, text: &str) -> String {
        match self.shape {
            Shape::Address { told, .. } => told(text),
            _ => text.to_owned(),
        }
    }

    /// The text in its one right form.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn check(&self, text: &str) -> Result<String, String> {
        match self.shape {
            Shape::Text(form) | Shape::Address { form, .. } => form(text),
            Shape::Secret(check) => check(text).map(|()| text.to_owned()),
            Shape::Number { least, most, unit } => {
                let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
                number
                    .map(|number| number.to_string())
                    .ok_or_else(|| format!("write whole {unit}, {least} to {most}"))
            }
        }
    }

    /// What stands in help and documentation for the value when nothing is said.
    pub(crate) fn default_in_words(&self) -> &str {
        match &self.default {
            Default::Is(text) => text,
            Default::None(words) => words,
        }
    }
}

/// The environment's variable of a setting.
pub(super) fn variable(name: &str) -> String {
    format!("SIGMA_{}", name.replace('-', "_").to_uppercase())
}

fn text(
    name: &'static str,
    value: &'static str,
    default: Default,
    help: &'static str,
    form: fn(&str) -> Result<String, String>,
    group: Group,
) -> Setting {
    Setting { name, value, default, help, shape: Shape::Text(form), group }
}

fn number(
    name: &'static str,
    default: &'static str,
    bounds: (u64, u64),
    unit: &'static str,
    help: &'static str,
    group: Group,
) -> Setting {
    let (least, most) = bounds;
    let shape = Shape::Number { least, most, unit };
    Setting { name, value: "N", default: is(default), help, shape, group }
}

fn limit(
    name: &'static str,
    default: &'static str,
    bounds: (u64, u64),
    unit: &'static str,
    help: &'static str,
) -> Setting {
    number(name, default, bounds, unit, help, Group::Limits)
}

/// A limit that is not kept unless it is set.
fn open_limit(
    name: &'static str,
    default: &'static str,
    (least, most): (u64, u64),
    unit: &'static str,
    help: &'static str,
) -> Setting {
    let shape = Shape::Number { least, most, unit };
    Setting { name, value: "N", default: None(default), help, shape, group: Group::Limits }
}

fn secret(
    name: &'static str,
    default: &'static str,
    help: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Setting {
    Setting {
        name,
        value: "TEXT",
        default: Default::None(default),
        help,
        shape: Shape::Secret(check),
        group: Group::Secrets,
    }
}

fn is(text: &'static str) -> Default {
    Default::Is(Cow::Borrowed(text))
}

/// A threshold of ingest health as a setting.
fn threshold(threshold: &Threshold) -> Setting {
    let unit = match threshold.unit {
        Unit::Seconds => "seconds",
        Unit::Milliseconds => "milliseconds",
        Unit::Percent => "percent",
        Unit::Bytes => "bytes",
        Unit::Switch => "numbers",
    };
    Setting {
        name: threshold.name,
        value: "N",
        default: match threshold.default {
            Some(default) => Default::Is(Cow::Owned(default.to_string())),
            Option::None => None("as the latency mode wants it"),
        },
        help: threshold.help.trim_end_matches('.'),
        shape: Shape::Number {
            least: (*threshold.range.start()).into(),
            most: (*threshold.range.end()).into(),
            unit,
        },
        group: Group::Health,
    }
}

use self::Default::None;
use self::Group::{Kafka, Log, Platform};

/// Every setting of this version.
pub(crate) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let mut settings = of_the_platform();
    settings.extend(of_kafka());
    settings.extend(limits());
    settings.extend(THRESHOLDS.iter().map(threshold));
    settings
});

fn of_the_platform() -> Vec<Setting> {
    vec![
        text("data-dir", "FOLDER", is("./data"), "Where everything is kept", parse::folder, Platform),
        text("http", "HOST:PORT", is("127.0.0.1:8080"), "Web, playback and API", parse::address, Platform),
        text("rtmp", "HOST:PORT", is("127.0.0.1:1935"), "Ingest by RTMP", parse::address, Platform),
        text(
            "public-url",
            "URL",
            None("the request's host"),
            "How viewers reach the web address",
            parse::public_url,
            Platform,
        ),
        text(
            "public-rtmp",
            "URL",
            None("the request's host and the RTMP port"),
            "How encoders reach the RTMP address",
            parse::public_rtmp,
            Platform,
        ),
        text(
            "public-rtmps",
            "URL",
            None("the request's host and the RTMPS port"),
            "How encoders reach the RTMPS address",
            parse::public_rtmps,
            Platform,
        ),
        text(
            "tls-cert",
            "FILE",
            None("none: no TLS"),
            "The certificate's chain in PEM, the server's own first; the web address is then HTTPS. Taken anew when it changes",
            parse::file,
            Platform,
        ),
        text(
            "tls-key",
            "FILE",
            None("none: no TLS"),
            "The certificate's private key in PEM",
            parse::file,
            Platform,
        ),
        text(
            "rtmps",
            "HOST:PORT",
            None("127.0.0.1:1936 where there is a certificate"),
            "Ingest by RTMP over TLS",
            parse::address,
            Platform,
        ),
        text(
            "roles",
            "ROLE,…",
            is("all"),
            "What this process is for, of api, ingest (with its origin) and projections (with relay and process managers). \
             Others than all want PostgreSQL",
            roles::form,
            Platform,
        ),
        Setting {
            name: "event-store",
            value: "ADDRESS",
            default: is("sqlite"),
            help: "Where events, read models and deadlines are kept: sqlite in the data folder, or \
                   postgres://USER:PASSWORD@HOST:PORT/DATABASE. A password is better said in the environment: others can \
                   see a command line",
            shape: Shape::Address { form: parse::event_store, told: parse::told_event_store },
            group: Platform,
        },
        number(
            "event-store-connections",
            "10",
            (2, 1_000),
            "connections",
            "Connections to PostgreSQL that decide on commands at once; some twenty more are opened beside them as they are \
             needed",
            Platform,
        ),
        text(
            "objects",
            "PLACE",
            is("file"),
            "Where recordings are kept: file, which is the folder objects in the data folder; or s3://BUCKET/PREFIX, with \
             endpoint, region and credentials in AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            parse::objects,
            Platform,
        ),
        number(
            "objects-backlog",
            "20",
            (1, 1_000_000),
            "GB",
            "Gigabytes that may wait on disk for an object store that is away; beyond, the oldest media is given up",
            Group::Limits,
        ),
        Setting {
            name: "recordings-limit",
            value: "GB",
            default: None("none: as much as the disk holds"),
            help: "Gigabytes that recordings may take on this node's disk: told in health from 80 % on; at 100 % what \
                   expired goes at once, and broadcasts that begin are not recorded",
            shape: Shape::Number { least: 1, most: 1_000_000, unit: "GB" },
            group: Group::Limits,
        },
        Setting {
            name: "ingest-silence",
            value: "SECONDS",
            default: is("5"),
            help: "Seconds without media after which a feed is lost",
            // A silent connection is closed after 30.
            shape: Shape::Number { least: 1, most: 29, unit: "seconds" },
            group: Platform,
        },
        text("node-id", "NAME", None("made at first start"), "This node's name", parse::node_id, Platform),
        text(
            "trusted-proxies",
            "CIDR,…",
            None("none: the connection's own address counts"),
            "Proxies whose X-Forwarded-For is believed, as 10.0.0.0/8,::1",
            parse::networks,
            Platform,
        ),
        text(
            "cors-origins",
            "ORIGIN,…",
            None("none"),
            "Other sites whose pages may call /graphql from a browser, as https://studio.example.org",
            parse::origins,
            Platform,
        ),
        text(
            "log",
            "FILTER",
            is("info"),
            "What is logged: error, warn, info, debug, trace, or by part, as info,sigma_node=debug",
            parse::log,
            Log,
        ),
        text("log-format", "FORMAT", is("text"), "How it is logged: text or json", parse::log_format, Log),
        text(
            "otlp-endpoint",
            "URL",
            None("none: no traces are sent"),
            "Where traces are sent by OTLP over HTTP, as http://127.0.0.1:4318",
            parse::otlp_endpoint,
            Log,
        ),
        secret(
            "admin-token",
            "made at first start, kept in DATA_DIR/admin-token",
            "The token that may do everything",
            parse::admin_token,
        ),
        secret("kafka-password", "none", "The password of our account at Kafka", parse::password),
        secret(
            "master-key",
            "made at first start, kept in DATA_DIR/master-key",
            "32 bytes in base64 under which secrets are sealed",
            parse::is_master_key,
        ),
    ]
}

fn of_kafka() -> Vec<Setting> {
    let file = |name, default, help| text(name, "FILE", None(default), help, parse::file, Kafka);
    vec![
        text(
            "kafka",
            "HOST:PORT,…",
            None("none: read models follow the event store itself"),
            "Brokers of Apache Kafka: all events go there, and read models follow them there; wants --event-store postgres://…",
            parse::brokers,
            Kafka,
        ),
        number(
            "kafka-partitions",
            "12",
            (1, 1_000),
            "partitions",
            "Partitions of the topic of events; fixed when it is made",
            Kafka,
        ),
        number(
            "kafka-copies",
            "1",
            (1, 16),
            "copies",
            "Brokers that hold a copy of each record of a topic that is made; with three, one may be away",
            Kafka,
        ),
        Setting {
            name: "kafka-retention-hours",
            value: "N",
            default: None("for ever"),
            help: "Hours that records of events stay in a topic that is made; read models that are older than that are not whole \
                   when they are filled anew",
            shape: Shape::Number { least: 1, most: 876_000, unit: "hours" },
            group: Kafka,
        },
        number(
            "kafka-health-partitions",
            "3",
            (1, 1_000),
            "partitions",
            "Partitions of the topic of ingest health",
            Kafka,
        ),
        number(
            "kafka-health-retention-hours",
            "24",
            (1, 876_000),
            "hours",
            "Hours that samples of ingest health stay in their topic",
            Kafka,
        ),
        text(
            "kafka-security",
            "NAME",
            is("plaintext"),
            "How brokers are spoken to: plaintext or tls",
            parse::kafka_security,
            Kafka,
        ),
        file(
            "kafka-ca",
            "the machine's authorities",
            "With tls: authorities that are trusted instead, in PEM",
        ),
        file("kafka-cert", "none", "With tls: our own certificate, where brokers ask for one, in PEM"),
        file("kafka-key", "none", "With tls: the private key of our own certificate, in PEM"),
        text(
            "kafka-sasl",
            "NAME",
            None("none: no account"),
            "How our account shows itself: scram-sha-256, scram-sha-512, or plain, which wants tls; its password is SIGMA_KAFKA_PASSWORD",
            parse::kafka_sasl,
            Kafka,
        ),
        text("kafka-user", "NAME", None("none: no account"), "Our account's name", parse::node_id, Kafka),
    ]
}

fn limits() -> Vec<Setting> {
    vec![
        limit("limit-connections", "10000", (1, 1_000_000), "connections", "HTTP connections open at once"),
        limit(
            "limit-connections-address",
            "8000",
            (1, 1_000_000),
            "connections",
            "HTTP connections of one address; a trusted proxy is held to no share",
        ),
        limit(
            "limit-viewers",
            "50000",
            (1, 1_000_000),
            "viewers",
            "Viewers at once: addresses with their programs",
        ),
        open_limit(
            "limit-egress",
            "none: as much as the line carries",
            (1, 1_000_000),
            "megabits a second",
            "Megabits a second of all answers; beyond them no new viewer is let in",
        ),
        open_limit(
            "limit-memory",
            "four fifths of the machine's or its control group's",
            (64, 16_777_216),
            "megabytes",
            "Megabytes in use beyond which no new feed and no new viewer is let in",
        ),
        limit(
            "limit-slowest",
            "4096",
            (1, 1_048_576),
            "bytes",
            "Bytes a second that a client must take of an answer that waits for it, over 20 s; who takes less is cut",
        ),
        limit("limit-sessions", "512", (1, 100_000), "sessions", "Sessions on air at once"),
        limit(
            "limit-feed-bitrate",
            "120",
            (1, 10_000),
            "megabits a second",
            "Megabits a second of one feed, over 10 s; one that brings more is closed",
        ),
        limit(
            "limit-ingest-connections",
            "1024",
            (1, 1_000_000),
            "connections",
            "RTMP and RTMPS connections open at once; who has not published makes room for who comes",
        ),
        limit(
            "limit-ingest-strangers",
            "128",
            (1, 1_000_000),
            "connections",
            "Of these, such as have not published and come from one address; the newest stay",
        ),
        limit(
            "limit-wrong-keys",
            "10",
            (1, 100_000),
            "keys",
            "Wrong stream keys of one address in a minute; who sends more waits, ever longer",
        ),
        limit(
            "limit-reconnects",
            "30",
            (1, 100_000),
            "feeds",
            "Feeds of one channel in a minute; who comes more often waits",
        ),
        limit("limit-head", "32768", (8_192, 1_048_576), "bytes", "Bytes of a request's head"),
        limit("limit-headers", "64", (8, 1_000), "header fields", "Header fields of one request"),
        limit("limit-body", "1048576", (1_024, 67_108_864), "bytes", "Bytes of a GraphQL request's body"),
        limit(
            "limit-request-time",
            "20",
            (1, 600),
            "seconds",
            "Seconds after which a GraphQL request is given up",
        ),
        limit(
            "limit-requests-token",
            "500",
            (1, 1_000_000),
            "requests",
            "Requests a second of one token; twice as many at once",
        ),
        limit(
            "limit-requests-address",
            "200",
            (1, 1_000_000),
            "requests",
            "Requests a second of one address without a right token; twice as many at once",
        ),
        limit(
            "limit-executions",
            "32",
            (1, 10_000),
            "requests",
            "GraphQL requests that run at once; others wait",
        ),
        limit(
            "limit-sign-ins-address",
            "10",
            (1, 1_000),
            "sign-ins",
            "Sign-ins of one address that may fail in a minute",
        ),
        limit(
            "limit-sockets-token",
            "1000",
            (1, 1_000_000),
            "sockets",
            "WebSockets and event streams of one token open at once",
        ),
        limit(
            "limit-subscriptions-socket",
            "100",
            (1, 10_000),
            "subscriptions",
            "Subscriptions of one WebSocket",
        ),
        limit(
            "limit-messages-socket",
            "1000",
            (1, 1_000_000),
            "messages",
            "Messages a second of one WebSocket, twice as many in a burst",
        ),
        limit(
            "limit-bodies",
            "67108864",
            (1_048_576, 4_294_967_296),
            "bytes",
            "Bodies of GraphQL requests that are being read, all together",
        ),
        limit("limit-depth", "20", (4, 100), "levels", "Depth of a GraphQL request"),
        limit(
            "limit-complexity",
            "10000",
            (100, 10_000_000),
            "fields",
            "Fields that a GraphQL request may answer, rows counted",
        ),
        limit(
            "limit-selections",
            "10000",
            (100, 1_000_000),
            "selections",
            "Selections of a GraphQL request with its fragments opened",
        ),
        limit("limit-aliases", "60", (1, 10_000), "aliases", "Aliases of a GraphQL request"),
        limit("limit-query-tokens", "5000", (100, 1_000_000), "tokens", "Tokens of a GraphQL request's text"),
        limit("limit-batch", "10", (1, 1_000), "requests", "GraphQL requests in one body"),
    ]
}

/// Settings of the contract that come with what makes them work: refused by name until then.
pub(crate) const LATER: &[&str] = &["srt", "public-srt", "clickhouse", "internal"];

/// Variables of ours that are no settings of the server.
pub(super) const OTHER_VARIABLES: &[&str] = &["SIGMA_CONFIG", "SIGMA_URL", "SIGMA_TOKEN", "SIGMA_TLS_CA"];

/// The setting of that name.
pub(crate) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// Of `known`, the one most like `word`.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = word.replace('_', "-").to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&plain, &known.replace('_', "-").to_lowercase());
    let scored = known.into_iter().map(|known| (likeness(known), known));
    scored.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}
