//! Audio and video messages, legacy and enhanced.

use bytes::Bytes;
use sigma_elementary::{AudioCodec, Media, VideoCodec};
use sigma_rtmp::{
    FlvError,
    flv::{Demuxed, Demuxer, Track, Unsupported},
};

use crate::client::{AAC_CONFIG, AVC_RECORD, picture, video_config};

/// 128×72, from x265.
const HEVC_RECORD: &[u8] = b"\x01\x01\x60\x00\x00\x00\x90\x00\x00\x00\x00\x00\x1e\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x0f\x03\
    \x20\x00\x01\x00\x18\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x1e\x95\x98\x09\
    \x21\x00\x01\x00\x29\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x1e\xa0\x10\x20\x49\x65\x95\
    \x9a\x49\x32\xbc\x05\xa0\x20\x00\x00\x03\x00\x20\x00\x00\x03\x01\x41\x22\x00\x01\x00\x07\x44\x01\xc1\x72\xb4\x22\x40";
/// 128×72, from SVT-AV1.
const AV1_RECORD: &[u8] = b"\x81\x00\x0c\x00\x0a\x0b\x02\x00\x00\x05\x59\xbf\xc7\x00\xbe\x00\x10";
/// 48 kHz, mono, 312 samples to skip.
const OPUS_HEAD: &[u8] = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00";

fn joined(parts: &[&[u8]]) -> Bytes {
    Bytes::from(parts.concat())
}

fn media(demuxed: Result<Option<Demuxed>, FlvError>) -> Media {
    match demuxed.unwrap().unwrap() {
        Demuxed::Media(media) => media,
        Demuxed::Unsupported(unsupported) => panic!("{unsupported}"),
    }
}

fn video_codec(demuxed: Result<Option<Demuxed>, FlvError>) -> VideoCodec {
    match media(demuxed) {
        Media::VideoConfig(config) => {
            assert_eq!((config.width, config.height), (128, 72));
            config.codec
        }
        other => panic!("{other:?}"),
    }
}

/// Decoding time, presentation time, key, data.
fn unit(demuxed: Result<Option<Demuxed>, FlvError>) -> (i64, i64, bool, Vec<u8>) {
    match media(demuxed) {
        Media::Video(unit) | Media::Audio(unit) => (unit.dts, unit.pts, unit.key, unit.data.to_vec()),
        other => panic!("{other:?}"),
    }
}

/// A demuxer that knows a video configuration.
fn configured(fourcc: &[u8; 4], record: &[u8]) -> Demuxer {
    let mut demuxer = Demuxer::new();
    video_codec(demuxer.video(0, joined(&[b"\x90", fourcc, record])));
    demuxer
}

#[test]
fn it_reads_legacy_h264() {
    let mut demuxer = Demuxer::new();
    assert_eq!(video_codec(demuxer.video(0, video_config().into())), VideoCodec::H264);
    assert_eq!(
        unit(demuxer.video(40, picture(true, 80, b"idr").into())),
        (3600, 10_800, true, b"idr".to_vec())
    );
    assert_eq!(unit(demuxer.video(80, picture(false, -40, b"b").into())), (7200, 3600, false, b"b".to_vec()));
}

#[test]
fn it_copies_no_payload() {
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    let message = Bytes::from(picture(true, 0, b"data"));
    let Media::Video(unit) = media(demuxer.video(0, message.clone())) else { panic!("a picture") };
    assert_eq!(unit.data.as_ptr(), message[5..].as_ptr());
}

#[test]
fn it_reads_legacy_hevc() {
    let mut demuxer = Demuxer::new();
    let config = joined(&[b"\x1c\x00\x00\x00\x00", HEVC_RECORD]);
    assert_eq!(video_codec(demuxer.video(0, config)), VideoCodec::Hevc);
    let picture = joined(&[b"\x2c\x01\x00\x00\x28", b"p"]);
    assert_eq!(unit(demuxer.video(10, picture)), (900, 4500, false, b"p".to_vec()));
}

#[test]
fn it_reads_legacy_aac() {
    let mut demuxer = Demuxer::new();
    let Media::AudioConfig(config) = media(demuxer.audio(0, AAC_CONFIG.into())) else {
        panic!("a configuration")
    };
    assert_eq!((config.codec, config.sample_rate, config.channels), (AudioCodec::Aac, 48_000, 2));
    assert_eq!(unit(demuxer.audio(21, joined(&[b"\xaf\x01", b"aac"]))), (1890, 1890, true, b"aac".to_vec()));
}

