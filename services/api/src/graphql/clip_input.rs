//! What clips are made of, and how a point in media is said.

use async_graphql::{ID, InputObject};
use sigma_app::NewClip;

use super::errors::Fault;

/// Points lie within so many seconds: some thirty years, which no session lasts.
const MOST_SECONDS: f64 = 1e9;

/// What a clip is to be: a piece of a session, also while it is on air, or of an asset.
#[derive(InputObject)]
pub(crate) struct CreateClipInput {
    /// The session to cut from; or `assetId`.
    session_id: Option<ID>,
    /// The asset to cut from; or `sessionId`.
    asset_id: Option<ID>,
    /// Where it begins, in seconds from the beginning of what viewers see. With a session on air it may be negative: back from
    /// now. It is moved to where it can be played from, a key frame at or before it.
    from: f64,
    /// Where it ends, likewise. With a `from` that is negative, 0 is now.
    to: f64,
    /// What it is called: 1 to 100 characters.
    title: Option<String>,
}

impl CreateClipInput {
    /// In the application's whole microseconds.
    pub(crate) fn understood(self) -> Result<NewClip, Fault> {
        let (from_us, to_us) = points(self.from, self.to)?;
        let (session_id, asset_id) = (self.session_id.map(|id| id.0), self.asset_id.map(|id| id.0));
        Ok(NewClip { session_id, asset_id, from_us, to_us, title: self.title })
    }
}

/// Two points in whole microseconds; each that is none is named.
pub(crate) fn points(from: f64, to: f64) -> Result<(i64, i64), Fault> {
    let mut wrong = Vec::new();
    let mut point = |path: &str, seconds: f64| {
        if !(-MOST_SECONDS..=MOST_SECONDS).contains(&seconds) {
            wrong.push(Fault::field(path, format!("{path} must lie within {MOST_SECONDS} seconds")));
        }
        // Rounded, and within what fits.
        (seconds * 1e6).round() as i64
    };
    let points = (point("from", from), point("to", to));
    if wrong.is_empty() { Ok(points) } else { Err(Fault::together(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_microseconds() {
        assert_eq!(points(0.1, 12.345_678_9).ok(), Some((100_000, 12_345_679)));
        assert_eq!(points(-30.0, 0.0).ok(), Some((-30_000_000, 0)));
        assert_eq!(points(-0.0, -0.000_000_4).ok(), Some((0, 0)));
    }

    #[test]
    fn what_is_no_moment_is_named() {
        let named = |from, to| {
            let fault = points(from, to).expect_err("refused");
            fault.fields.into_iter().map(|field| field.path).collect::<Vec<_>>()
        };
        assert_eq!(named(f64::NAN, 1.0), ["from"]);
        assert_eq!(named(1e300, f64::NEG_INFINITY), ["from", "to"]);
    }
}
