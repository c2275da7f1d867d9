//! Records written by ffmpeg with x264, x265, libaom and libopus.

use bytes::Bytes;
use sigma_elementary::{
    AudioCodec, AudioConfig, ConfigError, RandomAccess, VideoCodec, VideoConfig, opus_packet_samples,
};

pub(crate) const AVC_720P30: &str =
    "0142c01fffe100176742c01fda014016ec0440000003004000000f03c60ca801000468ce0fc8";
const AVC_360P2997: &str = "0142c01effe100176742c01eda0280bfe5c04400000fa40003a9803c58ba8001000468ce0fc8";
const AVC_1080P60: &str = "0142c02affe100176742c02ada01e0089f970110000003001000000780f1832a01000468ce0fc8";
const AVC_1080I25: &str = "014d4028ffe10019674d4028f403c0227ef011000003000100000300321f162ea001000468de0fc8";
pub(crate) const HEVC_1080P50: &str = "0101600000009000000000007bf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300\
    0003007b959409a10001002b42010101600000030090000003000003007ba003c0801107cb965654a4c2f01680\
    80000003008000001904a2000100064401c073c189";
pub(crate) const AV1_360P25: &str = "81010c000a0b0000000cc4ff6700be0010";

pub(crate) fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> =
        text.bytes().filter_map(|digit| (digit as char).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>().into()
}

fn video(codec: VideoCodec, record: &str) -> VideoConfig {
    VideoConfig::parse(codec, hex(record)).unwrap()
}

fn frames_per_1000_seconds(config: &VideoConfig) -> u64 {
    let (numerator, denominator) = config.frame_rate_hint.unwrap();
    u64::from(numerator) * 1_000 / u64::from(denominator)
}

#[test]
fn h264_records_tell_size_rate_and_codec_string() {
    let table = [
        (AVC_720P30, 1280, 720, 30_000, "avc1.42c01f", false),
        (AVC_360P2997, 640, 360, 29_970, "avc1.42c01e", false),
        (AVC_1080P60, 1920, 1080, 60_000, "avc1.42c02a", false),
        (AVC_1080I25, 1920, 1080, 25_000, "avc1.4d4028", true),
    ];
    for (record, width, height, rate, codec, interlaced) in table {
        let config = video(VideoCodec::H264, record);
        assert_eq!((config.width, config.height), (width, height), "{codec}");
        assert_eq!(frames_per_1000_seconds(&config), rate, "{codec}");
        assert_eq!(config.codec_string(), codec);
        assert_eq!(config.interlaced, interlaced, "{codec}");
        assert_eq!(config.nal_length_size, 4);
    }
}

#[test]
fn hevc_records_tell_size_rate_and_codec_string() {
    let config = video(VideoCodec::Hevc, HEVC_1080P50);
    assert_eq!((config.width, config.height), (1920, 1080));
    assert_eq!(frames_per_1000_seconds(&config), 50_000);
    assert_eq!(config.codec_string(), "hvc1.1.6.L123.90");
}

#[test]
fn av1_records_tell_size_and_codec_string() {
    let config = video(VideoCodec::Av1, AV1_360P25);
    assert_eq!((config.width, config.height), (640, 360));
    assert_eq!(config.codec_string(), "av01.0.01M.08");
}

#[test]
fn aac_configurations_tell_rate_channels_and_object_type() {
    let table = [
        ("1210", 44_100, 2, "mp4a.40.2", 1_024, "LC"),
        ("1190", 48_000, 2, "mp4a.40.2", 1_024, "LC at 48 kHz"),
        ("11b0", 48_000, 6, "mp4a.40.2", 1_024, "5.1"),
        ("1194", 48_000, 2, "mp4a.40.2", 960, "frames of 960"),
        ("2b118800", 24_000, 2, "mp4a.40.5", 1_024, "SBR in the hierarchy"),
        ("eb098800", 24_000, 2, "mp4a.40.29", 1_024, "SBR and PS in the hierarchy: one channel becomes two"),
        ("131056e598", 24_000, 2, "mp4a.40.5", 1_024, "SBR announced behind"),
        ("130856e59d4880", 24_000, 2, "mp4a.40.29", 1_024, "SBR and PS announced behind"),
    ];
    for (record, rate, channels, codec, samples, name) in table {
        let config = AudioConfig::parse(AudioCodec::Aac, hex(record));
        let config = config.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((config.sample_rate, config.channels), (rate, channels), "{name}");
        assert_eq!(config.codec_string(), codec, "{name}");
        assert_eq!(config.samples_per_frame(&[]), Some(samples), "{name}");
    }
}

#[test]
fn aac_rates_may_be_spelled_out() {
    // Object type 2, index 15, 37 800 Hz, two channels.
    let bits = format!("{:05b}{:04b}{:024b}{:04b}000", 2, 15, 37_800, 2);
    let bytes: Vec<u8> = bits.as_bytes().chunks(8).map(parse_bits).collect();
    let config = AudioConfig::parse(AudioCodec::Aac, bytes.into()).unwrap();
    assert_eq!((config.sample_rate, config.channels), (37_800, 2));
}

fn parse_bits(bits: &[u8]) -> u8 {
    let text = std::str::from_utf8(bits).unwrap();
    u8::from_str_radix(&format!("{text:0<8}"), 2).unwrap()
}

