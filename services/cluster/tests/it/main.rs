//! Nodes and leases over a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod leases;
mod nodes;

use std::sync::Arc;
use std::time::Duration;

use harness::postgres::Cluster as Server;
use sigma_cluster::{Cluster, Me, TERM};
use sigma_tables::Address;
use tokio::runtime::Runtime;

/// Whatever is waited for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

async fn database() -> Address {
    Server::shared().database().await.parse().unwrap()
}

fn me(id: &str) -> Me {
    Me {
        id: id.to_owned(),
        roles: vec!["api".to_owned()],
        version: "1.2.3".to_owned(),
        url: format!("http://{id}:8080"),
        rtmp: None,
        sessions: Arc::default(),
    }
}

async fn join(address: &Address, id: &str) -> Cluster {
    Cluster::join(address, me(id)).await.unwrap()
}

/// A node whose process can be killed: it runs in a runtime of its own.
struct Mortal {
    runtime: Option<Runtime>,
    cluster: Cluster,
}

impl Mortal {
    async fn join(address: &Address, id: &'static str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = address.clone();
        let cluster = runtime.spawn(async move { join(&address, id).await }).await.unwrap();
        Self { runtime: Some(runtime), cluster }
    }

    /// It says nothing any more, not even goodbye.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    match sigma_clock::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// More than a term, and than a round.
const _: () = assert!(PATIENCE.as_secs() > TERM.as_secs() + 3);
