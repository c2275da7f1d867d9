//! Health through a session's actor, on paused time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sigma_clock::{ManualClock, Timestamp};
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use tempfile::TempDir;

use super::handle::{FeedEnd, SessionHandle};
use crate::control::{LatencyMode, NodeSettings, SessionFacts, WarningName};
use crate::ingest::OnAirFeed;
use crate::office::Office;
use crate::{HealthSample, Node, SessionHealth};

/// Written by x264: 1280×720 at 30 frames a second.
const AVC_720P: &str = "0142c01fffe100176742c01fda014016ec0440000003004000000f03c60ca801000468ce0fc8";

/// A picture every 40 ms.
const FRAME: Duration = Duration::from_millis(40);

pub(super) struct Studio {
    office: Arc<Office>,
    pub(super) node: Node,
    folder: TempDir,
    mode: LatencyMode,
    pub(super) media_ms: i64,
}

fn facts(mode: LatencyMode) -> SessionFacts {
    SessionFacts {
        session: "se_1".into(),
        channel: "ch_1".into(),
        playback_id: "pb_1".into(),
        mode,
        auto_go_live: true,
        rewind: Duration::from_secs(60),
        keeps: true,
        live: false,
        has_media: false,
    }
}

fn hex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect::<Vec<u8>>().into()
}

fn node(folder: &TempDir, office: &Arc<Office>) -> Node {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
    Node::open(NodeSettings::new([7; 32]), folder.path(), office.clone(), clock).unwrap()
}

impl Studio {
    fn new() -> Self {
        Self::of(LatencyMode::Low)
    }

    pub(super) fn of(mode: LatencyMode) -> Self {
        let (office, folder) = (Office::there(), tempfile::tempdir().unwrap());
        Self { node: node(&folder, &office), office, folder, mode, media_ms: 0 }
    }

    /// The server went down and is there again.
    pub(super) fn restart(&mut self) {
        self.node = node(&self.folder, &self.office);
        self.node.restore(vec![facts(self.mode)]);
    }

    pub(super) async fn feed(&self, number: u32) -> (SessionHandle, Arc<OnAirFeed>) {
        let core = &self.node.core;
        let seat = core.on_air.claim("ch_1").await.seat();
        let handle =
            core.sessions.feed_opened(core, facts(self.mode), number, Arc::clone(&seat)).await.unwrap();
        let video = VideoConfig::parse(VideoCodec::H264, hex(AVC_720P)).unwrap();
        let audio = AudioConfig::parse(AudioCodec::Aac, hex("1190")).unwrap();
        handle.media(number, Media::VideoConfig(video)).await.unwrap();
        handle.media(number, Media::AudioConfig(audio)).await.unwrap();
        (handle, seat)
    }

    async fn play(&mut self, seconds: i64, feed: &(SessionHandle, Arc<OnAirFeed>), number: u32, sound: bool) {
        let until = self.media_ms + seconds * 1_000;
        while self.media_ms < until {
            let time = self.media_ms * 90;
            let key = self.media_ms % 1_000 == 0;
            let data: &'static [u8] =
                if key { &[0, 0, 0, 5, 0x65, 1, 2, 3, 4] } else { &[0, 0, 0, 5, 0x41, 1, 2, 3, 4] };
            let unit = AccessUnit { dts: time, pts: time, key, data: Bytes::from_static(data) };
            feed.1.delivered();
            feed.0.media(number, Media::Video(unit)).await.unwrap();
            // 1,024 samples of 48 kHz each.
            let due = (time..time + 40 * 90).filter(|tick| sound && tick % 1_920 == 0);
            for at in due {
                let frame: Vec<u8> = (0..200u8).collect();
                let unit = AccessUnit { dts: at, pts: at, key: true, data: frame.into() };
                feed.0.media(number, Media::Audio(unit)).await.unwrap();
            }
            self.media_ms += 40;
            sigma_clock::sleep(FRAME).await;
        }
    }

    fn health(&self) -> SessionHealth {
        self.node.health("se_1").unwrap()
    }

