//! The socket to the supervisor.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use sigma_gst::protocol::{Answer, LENGTH, MAX_REQUEST, Order, decode_request, encode_answer};

use crate::limits;

/// The door to the supervisor. A thread of its own reads, so that this process ends with the supervisor in the midst of work
/// too.
pub(crate) struct Door {
    socket: UnixStream,
    requests: Receiver<Bytes>,
}

impl Door {
    /// Standard input, which must be a socket.
    pub(crate) fn open() -> Result<Self, String> {
        let wrong = |error: io::Error| {
            format!("standard input is no socket ({error}); sigma starts this program by itself")
        };
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().map_err(wrong)?);
        socket.peer_addr().map_err(wrong)?;
        let reader = socket.try_clone().map_err(wrong)?;
        let (sender, requests) = sync_channel(0);
        std::thread::Builder::new()
            .name("door".into())
            .spawn(move || {
                // Whatever ends the reading ends the process.
                let _ = read(reader, &sender);
                limits::end();
            })
            .map_err(|error| format!("no thread could be started: {error}"))?;
        Ok(Self { socket, requests })
    }

    /// The next request. None: what came is none, and nothing can follow it.
    pub(crate) fn request(&self) -> Option<(u64, Order)> {
        decode_request(&self.requests.recv().ok()?).ok()
    }

    pub(crate) fn answer(&mut self, answer: &Answer) -> Result<(), String> {
        let message = encode_answer(answer);
        self.socket.write_all(&message).map_err(|error| format!("the supervisor is gone: {error}"))
    }
}

fn read(mut socket: UnixStream, requests: &SyncSender<Bytes>) -> io::Result<()> {
    loop {
        let mut length = [0; LENGTH];
        socket.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut message = vec![0; length];
        socket.read_exact(&mut message)?;
        requests.send(message.into()).map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
}
