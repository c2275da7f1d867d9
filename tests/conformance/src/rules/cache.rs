//! What caches are told: rule 42.

use crate::case::{Case, Line};
use crate::finding::{Exhibit, Finding, Trial, seconds};
use crate::observation::{Answer, Body, Exchange, Purpose};
use crate::playlist::Micros;

/// For how long a shared cache may keep an answer; none where nothing is said (RFC 9111 §5.2.2).
fn kept_for(control: &str) -> Option<Micros> {
    let directives: Vec<String> =
        control.split(',').map(|directive| directive.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache" | "private")) {
        return Some(0);
    }
    let of = |name: &str| {
        let value = directives.iter().find_map(|directive| directive.strip_prefix(name))?;
        value.trim_matches('"').parse::<i64>().ok()?.checked_mul(1_000_000)
    };
    of("s-maxage=").or_else(|| of("max-age="))
}

/// From and to which age an answer may be kept.
struct Bounds {
    what: &'static str,
    least: Micros,
    most: Micros,
}

fn bounds(line: &Line<'_>, exchange: &Exchange, answer: &Answer) -> Option<Bounds> {
    let target = line.target();
    let second = |time: Micros| (time + 999_999) / 1_000_000 * 1_000_000;
    let is_playlist = matches!(answer.body, Body::Playlist(Ok(_)));
    let bounds = |what, least, most| Some(Bounds { what, least, most });
    match &exchange.purpose {
        // A playlist that may come late must not be kept long, one that never changes again may; rule 31 has those.
        _ if matches!(&answer.body, Body::Playlist(Ok(playlist)) if playlist.ended) => None,
        Purpose::Follow(directives) | Purpose::Delta(directives) | Purpose::Probe(_, directives)
            if directives.msn.is_some() =>
        {
            match answer.status {
                200 if is_playlist => bounds("a blocking playlist", target, 6 * target),
                400.. => bounds("the error of a blocking playlist", 0, 4 * target),
                _ => None,
            }
        }
        Purpose::Follow(_) | Purpose::Delta(_) | Purpose::Probe(..) | Purpose::Plain => match answer.status {
            200 if is_playlist => bounds("a playlist without _HLS_msn", 0, second(target / 2)),
            400.. => bounds("the error of a playlist without _HLS_msn", 0, target),
            _ => None,
        },
        Purpose::Part(..) | Purpose::Segment(_) | Purpose::Init if exchange.is_good() => {
            let longest = line.loads.iter().map(|load| load.playlist.duration()).max().unwrap_or(target);
            bounds("listed media", longest, Micros::MAX)
        }
        Purpose::Unknown | Purpose::GivenUp if answer.status == 404 => bounds("a 404", 0, target),
        _ => None,
    }
}

pub(super) fn control(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer) in case.answered(line) {
            let Some(Bounds { what, least, most }) = bounds(line, exchange, answer) else { continue };
            trial.saw();
            let shows = || {
                let said = answer.cache_control.as_deref().unwrap_or("none");
                Exhibit::new(
                    exchange.url.clone(),
                    &format!("status {}, Cache-Control: {said}", answer.status),
                )
            };
            match answer.cache_control.as_deref().and_then(kept_for) {
                None if least == 0 && answer.status >= 400 => {}
                None => trial.breach(format!("{what} says nothing of its age"), [shows()]),
                Some(age) if age < least => {
                    trial.breach(
                        format!("{what} may be kept for {} only, not {}", seconds(age), seconds(least)),
                        [shows()],
                    );
                }
                Some(age) if age > most => {
                    trial.breach(
                        format!("{what} may be kept for {}, not {} at most", seconds(age), seconds(most)),
                        [shows()],
                    );
                }
                Some(_) => {}
            }
        }
    }
    trial.end("as long as each may be kept", "nothing was answered")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_cache_goes_by_its_own_age() {
        assert_eq!(kept_for("public, max-age=0, s-maxage=6"), Some(6_000_000));
        assert_eq!(kept_for("max-age=1"), Some(1_000_000));
        assert_eq!(kept_for("no-store, max-age=5"), Some(0));
        assert_eq!(kept_for("public"), None);
    }
}
