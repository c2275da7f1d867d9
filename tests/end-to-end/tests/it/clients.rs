//! Client libraries that integrators use, each as its own documentation shows it.

use std::path::Path;
use std::process::Command;

use end_to_end::{Platform, Start};

async fn talks(mut program: Command, script: &str) {
    let platform = Platform::start(Start::default()).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients");
    program.arg(folder.join(script)).arg(platform.url("")).arg(platform.admin_token());
    let run = tokio::task::spawn_blocking(move || program.output()).await.expect("no panic");
    let output = run.expect("the client starts: make test-rust prepares it");
    let (words, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words}\n{errors}");
}

#[tokio::test]
async fn graphql_request_graphql_ws_graphql_sse_and_urql_talk_to_it_without_special_care() {
    talks(Command::new("node"), "clients.mjs").await;
}

#[tokio::test]
async fn a_python_client_talks_to_it_without_special_care() {
    let python = std::env::var("SIGMA_TEST_PYTHON").expect("SIGMA_TEST_PYTHON: run make test-rust");
    talks(Command::new(python), "clients.py").await;
}
