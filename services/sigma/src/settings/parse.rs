//! From text to a setting. Each error says what would be right.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::LogFormat;

/// Seconds of silence that may be set: a silent connection is closed after 30.
const SILENCE: std::ops::RangeInclusive<u64> = 1..=29;

pub(super) fn address(text: &str) -> Result<String, String> {
    let sound = text.rsplit_once(':').filter(|(host, port)| {
        let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && bare && !host.contains('/') && port.parse::<u16>().is_ok()
    });
    sound
        .map(|_| text.to_owned())
        .ok_or_else(|| "write HOST:PORT, as 127.0.0.1:8080, or 0.0.0.0:8080 for all".into())
}

pub(super) fn public_url(text: &str) -> Result<String, String> {
    let mend = "write it as https://live.example.org, without a path";
    let url = text.strip_suffix('/').unwrap_or(text);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(mend)?;
    authority(rest).map_err(|()| mend)?;
    Ok(url.to_owned())
}

pub(super) fn public_rtmp(text: &str) -> Result<String, String> {
    let mend = "write it as rtmp://in.example.org, or with its port, as rtmp://in.example.org:1935/live";
    let url = text.strip_suffix('/').unwrap_or(text);
    let url = url.strip_suffix("/live").unwrap_or(url);
    let rest = url.strip_prefix("rtmp://").or_else(|| url.strip_prefix("rtmps://")).ok_or(mend)?;
    authority(rest).map_err(|()| mend)?;
    Ok(format!("{url}/live"))
}

/// A host and perhaps a port, and nothing more.
fn authority(text: &str) -> Result<(), ()> {
    let uri: http::uri::Authority = text.parse().map_err(|_| ())?;
    let plain = !uri.host().is_empty() && !text.contains('@');
    let port_sound =
        !text.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':') || uri.port_u16().is_some();
    if plain && port_sound { Ok(()) } else { Err(()) }
}

pub(super) fn ingest_silence(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| SILENCE.contains(seconds));
    let (least, most) = (SILENCE.start(), SILENCE.end());
    seconds.map(Duration::from_secs).ok_or_else(|| format!("write whole seconds, {least} to {most}"))
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

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write text or json".to_owned()),
    }
}

/// 32 bytes in base64.
pub(crate) fn master_key(text: &str) -> Result<[u8; 32], String> {
    let bytes = BASE64_STANDARD.decode(text.trim()).unwrap_or_default();
    <[u8; 32]>::try_from(bytes)
        .map_err(|_| "it must be 32 bytes in base64, as `openssl rand -base64 32` makes it".into())
}
