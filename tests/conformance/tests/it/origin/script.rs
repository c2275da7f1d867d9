//! What the small origin plays: a script of segments and parts, each with the moment at which it is there. Everything
//! that it answers is a function of this script and the time, in milliseconds since its broadcast began.

/// Part target and target duration, in milliseconds.
pub(crate) const PART: u64 = 500;
/// The target duration.
pub(crate) const TARGET: u64 = 1_000;
/// Segments of the window.
const WINDOW: usize = 8;
/// When the feed is lost, when that is found out, and when it is back.
pub(crate) const LOST: u64 = 8_000;
const FOUND_OUT: u64 = LOST + 4_400;
const BACK: u64 = 13_000;
/// When another format begins.
pub(crate) const NEW_FORMAT: u64 = 16_000;
/// A segment of three parts, and the rest of its second.
const LONG: u64 = 6_000;
const SHORT: u64 = 7_400;
/// The segment that variants break begins then.
const ODD: u64 = 20_000;
/// When the broadcast ends.
const END: u64 = 24_000;
/// Later than all of it.
const NEVER: u64 = 3_600_000;

/// A part of the script.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) ms: u64,
    pub(crate) listed_at: u64,
}

/// A segment of the script.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) msn: u64,
    pub(crate) gap: bool,
    pub(crate) discontinuity: bool,
    pub(crate) init: usize,
    /// By the broadcast's clock.
    pub(crate) starts: u64,
    /// In the media.
    pub(crate) decode_time: u64,
    pub(crate) parts: Vec<Piece>,
    pub(crate) whole_at: u64,
}

impl Item {
    pub(crate) fn ms(&self) -> u64 {
        self.parts.iter().map(|part| part.ms).sum()
    }
}

/// All of a broadcast.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) items: Vec<Item>,
    pub(crate) ends_at: u64,
    /// Whether the end takes the parts of the last segment back.
    takes_back: bool,
    window: usize,
}

/// What is there at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State<'s> {
    pub(crate) at: u64,
    /// Whole segments, those that were removed too.
    pub(crate) whole: &'s [Item],
    /// The segment that is being made, with how many of its parts are there.
    pub(crate) open: Option<(&'s Item, usize)>,
    /// How many whole segments were removed.
    pub(crate) removed: usize,
    pub(crate) ended: bool,
}

impl<'s> State<'s> {
    pub(crate) fn listed(&self) -> &'s [Item] {
        &self.whole[self.removed..]
    }

    /// The place of the next part.
    pub(crate) fn edge(&self) -> (u64, usize) {
        (self.whole.len() as u64, self.open.map_or(0, |(_, parts)| parts))
    }

    /// The length of the playlist.
    pub(crate) fn ms(&self) -> u64 {
        let open = self.open.map_or(0, |(item, parts)| item.parts[..parts].iter().map(|part| part.ms).sum());
        self.listed().iter().map(Item::ms).sum::<u64>() + open
    }
}

impl Script {
    /// The script, with the one oddity that a broken rule asks for.
    pub(crate) fn new(broken: u8) -> Self {
        let mut items: Vec<Item> = Vec::new();
        let (mut now, mut decode_time) = (0, 0);
        while now < END {
            let lost = (LOST..BACK).contains(&now);
            if lost && broken == 21 && now >= LOST + 2 * TARGET {
                // The hole is not filled to its end.
                now = BACK;
                continue;
            }
            let back = now == BACK;
            let new_format = now == NEW_FORMAT;
            if new_format {
                decode_time = 100_000;
            }
            let lengths: &[u64] = match (now, broken) {
                (LONG, _) => &[500, 500, 400],
                (SHORT, _) => &[500, 100],
                (ODD, 5) => &[500, 500, 500, 200],
                (ODD, 7) => &[700, 300],
                (ODD, 8) => &[500, 300, 200],
                _ => &[500, 500],
            };
            let starts = now;
            let parts = lengths.iter().map(|ms| {
                now += ms;
                Piece { ms: *ms, listed_at: if lost { now.max(FOUND_OUT) } else { now } }
            });
            let parts: Vec<Piece> = parts.collect();
            let msn = items.len() as u64;
            let last = parts.last().map_or(now, |part| part.listed_at);
            // Every third segment is found to be whole a moment after its last part.
            let whole_at = if msn.is_multiple_of(3) && !lost { last + 200 } else { last };
            items.push(Item {
                msn,
                gap: lost,
                discontinuity: back || (new_format && broken != 22),
                init: usize::from(starts >= NEW_FORMAT),
                starts,
                decode_time,
                parts,
                whole_at,
            });
            decode_time += now - starts;
        }
        let mut script = Self {
            items,
            ends_at: now + 300,
            takes_back: broken == 120,
            window: if broken == 15 { 5 } else { WINDOW },
        };
        if let Some(last) = script.items.last_mut().filter(|_| broken == 120) {
            last.parts.truncate(1);
            last.whole_at = NEVER;
            script.ends_at = END - 200;
        }
        match broken {
            111 => script.hold(FOUND_OUT + 50, FOUND_OUT + 2_550),
            112 => script.hold(FOUND_OUT + 50, FOUND_OUT + 3_900),
            11 => script.hold(20_100, 22_600),
            12 => script.hold(19_100, 22_900),
            _ => {}
        }
        script
    }

    /// Nothing comes between the two moments; what should have comes then.
    fn hold(&mut self, from: u64, to: u64) {
        let held = |at: &mut u64| {
            if (from..to).contains(at) {
                *at = to;
            }
        };
        for item in &mut self.items {
            held(&mut item.whole_at);
            item.parts.iter_mut().for_each(|part| held(&mut part.listed_at));
        }
    }

    /// What is there at a moment.
    pub(crate) fn at(&self, at: u64) -> State<'_> {
        let whole = self.items.iter().take_while(|item| item.whole_at <= at).count();
        let ended = at >= self.ends_at;
        let open = self
            .items
            .get(whole)
            .map(|item| (item, item.parts.iter().take_while(|part| part.listed_at <= at).count()));
        State {
            at,
            whole: &self.items[..whole],
            open: open.filter(|(_, parts)| *parts > 0 && !(ended && self.takes_back)),
            removed: whole.saturating_sub(self.window),
            ended,
        }
    }

    /// When a whole segment is removed from the window; never, where nothing pushes it out.
    pub(crate) fn removed_at(&self, msn: u64) -> Option<u64> {
        self.items.get(msn as usize + self.window).map(|item| item.whole_at)
    }

    /// The first moment from `from` on at which `there` holds; none before the end.
    pub(crate) fn when(&self, from: u64, there: impl Fn(&State<'_>) -> bool) -> Option<u64> {
        let parts = self.items.iter().flat_map(|item| item.parts.iter().map(|part| part.listed_at));
        let mut moments: Vec<u64> = parts.chain(self.items.iter().map(|item| item.whole_at)).collect();
        moments.push(self.ends_at);
        moments.retain(|moment| *moment > from);
        moments.push(from);
        moments.sort_unstable();
        moments.into_iter().find(|moment| there(&self.at(*moment)))
    }
}
