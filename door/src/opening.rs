//! The opening of a connection at a door that shakes hands.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Identity;

/// RFC 8446 §5.1: a TLS client's first record is a handshake. Neither HTTP (a letter) nor RTMP (3) begins so.
const HANDSHAKE: u8 = 22;

/// A connection that has shaken hands.
pub type TlsSocket = TlsStream<TcpStream>;

/// How a connection began.
#[derive(Debug)]
pub enum Opened {
    /// It has shaken hands.
    Tls(Box<TlsSocket>),
    /// The client speaks in clear; nothing has been read.
    Clear(TcpStream),
}

/// Why a connection came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The client took too long.
    #[error("the client did not shake hands in time")]
    TimedOut,
    /// The client left, or the two do not understand each other.
    #[error("no handshake: {0}")]
    Failed(#[from] io::Error),
}

/// Waits for a connection's first byte and shakes hands where it begins to.
///
/// # Errors
/// Nothing comes `within`, the client leaves, or speaks no TLS of ours.
pub async fn open(socket: TcpStream, identity: &Identity, within: Duration) -> Result<Opened, OpenError> {
    let config = Arc::clone(&identity.borrow());
    let opening = async {
        let mut first = [0];
        // Looked at, not taken: who speaks in clear is answered in clear.
        match socket.peek(&mut first).await? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            _ if first[0] == HANDSHAKE => {
                TlsAcceptor::from(config).accept(socket).await.map(|tls| Opened::Tls(Box::new(tls)))
            }
            _ => Ok(Opened::Clear(socket)),
        }
    };
    match sigma_clock::timeout(within, opening).await {
        Ok(opened) => Ok(opened?),
        Err(_) => Err(OpenError::TimedOut),
    }
}

/// How an opening went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Hands were shaken.
    Done,
    /// They could not be.
    Failed,
    /// Not in time.
    TimedOut,
    /// The client spoke in clear.
    Clear,
}

impl Handshake {
    /// Each with its word in figures.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::TimedOut, "timed_out"),
        (Self::Clear, "clear"),
    ];

    /// How this one went.
    pub fn of(opened: &Result<Opened, OpenError>) -> Self {
        match opened {
            Ok(Opened::Tls(_)) => Self::Done,
            Ok(Opened::Clear(_)) => Self::Clear,
            Err(OpenError::TimedOut) => Self::TimedOut,
            Err(OpenError::Failed(_)) => Self::Failed,
        }
    }
}

/// How the openings at one door went, counted.
#[derive(Debug, Default)]
pub struct Handshakes([AtomicU64; Handshake::ALL.len()]);

impl Handshakes {
    /// One more.
    pub fn count(&self, how: Handshake) {
        self.0[how as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many went so.
    pub fn get(&self, how: Handshake) -> u64 {
        self.0[how as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::watch;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

    use super::*;
    use crate::Certificate;

    fn made() -> (Arc<ServerConfig>, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
        (certificate.server_config(&[]).expect("a configuration"), made.cert.der().clone())
    }

    async fn shake(
        at: SocketAddr,
        trusted: &CertificateDer<'static>,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(at).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    #[tokio::test]
    async fn a_new_certificate_is_for_new_connections_and_running_ones_stay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let ((first, first_root), (second, second_root)) = (made(), made());
        let (changed, identity) = watch::channel(first);
        let server = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("accepted");
                let identity = identity.clone();
                tokio::spawn(async move {
                    let Ok(Opened::Tls(mut tls)) = open(socket, &identity, Duration::from_secs(5)).await
                    else {
                        return;
                    };
                    let mut byte = [0];
                    while tls.read_exact(&mut byte).await.is_ok() {
                        tls.write_all(&byte).await.expect("written");
                        tls.flush().await.expect("sent");
                    }
                });
            }
        });
        let mut old = shake(at, &first_root).await.expect("the first certificate");
        changed.send_replace(second);
        assert!(shake(at, &first_root).await.is_err(), "the first certificate is still shown");
        let mut new = shake(at, &second_root).await.expect("the second certificate");
        for socket in [&mut old, &mut new] {
            socket.write_all(b"x").await.expect("written");
            socket.flush().await.expect("sent");
            let mut echoed = [0];
            socket.read_exact(&mut echoed).await.expect("an echo");
            assert_eq!(&echoed, b"x");
        }
        server.abort();
    }

    async fn accepted(first: &[u8]) -> (Result<Opened, OpenError>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        client.write_all(first).await.expect("written");
        let (socket, _) = listener.accept().await.expect("accepted");
        let (_changed, identity) = watch::channel(made().0);
        (open(socket, &identity, Duration::from_millis(200)).await, client)
    }

    #[tokio::test]
    async fn who_speaks_in_clear_is_told_from_who_says_nothing() {
        let (opened, _client) = accepted(b"GET / HTTP/1.1\r\n").await;
        assert_eq!(Handshake::of(&opened), Handshake::Clear);
        let Ok(Opened::Clear(mut socket)) = opened else { panic!("not in clear") };
        let mut word = [0; 3];
        socket.read_exact(&mut word).await.expect("nothing was taken");
        assert_eq!(&word, b"GET");
        assert_eq!(Handshake::of(&accepted(b"").await.0), Handshake::TimedOut);
        assert_eq!(Handshake::of(&accepted(&[HANDSHAKE]).await.0), Handshake::TimedOut);
        assert_eq!(Handshake::of(&accepted(&[HANDSHAKE, 9, 9, 0, 1, 0]).await.0), Handshake::Failed);
    }
}
