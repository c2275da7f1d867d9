//! Whatever happens, in whatever order, the laws of the checklist hold: the stage checks them after every step.

use proptest::prelude::*;
use sigma_hls::{
    Input, Profile, Timeline, View,
    request::{self, Resolution},
};
use sigma_packager::Output;

use crate::stage::{Stage, init};

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Segments {
        count: usize,
    },
    Part {
        short: u64,
        key: bool,
        end: bool,
    },
    LongGop {
        seconds: u64,
    },
    NewFormat {
        format: u8,
    },
    Loss {
        silence_ms: u64,
    },
    /// Nothing comes, and nobody has found out yet.
    Silence {
        ms: u64,
    },
    Return {
        format: u8,
    },
    Wait {
        ms: u64,
    },
    GoLive {
        from_start: bool,
    },
    Restart {
        ms: u64,
    },
    /// Killed while the entries of a part are being written: so many reach the disk.
    Crash {
        written: usize,
        ms: u64,
    },
    Stop,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..12).prop_map(|count| Step::Segments { count }),
        4 => (0_u64..75, any::<bool>(), any::<bool>())
            .prop_map(|(short, key, end)| Step::Part { short, key, end }),
        1 => (1_u64..15).prop_map(|seconds| Step::LongGop { seconds }),
        1 => (0_u8..3).prop_map(|format| Step::NewFormat { format }),
        3 => (0_u64..7_000).prop_map(|silence_ms| Step::Loss { silence_ms }),
        3 => (0_u8..3).prop_map(|format| Step::Return { format }),
        3 => (0_u64..40_000).prop_map(|ms| Step::Wait { ms }),
        1 => any::<bool>().prop_map(|from_start| Step::GoLive { from_start }),
        1 => (0_u64..90_000).prop_map(|ms| Step::Restart { ms }),
        1 => (0_usize..5, 0_u64..5_000).prop_map(|(written, ms)| Step::Crash { written, ms }),
        1 => Just(Step::Stop),
    ];
    prop::collection::vec(step, 1..40)
}

pub(crate) fn profiles() -> impl Strategy<Value = (Profile, u32)> {
    prop_oneof![
        Just((Profile::ULTRA_LOW, 2)),
        Just((Profile::ULTRA_LOW, 4)),
        Just((Profile::LOW, 2)),
        Just((Profile::LOW, 9)),
        Just((Profile::NORMAL, 6)),
    ]
}

pub(crate) fn perform(stage: &mut Stage, step: &Step) {
    let part_ms = u64::from(stage.profile.part_target_ms.unwrap_or(1_000));
    // A packager begins a span anew after a loss; the feed that comes back says so itself.
    if stage.rendition.is_lost()
        && !stage.new_span
        && matches!(step, Step::Segments { .. } | Step::Part { .. })
    {
        stage.back(0);
    }
    match step {
        Step::Segments { count } => stage.segments(*count),
        Step::Part { short, key, end } => {
            stage.part(if *end { part_ms - short } else { part_ms }, *key || stage.new_span, *end);
        }
        Step::LongGop { seconds } => {
            if !stage.rendition.is_lost() {
                for index in 0..seconds * 1_000 / part_ms {
                    stage.part(part_ms, index == 0, false);
                }
            }
        }
        Step::NewFormat { format } => {
            stage.before.push(Output::Discontinuity);
            stage.before.push(Output::Init(init(*format)));
            stage.new_span = true;
        }
        Step::Loss { silence_ms } => {
            stage.now_us += *silence_ms as i64 * 1_000;
            stage.lose();
        }
        Step::Silence { ms } => stage.now_us += *ms as i64 * 1_000,
        Step::Return { format } => stage.back(*format),
        Step::Wait { ms } => stage.wait(*ms),
        Step::GoLive { from_start } => {
            stage.act(Input::GoLive { from_start: *from_start });
        }
        Step::Restart { ms } => {
            stage.restart(*ms);
        }
        Step::Crash { written, ms } => {
            stage.now_us += part_ms as i64 * 1_000;
            let outputs = stage.outputs(part_ms, true, true);
            let appends = stage.rendition.handle(Input::Packaged { now_us: stage.now_us, outputs });
            let reached = appends.into_iter().take(*written).map(|append| append.entry);
            stage.entries.extend(reached);
            stage.fold(*ms);
            stage.before = vec![Output::Init(init(0))];
            stage.new_span = true;
            stage.act(Input::Restarted { now_us: stage.now_us });
        }
        Step::Stop => {
            stage.stop();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_media_losses_returns_restarts_and_ends_breaks_a_rule((profile, target) in profiles(), steps in steps()) {
        let mut stage = Stage::new(profile, target);
        for step in &steps {
            perform(&mut stage, step);
        }
        // What is on disk says the same as what is in memory.
        if stage.timeline.is_playable(View::Preview) {
            let again = Timeline::fold(profile, &stage.entries, stage.now_us);
            prop_assert_eq!(stage.text(View::Preview), sigma_hls::playlist::media(&again, View::Preview, false));
        }
        stage.stop();
        prop_assert!(stage.stop().is_empty());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_query_panics_and_what_waits_is_ahead(query in "(_HLS_(msn|part|skip)=[0-9YESv]{0,4}&?){0,4}", steps in steps()) {
        let mut stage = Stage::ultra_low();
        for step in &steps {
            perform(&mut stage, step);
            if let Resolution::Wait { msn, .. } = request::resolve(&query, View::Preview, &stage.timeline) {
                let next = stage.timeline.next_msn();
                prop_assert!(msn == next || msn == next + 1);
            }
        }
    }
}
