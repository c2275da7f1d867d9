//! Which pictures of an edge are coded anew.

use std::ops::Range;

/// A picture, in decoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When it is shown, in ticks.
    pub pts: i64,
    /// Whether decoding can start with it, and nothing behind it needs anything before it.
    pub key: bool,
}

/// What is done with some pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// They are taken as they are: all of them are shown.
    Taken,
    /// They are decoded, and those of them that are to be shown are coded anew.
    Recoded,
}

/// Pictures with which the same is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What.
    pub choice: Choice,
    /// Which, by their places in decoding order. The first is a key frame.
    pub frames: Range<usize>,
    /// When what it shows begins and ends, in ticks. Parts lie one behind the other without a gap.
    pub shown: Range<i64>,
}

/// Why pictures cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    /// Decoding cannot start where they do.
    #[error("it does not begin with a key frame")]
    NoKey,
    /// Pictures of one group are shown among those of another.
    #[error("its groups of pictures are open: pictures of one are shown among those of another")]
    OpenGroups,
}

/// What is done with which of these pictures, so that just those are shown whose time lies in `keep`. `end`: when the last
/// picture's time is over, in ticks. No parts: none of them is.
///
/// A group of pictures all of which are kept is taken; so is the beginning of one where what is kept are its first pictures in
/// decoding order too, as always where there are no B-frames. Of any other group the kept pictures are coded anew.
///
/// # Errors
/// [`NoChoice`]
pub fn choose(frames: &[Frame], keep: &Range<i64>, end: i64) -> Result<Vec<Part>, NoChoice> {
    if !frames.first().is_some_and(|first| first.key) {
        return Err(NoChoice::NoKey);
    }
    let mut shown: Vec<i64> = frames.iter().map(|frame| frame.pts).collect();
    shown.sort_unstable();
    let over = |pts: i64| shown.get(shown.partition_point(|other| *other <= pts)).copied().unwrap_or(end);
    let mut parts: Vec<Part> = Vec::new();
    let mut latest: Option<i64> = None;
    let mut begins = 0;
    for group in frames.chunk_by(|_, next| !next.key) {
        let places = begins..begins + group.len();
        begins = places.end;
        let (first, last) = (group[0].pts, group.iter().map(|frame| frame.pts).max().unwrap_or(group[0].pts));
        if group.iter().any(|frame| frame.pts < first)
            || latest.replace(last).is_some_and(|latest| latest >= first)
        {
            return Err(NoChoice::OpenGroups);
        }
        let is_kept = |frame: &Frame| keep.contains(&frame.pts);
        let kept: Vec<usize> = (0..group.len()).filter(|place| is_kept(&group[*place])).collect();
        let times = || kept.iter().map(|place| group[*place].pts);
        let (Some(from), Some(to), Some(needed)) = (times().min(), times().max(), kept.last()) else {
            continue;
        };
        let is_beginning = kept.iter().enumerate().all(|(number, place)| number == *place);
        let choice = if is_beginning { Choice::Taken } else { Choice::Recoded };
        let part = Part { choice, frames: places.start..places.start + needed + 1, shown: from..over(to) };
        match parts.last_mut().filter(|before| before.choice == choice && choice == Choice::Taken) {
            Some(before) => {
                before.frames.end = part.frames.end;
                before.shown.end = part.shown.end;
            }
            None => parts.push(part),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of pictures as letters, in decoding order: what each is shown after the key frame, in pictures.
    fn frames(groups: &[&[i64]]) -> Vec<Frame> {
        let mut begins = 0;
        let mut frames = Vec::new();
        for group in groups {
            for (place, offset) in group.iter().enumerate() {
                frames.push(Frame { pts: (begins + offset) * 10, key: place == 0 });
            }
            begins += group.len() as i64;
        }
        frames
    }

    fn told(groups: &[&[i64]], keep: Range<i64>) -> Vec<(Choice, Range<usize>, Range<i64>)> {
        let frames = frames(groups);
        let end = frames.len() as i64 * 10;
        let parts = choose(&frames, &keep, end).unwrap();
        parts.into_iter().map(|part| (part.choice, part.frames, part.shown)).collect()
    }

    use Choice::{Recoded, Taken};

    #[test]
    fn what_begins_amid_a_group_is_coded_anew_up_to_the_next_key_frame() {
        let groups: &[&[i64]] = &[&[0, 1, 2, 3], &[0, 1, 2, 3]];
        assert_eq!(told(groups, 20..80), [(Recoded, 0..4, 20..40), (Taken, 4..8, 40..80)]);
        assert_eq!(told(groups, 40..80), [(Taken, 4..8, 40..80)], "on a key frame nothing is");
        assert_eq!(told(groups, 11..31), [(Recoded, 0..4, 20..40)], "within one group");
    }

    #[test]
    fn an_end_without_b_frames_is_taken_as_it_is() {
        let groups: &[&[i64]] = &[&[0, 1, 2, 3], &[0, 1, 2, 3]];
        assert_eq!(told(groups, 0..61), [(Taken, 0..7, 0..70)], "with what is before it");
        assert_eq!(told(groups, 20..50), [(Recoded, 0..4, 20..40), (Taken, 4..5, 40..50)]);
    }

    #[test]
    fn an_end_amid_b_frames_is_coded_anew_and_one_between_them_is_not() {
        let groups: &[&[i64]] = &[&[0, 3, 1, 2, 6, 4, 5]];
        assert_eq!(told(groups, 0..40), [(Taken, 0..4, 0..40)]);
        assert_eq!(told(groups, 0..20), [(Recoded, 0..3, 0..20)], "with what it needs");
        assert_eq!(told(groups, 0..60), [(Recoded, 0..7, 0..60)]);
        assert_eq!(told(groups, 70..80), [], "nothing is shown there");
    }

    #[test]
    fn what_cannot_be_told_apart_is_said() {
        let open = [(0, true), (30, false), (20, true), (40, false)];
        let frames = |told: &[(i64, bool)]| -> Vec<Frame> {
            told.iter().map(|(pts, key)| Frame { pts: *pts, key: *key }).collect()
        };
        assert_eq!(choose(&frames(&open), &(0..10), 50), Err(NoChoice::OpenGroups));
        assert_eq!(choose(&frames(&[(0, true), (-10, false)]), &(0..10), 50), Err(NoChoice::OpenGroups));
        assert_eq!(choose(&frames(&[(0, false)]), &(0..10), 50), Err(NoChoice::NoKey));
        assert_eq!(choose(&[], &(0..10), 50), Err(NoChoice::NoKey));
    }
}
