//! The accept loop: our own, so that every connection is counted, bounded in time and ended in an orderly way.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{debug, info, warn};

use super::Shell;
use super::activity::Activity;
use super::figures::Open;
use super::limits::Limits;

/// How long the loop rests when the process has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long a connection that was asked to end for its idleness may take to do so.
const IDLE_GRACE: Duration = Duration::from_secs(2);
/// Answered by hand when there is no room for one more connection.
const FULL: &str = concat!(
    r#"{"error":{"code":"UNAVAILABLE","message":"the server has no room for one more connection","#,
    r#""mend":"try again in a few seconds"}}"#
);

/// Serves `shell` on `listener` until `stop` is cancelled; then lets what is in flight end within
/// [`Limits::drain`] and cuts the rest.
pub async fn serve(listener: TcpListener, shell: Shell, limits: Limits, stop: CancellationToken) {
    let limits = Arc::new(limits);
    let room = Arc::new(Semaphore::new(limits.connections));
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    let mut full_said = false;
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
                warn!(%error, "cannot accept a connection; trying on");
                sigma_clock::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                full_said = false;
                let connection = Connection {
                    peer,
                    shell: shell.clone(),
                    limits: Arc::clone(&limits),
                    stop: stop.clone(),
                    cut: cut.clone(),
                };
                let lifeline = Lifeline(Arc::new(Held {
                    cut: cut.clone(),
                    _permit: permit,
                    _open: shell.figures().connection_opened(),
                    _task: tasks.token(),
                }));
                tasks.spawn(connection.run(stream, lifeline));
            }
            Err(_) => {
                shell.figures().connection_refused();
                if !full_said {
                    warn!(
                        limit = limits.connections,
                        "connections are at their limit; new ones are turned away"
                    );
                    full_said = true;
                }
                tasks.spawn(turn_away(stream));
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

async fn turn_away(mut stream: TcpStream) {
    // The peer may be gone: nothing to do about it.
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        FULL.len()
    );
    let _ = sigma_clock::timeout(Duration::from_secs(1), async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(FULL.as_bytes()).await?;
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
    _permit: OwnedSemaphorePermit,
    _open: Open,
    _task: TaskTrackerToken,
}

impl Lifeline {
    /// Waits until what is still busy is cut.
    pub(crate) async fn cut(&self) {
        self.0.cut.cancelled().await;
    }
}

struct Connection {
    peer: SocketAddr,
    shell: Shell,
    limits: Arc<Limits>,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream, lifeline: Lifeline) {
        if let Err(error) = self.prepare(&stream) {
            debug!(%error, "cannot set up a connection");
        }
        let activity = Activity::new();
        let service = {
            let (shell, peer, activity) = (self.shell.clone(), self.peer, activity.clone());
            service_fn(move |mut request: Request<Incoming>| {
                let (shell, in_flight) = (shell.clone(), activity.begin());
                request.extensions_mut().insert(lifeline.clone());
                async move {
                    let response = shell.answer(request.map(Body::new), peer, in_flight).await;
                    Ok::<Response<Body>, Infallible>(response)
                }
            })
        };
        let builder = self.builder();
        let mut served = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut ending = false;
        // A deadline for the peer once we asked it to end for its idleness.
        let mut last_call = None;
        loop {
            let wake = last_call.unwrap_or_else(|| activity.idle_since() + self.limits.idle_timeout);
            tokio::select! {
                result = served.as_mut() => {
                    if let Err(error) = result {
                        debug!(%error, peer = %self.peer, "a connection ended");
                    }
                    return;
                }
                () = self.cut.cancelled() => return,
                () = self.stop.cancelled(), if !ending => {
                    ending = true;
                    served.as_mut().graceful_shutdown();
                }
                () = sigma_clock::sleep_until(wake) => {
                    if last_call.is_some() && !activity.is_busy() {
                        return;
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

    fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(self.limits.unacknowledged))?;
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
            .keep_alive_interval(self.limits.idle_timeout)
            .keep_alive_timeout(self.limits.head_timeout);
        builder
    }
}
