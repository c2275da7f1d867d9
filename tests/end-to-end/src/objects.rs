//! An S3 of our own: PyPI's moto, on loopback, that ends with the test.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::free_port;

use crate::platform::signal;
use crate::{Start, eventually};

/// A bucket `recordings` in a store that keeps everything in memory.
#[derive(Debug)]
pub struct ObjectStore {
    child: Child,
    url: String,
}

impl ObjectStore {
    /// Starts the store and makes the bucket.
    ///
    /// # Panics
    /// Where `SIGMA_TEST_PYTHON` is no Python with moto: `make test` sets it.
    pub async fn start() -> Self {
        let python = std::env::var("SIGMA_TEST_PYTHON").expect("SIGMA_TEST_PYTHON, which make test sets");
        let port = free_port();
        let child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let store = Self { child, url: format!("http://127.0.0.1:{port}") };
        let bucket = format!("{}/recordings", store.url);
        eventually("the bucket to be made", Duration::from_secs(60), || async {
            let made = reqwest::Client::new().put(&bucket).send().await.ok()?;
            made.status().is_success().then_some(())
        })
        .await;
        store
    }

    /// How a platform is started that keeps its recordings here.
    pub fn platform(&self) -> Start {
        let said = [
            format!("AWS_ENDPOINT_URL={}", self.url),
            "AWS_REGION=us-east-1".to_owned(),
            "AWS_ACCESS_KEY_ID=test".to_owned(),
            "AWS_SECRET_ACCESS_KEY=test".to_owned(),
        ];
        Start {
            under: std::iter::once("env".to_owned()).chain(said).collect(),
            flags: vec!["--objects".to_owned(), "s3://recordings/of/tests".to_owned()],
            ..Start::default()
        }
    }

    /// From now on it takes connections and answers none.
    pub fn freeze(&self) {
        signal("STOP", self.child.id());
    }

    /// It answers again.
    pub fn thaw(&self) {
        signal("CONT", self.child.id());
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        // One that has ended already is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
