//! A part of a group of pictures, coded anew as H.264.

use std::collections::BTreeMap;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use sigma_elementary::{CLOCK, RandomAccess, VideoCodec, VideoConfig};
use sigma_gst::protocol::{MAX_ANSWER, encode_recoded};
use sigma_gst::{Gop, Picture, Recoded};

use crate::decode::{caps, check_unit, complaint, decoder};
use crate::refusal::Refusal;

/// x264's constant quality: below it, nobody sees a seam between what was coded once and what was coded twice.
const QUALITY: u32 = 18;
/// The number of its parameter sets: the last one that there is, which encoders that broadcast do not come to. So a decoder
/// may know it beside theirs.
const NUMBER: u32 = 31;
/// How long one picture may take to come.
const LIMIT: gst::ClockTime = gst::ClockTime::from_seconds(8);

/// The pictures that are wanted of a group, with no B-frame among them: their order is that in which they are shown, and as
/// many come out as go in.
pub(crate) fn recode(gop: &Gop) -> Result<Vec<u8>, Refusal> {
    if gop.config.interlaced {
        return Err(Refusal::Interlaced);
    }
    for picture in &gop.pictures {
        check_unit(&gop.config, &picture.data)?;
    }
    let first = gop.pictures.first().map(|first| gop.config.random_access(&first.data));
    if first != Some(RandomAccess::Closed) {
        return Err(Refusal::NotAKeyFrame);
    }
    let mut caps = caps(&gop.config);
    caps.make_mut().set("framerate", rate(gop));
    let source = AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let sink = AppSink::builder().sync(false).build();
    sink.set_property("async", false);
    let decoder = decoder(VideoCodec::H264).ok_or(Refusal::NoDecoder(VideoCodec::H264))?.create().build()?;
    if decoder.has_property("max-threads") {
        decoder.set_property("max-threads", 1i32);
    }
    let encoder = gst::ElementFactory::make("x264enc")
        .property_from_str("pass", "qual")
        .property("quantizer", QUALITY)
        .property_from_str("speed-preset", "veryfast")
        // No picture waits for a later one: what comes out is in the order in which it went in.
        .property_from_str("tune", "zerolatency")
        .property("threads", 1u32)
        .property("aud", false)
        .property("option-string", format!("sps-id={NUMBER}"))
        .build()?;
    let format = gst::Caps::builder("video/x-h264").field("stream-format", "avc").field("alignment", "au");
    let filter = gst::ElementFactory::make("capsfilter").property("caps", format.build()).build()?;
    let pipeline = gst::Pipeline::new();
    let elements = [source.upcast_ref(), &decoder, &encoder, &filter, sink.upcast_ref()];
    pipeline.add_many(elements)?;
    gst::Element::link_many(elements)?;
    keep(&decoder, gop)?;
    let recoded = run(&pipeline, &source, &sink, gop);
    // Nothing can be done about a pipeline that does not stop.
    let _ = pipeline.set_state(gst::State::Null);
    let bytes = encode_recoded(&recoded?);
    if bytes.len() > MAX_ANSWER - 64 {
        return Err(Refusal::Unencodable(format!("it comes to {} bytes", bytes.len())));
    }
    Ok(bytes.to_vec())
}

/// Pictures a second: as the stream says, else as it was; the encoder writes it down again.
fn rate(gop: &Gop) -> gst::Fraction {
    let whole = |number: u64| i32::try_from(number).ok().filter(|number| *number > 0);
    let fraction = |(numerator, denominator): (u64, u64)| {
        Some(gst::Fraction::new(whole(numerator)?, whole(denominator)?))
    };
    let said =
        gop.config.frame_rate_hint.map(|(numerator, denominator)| (numerator.into(), denominator.into()));
    let times = || gop.pictures.iter().map(|picture| picture.pts);
    let lasts = times().max().zip(times().min()).map_or(0, |(last, first)| last.saturating_sub(first));
    let steps = gop.pictures.len().saturating_sub(1) as u64;
    let was = (steps * u64::from(CLOCK) * 1_000 / lasts.unsigned_abs().max(1), 1_000);
    said.and_then(fraction).or_else(|| fraction(was)).unwrap_or_else(|| gst::Fraction::new(30, 1))
}

/// Lets only those pictures pass that are wanted.
fn keep(decoder: &gst::Element, gop: &Gop) -> Result<(), Refusal> {
    let wanted: BTreeMap<u64, i64> =
        gop.wanted().into_iter().map(|pts| (nanoseconds(gop, pts), pts)).collect();
    let pad =
        decoder.static_pad("src").ok_or_else(|| Refusal::GStreamer("the decoder has no way out".into()))?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let pts = info.buffer().and_then(|buffer| buffer.pts()).map(gst::ClockTime::nseconds);
        match pts.is_some_and(|pts| wanted.contains_key(&pts)) {
            true => gst::PadProbeReturn::Ok,
            false => gst::PadProbeReturn::Drop,
        }
    });
    Ok(())
}

/// A picture's time from the earliest one's.
fn nanoseconds(gop: &Gop, pts: i64) -> u64 {
    let earliest = gop.pictures.iter().map(|picture| picture.pts).min().unwrap_or(pts);
    let ticks = pts.saturating_sub(earliest).unsigned_abs();
    let scaled = u128::from(ticks) * 1_000_000_000 / u128::from(CLOCK);
    u64::try_from(scaled).unwrap_or(u64::MAX - 1)
}

fn run(pipeline: &gst::Pipeline, source: &AppSrc, sink: &AppSink, gop: &Gop) -> Result<Recoded, Refusal> {
    pipeline.set_state(gst::State::Playing)?;
    for picture in &gop.pictures {
        let mut buffer = gst::Buffer::from_slice(picture.data.clone());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(nanoseconds(gop, picture.pts)));
        }
        // A decoder that refuses says so on the bus.
        let _ = source.push_buffer(buffer);
    }
    let _ = source.end_of_stream();
    let (wanted, mut config, mut pictures) = (gop.wanted(), None, Vec::new());
    let mut bytes = 0;
    for pts in &wanted {
        let missing =
            || Refusal::Missing { wanted: wanted.len(), found: pictures.len(), why: complaint(pipeline) };
        let sample = sink.try_pull_sample(LIMIT).ok_or_else(missing)?;
        let data = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or_else(missing)?;
        bytes += data.len();
        if bytes > MAX_ANSWER {
            return Err(Refusal::Unencodable(format!("it comes to more than {MAX_ANSWER} bytes")));
        }
        if config.is_none() {
            config = Some(record(&sample)?);
        }
        pictures.push(Picture { pts: *pts, data: Bytes::copy_from_slice(&data) });
    }
    let config = config.ok_or_else(|| Refusal::Unencodable("no picture came".into()))?;
    let first = pictures.first().map(|first| config.random_access(&first.data));
    if first != Some(RandomAccess::Closed) {
        return Err(Refusal::Unencodable("what came does not begin with a key frame".into()));
    }
    Ok(Recoded { config, pictures })
}

/// The decoder configuration that the encoder wrote.
fn record(sample: &gst::Sample) -> Result<VideoConfig, Refusal> {
    let lost = || Refusal::Unencodable("it has no decoder configuration".into());
    let record = sample.caps().and_then(|caps| caps.structure(0)?.get::<gst::Buffer>("codec_data").ok());
    let record = record.as_ref().and_then(|record| record.map_readable().ok()).ok_or_else(lost)?;
    VideoConfig::parse(VideoCodec::H264, Bytes::copy_from_slice(&record)).map_err(|_| lost())
}
