//! Any client that mixes full, delta and blocking requests at random ends with the playlist that a full request gives.

use proptest::prelude::*;
use sigma_hls::request::{Resolution, resolve};
use sigma_hls::{View, playlist};

use crate::laws::{Step, perform, profiles, steps};
use crate::parsed::{Parsed, parse};
use crate::stage::Stage;

/// How a client asks, whenever it is its turn.
#[derive(Clone, Copy, Debug)]
enum Way {
    Full,
    Delta(&'static str),
    /// For the next segment, or part where there are any, a delta or not.
    Blocking {
        whole: bool,
        skip: Option<&'static str>,
        ahead: u64,
    },
    /// Something else has its attention.
    Busy,
}

fn ways() -> impl Strategy<Value = Vec<Way>> {
    let skip = prop_oneof![Just("YES"), Just("v2")];
    let way = prop_oneof![
        1 => Just(Way::Full),
        3 => skip.clone().prop_map(Way::Delta),
        4 => (any::<bool>(), prop::option::of(skip), 0_u64..2)
            .prop_map(|(whole, skip, ahead)| Way::Blocking { whole, skip, ahead }),
        2 => Just(Way::Busy),
    ];
    prop::collection::vec(way, 1..60)
}

/// A client of one view.
#[derive(Debug, Default)]
struct Client {
    held: Option<(Parsed, i64)>,
    /// A blocking request that has no answer yet.
    waits: Option<String>,
}

impl Client {
    fn turn(&mut self, stage: &Stage, view: View, way: Way) {
        if !stage.timeline.is_playable(view) {
            return;
        }
        if let Some(query) = self.waits.take() {
            return self.ask(stage, view, query);
        }
        let skip = |skip: &str| format!("_HLS_skip={skip}");
        let query = match (way, &self.held) {
            (Way::Busy, _) => return,
            // Without a playlist, or with one that is older than half the skip boundary, no delta (§6.2.5.1).
            (Way::Delta(kind), Some(_)) if self.may_skip(stage) => skip(kind),
            (Way::Blocking { whole, skip: kind, ahead }, Some((held, _))) => {
                let open = held.segments.last().filter(|last| last.uri.is_none());
                let next = open.map_or_else(
                    || held.whole().next_back().map_or(held.msn, |last| last.msn + 1),
                    |o| o.msn,
                );
                let part = open.map_or(0, |open| open.parts.len() as u64) + ahead;
                let part = if whole { String::new() } else { format!("&_HLS_part={part}") };
                let kind = kind
                    .filter(|_| self.may_skip(stage))
                    .map_or(String::new(), |kind| format!("&{}", skip(kind)));
                format!("_HLS_msn={next}{part}{kind}")
            }
            _ => String::new(),
        };
        self.ask(stage, view, query);
    }

    fn may_skip(&self, stage: &Stage) -> bool {
        self.held.as_ref().is_some_and(|(held, at)| {
            let half = held.can_skip_until.unwrap() / 2.0;
            ((stage.now_us - at) as f64) <= half * 1e6
        })
    }

    fn ask(&mut self, stage: &Stage, view: View, query: String) {
        match resolve(&query, view, &stage.timeline) {
            // It asks again without directives when it is told that it is wrong.
            Resolution::Bad(_) => self.take(stage, view, false),
            Resolution::Wait { .. } => self.waits = Some(query),
            // What it held may have grown too old while it waited: then it cannot use a delta.
            Resolution::Now { delta } => self.take(stage, view, delta && self.may_skip(stage)),
        }
    }

    fn take(&mut self, stage: &Stage, view: View, delta: bool) {
        let answer = parse(&playlist::media(&stage.timeline, view, delta));
        let now = match &self.held {
            Some((held, _)) if answer.skipped > 0 && holds_the_skipped(held, &answer) => {
                let mut merged = held.merged(&answer);
                merged.version = merged.lowest_version();
                merged
            }
            // Every player asks for the full playlist then.
            Some((held, _)) if answer.skipped > 0 => {
                let end = |list: &Parsed| list.whole().next_back().map_or(0, |last| last.msn);
                let newer = answer.segments.iter().filter(|seg| seg.msn > end(held));
                let newer: f64 = newer.map(|seg| seg.duration).sum();
                let half = answer.can_skip_until.unwrap() / 2.0;
                assert!(newer > half, "only a hole filled at one stroke may outrun a client: {newer} s came");
                parse(&playlist::media(&stage.timeline, view, false))
            }
            _ => answer,
        };
        self.held = Some((now, stage.now_us));
    }
}

fn holds_the_skipped(held: &Parsed, delta: &Parsed) -> bool {
    (delta.msn..delta.msn + delta.skipped).all(|msn| held.whole().any(|seg| seg.msn == msn))
}

/// The steps, in pieces so small that clients get their turns in between.
fn small(step: &Step) -> Vec<Step> {
    match step {
        Step::Segments { count } => vec![Step::Segments { count: 1 }; *count],
        Step::Wait { ms } => vec![Step::Wait { ms: ms / 8 }; 8],
        step => vec![step.clone()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_client_that_mixes_its_requests_ends_with_the_full_playlist(
        (profile, target) in profiles(), steps in steps(), ways in prop::collection::vec(ways(), 3)
    ) {
        for view in [View::Preview, View::Public] {
            let mut stage = Stage::new(profile, target);
            let mut clients: Vec<Client> = ways.iter().map(|_| Client::default()).collect();
            let mut turns: Vec<_> = ways.iter().map(|ways| ways.iter().copied().cycle()).collect();
            for step in steps.iter().flat_map(small).chain([Step::Stop]) {
                perform(&mut stage, &step);
                for (client, turns) in clients.iter_mut().zip(&mut turns) {
                    client.turn(&stage, view, turns.next().unwrap());
                }
                if stage.timeline.is_playable(view) {
                    // Whoever asks once more, in his own way, has what everybody has.
                    let full = parse(&playlist::media(&stage.timeline, view, false));
                    for client in &clients {
                        let mut last = Client { held: client.held.clone(), waits: None };
                        last.turn(&stage, view, Way::Delta("v2"));
                        let (held, _) = last.held.unwrap();
                        prop_assert_eq!(&held, &full);
                    }
                }
            }
        }
    }
}
