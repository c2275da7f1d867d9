//! A session under encoders that stall, break off, come back and take over, and a server that restarts, with viewers who ask for
//! all that playlists invite to: in simulated time, from the actor to the origin's answers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use sigma_clock::monotonic;
use sigma_elementary::{AccessUnit, Media};
use simulation::{Dice, Seeds};
use tokio::task::LocalSet;

use super::handle::{FeedEnd, SessionHandle};
use super::health_tests::Studio;
use crate::control::LatencyMode;
use crate::ingest::OnAirFeed;
use crate::paths::Audience;
use crate::{Body, Origin};

/// Seeds in `make test`.
const SEEDS: u64 = 60;
/// A picture every 40 ms.
const FRAME_MS: i64 = 40;
/// Over the limit that a waiting request has: it is answered within that.
const SLACK: Duration = Duration::from_millis(50);

/// What all players share: where the origin is at the moment, and what anyone has seen of its playlists.
struct Scene {
    origin: RefCell<Origin>,
    folders: [String; 2],
    /// By audience.
    newest: [Cell<Option<Seen>>; 4],
    asked: Cell<usize>,
    waited: Cell<usize>,
    over: Cell<bool>,
}

/// How far a playlist goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    target: u64,
    media_sequence: u64,
    discontinuity_sequence: u64,
    /// The number of the segment that is being written or comes next, and how many parts of it are listed.
    edge: (u64, u64),
    ended: bool,
}

impl Seen {
    fn read(text: &str) -> Self {
        let mut seen =
            Self { target: 0, media_sequence: 0, discontinuity_sequence: 0, edge: (0, 0), ended: false };
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
        for line in text.lines() {
            match line.split_once(':').unwrap_or((line, "")) {
                ("#EXT-X-TARGETDURATION", value) => seen.target = number(value),
                ("#EXT-X-MEDIA-SEQUENCE", value) => {
                    seen.media_sequence = number(value);
                    seen.edge.0 += seen.media_sequence;
                }
                ("#EXT-X-DISCONTINUITY-SEQUENCE", value) => seen.discontinuity_sequence = number(value),
                ("#EXT-X-SKIP", value) => {
                    seen.edge.0 += number(value.trim_start_matches("SKIPPED-SEGMENTS="))
                }
                ("#EXT-X-PART", _) => seen.edge.1 += 1,
                ("#EXTINF", _) => seen.edge = (seen.edge.0 + 1, 0),
                ("#EXT-X-ENDLIST", _) => seen.ended = true,
                _ => {}
            }
        }
        seen
    }

    fn assert_follows(self, before: Self) {
        assert_eq!(before.target, self.target, "the target duration never changes");
        assert!(self.media_sequence >= before.media_sequence, "{before:?}, then {self:?}");
        assert!(self.discontinuity_sequence >= before.discontinuity_sequence, "{before:?}, then {self:?}");
        // Gaps at the end are dropped with the end.
        assert!(self.edge >= before.edge || self.ended, "{before:?}, then {self:?}");
        assert!(self.ended || !before.ended, "an end is taken back");
    }
}

impl Scene {
    fn new(studio: &Studio) -> Rc<Self> {
        let paths = &studio.node.core.paths;
        Rc::new(Self {
            origin: RefCell::new(studio.node.origin()),
            folders: [Audience::Preview, Audience::Public].map(|audience| paths.folder("se_1", audience)),
            newest: [const { Cell::new(None) }; 4],
            asked: Cell::new(0),
            waited: Cell::new(0),
            over: Cell::new(false),
        })
    }

    /// Asks the origin that is there now. Every request ends: within the limit of those that wait.
    async fn ask(&self, view: usize, name: &str) -> (StatusCode, String) {
        let origin = self.origin.borrow().clone();
        let request = Request::get(format!("{}/{name}", self.folders[view % 2])).body(()).unwrap();
        let began = monotonic();
        let answer = origin.answer(request).await;
        let took = began.elapsed();
        let target = self.newest.iter().filter_map(Cell::get).map(|seen| seen.target).max();
        let limit = Duration::from_secs(3 * target.unwrap_or(10));
        assert!(took <= limit + SLACK, "{name} was answered after {took:?}");
        self.asked.set(self.asked.get() + 1);
        self.waited.set(self.waited.get() + usize::from(took > SLACK));
        (answer.status(), text(answer))
    }

