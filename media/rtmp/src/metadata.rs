use crate::amf::Value;

/// The longest encoder name that is passed on, in characters.
const MAX_ENCODER: usize = 128;

/// What a publisher says of its feed in `onMetaData` (FLV 10.1 §E.5). Its word, not measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The encoder's name, e.g. `obs-output module (libobs version 29.0.2)`.
    pub encoder: Option<String>,
    /// Picture width in pixels.
    pub width: Option<u32>,
    /// Picture height in pixels.
    pub height: Option<u32>,
    /// Pictures in 1000 seconds.
    pub frame_rate_milli: Option<u32>,
    /// Video bitrate in kbit/s.
    pub video_kbps: Option<u32>,
    /// Audio bitrate in kbit/s.
    pub audio_kbps: Option<u32>,
}

impl Metadata {
    /// Reads the object or array that follows the name `onMetaData`.
    pub(crate) fn read(value: &Value) -> Self {
        let count = |name| value.get(name).and_then(Value::as_count).filter(|count| *count > 0);
        let milli = |name| {
            let rate = value.get(name)?.as_number()?;
            Value::Number((rate * 1000.0).round()).as_count().filter(|rate| *rate > 0)
        };
        Self {
            encoder: value.get("encoder").and_then(Value::as_str).and_then(encoder_name),
            width: count("width"),
            height: count("height"),
            frame_rate_milli: milli("framerate").or_else(|| milli("fps")),
            video_kbps: count("videodatarate"),
            audio_kbps: count("audiodatarate"),
        }
    }
}

/// A client's name for itself, without control characters and cut to a length that fits a log line.
pub(crate) fn encoder_name(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_ENCODER).collect();
    (!name.is_empty()).then_some(name)
}
