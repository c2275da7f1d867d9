//! Real Apache Kafka on loopback, for tests: one node or three, combined broker and controller.
//!
//! A node's data lies in a temporary folder. Nodes end with the value that holds them, also when a test panics, and with
//! the test's process however it ends: a shell beside each node waits for its standard input to close.
#![expect(clippy::unwrap_used, reason = "a harness: it panics where a test cannot run")]

mod node;
mod security;

use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::free_port;
use node::Node;
pub use security::Security;
use sigma_clock::monotonic;
use tempfile::TempDir;

/// How long a node may take to answer; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// A cluster of its own.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Node>,
    security: Option<Security>,
    _folder: TempDir,
}

impl Kafka {
    /// Starts a cluster of `nodes` nodes, one or three, and waits until each of them answers.
    pub fn start(nodes: usize) -> Self {
        Self::start_with(nodes, None, "")
    }

    /// One node that has doors with TLS and SASL beside the open one.
    pub fn start_secured() -> Self {
        Self::start_with(1, Some(Security::new()), "")
    }

    /// One node that writes records down as they are, whatever their producers compress: what stands in them can be looked for in
    /// [`bytes_of`](Self::bytes_of).
    pub fn start_legible() -> Self {
        Self::start_with(1, None, "compression.type=uncompressed\n")
    }

    fn start_with(nodes: usize, security: Option<Security>, further: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("sigma-kafka-").tempdir().unwrap();
        // Broker, controller, TLS, SASL.
        let ports: Vec<[u16; 4]> = (0..nodes).map(|_| [(); 4].map(|()| free_port())).collect();
        let quorum: Vec<String> =
            ports.iter().enumerate().map(|(n, ports)| format!("{}@127.0.0.1:{}", n + 1, ports[1])).collect();
        let (jars, quorum) = (jars(), quorum.join(","));
        let make = &|n: usize, ports: [u16; 4]| {
            let home = folder.path().join(format!("node-{}", n + 1));
            let mut properties = properties(&home, n + 1, ports, &quorum, security.as_ref());
            properties.push_str(further);
            Node::make(&jars, &home, ports, &properties, security.as_ref())
        };
        // Each formats its storage with a virtual machine of its own: side by side.
        let nodes = std::thread::scope(|scope| {
            let made: Vec<_> =
                ports.iter().enumerate().map(|(n, ports)| scope.spawn(move || make(n, *ports))).collect();
            made.into_iter().map(|made| made.join().unwrap()).collect()
        });
        let mut kafka = Self { nodes, security, _folder: folder };
        for node in &mut kafka.nodes {
            node.start();
        }
        kafka.wait();
        kafka
    }

    /// `host:port,…` of the doors without TLS or SASL.
    pub fn bootstrap(&self) -> String {
        let doors: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.ports[0])).collect();
        doors.join(",")
    }

    /// `host:port` of the door with TLS and SASL.
    pub fn secured_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].ports[2])
    }

    /// `host:port` of the door with SASL and without TLS.
    pub fn plain_sasl_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].ports[3])
    }

    /// What a client of the secured doors needs.
    pub fn security(&self) -> &Security {
        self.security.as_ref().expect("started with start_secured")
    }

    /// The process of a node (from 0) that runs.
    pub fn pid(&self, node: usize) -> u32 {
        self.nodes[node].pid()
    }

    /// Kills a node (from 0) as `kill -9` does.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Starts a node again that was killed, on its ports and with its data; waits until it answers.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].start();
        self.wait();
    }

    /// Stops a node's process where it stands, so that its doors are open and nobody answers.
    pub fn pause(&self, node: usize) {
        self.nodes[node].signal("STOP");
    }

    /// Lets a paused node go on.
    pub fn resume(&self, node: usize) {
        self.nodes[node].signal("CONT");
    }

    /// Bytes of a topic's logs on all nodes, one after the other: what a thief of the disks would read.
    pub fn bytes_of(&self, topic: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for node in &self.nodes {
            for entry in std::fs::read_dir(node.home.join("data")).unwrap() {
                let folder = entry.unwrap();
                if folder.file_name().to_string_lossy().starts_with(topic) {
                    for file in std::fs::read_dir(folder.path()).unwrap() {
                        // Kafka renames files of its own accord meanwhile.
                        match std::fs::read(file.unwrap().path()) {
                            Err(error) if error.kind() == ErrorKind::NotFound => {}
                            read => bytes.extend(read.unwrap()),
                        }
                    }
                }
            }
        }
        bytes
    }

    fn wait(&mut self) {
        let begun = monotonic();
        for node in &mut self.nodes {
            while !node.answers() {
                node.assert_alive();
                assert!(begun.elapsed() < PATIENCE, "a Kafka node does not answer:\n{}", node.told());
                node::pause(LOOK);
            }
        }
    }
}

/// Where `tests/setup/kafka` has put the jars.
fn jars() -> PathBuf {
    let tools = std::env::var_os("SIGMA_TEST_KAFKA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/kafka"), PathBuf::from);
    let jars = tools.join("libs");
    // Java finds the archive of classes fitting only where the jars have the very paths that it was made with.
    jars.canonicalize().unwrap_or_else(|_| {
        panic!("Kafka's jars are missing in {}: run tests/setup/kafka .tools", jars.display())
    })
}

fn properties(
    home: &Path,
    id: usize,
    [broker, controller, tls, sasl]: [u16; 4],
    quorum: &str,
    security: Option<&Security>,
) -> String {
    let copies = quorum.split(',').count();
    let in_sync = if copies > 1 { 2 } else { 1 };
    let mut text = String::new();
    let mut listeners = format!("OPEN://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}");
    let mut advertised = format!("OPEN://127.0.0.1:{broker}");
    if let Some(security) = security {
        let doors = format!(",SECURED://127.0.0.1:{tls},SASL://127.0.0.1:{sasl}");
        listeners.push_str(&doors);
        advertised.push_str(&doors);
        text.push_str(&security.properties());
    }
    let data = home.join("data");
    write!(
        text,
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={quorum}\n\
         listeners={listeners}\n\
         advertised.listeners={advertised}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=OPEN\n\
         listener.security.protocol.map=OPEN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL,SASL:SASL_PLAINTEXT\n\
         log.dirs={data}\n\
         auto.create.topics.enable=false\n\
         default.replication.factor={copies}\n\
         offsets.topic.replication.factor={copies}\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor={copies}\n\
         transaction.state.log.min.isr={in_sync}\n\
         transaction.state.log.num.partitions=2\n\
         share.coordinator.state.topic.replication.factor={copies}\n\
         share.coordinator.state.topic.min.isr={in_sync}\n\
         group.initial.rebalance.delay.ms=0\n\
         broker.session.timeout.ms=2500\n\
         broker.heartbeat.interval.ms=500\n\
         num.network.threads=1\n\
         num.io.threads=2\n\
         background.threads=1\n\
         log.cleaner.dedupe.buffer.size=2097152\n",
        data = data.display(),
    )
    .unwrap();
    text
}
