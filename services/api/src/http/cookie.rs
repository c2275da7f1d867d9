//! The dashboard's cookie: the token that signed in, sealed so that only this platform can open it.
//!
//! Signing out takes it from the browser. It is good for as long as it says wherever else it was copied to, and sockets
//! that it opened stay open: to end these, revoke the token.

use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use sigma_clock::Timestamp;

/// The cookie's name over plain HTTP.
const NAME: &str = "sigma_session";
/// Its name over HTTPS: browsers take it from this host alone (RFC 6265bis §4.1.3.2), so that no sibling host can
/// plant one of its own.
const HOST_NAME: &str = "__Host-sigma_session";
/// How long a sign-in lasts, where the token does not run out before.
const LASTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A cookie that is longer is none of ours.
const LONGEST: usize = 1_024;
/// Bytes before the token: until when the cookie lets in, milliseconds since the Unix epoch.
const UNTIL: usize = 8;
const PURPOSE: &[u8] = b"sigma_session v1";

/// Makes and opens cookies.
pub(crate) struct Cookies {
    key: RandomizedNonceKey,
}

/// The key of cookies. Never printed.
#[derive(Clone, Copy)]
pub struct CookieKey([u8; 32]);

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(…)")
    }
}

impl CookieKey {
    /// From 32 random bytes that stay the same from start to start.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }
}

/// The system's cipher failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's cryptography failed")]
pub(crate) struct SealFailed;

impl Cookies {
    pub(crate) fn new(key: CookieKey) -> Self {
        // Unwrap safety: the key has the cipher's length.
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key.0).expect("a key of 32 bytes");
        Self { key }
    }

    /// `Set-Cookie` for a token; `secure` keeps it off plain HTTP.
    pub(crate) fn set(
        &self,
        token: &str,
        expires_at_ms: Option<i64>,
        now: Timestamp,
        secure: bool,
    ) -> Result<HeaderValue, SealFailed> {
        let lasts = i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX);
        let until = now.millis().saturating_add(lasts).min(expires_at_ms.unwrap_or(i64::MAX));
        let mut sealed = [&until.to_be_bytes()[..], token.as_bytes()].concat();
        let nonce =
            self.key.seal_in_place_append_tag(Aad::from(PURPOSE), &mut sealed).map_err(|_| SealFailed)?;
        let text = URL_SAFE_NO_PAD.encode([&nonce.as_ref()[..], &sealed].concat());
        let seconds = until.saturating_sub(now.millis()).max(0) / 1_000;
        header_value(&text, seconds, secure)
    }

    /// `Set-Cookie` that takes the cookie away.
    pub(crate) fn clear(secure: bool) -> Result<HeaderValue, SealFailed> {
        header_value("", 0, secure)
    }

    /// The token in the request's cookie, where it is ours and has not run out. `secure`: the request came over HTTPS,
    /// where no other cookie than the one made there counts.
    pub(crate) fn token(&self, headers: &HeaderMap, now: Timestamp, secure: bool) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(name, text)| (name == name_of(secure)).then(|| self.open(text, now)).flatten())
    }

    fn open(&self, text: &str, now: Timestamp) -> Option<String> {
        if text.len() > LONGEST {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(PURPOSE), &mut sealed).ok()?;
        let (until, token) = opened.split_at_checked(UNTIL)?;
        let until = i64::from_be_bytes(until.try_into().ok()?);
        (now.millis() < until).then(|| String::from_utf8(token.to_vec()).ok()).flatten()
    }
}

fn name_of(secure: bool) -> &'static str {
    if secure { HOST_NAME } else { NAME }
}

fn header_value(text: &str, seconds: i64, secure: bool) -> Result<HeaderValue, SealFailed> {
    let name = name_of(secure);
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{name}={text}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&cookie).map_err(|_| SealFailed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn cookies(key: u8) -> Cookies {
        Cookies::new(CookieKey::new([key; 32]))
    }

    fn sent_back(set: &HeaderValue) -> HeaderMap {
        let pair = set.to_str().expect("text").split(';').next().expect("a pair").to_owned();
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, format!("other=1; {pair}").parse().expect("a value"));
        headers
    }

    #[test]
    fn a_cookie_opens_to_its_token_and_shows_nothing_of_it() {
        let set = cookies(1).set("the-token", None, NOW, false).expect("sealed");
        let text = set.to_str().expect("text");
        assert!(!text.contains("the-token") && !text.contains("Secure"), "{text}");
        assert!(text.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"), "{text}");
        assert_eq!(cookies(1).token(&sent_back(&set), NOW, false).as_deref(), Some("the-token"));
        assert_ne!(set, cookies(1).set("the-token", None, NOW, false).expect("sealed"));
        let secure = cookies(1).set("the-token", None, NOW, true).expect("sealed");
        let text = secure.to_str().expect("text");
        assert!(text.starts_with("__Host-sigma_session=") && text.ends_with("; Secure"), "{text}");
    }

    #[test]
    fn over_https_no_cookie_counts_that_another_host_could_have_planted() {
        let planted = cookies(1).set("theirs", None, NOW, false).expect("sealed");
        let ours = cookies(1).set("ours", None, NOW, true).expect("sealed");
        let mut headers = sent_back(&planted);
        assert_eq!(cookies(1).token(&headers, NOW, true), None);
        headers.extend(sent_back(&ours));
        assert_eq!(cookies(1).token(&headers, NOW, true).as_deref(), Some("ours"));
        assert_eq!(cookies(1).token(&sent_back(&ours), NOW, false), None);
    }

    #[test]
    fn a_cookie_of_another_key_a_changed_one_and_a_long_one_open_to_nothing() {
        let set = cookies(1).set("the-token", None, NOW, false).expect("sealed");
        assert_eq!(cookies(2).token(&sent_back(&set), NOW, false), None);
        let text = set.to_str().expect("text");
        let (name, rest) = text.split_once('=').expect("a pair");
        let swapped = if rest.starts_with('A') { "B" } else { "A" };
        let changed = HeaderValue::from_str(&format!("{name}={swapped}{}", &rest[1..])).expect("a value");
        assert_eq!(cookies(1).token(&sent_back(&changed), NOW, false), None);
        for none in ["", "A", &"A".repeat(5_000), "ä"] {
            assert_eq!(cookies(1).open(none, NOW), None);
        }
    }

    #[test]
    fn a_cookie_runs_out_after_30_days_or_with_its_token() {
        let at = |span: Duration| Timestamp::from_millis(NOW.millis() + span.as_millis() as i64);
        let moment = Duration::from_millis(1);
        let set = sent_back(&cookies(1).set("t", None, NOW, false).expect("sealed"));
        assert!(cookies(1).token(&set, at(LASTS - moment), false).is_some());
        assert!(cookies(1).token(&set, at(LASTS), false).is_none());
        let soon = cookies(1).set("t", Some(NOW.millis() + 5_000), NOW, false).expect("sealed");
        assert!(soon.to_str().expect("text").ends_with("Max-Age=5"));
        assert!(cookies(1).token(&sent_back(&soon), at(Duration::from_secs(5)), false).is_none());
    }
}
