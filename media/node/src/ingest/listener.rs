//! The RTMP door: accepts connections up to a limit and gives each its shell.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{Instrument, debug, info_span, warn};

use super::connection;
use crate::core::Core;
use crate::figures::Open;

/// A dead peer is noticed within some 25 s even when nothing is sent (the silence rules are quicker on air).
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// How often it is said that connections are over the limit.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How long connections may take to hang up once the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Serves RTMP on `listener` until `stop` turns true; then no connection stays.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let seats = Arc::new(Semaphore::new(core.settings.max_connections));
    let mut connections = JoinSet::new();
    let mut told = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = super::stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a peer that left before it was accepted: neither ends the door.
                warn!(%error, "an RTMP connection could not be accepted");
                sigma_clock::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            core.figures.connections_refused.add(1);
            if told.is_none_or(|told: Instant| told.elapsed() >= TELL_EVERY) {
                told = Some(monotonic());
                warn!(limit = core.settings.max_connections, %peer, "RTMP connections over the limit are closed unheard");
            }
            continue;
        };
        if let Err(error) = prepare(&socket) {
            debug!(%error, "an RTMP socket would not take its options");
        }
        core.figures.connections.add(1);
        let open = Open::new(&core.figures.connections_open);
        let (core, stop) = (Arc::clone(&core), stop.clone());
        let span = info_span!("rtmp", peer = %peer);
        let shell = async move {
            connection::run(socket, peer, core, stop).await;
            drop((seat, open));
        };
        connections.spawn(shell.instrument(span));
    }
    drop(listener);
    let all_gone = async { while connections.join_next().await.is_some() {} };
    if sigma_clock::timeout(STOP_WITHIN, all_gone).await.is_err() {
        connections.shutdown().await;
    }
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
