use bytes::Bytes;
use sigma_elementary::{AccessUnit, MAX_DIMENSION, Media, NalUnits, RandomAccess, VideoCodec, VideoConfig};
use sigma_packager::{Output, Packager, Settings};

use crate::{draw::Draw, fragments};

/// A decoder configuration of H.264, HEVC or AV1, and an access unit behind it.
///
/// What is understood is within its limits, reads the same again, and makes an init section that a player's parser takes,
/// or a warning that it cannot be written.
pub fn video_config(data: &[u8]) {
    let mut draw = Draw::new(data);
    let codec = draw.one_of([VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1]);
    let length = draw.short();
    let record = Bytes::copy_from_slice(draw.bytes(length.into()));
    let unit = draw.rest();
    assert!(NalUnits::new(unit, (length as u8 & 3) + 1).map(|unit| unit.len()).sum::<usize>() <= unit.len());
    let Ok(config) = VideoConfig::parse(codec, record.clone()) else { return };

    assert!((1..=MAX_DIMENSION).contains(&config.width) && (1..=MAX_DIMENSION).contains(&config.height));
    assert!(config.frame_rate_hint.is_none_or(|(count, seconds)| count > 0 && seconds > 0));
    let prefixes: &[u8] = if codec == VideoCodec::Av1 { &[0] } else { &[1, 2, 4] };
    assert!(prefixes.contains(&config.nal_length_size));
    let name = config.codec_string();
    assert!(
        name.len() < 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'),
        "{name}"
    );
    assert_eq!(config.record, record);
    assert_eq!(VideoConfig::parse(codec, record).as_ref(), Ok(&config));
    let access = config.random_access(unit);

    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let mut outputs = packager.push(0, Media::VideoConfig(config.clone()));
    let picture = AccessUnit { dts: 0, pts: 0, key: true, data: Bytes::copy_from_slice(unit) };
    outputs.extend(packager.push(0, Media::Video(picture)));
    outputs.extend(packager.finish());
    for output in &outputs {
        match output {
            Output::Init(init) => {
                assert_eq!(
                    (init.width, init.height, init.codecs.as_str()),
                    (config.width, config.height, name)
                );
                assert_eq!(fragments::tracks(init), [(1, 90_000)]);
            }
            Output::Part(part) => {
                assert_eq!(part.independent, access == RandomAccess::Closed);
                assert_eq!(fragments::runs(part).iter().map(|run| run.bytes).sum::<usize>(), unit.len());
            }
            _ => {}
        }
    }
}