#[test]
fn it_reads_enhanced_video() {
    for (fourcc, record, codec) in [
        (b"avc1", AVC_RECORD, VideoCodec::H264),
        (b"hvc1", HEVC_RECORD, VideoCodec::Hevc),
        (b"av01", AV1_RECORD, VideoCodec::Av1),
    ] {
        let mut demuxer = Demuxer::new();
        assert_eq!(video_codec(demuxer.video(0, joined(&[b"\x90", fourcc, record]))), codec);
        // CodedFrames have a composition time, but for AV1.
        let composition: &[u8] = if codec == VideoCodec::Av1 { b"" } else { b"\xff\xff\xfe" };
        let pts = if codec == VideoCodec::Av1 { 3600 } else { 3420 };
        let frames = joined(&[b"\x91", fourcc, composition, b"key"]);
        assert_eq!(unit(demuxer.video(40, frames)), (3600, pts, true, b"key".to_vec()));
        let frames_x = joined(&[b"\xa3", fourcc, b"inter"]);
        assert_eq!(unit(demuxer.video(80, frames_x)), (7200, 7200, false, b"inter".to_vec()));
    }
}

#[test]
fn it_leaves_out_av1s_temporal_delimiter() {
    let mut demuxer = configured(b"av01", AV1_RECORD);
    let frames = joined(&[b"\x91av01", b"\x12\x00", b"\x32\x01\x00"]);
    assert_eq!(unit(demuxer.video(0, frames)).3, b"\x32\x01\x00");
}

#[test]
fn it_reads_enhanced_audio() {
    let mut demuxer = Demuxer::new();
    let Media::AudioConfig(config) = media(demuxer.audio(0, joined(&[b"\x90Opus", OPUS_HEAD]))) else {
        panic!("a configuration")
    };
    assert_eq!((config.codec, config.sample_rate, config.channels), (AudioCodec::Opus, 48_000, 1));
    assert_eq!(demuxer.audio(0, joined(&[b"\x90Opus", b"OpusTags\0\0\0\0"])), Ok(None));
    assert_eq!(demuxer.audio(0, joined(&[b"\x94Opus", b"\x01\x01\0\0\0\x04"])), Ok(None), "a channel layout");
    assert_eq!(
        unit(demuxer.audio(20, joined(&[b"\x91Opus", b"\xf8x"]))),
        (1800, 1800, true, b"\xf8x".to_vec())
    );
    let Media::AudioConfig(config) = media(demuxer.audio(0, joined(&[b"\x90mp4a", &AAC_CONFIG[2..]]))) else {
        panic!("a configuration")
    };
    assert_eq!(config.codec, AudioCodec::Aac);
    assert_eq!(unit(demuxer.audio(40, joined(&[b"\x91mp4a", b"aac"]))).3, b"aac");
    assert_eq!(demuxer.audio(60, joined(&[b"\x91Opus", b"\xf8x"])), Ok(None), "not what is configured");
}

/// Newer ffmpeg sends these.
#[test]
fn it_takes_commands_and_metadata_for_no_media() {
    let mut demuxer = configured(b"hvc1", HEVC_RECORD);
    let metadata = b"hvc1\x02\x00\x09colorInfo\x03\x00\x00\x09";
    for packet in [
        joined(&[b"\xd4", metadata]),
        joined(&[b"\x94", metadata]),
        joined(&[b"\xd1\x00"]),
        joined(&[b"\xd4"]),
        joined(&[b"\x57\x00"]),
        joined(&[b"\x57"]),
        joined(&[b"\x5c\x01"]),
        joined(&[b"\x92hvc1"]),
        joined(&[b"\x95hvc1\x80\x04\x81\x00\x0c\x00"]),
        joined(&[b"\x17\x02\x00\x00\x00"]),
        joined(&[b"\x90hvc1"]),
        Bytes::new(),
    ] {
        assert_eq!(demuxer.video(0, packet.clone()), Ok(None), "{packet:?}");
    }
    for packet in [joined(&[b"\x92Opus"]), joined(&[b"\xaf"]), joined(&[b"\xaf\x00"]), Bytes::new()] {
        assert_eq!(demuxer.audio(0, packet.clone()), Ok(None), "{packet:?}");
    }
}

