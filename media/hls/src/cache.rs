//! Cache-Control of what the origin answers (rule 42; Apple's authoring specification, HAS 12).

/// A playlist that was asked for with `_HLS_msn`, once it is there. Shared caches keep it for six target durations; a
/// browser keeps nothing: video.js asks the same address again and means "what is new since", and from Chromium's own
/// cache it gets what it has, for as long as that is fresh (it stood still for 10 of 12 s).
pub fn blocking_playlist(target_duration: u32) -> String {
    shared_max_age(u64::from(target_duration) * 6)
}

/// The error that answers such a request.
pub fn blocking_playlist_error(target_duration: u32) -> String {
    shared_max_age(u64::from(target_duration) * 4)
}

/// A playlist asked for without `_HLS_msn`, or a multivariant playlist: half a target duration.
pub fn plain_playlist(target_duration: u32) -> String {
    max_age(u64::from(target_duration) / 2)
}

/// The error that answers such a request.
pub fn plain_playlist_error(target_duration: u32) -> String {
    max_age(u64::from(target_duration))
}

/// Segments, parts and init sections: their names are never used again.
pub const fn media() -> &'static str {
    "public, max-age=31536000, immutable"
}

/// A segment, part or init section that is not there.
pub fn missing_media(target_duration: u32) -> String {
    max_age(u64::from(target_duration))
}

fn shared_max_age(seconds: u64) -> String {
    format!("public, max-age=0, s-maxage={seconds}")
}

fn max_age(seconds: u64) -> String {
    format!("public, max-age={seconds}")
}
