//! An edge out of the segments that it lies in.

use std::ops::Range;

use bytes::Bytes;
use sigma_elementary::{CLOCK, RandomAccess, VideoCodec, VideoConfig};
use sigma_gst::{Gop, Picture, Pictures};
use sigma_hls::Resource;
use sigma_hls::recording::{Block, ROUNDED, Stretch};
use sigma_packager::edge::{self, Choice, Frame, Part, Sound, Still};
use sigma_packager::reader::{ReadError as Damaged, Sample, Track, VideoTrack};

use super::NoEdge;
use crate::session::LiveSession;

/// RFC 6381 of what is cut to the picture.
const VIDEO: &str = "avc";
const AUDIO: &str = "mp4a.40.";

/// What is read of a block.
pub(super) struct Read {
    block: Block,
    init: Bytes,
    codecs: String,
    config: VideoConfig,
    /// In decoding order.
    stills: Vec<Still>,
    sounds: Vec<Sound>,
    /// How many of them stand in the block itself.
    of_block: usize,
    /// Ticks a second of their times.
    sound_scale: u64,
    /// Where the segments end that were read, in ticks of the session's media time.
    pub(super) reaches: u64,
}

/// An edge that is made.
pub(super) struct Made {
    /// What it shows of the session's media time, in ticks.
    pub(super) shown: Stretch,
    pub(super) media: Vec<Bytes>,
    pub(super) init: Init,
}

/// What decodes it.
pub(super) enum Init {
    /// The session's own.
    Session(u32),
    /// Its own.
    Own { bytes: Bytes, codecs: String },
}

impl From<Damaged> for NoEdge {
    fn from(error: Damaged) -> Self {
        Self::Unsupported(format!("its media is damaged: {error}"))
    }
}

/// Reads a block: its pictures, and the sound beside them, of which some stands in the segment behind it where its end is cut
/// off.
pub(super) async fn read(live: &LiveSession, block: &Block, keep: &Stretch) -> Result<Read, NoEdge> {
    let missing = || NoEdge::Unavailable("a piece of its media is not there".to_owned());
    let codecs = live.read_recording(|recording| recording.init(block.init).map(|init| init.codecs.clone()));
    let codecs = codecs.ok_or_else(missing)?;
    supported(&codecs)?;
    let init = live.store().read(live.range_of(Resource::Init(block.init)).ok_or_else(missing)?).await?;
    let video = VideoTrack::read(&init)?.filter(|video| video.config.codec == VideoCodec::H264);
    let video = video.ok_or_else(|| NoEdge::Unsupported("it has no pictures in H.264".to_owned()))?;
    if video.config.interlaced {
        return Err(NoEdge::Unsupported(
            "its pictures may be of two fields, which are not coded anew".to_owned(),
        ));
    }
    let sound = Track::read_all(&init)?.into_iter().find(|track| !track.is_video);
    let (mut stills, mut sounds, mut of_block, mut reaches) = (Vec::new(), Vec::new(), 0, block.to);
    for msn in (block.first..=block.last).chain(block.after.filter(|_| sound.is_some() && keep.to < block.to))
    {
        let range = live.range_of(Resource::Segment(msn)).ok_or_else(missing)?;
        let segment = live.store().read_whole(range.file, range.len, live.sum_of(msn)).await?;
        if msn <= block.last {
            for sample in video.samples(&segment)? {
                stills.push(still(&segment, sample)?);
            }
        } else {
            reaches =
                live.read_recording(|recording| recording.piece(msn).map_or(reaches, |piece| piece.end()));
        }
        for sample in
            sound.iter().map(|track| track.samples(&segment)).collect::<Result<Vec<_>, _>>()?.concat()
        {
            let Sample { decode_time, duration, bytes, .. } = sample;
            sounds.push(Sound { decode_time, duration, data: segment.slice(bytes) });
        }
        if msn <= block.last {
            of_block = sounds.len();
        }
    }
    let sound_scale = sound.map_or(u64::from(CLOCK), |track| u64::from(track.timescale));
    let (block, config) = (block.clone(), video.config);
    Ok(Read { block, init, codecs, config, stills, sounds, of_block, sound_scale, reaches })
}

/// Whether media of these codecs is cut to the picture.
fn supported(codecs: &str) -> Result<(), NoEdge> {
    let mut codecs_of = codecs.split(',');
    let is_h264 = codecs_of.next().is_some_and(|video| video.starts_with(VIDEO));
    if is_h264 && codecs_of.all(|audio| audio.starts_with(AUDIO)) {
        return Ok(());
    }
    Err(NoEdge::Unsupported(format!("only H.264 with AAC is cut to the picture, and this is {codecs}")))
}

fn still(segment: &Bytes, sample: Sample) -> Result<Still, NoEdge> {
    let Sample { decode_time, offset, sync, bytes, .. } = sample;
    let offset =
        i32::try_from(offset).map_err(|_| Damaged::Invalid("a picture is shown long after its time"))?;
    Ok(Still { decode_time, offset, key: sync, data: segment.slice(bytes) })
}