#[test]
fn it_takes_track_0_of_several() {
    let sized = |data: &[u8]| [&(data.len() as u32).to_be_bytes()[1..], data].concat();
    // One track: no size.
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    assert_eq!(unit(demuxer.video(0, joined(&[b"\x96\x03avc1\x00", b"one"]))).3, b"one");
    assert_eq!(demuxer.video(0, joined(&[b"\x96\x03avc1\x01", b"other"])), Ok(None));
    // Many of one codec, the default one not the first.
    let many = joined(&[b"\xa6\x13avc1", b"\x01", &sized(b"other"), b"\x00", &sized(b"mine")]);
    assert_eq!(unit(demuxer.video(0, many)).3, b"mine");
    // Many of several codecs: an unsupported one beside the default one is nobody's business.
    let many =
        joined(&[b"\x96\x21", b"vp09\x01", &sized(b"other"), b"avc1\x00", &sized(b"\x00\x00\x0amine")]);
    assert_eq!(unit(demuxer.video(0, many)), (0, 900, true, b"mine".to_vec()));
    let others = joined(&[b"\x96\x11avc1", b"\x01", &sized(b"other")]);
    assert_eq!(demuxer.video(0, others), Ok(None));

    let mut demuxer = Demuxer::new();
    let config = joined(&[b"\x95\x10mp4a", b"\x00", &sized(&AAC_CONFIG[2..]), b"\x01", &sized(b"x")]);
    assert!(matches!(media(demuxer.audio(0, config)), Media::AudioConfig(_)));
    assert_eq!(unit(demuxer.audio(0, joined(&[b"\x95\x01mp4a\x00", b"aac"]))).3, b"aac");
}

#[test]
fn it_refuses_broken_multitrack_messages() {
    let mut demuxer = Demuxer::new();
    let undefined = FlvError::Undefined { track: "video", field: "multitrack type", value: 3 };
    assert_eq!(demuxer.video(0, joined(&[b"\x96\x31avc1\x00x"])), Err(undefined));
    let cut = FlvError::Truncated { track: "video", field: "track" };
    assert_eq!(demuxer.video(0, joined(&[b"\x96\x11avc1\x00\x00\x00\x09cut"])), Err(cut));
}

#[test]
fn it_adds_nanoseconds() {
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    // ModEx, size 3, 500 000 ns, type 0, CodedFramesX.
    let packet = joined(&[b"\xa7\x02\x07\xa1\x20\x03avc1", b"x"]);
    assert_eq!(unit(demuxer.video(40, packet)), (3645, 3645, false, b"x".to_vec()));
    // Two prefixes, the first of another type and of 256 bytes in the long form, the second around CodedFrames.
    let packet = joined(&[b"\xa7\xff\x00\xff", &[9; 256], b"\x17\x02\x00\x2b\x68\x01avc1\x00\x00\x28", b"x"]);
    assert_eq!(unit(demuxer.video(40, packet)), (3601, 7201, false, b"x".to_vec()));
    let mut demuxer = Demuxer::new();
    media(demuxer.audio(0, AAC_CONFIG.into()));
    let packet = joined(&[b"\x97\x02\x07\xa1\x20\x01mp4a", b"aac"]);
    assert_eq!(unit(demuxer.audio(21, packet)).0, 1935);
}

#[test]
fn it_names_what_cannot_be_packaged_once() {
    let named =
        |track, codec: &str| Ok(Some(Demuxed::Unsupported(Unsupported { track, codec: codec.into() })));
    for (packet, codec) in [
        (&b"\x14"[..], "VP6"),
        (b"\x12", "Sorenson H.263"),
        (b"\x1e\x00", "id 14"),
        (b"\x90vp09", "VP9"),
        (b"\x90vvc1", "VVC"),
        (b"\x90zz\x01z", "FourCC zz\\x01z"),
    ] {
        let mut demuxer = Demuxer::new();
        assert_eq!(demuxer.video(0, Bytes::from_static(packet)), named(Track::Video, codec));
        assert_eq!(demuxer.video(0, Bytes::from_static(packet)), Ok(None));
    }
    for (packet, codec) in [
        (&b"\x2f"[..], "MP3"),
        (b"\xb2", "Speex"),
        (b"\x30", "PCM"),
        (b"\x90.mp3", "MP3"),
        (b"\x90fLaC", "FLAC"),
        (b"\x90ac-3", "AC-3"),
        (b"\x90ec-3", "E-AC-3"),
    ] {
        let mut demuxer = Demuxer::new();
        assert_eq!(demuxer.audio(0, Bytes::from_static(packet)), named(Track::Audio, codec));
        assert_eq!(demuxer.audio(0, Bytes::from_static(packet)), Ok(None));
    }
    assert_eq!(
        Demuxer::new().audio(0, Bytes::from_static(b"\xaf\x00\x41\x90")),
        named(Track::Audio, "AAC (an audio object type that is not AAC)")
    );
    let sentence = Unsupported { track: Track::Video, codec: "VP9".into() }.to_string();
    assert_eq!(sentence, "video codec VP9 cannot be packaged: send H.264, HEVC or AV1");
}

