//! Settings: flag wins, then environment, then `sigma.toml`. Every bad one is named, with where it came from and what
//! would be right.

#[cfg(test)]
mod document;
mod in_force;
mod parse;
mod sources;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use sigma_api::graphql::QueryLimits;
use sigma_api::http::Limits;
use sigma_node::{THRESHOLDS, Thresholds};

pub(crate) use in_force::{InForce, print};
pub(crate) use parse::master_key;
pub(crate) use sources::{Flags, Sources};
pub(crate) use table::{Group, LATER, SETTINGS};

use crate::fault::Fault;

/// The platform's settings, understood.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// `HOST:PORT` of the HTTP door; port 0 takes a free one.
    pub(crate) http: String,
    /// `HOST:PORT` of the RTMP door; port 0 takes a free one.
    pub(crate) rtmp: String,
    /// Without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// Ends in `/live`.
    pub(crate) public_rtmp: Option<String>,
    /// A feed that delivers nothing for this long is lost.
    pub(crate) ingest_silence: Duration,
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

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// The first bad one, named.
    pub(crate) fn read(sources: &Sources) -> Result<Self, Fault> {
        let values = Values::read(sources)?;
        let secret = |name| values.text(name).map(Secret);
        Ok(Self {
            data_dir: PathBuf::from(values.needed("data-dir")),
            http: values.needed("http"),
            rtmp: values.needed("rtmp"),
            public_url: values.text("public-url"),
            public_rtmp: values.text("public-rtmp"),
            ingest_silence: values.seconds("ingest-silence"),
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

fn limits(values: &Values) -> Limits {
    Limits {
        connections: values.size("limit-connections"),
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
