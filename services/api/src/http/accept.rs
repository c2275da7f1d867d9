//! The accept loop: our own, so that every connection is counted, bounded in time and ended in an orderly way.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use sigma_door::{Bounds, Descriptors, Full, Handshake, Identity, Minutely, Opened, Place, Pool, Rank};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{debug, info, warn};

use super::Shell;
use super::activity::Activity;
use super::answer::{Origin, Secured};
use super::clear;
use super::figures::Open;
use super::limits::Limits;

/// A socket takes no more while so much of it has not been sent yet.
const UNSENT_BYTES: u32 = 512 * 1024;
/// What of an HTTP/2 stream's answer waits for the socket.
const STREAM_BYTES: usize = 64 * 1024;
/// How long a connection that was asked to end for its idleness may take to do so.
const IDLE_GRACE: Duration = Duration::from_secs(2);
/// Answered by hand when there is no room for one more connection.
const FULL: &str = concat!(
    r#"{"error":{"code":"UNAVAILABLE","message":"the server has no room for one more connection","#,
    r#""mend":"try again in a few seconds"}}"#
);
/// The same, where an address has all that one may have.
const FULL_ADDRESS: &str = concat!(
    r#"{"error":{"code":"UNAVAILABLE","message":"your address has as many connections open as one address may","#,
    r#""mend":"close some, or ask the operator for a larger --limit-connections-address"}}"#
);

/// Serves `shell` on `listener` in clear until `stop` is cancelled; then lets what is in flight end within
/// [`Limits::drain`] and cuts the rest.
pub async fn serve(listener: TcpListener, shell: Shell, limits: Limits, stop: CancellationToken) {
    attend(listener, None, shell, limits, stop).await;
}

/// As [`serve`], over TLS, with what `identity` says at the time. Its configuration names the protocols of
/// [`PROTOCOLS`].
pub async fn serve_tls(
    listener: TcpListener,
    identity: Identity,
    shell: Shell,
    limits: Limits,
    stop: CancellationToken,
) {
    attend(listener, Some(identity), shell, limits, stop).await;
}

/// What is spoken over TLS, the better first (ALPN, RFC 7301; RFC 9113 §3.2).
pub const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