    /// A media playlist, which must not be older than what anyone had seen when it was asked for.
    async fn playlist(&self, view: usize, query: &str) -> (StatusCode, Option<Seen>, String) {
        let before = self.newest[view].get();
        let name = if view < 2 { "live" } else { "dvr" };
        let (status, text) = self.ask(view, &format!("{name}.m3u8{query}")).await;
        if status != StatusCode::OK {
            return (status, None, text);
        }
        let seen = Seen::read(&text);
        if let Some(before) = before {
            seen.assert_follows(before);
        }
        let newest = &self.newest[view];
        if newest.get().is_none_or(|newest| seen.ended || seen.edge > newest.edge) {
            newest.set(Some(seen));
        }
        (status, Some(seen), text)
    }
}

fn text(answer: http::Response<Body>) -> String {
    let Body::Slices(slices) = answer.into_body() else { panic!("no file was asked for") };
    let runs = slices.into_runs();
    let bytes: Vec<u8> = runs.iter().flat_map(|run| run.iter()).flatten().copied().collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Someone who watches: reloads, blocks, skips, fetches what is hinted and listed, asks nonsense, and reads at any pace.
async fn viewer(scene: Rc<Scene>, mut dice: Dice) {
    let mut known: Option<Seen> = None;
    let mut view = dice.index(4);
    let mut hint: Option<String> = None;
    while !scene.over.get() {
        let (msn, parts) = known.map_or((0, 0), |seen| seen.edge);
        let skip = dice.one_of(["", "&_HLS_skip=YES", "&_HLS_skip=v2"]);
        let (wanted, query) = match dice.within(0..12) {
            0 => (None, "?_HLS_skip=YES".to_owned()),
            1 => (Some((msn, 0)), format!("?_HLS_msn={msn}{skip}")),
            2 => (None, format!("?_HLS_msn={}", msn + 40)),
            3 => (Some((msn + 1, 0)), format!("?_HLS_msn={}&_HLS_part=0{skip}", msn + 1)),
            4 => (None, String::new()),
            5 => {
                view = dice.index(4);
                known = None;
                continue;
            }
            6 | 7 => {
                if let Some(hint) = hint.take() {
                    let (status, body) = scene.ask(view, &hint).await;
                    let fine = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE];
                    assert!(fine.contains(&status), "{hint}: {status}");
                    assert!(status != StatusCode::OK || !body.is_empty());
                }
                continue;
            }
            _ => (Some((msn, parts)), format!("?_HLS_msn={msn}&_HLS_part={parts}{skip}")),
        };
        let (status, seen, text) = scene.playlist(view, &query).await;
        match (status, seen) {
            (StatusCode::OK, Some(seen)) => {
                if let Some(known) = known {
                    seen.assert_follows(known);
                }
                if let Some((wanted_msn, wanted_part)) = wanted.filter(|_| known.is_some()) {
                    let whole = !query.contains("_HLS_part");
                    let there =
                        if whole { seen.edge.0 > wanted_msn } else { seen.edge > (wanted_msn, wanted_part) };
                    // Where the mode has no parts, the segment is what is waited for.
                    let without_parts = !text.contains("#EXT-X-PART-INF") && seen.edge.0 >= wanted_msn;
                    assert!(there || seen.ended || without_parts, "{query} is answered with {seen:?}");
                }
                let line =
                    text.lines().find_map(|line| line.strip_prefix("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\""));
                hint = line.map(|line| line.trim_end_matches('"').to_owned());
                known = Some(seen);
            }
            (StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_REQUEST, None) => known = None,
            (StatusCode::NOT_FOUND, None) => assert!(known.is_none(), "what was there is gone: {text}"),
            (status, _) => panic!("{query}: {status}"),
        }
        if known.is_some_and(|seen| seen.ended) || dice.once_in(4) {
            sigma_clock::sleep(Duration::from_millis(dice.within(1..2_500))).await;
        } else {
            sigma_clock::sleep(Duration::from_millis(dice.within(0..60))).await;
        }
    }
}

type Feed = (SessionHandle, std::sync::Arc<OnAirFeed>);

