//! Decoded pictures into the size and the colours that a file wants.

use gstreamer as gst;
use gstreamer_video::{
    VideoColorimetry, VideoConverter, VideoConverterConfig, VideoFormat, VideoFrame, VideoInfo,
    VideoResamplerMethod, video_frame::Writable,
};

use crate::refusal::Refusal;

/// A decoded picture.
pub(crate) struct Picture {
    sample: gst::Sample,
    info: VideoInfo,
}

/// What the pixels of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pixels {
    /// JFIF: BT.601 in full range.
    Jpeg,
    /// VP8: BT.601 in video range.
    WebP,
    /// Red, green and blue.
    Rgb,
}

impl Picture {
    pub(crate) fn new(sample: gst::Sample) -> Result<Self, Refusal> {
        let nameless = || Refusal::Undecodable("it has no format".into());
        let info = VideoInfo::from_caps(sample.caps().ok_or_else(nameless)?)?;
        Ok(Self { sample, info })
    }

    /// The size of the largest picture of this one's shape that fits into `width` by `height` and is no wider than this one.
    pub(crate) fn fit(&self, width: u32, height: u32) -> (u32, u32) {
        let aspect = self.info.par();
        let aspect = (aspect.numer().unsigned_abs().max(1), aspect.denom().unsigned_abs().max(1));
        fit((self.info.width(), self.info.height()), aspect, (width, height))
    }

    /// Scales and converts.
    pub(crate) fn convert(
        &self,
        (width, height): (u32, u32),
        pixels: Pixels,
    ) -> Result<VideoFrame<Writable>, Refusal> {
        let info = info(width, height, pixels)?;
        let mut options = VideoConverterConfig::new();
        options.set_resampler_method(VideoResamplerMethod::Linear);
        options.set_threads(1);
        let converter = VideoConverter::new(&self.info, &info, Some(options))?;
        let lost = || Refusal::Undecodable("it has no pixels".into());
        let buffer = self.sample.buffer_owned().ok_or_else(lost)?;
        let from = VideoFrame::from_buffer_readable(buffer, &self.info).map_err(|_| lost())?;
        let room = gst::Buffer::with_size(info.size())?;
        let mut to = VideoFrame::from_buffer_writable(room, &info).map_err(|_| lost())?;
        converter.frame(&from, &mut to);
        Ok(to)
    }
}

/// What pictures of this size look like to an encoder.
pub(crate) fn info(width: u32, height: u32, pixels: Pixels) -> Result<VideoInfo, Refusal> {
    let (format, colours) = match pixels {
        Pixels::Jpeg => (VideoFormat::I420, "1:4:0:0"),
        Pixels::WebP => (VideoFormat::I420, "bt601"),
        Pixels::Rgb => (VideoFormat::Rgb, "sRGB"),
    };
    let colours: VideoColorimetry = colours.parse()?;
    let info = VideoInfo::builder(format, width, height).colorimetry(&colours);
    Ok(info.fps(gst::Fraction::new(1, 1)).build()?)
}

/// Sides are even, as 4:2:0 wants, and at least 16, as WebP's encoder wants.
fn fit(
    (width, height): (u32, u32),
    (wide, high): (u32, u32),
    (most_width, most_height): (u32, u32),
) -> (u32, u32) {
    const LEAST: u64 = 16;
    let (width, height) = (u64::from(width) * u64::from(wide), u64::from(height.max(1)) * u64::from(high));
    let own = width / u64::from(high);
    let (most_width, most_height) = (u64::from(most_width).min(own), u64::from(most_height));
    let tall = (most_width * height + width.max(1) / 2) / width.max(1);
    let (width, height) = if tall <= most_height {
        (most_width, tall)
    } else {
        ((most_height * width + height / 2) / height, most_height)
    };
    let even = |side: u64| u32::try_from((side & !1).max(LEAST)).unwrap_or(u32::MAX);
    (even(width), even(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: u32 = 16_384;

    #[test]
    fn the_shape_is_kept_and_nothing_grows() {
        let square = |size, most| fit(size, (1, 1), most);
        assert_eq!(square((1_920, 1_080), (640, ANY)), (640, 360));
        assert_eq!(square((1_080, 1_920), (160, ANY)), (160, 284));
        assert_eq!(square((320, 180), (1_280, ANY)), (320, 180));
        assert_eq!(square((1_920, 1_080), (160, 160)), (160, 90));
        assert_eq!(square((1_080, 1_920), (160, 90)), (50, 90));
        assert_eq!(square((16_384, 2), (160, ANY)), (160, 16));
        assert_eq!(square((1, 1), (160, ANY)), (16, 16));
    }

    #[test]
    fn pixels_that_are_not_square_are_made_so() {
        assert_eq!(fit((720, 576), (16, 11), (640, ANY)), (640, 352));
        assert_eq!(fit((1_440, 1_080), (4, 3), (1_280, ANY)), (1_280, 720));
        assert_eq!(fit((352, 480), (1, 2), (1_280, ANY)), (176, 480));
    }
}
