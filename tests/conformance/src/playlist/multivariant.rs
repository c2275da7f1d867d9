//! Reading a multivariant playlist (§4.4.6).

use super::attributes::Attributes;

/// The most variants and renditions that are read.
const MOST: usize = 256;

/// `EXT-X-STREAM-INF` with its URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The media playlist.
    pub uri: String,
    /// `BANDWIDTH`
    pub bandwidth: Option<u64>,
    /// `AVERAGE-BANDWIDTH`
    pub average_bandwidth: Option<u64>,
    /// `CODECS`
    pub codecs: Option<String>,
    /// `RESOLUTION`
    pub resolution: Option<String>,
    /// `FRAME-RATE`
    pub frame_rate: Option<String>,
    /// `AUDIO`: the group that plays beside it.
    pub audio: Option<String>,
    /// The line itself.
    pub line: String,
}

/// `EXT-X-MEDIA` with a URI of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionUri {
    /// `TYPE`
    pub kind: String,
    /// The media playlist.
    pub uri: String,
}

/// A multivariant playlist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multivariant {
    /// The text itself.
    pub text: String,
    /// The variants, as they stand.
    pub variants: Vec<Variant>,
    /// Renditions that have a playlist of their own.
    pub renditions: Vec<RenditionUri>,
    /// The I-frame playlists that `EXT-X-I-FRAME-STREAM-INF` names.
    pub key_frames: Vec<String>,
    /// `EXT-X-INDEPENDENT-SEGMENTS`: said of all of them.
    pub independent_segments: bool,
}

/// Reads a multivariant playlist.
///
/// # Errors
/// The first line that is not as the draft has it, in words.
pub fn parse(text: &str) -> Result<Multivariant, String> {
    let mut out = Multivariant { text: text.to_owned(), ..Multivariant::default() };
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err("the first line is not #EXTM3U".to_owned());
    }
    let mut said: Option<Variant> = None;
    for line in lines {
        let bad = |error: String| format!("{error}: {line}");
        if out.variants.len() + out.renditions.len() + out.key_frames.len() > MOST {
            return Err(format!("more than {MOST} renditions"));
        }
        if let Some(value) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            let read = Attributes::parse(value).map_err(bad)?;
            let text = |name: &str| read.get(name).map(str::to_owned);
            said = Some(Variant {
                uri: String::new(),
                bandwidth: read.number("BANDWIDTH").map_err(bad)?,
                average_bandwidth: read.number("AVERAGE-BANDWIDTH").map_err(bad)?,
                codecs: text("CODECS"),
                resolution: text("RESOLUTION"),
                frame_rate: text("FRAME-RATE"),
                audio: text("AUDIO"),
                line: line.to_owned(),
            });
        } else if let Some(value) = line.strip_prefix("#EXT-X-MEDIA:") {
            let read = Attributes::parse(value).map_err(bad)?;
            if let Some(uri) = read.get("URI") {
                let kind = read.text("TYPE").map_err(bad)?;
                out.renditions.push(RenditionUri { kind, uri: uri.to_owned() });
            }
        } else if let Some(value) = line.strip_prefix("#EXT-X-I-FRAME-STREAM-INF:") {
            out.key_frames.push(Attributes::parse(value).and_then(|read| read.text("URI")).map_err(bad)?);
        } else if line == "#EXT-X-INDEPENDENT-SEGMENTS" {
            out.independent_segments = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            let mut variant =
                said.take().ok_or_else(|| bad("a URI without its EXT-X-STREAM-INF".to_owned()))?;
            variant.uri = line.to_owned();
            out.variants.push(variant);
        }
    }
    match said {
        Some(_) => Err("an EXT-X-STREAM-INF without its URI".to_owned()),
        None => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_and_renditions_are_read() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en\",URI=\"a.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1000,AVERAGE-BANDWIDTH=900,CODECS=\"avc1.42c01e,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO=\"a\"\nv.m3u8\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI=\"i.m3u8\"\n";
        let read = parse(text).expect("a multivariant playlist");
        assert_eq!((read.renditions[0].uri.as_str(), read.key_frames), ("a.m3u8", vec!["i.m3u8".to_owned()]));
        assert_eq!((read.variants[0].bandwidth, read.variants[0].uri.as_str()), (Some(1_000), "v.m3u8"));
        assert!(parse("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n").is_err());
    }
}
