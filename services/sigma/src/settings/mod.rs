//! Settings: flag wins, then environment, then `sigma.toml`. Every bad one is named, with where it came from and what
//! would be right.

#[cfg(test)]
mod document;
mod in_force;
mod kafka;
mod parse;
mod roles;
mod sources;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use sigma_api::graphql::QueryLimits;
use sigma_api::http::Limits;
use sigma_archive::Place;
use sigma_node::{THRESHOLDS, Thresholds};
use sigma_store_postgres::Address;

pub(crate) use in_force::{InForce, print};
pub(crate) use kafka::Kafka;
pub(crate) use parse::master_key;
pub(crate) use roles::Roles;
pub(crate) use sources::{Flags, Sources};
pub(crate) use table::{Group, LATER, SETTINGS};

use crate::fault::Fault;
use crate::serve::AdmissionLimits;
use crate::tls::Files;

/// The platform's settings, understood.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// `HOST:PORT` of the HTTP door; port 0 takes a free one.
    pub(crate) http: String,
    /// `HOST:PORT` of the RTMP door; port 0 takes a free one.
    pub(crate) rtmp: String,
    /// What this process is for.
    pub(crate) roles: Roles,
    /// Where events, read models and deadlines are kept.
    pub(crate) event_store: EventStore,
    /// Where all events go too, and read models follow them.
    pub(crate) kafka: Option<Kafka>,
    /// The certificate and what comes with it.
    pub(crate) tls: Option<Tls>,
    /// Without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// Ends in `/live`.
    pub(crate) public_rtmp: Option<String>,
    /// Ends in `/live`.
    pub(crate) public_rtmps: Option<String>,
    /// A feed that delivers nothing for this long is lost.
    pub(crate) ingest_silence: Duration,
    /// Where recordings are kept.
    pub(crate) objects: Place,
    /// Bytes that may wait on disk for it.
    pub(crate) objects_backlog: u64,
    pub(crate) recordings_limit: Option<u64>,
    /// This node's name; made at first start where it is not set.
    pub(crate) node_id: Option<String>,
    /// What is logged, as `info` or `info,sigma_node=debug`.
    pub(crate) log: String,
    /// How it is logged.
    pub(crate) log_format: LogFormat,
    /// Where traces are sent; without a path.
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) admin_token: Option<Secret>,
    pub(crate) master_key: Option<Secret>,
    /// Bounds of the HTTP door.
    pub(crate) limits: Limits,
    /// Bounds of the RTMP doors.
    pub(crate) ingest: IngestLimits,
    /// Beyond what nobody new is let in.
    pub(crate) admission: AdmissionLimits,
    /// Bounds of a GraphQL request.
    pub(crate) query_limits: QueryLimits,
    /// What feeds are held against.
    pub(crate) thresholds: Thresholds,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Other sites whose pages may call the API from a browser.
    pub(crate) cors_origins: Vec<String>,
    /// Each setting as it stands, for people.
    pub(crate) in_force: Vec<InForce>,
    /// What was said and does nothing, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// Where events, read models and deadlines are kept.
#[derive(Clone, Debug)]
pub(crate) enum EventStore {
    /// In files of the data folder.
    Sqlite,
    /// In a database.
    Postgres {
        address: Address,
        /// That decide on commands at once.
        connections: u32,
    },
}

/// Where the certificate stands, and the door that is there only with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) files: Files,
    /// `HOST:PORT` of the RTMPS door; port 0 takes a free one.
    pub(crate) rtmps: String,
}

/// Where RTMPS listens when nothing is said.
const RTMPS: &str = "127.0.0.1:1936";

/// What the RTMP doors grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IngestLimits {
    pub(crate) connections: usize,
    /// Of one address, such as have not published.
    pub(crate) strangers: usize,
    pub(crate) sessions: usize,
    /// Bits a second of one feed.
    pub(crate) feed_bitrate: u64,
    /// Of one address in a minute.
    pub(crate) wrong_keys: u32,
    /// Feeds of one channel in a minute.
    pub(crate) reconnects: u32,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Something that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where recordings are kept.
