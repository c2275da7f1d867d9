//! The dashboard's build, carried inside the binary: the dashboard, the players' pages, the player in a frame,
//! the explorer, and their assets.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::Shared;
use super::error::HttpError;
use crate::nodes::{NodeRow, media_nodes};

/// One file of the dashboard's build.
pub(crate) struct File {
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Names under this folder carry a hash of what they hold, so that they can be kept for ever.
const HASHED: &str = "assets/";

/// All that a page of ours may load: itself, media through blobs (Media Source Extensions), and media from the platform's own
/// nodes, which [`policy`] adds. No inline script or style, no foreign host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'";

/// Who may put a page into a frame of his own.
#[derive(Clone, Copy)]
enum Framing {
    Nobody,
    Anybody,
}

/// The addresses at which the dashboard finds its way by itself.
pub(crate) const DASHBOARD: [&str; 11] = [
    "/",
    "/channels",
    "/channels/{id}",
    "/sessions",
    "/sessions/{id}",
    "/recordings",
    "/recordings/{id}",
    "/events",
    "/tokens",
    "/system",
    "/sign-in",
];

pub(crate) async fn dashboard(State(inner): State<Shared>, headers: HeaderMap) -> Response {
    page(&inner, "index.html", &headers, Framing::Nobody)
}

pub(crate) async fn watch(
    State(inner): State<Shared>,
    Path(playback_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    player(&inner, "watch.html", &playback_id, &headers, Framing::Nobody).await
}

pub(crate) async fn embed(
    State(inner): State<Shared>,
    Path(playback_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    player(&inner, "embed.html", &playback_id, &headers, Framing::Anybody).await
}

/// The player of a recording. Whether there is one is the media plane's to say: the page asks it.
pub(crate) async fn replay(State(inner): State<Shared>, headers: HeaderMap) -> Response {
    page(&inner, "replay.html", &headers, Framing::Nobody)
}

/// A player's page. Of a channel that is not there as well, so that the page can say so; its status tells machines.
async fn player(
    inner: &Shared,
    name: &str,
    playback_id: &str,
    headers: &HeaderMap,
    framing: Framing,
) -> Response {
    // What cannot be known is left to the page, which asks again.
    let is_unknown = matches!(inner.api.reads().channel_by_playback_id(playback_id).await, Ok(None));
    if !is_unknown {
        return page(inner, name, headers, framing);
    }
    let mut response = page(inner, name, &HeaderMap::new(), framing);
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
        let out = response.headers_mut();
        out.remove(header::ETAG);
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// The explorer of the API.
pub(crate) async fn explorer(State(inner): State<Shared>, headers: HeaderMap) -> Response {
    page(&inner, "explorer.html", &headers, Framing::Nobody)
}

/// The file of the build at `path` (without its leading slash), pages excepted: they have addresses of their own.
pub(crate) fn asset(path: &str, headers: &HeaderMap) -> Option<Response> {
    let file = find(path).filter(|file| !file.path.ends_with(".html"))?;
    let cache =
        if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    Some(respond(file, headers, cache))
}

fn find(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().map(|index| &FILES[index])
}

fn page(inner: &Shared, name: &str, headers: &HeaderMap, framing: Framing) -> Response {
    let Some(file) = find(name) else {
        return HttpError::not_found().into_response();
    };
    let mut response = respond(file, headers, "no-cache");
    let out = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&media_nodes(&*inner.nodes), framing)) {
        out.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if matches!(framing, Framing::Nobody) {
        out.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

/// Pages load from here, and media from nodes that serve it.
fn policy(media: &[NodeRow], framing: Framing) -> String {
    let ancestors = match framing {
        Framing::Nobody => "'none'",
        Framing::Anybody => "*",
    };
    // An address that a node told of itself is an origin, or it is left out: it must not end the directive.
    let is_origin = |url: &str| {
        url.parse::<Uri>().is_ok_and(|uri| {
            let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
            matches!(uri.scheme_str(), Some("http" | "https"))
                && plain
                && !url.contains([';', ',', '\'', ' '])
        })
    };
    let nodes = media.iter().filter(|node| is_origin(&node.url)).map(|node| format!(" {}", node.url));
    let nodes: String = nodes.collect();
    format!("{POLICY}; media-src 'self' blob:{nodes}; connect-src 'self'{nodes}; frame-ancestors {ancestors}")
}

fn respond(file: &'static File, request: &HeaderMap, cache: &'static str) -> Response {
    let fresh = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| matches_tag(tags, file.etag));
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    out.insert(header::ETAG, HeaderValue::from_static(file.etag));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    let body = match file.gzip.filter(|_| takes_gzip(request)) {
        Some(gzip) => {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip
        }
        None => file.bytes,
    };
    *response.body_mut() = Body::from(body);
    response
}

/// RFC 9110 §13.1.2: weak comparison, a list, or `*`.
fn matches_tag(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// RFC 9110 §12.5.3: named, and not with a weight of zero.
fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named
            && !parts.any(|weight| matches!(weight.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_is_found_in_a_list_and_compared_weakly() {
        assert!(matches_tag("\"a\", W/\"b\"", "\"b\""));
        assert!(matches_tag("*", "\"b\""));
        assert!(!matches_tag("\"a\"", "\"b\""));
    }

    #[test]
    fn gzip_is_sent_only_to_who_takes_it() {
        let headers = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            headers
        };
        assert!(takes_gzip(&headers("br, gzip;q=0.5")));
        assert!(!takes_gzip(&headers("gzip;q=0, br")));
        assert!(!takes_gzip(&headers("identity")));
    }

    #[test]
    fn pages_are_not_served_under_their_file_names() {
        assert!(asset("watch.html", &HeaderMap::new()).is_none());
    }
}
