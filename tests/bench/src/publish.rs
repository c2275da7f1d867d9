//! A light RTMP publisher: any number of them run in one process, paced in real time.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use sigma_clock::{Instant, monotonic};
use sigma_rtmp::amf::{self, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::feed::{Clip, LENGTH_MS, Tag};

/// What OBS sends: the chunk size of its librtmp.
const CHUNK: usize = 4_096;

/// A server that has not let the feed in by then does not work.
const LET_IN_WITHIN: Duration = Duration::from_secs(10);

const SET_CHUNK_SIZE: u8 = 1;
const COMMAND: u8 = 20;

/// When the pictures of a feed had been handed to the kernel, in order.
#[derive(Debug, Default)]
pub(crate) struct SendLog(Mutex<Vec<Instant>>);

impl SendLog {
    fn note(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(monotonic());
    }

    /// How many times a whole number of `pictures` was reached between two moments.
    pub(crate) fn reached(&self, pictures: u64, begin: Instant, end: Instant) -> usize {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let firsts = sent.iter().step_by(pictures as usize).skip(1);
        firsts.filter(|at| (begin..end).contains(*at)).count()
    }

    /// When picture `number`, counted from 0, was sent.
    pub(crate) fn sent(&self, number: usize) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied()
    }
}

/// A feed on air. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    sending: JoinHandle<()>,
    reading: JoinHandle<()>,
    pub(crate) log: Arc<SendLog>,
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.sending.abort();
        self.reading.abort();
    }
}

impl Publisher {
    /// Publishes `clip` to `application` under `key`, from `wait` after now on.
    pub(crate) async fn start(
        clip: &Arc<Clip>,
        server: SocketAddr,
        application: &str,
        key: &str,
        wait: Duration,
    ) -> io::Result<Self> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let (mut read, mut write) = socket.into_split();
        let let_in = async {
            shake_hands(&mut read, &mut write).await?;
            write.write_all(&opening(server, application, key)).await?;
            let_in(&mut read).await
        };
        sigma_clock::timeout(LET_IN_WITHIN, let_in)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the server does not let the feed in"))??;
        // Acknowledgements and pings are taken and forgotten.
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 4_096];
            while matches!(read.read(&mut buffer).await, Ok(1..)) {}
        });
        let log = Arc::new(SendLog::default());
        let (clip, kept) = (Arc::clone(clip), Arc::clone(&log));
        let sending = tokio::spawn(async move {
            sigma_clock::sleep(wait).await;
            if let Err(error) = send(&clip, &mut write, &kept).await {
                eprintln!("a feed was cut: {error}");
            }
        });
        Ok(Self { sending, reading, log })
    }
}

/// RTMP 1.0 §5.2: C0 and C1, then C2 as an echo of S1.
async fn shake_hands(
    read: &mut (impl AsyncReadExt + Unpin),
    write: &mut (impl AsyncWriteExt + Unpin),
) -> io::Result<()> {
    const PACKET: usize = 1_536;
    let mut hello = vec![3u8];
    hello.resize(1 + PACKET, 0);
    write.write_all(&hello).await?;
    let mut answer = vec![0; 1 + 2 * PACKET];
    read.read_exact(&mut answer).await?;
    write.write_all(&answer[1..1 + PACKET]).await
}

/// Chunk size, `connect`, `createStream` and `publish` in one go: both servers answer them in order.
fn opening(server: SocketAddr, application: &str, key: &str) -> BytesMut {
    let mut out = BytesMut::new();
    message(&mut out, 2, SET_CHUNK_SIZE, 0, 0, &(CHUNK as u32).to_be_bytes());
    let address = Value::object([
        ("app", Value::string(application)),
        ("type", Value::string("nonprivate")),
        ("flashVer", Value::string("FMLE/3.0 (compatible; sigma-bench)")),
        ("tcUrl", Value::string(format!("rtmp://{server}/{application}"))),
    ]);
    command(&mut out, 0, &[Value::string("connect"), Value::Number(1.0), address]);
    command(&mut out, 0, &[Value::string("createStream"), Value::Number(2.0), Value::Null]);
    let publish = [
        Value::string("publish"),
        Value::Number(3.0),
        Value::Null,
        Value::string(key),
        Value::string("live"),
    ];
    command(&mut out, 1, &publish);
    out
}

fn command(out: &mut BytesMut, stream: u32, values: &[Value]) {
    let mut payload = BytesMut::new();
    amf::encode(values, &mut payload);
    message(out, 3, COMMAND, 0, stream, &payload);
}

/// RTMP 1.0 §5.3.1: a type 0 header, then type 3 for each further chunk.
fn message(out: &mut BytesMut, chunk_stream: u8, kind: u8, at_ms: u32, stream: u32, payload: &[u8]) {
    out.put_u8(chunk_stream);
    out.put_uint(at_ms.min(0xFF_FFFF).into(), 3);
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u32_le(stream);
    for (index, chunk) in payload.chunks(CHUNK).enumerate() {
        if index > 0 {
            out.put_u8(0xC0 | chunk_stream);
        }
        if at_ms >= 0xFF_FFFF {
            out.put_u32(at_ms);
        }
        out.put_slice(chunk);
    }
}

/// Reads until the server says that the feed may begin. Chunk headers inside the text are bytes above ASCII.
async fn let_in(read: &mut (impl AsyncReadExt + Unpin)) -> io::Result<()> {
    let (mut said, mut buffer) = (Vec::new(), vec![0; 4_096]);
    loop {
        let count = read.read(&mut buffer).await?;
        said.extend(buffer[..count].iter().copied().filter(u8::is_ascii));
        let told = |word: &[u8]| said.windows(word.len()).any(|window| window == word);
        if told(b"NetStream.Publish.Start") {
            return Ok(());
        }
        if count == 0 || told(b"NetStream.Publish.BadName") || told(b"NetStream.Publish.Denied") {
            return Err(io::Error::other("the server refused the feed"));
        }
    }
}

async fn send(clip: &Clip, write: &mut (impl AsyncWriteExt + Unpin), log: &SendLog) -> io::Result<()> {
    let mut out = BytesMut::with_capacity(128 * 1_024);
    for tag in &clip.head {
        message(&mut out, chunk_stream(tag), tag.kind, 0, 1, &tag.body);
    }
    write.write_all(&out).await?;
    let began = monotonic();
    for round in 0.. {
        for tag in &clip.tags {
            let at_ms = round * LENGTH_MS + tag.at_ms;
            sigma_clock::sleep_until(began + Duration::from_millis(at_ms.into())).await;
            out.clear();
            message(&mut out, chunk_stream(tag), tag.kind, at_ms, 1, &tag.body);
            write.write_all(&out).await?;
            if tag.is_video() {
                log.note();
            }
        }
    }
    Ok(())
}

fn chunk_stream(tag: &Tag) -> u8 {
    if tag.is_video() { 6 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_into_chunks() {
        let mut out = BytesMut::new();
        message(&mut out, 6, 9, 5, 1, &vec![7; CHUNK + 1]);
        assert_eq!(out.len(), 12 + CHUNK + 1 + 1);
        assert_eq!(&out[..12], &[6, 0, 0, 5, 0, 0x10, 1, 9, 1, 0, 0, 0]);
        assert_eq!(&out[12 + CHUNK..], &[0xC6, 7]);
    }
}
