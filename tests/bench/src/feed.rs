//! The feed: encoded once by ffmpeg, kept as an FLV file, then sent in a loop to whichever server is measured.

use std::io;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;

/// Sixteen seconds hold whole numbers of pictures (480) and of AAC frames (750), so that the loop has no seam.
pub(crate) const LENGTH_MS: u32 = 16_000;

/// Pictures a second.
pub(crate) const RATE: u32 = 30;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// One FLV tag, which is one RTMP message.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) kind: u8,
    pub(crate) at_ms: u32,
    pub(crate) body: Bytes,
}

impl Tag {
    pub(crate) fn is_video(&self) -> bool {
        self.kind == VIDEO
    }
}

/// What a publisher sends.
#[derive(Debug)]
pub(crate) struct Clip {
    /// Decoder configurations: sent once.
    pub(crate) head: Vec<Tag>,
    /// The loop.
    pub(crate) tags: Vec<Tag>,
}

impl Clip {
    /// 720p30 with AAC and a key frame a second, at `video_kbit` kbit/s of video; encoded if `folder` has none yet.
    pub(crate) fn prepare(folder: &Path, video_kbit: u32) -> io::Result<Self> {
        let file = folder.join(format!("feed-720p30-{video_kbit}.flv"));
        if !file.exists() {
            std::fs::create_dir_all(folder)?;
            encode(&file, video_kbit)?;
        }
        Self::parse(&std::fs::read(&file)?)
    }

    fn parse(file: &[u8]) -> io::Result<Self> {
        const HEADER: usize = 9 + 4;
        let (mut head, mut tags) = (Vec::new(), Vec::new());
        let mut rest = file.get(HEADER..).ok_or_else(cut)?;
        while let Some((tag, after)) = tag(rest)? {
            rest = after;
            if !matches!(tag.kind, AUDIO | VIDEO) || tag.body.len() < 2 {
                continue;
            }
            // FLV 10.1 §E.4.2.2 and §E.4.3: packet type 0 is the decoder's configuration, 2 the end of a sequence.
            match tag.body[1] {
                0 => head.push(tag),
                1 if tag.at_ms < LENGTH_MS => tags.push(tag),
                _ => {}
            }
        }
        let pictures = tags.iter().filter(|tag| tag.is_video()).count();
        if pictures != (LENGTH_MS / 1_000 * RATE) as usize {
            return Err(io::Error::other(format!("the feed has {pictures} pictures")));
        }
        Ok(Self { head, tags })
    }

    /// Bits a second of the whole feed.
    pub(crate) fn bitrate(&self) -> u64 {
        let bytes: usize = self.tags.iter().map(|tag| tag.body.len()).sum();
        bytes as u64 * 8_000 / u64::from(LENGTH_MS)
    }
}

/// FLV 10.1 §E.4.1.
fn tag(rest: &[u8]) -> io::Result<Option<(Tag, &[u8])>> {
    const HEADER: usize = 11;
    let Some(header) = rest.get(..HEADER) else { return Ok(None) };
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    let at_ms = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
    let body = rest.get(HEADER..HEADER + length).ok_or_else(cut)?;
    let after = rest.get(HEADER + length + 4..).unwrap_or_default();
    Ok(Some((Tag { kind: header[0] & 0x1F, at_ms, body: Bytes::copy_from_slice(body) }, after)))
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the feed's file is cut off")
}

fn encode(file: &Path, video_kbit: u32) -> io::Result<()> {
    let rate = format!("{video_kbit}k");
    let unfinished = file.with_extension("part");
    let encoder = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
        .args(["-t", "16.2", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"])
        .args([
            "-tune",
            "zerolatency",
            "-b:v",
            &rate,
            "-minrate",
            &rate,
            "-maxrate",
            &rate,
            "-bufsize",
            &rate,
        ])
        // Filler makes the rate what it says, whatever the picture.
        .args(["-x264-params", "nal-hrd=cbr:force-cfr=1:keyint=30:min-keyint=30:scenecut=0"])
        .args(["-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2", "-f", "flv"])
        .arg(&unfinished)
        .status()?;
    if !encoder.success() {
        return Err(io::Error::other(format!("ffmpeg could not encode the feed: {encoder}")));
    }
    std::fs::rename(unfinished, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_extended_time() {
        let file = [9, 0, 0, 2, 0, 0, 1, 1, 0, 0, 0, 0x17, 1, 0, 0, 0, 13, 8];
        let (tag, rest) = tag(&file).unwrap().unwrap();
        assert_eq!((tag.kind, tag.at_ms, &tag.body[..], rest), (9, 0x0100_0001, &[0x17, 1][..], &[8][..]));
        assert!(super::tag(&file[..12]).is_err());
    }
}
