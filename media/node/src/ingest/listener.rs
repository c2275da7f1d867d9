//! The RTMP door: accepts connections up to a limit and gives each its shell.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sigma_door::{Descriptors, Handshake, Identity, Minutely, Opened, Place};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{Instrument, debug, info, info_span, warn};

use super::connection;
use crate::core::Core;
use crate::figures::Open;

/// A dead peer is noticed within some 25 s even when nothing is sent (the silence rules are quicker on air).
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// A TLS handshake is over within this, or its client is given up.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How long connections may take to hang up once the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Serves RTMP on `listener` until `stop` turns true, over TLS where there is an `identity` to show; then no connection
/// stays.
pub(crate) async fn serve(
    listener: TcpListener,
    identity: Option<Identity>,
    core: Arc<Core>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let (told, failed) = (Minutely::default(), Minutely::default());
    let descriptors = core.settings.pressure.descriptors();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = super::stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            // Out of descriptors, or a peer that left before it was accepted: neither ends the door.
            Err(error) => {
                if !Descriptors::are_lacking(&error)
                    && let Some(times) = failed.happened()
                {
                    warn!(%error, times, "RTMP connections could not be accepted");
                }
                descriptors.make_room(core.entrance.places()).await;
                continue;
            }
        };
        let socket = tokio::select! {
            settled = descriptors.settle(socket, core.entrance.places()) => match settled {
                Ok(socket) => socket,
                Err(error) => {
                    debug!(%error, "an RTMP connection found no descriptor");
                    continue;
                }
            },
            () = super::stopped(&mut stop) => break,
        };
        let Ok(place) = core.entrance.places().enter(peer.ip(), false) else {
            core.figures.connections_refused.add(1);
            if let Some(times) = told.happened() {
                let limit = core.settings.max_connections;
                warn!(
                    limit,
                    times, "RTMP connections over the limit are closed unheard: all others are on air"
                );
            }
            continue;
        };
        if let Err(error) = prepare(&socket) {
            debug!(%error, "an RTMP socket would not take its options");
        }
        core.figures.connections.add(1);
        let open = Open::new(&core.figures.connections_open);
        let (core, stop, identity) = (Arc::clone(&core), stop.clone(), identity.clone());
        let span = info_span!("rtmp", peer = %peer, tls = identity.is_some());
        let shell = async move {
            match identity {
                None => {
                    let (read, write) = socket.into_split();
                    connection::run(read, write, peer, place, core, stop).await;
                }
                Some(identity) => secured(socket, &identity, peer, place, core, stop).await,
            }
            drop(open);
        };
        connections.spawn(shell.instrument(span));
    }
    drop(listener);
    let all_gone = async { while connections.join_next().await.is_some() {} };
    if sigma_clock::timeout(STOP_WITHIN, all_gone).await.is_err() {
        connections.shutdown().await;
    }
}

/// Shakes hands, then runs the connection.
async fn secured(
    socket: TcpStream,
    identity: &Identity,
    peer: SocketAddr,
    place: Place,
    core: Arc<Core>,
    mut stop: watch::Receiver<bool>,
) {
    let opened = tokio::select! {
        opened = sigma_door::open(socket, identity, HANDSHAKE_WITHIN) => opened,
        () = place.sent_away() => {
            core.figures.connections_sent_away.add(1);
            return;
        }
        () = super::stopped(&mut stop) => return,
    };
    core.figures.handshakes.count(Handshake::of(&opened));
    match opened {
        Ok(Opened::Tls(socket)) => {
            let (read, write) = tokio::io::split(*socket);
            connection::run(read, write, peer, place, core, stop).await;
        }
        Ok(Opened::Clear(_)) => {
            info!("a client speaks RTMP in clear at the RTMPS door; it is to use rtmps://")
        }
        Err(error) => debug!(%error, "an RTMPS connection was not opened"),
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