    fn standing(&self) -> Vec<WarningName> {
        self.health().latest().unwrap().warnings.iter().map(|standing| standing.warning.name).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_feeds_samples_can_be_read_and_followed_until_its_session_ends() {
    let mut studio = Studio::new();
    assert!(studio.node.health("se_1").is_none());
    let feed = studio.feed(1).await;
    let mut follower = studio.health().follow();
    let seconds = tokio::spawn(async move {
        let mut seconds = 0;
        while follower.next().await.is_some() {
            seconds += 1;
        }
        seconds
    });
    studio.play(10, &feed, 1, true).await;
    let latest = studio.health().latest().unwrap();
    assert_eq!(latest.sample.frame_rate_milli, Some(25_000));
    assert_eq!(latest.sample.key_frame_interval_ms, Some(1_000));
    assert!(latest.sample.audio_bitrate.abs_diff(75_000) < 4_000, "{latest:?}");
    let told = studio.node.figures();
    let shown = told.iter().find(|family| family.name == "sigma_session_frames_per_second").unwrap();
    assert_eq!(shown.samples[0].value, "25.000");
    studio.node.end("se_1", "enough").await;
    let seconds = seconds.await.unwrap();
    assert!((9..=11).contains(&seconds), "{seconds}");
    assert_eq!(studio.health().recent(900).len(), seconds, "what was stays readable");
    // The control plane was told each of them once, as it came.
    let told = std::mem::take(&mut *studio.office.measured.lock().unwrap());
    assert!(
        told.iter().all(|(session, channel, _)| (session.as_str(), channel.as_str()) == ("se_1", "ch_1"))
    );
    let told: Vec<HealthSample> = told.into_iter().map(|(_, _, sample)| sample).collect();
    assert_eq!(told, studio.health().recent(900));
}

#[tokio::test(start_paused = true)]
async fn a_warning_reaches_the_control_plane_and_outlives_its_feed() {
    let mut studio = Studio::new();
    let first = studio.feed(1).await;
    studio.play(20, &first, 1, false).await;
    assert_eq!(studio.office.names(1).await, ["+NO_AUDIO"]);
    first.0.feed_ended(1, FeedEnd::Broken("gone".into())).await.unwrap();
    sigma_clock::sleep(Duration::from_secs(50)).await;
    assert_eq!(studio.standing(), [WarningName::NoAudio], "a loss mends nothing");
    // Another encoder takes over, with sound.
    let second = studio.feed(2).await;
    studio.play(35, &second, 2, true).await;
    assert_eq!(studio.office.names(2).await, ["+NO_AUDIO", "-NO_AUDIO"]);
    assert_eq!(studio.standing(), []);
}

#[tokio::test(start_paused = true)]
async fn what_stood_when_the_server_stopped_is_cleared_once_the_feed_is_well() {
    let mut studio = Studio::new();
    let first = studio.feed(1).await;
    studio.play(20, &first, 1, false).await;
    studio.node.park().await;
    drop(first);
    studio.restart();
    let second = studio.feed(2).await;
    studio.play(20, &second, 2, true).await;
    assert_eq!(studio.office.names(1).await, ["+NO_AUDIO"], "it is not raised again, nor cleared in haste");
    studio.play(20, &second, 2, true).await;
    assert!(studio.office.names(2).await.contains(&"-NO_AUDIO".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn silence_on_a_standing_connection_has_samples_of_nothing() {
    let mut studio = Studio::new();
    let feed = studio.feed(1).await;
    studio.play(12, &feed, 1, true).await;
    sigma_clock::sleep(Duration::from_secs(20)).await;
    let latest = studio.health().latest().unwrap();
    assert_eq!((latest.sample.video_bitrate, latest.warnings.len()), (0, 0));
    assert!(studio.health().recent(900).len() >= 31);
    studio.media_ms += 20_000;
    studio.play(15, &feed, 1, true).await;
    let latest = studio.health().latest().unwrap();
    assert_eq!(latest.sample.frame_rate_milli, Some(25_000));
    assert_eq!(*studio.office.taken.borrow(), Vec::<String>::new());
}
