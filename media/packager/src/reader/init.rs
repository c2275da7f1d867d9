//! Init sections: which track is the video, and how it is coded.

use bytes::Bytes;
use sigma_elementary::{VideoCodec, VideoConfig};

use super::boxes::{Boxes, Fields};
use super::{Defaults, ReadError, Track, VideoTrack};

/// §8.5.2 and §12.1.3: what stands in a visual sample entry before its boxes.
const VISUAL_SAMPLE_ENTRY: usize = 78;

pub(super) fn video_track(init: &[u8]) -> Result<Option<VideoTrack>, ReadError> {
    let moov = Boxes::path(init, &[b"moov"])?;
    let mut boxes = Boxes::new(moov);
    while let Some(found) = boxes.next()? {
        if found.name == *b"trak" && handler(found.body)? == *b"vide" {
            return video(moov, found.body).map(Some);
        }
    }
    Ok(None)
}

/// §8.4.3.
fn handler(trak: &[u8]) -> Result<[u8; 4], ReadError> {
    let mut fields = Fields(Boxes::path(trak, &[b"mdia", b"hdlr"])?);
    fields.skip(8)?;
    fields.number()
}

/// All tracks, in their order.
pub(super) fn tracks(init: &[u8]) -> Result<Vec<Track>, ReadError> {
    let moov = Boxes::path(init, &[b"moov"])?;
    let (mut boxes, mut tracks) = (Boxes::new(moov), Vec::new());
    while let Some(found) = boxes.next()? {
        if found.name == *b"trak" {
            tracks.push(track(moov, found.body)?);
        }
    }
    Ok(tracks)
}

fn track(moov: &[u8], trak: &[u8]) -> Result<Track, ReadError> {
    // §8.3.2 and §8.4.2: two times come first, of 32 or of 64 bits.
    let after_times = |body| -> Result<u32, ReadError> {
        let mut fields = Fields(body);
        let (version, _) = fields.version_and_flags()?;
        fields.skip(if version == 1 { 16 } else { 8 })?;
        fields.u32()
    };
    let id = after_times(Boxes::path(trak, &[b"tkhd"])?)?;
    let timescale = after_times(Boxes::path(trak, &[b"mdia", b"mdhd"])?)?;
    if timescale == 0 {
        return Err(ReadError::Invalid("the timescale is nought"));
    }
    Ok(Track { id, timescale, is_video: handler(trak)? == *b"vide", defaults: defaults(moov, id)? })
}

fn video(moov: &[u8], trak: &[u8]) -> Result<VideoTrack, ReadError> {
    let track = track(moov, trak)?;
    let config = config(Boxes::path(trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?)?;
    Ok(VideoTrack { timescale: track.timescale, config, track })
}

/// §8.5.2: of the first sample entry; the packager writes one.
fn config(stsd: &[u8]) -> Result<VideoConfig, ReadError> {
    let entries = stsd.get(8..).ok_or(ReadError::Truncated)?;
    let entry = Boxes::new(entries).next()?.ok_or(ReadError::Invalid("there is no sample entry"))?;
    let (codec, name) = match &entry.name {
        b"avc1" | b"avc3" => (VideoCodec::H264, b"avcC"),
        b"hvc1" | b"hev1" => (VideoCodec::Hevc, b"hvcC"),
        b"av01" => (VideoCodec::Av1, b"av1C"),
        _ => return Err(ReadError::Unsupported("the video's codec")),
    };
    let boxes = entry.body.get(VISUAL_SAMPLE_ENTRY..).ok_or(ReadError::Truncated)?;
    let record = Boxes::path(boxes, &[name])?;
    Ok(VideoConfig::parse(codec, Bytes::copy_from_slice(record))?)
}

/// §8.8.3.
fn defaults(moov: &[u8], id: u32) -> Result<Defaults, ReadError> {
    let mut boxes = Boxes::new(Boxes::path(moov, &[b"mvex"])?);
    while let Some(found) = boxes.next()? {
        if found.name == *b"trex" {
            let mut fields = Fields(found.body);
            fields.skip(4)?;
            let (track, _description) = (fields.u32()?, fields.u32()?);
            if track == id {
                return Ok(Defaults { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? });
            }
        }
    }
    Err(ReadError::Invalid("a track has no fragments"))
}
