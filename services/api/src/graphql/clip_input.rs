//! What clips are made of, and how a point in media is said.

use async_graphql::{ID, InputObject};
use sigma_app::{ClipOf, ClipRange, MOST_RANGES, NewClip};

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
    /// now. Unless it is `exact`, it is moved to where it can be played from, a key frame at or before it.
    from: Option<f64>,
    /// Where it ends, likewise. With a `from` that is negative, 0 is now.
    to: Option<f64>,
    /// In the place of `from` and `to`: 1 to 50 ranges, shown one behind the other in this order. They may go back and overlap:
    /// what is asked for twice is shown twice.
    ranges: Option<Vec<ClipRangeInput>>,
    /// Cut to the picture: the first one shown is the first at or after `from`, the last one the last before `to`. What no
    /// key frame begins is coded anew, so that it takes some seconds; of H.264 with AAC alone.
    #[graphql(default = false)]
    exact: bool,
    /// What it is called: 1 to 100 characters.
    title: Option<String>,
}

/// A range of a clip.
#[derive(InputObject, Clone, Copy)]
pub(crate) struct ClipRangeInput {
    /// Where it begins, as a clip's own `from`.
    from: f64,
    /// Where it ends, as a clip's own `to`.
    to: f64,
}

impl CreateClipInput {
    /// In the application's whole microseconds.
    pub(crate) fn understood(self) -> Result<NewClip, Fault> {
        let of = match (self.ranges, self.from, self.to) {
            (None, Some(from), Some(to)) => ClipOf::One(range("", from, to)?),
            (Some(asked), None, None) if asked.len() <= MOST_RANGES => {
                let ranges = asked.iter().enumerate();
                let ranges =
                    ranges.map(|(n, ClipRangeInput { from, to })| range(&format!("ranges.{n}."), *from, *to));
                ClipOf::Many(ranges.collect::<Result<_, _>>()?)
            }
            (Some(_), None, None) => {
                return Err(Fault::field("ranges", format!("give 1 to {MOST_RANGES} ranges")));
            }
            (Some(_), ..) => {
                return Err(Fault::field("ranges", "give `from` and `to`, or `ranges`, one of the two"));
            }
            (None, from, _) => {
                let missing = if from.is_none() { "from" } else { "to" };
                return Err(Fault::field(missing, "give `from` and `to` in seconds, or `ranges`"));
            }
        };
        let (session_id, asset_id) = (self.session_id.map(|id| id.0), self.asset_id.map(|id| id.0));
        Ok(NewClip { session_id, asset_id, of, exact: self.exact, title: self.title })
    }
}

/// A point in whole microseconds; one that is none is named.
pub(crate) fn point(path: &str, seconds: f64) -> Result<i64, Fault> {
    if !(-MOST_SECONDS..=MOST_SECONDS).contains(&seconds) {
        return Err(Fault::field(path, format!("{path} must lie within {MOST_SECONDS} seconds")));
    }
    // Rounded, and within what fits.
    Ok((seconds * 1e6).round() as i64)
}

/// Two points in whole microseconds; each that is none is named.
pub(crate) fn points(from: f64, to: f64) -> Result<(i64, i64), Fault> {
    range("", from, to).map(|range| (range.from_us, range.to_us))
}

/// A range in whole microseconds, whose fields are called so.
fn range(before: &str, from: f64, to: f64) -> Result<ClipRange, Fault> {
    match (point(&format!("{before}from"), from), point(&format!("{before}to"), to)) {
        (Ok(from_us), Ok(to_us)) => Ok(ClipRange { from_us, to_us }),
        (from, to) => Err(Fault::together(from.err().into_iter().chain(to.err()).collect())),
    }
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
