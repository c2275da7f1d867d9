//! The real packager before the rendition: what players see of whole broadcasts.

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_hls::{Input, Profile, View};
use sigma_packager::{Packager, Settings};

use crate::stage::Stage;

/// Written by x264: 1280×720 at 30 frames a second.
const AVC: &str = "0142c01fffe100176742c01fda014016ec0440000003004000000f03c60ca801000468ce0fc8";

struct Broadcast {
    stage: Stage,
    packager: Packager,
    settings: Settings,
    /// Frames since the feed's start.
    frame: i64,
    gop: i64,
}

impl Broadcast {
    fn new(profile: Profile, gop: i64) -> Self {
        let settings =
            Settings { part_target_ms: profile.part_target_ms, segment_target_ms: profile.segment_target_ms };
        let mut broadcast = Self {
            stage: Stage::new(profile, 0),
            packager: Packager::new(settings),
            settings,
            frame: 0,
            gop,
        };
        broadcast.configure();
        broadcast
    }

    fn push(&mut self, media: Media) {
        let outputs = self.packager.push(self.stage.now_us, media);
        if !outputs.is_empty() {
            self.stage.act(Input::Packaged { now_us: self.stage.now_us, outputs });
        }
    }

    fn configure(&mut self) {
        let record: Vec<u8> =
            (0..AVC.len()).step_by(2).map(|at| u8::from_str_radix(&AVC[at..at + 2], 16).unwrap()).collect();
        self.push(Media::VideoConfig(VideoConfig::parse(VideoCodec::H264, record.into()).unwrap()));
        self.push(Media::AudioConfig(
            AudioConfig::parse(AudioCodec::Aac, Bytes::from_static(&[0x11, 0x90])).unwrap(),
        ));
    }

    /// Frames in real time, in whole milliseconds as RTMP has them, each with the audio up to it.
    fn frames(&mut self, count: i64) {
        for _ in 0..count {
            let number = self.frame;
            self.frame += 1;
            self.stage.now_us += 33_333;
            let dts = number * 1_000 / 30 * 90;
            let key = number % self.gop == 0;
            let data = Bytes::copy_from_slice(&[0, 0, 0, 2, if key { 0x65 } else { 0x41 }, 1]);
            self.push(Media::Video(AccessUnit { dts, pts: dts, key, data }));
            for audio in number * 1_600 / 1_024..(number + 1) * 1_600 / 1_024 {
                let pts = audio * 1_024 * 1_000 / 48_000 * 90;
                self.push(Media::Audio(AccessUnit {
                    dts: pts,
                    pts,
                    key: true,
                    data: Bytes::from_static(&[1; 9]),
                }));
            }
        }
    }

    fn lose(&mut self) {
        let flushed = self.packager.finish();
        self.stage.act(Input::FeedLost { at_us: self.stage.now_us, flushed });
    }

    fn back(&mut self, gop: i64) {
        self.stage.act(Input::FeedBack { at_us: self.stage.now_us });
        (self.frame, self.gop) = (0, gop);
        self.configure();
    }

    fn gap_seconds(&self) -> f64 {
        self.stage.gap_seconds()
    }
}

#[test]
fn broadcasts_keep_the_rules_whatever_their_key_frames() {
    for profile in [Profile::ULTRA_LOW, Profile::LOW, Profile::NORMAL] {
        for gop in [30, 60, 120, 250, i64::MAX] {
            let mut broadcast = Broadcast::new(profile, gop);
            broadcast.frames(40 * 30);
            let list = broadcast.stage.list();
            assert!(list.segments.len() >= 2, "{profile:?} {gop}");
            assert_eq!(list.independent, gop <= 250, "{profile:?} {gop}");
            assert!(list.segments.iter().all(|seg| !seg.discontinuity && !seg.gap));
        }
    }
}

#[test]
fn a_broadcaster_who_comes_back_with_longer_gops_keeps_the_target_duration() {
    for profile in [Profile::ULTRA_LOW, Profile::LOW, Profile::NORMAL] {
        let mut broadcast = Broadcast::new(profile, 30);
        broadcast.frames(15 * 30 + 7);
        broadcast.stage.wait(5_000);
        broadcast.lose();
        broadcast.stage.wait(15_000);
        broadcast.back(250);
        broadcast.frames(9 * 30);
        let seconds = broadcast.gap_seconds();
        assert!((19.5..=20.6).contains(&seconds), "{seconds}");
        let list = broadcast.stage.list();
        assert_eq!(list.segments.iter().filter(|seg| seg.discontinuity).count(), 1);
    }
}

#[test]
fn a_restart_goes_on_with_the_packager_where_it_was() {
    for profile in [Profile::ULTRA_LOW, Profile::LOW, Profile::NORMAL] {
        let mut broadcast = Broadcast::new(profile, 60);
        broadcast.frames(15 * 30 + 7);
        let target = broadcast.stage.timeline.target_duration();
        broadcast.stage.restart(4_000);
        let media = broadcast.stage.timeline.media_ticks();
        broadcast.packager = Packager::resume(broadcast.settings, target, media);
        broadcast.stage.wait(2_000);
        broadcast.back(60);
        broadcast.frames(15 * 30);
        assert_eq!(broadcast.stage.timeline.target_duration(), target);
        let seconds = broadcast.gap_seconds();
        let lost = f64::from(profile.part_target_ms.unwrap_or(1_000)) / 1_000.0;
        assert!((5.9..=6.2 + lost).contains(&seconds), "{seconds}");
        broadcast.lose();
        broadcast.stage.stop();
        assert!(broadcast.stage.timeline.is_playable(View::Preview));
    }
}
