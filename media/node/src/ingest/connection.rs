//! The shell round one RTMP connection: reads, writes and waits for the pure session, and carries its feed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sigma_clock::{Instant, monotonic};
use sigma_door::{Place, Rank};
use sigma_rtmp::flv::Track;
use sigma_rtmp::{Action, CloseReason, Input, Limits, PublishRefusal, Session};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::on_air::OnAirFeed;
use crate::control::{Denied, FeedFacts, FeedGrant, LossCause, Report, StreamKey, Unusable};
use crate::core::Core;
use crate::figures::{FeedEnding, Refusal};
use crate::session::{FeedEnd, SessionHandle, SessionOver};

/// One read takes at most this much: several video frames, and little enough for thousands of connections.
const READ_BUFFER: usize = 64 * 1024;

/// A client that does not read what it is told is given up after this.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// How long a closed connection is still read, so that the client gets to see why: data that nobody reads turns an
/// orderly end into a reset.
const LINGER: Duration = Duration::from_secs(1);

/// How long the end of a feed holds its channel's seat while the control plane is told.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);

/// How often the pure session and the silence rules see time pass.
const TICK: Duration = Duration::from_millis(500);

/// The span over which a feed's bit rate is held against its limit.
const RATE_SPAN: Duration = Duration::from_secs(10);

/// How a connection ended, for the feed on it.
type Ending = Result<(), String>;

/// Runs one connection to its end.
pub(crate) async fn run<R, W>(
    mut read: R,
    write: W,
    peer: SocketAddr,
    place: Place,
    core: Arc<Core>,
    stop: watch::Receiver<bool>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let now = monotonic();
    let mut shell = Shell {
        core,
        peer,
        place,
        write,
        protocol: Session::new(Limits::default()),
        began: now,
        feed: None,
        rate: Rate { since: now, bytes: 0 },
    };
    let ending = shell.drive(&mut read, stop).await;
    shell.leave(ending).await;
    let _ = sigma_clock::timeout(LINGER, shell.hang_up(&mut read)).await;
}

struct Shell<W> {
    core: Arc<Core>,
    peer: SocketAddr,
    place: Place,
    write: W,
    protocol: Session,
    began: Instant,
    feed: Option<Feed>,
    rate: Rate,
}

/// The feed that was let in on this connection.
struct Feed {
    channel: String,
    number: u32,
    seat: Arc<OnAirFeed>,
    session: SessionHandle,
    left: bool,
}

struct Rate {
    since: Instant,
    bytes: u64,
}

impl Rate {
    /// Counts bytes; says whether the last span's average was above `limit` bit/s.
    fn exceeds(&mut self, bytes: usize, limit: u64) -> bool {
        self.bytes += bytes as u64;
        let span = self.since.elapsed();
        let allowed = u128::from(limit) * RATE_SPAN.as_millis() / 8_000;
        let over = u128::from(self.bytes) > allowed;
        if span >= RATE_SPAN {
            *self = Self { since: monotonic(), bytes: 0 };
        }
        over
    }
}

/// What ends a connection from outside.
enum Call {
    /// The feed is cut, for this reason.
    Cut(String),
    SentAway,
    Stopped,
}