fn place(values: &Values) -> Result<Place, Fault> {
    let data_dir = PathBuf::from(values.needed("data-dir"));
    let parsed = Place::parse(&values.needed("objects"), &data_dir);
    parsed.map_err(|error| Fault::new(error, "set --objects to file or to s3://BUCKET/PREFIX"))
}

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// The first bad one, named.
    pub(crate) fn read(sources: &Sources) -> Result<Self, Fault> {
        let values = Values::read(sources)?;
        let secret = |name| values.text(name).map(Secret);
        let event_store = event_store(&values);
        let kafka = kafka::read(&values, &event_store)?;
        Ok(Self {
            data_dir: PathBuf::from(values.needed("data-dir")),
            http: values.needed("http"),
            rtmp: values.needed("rtmp"),
            roles: Roles::read(&values.needed("roles"), &event_store)?,
            event_store,
            kafka,
            tls: tls(&values)?,
            public_url: values.text("public-url"),
            public_rtmp: values.text("public-rtmp"),
            public_rtmps: values.text("public-rtmps"),
            ingest_silence: values.seconds("ingest-silence"),
            objects: place(&values)?,
            objects_backlog: values.number::<u64>("objects-backlog") * 1_000_000_000,
            recordings_limit: values.maybe("recordings-limit").map(|gigabytes| gigabytes * 1_000_000_000),
            node_id: values.text("node-id"),
            log: values.needed("log"),
            log_format: match values.needed("log-format").as_str() {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            otlp_endpoint: values.text("otlp-endpoint"),
            admin_token: secret("admin-token"),
            master_key: secret("master-key"),
            limits: limits(&values),
            ingest: IngestLimits {
                connections: values.size("limit-ingest-connections"),
                strangers: values.size("limit-ingest-strangers"),
                sessions: values.size("limit-sessions"),
                feed_bitrate: values.number::<u64>("limit-feed-bitrate") * 1_000_000,
                wrong_keys: values.number("limit-wrong-keys"),
                reconnects: values.number("limit-reconnects"),
            },
            admission: AdmissionLimits::of(values.maybe("limit-memory"), values.maybe("limit-egress")),
            query_limits: query_limits(&values),
            thresholds: thresholds(&values),
            // Each was read once, when its setting was.
            trusted_proxies: values
                .list("trusted-proxies")
                .iter()
                .filter_map(|one| one.parse().ok())
                .collect(),
            cors_origins: values.list("cors-origins"),
            in_force: values.in_force(),
            warnings: sources.unknown_variables(),
        })
    }
}

/// A certificate is two files; RTMPS wants one.
fn tls(values: &Values) -> Result<Option<Tls>, Fault> {
    let alone = |there: &str, missing: &str| {
        let from = values.said(there).unwrap_or_default();
        let wrong = format!("{there} is set (by {from}) and {missing} is not");
        Fault::new(wrong, format!("name the other file with --{missing}, or leave {there} out"))
    };
    match (values.text("tls-cert"), values.text("tls-key"), values.text("rtmps")) {
        (Some(chain), Some(key), rtmps) => Ok(Some(Tls {
            files: Files { chain: PathBuf::from(chain), key: PathBuf::from(key) },
            rtmps: rtmps.unwrap_or_else(|| RTMPS.to_owned()),
        })),
        (Some(_), None, _) => Err(alone("tls-cert", "tls-key")),
        (None, Some(_), _) => Err(alone("tls-key", "tls-cert")),
        (None, None, Some(_)) => {
            let from = values.said("rtmps").unwrap_or_default();
            let wrong = format!("rtmps is set (by {from}) and there is no certificate");
            Err(Fault::new(wrong, "name one with --tls-cert and --tls-key, or leave rtmps out"))
        }
        (None, None, None) => Ok(None),
    }
}

fn event_store(values: &Values) -> EventStore {
    // It was read once, when the setting was: what is no address is the other word.
    match values.needed("event-store").parse() {
        Ok(address) => {
            EventStore::Postgres { address, connections: values.number("event-store-connections") }
        }
        Err(_) => EventStore::Sqlite,
    }
}

fn limits(values: &Values) -> Limits {
    Limits {
        connections: values.size("limit-connections"),
        connections_address: values.size("limit-connections-address"),
        viewers: values.size("limit-viewers"),
        slowest: values.number("limit-slowest"),
        head_bytes: values.number("limit-head"),
        headers: values.size("limit-headers"),
        body_bytes: values.size("limit-body"),
        request_timeout: values.seconds("limit-request-time"),
        batch: values.size("limit-batch"),
        executions: values.size("limit-executions"),
        requests_token: values.number("limit-requests-token"),
        requests_address: values.number("limit-requests-address"),
        sign_ins_address: values.number("limit-sign-ins-address"),
        sockets_token: values.size("limit-sockets-token"),
        subscriptions_socket: values.size("limit-subscriptions-socket"),
        messages_socket: values.number("limit-messages-socket"),
        bodies_bytes: values.size("limit-bodies"),
        ..Limits::default()
    }
}

fn query_limits(values: &Values) -> QueryLimits {
    QueryLimits {
        depth: values.size("limit-depth"),
        complexity: values.size("limit-complexity"),
        selections: values.number("limit-selections"),
        aliases: values.number("limit-aliases"),
        tokens: values.size("limit-query-tokens"),
        ..QueryLimits::default()
    }
}

fn thresholds(values: &Values) -> Thresholds {
    let mut thresholds = Thresholds::default();
    for threshold in THRESHOLDS {
        if let Some(value) = values.text(threshold.name).and_then(|text| text.parse().ok()) {
            (threshold.set)(&mut thresholds, value);
        }
    }
    thresholds
}

/// Only where the data folder is: all that client commands need.
pub(crate) fn data_dir(sources: &Sources) -> Result<PathBuf, Fault> {
    let setting = table::setting("data-dir");
    let text = setting.map(|setting| sources.understood(setting)).transpose()?;
    Ok(PathBuf::from(text.and_then(|(text, _)| text).unwrap_or_default()))
}

pub(crate) use in_force::Values;

#[cfg(test)]
mod tests;
