//! Pixels into files, by GStreamer's encoders.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video::VideoFrame;
use gstreamer_video::prelude::*;
use gstreamer_video::video_frame::Writable;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::refusal::Refusal;

/// JPEG's and WebP's measure of quality, of 100.
const JPEG_QUALITY: u8 = 75;
const WEBP_QUALITY: f32 = 60.0;
/// WebP's effort, of 6: the usual one takes twice the time for a tenth fewer bytes.
const WEBP_SPEED: u32 = 2;
/// How long encoding one picture may take.
const LIMIT: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// One picture as JPEG.
pub(crate) fn jpeg(frame: VideoFrame<Writable>) -> Result<Vec<u8>, Refusal> {
    let encoder = gst::ElementFactory::make("jpegenc").property("quality", i32::from(JPEG_QUALITY));
    let mut files = encode(encoder.build()?, vec![frame])?;
    files.pop().ok_or_else(|| Refusal::Unencodable("no file came".into()))
}

/// Each picture as a WebP file of its own. All are of one size.
pub(crate) fn webp(frames: Vec<VideoFrame<Writable>>) -> Result<Vec<Vec<u8>>, Refusal> {
    let encoder = gst::ElementFactory::make("webpenc");
    let encoder = encoder.property("quality", WEBP_QUALITY).property("speed", WEBP_SPEED);
    encode(encoder.build()?, frames)
}

/// A sheet as JPEG.
pub(crate) fn sheet(sheet: &RgbImage) -> Result<Vec<u8>, Refusal> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY)
        .encode(sheet, sheet.width(), sheet.height(), ExtendedColorType::Rgb8)
        .map_err(|error| Refusal::Unencodable(error.to_string()))?;
    Ok(file)
}

fn encode(encoder: gst::Element, frames: Vec<VideoFrame<Writable>>) -> Result<Vec<Vec<u8>>, Refusal> {
    let Some(info) = frames.first().map(|frame| frame.info().clone()) else { return Ok(Vec::new()) };
    let source = AppSrc::builder().caps(&info.to_caps()?).format(gst::Format::Time).build();
    let sink = AppSink::builder().sync(false).build();
    sink.set_property("async", false);
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([source.upcast_ref(), &encoder, sink.upcast_ref()])?;
    gst::Element::link_many([source.upcast_ref(), &encoder, sink.upcast_ref()])?;
    let files = run(&pipeline, &source, &sink, frames);
    // Nothing can be done about a pipeline that does not stop.
    let _ = pipeline.set_state(gst::State::Null);
    files
}

fn run(
    pipeline: &gst::Pipeline,
    source: &AppSrc,
    sink: &AppSink,
    frames: Vec<VideoFrame<Writable>>,
) -> Result<Vec<Vec<u8>>, Refusal> {
    pipeline.set_state(gst::State::Playing)?;
    let mut files = Vec::with_capacity(frames.len());
    for (second, frame) in (0..).zip(frames) {
        let mut buffer = frame.into_buffer();
        buffer.make_mut().set_pts(gst::ClockTime::from_seconds(second));
        // An encoder that refuses gives nothing back.
        let _ = source.push_buffer(buffer);
        let sample = sink.try_pull_sample(LIMIT);
        let lost = || Refusal::Unencodable("the encoder gives nothing".into());
        let buffer = sample.as_ref().and_then(|sample| sample.buffer()).ok_or_else(lost)?;
        files.push(buffer.map_readable().map_err(|_| lost())?.to_vec());
    }
    Ok(files)
}
