//! `make run-distributed`: the platform on several machines, all of them this one. PostgreSQL, a Kafka of three nodes, two
//! API nodes, a media node and one for the rest, on loopback, with the demonstration's broadcast. Nothing of it is kept.
#![allow(clippy::print_stdout, reason = "a program that tells where to look")]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::eventually;
use harness::free_port;
use harness::postgres::Cluster;
use kafka_harness::Kafka;

/// A node's start, on a machine that is busy with the others'.
const START_WITHIN: Duration = Duration::from_secs(60);

/// Secrets that nodes share; of a platform that lives for as long as somebody looks at it.
const ADMIN_TOKEN: &str = "only-for-the-demonstration-of-several-nodes";
const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

struct Node {
    child: Child,
}

/// What all nodes have in common.
struct Platform {
    binary: PathBuf,
    folder: PathBuf,
    database: String,
    brokers: String,
}

impl Platform {
    fn start(&self, name: &str, command: &str, roles: &str, doors: [u16; 2]) -> io::Result<Node> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let [http, rtmp] = doors.map(|port| format!("127.0.0.1:{port}"));
        let child = Command::new(&self.binary)
            .args([command, "--roles", roles, "--node-id", name, "--http", &http, "--rtmp", &rtmp])
            .args(["--kafka", &self.brokers, "--kafka-copies", "3", "--data-dir"])
            .arg(folder.join("data"))
            .env("SIGMA_EVENT_STORE", &self.database)
            .env("SIGMA_ADMIN_TOKEN", ADMIN_TOKEN)
            .env("SIGMA_MASTER_KEY", MASTER_KEY)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(File::create(folder.join("sigma.log"))?)
            .spawn()?;
        Ok(Node { child })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A Ctrl-C has reached it too; who goes for another reason takes it along.
        end_to_end::signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}

async fn ready(port: u16) {
    let url = format!("http://127.0.0.1:{port}/readyz");
    eventually(&format!("{url} to answer"), START_WITHIN, || async {
        reqwest::get(&url).await.ok().filter(|answer| answer.status().is_success()).map(drop)
    })
    .await;
}

fn main() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run())
}

async fn run() -> io::Result<()> {
    let program = std::env::current_exe()?;
    let binary = program.parent().unwrap_or(Path::new(".")).join("sigma");
    let folder = tempfile::Builder::new().prefix("sigma-distributed-").tempdir()?;
    println!("PostgreSQL and three nodes of Kafka are started …");
    let (cluster, kafka) = (Cluster::durable(), Kafka::start(3));
    let platform = Platform {
        binary,
        folder: folder.path().to_owned(),
        database: cluster.database().await,
        brokers: kafka.bootstrap(),
    };
    let ports: Vec<[u16; 2]> = (0..4).map(|_| [free_port(), free_port()]).collect();
    let mut nodes = Vec::new();
    for (at, (name, roles)) in
        [("rest-1", "projections"), ("media-1", "ingest"), ("api-1", "api")].into_iter().enumerate()
    {
        nodes.push(platform.start(name, "serve", roles, ports[at])?);
        ready(ports[at][0]).await;
        println!("{name:<8} {roles:<12} http://127.0.0.1:{}", ports[at][0]);
    }
    println!(
        "{:<8} {:<12} http://127.0.0.1:{} publishes the demonstration to media-1",
        "api-2", "api", ports[3][0]
    );
    println!("PostgreSQL {}", platform.database);
    println!("Kafka      {}", platform.brokers);
    println!("admin token {ADMIN_TOKEN}");
    println!("logs       {}/*/sigma.log", platform.folder.display());
    let mut demo = platform.start("api-2", "demo", "api", ports[3])?;
    loop {
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => {
                pressed?;
                println!("stopping");
                break;
            }
            () = sigma_clock::sleep(Duration::from_millis(500)) => {
                if let Some(status) = demo.child.try_wait()? {
                    println!("api-2 ended with {status}: see its log");
                    break;
                }
            }
        }
    }
    drop(demo);
    // The other way round than they were started: who leans on others goes first.
    while let Some(node) = nodes.pop() {
        drop(node);
    }
    Ok(())
}
