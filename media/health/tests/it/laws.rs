//! What holds for every feed, however odd.

use bytes::Bytes;
use proptest::prelude::*;
use sigma_elementary::{AccessUnit, Media};
use sigma_health::{Change, MAX_RAISED, Meter, Mode, Note, Rules, Sample, Thresholds};

use crate::studio::{aac, h264};

#[derive(Debug, Clone)]
enum Happens {
    Video { dts: i64, off: i64, key: bool, bytes: usize },
    Audio { dts: i64, bytes: usize },
    Configs,
    Begins,
    Goes,
    Passes(i64),
    Noted(Note),
}

fn happens() -> impl Strategy<Value = Happens> {
    let time = prop_oneof![8 => 0i64..10_000_000, 1 => any::<i64>()];
    prop_oneof![
        6 => (time.clone(), prop_oneof![9 => -9_000i64..9_000, 1 => any::<i64>()], any::<bool>(), 0usize..2_000)
            .prop_map(|(dts, off, key, bytes)| Happens::Video { dts, off, key, bytes }),
        6 => (time, 0usize..400).prop_map(|(dts, bytes)| Happens::Audio { dts, bytes }),
        1 => Just(Happens::Configs),
        1 => Just(Happens::Begins),
        1 => Just(Happens::Goes),
        8 => prop_oneof![9 => 0i64..700_000, 1 => -10_000_000i64..100_000_000_000].prop_map(Happens::Passes),
        1 => any::<i64>().prop_map(|by_ms| Happens::Noted(Note::TimestampsJumped { by_ms })),
    ]
}

fn unit(dts: i64, pts: i64, key: bool, bytes: usize) -> AccessUnit {
    AccessUnit { dts, pts, key, data: Bytes::from(vec![7; bytes]) }
}

/// A regular feed of so many pictures, with every fault that timestamps may have: its samples.
fn samples(steps: &[(u16, bool)], shift: i64, wrap: Option<i64>) -> Vec<Sample> {
    let mut meter = Meter::new(&Thresholds::default(), 0);
    meter.feed_began(0);
    meter.push(0, &Media::VideoConfig(h264()));
    meter.push(0, &Media::AudioConfig(aac()));
    let (mut samples, mut now_us, mut time) = (Vec::new(), 0, 0i64);
    for (number, (ms, key)) in steps.iter().enumerate() {
        now_us += i64::from(*ms) * 1_000;
        time += i64::from(*ms) * 90;
        let raw = time + shift;
        let raw = wrap.map_or(raw, |period| raw.rem_euclid(period));
        meter.push(now_us, &Media::Video(unit(raw, raw + 6_000, *key, 500)));
        if number % 2 == 0 {
            meter.push(now_us, &Media::Audio(unit(raw, raw, true, 100)));
        }
        samples.extend(meter.tick(now_us, 0).map(|observed| observed.sample));
    }
    samples
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_that_a_stranger_sends_breaks_the_meter_or_the_rules(
        all in prop::collection::vec(happens(), 1..400),
        mode in prop_oneof![Just(Mode::Normal), Just(Mode::Low), Just(Mode::UltraLow)],
    ) {
        let thresholds = Thresholds { raise_after_s: 1, clear_after_s: 1, ..Thresholds::default() };
        let mut meter = Meter::new(&thresholds, 0);
        let mut rules = Rules::new(mode, thresholds);
        let mut now_us = 0i64;
        let mut raised = Vec::new();
        let (mut total, mut dropped) = (0u32, 0);
        meter.feed_began(now_us);
        for one in all {
            match one {
                Happens::Video { dts, off, key, bytes } => {
                    meter.push(now_us, &Media::Video(unit(dts, dts.saturating_add(off), key, bytes)));
                }
                Happens::Audio { dts, bytes } => meter.push(now_us, &Media::Audio(unit(dts, dts, true, bytes))),
                Happens::Configs => {
                    meter.push(now_us, &Media::VideoConfig(h264()));
                    meter.push(now_us, &Media::AudioConfig(aac()));
                }
                Happens::Begins => {
                    meter.feed_began(now_us);
                    dropped = 0;
                }
                Happens::Goes => {
                    meter.feed_gone();
                    dropped = 0;
                }
                Happens::Passes(us) => now_us += us,
                Happens::Noted(note) => rules.note(note),
            }
            if let Some(observed) = meter.tick(now_us, 0) {
                prop_assert_eq!(observed.sample.at_us, now_us);
                prop_assert!(observed.sample.dropped_frames >= dropped);
                dropped = observed.sample.dropped_frames;
                for change in rules.judge(&observed) {
                    match change {
                        Change::Raised(warning) => {
                            prop_assert!(!warning.message.is_empty() && warning.message.len() < 300);
                            prop_assert!(!raised.contains(&warning.name));
                            raised.push(warning.name);
                            total += 1;
                        }
                        Change::Cleared(name) => {
                            prop_assert!(raised.contains(&name));
                            raised.retain(|other| *other != name);
                        }
                    }
                }
                let standing: Vec<_> = rules.standing().iter().map(|standing| standing.warning.name).collect();
                prop_assert_eq!(&standing, &raised);
                prop_assert!(total <= MAX_RAISED);
            }
        }
    }

    #[test]
    fn where_timestamps_begin_and_roll_over_changes_no_sample(
        steps in prop::collection::vec((1u16..900, prop::bool::weighted(0.1)), 1..300),
        // Just before a counter's end, or anywhere.
        shift in prop_oneof![-20_000_000i64..0, -(1i64 << 40)..(1 << 40)],
        period in prop_oneof![Just((1i64 << 32) * 90), Just(1 << 33), Just(1 << 32)],
    ) {
        let plain = samples(&steps, 0, None);
        prop_assert_eq!(&samples(&steps, shift, None), &plain);
        prop_assert_eq!(&samples(&steps, shift, Some(period)), &plain);
    }

    #[test]
    fn a_feed_in_step_with_the_wall_clock_is_never_behind_by_more_than_its_longest_pause(
        steps in prop::collection::vec((1u16..900, prop::bool::weighted(0.1)), 2..300),
    ) {
        for sample in samples(&steps, 0, None) {
            prop_assert!(sample.behind_ms < 901, "{sample:?}");
            prop_assert_eq!(sample.av_offset_ms.unwrap_or(0).abs() > 900, false);
        }
    }
}
