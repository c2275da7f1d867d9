//! The one writer of a session: packages what its feed delivers, and goes on with gaps while there is none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sigma_clock::{Instant, Timestamp, monotonic};
use sigma_elementary::{AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_hls::{Append, Input, Rendition, View};
use sigma_log::{Entry, LogError, SegmentLog};
use sigma_packager::{InitSection, Output, Packager};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::frame_rate::FrameRate;
use super::gather::gather;
use super::handle::{FeedEnd, Message};
use super::health::Monitor;
use super::live::LiveSession;
use super::pen::{Pen, Stand};
use super::reports::Reports;
use super::time::SteadyTime;
use super::warnings::Warnings;
use crate::control::{InputFormat, LossCause, Report, SessionFacts, WarningChange};
use crate::core::Core;
use crate::figures::FeedEnding;
use crate::ingest::OnAirFeed;
use crate::keeping;

/// How often silence is looked for and old segments are let go.
const ROUND: Duration = Duration::from_millis(500);

/// Media that nothing can be made of for so long beyond `ingestSilence` (no key frame comes) counts as silence.
const UNDERSTOOD_WITHIN: Duration = Duration::from_secs(10);

/// How long the end of a session waits for a disk that hangs: less than a stop of the platform may take.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// The feed on air.
struct CurrentFeed {
    number: u32,
    seat: Arc<OnAirFeed>,
    /// Whether its media was reported as understood since it came, or came back.
    announced: bool,
    /// Nothing came for `ingestSilence`; the connection stands.
    silent: bool,
    video: Option<VideoConfig>,
    audio: Option<AudioConfig>,
}

/// What a session's actor works with.
pub(super) struct Work {
    pub(super) log: SegmentLog,
    pub(super) packager: Packager,
    pub(super) rendition: Rendition,
    pub(super) monitor: Monitor,
}

/// The actor's state; [`Actor::run`] ends with the session or the server.
pub(super) struct Actor {
    core: Arc<Core>,
    live: Arc<LiveSession>,
    pen: Pen,
    log_broken: bool,
    packager: Packager,
    rendition: Rendition,
    monitor: Monitor,
    reports: Reports,
    warnings: Warnings,
    time: SteadyTime,
    feed: Option<CurrentFeed>,
    init: Option<InitSection>,
    frame_rate: FrameRate,
    told_rate: Option<u32>,
    playable: bool,
    last_part: Instant,
    over: bool,
    /// Its playlist has its end.
    ended: bool,
}

impl Actor {
    pub(super) fn new(
        core: Arc<Core>,
        live: Arc<LiveSession>,
        work: Work,
        mail: mpsc::WeakSender<Message>,
    ) -> Self {
        let Work { log, packager, rendition, monitor } = work;
        let reports = Reports::start(Arc::clone(&core.control), live.facts.session.clone(), mail);
        let warnings = Warnings::start(Arc::clone(&core.control), live.facts.session.clone());
        let time = SteadyTime::new(Arc::clone(&core.clock));
        let pen = Pen::new(core.scribe.clone(), log);
        Self {
            core,
            live,
            pen,
            log_broken: false,
            packager,
            rendition,
            monitor,
            reports,
            warnings,
            time,
            feed: None,
            init: None,
            frame_rate: FrameRate::default(),
            told_rate: None,
            playable: false,
            last_part: monotonic(),
            over: false,
            ended: false,
        }
    }

    /// The server is there again: what was listed stays, the outage becomes a gap.
    pub(super) fn restarted(&mut self) {
        let steps = self.rendition.handle(Input::Restarted { now_us: self.time.now_us() });
        let stand = self.pen.write_here(&steps);
        self.show(steps, stand);
    }

    pub(super) async fn run(mut self, mut mail: mpsc::Receiver<Message>) {
        let mut rounds = sigma_clock::interval(ROUND);
        while !self.over {
            let gap_due =
                self.rendition.next_tick_us().map(|due| due.saturating_sub(self.time.now_us()).max(0));
            let gap = async {
                match gap_due {
                    Some(due) => sigma_clock::sleep(Duration::from_micros(due.unsigned_abs())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                message = mail.recv() => match message {
                    Some(message) => self.take(message).await,
                    None => self.over = true,
                },
                () = gap => {
                    let input = Input::Tick { now_us: self.time.now_us() };
                    self.hand(input).await;
                }
                _ = rounds.tick() => self.round().await,
            }
        }
        if !self.pen.settle(SETTLE_WITHIN).await {
            warn!(session.id = %self.live.facts.session, "the disk hangs: the end of the segment log is not written yet");
        }
        if self.ended {
            keeping::tell(&self.core, &self.live.facts.session);
        }
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::FeedOpened { feed, seat } => self.feed_opened(feed, seat).await,
            Message::Media { feed, media, read } => {
                self.media(feed, media, read).await;
                self.observe();
            }
            Message::Unusable { feed, what } if self.is_current(feed) => {
                self.report(feed, Report::Unusable(what));
            }
            Message::Unusable { .. } => {}
            Message::FeedEnded { feed, end, done } => {
                if self.is_current(feed) {
                    self.feed_ended(feed, end).await;
                }
                self.when_taken(done);
            }
            Message::GoLive => {
                let input = Input::GoLive { from_start: self.live.facts.auto_go_live };
                self.hand(input).await;
            }
            Message::End { reason } => self.end(&reason).await,
            Message::Park { done } => {
                self.park().await;
                self.when_taken(done);
            }
        }
    }

    /// Answers once every report so far is taken.
    fn when_taken(&self, done: oneshot::Sender<()>) {
        let reports = self.reports.clone();
        tokio::spawn(async move {
            reports.taken().await;
            // Nobody waits any more: as well.
            let _ = done.send(());
        });
    }

    fn is_current(&self, feed: u32) -> bool {
        self.feed.as_ref().is_some_and(|current| current.number == feed)
    }

    async fn feed_opened(&mut self, number: u32, seat: Arc<OnAirFeed>) {
        if self.feed.as_ref().is_some_and(|current| current.number >= number) {
            return;
        }
        if self.feed.is_some() {
            self.lose().await;
        }
        self.time.set();
        self.monitor.feed_began(self.time.now_us());
        self.warnings.feed_opened(number);
        // A report of the feed before may have come too late to count.
        self.playable = false;
        self.last_part = monotonic();
        self.feed =
            Some(CurrentFeed { number, seat, announced: false, silent: false, video: None, audio: None });
    }

    async fn media(&mut self, number: u32, media: Media, read: Instant) {
        let Some(feed) = self.feed.as_mut().filter(|feed| feed.number == number) else { return };
        let now_us = self.time.now_us();
        self.monitor.media(now_us, &media, read.elapsed());
        let mut outputs = Vec::new();
        if std::mem::take(&mut feed.silent) {
            // The encoder does not describe its media again on a standing connection; the packager has forgotten.
            let video = feed.video.clone().map(Media::VideoConfig);
            let audio = feed.audio.clone().map(Media::AudioConfig);
            for config in video.into_iter().chain(audio) {
                outputs.extend(self.packager.push(now_us, config));
            }
        }
        match &media {
            Media::VideoConfig(config) => feed.video = Some(config.clone()),
            Media::AudioConfig(config) => feed.audio = Some(config.clone()),
            Media::Video(_) | Media::Audio(_) => {}
        }
        if self.rendition.is_lost() && !feed.announced {
            self.hand(Input::FeedBack { at_us: now_us }).await;
        }
        let began = monotonic();
        outputs.extend(self.packager.push(now_us, media));
        if self.packaged(now_us, outputs).await {
            self.core.figures.part_durations.observe(began.elapsed());
        }
    }

    /// Carries out what the packager says; answers whether a part is among it.
    async fn packaged(&mut self, now_us: i64, mut outputs: Vec<Output>) -> bool {
        if outputs.is_empty() {
            return false;
        }
        let mut parts = false;
        let mut changed = false;
        for output in &mut outputs {
            match output {
                Output::Init(init) => {
                    changed |= self.init.as_ref() != Some(init);
                    self.frame_rate = FrameRate::default();
                    self.told_rate = None;
                    self.init = Some(init.clone());
                }
                Output::Part(part) => {
                    self.frame_rate.count(part);
                    part.bytes = gather(&part.bytes);
                    self.core.figures.parts.add(1);
                    parts = true;
                }
                Output::Warning(warning) => {
                    info!(session.id = %self.live.facts.session, ?warning, "the feed could be better");
                    self.monitor.packager_warned(warning);
                }
                Output::SegmentEnd(_) => self.core.figures.segments.add(1),
                Output::Discontinuity => self.core.figures.discontinuities.add(1),
                Output::TargetDuration(_) => {}
            }
        }
        self.hand(Input::Packaged { now_us, outputs }).await;
        let stated = self.init.as_ref().and_then(|init| init.frame_rate_milli);
        let told = self.frame_rate.told(stated);
        if told.is_some() && self.told_rate.is_none() {
            // A rate that could only be measured is news for the control plane; its jitter is not.
            changed |= self.playable;
            self.told_rate = told;
        }
        self.live.set_frame_rate(told);
        if changed && let Some(feed) = &mut self.feed {
            feed.announced = false;
        }
        if parts {
            self.last_part = monotonic();
            self.announce();
        }
        parts
    }

    /// Reports what is new for the control plane once media of the feed is packaged.
    fn announce(&mut self) {
        let format = self.input_format();
        let Some(feed) = &mut self.feed else { return };
        let number = feed.number;
        if !std::mem::replace(&mut feed.announced, true) {
            self.report(number, Report::Processing(format));
        }
        if !self.playable && self.live.read(|timeline| timeline.is_playable(View::Preview)) {
            self.playable = true;
            self.report(number, Report::Playable);
        }
    }

    fn input_format(&self) -> InputFormat {
        let mut format = InputFormat::default();
        let Some(feed) = &self.feed else { return format };
        if let Some(video) = &feed.video {
            let codec = match video.codec {
                VideoCodec::H264 => "h264",
                VideoCodec::Hevc => "hevc",
                VideoCodec::Av1 => "av1",
            };
            format.video_codec = Some(codec.to_owned());
            format.width = Some(video.width);
            format.height = Some(video.height);
            format.frame_rate_milli = self.told_rate;
        }
        if let Some(audio) = &feed.audio {
            let codec = match audio.codec {
                AudioCodec::Aac => "aac",
                AudioCodec::Opus => "opus",
            };
            format.audio_codec = Some(codec.to_owned());
            format.sample_rate = Some(audio.sample_rate);
            format.channels = Some(audio.channels);
        }
        format.bitrate = self.live.read(|timeline| timeline.bandwidth()).map(|bandwidth| bandwidth.average);
        format
    }

    async fn feed_ended(&mut self, number: u32, end: FeedEnd) {
        self.lose().await;
        self.feed = None;
        self.monitor.feed_gone();
        self.report(
            number,
            match end {
                FeedEnd::Left => Report::Left,
                FeedEnd::Cut | FeedEnd::Broken(_) => Report::Lost(LossCause::ConnectionBroken),
            },
        );
    }

    /// From here on the playlist goes on with gaps.
    async fn lose(&mut self) {
        let flushed = self.packager.finish();
        let input = Input::FeedLost { at_us: self.time.now_us(), flushed };
        self.hand(input).await;
    }

    /// Once a second: what the feed was like, and what became of its warnings.
    fn observe(&mut self) {
        let Some((sample, changes)) = self.monitor.tick(self.time.now_us()) else { return };
        let SessionFacts { session, channel, .. } = &self.live.facts;
        self.core.control.measured(session, channel, &sample);
        for change in changes {
            match &change {
                WarningChange::Raised(warning) => {
                    info!(session.id = %session, warning = warning.name.code(), said = %warning.message, "a warning was raised");
                    self.core.figures.warnings[warning.name as usize].add(1);
                }
                WarningChange::Cleared(name) => {
                    info!(session.id = %session, warning = name.code(), "a warning was cleared");
                }
            }
            self.warnings.send(self.core.clock.now(), change);
        }
    }

    async fn round(&mut self) {
        self.observe();
        self.live.forget(self.time.now_us());
        if self.log_broken {
            let stand = self.pen.look();
            for msn in self.account(stand) {
                self.live.refused(msn);
            }
        }
        let silence = self.core.settings.ingest_silence;
        let Some(feed) = &mut self.feed else { return };
        let nothing_made = self.last_part.elapsed() >= silence + UNDERSTOOD_WITHIN;
        if !feed.silent && (feed.seat.quiet_for() >= silence || nothing_made) {
            self.last_part = monotonic();
            feed.silent = true;
            feed.announced = false;
            let number = feed.number;
            info!(session.id = %self.live.facts.session, feed = number, "the feed is silent");
            self.core.figures.ended[FeedEnding::Silent as usize].add(1);
            self.lose().await;
            self.report(number, Report::Lost(LossCause::Silence));
        }
    }

    async fn end(&mut self, reason: &str) {
        if let Some(feed) = self.feed.take() {
            feed.seat.cut(reason);
        }
        let flushed = self.packager.finish();
        let input = Input::Stop { now_us: self.time.now_us(), flushed };
        self.hand(input).await;
        (self.over, self.ended) = (true, true);
        info!(session.id = %self.live.facts.session, reason, "the session's playlist has its end");
    }

    /// The server stops: what is whole is written down; the session stays resumable.
    async fn park(&mut self) {
        let flushed = self.packager.finish();
        let now_us = self.time.now_us();
        self.hand(Input::Packaged { now_us, outputs: flushed }).await;
        if let Some(feed) = self.feed.take() {
            self.report(feed.number, Report::Lost(LossCause::NodeStopped));
        }
        self.over = true;
    }

    fn report(&self, feed: u32, report: Report) {
        let at: Timestamp = self.core.clock.now();
        self.reports.send(feed, at, report);
    }

    /// Hands the rendition an input; what it says is written, then shown.
    async fn hand(&mut self, input: Input) {
        let steps = self.rendition.handle(input);
        if steps.is_empty() {
            return;
        }
        let stand = self.pen.write(&steps).await;
        if steps.iter().any(|step| matches!(step.entry, Entry::Ended)) && self.log_broken {
            warn!(session.id = %self.live.facts.session, "the session ended with an incomplete log");
        }
        self.show(steps, stand);
    }

    /// Shows steps to readers, as they stand in the log.
    fn show(&mut self, steps: Vec<Append>, stand: Stand) {
        let unwritten = stand.late || stand.written.iter().any(|written| written.result.is_err());
        let refused = self.account(stand);
        self.live.publish(steps, self.time.now_us(), unwritten);
        for msn in refused {
            self.live.refused(msn);
        }
    }

    /// Takes account of what the log did with what it was given; answers the segments of which it refused a part.
    fn account(&mut self, stand: Stand) -> Vec<u64> {
        let mut failure: Option<LogError> = None;
        let mut refused = Vec::new();
        let mut taken = false;
        for written in stand.written {
            match written.result {
                Ok(bytes) => {
                    taken = true;
                    self.core.figures.log_bytes.add(bytes);
                }
                Err(error) => {
                    self.core.figures.log_errors.add(1);
                    refused.extend(written.part_of);
                    failure.get_or_insert(error);
                }
            }
        }
        let session = &self.live.facts.session;
        // The live picture goes on from memory; the log keeps account of what it owes.
        if let Some(failure) = &failure {
            if !std::mem::replace(&mut self.log_broken, true) {
                self.core.unwritten.fetch_add(1, Ordering::Relaxed);
                error!(session.id = %session, error = %failure, "the segment log is not written");
            }
        } else if stand.late {
            if !std::mem::replace(&mut self.log_broken, true) {
                self.core.unwritten.fetch_add(1, Ordering::Relaxed);
                error!(session.id = %session, "the disk hangs and the segment log is not written; the live picture goes on from memory");
            }
        } else if taken && std::mem::take(&mut self.log_broken) {
            self.core.unwritten.fetch_sub(1, Ordering::Relaxed);
            self.live.written();
            info!(session.id = %session, "the segment log is written again");
        }
        refused
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if self.log_broken {
            self.core.unwritten.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
