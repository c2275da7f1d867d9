//! From text to a setting in its one right form. Each error says what would be right.

use std::net::IpAddr;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use sigma_archive::Place;
use sigma_store_postgres::Address;

/// The least characters of an admin token that is brought along.
const ADMIN_TOKEN_LEAST: usize = 16;
/// Networks or origins that one setting may list.
const LIST_MOST: usize = 100;

pub(super) fn folder(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("name a folder, as ./data".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn file(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("name a file".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn address(text: &str) -> Result<String, String> {
    let sound = text.rsplit_once(':').filter(|(host, port)| {
        let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && bare && !host.contains('/') && port.parse::<u16>().is_ok()
    });
    sound
        .map(|_| text.to_owned())
        .ok_or_else(|| "write HOST:PORT, as 127.0.0.1:8080, or 0.0.0.0:8080 for all".into())
}

pub(super) fn event_store(text: &str) -> Result<String, String> {
    if text == "sqlite" {
        return Ok(text.to_owned());
    }
    let address: Result<Address, String> = text.parse();
    address.map(|_| text.to_owned()).map_err(|mend| format!("write sqlite; or: {mend}"))
}

/// Without its password.
pub(super) fn told_event_store(text: &str) -> String {
    text.parse::<Address>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}

pub(super) fn objects(text: &str) -> Result<String, String> {
    Place::parse(text, Path::new("")).map(|_| text.to_owned())
}

pub(super) fn brokers(text: &str) -> Result<String, String> {
    list(text, |one| {
        let proper = address(one).ok().filter(|proper| !proper.ends_with(":0"));
        proper.ok_or_else(|| "write HOST:PORT, with commas between them, as kafka-1:9092,kafka-2:9092".into())
    })
}

pub(super) fn kafka_security(text: &str) -> Result<String, String> {
    one_of(text, &["plaintext", "tls"])
}

pub(super) fn kafka_sasl(text: &str) -> Result<String, String> {
    one_of(text, &["scram-sha-256", "scram-sha-512", "plain"])
}

fn one_of(text: &str, known: &[&str]) -> Result<String, String> {
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("write one of {}", known.join(", "))),
    }
}

pub(super) fn password(text: &str) -> Result<(), String> {
    match text.is_empty() || text.contains('\0') {
        true => Err("write a password, without a zero byte".into()),
        false => Ok(()),
    }
}

pub(super) fn public_url(text: &str) -> Result<String, String> {
    origin(text).ok_or_else(|| "write it as https://live.example.org, without a path".into())
}

pub(super) fn otlp_endpoint(text: &str) -> Result<String, String> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let bare = bare.strip_suffix("/v1/traces").unwrap_or(bare);
    origin(bare)
        .ok_or_else(|| "write it as http://127.0.0.1:4318, where the collector takes OTLP over HTTP".into())
}

pub(super) fn public_rtmp(text: &str) -> Result<String, String> {
    let mend = "write it as rtmp://in.example.org, or with its port, as rtmp://in.example.org:1935/live";
    let url = text.strip_suffix('/').unwrap_or(text);
    let url = url.strip_suffix("/live").unwrap_or(url);
    let rest = url.strip_prefix("rtmp://").or_else(|| url.strip_prefix("rtmps://")).ok_or(mend)?;
    authority(rest).map_err(|()| mend)?;
    Ok(format!("{url}/live"))
}

pub(super) fn public_rtmps(text: &str) -> Result<String, String> {
    if !text.starts_with("rtmps://") {
        return Err(
            "write it as rtmps://in.example.org, or with its port, as rtmps://in.example.org:443/live".into(),
        );
    }
    public_rtmp(text)
}

/// Scheme, host and perhaps port of the web, and nothing more.
fn origin(text: &str) -> Option<String> {
    let url = text.strip_suffix('/').unwrap_or(text);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    authority(rest).ok()?;
    Some(url.to_owned())
}

/// A host and perhaps a port, and nothing more.
fn authority(text: &str) -> Result<(), ()> {
    let uri: http::uri::Authority = text.parse().map_err(|_| ())?;
    let plain = !uri.host().is_empty() && !text.contains('@');
    let port_sound =
        !text.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':') || uri.port_u16().is_some();
    if plain && port_sound { Ok(()) } else { Err(()) }
}

/// Networks, as `10.0.0.0/8`, or single addresses.
pub(super) fn networks(text: &str) -> Result<String, String> {
    list(text, |network| {
        let single = || network.parse::<IpAddr>().map(IpNet::from);
        let network = network.parse::<IpNet>().or_else(|_| single()).map_err(|_| {
            format!("`{network}` is no network: write it as 10.0.0.0/8 or fd00::/8, or an address")
        })?;
        Ok(network.to_string())
    })
}

/// Origins of the web, as a browser names them.
pub(super) fn origins(text: &str) -> Result<String, String> {
    list(text, |one| {
        let mend = format!("`{one}` is no origin: write it as https://studio.example.org, without a path");
        origin(one).map(|origin| origin.to_lowercase()).ok_or(mend)
    })
}

fn list(text: &str, form: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let all = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    let all = all.map(form).collect::<Result<Vec<String>, String>>()?;
    if all.len() > LIST_MOST {
        return Err(format!("name {LIST_MOST} at most"));
    }
    Ok(all.join(","))
}

pub(super) fn node_id(text: &str) -> Result<String, String> {
    text.parse::<sigma_domain::NodeId>().map(|id| id.as_str().to_owned()).map_err(|error| error.to_string())
}

pub(super) fn log(text: &str) -> Result<String, String> {
    let sound = tracing_subscriber::EnvFilter::try_new(text);
    sound
        .map(|_| text.to_owned())
        .map_err(|_| "write error, warn, info, debug or trace, or sigma_node=debug,info".into())
}

pub(super) fn log_format(text: &str) -> Result<String, String> {
    match text {
        "text" | "json" => Ok(text.to_owned()),
        _ => Err("write text or json".to_owned()),
    }
}

pub(super) fn admin_token(text: &str) -> Result<(), String> {
    if text.len() < ADMIN_TOKEN_LEAST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("use at least {ADMIN_TOKEN_LEAST} visible ASCII characters, without blanks"));
    }
    Ok(())
}

pub(super) fn is_master_key(text: &str) -> Result<(), String> {
    master_key(text).map(|_| ())
}

/// 32 bytes in base64.
pub(crate) fn master_key(text: &str) -> Result<[u8; 32], String> {
    let bytes = BASE64_STANDARD.decode(text.trim()).unwrap_or_default();
    <[u8; 32]>::try_from(bytes)
        .map_err(|_| "it must be 32 bytes in base64, as `openssl rand -base64 32` makes it".into())
}
