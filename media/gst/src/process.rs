//! One life of the worker process: started, asked, ended.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use crate::PicturesSettings;
use crate::protocol::{Answer, Hello, LENGTH, MAX_ANSWER, VERSION, decode_answer};

/// What the worker may know of our environment: where programs, libraries and GStreamer's plugins are. Our secrets stand in
/// the same environment and are none of its business.
const ENVIRONMENT: [&str; 11] = [
    "PATH",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_PLUGIN_SCANNER",
    "GST_REGISTRY",
    "GST_DEBUG",
];
/// How much of what it last said on standard error is kept, in bytes.
const MAX_LAST_WORDS: usize = 400;
/// How long a process that hung up may take to end by itself, so that it can be told what ended it.
const LEAVING: Duration = Duration::from_secs(1);

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    socket: UnixStream,
    last_words: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

/// Why a worker is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It took longer than it may.
    Stuck(Duration),
    /// It closed its end of the socket: it has ended, or is about to.
    Gone,
    /// What it answered is no answer.
    Nonsense(String),
}

impl Worker {
    /// Spawns it. `Self::hello` tells whether it works.
    ///
    /// The thread that calls must live as long as the worker: it ends when that thread does (`PR_SET_PDEATHSIG`).
    pub(crate) fn spawn(settings: &PicturesSettings) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let known = ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let registry = settings.registry.as_ref().map(|registry| ("GST_REGISTRY", registry));
        let mut child = Command::new(&settings.worker)
            .args(["--memory", &settings.memory.to_string(), "--niceness", &settings.niceness.to_string()])
            .env_clear()
            .envs(known)
            .envs(registry)
            // The socket is its standard input, so that it needs no other descriptor of ours.
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A Ctrl-C in our terminal is for us.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let last_words = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take();
        let listener = stderr.map(|stderr| tokio::spawn(listen(stderr, last_words.clone())));
        Ok(Self { child, socket: UnixStream::from_std(ours)?, last_words, listener })
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its greeting.
    pub(crate) async fn hello(&mut self, limit: Duration) -> Result<Hello, Loss> {
        match self.within(limit, Self::answer).await? {
            Answer::Hello(hello) if hello.version == VERSION => Ok(hello),
            Answer::Hello(hello) => Err(Loss::Nonsense(format!(
                "it speaks version {} of the protocol, not {VERSION}: it is of another build",
                hello.version
            ))),
            _ => Err(Loss::Nonsense("it does not greet".into())),
        }
    }

    /// Sends a request and waits for the answer to it.
    pub(crate) async fn ask(&mut self, id: u64, request: &[u8], limit: Duration) -> Result<Answer, Loss> {
        let answer = self
            .within(limit, async |worker| {
                worker.socket.write_all(request).await.map_err(|_| Loss::Gone)?;
                worker.answer().await
            })
            .await?;
        match &answer {
            Answer::Done { id: found, .. } | Answer::Refused { id: found, .. } if *found == id => Ok(answer),
            _ => Err(Loss::Nonsense("it answers what was not asked".into())),
        }
    }

    /// Returns when the worker is of no use any more though nobody asked it anything.
    pub(crate) async fn falls(&mut self) -> Loss {
        match self.socket.read_u8().await {
            Ok(_) => Loss::Nonsense("it answers what was not asked".into()),
            Err(_) => Loss::Gone,
        }
    }

    /// Ends the process, however it is, and waits until it is gone. `before`: is called while the system still knows what
    /// it took. Answers what there is to say about its end.
    pub(crate) async fn end(mut self, loss: &Loss, before: impl FnOnce()) -> String {
        drop(self.socket);
        if *loss == Loss::Gone {
            // It is ending: let it, to hear of what. Only looks; the process is not waited for yet.
            let _ = sigma_clock::timeout(LEAVING, zombie(self.child.id())).await;
        }
        before();
        // A process that has ended cannot be killed, and that is well.
        let _ = self.child.start_kill();
        let status = self.child.wait().await;
        if let Some(listener) = self.listener {
            // A child of its own may hold the other end still.
            let _ = sigma_clock::timeout(LEAVING, listener).await;
        }
        let said = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let end = match (loss, status) {
            (Loss::Stuck(limit), _) => format!("it took longer than {limit:?} and was killed"),
            (Loss::Nonsense(words), _) => words.clone(),
            (Loss::Gone, Ok(status)) => format!("it ended by itself: {status}"),
            (Loss::Gone, Err(error)) => format!("it ended by itself: {error}"),
        };
        if said.is_empty() { end } else { format!("{end}; it said: {said}") }
    }

    async fn within<T>(
        &mut self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Loss>,
    ) -> Result<T, Loss> {
        sigma_clock::timeout(limit, work(self)).await.unwrap_or(Err(Loss::Stuck(limit)))
    }

    async fn answer(&mut self) -> Result<Answer, Loss> {
        let length = self.socket.read_u32().await.map_err(|_| Loss::Gone)? as usize;
        if length > MAX_ANSWER {
            return Err(Loss::Nonsense(format!("an answer of {length} bytes")));
        }
        // Grows with what comes, not with what is announced.
        let mut message = BytesMut::with_capacity(length.min(256 * 1024));
        while message.len() < length {
            let rest = (length - message.len()) as u64;
            let mut limited = (&mut self.socket).take(rest);
            if limited.read_buf(&mut message).await.map_err(|_| Loss::Gone)? == 0 {
                return Err(Loss::Gone);
            }
        }
        decode_answer(&Bytes::from(message)).map_err(|error| Loss::Nonsense(error.to_string()))
    }
}

/// Returns once the process has ended and only its entry is left.
async fn zombie(process: Option<u32>) {
    let Some(process) = process else { return };
    let path = format!("/proc/{process}/stat");
    loop {
        let line = std::fs::read_to_string(&path).unwrap_or_default();
        let state = line.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
        if matches!(state, None | Some('Z' | 'X')) {
            return;
        }
        sigma_clock::sleep(Duration::from_millis(2)).await;
    }
}

/// Takes what the worker says on standard error, so that it never waits for us to read, and keeps the end of it.
async fn listen(mut stderr: ChildStderr, last_words: Arc<Mutex<String>>) {
    let mut buffer = [0; 1_024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let said = String::from_utf8_lossy(&buffer[..read]);
        tracing::debug!(said = said.trim(), "the media worker on standard error");
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_str(&said);
        let cut = words.ceil_char_boundary(words.len().saturating_sub(MAX_LAST_WORDS));
        words.drain(..cut);
        let trimmed = words.trim_end().len();
        words.truncate(trimmed);
    }
}

const _: () = assert!(LENGTH == size_of::<u32>());