/// One encoder after the other, until it is enough; then the session ends.
async fn broadcaster(mut studio: Studio, scene: Rc<Scene>, mut dice: Dice) -> Studio {
    let mut old: Option<(Feed, u32)> = None;
    for number in 1..=2 + dice.within(0..3) as u32 {
        let feed = studio.feed(number).await;
        play(&mut studio, &feed, number, old.as_ref(), &mut dice).await;
        if dice.once_in(2) {
            studio.node.go_live("se_1");
        }
        old = None;
        match dice.within(0..4) {
            0 => {
                studio.node.park().await;
                drop(feed);
                sigma_clock::sleep(Duration::from_millis(dice.within(0..4_000))).await;
                studio.restart();
                *scene.origin.borrow_mut() = studio.node.origin();
            }
            // Another one takes over while this one still sends.
            1 => old = Some((feed, number)),
            2 => feed.0.feed_ended(number, FeedEnd::Left).await.unwrap(),
            _ => feed.0.feed_ended(number, FeedEnd::Broken("reset".into())).await.unwrap(),
        }
        sigma_clock::sleep(Duration::from_millis(dice.within(0..6_000))).await;
    }
    studio.node.end("se_1", "enough").await;
    sigma_clock::sleep(Duration::from_millis(dice.within(0..3_000))).await;
    scene.over.set(true);
    studio
}

async fn play(studio: &mut Studio, feed: &Feed, number: u32, old: Option<&(Feed, u32)>, dice: &mut Dice) {
    let gop = dice.one_of([25, 50, 120]);
    let (frames, sound) = (dice.within(5..300), !dice.once_in(5));
    for frame in 0..frames {
        let time = studio.media_ms * 90;
        let key = frame % gop == 0;
        let picture =
            |key| Bytes::from_static(if key { &[0, 0, 0, 2, 0x65, 1] } else { &[0, 0, 0, 2, 0x41, 1] });
        let unit = |key, data| AccessUnit { dts: time, pts: time, key, data };
        if let Some(((handle, _), number)) = old {
            let _ = handle.media(*number, Media::Video(unit(true, picture(true)))).await;
        }
        feed.1.delivered();
        feed.0.media(number, Media::Video(unit(key, picture(key)))).await.unwrap();
        if sound {
            feed.0.media(number, Media::Audio(unit(true, Bytes::from_static(&[1, 2, 3])))).await.unwrap();
        }
        studio.media_ms += FRAME_MS;
        match dice.within(0..100) {
            // A line that stalls, and what stalled at once.
            0 => sigma_clock::sleep(Duration::from_millis(dice.within(100..9_000))).await,
            1..20 => {}
            _ => sigma_clock::sleep(Duration::from_millis(FRAME_MS as u64)).await,
        }
    }
}

fn simulate(seed: u64) -> (usize, usize) {
    let mut dice = Dice::new(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mode =
        dice.one_of([LatencyMode::UltraLow, LatencyMode::UltraLow, LatencyMode::Low, LatencyMode::Normal]);
    LocalSet::new().block_on(&runtime, async {
        let studio = Studio::of(mode);
        let scene = Scene::new(&studio);
        let viewers: Vec<_> = (0..1 + dice.index(5))
            .map(|_| tokio::task::spawn_local(viewer(Rc::clone(&scene), dice.apart())))
            .collect();
        let studio = broadcaster(studio, Rc::clone(&scene), dice).await;
        for viewer in viewers {
            viewer.await.unwrap();
        }
        let figures = studio.node.figures();
        let open = figures.iter().find(|family| family.name == "sigma_origin_waits_open").unwrap();
        assert_eq!(open.samples[0].value, "0", "a request waits for ever");
        (scene.asked.get(), scene.waited.get())
    })
}

#[test]
fn whatever_befalls_a_session_its_viewers_are_answered_and_never_see_it_going_back() {
    let (mut asked, mut waited) = (0, 0);
    Seeds::new(env!("CARGO_MANIFEST_DIR"), "session", SEEDS).each(|seed| {
        let counted = simulate(seed);
        asked += counted.0;
        waited += counted.1;
    });
    assert!(asked > 0 && waited * 10 > asked, "of {asked} requests {waited} waited");
}
