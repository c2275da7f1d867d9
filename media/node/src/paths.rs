//! The unguessable path under which everything of one session stands.
//!
//! `/media/SESSION~TOKEN/…`: the token is 128 bits of an HMAC over the session's id, so that any node with the same
//! secret makes and checks it without asking anyone, and the same URIs hold after a restart. There are two a session:
//! the public one begins where the session went live, the preview's shows all of it. A recording has one of its own.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::{constant_time, hmac};
use sigma_clock::Timestamp;

/// A ticket is good for so many seconds: for a long file over a slow line, and for who reads here and there in it.
const TICKET: i64 = 6 * 3_600;

/// The first path component of all media.
pub(crate) const MEDIA_ROOT: &str = "media";

/// Longest session id that is looked at, in bytes.
const SESSION_ID_LIMIT: usize = 64;

/// Letters of the token: RFC 4648 base32 in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Which part of a session a path shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Audience {
    /// From the first segment after `liveAt`.
    Public,
    /// All of it, for who holds an API token.
    Preview,
    /// A recording, whose id stands in the session's place.
    Recording,
}

impl Audience {
    const ALL: [Self; 3] = [Self::Public, Self::Preview, Self::Recording];
}

/// A session's multivariant playlist, under its own path.
pub(crate) const MULTIVARIANT: &str = "main.m3u8";

/// The unguessable paths of sessions, for a process that has none of them itself and sends viewers to who has.
#[derive(Debug)]
pub struct SessionPaths(Paths);

impl SessionPaths {
    /// Made from the platform's secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Paths::new(secret))
    }

    /// The multivariant playlist of all of a session. Whoever has this address sees it: tell it to who may.
    pub fn preview(&self, session: &str) -> String {
        format!("{}/{MULTIVARIANT}", self.0.folder(session, Audience::Preview))
    }

    /// What stands as `?token=` for somebody who has shown that he may have a recording as its owner does: of this recording
    /// alone, for six hours.
    pub fn ticket(&self, recording: &str, now: Timestamp) -> String {
        let until = seconds(now) + TICKET;
        format!("{until}~{}", self.0.sign(b"ticket\0", &[&until.to_string(), "/", recording]))
    }

    /// The session that `SESSION~TOKEN` is the folder of; none where the token is not one of its two.
    pub fn session_of<'a>(&self, folder: &'a str) -> Option<&'a str> {
        self.0.open(folder).map(|(session, _)| session)
    }
}

/// Paths that were found right are remembered, so many: every request of every viewer names one of a few.
const REMEMBERED: usize = 1_024;

/// Makes and checks session paths.
#[derive(Debug)]
pub(crate) struct Paths {
    key: hmac::Key,
    right: RwLock<HashMap<Box<str>, Audience>>,
}

impl Paths {
    /// Paths made from the node's secret.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), right: RwLock::default() }
    }

    /// The folder of a session: `/media/SESSION~TOKEN`.
    pub(crate) fn folder(&self, session: &str, audience: Audience) -> String {
        format!("/{MEDIA_ROOT}/{session}~{}", self.token(session, audience))
    }

    /// Reads `SESSION~TOKEN`; nothing unless the token is one of that session's two.
    pub(crate) fn open<'a>(&self, component: &'a str) -> Option<(&'a str, Audience)> {
        let (session, token) = component.split_once('~')?;
        let known = self.right.read().unwrap_or_else(PoisonError::into_inner).get(component).copied();
        if let Some(audience) = known {
            return Some((session, audience));
        }
        let wanted = session.len() <= SESSION_ID_LIMIT
            && session.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !wanted {
            return None;
        }
        let audience = Audience::ALL.into_iter().find(|audience| {
            let right = self.token(session, *audience);
            constant_time::verify_slices_are_equal(right.as_bytes(), token.as_bytes()).is_ok()
        })?;
        let mut right = self.right.write().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(component.into(), audience);
        Some((session, audience))
    }

    /// Whether this is a recording's ticket that still holds.
    pub(crate) fn admits(&self, recording: &str, ticket: &str, now: Timestamp) -> bool {
        let Some((until, signature)) = ticket.split_once('~') else { return false };
        let right = self.sign(b"ticket\0", &[until, "/", recording]);
        constant_time::verify_slices_are_equal(right.as_bytes(), signature.as_bytes()).is_ok()
            && until.parse().is_ok_and(|until: i64| seconds(now) < until)
    }

    fn token(&self, session: &str, audience: Audience) -> String {
        let what = match audience {
            Audience::Public => b"public\0",
            Audience::Preview => b"preview",
            Audience::Recording => b"record\0",
        };
        self.sign(what, &[session])
    }

    fn sign(&self, what: &[u8; 7], words: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(what);
        words.iter().for_each(|word| context.update(word.as_bytes()));
        base32(&context.sign().as_ref()[..16])
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.millis() / 1_000
}

/// 16 bytes give 26 letters.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_opens_only_with_its_own_token() {
        let paths = Paths::new(&[7; 32]);
        for audience in Audience::ALL {
            let folder = paths.folder("se_1", audience);
            let component = folder.strip_prefix("/media/").expect("the media root");
            assert_eq!(paths.open(component), Some(("se_1", audience)));
            assert_eq!(paths.open(component), Some(("se_1", audience)), "once more, as it is remembered");
            assert_eq!(component.len(), "se_1~".len() + 26);
            assert_eq!(paths.open(&component.replace("se_1", "se_2")), None);
            assert_eq!(Paths::new(&[8; 32]).open(component), None);
        }
        for number in 0..2 * REMEMBERED {
            let folder = paths.folder(&format!("se_{number}"), Audience::Public);
            assert!(folder.strip_prefix("/media/").is_some_and(|component| paths.open(component).is_some()));
        }
        assert!(paths.right.read().unwrap().len() <= REMEMBERED);
        assert_eq!(paths.open("se_1~"), None);
        assert_eq!(paths.open("../etc~x"), None);
    }

    #[test]
    fn a_ticket_is_of_one_recording_and_runs_out() {
        let (paths, now) = (SessionPaths::new(&[7; 32]), Timestamp::from_millis(1_790_000_000_000));
        let later = |seconds: i64| Timestamp::from_millis(now.millis() + 1_000 * seconds);
        let ticket = paths.ticket("as_1", now);
        let admits = |recording, ticket: &str, now| paths.0.admits(recording, ticket, now);
        assert!(admits("as_1", &ticket, now) && admits("as_1", &ticket, later(TICKET - 1)));
        assert!(!admits("as_1", &ticket, later(TICKET)));
        assert!(!admits("as_2", &ticket, now));
        let (until, signature) = ticket.split_once('~').unwrap();
        for wrong in
            [format!("{until}9~{signature}"), format!("{until}~"), signature.to_owned(), String::new()]
        {
            assert!(!admits("as_1", &wrong, now), "{wrong}");
        }
        assert!(!Paths::new(&[8; 32]).admits("as_1", &ticket, now));
    }
}
