//! A server that dies with the process that started it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

/// The last lines that a server said, for whoever asks why it does not run.
const LINES_KEPT: usize = 40;

/// Runs a server in its folder and ends it when it is told to or when the test process is gone. Its arguments are the
/// folder, the signal that the server ends at, and the server with its own arguments. The folder goes with the server,
/// unless a file `keep` stands in it.
const SUPERVISOR: &str = r#"
folder=$1; ending=$2; shift 2
trap ':' TERM INT
"$@" & server=$!
printf 'server %s\n' "$server" >&2
wait "$server"
if kill -0 "$server" 2>/dev/null; then kill -s "$ending" "$server"; while kill -0 "$server" 2>/dev/null; do wait "$server"; done; fi
test -e "$folder/keep" || rm -rf "$folder"
"#;

/// A running server under its supervisor.
#[derive(Debug)]
pub(crate) struct Server {
    supervisor: u32,
    /// The server's own process.
    pub(crate) pid: u32,
    ended: mpsc::Receiver<()>,
}

/// What a server is started with.
pub(crate) struct Start<'a> {
    pub(crate) folder: &'a std::path::Path,
    /// The signal that it ends at.
    pub(crate) ending: &'static str,
    /// The system's user that runs it, where this process may choose.
    pub(crate) user: Option<&'static str>,
    /// The program with its arguments.
    pub(crate) command: Vec<String>,
    /// It is there once it says a line that holds this.
    pub(crate) ready: &'static str,
}

impl Server {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// Its last lines, where it ended before.
    pub(crate) fn start(start: &Start<'_>) -> Result<Self, String> {
        let mut command = Command::new("setpriv");
        if let Some(user) = start.user {
            command.args([format!("--reuid={user}"), format!("--regid={user}")]).arg("--init-groups");
        }
        command.args(["--pdeathsig", "TERM", "--", "sh", "-c", SUPERVISOR, "supervisor"]);
        command.arg(start.folder).arg(start.ending).args(&start.command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.current_dir("/");
        let (ready, (told, said)) = (start.ready, mpsc::channel());
        let (gone, ended) = mpsc::channel();
        // The signal at its parent's death comes when the thread that started it ends: this one lives as long as it does.
        std::thread::spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let _ = told.send(Err(format!("setpriv cannot be run: {error}")));
                    return;
                }
            };
            let lines = Arc::new(Mutex::new(Vec::new()));
            let mut server = 0;
            if let Some(stderr) = child.stderr.take() {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if let Some(pid) = line.strip_prefix("server ") {
                        server = pid.parse().unwrap_or_default();
                    } else if line.contains(ready) {
                        let _ = told.send(Ok((child.id(), server)));
                    }
                    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                    lines.push(line);
                    let surplus = lines.len().saturating_sub(LINES_KEPT);
                    lines.drain(..surplus);
                }
            }
            let _ = child.wait();
            let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
            let _ = told.send(Err(lines));
            let _ = gone.send(());
        });
        match said.recv() {
            Ok(Ok((supervisor, pid))) => Ok(Self { supervisor, pid, ended }),
            Ok(Err(lines)) => Err(lines),
            Err(_) => Err("the thread that starts it ended".to_owned()),
        }
    }

    /// Ends it in order and waits until it is gone.
    pub(crate) fn stop(&self) {
        signal("TERM", self.supervisor);
        let _ = self.ended.recv();
    }

    /// Ends it as a loss of power of the process would, and waits until it is gone.
    pub(crate) fn kill(&self) {
        signal("KILL", self.pid);
        let _ = self.ended.recv();
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}
