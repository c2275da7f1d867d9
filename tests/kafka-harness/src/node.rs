//! One node: its folder, its process, and the shell that ends it when the test's process is gone.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Security;

/// Every test cluster has this id: nobody mistakes it for a real one.
const CLUSTER: &str = "U2lnbWFUZXN0c09ubHkwMA";

/// A heap of 256 MB, and a virtual machine that starts quickly and leaves the cores to the tests.
const JAVA: [&str; 4] = [
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
];

/// Starts the node given, says its process id, and kills it once nobody holds this shell's standard input.
const GUARD: &str =
    r#""$@" </dev/null >>node.log 2>&1 & node=$!; echo $node; read -r _; kill -9 $node 2>/dev/null"#;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) home: PathBuf,
    pub(crate) ports: [u16; 4],
    jars: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    guard: Child,
    pid: u32,
}

impl Node {
    /// Writes a node's settings and formats its storage.
    pub(crate) fn make(
        jars: &Path,
        home: &Path,
        ports: [u16; 4],
        properties: &str,
        security: Option<&Security>,
    ) -> Self {
        std::fs::create_dir_all(home).unwrap();
        std::fs::write(home.join("server.properties"), properties).unwrap();
        let node = Self { home: home.to_owned(), ports, jars: jars.to_owned(), running: None };
        let mut format = node.java("kafka.tools.StorageTool");
        format.args(["format", "--cluster-id", CLUSTER, "--config", "server.properties"]);
        if let Some(security) = security {
            format.args(["--add-scram", &security.scram()]);
        }
        let formatted = format.output().expect("java runs: is a Java 17 installed?");
        let told = String::from_utf8_lossy(&formatted.stderr);
        assert!(formatted.status.success(), "Kafka's storage was not formatted: {told}");
        node
    }

    fn java(&self, main: &str) -> Command {
        let mut java = Command::new("java");
        let classes = self.jars.with_file_name("classes.jsa");
        if classes.is_file() {
            java.arg(format!("-XX:SharedArchiveFile={}", classes.display()));
        }
        java.args(JAVA).arg("-cp").arg(self.jars.join("*")).arg(main).current_dir(&self.home);
        java
    }

    pub(crate) fn start(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let java = self.java("kafka.Kafka");
        let mut guard = Command::new("sh");
        guard.arg("-c").arg(GUARD).arg("guard").arg(java.get_program()).args(java.get_args());
        guard.arg("server.properties").current_dir(&self.home).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = guard.spawn().expect("a shell runs");
        let mut line = String::new();
        BufReader::new(guard.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.running = Some(Running { guard, pid: line.trim().parse().expect("a process id") });
    }

    pub(crate) fn kill(&mut self) {
        if let Some(Running { mut guard, pid }) = self.running.take() {
            signal(pid, "KILL");
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("the node runs").pid
    }

    /// Whether it is not running, or takes connections.
    pub(crate) fn answers(&self) -> bool {
        let door = SocketAddr::from(([127, 0, 0, 1], self.ports[0]));
        self.running.is_none() || TcpStream::connect_timeout(&door, Duration::from_secs(1)).is_ok()
    }

    pub(crate) fn assert_alive(&self) {
        let Some(Running { pid, .. }) = &self.running else { return };
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "a Kafka node has ended:\n{}", self.told());
    }

    /// What the node has written.
    pub(crate) fn told(&self) -> String {
        std::fs::read_to_string(self.home.join("node.log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}

/// Between two looks at a process that tells nobody when it is ready.
#[expect(clippy::disallowed_methods, reason = "a process starts: there is no condition of ours to wait for")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
