use bytes::Bytes;
use sigma_hls::{
    CLOCK, Input, Profile, Rendition, Resource, Timeline, View, playlist,
    request::{Directives, Resolution, resolve},
};
use sigma_log::Entry;
use sigma_packager::{InitSection, Output, Part, SegmentEnd};

use crate::draw::Draw;

const VIEWS: [View; 2] = [View::Preview, View::Public];
/// Segments last no longer in what is packaged here.
const TARGET: u32 = 4;

/// A rendition to which anything happens, and queries and names asked of its playlist at any time.
///
/// Directives are read as the clauses have them; who waits, waits for what comes next; a name that is understood is the name
/// of that thing; a playlist's numbers never go back, its target duration stays, and a delta stands for the whole.
pub fn hls_requests(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut origin = Origin::new(draw.one_of([Profile::ULTRA_LOW, Profile::LOW, Profile::NORMAL]));
    while !draw.is_empty() {
        let step = draw.byte();
        match step % 16 {
            0..6 => origin.package(&mut draw),
            6 => origin.lose(&mut draw),
            7 => origin.hand(|now_us| Input::FeedBack { at_us: now_us }),
            8 => {
                origin.now_us += i64::from(draw.short()) * 1_000;
                origin.hand(|now_us| Input::Tick { now_us });
            }
            9 => {
                let from_start = draw.flag();
                origin.hand(|_| Input::GoLive { from_start });
            }
            10 => origin.crash(&mut draw),
            11 if draw.below(8) == 0 => {
                origin.hand(|now_us| Input::Stop { now_us, flushed: Vec::new() });
            }
            12 | 13 => name(&origin.timeline, draw.bytes(usize::from(step >> 4) + 4)),
            _ => {
                let length = draw.below(80);
                query(&origin.timeline, draw.bytes(length.into()));
            }
        }
        origin.check();
    }
}

struct Origin {
    rendition: Rendition,
    timeline: Timeline,
    entries: Vec<Entry>,
    now_us: i64,
    /// What comes with the next part.
    before: Vec<Output>,
    new_span: bool,
    seen: [Option<Listed>; 2],
}

impl Origin {
    fn new(profile: Profile) -> Self {
        Self {
            rendition: Rendition::new(profile),
            timeline: Timeline::new(profile),
            entries: Vec::new(),
            now_us: 1_767_225_600_000_000,
            before: vec![
                Output::TargetDuration(TARGET.max(profile.segment_target_ms / 1_000)),
                Output::Init(init(0)),
            ],
            new_span: true,
            seen: [None, None],
        }
    }

    fn hand(&mut self, input: impl FnOnce(i64) -> Input) {
        for append in self.rendition.handle(input(self.now_us)) {
            self.timeline.apply(&append.entry, self.now_us);
            self.entries.push(append.entry);
        }
        self.timeline.forget(self.now_us);
    }

    fn package(&mut self, draw: &mut Draw<'_>) {
        let outputs = self.packaged(draw);
        self.hand(|now_us| Input::Packaged { now_us, outputs });
    }

    /// A part, perhaps with a new span before it and the end of its segment behind.
    fn packaged(&mut self, draw: &mut Draw<'_>) -> Vec<Output> {
        let head = draw.byte();
        let most = self.timeline.profile().part_target_ms.unwrap_or(1_000);
        let ms = 1 + u32::from(draw.short()) % most;
        if head & 0x0C == 0x0C || (self.rendition.is_lost() && !self.new_span) {
            self.before.push(Output::Discontinuity);
            self.before.push(Output::Init(init(head >> 4 & 3)));
            self.new_span = true;
        }
        self.now_us += i64::from(ms) * 1_000;
        let mut outputs = std::mem::take(&mut self.before);
        outputs.push(Output::Part(Part {
            bytes: vec![Bytes::from_static(b"moof"), Bytes::from_static(b"mdat")],
            duration_ticks: u64::from(ms) * CLOCK / 1_000,
            independent: head & 1 == 1,
            key_frame_end: None,
            first_of_span_anchor_us: std::mem::take(&mut self.new_span)
                .then_some(self.now_us - i64::from(ms) * 1_000),
            video_units: 1,
            audio_units: 0,
        }));
        if head & 2 == 2 {
            outputs.push(Output::SegmentEnd(SegmentEnd { duration_ticks: 0, starts_with_key: true }));
        }
        outputs
    }

    fn lose(&mut self, draw: &mut Draw<'_>) {
        self.now_us += i64::from(draw.byte()) * 100_000;
        self.hand(|at_us| Input::FeedLost { at_us, flushed: Vec::new() });
    }

    /// Killed while a part's entries were being written; up again after a while. What anybody saw had been written before:
    /// only of what comes at this moment is a part lost, or all of it.
    fn crash(&mut self, draw: &mut Draw<'_>) {
        let outputs = self.packaged(draw);
        let appends = self.rendition.handle(Input::Packaged { now_us: self.now_us, outputs });
        let written = usize::from(draw.byte()) % (appends.len() + 1);
        self.entries.extend(appends.into_iter().take(written).map(|append| append.entry));
        self.now_us += i64::from(draw.short()) * 10_000;
        self.timeline = Timeline::fold(*self.timeline.profile(), &self.entries, self.now_us);
        self.rendition = Rendition::resume(&self.timeline);
        self.before = vec![Output::Init(init(0))];
        if self.timeline.target_duration().is_none() {
            self.before.insert(0, Output::TargetDuration(TARGET));
        }
        self.new_span = true;
        self.hand(|now_us| Input::Restarted { now_us });
    }

