//! One key frame into raw pixels, by whichever decoder GStreamer has.

use bytes::{BufMut, Bytes, BytesMut};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use sigma_elementary::{NalUnits, RandomAccess, VideoCodec, VideoConfig};
use sigma_gst::KeyFrame;

use crate::refusal::Refusal;

/// The largest picture that is decoded, in pixels: 8K. The supervisor's limit of memory holds what lies about its size.
const MAX_PIXELS: u64 = 7_680 * 4_320;
/// How long one frame may take. Beyond it the pipeline is taken down; where even that hangs, the supervisor ends the process.
const LIMIT: gst::ClockTime = gst::ClockTime::from_seconds(4);
/// A temporal delimiter, AV1 §5.6: fMP4 leaves it out, a decoder wants it.
const TEMPORAL_DELIMITER: [u8; 2] = [0x12, 0x00];
/// Where the OBUs of `av1C` begin.
const AV1_CONFIG_OBUS: usize = 4;

/// The decoders that do, best first. One frame is decoded by one thread: a second would only have to be started.
const DECODERS: [(VideoCodec, &str); 6] = [
    (VideoCodec::H264, "avdec_h264"),
    (VideoCodec::H264, "openh264dec"),
    (VideoCodec::Hevc, "avdec_h265"),
    (VideoCodec::Hevc, "libde265dec"),
    (VideoCodec::Av1, "dav1ddec"),
    (VideoCodec::Av1, "av1dec"),
];

/// The decoder that this machine has for a codec.
pub(crate) fn decoder(codec: VideoCodec) -> Option<gst::ElementFactory> {
    let of_codec = DECODERS.iter().filter(|(of, _)| *of == codec);
    of_codec.map(|(_, name)| *name).find_map(gst::ElementFactory::find)
}

/// Decodes. A pipeline is made for each frame, so that nothing of one channel can show in another's picture.
pub(crate) fn decode(frame: &KeyFrame) -> Result<gst::Sample, Refusal> {
    check(frame)?;
    let codec = frame.config.codec;
    let decoder = decoder(codec).ok_or(Refusal::NoDecoder(codec))?.create().build()?;
    if decoder.has_property("max-threads") {
        decoder.set_property("max-threads", 1i32);
    }
    let source = AppSrc::builder().caps(&caps(&frame.config)).format(gst::Format::Time).build();
    let sink = AppSink::builder().sync(false).build();
    sink.set_property("async", false);
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([source.upcast_ref(), &decoder, sink.upcast_ref()])?;
    gst::Element::link_many([source.upcast_ref(), &decoder, sink.upcast_ref()])?;
    let sample = run(&pipeline, &source, &sink, unit(frame));
    // Nothing can be done about a pipeline that does not stop.
    let _ = pipeline.set_state(gst::State::Null);
    sample
}

fn run(
    pipeline: &gst::Pipeline,
    source: &AppSrc,
    sink: &AppSink,
    unit: Bytes,
) -> Result<gst::Sample, Refusal> {
    pipeline.set_state(gst::State::Playing)?;
    let mut buffer = gst::Buffer::from_slice(unit);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::ZERO);
    }
    // A decoder that refuses says so on the bus.
    let _ = source.push_buffer(buffer);
    let _ = source.end_of_stream();
    sink.try_pull_sample(LIMIT).ok_or_else(|| Refusal::Undecodable(complaint(pipeline)))
}

/// Why nothing came.
pub(crate) fn complaint(pipeline: &gst::Pipeline) -> String {
    let said = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    match said.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => error.error().to_string(),
        _ => "the decoder gives none".into(),
    }
}

/// What can be seen before it is decoded.
fn check(frame: &KeyFrame) -> Result<(), Refusal> {
    let (config, data) = (&frame.config, &frame.data);
    check_unit(config, data)?;
    if config.random_access(data) == RandomAccess::No { Err(Refusal::NotAKeyFrame) } else { Ok(()) }
}

/// Of any picture.
pub(crate) fn check_unit(config: &VideoConfig, data: &[u8]) -> Result<(), Refusal> {
    if u64::from(config.width) * u64::from(config.height) > MAX_PIXELS {
        return Err(Refusal::TooLarge(config.width, config.height));
    }
    if config.codec != VideoCodec::Av1 {
        let prefix = usize::from(config.nal_length_size);
        let whole: usize = NalUnits::new(data, config.nal_length_size).map(|unit| unit.len() + prefix).sum();
        if whole != data.len() {
            return Err(Refusal::Torn);
        }
    }
    Ok(())
}

pub(crate) fn caps(config: &VideoConfig) -> gst::Caps {
    let (name, format, alignment) = match config.codec {
        VideoCodec::H264 => ("video/x-h264", "avc", "au"),
        VideoCodec::Hevc => ("video/x-h265", "hvc1", "au"),
        VideoCodec::Av1 => ("video/x-av1", "obu-stream", "tu"),
    };
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    let caps = gst::Caps::builder(name)
        .field("stream-format", format)
        .field("alignment", alignment)
        .field("width", side(config.width))
        .field("height", side(config.height))
        .field("framerate", gst::Fraction::new(1, 1));
    match config.codec {
        VideoCodec::H264 | VideoCodec::Hevc => {
            caps.field("codec_data", gst::Buffer::from_slice(config.record.clone())).build()
        }
        VideoCodec::Av1 => caps.build(),
    }
}

/// The access unit as the decoder wants it.
fn unit(frame: &KeyFrame) -> Bytes {
    if frame.config.codec != VideoCodec::Av1 {
        return frame.data.clone();
    }
    // The sequence header may stand in `av1C` alone (AV1 in ISOBMFF §2.3.4); twice does no harm.
    let header = frame.config.record.get(AV1_CONFIG_OBUS..).unwrap_or_default();
    let mut unit = BytesMut::with_capacity(TEMPORAL_DELIMITER.len() + header.len() + frame.data.len());
    unit.put_slice(&TEMPORAL_DELIMITER);
    unit.put_slice(header);
    unit.put_slice(&frame.data);
    unit.freeze()
}
