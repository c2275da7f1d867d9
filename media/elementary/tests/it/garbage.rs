//! Bytes from strangers never bring us down.

use proptest::prelude::*;
use sigma_elementary::{
    AudioCodec, AudioConfig, MAX_CHANNELS, MAX_DIMENSION, MAX_SAMPLE_RATE, NalUnits, VideoCodec, VideoConfig,
    opus_packet_samples,
};

use crate::records::{AV1_360P25, AVC_720P30, HEVC_1080P50, hex};

const VIDEO: [VideoCodec; 3] = [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1];
const AUDIO: [AudioCodec; 2] = [AudioCodec::Aac, AudioCodec::Opus];

fn probe(bytes: &[u8]) {
    for codec in VIDEO {
        if let Ok(config) = VideoConfig::parse(codec, bytes.to_vec().into()) {
            assert!((1..=MAX_DIMENSION).contains(&config.width));
            assert!((1..=MAX_DIMENSION).contains(&config.height));
            assert!(
                config
                    .frame_rate_hint
                    .is_none_or(|(numerator, denominator)| numerator > 0 && denominator > 0)
            );
            config.random_access(bytes);
        }
    }
    for codec in AUDIO {
        if let Ok(config) = AudioConfig::parse(codec, bytes.to_vec().into()) {
            assert!((1..=MAX_SAMPLE_RATE).contains(&config.sample_rate));
            assert!((1..=MAX_CHANNELS).contains(&config.channels));
            config.samples_per_frame(bytes);
        }
    }
    opus_packet_samples(bytes);
    assert!(NalUnits::new(bytes, 4).count() <= bytes.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn random_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        probe(&bytes);
    }

    #[test]
    fn damaged_records_are_parsed_or_refused(
        record in prop::sample::select(vec![AVC_720P30, HEVC_1080P50, AV1_360P25, "130856e59d4880"]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = hex(record).to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        probe(&bytes);
        probe(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn random_access_reads_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (codec, record) in VIDEO.into_iter().zip([AVC_720P30, HEVC_1080P50, AV1_360P25]) {
            VideoConfig::parse(codec, hex(record)).unwrap().random_access(&bytes);
        }
    }
}
