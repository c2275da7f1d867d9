//! PostgreSQL 15, as Debian packages it.
//!
//! [`Cluster::shared`] is one for the whole test process, quick because it is not safe against a loss of power; each test
//! takes a [`database`](Cluster::database) of its own. [`Cluster::durable`] is a test's own, to be killed and stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::free_port;
use crate::server::{Server, Start, signal};

/// Where Debian puts the servers of each version.
const INSTALLED: &str = "/usr/lib/postgresql";

/// The system's user that runs it where the tests run as root, which it refuses.
const SYSTEM_USER: &str = "postgres";

/// A cluster of databases with its server.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    flags: Vec<String>,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
}

/// Not safe against a loss of power, and quick.
const QUICK: &[&str] = &["fsync=off", "full_page_writes=off", "synchronous_commit=off"];

impl Cluster {
    /// The one that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(QUICK))
    }

    /// One of its own that keeps what it answered, also over [`kill`](Self::kill).
    pub fn durable() -> Self {
        Self::start(&[])
    }

    /// One of its own, quick, with further settings as `max_connections=20`.
    pub fn quick(settings: &[&str]) -> Self {
        Self::start(&[QUICK, settings].concat())
    }

    fn start(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("sigma-postgres-").tempdir().expect("a folder").keep();
        if is_root() {
            run(Command::new("chown").arg(format!("{SYSTEM_USER}:")).arg(&folder));
        }
        // Its owner alone may enter: initdb wants the same of its folder within.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a mode");
        let data = folder.join("data");
        run(as_user(&binary("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(&data));
        let flags = settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]).collect();
        let (server, databases) = (Mutex::default(), AtomicU32::default());
        let cluster = Self { folder, port: free_port(), flags, server, databases };
        cluster.try_resume().unwrap_or_else(|lines| panic!("PostgreSQL does not start: {lines}"));
        cluster
    }

    fn try_resume(&self) -> Result<(), String> {
        let _ = fs::remove_file(self.folder.join("keep"));
        let mut command = vec![binary("postgres").display().to_string()];
        command.extend(["-D".to_owned(), self.folder.join("data").display().to_string()]);
        command.extend(["-p".to_owned(), self.port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"] {
            command.extend(["-c".to_owned(), setting.to_owned()]);
        }
        command.extend(self.flags.iter().cloned());
        let started = Server::start(&Start {
            folder: &self.folder,
            // Immediately, without a last checkpoint: what it holds is thrown away, or must survive a crash.
            ending: "INT",
            user: is_root().then_some(SYSTEM_USER),
            command,
            ready: "database system is ready to accept connections",
        })?;
        *self.server() = Some(started);
        Ok(())
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the server in order; what it holds stays.
    pub fn stop(&self) {
        self.keep();
        if let Some(server) = self.server().take() {
            server.stop();
        }
    }

    /// Kills the server's first process, as `kill -9` does; what it holds stays.
    pub fn kill(&self) {
        self.keep();
        if let Some(server) = self.server().take() {
            server.kill();
        }
    }

    /// Stops the server where it stands: nothing is refused and nothing is answered, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.each_process("STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.each_process("CONT");
    }

    fn each_process(&self, name: &str) {
        if let Some(server) = &*self.server() {
            signal(name, server.pid);
            let children = format!("/proc/{0}/task/{0}/children", server.pid);
            let children = fs::read_to_string(children).unwrap_or_default();
            children.split_whitespace().filter_map(|pid| pid.parse().ok()).for_each(|pid| signal(name, pid));
        }
    }

    /// Starts the server again, on the same port and with all that it held. After [`kill`](Self::kill) its other processes
    /// may need a moment to go: it is tried until they are gone.
    pub fn resume(&self) {
        for _ in 0..200 {
            match self.try_resume() {
                Ok(()) => return,
                Err(lines) => {
                    assert!(lines.contains("lock file") || lines.contains("shared memory"), "{lines}");
                    run(Command::new("sleep").arg("0.05"));
                }
            }
        }
        panic!("PostgreSQL does not start again");
    }

    fn keep(&self) {
        fs::write(self.folder.join("keep"), "").expect("the folder is writable");
    }

    /// The server's process.
    pub fn pid(&self) -> Option<u32> {
        self.server().as_ref().map(|server| server.pid)
    }

    /// The port that it listens on, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An address of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection to a database of this cluster, past all that is under test.
    pub async fn shell(&self, database: &str) -> PgConnection {
        let options: PgConnectOptions = self.url(database).parse().expect("an address");
        let connected = sigma_clock::timeout(Duration::from_secs(20), options.connect()).await;
        connected.expect("within 20 s").expect("a connection")
    }

    /// Makes an empty database; answers its address.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut shell = self.shell("postgres").await;
        // Block by block: copying files wants two checkpoints, for which every test of the cluster would wait.
        let make = format!("create database {name} template template0 strategy wal_log");
        shell.execute(make.as_str()).await.expect("a database");
        shell.close().await.expect("closed");
        self.url(&name)
    }

    /// Runs one of PostgreSQL's own programs, as `pg_dump`, and answers what it printed.
    pub fn tool(&self, name: &str, args: &[&str]) -> String {
        let mut command = Command::new(binary(name));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]).args(args);
        run(&mut command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join("keep"));
        if let Some(server) = self.server().take() {
            server.stop();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program of the newest PostgreSQL that is installed.
fn binary(name: &str) -> PathBuf {
    let mut versions: Vec<u32> = fs::read_dir(INSTALLED)
        .map(|entries| entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    versions.sort_unstable();
    let newest = versions.last().expect("PostgreSQL is missing: make test-packages");
    Path::new(INSTALLED).join(newest.to_string()).join("bin").join(name)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={SYSTEM_USER}"), format!("--regid={SYSTEM_USER}")]);
    command.args(["--init-groups", "--"]).arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
