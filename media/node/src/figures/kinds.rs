//! The closed sets of the labels' values.

use sigma_hls::Resource;

use crate::control::Denied;
use crate::origin::recordings;
use crate::paths::MEDIA_ROOT;

/// Why a publisher was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownKey,
    ChannelStopped,
    OnAir,
    Full,
    NoMemory,
    Guessing,
    Restless,
    Unavailable,
}

impl Refusal {
    pub(crate) const ALL: [Self; 8] = [
        Self::UnknownKey,
        Self::ChannelStopped,
        Self::OnAir,
        Self::Full,
        Self::NoMemory,
        Self::Guessing,
        Self::Restless,
        Self::Unavailable,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::ChannelStopped => "channel_stopped",
            Self::OnAir => "on_air",
            Self::Full => "full",
            Self::NoMemory => "no_memory",
            Self::Guessing => "guessing",
            Self::Restless => "restless",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::UnknownKey => Self::UnknownKey,
            Denied::ChannelStopped => Self::ChannelStopped,
            Denied::OnAir => Self::OnAir,
            Denied::Full => Self::Full,
            Denied::NoMemory => Self::NoMemory,
            Denied::Guessing => Self::Guessing,
            Denied::Restless => Self::Restless,
            Denied::Unavailable => Self::Unavailable,
        }
    }
}

/// How a feed ended, or fell silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedEnding {
    Left,
    Broken,
    Cut,
    Silent,
}

impl FeedEnding {
    pub(crate) const ALL: [Self; 4] = [Self::Left, Self::Broken, Self::Cut, Self::Silent];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Broken => "broken",
            Self::Cut => "cut",
            Self::Silent => "silent",
        }
    }
}

/// What is asked of the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Live,
    Preview,
    Playlist,
    Rewind,
    Recording,
    Download,
    Picture,
    Init,
    Segment,
    Part,
    Other,
}

impl RequestKind {
    pub(crate) const ALL: [Self; 11] = [
        Self::Live,
        Self::Preview,
        Self::Playlist,
        Self::Rewind,
        Self::Recording,
        Self::Download,
        Self::Picture,
        Self::Init,
        Self::Segment,
        Self::Part,
        Self::Other,
    ];

    /// By the path of a request.
    pub(crate) fn of(path: &str) -> Self {
        let mut components = path.trim_start_matches('/').split('/');
        match (components.next(), components.next(), components.next(), components.next()) {
            (Some("live"), Some(_), Some("index.m3u8" | "dvr.m3u8"), None) => Self::Live,
            (Some("preview"), Some(_), Some("index.m3u8"), None) => Self::Preview,
            (Some("live" | "vod"), Some(_), Some("storyboard.vtt"), None) => Self::Picture,
            (Some("live" | "vod" | MEDIA_ROOT), Some(_), Some(name), None)
                if name.ends_with(".jpg") || name.ends_with(".webp") =>
            {
                Self::Picture
            }
            (Some("vod"), Some(_), Some("index.m3u8"), None) => Self::Recording,
            (Some("vod"), Some(_), Some(name), None) if name.ends_with(".mp4") => Self::Download,
            (Some(root), Some(_), Some(recordings::PLAYLIST), None) if root == MEDIA_ROOT => Self::Recording,
            (Some(root), Some(_), Some(name), None) if root == MEDIA_ROOT => match Resource::parse(name) {
                Some(Resource::Playlist) => Self::Playlist,
                Some(Resource::Rewind) => Self::Rewind,
                Some(Resource::Init(_)) => Self::Init,
                Some(Resource::Segment(_)) => Self::Segment,
                Some(Resource::Part { .. }) => Self::Part,
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Preview => "preview",
            Self::Playlist => "playlist",
            Self::Rewind => "rewind",
            Self::Recording => "recording",
            Self::Download => "download",
            Self::Picture => "picture",
            Self::Init => "init",
            Self::Segment => "segment",
            Self::Part => "part",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_their_paths() {
        let of = |name: String| RequestKind::of(&format!("/{MEDIA_ROOT}/se_1~token/{name}"));
        assert_eq!(of(Resource::Playlist.to_string()), RequestKind::Playlist);
        assert_eq!(of(Resource::Rewind.to_string()), RequestKind::Rewind);
        assert_eq!(of("vod.m3u8".into()), RequestKind::Recording);
        assert_eq!(of(Resource::Init(0).to_string()), RequestKind::Init);
        assert_eq!(of(Resource::Segment(7).to_string()), RequestKind::Segment);
        assert_eq!(of(Resource::Part { msn: 7, part: 1 }.to_string()), RequestKind::Part);
        assert_eq!(of("else".into()), RequestKind::Other);
        assert_eq!(RequestKind::of("/live/abc/index.m3u8"), RequestKind::Live);
        assert_eq!(RequestKind::of("/preview/se_1/index.m3u8"), RequestKind::Preview);
        assert_eq!(RequestKind::of("/vod/as_1/index.m3u8"), RequestKind::Recording);
        assert_eq!(RequestKind::of("/vod/as_1/source-2.mp4"), RequestKind::Download);
        assert_eq!(RequestKind::of("/live/abc/index.m3u8/more"), RequestKind::Other);
        assert_eq!(RequestKind::of(""), RequestKind::Other);
    }
}
