use bytes::Bytes;
use sigma_elementary::{
    AccessUnit, AudioCodec, AudioConfig, MAX_CHANNELS, MAX_SAMPLE_RATE, Media, opus_packet_samples,
};
use sigma_packager::{Output, Packager, Settings};

use crate::{draw::Draw, fragments};

/// The longest frame of AAC, and the longest packet of Opus, at their own rates.
const LONGEST: u32 = 5_760;

/// A decoder configuration of AAC or Opus, and a frame behind it; the same for sound as [`crate::video_config()`].
pub fn audio_config(data: &[u8]) {
    let mut draw = Draw::new(data);
    let codec = draw.one_of([AudioCodec::Aac, AudioCodec::Opus]);
    let length = draw.byte();
    let record = Bytes::copy_from_slice(draw.bytes(length.into()));
    let frame = draw.rest();
    assert!(opus_packet_samples(frame).is_none_or(|samples| samples > 0 && samples <= LONGEST));
    let Ok(config) = AudioConfig::parse(codec, record) else { return };

    assert!((1..=MAX_SAMPLE_RATE).contains(&config.sample_rate));
    assert!((1..=MAX_CHANNELS).contains(&config.channels));
    assert!(config.samples_per_frame(frame).is_none_or(|samples| samples > 0 && samples <= LONGEST));
    // An OpusHead becomes the payload of dOps; that reads as itself.
    assert_eq!(AudioConfig::parse(codec, config.record.clone()).as_ref(), Ok(&config));

    let mut packager = Packager::new(Settings::LOW);
    let mut outputs = packager.push(0, Media::AudioConfig(config.clone()));
    for time in 0..2 {
        let unit = AccessUnit {
            dts: time * 1_920,
            pts: time * 1_920,
            key: true,
            data: Bytes::copy_from_slice(frame),
        };
        outputs.extend(packager.push(0, Media::Audio(unit)));
    }
    outputs.extend(packager.finish());
    for output in &outputs {
        match output {
            Output::Init(init) => {
                assert_eq!(init.codecs, config.codec_string());
                assert_eq!(fragments::tracks(init), [(2, config.sample_rate)]);
            }
            Output::Part(part) => drop(fragments::runs(part)),
            _ => {}
        }
    }
}