    fn check(&mut self) {
        for (view, seen) in VIEWS.into_iter().zip(&mut self.seen) {
            if !self.timeline.is_playable(view) {
                assert!(seen.is_none(), "what was playable stays playable");
                continue;
            }
            let listed = Listed::read(&playlist::media(&self.timeline, view, false));
            let delta = Listed::read(&playlist::media(&self.timeline, view, true));
            assert_eq!(listed.skipped, 0);
            assert_eq!(delta.skipped + delta.segments, listed.segments, "a delta stands for the whole");
            assert_eq!((delta.target, delta.media_sequence), (listed.target, listed.media_sequence));
            if let Some(before) = seen {
                assert_eq!(before.target, listed.target, "the target duration never changes");
                assert!(
                    before.media_sequence <= listed.media_sequence,
                    "the media sequence number goes back"
                );
                assert!(before.discontinuity_sequence <= listed.discontinuity_sequence);
                let end = |listed: &Listed| listed.media_sequence + listed.segments;
                assert!(end(before) <= end(&listed) || listed.ended, "segments vanish at the end");
                assert!(!before.ended || listed.ended, "an end is taken back");
            }
            *seen = Some(listed);
        }
    }
}

fn init(format: u8) -> InitSection {
    InitSection {
        bytes: Bytes::copy_from_slice(&[format; 8]),
        codecs: "avc1.64001f".into(),
        width: 1_280,
        height: 720,
        frame_rate_milli: None,
        video: true,
        audio: false,
    }
}

/// A media playlist as far as this needs to read it.
#[derive(Debug, Default)]
struct Listed {
    target: u64,
    media_sequence: u64,
    discontinuity_sequence: u64,
    skipped: u64,
    segments: u64,
    ended: bool,
}

impl Listed {
    fn read(text: &str) -> Self {
        let mut listed = Self::default();
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
        for line in text.lines() {
            match line.split_once(':').unwrap_or((line, "")) {
                ("#EXT-X-TARGETDURATION", value) => listed.target = number(value),
                ("#EXT-X-MEDIA-SEQUENCE", value) => listed.media_sequence = number(value),
                ("#EXT-X-DISCONTINUITY-SEQUENCE", value) => listed.discontinuity_sequence = number(value),
                ("#EXT-X-SKIP", value) => {
                    listed.skipped = number(value.trim_start_matches("SKIPPED-SEGMENTS="))
                }
                ("#EXTINF", value) => {
                    let seconds: f64 = value.trim_end_matches(',').parse().unwrap_or(f64::MAX);
                    assert!(seconds.round() <= listed.target as f64, "{seconds} s of {}", listed.target);
                    listed.segments += 1;
                }
                ("#EXT-X-ENDLIST", _) => listed.ended = true,
                _ => {}
            }
        }
        listed
    }
}

/// A file name of the session's folder.
fn name(timeline: &Timeline, name: &[u8]) {
    let Some((name, resource)) =
        std::str::from_utf8(name).ok().and_then(|name| Some((name, Resource::parse(name)?)))
    else {
        return;
    };
    assert_eq!(resource.to_string(), name, "one name a thing, so that caches keep one copy");
    for view in VIEWS {
        timeline.locate(view, resource);
    }
}

/// A query string.
fn query(timeline: &Timeline, query: &[u8]) {
    let Ok(query) = std::str::from_utf8(query) else { return };
    let read = Directives::parse(query);
    assert_eq!(read.ok(), plainly(query), "{query}");
    for view in VIEWS {
        let (next, resolution) = (timeline.next_msn(), resolve(query, view, timeline));
        match resolution {
            Resolution::Bad(_) | Resolution::Wait { .. } if timeline.is_ended() => {
                panic!("{query} after the end")
            }
            Resolution::Bad(_) => {}
            Resolution::Now { delta } => assert!(!delta || read.is_ok_and(|directives| directives.skip)),
            Resolution::Wait { msn, part, delta } => {
                let first = next.max(timeline.live_from().unwrap_or(0));
                assert!((next..=first + 1).contains(&msn), "{query} waits for {msn} at {next}");
                assert!(part.is_none() || timeline.profile().part_target_ms.is_some());
                assert!(read.is_ok_and(|directives| directives.skip == delta && directives.msn.is_some()));
            }
        }
    }
}

/// The directives as §6.2.5 has them, read in another way: all of a name's values first.
fn plainly(query: &str) -> Option<Directives> {
    let of = |wanted: &str| -> Vec<&str> {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value).collect()
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number =
        |text: &str| text.parse::<u64>().ok().filter(|number| digits(text) && number.to_string() == text);
    let msn = match of("_HLS_msn")[..] {
        [] => None,
        [text] => Some(number(text)?),
        _ => return None,
    };
    let part = match of("_HLS_part")[..] {
        [] => None,
        [text] if msn.is_some() => Some(number(text).and_then(|part| u32::try_from(part).ok())?),
        _ => return None,
    };
    let skip = match of("_HLS_skip")[..] {
        [] => false,
        ["YES" | "v2"] => true,
        _ => return None,
    };
    Some(Directives { msn, part, skip })
}
