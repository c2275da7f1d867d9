//! Pictures that are coded anew: the part of a group of pictures that a cut keeps.

use std::ops::Range;

use bytes::Bytes;
use sigma_elementary::{VideoCodec, VideoConfig};

use crate::pictures::{EACH, limit};
use crate::protocol::{MAX_REQUEST, Order, decode_recoded};
use crate::{MAX_UNIT, PictureError, Pictures};

/// The most pictures that are decoded for a cut at once: a group of half a minute at 30 pictures a second.
pub const MAX_GOP: usize = 900;

/// One coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// When it is shown, in ticks of [`sigma_elementary::CLOCK`].
    pub pts: i64,
    /// The access unit as fMP4 holds it: length-prefixed NAL units.
    pub data: Bytes,
}

/// A group of pictures, of which a part is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gop {
    /// How it is coded: H.264.
    pub config: VideoConfig,
    /// The pictures in decoding order, from one on at which decoding can start. Each has a time of its own.
    pub pictures: Vec<Picture>,
    /// Those that are shown within are wanted, in ticks.
    pub keep: Range<i64>,
}

/// What became of it: H.264 that begins with a key frame and needs nothing before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoded {
    /// How it is coded.
    pub config: VideoConfig,
    /// The pictures in the order in which they are shown, which is the one in which they are decoded. Their times are those
    /// of the pictures that were wanted.
    pub pictures: Vec<Picture>,
}

impl Gop {
    /// When the pictures that are wanted are shown, in order.
    pub fn wanted(&self) -> Vec<i64> {
        let times = self.pictures.iter().map(|picture| picture.pts);
        let mut wanted: Vec<i64> = times.filter(|pts| self.keep.contains(pts)).collect();
        wanted.sort_unstable();
        wanted
    }

    pub(crate) fn bytes(&self) -> usize {
        self.pictures.iter().map(|picture| picture.data.len()).sum()
    }

    pub(crate) fn within_limits(&self) -> Result<(), PictureError> {
        limit("the number of pictures", self.pictures.len(), MAX_GOP)?;
        let largest = self.pictures.iter().map(|picture| picture.data.len()).max().unwrap_or(0);
        limit("the largest picture", largest, MAX_UNIT)?;
        limit("the size of all pictures", self.bytes() + self.pictures.len() * 16, MAX_REQUEST - 128 * 1024)?;
        if self.config.codec != VideoCodec::H264 {
            return Err(PictureError::Broken("only H.264 is coded anew".into()));
        }
        if self.wanted().is_empty() {
            return Err(PictureError::Broken("none of its pictures is wanted".into()));
        }
        Ok(())
    }
}

impl Pictures {
    /// Codes the wanted part of a group of pictures anew.
    ///
    /// # Errors
    /// It cannot be; why. [`PictureError::Broken`] also where the worker gives back other pictures than were wanted.
    pub async fn recode(&self, channel: &str, gop: Gop) -> Result<Recoded, PictureError> {
        let wanted = gop.wanted();
        // Its pictures may rest while its owner cuts, and the other way round.
        let answer = self.ask(&format!("{channel}/cuts"), EACH, Order::Recode(gop)).await?;
        let recoded = decode_recoded(&answer).map_err(|error| PictureError::Broken(error.to_string()))?;
        if !recoded.pictures.iter().map(|picture| picture.pts).eq(wanted) {
            return Err(PictureError::Broken("other pictures came back than were wanted".into()));
        }
        Ok(recoded)
    }
}
