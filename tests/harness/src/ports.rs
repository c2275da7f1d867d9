//! Ports for servers that are started a moment later, and again after they were killed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use tokio::net::TcpSocket;

/// What keeps the ports, until this process ends.
static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that this process gives once, and that nobody else gets by chance while its server is away.
///
/// A socket stays bound to it and never listens: the system then gives the port neither to who asks for any nor to a
/// connection as its own end. Who names the port may listen on it all the same, with `SO_REUSEADDR`, which servers set.
///
/// # Panics
/// Where no port is left.
pub fn free_port() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    let port = socket.local_addr().expect("a bound socket has an address").port();
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    port
}
