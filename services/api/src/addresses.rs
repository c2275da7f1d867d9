//! The addresses that answers carry: as set, else from the request's own host.

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// The port that RTMP is known by (Adobe's RTMP 1.0, 2).
const RTMP_PORT: u16 = 1935;

/// What is known of the platform's own addresses at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// `--public-url`, without a slash at its end.
    pub public_url: Option<String>,
    /// `--public-rtmp`, ending in `/live`.
    pub public_rtmp: Option<String>,
    /// `--public-rtmps`, ending in `/live`.
    pub public_rtmps: Option<String>,
    /// Whether the web is served over TLS here.
    pub https: bool,
    /// The host and port that stand in where a request names no host.
    pub listening_on: String,
    /// The port of the RTMP door, where this process takes feeds.
    pub rtmp_port: Option<u16>,
    /// The port of the RTMPS door, where there is one.
    pub rtmps_port: Option<u16>,
}

/// The addresses as one caller sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `http://HOST:PORT` or `https://…`, without a slash at its end.
    http: String,
    /// `rtmp://HOST:PORT/live`.
    rtmp: String,
    /// `rtmps://HOST:PORT/live`.
    rtmps: Option<String>,
}

impl Addresses {
    /// The addresses for a request to `uri` with these headers. Where this process takes no feeds, `elsewhere` is where
    /// another one does.
    pub fn seen_by(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        elsewhere: impl FnOnce() -> Option<String>,
    ) -> Origin {
        let named = uri.authority().cloned().or_else(|| {
            let host = headers.get(header::HOST)?.to_str().ok()?;
            host.parse::<Authority>().ok()
        });
        // Somebody who puts a user before the host wants to lead readers of the address astray.
        let named = named.filter(|authority| !authority.as_str().contains('@'));
        let authority = named.as_ref().map_or(self.listening_on.as_str(), Authority::as_str);
        let host = match authority.parse::<Authority>() {
            Ok(parsed) => parsed.host().to_owned(),
            Err(_) => authority.to_owned(),
        };
        let scheme = if self.https { "https" } else { "http" };
        Origin {
            http: self.public_url.clone().unwrap_or_else(|| format!("{scheme}://{authority}")),
            rtmp: self
                .public_rtmp
                .clone()
                .or_else(|| if self.rtmp_port.is_none() { elsewhere() } else { None })
                .unwrap_or_else(|| format!("rtmp://{host}:{}/live", self.rtmp_port.unwrap_or(RTMP_PORT))),
            rtmps: self
                .public_rtmps
                .clone()
                .or_else(|| Some(format!("rtmps://{host}:{}/live", self.rtmps_port?))),
        }
    }
}

impl Origin {
    /// The multivariant playlist of the channel's current session.
    pub(crate) fn playback_url(&self, playback_id: &str) -> String {
        self.live_url(playback_id, "index.m3u8")
    }

    /// The channel's player page.
    pub(crate) fn watch_url(&self, playback_id: &str) -> String {
        format!("{}/watch/{playback_id}", self.http)
    }

    /// The channel's current session with the whole rewind window.
    pub(crate) fn dvr_url(&self, playback_id: &str) -> String {
        self.live_url(playback_id, "dvr.m3u8")
    }

    /// What else is served of what is on air.
    pub(crate) fn live_url(&self, playback_id: &str, name: &str) -> String {
        format!("{}/live/{playback_id}/{name}", self.http)
    }

    /// What is served of an asset.
    pub(crate) fn vod_url(&self, asset: &str, name: &str) -> String {
        format!("{}/vod/{asset}/{name}", self.http)
    }

    /// All of a session on air, for who may see it before it is public.
    pub(crate) fn preview_url(&self, session: &str) -> String {
        format!("{}/preview/{session}/index.m3u8", self.http)
    }

    /// Where encoders publish to, without the key.
    pub(crate) fn rtmp_url(&self) -> &str {
        &self.rtmp
    }

    /// The same over TLS, where that is taken.
    pub(crate) fn rtmps_url(&self) -> Option<&str> {
        self.rtmps.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn addresses() -> Addresses {
        Addresses {
            public_url: None,
            public_rtmp: None,
            public_rtmps: None,
            https: false,
            listening_on: "127.0.0.1:8080".to_owned(),
            rtmp_port: Some(1935),
            rtmps_port: None,
        }
    }

    fn seen(addresses: &Addresses, host: Option<&'static str>) -> Origin {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, HeaderValue::from_static(host));
        }
        addresses
            .seen_by(&Uri::from_static("/graphql"), &headers, || Some("rtmp://media:1935/live".to_owned()))
    }

    #[test]
    fn who_takes_no_feeds_names_the_node_that_does() {
        let here = addresses();
        assert_eq!(seen(&here, Some("studio.lan")).rtmp_url(), "rtmp://studio.lan:1935/live");
        let elsewhere = Addresses { rtmp_port: None, ..addresses() };
        assert_eq!(seen(&elsewhere, Some("studio.lan")).rtmp_url(), "rtmp://media:1935/live");
        let named = Addresses { public_rtmp: Some("rtmp://in.example/live".to_owned()), ..elsewhere };
        assert_eq!(seen(&named, Some("studio.lan")).rtmp_url(), "rtmp://in.example/live");
    }

    #[test]
    fn addresses_come_from_the_host_that_the_caller_named() {
        let origin = seen(&addresses(), Some("studio.lan:8080"));
        assert_eq!(origin.watch_url("abc"), "http://studio.lan:8080/watch/abc");
        assert_eq!(origin.rtmp_url(), "rtmp://studio.lan:1935/live");
    }

    #[test]
    fn with_a_certificate_addresses_are_secure_ones() {
        assert_eq!(seen(&addresses(), Some("studio.lan")).rtmps_url(), None);
        let secure = Addresses { https: true, rtmps_port: Some(1936), ..addresses() };
        let origin = seen(&secure, Some("studio.lan:8080"));
        assert_eq!(origin.playback_url("abc"), "https://studio.lan:8080/live/abc/index.m3u8");
        assert_eq!(origin.rtmps_url(), Some("rtmps://studio.lan:1936/live"));
        assert_eq!(origin.rtmp_url(), "rtmp://studio.lan:1935/live");
        let mapped = Addresses { public_rtmps: Some("rtmps://in.example/live".to_owned()), ..addresses() };
        assert_eq!(seen(&mapped, None).rtmps_url(), Some("rtmps://in.example/live"));
    }

    #[test]
    fn an_ipv6_host_keeps_its_brackets() {
        assert_eq!(seen(&addresses(), Some("[::1]:8080")).rtmp_url(), "rtmp://[::1]:1935/live");
    }

    #[test]
    fn a_missing_or_misleading_host_is_replaced_by_the_listening_address() {
        for host in [None, Some("real.example@evil.example"), Some("a b")] {
            assert_eq!(seen(&addresses(), host).watch_url("x"), "http://127.0.0.1:8080/watch/x", "{host:?}");
        }
    }

    #[test]
    fn set_addresses_win() {
        let set = Addresses {
            public_url: Some("https://live.example".to_owned()),
            public_rtmp: Some("rtmp://in.example/live".to_owned()),
            ..addresses()
        };
        let origin = seen(&set, Some("studio.lan"));
        assert_eq!(origin.playback_url("x"), "https://live.example/live/x/index.m3u8");
        assert_eq!(origin.rtmp_url(), "rtmp://in.example/live");
    }
}
