//! The small origin's sockets: HTTP/1.1, and HTTP/2 where TLS agrees on it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use sigma_clock::{Instant, monotonic};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Origin;

/// How the broadcast is already under way when the door opens, so that a judge need not wait for a window.
const UNDER_WAY: Duration = Duration::from_millis(5_200);

/// How to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTP/1.1.
    Plain,
    /// TLS, with HTTP/2 for who can.
    Tls,
    /// TLS, HTTP/1.1 only.
    OldTls,
}

/// A running origin. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    address: SocketAddr,
    door: Door,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Served {
    /// An address at this origin.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.door == Door::Plain { "http" } else { "https" };
        format!("{scheme}://{}{path}", self.address)
    }
}

/// The broadcast's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).expect("a short test")
    }

    pub(crate) async fn until(self, at: u64) {
        sigma_clock::sleep_until(self.0 + Duration::from_millis(at)).await;
    }
}

/// Serves an origin on a loopback port.
pub(crate) async fn serve(origin: Origin, door: Door) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let acceptor = (door != Door::Plain).then(|| acceptor(door));
    let (origin, watch) = (Arc::new(origin), Watch(monotonic() - UNDER_WAY));
    let task = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (origin, acceptor) = (Arc::clone(&origin), acceptor.clone());
            // A task of its own: it ends with the client's connection.
            tokio::spawn(async move {
                let _ = socket.set_nodelay(true);
                match acceptor {
                    None => connection(origin, watch, socket).await,
                    Some(acceptor) => {
                        if let Ok(socket) = acceptor.accept(socket).await {
                            connection(origin, watch, socket).await;
                        }
                    }
                }
            });
        }
    });
    Served { address, door, task }
}

async fn connection<S>(origin: Arc<Origin>, watch: Watch, socket: S)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let origin = Arc::clone(&origin);
        async move { Ok::<Response<BoxBody<Bytes, Infallible>>, Infallible>(origin.answer(watch, request).await) }
    });
    // A client that goes away is none of the test's business.
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
}

fn acceptor(door: Door) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config =
        config.with_single_cert(vec![made.cert.der().clone()], key).expect("they belong together");
    config.alpn_protocols = match door {
        Door::Tls => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Door::Plain | Door::OldTls => vec![b"http/1.1".to_vec()],
    };
    TlsAcceptor::from(Arc::new(config))
}
