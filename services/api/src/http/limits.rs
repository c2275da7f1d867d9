//! Every bound that the HTTP door keeps, by name.

use std::time::Duration;

/// What one server grants to all connections, to one connection, and to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; one more is answered `503` and closed.
    pub connections: usize,
    /// Bytes of a request's head (HTTP/1.1), and of a header list (HTTP/2).
    pub head_bytes: u32,
    /// Header fields of one request.
    pub headers: usize,
    /// A request's head must be there this long after the connection was made, or after the last answer: it bounds
    /// a slow head and an idle HTTP/1.1 connection alike.
    pub head_timeout: Duration,
    /// A connection without a request in flight for this long is closed (HTTP/2, and before the first byte).
    pub idle_timeout: Duration,
    /// A peer that acknowledges nothing that we sent for this long is dropped by the kernel (`TCP_USER_TIMEOUT`).
    pub unacknowledged: Duration,
    /// Requests in flight on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of a GraphQL request's body.
    pub body_bytes: usize,
    /// A GraphQL request's body must have arrived within this.
    pub body_timeout: Duration,
    /// A GraphQL request is given up after this.
    pub request_timeout: Duration,
    /// Connections still busy this long after the call to stop are cut.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_bytes: 32 * 1024,
            headers: 64,
            head_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(30),
            unacknowledged: Duration::from_secs(20),
            streams: 100,
            body_bytes: 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            drain: Duration::from_millis(2_500),
        }
    }
}
