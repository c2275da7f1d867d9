//! A cheap HTTP/1.1 client: one connection, one request at a time, bodies thrown away unread where nobody looks.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use rustix::net::RecvFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// The longest head that is taken.
const HEAD_LIMIT: usize = 16 * 1_024;

/// What one call throws away at most.
const DISCARD: usize = 256 * 1_024;

thread_local! {
    static BIN: RefCell<Vec<u8>> = RefCell::new(vec![0; DISCARD]);
}

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    host: SocketAddr,
    buffer: Vec<u8>,
    out: Vec<u8>,
}

/// An answer's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) length: usize,
}

impl Client {
    pub(crate) async fn connect(host: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host, buffer: Vec::with_capacity(4_096), out: Vec::with_capacity(512) })
    }

    /// Gets `path` and throws the body away, without copying it out of the kernel where there is much of it.
    pub(crate) async fn drain(&mut self, path: &str) -> io::Result<Head> {
        self.ask("GET", path, "", b"").await?;
        let (head, begin) = self.head().await?;
        let mut left = head.length.saturating_sub(self.buffer.len() - begin);
        while left > 0 {
            self.stream.readable().await?;
            let taken = self.stream.try_io(Interest::READABLE, || {
                BIN.with_borrow_mut(|bin| {
                    let want = left.min(bin.len());
                    let (_, count) = rustix::net::recv(&self.stream, &mut bin[..want], RecvFlags::TRUNC)?;
                    Ok(count)
                })
            });
            match taken {
                Ok(0) => return Err(closed()),
                Ok(count) => left -= count.min(left),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(head)
    }

    /// Gets `path`; the body stands until the next call.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<(Head, &[u8])> {
        self.exchange("GET", path, "", b"").await
    }

    /// Posts a JSON body.
    pub(crate) async fn post(&mut self, path: &str, token: &str, body: &[u8]) -> io::Result<(Head, &[u8])> {
        let fields = format!(
            "content-type: application/json\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n",
            body.len()
        );
        self.exchange("POST", path, &fields, body).await
    }

    async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &[u8],
    ) -> io::Result<(Head, &[u8])> {
        self.ask(method, path, fields, body).await?;
        let (head, begin) = self.head().await?;
        while self.buffer.len() < begin + head.length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(closed());
            }
        }
        Ok((head, &self.buffer[begin..begin + head.length]))
    }

    async fn ask(&mut self, method: &str, path: &str, fields: &str, body: &[u8]) -> io::Result<()> {
        self.out.clear();
        let (host, out) = (self.host, &mut self.out);
        // Writing to memory does not fail.
        let _ = io::Write::write_fmt(
            out,
            format_args!("{method} {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n{fields}\r\n"),
        );
        out.extend_from_slice(body);
        self.stream.write_all(&self.out).await
    }

    /// Reads an answer's head: with where its body begins in the buffer.
    async fn head(&mut self) -> io::Result<(Head, usize)> {
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(closed());
            }
            if let Some(found) = parse(&self.buffer)? {
                return Ok(found);
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(io::Error::other("the answer's head is too long"));
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")
}

fn parse(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let malformed = || io::Error::other("the answer's head is malformed");
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed())?;
    let status = text.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let length = text
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    Ok(Some((Head { status, length }, end + 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(parse(&answer[..30]).unwrap(), None);
        assert_eq!(parse(answer).unwrap(), Some((Head { status: 200, length: 5 }, 38)));
        assert!(parse(b"nonsense\r\n\r\n").is_err());
    }
}
