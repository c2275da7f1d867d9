//! What is asked for, made.

use gstreamer_video::VideoFrame;
use gstreamer_video::prelude::*;
use gstreamer_video::video_frame::Writable;
use image::{RgbImage, imageops};
use sigma_gst::protocol::Order;
use sigma_gst::{KeyFrame, Tile, Width};

use crate::decode::decode;
use crate::recode::recode;
use crate::refusal::Refusal;
use crate::scale::{Picture, Pixels};
use crate::{encode, webp};

/// A file, and how many of its frames could not be decoded.
pub(crate) struct Made {
    pub(crate) picture: Vec<u8>,
    pub(crate) broken: u32,
}

pub(crate) fn make(order: &Order) -> Result<Made, Refusal> {
    match order {
        Order::Thumbnail { frame, width } => thumbnail(frame, *width),
        Order::Sheet { frames, tile } => sheet(frames, *tile),
        Order::Preview { frames, width, length_ms } => preview(frames, *width, *length_ms),
        Order::Recode(gop) => Ok(Made { picture: recode(gop)?, broken: 0 }),
    }
}

fn thumbnail(frame: &KeyFrame, width: Width) -> Result<Made, Refusal> {
    let picture = open(frame)?;
    let size = picture.fit(width.pixels(), u32::MAX);
    let picture = encode::jpeg(picture.convert(size, Pixels::Jpeg)?)?;
    Ok(Made { picture, broken: 0 })
}

fn sheet(frames: &[KeyFrame], tile: Tile) -> Result<Made, Refusal> {
    let (width, height) = tile.sheet(u32::try_from(frames.len()).unwrap_or(u32::MAX));
    let mut sheet = RgbImage::new(width, height);
    let mut last: Option<RgbImage> = None;
    let (mut broken, mut why) = (0, None);
    for (number, frame) in (0..).zip(frames) {
        match tiled(frame, tile) {
            Ok(picture) => last = Some(picture),
            Err(refusal) => {
                broken += 1;
                why = Some(refusal);
            }
        }
        if let Some(picture) = &last {
            let (x, y) = tile.place(number);
            let x = x + (tile.width() - picture.width().min(tile.width())) / 2;
            let y = y + (tile.height() - picture.height().min(tile.height())) / 2;
            imageops::replace(&mut sheet, picture, x.into(), y.into());
        }
    }
    if let (None, Some(why)) = (&last, why) {
        return Err(why);
    }
    Ok(Made { picture: encode::sheet(&sheet)?, broken })
}

/// A frame as large as it can be in its tile.
fn tiled(frame: &KeyFrame, tile: Tile) -> Result<RgbImage, Refusal> {
    let picture = open(frame)?;
    let (width, height) = picture.fit(tile.width(), tile.height());
    let frame = picture.convert((width, height), Pixels::Rgb)?;
    let lost = || Refusal::Undecodable("it has no pixels".into());
    let row = width as usize * 3;
    let stride = usize::try_from(frame.plane_stride()[0]).map_err(|_| lost())?;
    let rows = frame.plane_data(0).map_err(|_| lost())?.chunks(stride.max(1));
    let pixels: Vec<u8> = rows.filter_map(|line| line.get(..row)).flatten().copied().collect();
    RgbImage::from_raw(width, height, pixels).ok_or_else(lost)
}

fn preview(frames: &[KeyFrame], width: Width, length_ms: u32) -> Result<Made, Refusal> {
    let mut size = None;
    let mut shown: Vec<VideoFrame<Writable>> = Vec::new();
    let (mut broken, mut why) = (0, None);
    for frame in frames {
        let converted = open(frame).and_then(|picture| {
            // The first one's size is the canvas; where the format changes, later ones are drawn to it.
            let size = *size.get_or_insert_with(|| picture.fit(width.pixels(), u32::MAX));
            picture.convert(size, Pixels::WebP)
        });
        match converted {
            Ok(frame) => shown.push(frame),
            Err(refusal) => {
                broken += 1;
                why = Some(refusal);
            }
        }
    }
    let Some(size) = size.filter(|_| !shown.is_empty()) else {
        return Err(why.unwrap_or_else(|| Refusal::Undecodable("there is no frame".into())));
    };
    let files = encode::webp(shown)?;
    let each = length_ms / u32::try_from(files.len()).unwrap_or(u32::MAX).max(1);
    let picture = webp::animation(size, each, &files);
    let picture =
        picture.ok_or_else(|| Refusal::Unencodable("WebP's encoder wrote something else".into()))?;
    Ok(Made { picture, broken })
}

fn open(frame: &KeyFrame) -> Result<Picture, Refusal> {
    Picture::new(decode(frame)?)
}