async fn attend(
    listener: TcpListener,
    identity: Option<Identity>,
    shell: Shell,
    limits: Limits,
    stop: CancellationToken,
) {
    let limits = Arc::new(limits);
    let places = Pool::new(Bounds {
        places: limits.connections,
        address: limits.connections_address,
        // Who has asked nothing yet is sent away when his place is wanted: a viewer's browser opens some ahead of need.
        strangers: limits.connections_address,
    });
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    let (full_told, failed) = (Minutely::default(), Minutely::default());
    let pressure = Arc::clone(shell.pressure());
    let descriptors = pressure.descriptors();
    descriptors.viewers_hold(&places);
    // Sockets and event streams go on until they are told.
    let _told = tokio_util::task::AbortOnDropHandle::new(tokio::spawn({
        let (stop, stopping) = (stop.clone(), shell.stopping().clone());
        async move {
            stop.cancelled().await;
            stopping.cancel();
        }
    }));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                if !Descriptors::are_lacking(&error)
                    && let Some(times) = failed.happened()
                {
                    warn!(%error, times, "cannot accept a connection; trying on");
                }
                descriptors.make_room(&places).await;
                continue;
            }
        };
        let stream = tokio::select! {
            settled = descriptors.settle(stream, &places) => match settled {
                Ok(stream) => stream,
                Err(error) => {
                    debug!(%error, %peer, "a connection found no descriptor");
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        match places.enter(peer.ip(), shell.speaks_for_many(peer.ip())) {
            Ok(place) => {
                let place = Arc::new(place);
                let connection = Connection {
                    peer,
                    secured: None,
                    place: Arc::clone(&place),
                    shell: shell.clone(),
                    limits: Arc::clone(&limits),
                    stop: stop.clone(),
                    cut: cut.clone(),
                };
                let lifeline = Lifeline(Arc::new(Held {
                    cut: cut.clone(),
                    place,
                    _open: shell.figures().connection_opened(),
                    _task: tasks.token(),
                }));
                match identity.clone() {
                    None => tasks.spawn(connection.run(stream, lifeline)),
                    Some(identity) => tasks.spawn(connection.shake_hands(stream, identity, lifeline)),
                };
            }
            Err(full) => {
                shell.figures().connection_refused();
                if let Some(times) = full_told.happened() {
                    let limit = match full {
                        Full::Door => limits.connections,
                        Full::Address => limits.connections_address,
                    };
                    warn!(limit, times, reason = ?full, "connections are at their limit; new ones are turned away");
                }
                // Who would have to shake hands to be told is not told: that is work.
                if identity.is_none() {
                    tasks.spawn(turn_away(stream, full));
                }
            }
        }
    }
    drop(listener);
    tasks.close();
    if sigma_clock::timeout(limits.drain, tasks.wait()).await.is_err() {
        info!(connections = tasks.len(), "cutting connections that are still busy");
        cut.cancel();
        tasks.wait().await;
    }
}

/// Errors that concern the connection that was about to be accepted, not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn turn_away(mut stream: TcpStream, full: Full) {
    let words = match full {
        Full::Door => FULL,
        Full::Address => FULL_ADDRESS,
    };
    // The peer may be gone: nothing to do about it.
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        words.len()
    );
    let _ = sigma_clock::timeout(Duration::from_secs(1), async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(words.as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
}

/// What a connection holds for as long as it is open, in the extensions of its requests: a socket goes on after the
/// request that asked for it.
#[derive(Clone)]
pub(crate) struct Lifeline(Arc<Held>);

struct Held {
    cut: CancellationToken,
    place: Arc<Place>,
    _open: Open,
    _task: TaskTrackerToken,
}

impl Lifeline {
    /// What is spoken over the connection lasts: it is served, whatever its requests were.
    pub(crate) fn lasts(&self) {
        self.0.place.rank(Rank::Served);
    }

    /// Waits until what is still busy is cut.
    pub(crate) async fn cut(&self) {
        self.0.cut.cancelled().await;
    }
}

struct Connection {
    peer: SocketAddr,
    /// Whether it has shaken hands.
    secured: Option<Secured>,
    place: Arc<Place>,
    shell: Shell,
    limits: Arc<Limits>,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Connection {
    /// The connection holds its place in the limits while it does so.
    async fn shake_hands(mut self, stream: TcpStream, identity: Identity, lifeline: Lifeline) {
        self.prepare(&stream);
        let opened = tokio::select! {
            opened = sigma_door::open(stream, &identity, self.limits.handshake_timeout) => opened,
            () = self.place.sent_away() => return self.shell.figures().connection_sent_away(),
            () = self.stop.cancelled() => return,
        };
        self.shell.figures().handshakes().count(Handshake::of(&opened));
        match opened {
            Ok(Opened::Tls(stream)) => {
                self.secured = Some(Secured);
                self.place.rank(Rank::Stranger);
                self.converse(stream, lifeline).await;
            }
            Ok(Opened::Clear(stream)) => {
                let (within, head) = (self.limits.handshake_timeout, self.limits.head_bytes);
                tokio::select! {
                    () = clear::answer(stream, within, head as usize) => {}
                    () = self.stop.cancelled() => {}
                }
            }
            Err(error) => debug!(%error, peer = %self.peer, "a connection was not opened"),
        }
    }

    async fn run(self, stream: TcpStream, lifeline: Lifeline) {
        self.prepare(&stream);
        self.converse(stream, lifeline).await;
    }

    async fn converse<S>(self, stream: S, lifeline: Lifeline)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new(Arc::clone(&self.place));
        let service = {
            let (shell, activity) = (Arc::new(self.shell.clone()), activity.clone());
            let origin = Origin { peer: self.peer, secured: self.secured, lifeline };
            service_fn(move |request: Request<Incoming>| {
                let (shell, origin, in_flight) = (Arc::clone(&shell), origin.clone(), activity.begin());
                async move { Ok::<_, Infallible>(shell.answer(request.map(Body::new), origin, in_flight).await) }
            })
        };
        let builder = self.builder();
        let mut served = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut ending = false;
        // A deadline for the peer once we asked it to end for its idleness.
        let mut last_call = None;
        loop {
            let wake = last_call.unwrap_or_else(|| activity.look_again(&self.limits));
            tokio::select! {
                result = served.as_mut() => {
                    if let Err(error) = result {
                        debug!(%error, peer = %self.peer, "a connection ended");
                    }
                    return;
                }
                () = self.cut.cancelled() => return,
                () = self.place.sent_away() => return self.shell.figures().connection_sent_away(),
                () = self.stop.cancelled(), if !ending => {
                    ending = true;
                    served.as_mut().graceful_shutdown();
                }
                () = sigma_clock::sleep_until(wake) => {
                    if last_call.is_some() && !activity.is_busy() {
                        return;
                    }
                    if activity.takes_too_little(&self.limits) {
                        debug!(peer = %self.peer, "a client that takes next to nothing of its answers is cut");
                        return self.shell.figures().slow_client_cut();
                    }
                    if activity.is_idle_for(self.limits.idle_timeout) {
                        ending = true;
                        served.as_mut().graceful_shutdown();
                        last_call = Some(sigma_clock::monotonic() + IDLE_GRACE);
                    } else {
                        last_call = None;
                    }
                }
            }
        }
    }

    fn prepare(&self, stream: &TcpStream) {
        if let Err(error) = self.set_up(stream) {
            debug!(%error, "cannot set up a connection");
        }
    }

    fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(self.limits.unacknowledged))?;
        // What waits for a slow client waits here, where it is shared, and not in the kernel's copy for each.
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
        let keepalive =
            TcpKeepalive::new().with_time(self.limits.idle_timeout).with_interval(Duration::from_secs(5));
        socket.set_tcp_keepalive(&keepalive)
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_headers(self.limits.headers)
            // A socket's answer names its protocol in the letters of the question, see `socket`.
            .preserve_header_case(true)
            .max_buf_size(self.limits.head_bytes as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(self.limits.head_bytes)
            .max_concurrent_streams(self.limits.streams)
            // Hyper's 400 kB for each stream would let one connection that never reads hold 40 MB of answers.
            .max_send_buf_size(STREAM_BYTES)
            .keep_alive_interval(self.limits.idle_timeout)
            .keep_alive_timeout(self.limits.head_timeout);
        builder
    }
}
