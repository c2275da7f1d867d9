//! What every answer tells browsers: what they must not do with it, and whose pages may read it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// An answer that is no page loads nothing and stands in no frame.
const NO_PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// What pages of other sites may send to the API.
const API_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept, idempotency-key, traceparent, tracestate, x-request-id",
);
/// What they may read of its answers, beside the body.
const API_EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
/// Seconds for which a browser may remember what it may send.
const REMEMBER: HeaderValue = HeaderValue::from_static("600");
/// A year without plain HTTP.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The rules of a platform.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Viewers come by HTTPS: plain HTTP is to be forgotten.
    pub(crate) https: bool,
    /// Origins of other sites whose pages may call the API.
    pub(crate) cors_origins: Vec<String>,
}

/// What a request says that matters here.
pub(crate) struct Asked {
    pub(crate) route: &'static str,
    origin: Option<HeaderValue>,
    preflight: bool,
}

impl Asked {
    pub(crate) fn new(route: &'static str, method: &Method, headers: &HeaderMap) -> Self {
        let preflight =
            *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Self { route, origin: headers.get(header::ORIGIN).cloned(), preflight }
    }
}

impl Policy {
    /// Puts the headers on an answer; those that it has already stay.
    pub(crate) fn apply(&self, asked: &Asked, headers: &mut HeaderMap) {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let mut unless_set = |name: HeaderName, value: HeaderValue| {
            headers.entry(name).or_insert(value);
        };
        unless_set(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if self.https {
            unless_set(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
        }
        // Players of other sites load these, Safari's own without asking first.
        let for_all = matches!(
            asked.route,
            "/live" | "/media" | "/preview" | "/vod" | "/public" | "/embed/{playbackId}"
        );
        let resource = if for_all { "cross-origin" } else { "same-origin" };
        unless_set(RESOURCE_POLICY, HeaderValue::from_static(resource));
        if !for_all {
            unless_set(OPENER_POLICY, HeaderValue::from_static("same-origin"));
            unless_set(header::CONTENT_SECURITY_POLICY, NO_PAGE);
            unless_set(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        self.share(asked, headers);
    }

    fn share(&self, asked: &Asked, headers: &mut HeaderMap) {
        match asked.route {
            // The origin of the media plane says the same of its own.
            "/public" => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            "/graphql" if !self.cors_origins.is_empty() => {
                headers.append(header::VARY, HeaderValue::from_static("origin"));
                let Some(origin) = asked.origin.as_ref().filter(|origin| self.lets(origin)) else { return };
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                if asked.preflight {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
                    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, API_HEADERS);
                    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBER);
                } else {
                    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, API_EXPOSED);
                }
            }
            _ => {}
        }
    }

    fn lets(&self, origin: &HeaderValue) -> bool {
        self.cors_origins.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(route: &'static str, origin: Option<&'static str>, preflight: bool) -> HeaderMap {
        let policy = Policy { https: true, cors_origins: vec!["https://Studio.example".to_owned()] };
        let mut request = HeaderMap::new();
        if let Some(origin) = origin {
            request.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        if preflight {
            request.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        }
        let method = if preflight { Method::OPTIONS } else { Method::POST };
        let mut headers = HeaderMap::new();
        policy.apply(&Asked::new(route, &method, &request), &mut headers);
        headers
    }

    fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
        headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn the_api_is_shared_with_origins_that_are_named() {
        let allowed = |headers: &HeaderMap| headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some();
        let named = applied("/graphql", Some("https://studio.example"), true);
        assert_eq!(text(&named, header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("https://studio.example"));
        assert_eq!(text(&named, header::ACCESS_CONTROL_ALLOW_METHODS), Some("POST"));
        assert_eq!(text(&named, header::ACCESS_CONTROL_ALLOW_CREDENTIALS), None);
        assert!(applied("/graphql", Some("https://studio.example"), false).contains_key("vary"));
        for other in [None, Some("https://evil.example"), Some("null"), Some("https://studio.example.evil")] {
            assert!(!allowed(&applied("/graphql", other, true)), "{other:?}");
        }
        assert!(!allowed(&applied("/auth", Some("https://studio.example"), true)));
    }

    #[test]
    fn what_viewers_load_may_be_loaded_from_anywhere() {
        for route in ["/live", "/media", "/public", "/embed/{playbackId}"] {
            let headers = applied(route, None, false);
            assert_eq!(text(&headers, RESOURCE_POLICY), Some("cross-origin"), "{route}");
            assert_eq!(text(&headers, header::X_FRAME_OPTIONS), None, "{route}");
        }
        let headers = applied("/graphql", None, false);
        assert_eq!(text(&headers, RESOURCE_POLICY), Some("same-origin"));
        assert_eq!(text(&headers, header::X_FRAME_OPTIONS), Some("DENY"));
        assert_eq!(text(&headers, header::STRICT_TRANSPORT_SECURITY), Some("max-age=31536000"));
        assert_eq!(text(&headers, header::REFERRER_POLICY), Some("no-referrer"));
    }
}
