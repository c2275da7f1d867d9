//! Requests beside the followed ones, each to show a rule or two.

use std::sync::Arc;
use std::time::Duration;

use super::fetch::Request;
use super::follow::{Follower, playlist};
use crate::observation::{Directives, Exchange, Probe, Purpose, Skipping};
use crate::playlist::{MediaPlaylist, Micros};

/// How long an answer that needs not wait may take.
const WITHIN: Duration = Duration::from_secs(15);

/// Between two rounds of probes, and how many there are.
const BETWEEN_ROUNDS: Micros = 4_000_000;
const MOST_ROUNDS: u32 = 5;

/// How far ahead "far ahead" is: further than any advance limit.
const FAR: u64 = 1_000;

/// The name of a file that nobody ever named.
const UNKNOWN: &str = "sigma-hls-check-asks-for-nothing.m4s";

/// What is asked beside the next followed playlist, whose directives these are.
pub(super) fn beside(follower: &mut Follower, last: &MediaPlaylist, next: Directives) {
    let now = follower.run.now();
    let control = last.control.clone().unwrap_or_default();
    if control.skip_until.is_some() && follower.turn.is_multiple_of(2) {
        for skip in [Skipping::Yes, Skipping::V2] {
            let directives = Directives { skip: Some(skip), ..next };
            ask(follower, Purpose::Delta(directives), directives, false);
        }
    }
    if now >= follower.due.plain {
        follower.due.plain = now + 2 * last.target;
        ask(follower, Purpose::Plain, Directives::default(), true);
    }
    hint(follower, last, now);
    if now < follower.due.probes || follower.due.rounds == MOST_ROUNDS {
        return;
    }
    follower.due.probes = now + BETWEEN_ROUNDS;
    follower.due.rounds += 1;
    unknown(follower);
    if !control.can_block {
        return;
    }
    let (msn, _) = last.edge();
    let probe = |kind, directives: Directives| (Purpose::Probe(kind, directives), directives);
    let at = |msn: u64| Directives { msn: Some(msn), ..Directives::default() };
    let past = msn.saturating_sub(2).max(last.media_sequence);
    let mut all = vec![
        probe(Probe::Past, at(past)),
        probe(Probe::PartAlone, Directives { part: Some(0), ..Directives::default() }),
        probe(Probe::FarSegment, at(msn + FAR)),
        probe(Probe::WholeSegment, at(msn)),
    ];
    if control.skip_until.is_some() {
        all.push(probe(Probe::PastDelta, Directives { skip: Some(Skipping::Yes), ..at(past) }));
    }
    if last.part_target.is_some() {
        // Of the segment after the next, so that it is far ahead still when that comes meanwhile.
        all.push(probe(Probe::FarPart, Directives { part: Some(FAR), ..at(msn + 1) }));
    }
    for (purpose, directives) in all {
        ask(follower, purpose, directives, false);
    }
}

/// Asks for the playlist beside the follower.
fn ask(follower: &mut Follower, purpose: Purpose, directives: Directives, gzip: bool) {
    let (run, index, url) = (Arc::clone(&follower.run), follower.index, follower.url.clone());
    let target = follower.desk.target();
    follower.tasks.spawn(async move {
        let (exchange, _) = playlist(&run, index, &url, purpose, directives, gzip, target).await;
        run.note(exchange);
    });
}

/// Asks for the hinted part, once a target duration.
fn hint(follower: &mut Follower, last: &MediaPlaylist, now: Micros) {
    let Some(hint) = last.hint("PART").filter(|_| now >= follower.due.hint) else { return };
    let Ok(url) = follower.url.join(&hint.uri) else { return };
    follower.due.hint = now + last.target;
    let (msn, part) = last.edge();
    let range = hint.start.map(|start| (start, hint.length.map(|length| (start + length).saturating_sub(1))));
    let request = Request {
        url,
        rendition: Some(follower.index),
        purpose: Purpose::Hint(msn, part),
        range,
        gzip: false,
        within: Duration::from_micros(u64::try_from(6 * last.target).unwrap_or(0)) + Duration::from_secs(2),
    };
    let run = Arc::clone(&follower.run);
    follower.tasks.spawn(async move { run.note(run.fetch(request).await.exchange) });
}

fn unknown(follower: &mut Follower) {
    let Ok(url) = follower.url.join(UNKNOWN) else { return };
    let run = Arc::clone(&follower.run);
    let request = plain(follower, url, Purpose::Unknown);
    follower.tasks.spawn(async move { run.note(run.fetch(request).await.exchange) });
}

fn plain(follower: &Follower, url: reqwest::Url, purpose: Purpose) -> Request {
    Request { url, rendition: Some(follower.index), purpose, range: None, gzip: false, within: WITHIN }
}

/// What is asked once the playlist has its ENDLIST. `before` is the last playlist without.
pub(super) async fn after_the_end(
    follower: &mut Follower,
    before: Option<&MediaPlaylist>,
    end: &MediaPlaylist,
) {
    let next = end.next_msn();
    for directives in [
        Directives { msn: Some(next + 1), ..Directives::default() },
        Directives { part: Some(3), ..Directives::default() },
        Directives { skip: Some(Skipping::Yes), ..Directives::default() },
        Directives { msn: Some(next + FAR), part: Some(0), skip: Some(Skipping::V2) },
    ] {
        let purpose = Purpose::Probe(Probe::AfterEnd, directives);
        let (exchange, _) = follower.playlist(purpose, directives, false).await;
        follower.run.note(exchange);
    }
    let (exchange, _) =
        follower.playlist(Purpose::Follow(Directives::default()), Directives::default(), false).await;
    follower.run.note(exchange);
    let hinted = before.and_then(|before| before.hint("PART")).filter(|hint| hint.start.is_none());
    let came = |uri: &str| end.parts().any(|(_, _, part)| part.uri == uri);
    if let Some(url) =
        hinted.filter(|hint| !came(&hint.uri)).and_then(|hint| follower.url.join(&hint.uri).ok())
    {
        note(follower, plain(follower, url, Purpose::GivenUp)).await;
    }
    let media: Vec<_> = end.segments.iter().filter(|segment| !segment.gap).collect();
    let some = [media.first(), media.get(media.len() / 2), media.last()];
    for segment in some.into_iter().flatten() {
        if let Ok(url) = follower.url.join(&segment.uri) {
            let mut request = plain(follower, url, Purpose::AfterEnd(segment.msn));
            request.range = crate::observation::range_of(segment.byte_range);
            note(follower, request).await;
        }
    }
    // What is still under way comes to its end.
    let settle = async { while follower.tasks.join_next().await.is_some() {} };
    let within = Duration::from_micros(u64::try_from(end.target).unwrap_or(0)).min(Duration::from_secs(2));
    let _ = sigma_clock::timeout(within, settle).await;
}

async fn note(follower: &Follower, request: Request) -> u16 {
    let exchange: Exchange = follower.run.fetch(request).await.exchange;
    let status = exchange.status();
    follower.run.note(exchange);
    status
}
