//! What every door of the platform shares, whatever is spoken behind it: certificates, the opening of a connection, who
//! holds a place and who makes room, who waits for having failed, and what the process lacks.
//!
//! It knows neither HTTP nor RTMP: the two doors, which may not import each other, both stand on it.

pub mod certificate;
mod descriptors;
mod opening;
mod penalties;
mod pool;
mod pressure;
mod validity;

pub use certificate::{Certificate, CertificateError};
pub use descriptors::Descriptors;
pub use opening::{Handshake, Handshakes, OpenError, Opened, TlsSocket, open};
pub use penalties::{Minutely, Penalties, Rule};
pub use pool::{Bounds, Full, Place, Pool, Rank, network};
pub use pressure::Pressure;

use std::sync::Arc;

use tokio::sync::watch;
pub use tokio_rustls::rustls;

/// What a door shakes hands with: another one when the certificate has changed, for connections that come after.
pub type Identity = watch::Receiver<Arc<rustls::ServerConfig>>;
