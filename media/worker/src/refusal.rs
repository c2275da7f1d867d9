//! Why there is no picture.

use sigma_elementary::VideoCodec;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is not whole")]
    Torn,
    #[error("decoding cannot start with it")]
    NotAKeyFrame,
    #[error("a picture of {0} by {1} pixels is larger than is decoded")]
    TooLarge(u32, u32),
    #[error("this machine's GStreamer has no decoder for {0:?}")]
    NoDecoder(VideoCodec),
    #[error("no picture came out of it: {0}")]
    Undecodable(String),
    #[error("GStreamer: {0}")]
    GStreamer(String),
    #[error("pictures of fields are not coded anew")]
    Interlaced,
    #[error("{found} of {wanted} pictures came out of it: {why}")]
    Missing { wanted: usize, found: usize, why: String },
    #[error("the picture cannot be encoded: {0}")]
    Unencodable(String),
}

impl From<gstreamer::glib::Error> for Refusal {
    fn from(error: gstreamer::glib::Error) -> Self {
        Self::GStreamer(error.to_string())
    }
}

impl From<gstreamer::glib::BoolError> for Refusal {
    fn from(error: gstreamer::glib::BoolError) -> Self {
        Self::GStreamer(error.to_string())
    }
}

impl From<gstreamer::StateChangeError> for Refusal {
    fn from(error: gstreamer::StateChangeError) -> Self {
        Self::GStreamer(error.to_string())
    }
}
