//! Key frames as I-frame playlists name them: of what is on air, and of recordings.

use std::fmt;

use http::HeaderMap;
use sigma_hls::{KeyFrame, KeyFrameName, Place, Resource, View, cache};
use sigma_log::{EntryRef, MediaFile};
use sigma_packager::{key_frame, key_frame_init};
use tracing::warn;

use super::respond::{self, Answer, Problem};
use super::{gone, unavailable, unknown};
use crate::session::LiveSession;

/// What is asked for.
pub(super) enum Wanted {
    /// The session's init section with this number.
    Init(u32),
    /// The key frame with which the segment of this number begins.
    Picture(u64, KeyFrame),
}

/// A key frame of what can be rewound to, or its init section. How long it stands there never changes.
pub(super) async fn of_rewind(
    live: &LiveSession,
    view: View,
    name: KeyFrameName,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let target = live.read(|timeline| timeline.target_duration().unwrap_or(1));
    let resource = match name {
        KeyFrameName::Init(number) => Resource::Init(number),
        KeyFrameName::Picture(msn) => Resource::Segment(msn),
    };
    // Who may not see the segment does not see its picture.
    if live.read(|timeline| timeline.locate(view, resource)) == Place::Missing {
        return Err(gone(target));
    }
    let wanted = match name {
        KeyFrameName::Init(number) => Some(Wanted::Init(number)),
        KeyFrameName::Picture(msn) => {
            let frame = live.read_recording(|recording| KeyFrame::of_segment(recording, msn));
            frame.map(|frame| Wanted::Picture(msn, frame))
        }
    };
    answer(live, wanted.ok_or_else(|| gone(target))?, cache::media(), headers).await
}

/// The fragment of one picture, or its init section, without sound. `cache`: how long a picture may be kept.
pub(super) async fn answer(
    live: &LiveSession,
    wanted: Wanted,
    cache: &str,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let session = &live.facts.session;
    let unreadable = |error: &dyn fmt::Display| {
        warn!(session.id = %session, %error, "a key frame cannot be read");
        unavailable()
    };
    let (Wanted::Init(number) | Wanted::Picture(_, KeyFrame { init: number, .. })) = wanted;
    let range = live.range_of(Resource::Init(number)).ok_or_else(unknown)?;
    let init = live.store().read(range).await.map_err(|error| unreadable(&error))?;
    let (run, tag, cache) = match wanted {
        Wanted::Init(number) => {
            let init = key_frame_init(&init).map_err(|error| unreadable(&error))?;
            (vec![init.into()], KeyFrameName::Init(number).to_string(), cache::media())
        }
        Wanted::Picture(msn, frame) => {
            let head = EntryRef { file: MediaFile::Segment(msn), offset: 0, len: frame.end.into() };
            let head = live.store().read(head).await.map_err(|error| unreadable(&error))?;
            let made = key_frame(&init, &head, frame.stands);
            // How long it stands may be otherwise once a recording is trimmed.
            let tag = format!("{}-{}", KeyFrameName::Picture(msn), frame.stands);
            (made.map_err(|error| unreadable(&error))?, tag, cache)
        }
    };
    Ok(respond::media(headers, vec![run.into()], &format!("{session}-{tag}"), cache))
}