#[test]
fn it_goes_on_when_the_codec_becomes_one_that_it_knows() {
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    assert!(matches!(demuxer.video(0, joined(&[b"\x90vp09"])), Ok(Some(Demuxed::Unsupported(_)))));
    assert_eq!(demuxer.video(0, picture(true, 0, b"old").into()), Ok(None));
    assert_eq!(video_codec(demuxer.video(0, video_config().into())), VideoCodec::H264);
    assert_eq!(unit(demuxer.video(0, picture(true, 0, b"new").into())).3, b"new");
}

#[test]
fn it_says_a_configuration_once() {
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    assert_eq!(demuxer.video(0, video_config().into()), Ok(None));
    assert_eq!(video_codec(demuxer.video(0, joined(&[b"\x90hvc1", HEVC_RECORD]))), VideoCodec::Hevc);
    assert_eq!(video_codec(demuxer.video(0, video_config().into())), VideoCodec::H264);
    media(demuxer.audio(0, AAC_CONFIG.into()));
    assert_eq!(demuxer.audio(0, AAC_CONFIG.into()), Ok(None));
}

#[test]
fn it_drops_what_comes_before_its_configuration() {
    let mut demuxer = Demuxer::new();
    assert_eq!(demuxer.video(0, picture(true, 0, b"x").into()), Ok(None));
    assert_eq!(demuxer.audio(0, joined(&[b"\xaf\x01", b"x"])), Ok(None));
}

#[test]
fn it_drops_pictures_and_frames_of_nothing() {
    let mut demuxer = configured(b"av01", AV1_RECORD);
    assert_eq!(demuxer.video(0, joined(&[b"\x91av01"])), Ok(None));
    assert_eq!(demuxer.video(0, joined(&[b"\x91av01", b"\x12\x00"])), Ok(None));
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    assert_eq!(demuxer.video(0, picture(true, 0, b"").into()), Ok(None));
    media(demuxer.audio(0, AAC_CONFIG.into()));
    assert_eq!(demuxer.audio(0, joined(&[b"\xaf\x01"])), Ok(None));
}

#[test]
fn it_names_the_field_that_is_cut() {
    let mut demuxer = Demuxer::new();
    for (packet, field) in [
        (&b"\x17"[..], "packet type"),
        (b"\x17\x01\x00", "composition time"),
        (b"\x91av", "FourCC"),
        (b"\x91hvc1\x00", "composition time"),
        (b"\x97", "ModEx size"),
        (b"\x97\x02\x00", "ModEx data"),
        (b"\x97\x00\x00", "ModEx type"),
        (b"\x96", "multitrack type"),
    ] {
        let cut = FlvError::Truncated { track: "video", field };
        assert_eq!(demuxer.video(0, Bytes::from_static(packet)), Err(cut), "{packet:?}");
    }
}

#[test]
fn it_refuses_a_broken_configuration() {
    let refused = Demuxer::new().video(0, joined(&[b"\x17\x00\x00\x00\x00", &AVC_RECORD[..9]]));
    assert!(matches!(refused, Err(FlvError::Config { track: "video", .. })), "{refused:?}");
    let refused = Demuxer::new().audio(0, joined(&[b"\x90Opus", &OPUS_HEAD[..12]]));
    assert!(matches!(refused, Err(FlvError::Config { track: "audio", .. })), "{refused:?}");
}

/// 32-bit milliseconds roll over after 49.7 days; audio and video stay on one line.
#[test]
fn it_goes_on_past_the_roll_over() {
    let mut demuxer = configured(b"avc1", AVC_RECORD);
    media(demuxer.audio(u32::MAX - 50, AAC_CONFIG.into()));
    // The configuration came at 0: the first jump is one back.
    let before = unit(demuxer.video(u32::MAX - 9, picture(true, 0, b"x").into())).0;
    assert_eq!(before, -10 * 90);
    assert_eq!(unit(demuxer.audio(10, joined(&[b"\xaf\x01", b"x"]))).0, 10 * 90);
    assert_eq!(unit(demuxer.video(u32::MAX, picture(false, 0, b"x").into())).0, -90);
    assert_eq!(unit(demuxer.video(30, picture(false, 0, b"x").into())).0, 30 * 90);

    let mut demuxer = Demuxer::new();
    media(demuxer.video(u32::MAX - 99, video_config().into()));
    let after = unit(demuxer.video(0, picture(true, 0, b"x").into())).0;
    assert_eq!(after, (i64::from(u32::MAX) + 1) * 90);
}
