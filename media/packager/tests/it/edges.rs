//! Laws of the choice between pictures that are taken and pictures that are coded anew.

use proptest::prelude::*;
use sigma_packager::edge::{Choice, Frame, choose};

/// Groups of pictures as encoders make them: runs of B-frames behind the picture that they need, at an uneven pace.
fn frames() -> impl Strategy<Value = (Vec<Frame>, i64)> {
    let group = prop::collection::vec(0usize..4, 0..6);
    let pace = prop::collection::vec(1i64..9_000, 150);
    (prop::collection::vec(group, 1..5), pace).prop_map(|(groups, pace)| {
        // Places in the order of showing, in decoding order.
        let (mut places, mut shown): (Vec<(usize, bool)>, usize) = (Vec::new(), 0);
        for group in groups {
            places.push((shown, true));
            shown += 1;
            for between in group {
                places.push((shown + between, false));
                places.extend((0..between).map(|b| (shown + b, false)));
                shown += between + 1;
            }
        }
        let times: Vec<i64> = pace
            .iter()
            .scan(1_000_000, |at, step| {
                *at += step;
                Some(*at)
            })
            .take(shown + 1)
            .collect();
        let frames = places.into_iter().map(|(place, key)| Frame { pts: times[place], key });
        (frames.collect(), times[shown])
    })
}

proptest! {
    #[test]
    fn no_picture_is_lost_and_none_is_shown_twice(((frames, end), from, to) in (frames(), 0i64..900_000, 1i64..900_000)) {
        let keep = 1_000_000 + from..1_000_000 + from + to;
        let parts = choose(&frames, &keep, end).unwrap();
        let mut shown = Vec::new();
        for part in &parts {
            let of_part = &frames[part.frames.clone()];
            prop_assert!(of_part[0].key, "decoding starts with it");
            let (kept, others): (Vec<_>, Vec<_>) =
                of_part.iter().map(|frame| frame.pts).partition(|pts| keep.contains(pts));
            match part.choice {
                Choice::Taken => prop_assert!(others.is_empty(), "what is taken is all shown"),
                Choice::Recoded => {
                    prop_assert!(!others.is_empty(), "what is all shown is taken");
                    prop_assert_eq!(of_part.iter().filter(|frame| frame.key).count(), 1);
                }
            }
            let (first, last) = (*kept.iter().min().unwrap(), *kept.iter().max().unwrap());
            prop_assert!(part.shown.start == first && part.shown.end > last);
            prop_assert!(frames.iter().all(|frame| frame.pts <= last || frame.pts >= part.shown.end));
            shown.extend(kept);
        }
        prop_assert!(parts.windows(2).all(|pair| pair[0].shown.end == pair[1].shown.start));
        shown.sort_unstable();
        let mut wanted: Vec<i64> = frames.iter().map(|frame| frame.pts).filter(|pts| keep.contains(pts)).collect();
        wanted.sort_unstable();
        prop_assert_eq!(shown, wanted);
        prop_assert!(parts.iter().filter(|part| part.choice == Choice::Recoded).count() <= 2, "the edges alone");
    }

    #[test]
    fn where_all_is_kept_all_is_taken((frames, end) in frames()) {
        let parts = choose(&frames, &(i64::MIN..i64::MAX), end).unwrap();
        prop_assert_eq!(parts.len(), 1);
        prop_assert_eq!((parts[0].choice, parts[0].frames.clone()), (Choice::Taken, 0..frames.len()));
    }
}
