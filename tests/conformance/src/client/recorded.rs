//! Looking through a recording: its playlist thrice, its media once, and some of its key frames; some of those of a broadcast, too.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Url;
use tokio::task::JoinSet;

use super::Run;
use super::fetch::Request;
use super::follow::playlist;
use super::media::{Desk, WITHIN};
use crate::mp4::{self, Init};
use crate::observation::{Body, Directives, Purpose, range_of};
use crate::playlist::{ByteRange, Segment};

/// How many key frames are looked at, spread over all.
const KEY_FRAMES: usize = 12;

pub(crate) async fn look_through(run: Arc<Run>, index: usize, url: Url) {
    let looking = async {
        let desk = Arc::new(Desk::new(Arc::clone(&run), index, url.clone()));
        let none = Directives::default();
        let ask = |purpose, gzip| playlist(&run, index, &url, purpose, none, gzip, desk.target());
        let (exchange, first) = ask(Purpose::Follow(none), false).await;
        run.note(exchange);
        let Some(first) = first else { return };
        let mut tasks = JoinSet::new();
        desk.look_through(&mut tasks, &first);
        while tasks.join_next().await.is_some() {}
        for (purpose, gzip) in [(Purpose::Plain, true), (Purpose::Follow(none), false)] {
            let (exchange, _) = ask(purpose, gzip).await;
            run.note(exchange);
        }
    };
    tokio::select! {
        () = looking => {}
        () = sigma_clock::sleep_until(run.deadline) => {}
    }
    run.ended.store(true, Ordering::Relaxed);
    run.over.fetch_add(1, Ordering::Relaxed);
}

/// Reads the I-frame playlist, and some of what it lists.
pub(crate) async fn look_at_key_frames(run: Arc<Run>, url: Url) {
    let looking = async {
        let (mut exchange, read) =
            playlist(&run, 0, &url, Purpose::KeyFrames, Directives::default(), false, 0).await;
        // It is none of the lines.
        exchange.rendition = None;
        run.note(exchange);
        let Some(read) = read else { return };
        let listed: Vec<&Segment> = read.segments.iter().filter(|segment| !segment.gap).collect();
        let step = listed.len().div_ceil(KEY_FRAMES).max(1);
        let mut inits: HashMap<&str, Option<Init>> = HashMap::new();
        for segment in listed.into_iter().step_by(step) {
            let Some(map) = &segment.map else { continue };
            if !inits.contains_key(&*map.uri) {
                let body = fetch(&run, &url, &map.uri, Purpose::Init, map.byte_range, None).await;
                inits.insert(&map.uri, body.and_then(|body| mp4::read_init(&body).ok()));
            }
            let init = inits.get(&*map.uri).and_then(Option::as_ref);
            fetch(&run, &url, &segment.uri, Purpose::KeyFrame(segment.msn), segment.byte_range, init).await;
        }
    };
    tokio::select! {
        () = looking => {}
        () = sigma_clock::sleep_until(run.deadline) => {}
    }
}

/// Fetches, and notes what came; a key frame as it is by `init`.
async fn fetch(
    run: &Run,
    base: &Url,
    uri: &str,
    purpose: Purpose,
    range: Option<ByteRange>,
    init: Option<&Init>,
) -> Option<Vec<u8>> {
    let url = base.join(uri).ok()?;
    let request =
        Request { url, rendition: None, purpose, range: range_of(range), gzip: false, within: WITHIN };
    let mut fetched = run.fetch(request).await;
    let is_good = fetched.exchange.is_good();
    if is_good
        && let Ok(answer) = &mut fetched.exchange.outcome
        && let Some(init) = init
    {
        answer.body = Body::KeyFrame(mp4::read_key_frame(&fetched.body, init));
    }
    run.media.fetch_add(1, Ordering::Relaxed);
    run.note(fetched.exchange);
    is_good.then_some(fetched.body)
}
