//! The names in a session's folder, as playlists write and players ask for them.

use std::fmt;

use sigma_log::EntryRef;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `live.m3u8`, the media playlist.
    Playlist,
    /// `dvr.m3u8`, the media playlist with the whole rewind window.
    Rewind,
    /// `i0.mp4`
    Init(u32),
    /// `12.m4s`
    Segment(u64),
    /// `12.3.m4s`
    Part {
        /// Its segment.
        msn: u64,
        /// Its index there.
        part: u32,
    },
}

impl Resource {
    /// What `name` stands for. Each thing has exactly one name: no leading zeros, no signs.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "live.m3u8" => return Some(Self::Playlist),
            "dvr.m3u8" => return Some(Self::Rewind),
            _ => {}
        }
        if let Some(init) = name.strip_prefix('i').and_then(|rest| rest.strip_suffix(".mp4")) {
            return Some(Self::Init(u32::try_from(decimal(init)?).ok()?));
        }
        let stem = name.strip_suffix(".m4s")?;
        match stem.split_once('.') {
            None => Some(Self::Segment(decimal(stem)?)),
            Some((msn, part)) => {
                Some(Self::Part { msn: decimal(msn)?, part: u32::try_from(decimal(part)?).ok()? })
            }
        }
    }

    /// The media type of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Playlist | Self::Rewind => "application/vnd.apple.mpegurl",
            Self::Init(_) | Self::Segment(_) | Self::Part { .. } => "video/mp4",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Playlist => write!(out, "live.m3u8"),
            Self::Rewind => write!(out, "dvr.m3u8"),
            Self::Init(init) => write!(out, "i{init}.mp4"),
            Self::Segment(msn) => write!(out, "{msn}.m4s"),
            Self::Part { msn, part } => write!(out, "{msn}.{part}.m4s"),
        }
    }
}

/// Where a resource is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// There, in this range of the log.
    Ready(EntryRef),
    /// The part that is hinted: wait for the next change and look again, sending no byte before (rule 35).
    Hinted,
    /// Older than what the timeline remembers: the log may still have the file.
    Older,
    /// Never was, is a gap, may not be seen, or was a hint that was given up: 404 (rule 36).
    Missing,
}

/// A canonical decimal number.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text.len() == 1 || !text.starts_with('0');
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
