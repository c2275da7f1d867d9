//! A broadcaster: ffmpeg, feeding a clip over and over in real time through the RTMP door.

use std::process::{Child, Command, Stdio};

use crate::media::{Clip, clip};
use crate::platform::signal;

/// A running ffmpeg. Killed when dropped.
#[derive(Debug)]
pub struct Broadcast {
    child: Child,
}

impl Broadcast {
    /// Pushes `what` to `url` until it is stopped.
    pub fn push(url: &str, what: Clip) -> Self {
        let file = clip(what);
        let child = Command::new(what.codecs.ffmpeg())
            .args(["-hide_banner", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i"])
            .arg(file)
            .args(["-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ffmpeg starts");
        Self { child }
    }

    /// The encoder crashes: its connection breaks without a word.
    pub fn crash(mut self) {
        self.child.kill().expect("ffmpeg can be killed");
        self.child.wait().expect("ffmpeg ends");
    }

    /// The broadcaster presses stop: an orderly unpublish.
    pub fn stop(mut self) {
        signal("INT", self.child.id());
        self.child.wait().expect("ffmpeg ends");
    }

    /// The encoder freezes: its connection stands and nothing comes.
    pub fn freeze(&self) {
        signal("STOP", self.child.id());
    }

    /// The encoder goes on.
    pub fn thaw(&self) {
        signal("CONT", self.child.id());
    }

    /// Whether ffmpeg is still at it.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for ffmpeg's own end and answers what it said.
    pub fn last_words(mut self) -> String {
        use std::io::Read;
        self.child.wait().expect("ffmpeg ends");
        let mut words = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut words).expect("ffmpeg's words are text");
        }
        words
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
