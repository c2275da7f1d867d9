//! What happened, in English.

use std::fmt;

use sigma_domain::{
    Actor, ActorKind, EndReason, FeedNumber, IngestFault, InputFormat, LossCause, LossEnd, SessionEvent,
    SessionHealthEvent,
};

/// Who did it, as people say it.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    pub(super) actor: &'a Actor,
    /// The name of the API token; empty where it is not known.
    pub(super) token: &'a str,
}

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.actor.kind() {
            ActorKind::Admin => f.write_str("the admin token"),
            ActorKind::Token if self.token.is_empty() => write!(f, "the token {}", self.actor.id()),
            ActorKind::Token => write!(f, "the token “{}”", self.token),
            ActorKind::Broadcaster => f.write_str("the broadcaster"),
            ActorKind::System => f.write_str("the platform"),
        }
    }
}

/// What happened to a session.
pub(super) fn session(event: &SessionEvent, who: Who<'_>) -> String {
    match event {
        SessionEvent::Opened { node, .. } => {
            format!("The broadcaster connected: the first feed was let in at the node {node}.")
        }
        SessionEvent::Abandoned { .. } => {
            "The session was given up by the platform: its feed was let in and never came.".to_owned()
        }
        SessionEvent::FeedOpened { feed, node, takeover: true, .. } => format!(
            "The broadcaster connected again: feed {feed} was let in at the node {node} and took over from the one before, which \
             had gone quiet."
        ),
        SessionEvent::FeedOpened { feed, node, takeover: false, .. } => {
            format!("The broadcaster connected again: feed {feed} was let in at the node {node}.")
        }
        SessionEvent::Processing { feed, input, .. } => {
            format!("Media is understood{}: {}.", of_feed(*feed), format_of(input))
        }
        SessionEvent::InputChanged { input, .. } => {
            format!("The feed delivers another format now: {}.", format_of(input))
        }
        SessionEvent::Live { .. } => match who.actor.kind() {
            ActorKind::System => {
                "The session is public: it went live by itself, with the first playable playlist.".to_owned()
            }
            _ => format!("The session is public: {who} took it live."),
        },
        SessionEvent::Error { cause, until, ends_as, at, .. } => {
            let seconds = until.as_millis().saturating_sub(at.as_millis()).max(0) / 1_000;
            format!("The feed is lost: {}. {}", lost(*cause), unless_back(seconds, *ends_as))
        }
        SessionEvent::Recovered { feed, .. } => {
            format!("The feed is back{}; the session goes on where it was.", of_feed(*feed))
        }
        SessionEvent::Ended { reason, .. } => ended(*reason, who),
    }
}

fn of_feed(feed: FeedNumber) -> String {
    if feed == FeedNumber::FIRST { String::new() } else { format!(" (feed {feed})") }
}

fn lost(cause: LossCause) -> &'static str {
    match cause {
        LossCause::ConnectionBroken => "its connection broke",
        LossCause::Silence => "it is connected, and nothing comes",
        LossCause::Unpublished => "the encoder stopped publishing",
        LossCause::NodeStopped => "the server was stopped",
        LossCause::NodeRestarted => "its server was lost, or started anew",
    }
}

fn unless_back(seconds: i64, ends_as: LossEnd) -> String {
    let end = match ends_as {
        LossEnd::BroadcasterLeft => "the session ends",
        LossEnd::NodeLost => "the session ends as lost with its server",
    };
    if seconds == 0 {
        return format!("There is no time to come back: {end}.");
    }
    format!("Unless the broadcaster is back within {seconds} s, {end}.")
}

fn ended(reason: EndReason, who: Who<'_>) -> String {
    let why = match reason {
        EndReason::BroadcasterLeft => match who.actor.kind() {
            // The deadline fired it: nobody came back.
            ActorKind::System if who.actor.id() == "deadlines" => {
                "the broadcaster left and did not come back in time"
            }
            _ => "the broadcaster left",
        },
        EndReason::ChannelStopped => "its channel was stopped",
        EndReason::SessionEndedByUser => return format!("The session was ended by {who}."),
        EndReason::MaxDuration => "it had lasted as long as its channel allows",
        EndReason::NodeLost if who.actor.id() == "media" => "the server that carried it has lost its media",
        EndReason::NodeLost => {
            "the server that carried it was lost, and the broadcaster did not come back in time"
        }
        EndReason::IngestError(fault) => match fault {
            IngestFault::NoMedia => "no media that is understood came in time",
            IngestFault::VideoCodec => "its video codec, or the profile of it, cannot be packaged",
            IngestFault::AudioCodec => "its audio codec, or the profile of it, cannot be packaged",
            IngestFault::Malformed => "what came was not what its codec says",
        },
    };
    format!("The session ended: {why}.")
}

/// What is to be mended about a feed, and what is well again.
pub(super) fn health(event: &SessionHealthEvent) -> String {
    match event {
        SessionHealthEvent::WarningRaised { message, .. } => format!("Warning: {message}"),
        SessionHealthEvent::WarningCleared { name, .. } => {
            format!("Well again: the warning {name} is over.")
        }
    }
}

/// `H264 1280×720, 29.97 frames/s, 2.5 Mbit/s; AAC 48 kHz, 2 channels`.
fn format_of(input: &InputFormat) -> String {
    let mut parts = Vec::new();
    if let Some(video) = input.video() {
        let mut text = format!("{} {}×{}", video.codec, video.width, video.height);
        if let Some(milli) = video.frame_rate_milli {
            text += &format!(", {} frames/s", decimal(u64::from(milli), 1_000, 2));
        }
        parts.push(text);
    }
    if let Some(audio) = input.audio() {
        let rate = decimal(u64::from(audio.sample_rate), 1_000, 1);
        let channels =
            if audio.channels == 1 { "mono".to_owned() } else { format!("{} channels", audio.channels) };
        parts.push(format!("{} {rate} kHz, {channels}", audio.codec));
    }
    if let Some(bitrate) = input.bitrate() {
        parts.push(format!("{} Mbit/s as the encoder says", decimal(bitrate, 1_000_000, 1)));
    }
    parts.join("; ")
}

/// `number / unit` with so many decimals at most, rounded to the nearest, without zeros at its end.
fn decimal(number: u64, unit: u64, decimals: u32) -> String {
    let scale = 10_u64.pow(decimals);
    let scaled = (u128::from(number) * u128::from(scale) + u128::from(unit) / 2) / u128::from(unit);
    let (whole, part) = (scaled / u128::from(scale), scaled % u128::from(scale));
    let text = format!("{whole}.{part:0width$}", width = decimals as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_short_as_they_may() {
        assert_eq!(decimal(29_970, 1_000, 2), "29.97");
        assert_eq!(decimal(30_000, 1_000, 2), "30");
        assert_eq!(decimal(44_100, 1_000, 1), "44.1");
        assert_eq!(decimal(2_460_000, 1_000_000, 1), "2.5");
        assert_eq!(decimal(0, 1_000, 1), "0");
        assert_eq!(decimal(u64::MAX, 1_000_000, 1), "18446744073709.6");
    }
}
