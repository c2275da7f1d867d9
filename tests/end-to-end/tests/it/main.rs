//! The platform through its real doors: the real binary, real encoders, clients that check what they get.

mod admission;
mod at_rest;
mod cli;
mod clients;
mod codecs;
mod conformance;
mod crash;
mod database;
mod disks;
mod doors;
mod events;
mod exact_cuts;
mod faults;
mod health_elsewhere;
mod http2;
mod ingest_health;
mod kafka;
mod life;
mod nodes;
mod operator;
mod pictures;
mod players;
mod publishers;
mod rebuild;
mod reconnects;
mod recordings;
mod refusals;
mod restart;
mod rolling;
mod secrets;
mod several;
mod tls;
mod tokens;

use std::str::FromStr;
use std::time::Duration;

use end_to_end::{Platform, Viewer, eventually};

/// How long a broadcast may take to be seen: encoder start, two seconds of media, a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How much of it: the long form of a test is asked for by the environment.
fn from_environment<T: FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Waits until the channel is on air and joins it.
async fn join(platform: &Platform, playback_id: &str) -> Viewer {
    eventually("the channel to be on air", SOON, || Viewer::join(platform, playback_id)).await
}

/// Waits until the channel's newest session is in `state`.
async fn session_is(platform: &Platform, channel: &str, state: &str) {
    eventually(&format!("the session to be {state}"), SOON, || async {
        (platform.session_state(channel).await == state).then_some(())
    })
    .await;
}

/// The answer to a request. Who is told 503 asks again: on a busy machine pictures last, and those of a channel may rest for half a
/// minute.
async fn answered(request: reqwest::RequestBuilder) -> reqwest::Response {
    eventually("an answer that is not 503", 2 * SOON, || async {
        let again = request.try_clone().expect("a request without a stream");
        let answer = again.send().await.expect("an answer");
        (answer.status() != 503).then_some(answer)
    })
    .await
}

/// A secret with another last character: of the right shape, and nobody's.
fn spoiled(secret: &str) -> String {
    let other_end = if secret.ends_with('x') { 'y' } else { 'x' };
    format!("{}{other_end}", &secret[..secret.len() - 1])
}
