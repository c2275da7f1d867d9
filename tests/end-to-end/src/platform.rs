//! The binary under test, on free loopback ports and a data folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use harness::free_port;
use serde_json::Value;

use crate::eventually;

/// How to start it.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Further flags of `sigma serve`.
    pub flags: Vec<String>,
    /// A program that starts the binary, with its own arguments, as `prlimit --nofile=64`.
    pub under: Vec<String>,
    /// Where its data folder is made; else in a temporary folder of its own.
    pub disk: Option<PathBuf>,
    /// With a certificate of its own: HTTPS, and RTMPS beside RTMP.
    pub tls: bool,
    /// The address of the database that all is kept in; else the data folder, or a new database of PostgreSQL where the
    /// whole suite was asked to run so (`SIGMA_TEST_EVENT_STORE=postgres`).
    pub database: Option<String>,
    /// What it shares with other nodes of the same platform; else it makes its own.
    pub keys: Option<Keys>,
}

/// The secrets that all nodes of a platform have in common.
#[derive(Debug, Clone)]
pub struct Keys {
    admin_token: String,
    master_key: String,
}

impl Default for Keys {
    fn default() -> Self {
        // Of nothing but tests.
        Self { admin_token: "a-token-of-several-nodes".repeat(2), master_key: format!("{}=", "A".repeat(43)) }
    }
}

/// Says that all is kept in the data folder, also where the whole suite was asked to run on PostgreSQL.
const FILES: &str = "sqlite";

impl Start {
    /// Everything in the data folder, whatever the suite was asked.
    pub fn in_files() -> Self {
        Self { database: Some(FILES.to_owned()), ..Self::default() }
    }

    fn command(&self) -> Command {
        let Some((program, args)) = self.under.split_first() else { return Command::new(binary()) };
        let mut command = Command::new(program);
        command.args(args).arg(binary());
        command
    }
}

/// A running platform. Killed when dropped.
#[derive(Debug)]
pub struct Platform {
    child: Option<Child>,
    data: tempfile::TempDir,
    start: Start,
    /// `127.0.0.1:PORT` of the HTTP door.
    pub http: String,
    /// `127.0.0.1:PORT` of the RTMP door.
    pub rtmp: String,
    /// `127.0.0.1:PORT` of the RTMPS door, where there is a certificate.
    pub rtmps: String,
    client: reqwest::Client,
}

/// The binary that `cargo build` put beside the tests.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let binary = folder.join("sigma");
    assert!(binary.exists(), "{} is missing: cargo build --bin sigma", binary.display());
    binary
}

impl Platform {
    /// Starts the platform and waits until it is ready.
    pub async fn start(mut start: Start) -> Self {
        if start.database.is_none()
            && std::env::var("SIGMA_TEST_EVENT_STORE").is_ok_and(|text| text == "postgres")
        {
            start.database = Some(harness::postgres::Cluster::shared().database().await);
        }
        let data = tempfile::Builder::new().prefix("sigma-").tempdir().expect("a temporary folder");
        let mut platform = Self {
            child: None,
            data,
            start,
            http: format!("127.0.0.1:{}", free_port()),
            rtmp: format!("127.0.0.1:{}", free_port()),
            rtmps: format!("127.0.0.1:{}", free_port()),
            client: reqwest::Client::builder().build().expect("a client"),
        };
        if platform.start.tls {
            platform.renew_certificate();
        }
        platform.launch().await;
        platform
    }

    /// Starts the binary on the same data folder and ports, and waits until it is ready.
    pub async fn launch(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts the binary and waits for nothing.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_file()).expect("a log file");
        let mut command = self.start.command();
        command
            .args(["serve", "--http", &self.http, "--rtmp", &self.rtmp, "--data-dir"])
            .arg(self.data_dir());
        if self.start.tls {
            let [chain, key] = self.certificate_files();
            command.arg("--tls-cert").arg(chain).arg("--tls-key").arg(key).args(["--rtmps", &self.rtmps]);
        }
        if let Some(database) = &self.start.database {
            command.env("SIGMA_EVENT_STORE", database);
        }
        command.env_remove("SIGMA_ADMIN_TOKEN").env_remove("SIGMA_MASTER_KEY");
        if let Some(keys) = &self.start.keys {
            command.env("SIGMA_ADMIN_TOKEN", &keys.admin_token).env("SIGMA_MASTER_KEY", &keys.master_key);
        }
        let child = command
            .args(&self.start.flags)
            .env("RUST_LOG", "info,sigma_node=debug")
            .current_dir(self.data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
    }

