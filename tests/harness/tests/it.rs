//! A server ends with the tests that started it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::postgres::Cluster;
use sqlx::Executor;

/// Not a test of its own: the process that panics, or is killed, while its server runs.
#[test]
#[ignore = "the child of a_server_ends_with_its_tests"]
fn child_that_starts_a_server() {
    let cluster = Cluster::shared();
    let mut out = std::io::stdout();
    writeln!(out, "server {} {}", cluster.pid().unwrap(), cluster.port()).unwrap();
    std::thread::park();
}

async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        sigma_clock::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_ends_with_its_tests_also_when_those_are_killed() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_starts_a_server", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.filter_map(|line| line.split_once("server ").map(|(_, told)| told.to_owned())).next();
    let told = told.unwrap();
    let (pid, _port) = told.split_once(' ').unwrap();
    let process = format!("/proc/{pid}");
    let folder = std::fs::read_link(format!("{process}/cwd")).unwrap();
    assert!(folder.join("postmaster.pid").exists() && folder.ends_with("data"), "{}", folder.display());
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = async { until(|| !Path::new(&process).exists() && !folder.exists()).await };
    sigma_clock::timeout(Duration::from_secs(20), gone).await.expect("the server and its folder are gone");
}

#[tokio::test]
async fn a_server_keeps_what_it_holds_over_a_stop_and_a_kill() {
    let cluster = Cluster::durable();
    cluster.shell("postgres").await.execute("create table kept (n int)").await.unwrap();
    for round in 1..=2 {
        cluster.shell("postgres").await.execute("insert into kept values (1)").await.unwrap();
        if round == 1 {
            cluster.stop()
        } else {
            cluster.kill()
        }
        cluster.resume();
        let count: i64 = sqlx::query_scalar("select count(*) from kept")
            .fetch_one(&mut cluster.shell("postgres").await)
            .await
            .unwrap();
        assert_eq!(count, round);
    }
}

#[test]
fn a_port_is_given_once_and_kept_for_who_names_it() {
    let ports: BTreeSet<u16> = (0..100).map(|_| harness::free_port()).collect();
    assert_eq!(ports.len(), 100);
    for _ in 0..2_000 {
        let any = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!ports.contains(&any), "{any} was given to who asked for any");
    }
    for port in ports {
        for time in ["at first", "in the place of one that was killed"] {
            TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| panic!("{time}: {error}"));
        }
    }
}
