//! Any client that mixes full, delta and blocking requests at random ends with the playlist that a full request gives.

use proptest::prelude::*;
use sigma_hls::request::{Resolution, resolve};
use sigma_hls::{Profile, View, playlist};

use crate::laws::{Step, perform, profiles};
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
    prop::collection::vec(way, 1..30)
}

/// What happens to the rendition between two turns: little at a time, so that clients hold something new, and now and then
/// much at one stroke, when a silence is found out or a server is there again.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Segments { count: 1 }),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(key, end)| Step::Part { short: 0, key, end }),
        1 => (0_u8..3).prop_map(|format| Step::NewFormat { format }),
        2 => (0_u64..60_000).prop_map(|silence_ms| Step::Loss { silence_ms }),
        2 => (0_u8..3).prop_map(|format| Step::Return { format }),
        3 => (0_u64..4_000).prop_map(|ms| Step::Wait { ms }),
        1 => any::<bool>().prop_map(|from_start| Step::GoLive { from_start }),
        1 => (0_u64..40_000).prop_map(|ms| Step::Restart { ms }),
        1 => (0_usize..5, 0_u64..5_000).prop_map(|(written, ms)| Step::Crash { written, ms }),
    ];
    prop::collection::vec(step, 1..20)
}

/// A loss is found out after a silence in which clients go on asking.
fn with_turns(step: &Step) -> Vec<Step> {
    match step {
        Step::Loss { silence_ms } => {
            let mut steps = vec![Step::Silence { ms: silence_ms / 8 }; 8];
            steps.push(Step::Loss { silence_ms: 0 });
            steps
        }
        step => vec![step.clone()],
    }
}

/// A client of one view.
#[derive(Clone, Debug, Default)]
struct Client {
    held: Option<(Parsed, i64)>,
    /// A blocking request that has no answer yet, and since when.
    waits: Option<(String, i64)>,
}

impl Client {
    fn turn(&mut self, stage: &Stage, view: View, way: Way) {
        if !stage.timeline.is_playable(view) {
            return;
        }
        let limit_us = stage.timeline.block_limit_ms() as i64 * 1_000;
        match self.waits.take() {
            Some((query, since)) if stage.now_us - since <= limit_us => self.ask(stage, view, query, since),
            // Rule 30 gave him 503, or he finds no answer any more: he asks anew, as he would.
            _ => self.ask(stage, view, self.query(stage, way), stage.now_us),
        }
    }

    fn query(&self, stage: &Stage, way: Way) -> String {
        let skip = |skip: &str| format!("_HLS_skip={skip}");
        match (way, &self.held) {
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
        }
    }

    /// §6.3.7: no delta without a playlist, or with one that is older than half the skip boundary.
    fn may_skip(&self, stage: &Stage) -> bool {
        self.held.as_ref().is_some_and(|(held, at)| {
            let half = held.can_skip_until.unwrap() / 2.0;
            ((stage.now_us - at) as f64) <= half * 1e6
        })
    }

    fn ask(&mut self, stage: &Stage, view: View, query: String, since: i64) {
        match resolve(&query, view, &stage.timeline) {
            // It asks again without directives when it is told that it is wrong.
            Resolution::Bad(_) => self.take(stage, view, false),
            Resolution::Wait { .. } => self.waits = Some((query, since)),
            Resolution::Now { delta } => self.take(stage, view, delta),
        }
    }

    fn take(&mut self, stage: &Stage, view: View, delta: bool) {
        let answer = parse(&playlist::media(&stage.timeline, view, delta));
        let now = match &self.held {
            Some((held, at)) if answer.skipped > 0 => {
                let holds = |msn| held.whole().any(|seg| seg.msn == msn);
                let missing = (answer.msn..answer.msn + answer.skipped).find(|msn| !holds(*msn));
                let age = (stage.now_us - at) as f64 / 1e6;
                assert_eq!(missing, None, "segment skipped that a playlist {age} s old does not have");
                let mut merged = held.merged(&answer);
                merged.version = merged.lowest_version();
                merged
            }
            _ => answer,
        };
        self.held = Some((now, stage.now_us));
    }
}

#[test]
fn what_came_at_one_stroke_is_not_skipped_for_who_has_not_seen_it() {
    for (profile, target, silence_ms) in
        [(Profile::ULTRA_LOW, 2, 29_000), (Profile::LOW, 2, 60_000), (Profile::NORMAL, 6, 120_000)]
    {
        for restart in [false, true] {
            let mut stage = Stage::new(profile, target);
            stage.segments(20);
            let mut client = Client::default();
            client.turn(&stage, View::Preview, Way::Full);
            // The feed falls silent, or the server dies; the hole is filled when that is found out.
            if restart {
                stage.restart(silence_ms);
            } else {
                perform(&mut stage, &Step::Loss { silence_ms });
            }
            // What the client had was confirmed a moment before.
            client.held.as_mut().unwrap().1 = stage.now_us - 1_000_000;
            client.turn(&stage, View::Preview, Way::Delta("YES"));
            assert_eq!(client.held.unwrap().0, stage.list());
            // Later there are deltas again.
            for _ in 0..40 {
                stage.wait(1_500);
            }
            assert!(parse(&playlist::media(&stage.timeline, View::Preview, true)).skipped > 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_client_that_mixes_its_requests_ends_with_the_full_playlist(
        (profile, target) in profiles(), warm in 0_usize..16, steps in steps(), ways in prop::collection::vec(ways(), 2)
    ) {
        let mut stage = Stage::unchecked(profile, target);
        stage.segments(warm);
        let views = [View::Preview, View::Public];
        let mut clients = views.map(|view| (view, vec![Client::default(); ways.len()]));
        let mut turns: Vec<_> = ways.iter().map(|ways| ways.iter().copied().cycle()).collect();
        for step in steps.iter().flat_map(with_turns).chain([Step::Stop]) {
            perform(&mut stage, &step);
            let now: Vec<Way> = turns.iter_mut().map(|turns| turns.next().unwrap()).collect();
            for (view, clients) in clients.iter_mut().filter(|(view, _)| stage.timeline.is_playable(*view)) {
                let full = parse(&playlist::media(&stage.timeline, *view, false));
                for (client, way) in clients.iter_mut().zip(&now) {
                    if !matches!(way, Way::Busy) {
                        client.turn(&stage, *view, *way);
                    }
                    // Whoever asks once more has what everybody has.
                    let mut last = Client { held: client.held.clone(), waits: None };
                    last.turn(&stage, *view, Way::Delta("v2"));
                    prop_assert_eq!(&last.held.unwrap().0, &full);
                }
            }
        }
    }
}
