//! Where a request comes from: the address behind the proxies that are believed, and the page behind the browser.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri, header};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The machine that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address: that of the connection, or the one that trusted proxies tell.
    pub(crate) address: IpAddr,
    /// Whether it asks over HTTPS: the connection's own, or what a trusted proxy says of the one before.
    pub(crate) https: bool,
}

impl Client {
    /// Who is behind the connection of `peer`, which is `secured` or not. A proxy that is not in `trusted` is itself the
    /// client.
    pub(crate) fn of(peer: SocketAddr, secured: bool, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let peer = peer.ip().to_canonical();
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(&peer) {
            return Self { address: peer, https: secured };
        }
        let told = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
        let told: Vec<&str> = told.flat_map(|value| value.split(',')).map(str::trim).collect();
        let mut address = peer;
        // Each proxy adds its peer at the end: from there on back, as long as a trusted one says so.
        for text in told.iter().rev() {
            let Some(before) = parse(text) else { break };
            address = before;
            if !is_trusted(&address) {
                break;
            }
        }
        let scheme = headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
        let https =
            scheme.and_then(|text| text.rsplit(',').next()).map_or(secured, |text| text.trim() == "https");
        Self { address, https }
    }

    /// What limits are counted by: an IPv4 address, or the /64 that one IPv6 customer has whole.
    pub(crate) fn network(&self) -> IpAddr {
        sigma_door::network(self.address)
    }
}

fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Which page a browser asks for, as far as its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// One of our own, or none: the address was typed.
    Ours,
    /// Another site's.
    Foreign,
    /// Nothing is said: no browser, or an old one.
    Untold,
}

impl Page {
    /// Reads `Sec-Fetch-Site`, and where a browser does not send it (plain HTTP), `Origin`. `public_url` is one of
    /// our own addresses as well. What came over TLS (`secured`) came from no page that a plain one of our name could be:
    /// anybody in between could have made that.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap, public_url: Option<&str>, secured: bool) -> Self {
        if let Some(site) = headers.get(FETCH_SITE) {
            let ours = matches!(site.as_bytes(), b"same-origin" | b"none");
            return if ours { Self::Ours } else { Self::Foreign };
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Self::Untold };
        let Ok(origin) = origin.to_str() else { return Self::Foreign };
        let host = uri.authority().map(Authority::as_str);
        let host = host.or_else(|| headers.get(header::HOST)?.to_str().ok());
        let named =
            origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://").filter(|_| !secured));
        let same = |other: &str| named.is_some_and(|named| named.eq_ignore_ascii_case(other));
        let is_public = public_url.and_then(|url| url.split_once("://")).is_some_and(|(_, rest)| {
            let authority = rest.split('/').next().unwrap_or_default();
            same(authority)
        });
        if is_public || host.is_some_and(same) { Self::Ours } else { Self::Foreign }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, text) in fields {
            headers.append(*name, text.parse().expect("a value"));
        }
        headers
    }

    fn client(peer: &str, fields: &[(&'static str, &str)]) -> Client {
        let trusted = ["10.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")];
        Client::of(peer.parse().expect("an address"), false, &headers(fields), &trusted)
    }

    fn address(peer: &str, fields: &[(&'static str, &str)]) -> String {
        client(peer, fields).address.to_string()
    }

    #[test]
    fn who_is_no_trusted_proxy_speaks_for_himself() {
        let fields = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        assert_eq!(
            client("198.51.100.7:5", &fields),
            Client { address: "198.51.100.7".parse().expect("an address"), https: false }
        );
    }

    #[test]
    fn trusted_proxies_are_believed_back_to_the_first_that_is_not() {
        let chain = [("x-forwarded-for", "203.0.113.9, 192.0.2.1"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(address("10.0.0.1:5", &chain), "192.0.2.1");
        assert_eq!(address("[::1]:5", &[("x-forwarded-for", "[2001:db8::1]:77")]), "2001:db8::1");
        assert_eq!(address("[::ffff:10.0.0.1]:5", &[("x-forwarded-for", "192.0.2.1")]), "192.0.2.1");
        assert_eq!(address("10.0.0.1:5", &[("x-forwarded-for", "192.0.2.1, unknown")]), "10.0.0.1");
        assert_eq!(address("10.0.0.1:5", &[]), "10.0.0.1");
        assert!(client("10.0.0.1:5", &[("x-forwarded-proto", "https")]).https);
        assert!(!client("10.0.0.1:5", &[("x-forwarded-proto", "https, http")]).https);
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let one = client("[2001:db8:0:1::1]:5", &[]).network();
        assert_eq!(one, client("[2001:db8:0:1:ffff::2]:5", &[]).network());
        assert_ne!(one, client("[2001:db8:0:2::1]:5", &[]).network());
    }

    #[test]
    fn a_page_is_ours_by_what_the_browser_says() {
        let page = |fields: &[(&'static str, &str)]| {
            Page::of(&Uri::from_static("/graphql"), &headers(fields), Some("https://live.example/x"), false)
        };
        assert_eq!(page(&[("host", "a:1")]), Page::Untold);
        for ours in ["same-origin", "none"] {
            assert_eq!(page(&[("sec-fetch-site", ours)]), Page::Ours);
        }
        for foreign in ["same-site", "cross-site", "other"] {
            assert_eq!(
                page(&[("sec-fetch-site", foreign), ("origin", "http://a:1"), ("host", "a:1")]),
                Page::Foreign
            );
        }
        assert_eq!(page(&[("origin", "http://a:1"), ("host", "a:1")]), Page::Ours);
        assert_eq!(page(&[("origin", "https://LIVE.example"), ("host", "inside:1")]), Page::Ours);
        for foreign in ["http://a:2", "http://a", "null", "http://a:1.evil", "file://a:1"] {
            assert_eq!(page(&[("origin", foreign), ("host", "a:1")]), Page::Foreign, "{foreign}");
        }
    }

    #[test]
    fn over_tls_only_secure_pages_are_ours() {
        let page = |origin: &str| {
            let headers = headers(&[("origin", origin), ("host", "a")]);
            Page::of(&Uri::from_static("/graphql"), &headers, None, true)
        };
        assert_eq!(page("https://a"), Page::Ours);
        assert_eq!(page("http://a"), Page::Foreign);
    }

    #[test]
    fn over_tls_a_client_is_secure_unless_a_trusted_proxy_says_otherwise() {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        let https = |peer: &str, fields: &[(&'static str, &str)]| {
            Client::of(peer.parse().expect("an address"), true, &headers(fields), &trusted).https
        };
        assert!(https("192.0.2.1:5", &[("x-forwarded-proto", "http")]));
        assert!(https("10.0.0.1:5", &[]));
        assert!(!https("10.0.0.1:5", &[("x-forwarded-proto", "http")]));
    }
}
