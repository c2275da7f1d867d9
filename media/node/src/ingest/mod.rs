//! Where broadcasters come in: the RTMP door, who is on air, and the shell round each connection.

mod connection;
mod entrance;
mod listener;
mod on_air;

pub(crate) use entrance::Entrance;
pub(crate) use listener::serve;
pub(crate) use on_air::{OnAir, OnAirFeed};

/// Resolves once the server stops.
pub(crate) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    // A sender that is gone stops too.
    let _ = stop.wait_for(|stop| *stop).await;
}