/// The edges that show what is kept of a block.
pub(super) async fn make(
    read: &Read,
    keep: &Stretch,
    pictures: Option<&Pictures>,
    channel: &str,
) -> Result<Vec<Made>, NoEdge> {
    let frames: Vec<Frame> =
        read.stills.iter().map(|still| Frame { pts: pts(still), key: still.key }).collect();
    let Some(first) = frames.first().map(|first| first.pts) else { return Ok(Vec::new()) };
    let Block { from, to, init, .. } = read.block;
    let moment = |ticks: u64| first + (ticks - from).cast_signed();
    let begin = if keep.from > from { moment(keep.from) - ROUNDED.cast_signed() } else { i64::MIN };
    let end = if keep.to < to { moment(keep.to) - ROUNDED.cast_signed() } else { i64::MAX };
    let parts = edge::choose(&frames, &(begin..end), moment(to));
    let parts = parts.map_err(|error| NoEdge::Unsupported(error.to_string()))?;
    let mut made = Vec::with_capacity(parts.len());
    for (number, part) in parts.iter().enumerate() {
        // The first part has the sound from its first picture on, or all where nothing is cut off before it; so the last.
        let opens = if number == 0 && keep.from <= from { i64::MIN } else { part.shown.start };
        let closes = if number + 1 == parts.len() && keep.to >= to { i64::MAX } else { part.shown.end };
        let sounds = read.sounds(opens..closes);
        let (stills, init) = match part.choice {
            Choice::Taken => (read.stills[part.frames.clone()].to_vec(), Init::Session(init)),
            Choice::Recoded => read.recoded(part, pictures, channel).await?,
        };
        let length = (part.shown.end - part.shown.start).unsigned_abs();
        let until = stills.first().map_or(0, |first| first.decode_time) + length;
        let sequence = u32::try_from(read.block.first + 1).unwrap_or(u32::MAX);
        let shown = |pts: i64| from + (pts - first).unsigned_abs();
        made.push(Made {
            shown: Stretch { from: shown(part.shown.start), to: shown(part.shown.end) },
            media: edge::segment(sequence, &stills, until, &sounds).map_err(NoEdge::unpackaged)?,
            init,
        });
    }
    Ok(made)
}

impl Read {
    /// The sound that begins within, in ticks of the pictures. Where nothing is cut off behind it, what stands in the next
    /// segment is shown from there.
    fn sounds(&self, within: Range<i64>) -> Vec<Sound> {
        let begins = |sound: &&Sound| {
            let ticks = u128::from(sound.decode_time) * u128::from(CLOCK) / u128::from(self.sound_scale);
            i64::try_from(ticks).unwrap_or(i64::MAX)
        };
        let count = if within.end == i64::MAX { self.of_block } else { self.sounds.len() };
        self.sounds.iter().take(count).filter(|sound| within.contains(&begins(sound))).cloned().collect()
    }

    /// The pictures of a part, coded anew, and what decodes them. They are decoded as long before they are shown as the
    /// block's first picture is, so that decoding goes on in step on both sides of a seam.
    async fn recoded(
        &self,
        part: &Part,
        pictures: Option<&Pictures>,
        channel: &str,
    ) -> Result<(Vec<Still>, Init), NoEdge> {
        let Some(pictures) = pictures else {
            return Err(NoEdge::Unavailable("this server has no media worker".to_owned()));
        };
        let of_group = &self.stills[part.frames.clone()];
        let gop = Gop {
            config: self.config.clone(),
            pictures: of_group
                .iter()
                .map(|still| Picture { pts: pts(still), data: still.data.clone() })
                .collect(),
            keep: part.shown.clone(),
        };
        let recoded = pictures.recode(channel, gop).await?;
        let offset = self.stills.first().map_or(0, |first| first.offset);
        let still = |Picture { pts, data }: Picture| {
            let key = recoded.config.random_access(&data) == RandomAccess::Closed;
            let data = if key { edge::with_parameters(&recoded.config, &data)? } else { data };
            let decode_time = (pts - i64::from(offset)).max(0).unsigned_abs();
            Ok(Still { decode_time, offset, key, data })
        };
        let stills: Result<_, _> = recoded.pictures.into_iter().map(still).collect();
        let stills = stills.map_err(NoEdge::unpackaged::<edge::Error>)?;
        let config = edge::joined_config(&recoded.config, &self.config).map_err(NoEdge::unpackaged)?;
        let init = edge::recoded_init(&self.init, &config).map_err(NoEdge::unpackaged)?.into();
        let others = self.codecs.split(',').skip(1);
        let codecs: Vec<&str> = std::iter::once(config.codec_string()).chain(others).collect();
        Ok((stills, Init::Own { bytes: init, codecs: codecs.join(",") }))
    }
}

fn pts(still: &Still) -> i64 {
    still.decode_time.cast_signed().saturating_add(still.offset.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_with_aac_or_without_sound_is_cut_and_nothing_else() {
        for codecs in ["avc1.64001f,mp4a.40.2", "avc1.42c01f", "avc3.64001f,mp4a.40.5"] {
            assert!(supported(codecs).is_ok(), "{codecs}");
        }
        for codecs in ["hvc1.1.6.L93.B0,mp4a.40.2", "av01.0.04M.08", "avc1.64001f,opus", "mp4a.40.2", ""] {
            let told = supported(codecs);
            assert!(matches!(&told, Err(NoEdge::Unsupported(words)) if words.contains(codecs)), "{codecs}");
        }
    }
}