#[test]
fn opus_head_becomes_dops() {
    let head = hex("4f70757348656164 01 02 3801 80bb0000 0000 00");
    let config = AudioConfig::parse(AudioCodec::Opus, head).unwrap();
    assert_eq!(config.record, hex("00 02 0138 0000bb80 0000 00"));
    assert_eq!((config.sample_rate, config.channels), (48_000, 2));
    let again = AudioConfig::parse(AudioCodec::Opus, config.record.clone()).unwrap();
    assert_eq!(again, config);
    assert_eq!(config.codec_string(), "opus");
}

#[test]
fn opus_packets_tell_their_duration() {
    // RFC 6716 table 2: configuration in the upper five bits, then stereo, then the frame count code.
    let table: [(&[u8], Option<u32>); 8] = [
        (&[0 << 3], Some(480)),
        (&[3 << 3], Some(2_880)),
        (&[13 << 3], Some(960)),
        (&[16 << 3], Some(120)),
        (&[31 << 3 | 4], Some(960)),
        (&[31 << 3 | 1], Some(1_920)),
        (&[31 << 3 | 3, 6], Some(5_760)),
        (&[31 << 3 | 3, 7], None),
    ];
    for (packet, samples) in table {
        assert_eq!(opus_packet_samples(packet), samples, "{packet:?}");
    }
    assert_eq!(opus_packet_samples(&[]), None);
    assert_eq!(opus_packet_samples(&[31 << 3 | 3]), None);
}

/// One NAL unit after its length.
fn unit(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

#[test]
fn only_idr_pictures_of_h264_are_closed_random_access_points() {
    let config = video(VideoCodec::H264, AVC_720P30);
    let delimiter = unit(&[9, 0xf0]);
    let slice = unit(&[0x41, 1, 2]);
    let recovery = unit(&[6, 6, 1, 0xc4, 0x80]);
    let other_sei = unit(&[6, 5, 3, 1, 2, 3, 0x80]);
    let later_recovery = unit(&[6, 5, 1, 9, 6, 1, 0xc4, 0x80]);
    let table = [
        (vec![&delimiter, &slice], RandomAccess::No),
        (vec![&delimiter, &other_sei, &slice], RandomAccess::No),
        (vec![&recovery, &slice], RandomAccess::Open),
        (vec![&later_recovery, &slice], RandomAccess::Open),
    ];
    for (units, expected) in table {
        let data: Vec<u8> = units.into_iter().flatten().copied().collect();
        assert_eq!(config.random_access(&data), expected);
    }
    let idr = [recovery, unit(&[0x65, 1])].concat();
    assert_eq!(config.random_access(&idr), RandomAccess::Closed);
}

#[test]
fn hevc_tells_idr_and_bla_from_cra() {
    let config = video(VideoCodec::Hevc, HEVC_1080P50);
    for (kind, expected) in [
        (1, RandomAccess::No),
        (9, RandomAccess::No),
        (16, RandomAccess::Closed),
        (19, RandomAccess::Closed),
        (20, RandomAccess::Closed),
        (21, RandomAccess::Open),
    ] {
        assert_eq!(config.random_access(&unit(&[kind << 1, 1, 0])), expected, "NAL unit type {kind}");
    }
}

#[test]
fn av1_key_frames_need_their_sequence_header() {
    let config = video(VideoCodec::Av1, AV1_360P25);
    let sequence = &config.record[4..];
    let shown_key: &[u8] = &[6 << 3 | 2, 1, 0b0001_0000];
    let hidden_key: &[u8] = &[6 << 3 | 2, 1, 0b0000_0000];
    let inter: &[u8] = &[6 << 3 | 2, 1, 0b0011_0000];
    let existing: &[u8] = &[3 << 3 | 2, 1, 0b1000_0000];
    assert_eq!(config.random_access(&[sequence, shown_key].concat()), RandomAccess::Closed);
    assert_eq!(config.random_access(&[sequence, hidden_key].concat()), RandomAccess::Open);
    assert_eq!(config.random_access(&[sequence, inter].concat()), RandomAccess::No);
    assert_eq!(config.random_access(&[sequence, existing].concat()), RandomAccess::No);
    assert_eq!(config.random_access(shown_key), RandomAccess::No);
}

#[test]
fn what_is_too_large_or_of_another_kind_is_refused() {
    let parse = |codec, bytes: Vec<u8>| VideoConfig::parse(codec, bytes.into()).unwrap_err();
    assert!(matches!(
        parse(VideoCodec::H264, vec![1; sigma_elementary::MAX_RECORD + 1]),
        ConfigError::TooLarge { what: "the record", .. }
    ));
    assert_eq!(parse(VideoCodec::H264, vec![]), ConfigError::Truncated);
    let mut three = hex(AVC_720P30).to_vec();
    three[4] = 0xfe;
    assert!(matches!(parse(VideoCodec::H264, three), ConfigError::Invalid(_)));
    assert!(matches!(
        AudioConfig::parse(AudioCodec::Aac, hex("f9f9")).unwrap_err(),
        ConfigError::Unsupported(_) | ConfigError::Invalid(_) | ConfigError::Truncated
    ));
    // Sampling rate index 13 is reserved, channel configuration 15 too.
    assert!(matches!(AudioConfig::parse(AudioCodec::Aac, hex("1690")), Err(ConfigError::Invalid(_))));
    assert!(matches!(AudioConfig::parse(AudioCodec::Aac, hex("11f8")), Err(ConfigError::Unsupported(_))));
}