async fn called(
    seat: Option<Arc<OnAirFeed>>,
    sent_away: impl Future<Output = ()>,
    mut stop: watch::Receiver<bool>,
) -> Call {
    let cut = async {
        match seat {
            Some(seat) => seat.cut_reason().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        reason = cut => Call::Cut(reason),
        () = sent_away => Call::SentAway,
        () = super::stopped(&mut stop) => Call::Stopped,
    }
}

impl<W: AsyncWrite + Unpin> Shell<W> {
    async fn drive<R: AsyncRead + Unpin>(&mut self, read: &mut R, stop: watch::Receiver<bool>) -> Ending {
        let mut buffer = BytesMut::with_capacity(READ_BUFFER);
        let mut ticks = sigma_clock::interval(TICK);
        // Waits on through all reads of a feed: to begin anew with each message cost more than the message.
        let mut call = Box::pin(called(None, self.place.sent_away(), stop.clone()));
        let mut seated: Option<Arc<OnAirFeed>> = None;
        loop {
            let seat = self.feed.as_ref().map(|feed| &feed.seat);
            if seat.map(Arc::as_ptr) != seated.as_ref().map(Arc::as_ptr) {
                seated = seat.cloned();
                call.set(called(seated.clone(), self.place.sent_away(), stop.clone()));
            }
            let actions = tokio::select! {
                read = read.read_buf(&mut buffer) => match read {
                    Ok(0) => return Err("the connection was closed".into()),
                    Ok(count) => {
                        self.core.figures.received_bytes.add(count as u64);
                        if self.feed.is_none() {
                            self.place.rank(Rank::Stranger);
                        }
                        if self.feed.is_some() && self.rate.exceeds(count, self.core.settings.max_feed_bitrate) {
                            let limit = self.core.settings.max_feed_bitrate / 1_000_000;
                            warn!(limit_mbit = limit, "a feed is above its bit rate and is closed");
                            let reason = format!("the feed is above the limit of {limit} Mbit/s; lower its bitrate");
                            return self.close(reason).await;
                        }
                        let actions = self.protocol.handle(self.began.elapsed(), Input::Bytes(&buffer));
                        buffer.clear();
                        actions
                    }
                    Err(error) => return Err(error.to_string()),
                },
                _ = ticks.tick() => {
                    if let Some(feed) = &self.feed
                        && feed.seat.quiet_for() >= self.core.settings.silence_close
                    {
                        return self.close("no media came for too long; start the encoder again".into()).await;
                    }
                    self.protocol.handle(self.began.elapsed(), Input::Tick)
                }
                call = &mut call => match call {
                    Call::Cut(reason) => return self.close(reason).await,
                    Call::SentAway => {
                        self.core.figures.connections_sent_away.add(1);
                        return Err("it made room for another".into());
                    }
                    Call::Stopped => return Err("the server stops".into()),
                },
            };
            if let Some(ending) = self.perform(actions).await? {
                return ending;
            }
        }
    }

    /// Performs what the protocol wants, in order. `Some` when the connection is over.
    async fn perform(&mut self, actions: Vec<Action>) -> Result<Option<Ending>, String> {
        // A publish is answered by further actions, which come before what follows it.
        let mut queue = std::collections::VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            match action {
                Action::Send(bytes) => self.send(&bytes).await.map_err(|error| error.to_string())?,
                Action::Publish { key, encoder, .. } => {
                    let key = StreamKey::new(key.expose());
                    let answer = match self.admit(&key, encoder).await {
                        Ok(()) => Input::Accept,
                        Err(denied) => {
                            // A flood that is turned away must not become one in the log.
                            match denied {
                                Denied::Guessing | Denied::Restless => {
                                    debug!(reason = %denied, "a publisher was refused")
                                }
                                _ => info!(reason = %denied, "a publisher was refused"),
                            }
                            self.core.figures.refused[Refusal::from(denied) as usize].add(1);
                            let code = match denied {
                                Denied::UnknownKey | Denied::OnAir => PublishRefusal::BadName,
                                _ => PublishRefusal::Denied,
                            };
                            Input::Refuse { code, description: denied.to_string() }
                        }
                    };
                    let mut answered = self.protocol.handle(self.began.elapsed(), answer);
                    while let Some(action) = answered.pop() {
                        queue.push_front(action);
                    }
                }
                Action::Media(media) => {
                    if let Some(feed) = &self.feed {
                        feed.seat.delivered();
                        if feed.session.media(feed.number, media).await.is_err() {
                            return Ok(Some(self.close("the session has ended".into()).await));
                        }
                    }
                }
                Action::Metadata(metadata) => debug!(?metadata, "the encoder described its stream"),
                Action::Unsupported(what) => {
                    warn!(%what, "the feed carries what cannot be packaged");
                    if let Some(feed) = &self.feed {
                        let track = match what.track {
                            Track::Audio => Unusable::AudioCodec,
                            Track::Video => Unusable::VideoCodec,
                        };
                        feed.session.unusable(feed.number, track).await;
                        return Ok(Some(self.close(what.to_string()).await));
                    }
                }
                Action::Unpublish => {
                    if let Some(feed) = &mut self.feed {
                        feed.left = true;
                    }
                }
                Action::Close { reason } => {
                    return Ok(Some(match reason {
                        CloseReason::Platform(_) | CloseReason::Refused { .. } => Ok(()),
                        reason => {
                            // A stranger's nonsense is of no interest, and may come a thousand times a second.
                            match &self.feed {
                                Some(_) => info!(%reason, "an RTMP connection was closed"),
                                None => debug!(%reason, "an RTMP connection was closed"),
                            }
                            Err(reason.to_string())
                        }
                    }));
                }
            }
            if self.feed.as_ref().is_some_and(|feed| feed.left) {
                self.leave(Ok(())).await;
            }
        }
        Ok(None)
    }

    /// May this key publish? If so the feed has its seat and its session.
    async fn admit(&mut self, key: &StreamKey, encoder: Option<String>) -> Result<(), Denied> {
        let core = Arc::clone(&self.core);
        if core.stopping.load(Ordering::Relaxed) {
            return Err(Denied::Unavailable);
        }
        let address = self.peer.ip();
        if !core.entrance.may_try(address, key) {
            return Err(Denied::Guessing);
        }
        let holder = match core.control.resolve_key(key).await {
            Ok(holder) => holder,
            Err(denied) => {
                if denied == Denied::UnknownKey {
                    core.entrance.wrong_key(address, key);
                }
                return Err(denied);
            }
        };
        core.entrance.good_key(key);
        let admitted = self.take_seat(&core, holder.channel.clone(), encoder).await;
        core.on_air.tidy(&holder.channel);
        admitted
    }

    async fn take_seat(
        &mut self,
        core: &Arc<Core>,
        channel: String,
        encoder: Option<String>,
    ) -> Result<(), Denied> {
        // Held until the feed has its session: of two feeds on one key the second waits for what the first gets.
        let mut claim = core.on_air.claim(&channel).await;
        let takeover = claim.occupant().is_some();
        if claim.occupant().is_some_and(|occupant| occupant.quiet_for() < core.settings.takeover_after) {
            return Err(Denied::OnAir);
        }
        if !core.entrance.may_arrive(&channel) {
            return Err(Denied::Restless);
        }
        // Who is on air goes on, and so does who comes back to a session that waits for him.
        if !takeover && !core.sessions.is_on_air(&channel) {
            if core.sessions.on_air_count().max(core.on_air.count()) >= core.settings.max_sessions {
                return Err(Denied::Full);
            }
            if core.settings.pressure.memory() {
                return Err(Denied::NoMemory);
            }
        }
        let room_to_record = !core.room.now().is_full();
        let facts = FeedFacts { peer: self.peer.to_string(), encoder, protocol: "rtmp", room_to_record };
        let FeedGrant { session, feed: number } = core.control.open_feed(&channel, facts).await?;
        core.entrance.arrived(&channel);
        let seat = claim.seat();
        info!(session.id = %session.session, channel.id = %session.channel, feed = number, takeover, "a feed is on air");
        if !room_to_record && !session.keeps {
            warn!(session.id = %session.session, "the session is not recorded: recordings have used up their room");
        }
        core.figures.feeds.add(1);
        core.figures.takeovers.add(takeover.into());
        let id = session.session.clone();
        match core.sessions.feed_opened(core, session, number, Arc::clone(&seat)).await {
            Ok(handle) => {
                self.rate = Rate { since: monotonic(), bytes: 0 };
                self.place.rank(Rank::Served);
                self.feed = Some(Feed { channel, number, seat, session: handle, left: false });
                Ok(())
            }
            Err(denied) => {
                claim.leave(&seat);
                drop(claim);
                self.report_lost(&id, number).await;
                Err(denied)
            }
        }
    }

    /// The feed on this connection, if there is one, is over.
    async fn leave(&mut self, ending: Ending) {
        let Some(feed) = self.feed.take() else {
            if let Err(reason) = ending {
                debug!(%reason, "an RTMP connection without a feed ended");
            }
            return;
        };
        self.place.rank(Rank::Idle);
        let (how, end) = match ending {
            _ if feed.left => (FeedEnding::Left, FeedEnd::Left),
            Ok(()) => (FeedEnding::Cut, FeedEnd::Cut),
            Err(reason) => (FeedEnding::Broken, FeedEnd::Broken(reason)),
        };
        self.core.figures.ended[how as usize].add(1);
        info!(session.id = %feed.session.id(), feed = feed.number, how = ?end, "a feed ended");
        // The seat is held until the control plane knows, so that who publishes again at once is not taken for a second
        // encoder, and an orderly end is one.
        let mut claim = self.core.on_air.claim(&feed.channel).await;
        match sigma_clock::timeout(KNOWN_WITHIN, feed.session.feed_ended(feed.number, end)).await {
            Ok(Ok(())) => {}
            Ok(Err(SessionOver)) => self.report_lost(feed.session.id(), feed.number).await,
            Err(_) => debug!("the end of a feed is not taken yet"),
        }
        claim.leave(&feed.seat);
        drop(claim);
        self.core.on_air.tidy(&feed.channel);
    }

    /// Reports a loss that no session is there to report.
    async fn report_lost(&self, session: &str, feed: u32) {
        let at = self.core.clock.now();
        let lost = Report::Lost(LossCause::ConnectionBroken);
        if let Err(error) = self.core.control.report(session, feed, at, lost).await {
            warn!(session.id = session, feed, error = %error, "the loss of a feed could not be reported");
        }
    }

    /// Tells the client why, and closes.
    async fn close(&mut self, reason: String) -> Ending {
        let actions = self.protocol.handle(self.began.elapsed(), Input::Close { reason });
        for action in actions {
            if let Action::Send(bytes) = action {
                // A client that no longer reads is closed all the same.
                let _ = self.send(&bytes).await;
            }
        }
        Ok(())
    }

    /// Ends the writing side, then reads what the client still sends until it hangs up too.
    async fn hang_up<R: AsyncRead + Unpin>(&mut self, read: &mut R) {
        if self.write.shutdown().await.is_ok() {
            let mut rest = vec![0; READ_BUFFER];
            while matches!(read.read(&mut rest).await, Ok(1..)) {}
        }
    }

    async fn send(&mut self, bytes: &Bytes) -> io::Result<()> {
        let sent = async {
            self.write.write_all(bytes).await?;
            // Over TLS what was taken need not have gone out.
            self.write.flush().await
        };
        match sigma_clock::timeout(WRITE_WITHIN, sent).await {
            Ok(written) => written,
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read what it is told"))
            }
        }
    }
}
