//! Bad company over HTTP/2: connections that open as many streams as they may, let everything be sent, and read nothing.

use std::fs;
use std::sync::Arc;

use end_to_end::{Broadcast, Clip, Platform, Start, eventually};
use serde_json::json;
use sigma_conformance::{Options, Verdict, check};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::admission::figure;
use crate::{SOON, join};

/// Connections, and streams on each: more than the server grants (100).
const CONNECTIONS: usize = 20;
const STREAMS: u32 = 120;

/// How long the others are watched meanwhile: less than what who takes nothing is given (20 s).
const SECONDS: u64 = 12;

/// What the process may grow by, in MB, where all that is asked for is some 400.
const GROWTH: u64 = 100;

/// The greatest window (RFC 9113 6.9.1).
const WINDOW: u32 = i32::MAX as u32;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header field of the static table with a value of its own, not to be remembered (RFC 7541 6.2.2).
fn field(name: u8, value: &str) -> Vec<u8> {
    let length = value.len();
    let length = match u8::try_from(length).expect("short") {
        short @ ..127 => vec![short],
        long @ 127..255 => vec![127, long - 127],
        255 => vec![127, 128, 1],
    };
    [&[name], length.as_slice(), value.as_bytes()].concat()
}

/// A connection with a stream for each path, all windows as wide as they may be.
async fn greedy(platform: &Platform, paths: &[String]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let [chain, _] = platform.certificate_files();
    roots.add(CertificateDer::from_pem_file(chain).expect("a certificate")).expect("a root");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(&platform.http).await.expect("the door is open");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("hands are shaken");
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    said.extend(frame(4, 0, 0, &[&[0, 4], &WINDOW.to_be_bytes()[..]].concat()));
    said.extend(frame(8, 0, 0, &(WINDOW - 65_535).to_be_bytes()));
    for (index, path) in (0..STREAMS).zip(paths.iter().cycle()) {
        // GET, https; path and authority.
        let block = [&[0x82, 0x87][..], &field(4, path), &field(1, &platform.http)].concat();
        said.extend(frame(1, 0b101, 2 * index + 1, &block));
    }
    stream.write_all(&said).await.expect("written");
    stream.flush().await.expect("written");
    stream
}

/// Resident megabytes.
fn memory(platform: &Platform) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", platform.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().split(' ').next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number")
        / 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_never_read_hold_little_and_keep_nobody_waiting() {
    let platform = Platform::start(Start { tls: true, ..Start::default() }).await;
    let channel = platform.create_channel("Greedy", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 4).await;
    let folder =
        viewer.url.strip_prefix(&platform.url("")).expect("ours").rsplit_once('/').expect("a folder").0;
    let paths: Vec<String> =
        viewer.seen.values().map(|segment| format!("{folder}/{}", segment.uri)).collect();

    let before = memory(&platform);
    let mut greedy_ones = Vec::new();
    for _ in 0..CONNECTIONS {
        greedy_ones.push(greedy(&platform, &paths).await);
    }
    let url = platform.url(&format!("/live/{}/index.m3u8", channel.playback_id));
    let options = Options { seconds: SECONDS, insecure: true };
    let mut most = 0;
    let report =
        check(&url, &options, |_| most = most.max(memory(&platform))).await.expect("something to judge");
    assert!(report.numbers(Verdict::Broken).is_empty(), "{}", report.broken());
    assert!(most < before + GROWTH, "from {before} to {most} MB");
    // By us, or by the kernel, which gives up a window that stays shut (TCP_USER_TIMEOUT).
    eventually("who takes nothing to be cut", SOON, || async {
        (figure(&platform, "sigma_http_connections").await < CONNECTIONS as u64).then_some(())
    })
    .await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 6).await;
    assert!(viewer.unbroken().iter().all(|segment| !segment.gap));
}
