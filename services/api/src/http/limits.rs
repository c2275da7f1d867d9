//! Every bound that the HTTP door keeps, by name.

use std::time::Duration;

/// What one server grants to all connections, to one connection, to one token, and to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; one more is answered `503` and closed.
    pub connections: usize,
    /// Of these, from one address (IPv6: one /64); a trusted proxy is held to no share.
    pub connections_address: usize,
    /// Viewers at once: such as have asked for media within half a minute. One more is answered
    /// `503`.
    pub viewers: usize,
    /// Bytes a second that a client must take of an answer that waits for it, on average over `slow_span`.
    pub slowest: u64,
    /// Over how long that is judged.
    pub slow_span: Duration,
    /// Bytes of a request's head (HTTP/1.1), and of a header list (HTTP/2).
    pub head_bytes: u32,
    /// Header fields of one request.
    pub headers: usize,
    /// A request's head must be there this long after the connection was made, or after the last answer: it bounds
    /// a slow head and an idle HTTP/1.1 connection alike.
    pub head_timeout: Duration,
    /// A TLS handshake must be over this long after the connection was made.
    pub handshake_timeout: Duration,
    /// A connection without a request in flight for this long is closed (HTTP/2, and before the first byte).
    pub idle_timeout: Duration,
    /// A peer that acknowledges nothing that we sent for this long is dropped by the kernel (`TCP_USER_TIMEOUT`).
    pub unacknowledged: Duration,
    /// Requests in flight on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of a GraphQL request's body, and of a message over a WebSocket.
    pub body_bytes: usize,
    /// Bytes of all bodies that are held at once; one that finds no room is answered `503`.
    pub bodies_bytes: usize,
    /// A GraphQL request's body must have arrived within this.
    pub body_timeout: Duration,
    /// A GraphQL request is given up after this.
    pub request_timeout: Duration,
    /// GraphQL requests in one body.
    pub batch: usize,
    /// GraphQL requests that run at once; others wait their turn, no longer than [`request_timeout`](Self::request_timeout).
    pub executions: usize,
    /// GraphQL requests a second with one token, twice as many in a burst.
    pub requests_token: u32,
    /// GraphQL requests a second without a valid token from one address (IPv6: one /64), twice as many in a burst.
    pub requests_address: u32,
    /// Sign-ins that fail, a minute and an address; the next ones wait.
    pub sign_ins_address: u32,
    /// WebSockets and event streams open with one token.
    pub sockets_token: usize,
    /// Operations that run at once over one WebSocket.
    pub subscriptions_socket: usize,
    /// Messages a second over one WebSocket, twice as many in a burst; who sends more is closed.
    pub messages_socket: u32,
    /// A WebSocket's `connection_init` must have come within this.
    pub init_timeout: Duration,
    /// How often a WebSocket is pinged, and an event stream has a comment; a socket that is silent for two and a half
    /// of them is cut.
    pub ping_interval: Duration,
    /// A subscriber that takes nothing of what waits for him for this long is told and cut.
    pub stall: Duration,
    /// How often the tokens of open sockets and event streams are looked at again.
    pub recheck: Duration,
    /// Connections still busy this long after the call to stop are cut.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_address: 8_000,
            viewers: 50_000,
            slowest: 4_096,
            slow_span: Duration::from_secs(20),
            head_bytes: 32 * 1024,
            headers: 64,
            head_timeout: Duration::from_secs(20),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            unacknowledged: Duration::from_secs(20),
            streams: 100,
            body_bytes: 1024 * 1024,
            bodies_bytes: 64 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            batch: 10,
            executions: 32,
            requests_token: 500,
            requests_address: 200,
            sign_ins_address: 10,
            sockets_token: 1_000,
            subscriptions_socket: 100,
            messages_socket: 1_000,
            init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            stall: Duration::from_secs(10),
            recheck: Duration::from_secs(2),
            drain: Duration::from_millis(2_500),
        }
    }
}
