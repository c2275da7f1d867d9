//! Viewers of a low-latency stream: each asks for the playlist with the next part, and may fetch that part.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sigma_clock::{Instant, monotonic};
use tokio::task::JoinHandle;

use crate::feed::RATE;
use crate::http::Client;
use crate::publish::SendLog;

/// Parts of half a second in segments of two.
const PARTS_A_SEGMENT: u64 = 4;

/// Pictures of a part.
pub(crate) const PICTURES: u64 = RATE as u64 / 2;

/// What all viewers saw together.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    recording: AtomicBool,
    /// Parts that were complete between these moments are noted; the last of them come after the second.
    between: Mutex<Option<(Instant, Option<Instant>)>>,
    parts: AtomicU64,
    answers: Mutex<Vec<f64>>,
    bodies: Mutex<Vec<f64>>,
    failures: AtomicU64,
}

/// One window's worth of it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Playlists that were answered.
    pub(crate) parts: u64,
    /// From the moment at which the picture that completes the part was sent to the whole answer, in milliseconds.
    pub(crate) answers: Vec<f64>,
    /// To the part's last byte.
    pub(crate) bodies: Vec<f64>,
}

impl Seen {
    /// Begins a window; answers when.
    pub(crate) fn begin(&self) -> Instant {
        self.take();
        let now = monotonic();
        *self.between() = Some((now, None));
        self.recording.store(true, Ordering::Relaxed);
        now
    }

    /// What is complete from now on does not count; answers when that was.
    pub(crate) fn close(&self) -> Instant {
        self.recording.store(false, Ordering::Relaxed);
        let now = monotonic();
        if let Some((_, end)) = &mut *self.between() {
            *end = Some(now);
        }
        now
    }

    /// What was seen of the window.
    pub(crate) fn end(&self) -> io::Result<Window> {
        self.close();
        *self.between() = None;
        match self.failures.load(Ordering::Relaxed) {
            0 => Ok(self.take()),
            failures => Err(io::Error::other(format!("{failures} viewers were cut off"))),
        }
    }

    fn between(&self) -> MutexGuard<'_, Option<(Instant, Option<Instant>)>> {
        self.between.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Window {
        let take = |values: &Mutex<Vec<f64>>| {
            std::mem::take(&mut *values.lock().unwrap_or_else(PoisonError::into_inner))
        };
        Window {
            parts: self.parts.swap(0, Ordering::Relaxed),
            answers: take(&self.answers),
            bodies: take(&self.bodies),
        }
    }

    /// Notes how long after `complete` it is now.
    fn note(&self, values: &Mutex<Vec<f64>>, complete: Instant) {
        let counts = self
            .between()
            .is_some_and(|(begin, end)| complete >= begin && end.is_none_or(|end| complete < end));
        if counts {
            let took = monotonic().saturating_duration_since(complete);
            values.lock().unwrap_or_else(PoisonError::into_inner).push(took.as_secs_f64() * 1_000.0);
        }
    }
}

/// What a viewer watches.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) server: SocketAddr,
    pub(crate) playlist: String,
    pub(crate) log: Arc<SendLog>,
    /// Whether parts are fetched, or their listing is all.
    pub(crate) parts: bool,
}

/// Viewers at work. They leave when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    pub(crate) seen: Arc<Seen>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Audience {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Audience {
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// One more viewer.
    pub(crate) async fn join(&mut self, stream: &Stream) -> io::Result<()> {
        let client = Client::connect(stream.server).await?;
        let (stream, seen) = (stream.clone(), Arc::clone(&self.seen));
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = watch(client, &stream, &seen).await
                && seen.failures.fetch_add(1, Ordering::Relaxed) == 0
            {
                eprintln!("a viewer was cut off: {error}");
            }
        }));
        Ok(())
    }
}

async fn watch(mut client: Client, stream: &Stream, seen: &Seen) -> io::Result<()> {
    let folder = stream.playlist.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (_, body) = client.get(&stream.playlist).await?;
    regular(body)?;
    let mut next = hinted(body)?;
    loop {
        let (msn, part) = next;
        let path = format!("{}?_HLS_msn={msn}&_HLS_part={part}", stream.playlist);
        let (head, body) = client.get(&path).await?;
        if head.status != 200 {
            return Err(io::Error::other(format!("{path} was answered {}", head.status)));
        }
        next = hinted(body)?;
        let complete = stream.log.sent(((msn * PARTS_A_SEGMENT + part + 1) * PICTURES) as usize);
        if seen.recording.load(Ordering::Relaxed) {
            seen.parts.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(complete) = complete {
            seen.note(&seen.answers, complete);
        }
        if stream.parts {
            let head = client.drain(&format!("{folder}/{msn}.{part}.m4s")).await?;
            if head.status != 200 {
                return Err(io::Error::other(format!("part {msn}.{part} was answered {}", head.status)));
            }
            if let Some(complete) = complete {
                seen.note(&seen.bodies, complete);
            }
        }
    }
}

/// The part that the playlist says will be next.
fn hinted(playlist: &[u8]) -> io::Result<(u64, u64)> {
    const HINT: &[u8] = b"#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"";
    // It stands near the end.
    let at =
        (0..playlist.len().saturating_sub(HINT.len())).rev().find(|at| playlist[*at..].starts_with(HINT));
    let name = at.and_then(|at| playlist[at + HINT.len()..].split(|byte| *byte == b'"').next());
    let name = name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    let numbers = name.strip_suffix(".m4s").and_then(|stem| stem.split_once('.'));
    let parsed = numbers.and_then(|(msn, part)| Some((msn.parse().ok()?, part.parse().ok()?)));
    parsed.ok_or_else(|| io::Error::other("the playlist hints at no part"))
}

/// Which picture completes a part is counted, so that all parts must be alike.
fn regular(playlist: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(playlist);
    let odd = text.lines().find(|line| {
        let part = line.strip_prefix("#EXT-X-PART:DURATION=");
        let segment = line.strip_prefix("#EXTINF:");
        part.is_some_and(|rest| !rest.starts_with("0.5,") && !rest.starts_with("0.50"))
            || segment.is_some_and(|rest| !rest.starts_with("2,") && !rest.starts_with("2.0"))
    });
    match odd {
        None => Ok(()),
        Some(line) => Err(io::Error::other(format!("not every part is half a second long: {line}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_found() {
        let playlist = b"#EXTM3U\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"12.3.m4s\"\n";
        assert_eq!(hinted(playlist).unwrap(), (12, 3));
        assert!(hinted(b"#EXTM3U\n").is_err());
    }

    #[test]
    fn odd_parts_are_noticed() {
        assert!(regular(b"#EXT-X-PART:DURATION=0.50000,URI=\"1.0.m4s\"\n#EXTINF:2.00000,\n").is_ok());
        assert!(regular(b"#EXT-X-PART:DURATION=0.46700,URI=\"1.0.m4s\"\n").is_err());
    }
}