    /// Waits until it says that it is ready.
    async fn ready(&mut self) {
        let url = self.url("/readyz");
        let client = self.client.clone();
        eventually("the platform to be ready", Duration::from_secs(20), || {
            let (client, url) = (client.clone(), url.clone());
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                panic!("the platform ended with {status}:\n{}", self.log());
            }
            async move {
                client.get(url).send().await.ok().filter(|answer| answer.status().is_success()).map(|_| ())
            }
        })
        .await;
    }

    /// Whether its process has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Starts it again where it has ended by itself, as a service manager does.
    pub fn revive(&mut self) {
        if !self.is_running() {
            self.child = None;
            self.spawn();
        }
    }

    /// Whether it says now that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.client.get(self.url("/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// `SIGTERM`; answers how it ended and after how long.
    pub async fn terminate(&mut self) -> (ExitStatus, Duration) {
        let mut child = self.child.take().expect("it runs");
        let began = sigma_clock::monotonic();
        signal("TERM", child.id());
        let status = eventually("the platform to end", Duration::from_secs(30), || {
            let status = child.try_wait().expect("it can be waited for");
            async move { status }
        })
        .await;
        (status, began.elapsed())
    }

    /// Keeps everything in a database from its next start on.
    pub fn keep_in(&mut self, database: &str) {
        self.start.database = Some(database.to_owned());
    }

    /// The address of the database that everything is kept in, where it is one.
    pub fn database(&self) -> Option<String> {
        self.start.database.clone()
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.start.disk.as_deref().unwrap_or(self.data.path()).join("data")
    }

    /// All that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.data.path().join("sigma.log")
    }

    /// An absolute URL of the HTTP door.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.start.tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.http)
    }

    /// Where the certificate's chain and its key stand.
    pub fn certificate_files(&self) -> [PathBuf; 2] {
        ["chain.pem", "key.pem"].map(|name| self.data.path().join(name))
    }

    /// Lays a new certificate for 127.0.0.1 where the platform finds it, and makes this the one that the tests' client
    /// believes from now on.
    pub fn renew_certificate(&mut self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        let made = made.expect("a certificate");
        let [chain, key] = self.certificate_files();
        fs::write(chain, made.cert.pem()).expect("written");
        fs::write(key, made.signing_key.serialize_pem()).expect("written");
        let certificate = reqwest::Certificate::from_der(made.cert.der()).expect("a certificate");
        let client = reqwest::Client::builder().tls_certs_only([certificate]);
        self.client = client.build().expect("a client");
    }

    /// The admin token, as the operator reads it.
    pub fn admin_token(&self) -> String {
        if let Some(keys) = &self.start.keys {
            return keys.admin_token.clone();
        }
        let file = self.data_dir().join("admin-token");
        fs::read_to_string(file).expect("the admin token's file").trim().to_owned()
    }

    /// The HTTP client of the tests.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// What `/metrics` tells.
    pub async fn metrics(&self) -> String {
        let asked = self.client.get(self.url("/metrics")).bearer_auth(self.admin_token());
        asked.send().await.expect("an answer").text().await.expect("text")
    }

    /// A figure of [`metrics`](Self::metrics); none where it is not told.
    pub async fn figure(&self, name: &str) -> Option<u64> {
        let metrics = self.metrics().await;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// What `/readyz` answers: its status and what it tells.
    pub async fn readiness(&self) -> (u16, Value) {
        let answer = self.client.get(self.url("/readyz")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Where a broadcaster pushes to.
    pub fn push_url(&self, key: &str) -> String {
        format!("rtmp://{}/live/{key}", self.rtmp)
    }

    /// Where a broadcaster pushes to over TLS.
    pub fn secure_push_url(&self, key: &str) -> String {
        format!("rtmps://{}/live/{key}", self.rtmps)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = std::env::temp_dir().join(format!(
                "sigma-failed-{}-{}.log",
                std::process::id(),
                self.http.replace(':', "-")
            ));
            if fs::copy(self.log_file(), &kept).is_ok() {
                eprintln!("the platform's log: {}", kept.display());
            }
        }
        self.kill();
    }
}

/// Sends a signal by its name.
pub fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{name} {pid}");
}

/// Where files made once for all tests stand: beside the test binaries.
pub(crate) fn workshop() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("test-media");
    fs::create_dir_all(&folder).expect("a folder for test media");
    folder
}

/// Runs a program to its end; its words are shown when it fails.
pub(crate) fn run(program: &str, args: &[&str], cwd: &Path) {
    let output = Command::new(program).args(args).current_dir(cwd).stdin(Stdio::null()).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program} cannot be started: {error}; make test-packages"));
    assert!(output.status.success(), "{program} {args:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}
