//! Whatever the network does, what comes out is what was sent, or its beginning.

use std::time::Duration;

use sigma_elementary::Media;
use sigma_packager::{Output, Packager, Settings};
use sigma_rtmp::{Action, CloseReason, Input, Limits, Session};
use simulation::{Dice, Seeds};

use crate::{
    network::{Connection, Fate, Outcome, run},
    script::{Script, Step, script},
};

/// Seeds in `make test`.
const SEEDS: u64 = 300;

/// The script's bytes without a network, each step's at once, with the answer to publish between. Answers the media, and what
/// is said.
fn unsplit(script: &Script) -> (Vec<Media>, Vec<u8>) {
    let mut session = Session::new(Limits::default());
    let (mut media, mut said) = (Vec::new(), Vec::new());
    for step in &script.steps {
        let Step::Send(bytes) = step else { continue };
        let mut actions = session.handle(Duration::ZERO, Input::Bytes(bytes));
        if actions.iter().any(|action| matches!(action, Action::Publish { .. })) {
            actions.extend(session.handle(Duration::ZERO, Input::Accept));
        }
        for action in actions {
            match action {
                Action::Media(one) => media.push(one),
                Action::Send(bytes) => said.extend_from_slice(&bytes),
                Action::Close { reason } => panic!("{reason}"),
                _ => {}
            }
        }
    }
    (media, said)
}

/// What a packager makes of media before its feed ends, without the time of arrival.
fn packaged(media: &[Media]) -> Vec<Output> {
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let outputs = media.iter().flat_map(|media| packager.push(0, media.clone()));
    outputs.collect()
}

fn fate(dice: &mut Dice, script: &Script) -> Fate {
    let length: usize =
        script.steps.iter().map(|step| if let Step::Send(bytes) = step { bytes.len() } else { 0 }).sum();
    match dice.within(0..10) {
        0..3 => Fate::Reset(1 + dice.index(length)),
        3 | 4 => Fate::Closed(Duration::from_millis(dice.within(0..6_000))),
        5 => Fate::Refused,
        6 => Fate::ReadsNoMore,
        _ => Fate::None,
    }
}

/// How often what was simulated: a simulation in which nothing happens finds nothing.
#[derive(Debug, Default)]
struct Tally {
    whole: usize,
    cut_on_air: usize,
    closed_on_air: usize,
    refused: usize,
    half_open: usize,
}

impl Tally {
    fn count(&mut self, script: &Script, outcome: &Outcome) {
        let on_air = !outcome.media.is_empty() && outcome.media.len() < script.media.len();
        match &outcome.closed {
            None => {
                self.whole += usize::from(outcome.media.len() == script.media.len());
                self.cut_on_air += usize::from(on_air);
            }
            Some((_, CloseReason::Platform(_))) => self.closed_on_air += usize::from(on_air),
            Some((_, CloseReason::HalfOpen { .. })) => self.half_open += 1,
            Some(_) => self.refused += 1,
        }
    }
}

/// A few publishers at once, each with its fate.
fn simulate(seed: u64, tally: &mut Tally) {
    let mut dice = Dice::new(seed);
    let mut scripts = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..1 + dice.index(3) {
        let script = script(&mut dice);
        let (media, said) = unsplit(&script);
        assert!(media == script.media, "without a network, what comes out is what was sent");
        let fate = fate(&mut dice, &script);
        let began = Duration::from_millis(dice.within(0..2_000));
        connections.push(Connection::new(&script, fate, began, dice.apart()));
        scripts.push((script, fate, said));
    }
    run(&mut dice, &mut connections);
    for ((script, fate, said), connection) in scripts.iter().zip(&connections) {
        judge(script, *fate, &connection.outcome);
        if connection.outcome.closed.is_none() {
            assert!(
                said.starts_with(&connection.outcome.said),
                "{fate:?}: other answers, or at other places"
            );
        }
        tally.count(script, &connection.outcome);
    }
}

fn judge(script: &Script, fate: Fate, outcome: &Outcome) {
    assert!(
        script.media.starts_with(&outcome.media),
        "{fate:?}: what comes out is the beginning of what was sent"
    );
    let whole = packaged(&script.media);
    assert!(whole.starts_with(&packaged(&outcome.media)), "{fate:?}: other parts are made of it");
    assert!(outcome.said.len() <= 6_000 + 20 * outcome.came, "much is said for {} bytes", outcome.came);
    assert!(outcome.unread <= 2_000 + outcome.came, "{} bytes wait for who does not read", outcome.unread);

    let [before, _] = script.waits;
    let half_open = Limits::default().half_open;
    if let Some((at, CloseReason::HalfOpen { .. })) = &outcome.closed {
        assert!(
            *at >= half_open && *at < half_open + Duration::from_secs(2),
            "closed as half-open at {at:?}"
        );
        assert!(outcome.media.is_empty());
        assert!(before > Duration::from_secs(5), "who does not dawdle is not closed");
        return;
    }
    let complete = outcome.media.len() == script.media.len();
    match (fate, &outcome.closed) {
        (Fate::None | Fate::ReadsNoMore, None) => {
            assert!(complete, "all comes out where nothing goes wrong");
            assert_eq!(outcome.unpublished, script.leaves);
        }
        (Fate::Reset(_), None) => {}
        // It came after the end.
        (Fate::Closed(_), None) => assert!(complete),
        (Fate::Closed(_), Some((_, CloseReason::Platform(_)))) => {}
        (Fate::Refused, Some((_, CloseReason::Refused { .. }))) => {
            assert!(outcome.media.is_empty());
            let code = b"NetStream.Publish.BadName";
            assert!(
                outcome.received.windows(code.len()).any(|window| window == code),
                "the client is told why"
            );
        }
        (fate, closed) => panic!("{fate:?} ends with {closed:?}"),
    }
}

#[test]
fn whatever_the_network_does_what_comes_out_is_what_was_sent_or_its_beginning() {
    let seeds = Seeds::new(env!("CARGO_MANIFEST_DIR"), "rtmp", SEEDS);
    let mut tally = Tally::default();
    seeds.each(|seed| simulate(seed, &mut tally));
    let Tally { whole, cut_on_air, closed_on_air, refused, half_open } = tally;
    let enough = whole > 100 && cut_on_air > 50 && closed_on_air > 20 && refused > 20 && half_open > 5;
    assert!(enough || std::env::var_os(simulation::SEEDS).is_some(), "{tally:?}");
}
