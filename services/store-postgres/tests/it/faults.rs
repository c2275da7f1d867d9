//! What goes wrong around the server: each is answered with its mend, nothing that was answered is lost, and all heals.

use std::time::Duration;

use harness::postgres::Cluster;
use sigma_store::{Cursor, EventLog, Journal, LogError, SecretWrite, StoreError};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore, look};
use sqlx::{Connection, Executor};

use crate::commit;

const PATIENCE: Duration = Duration::from_secs(30);

fn unavailable(error: StoreError) -> (String, String) {
    let StoreError::Unavailable { message, mend } = error else { panic!("{error:?}") };
    (message, mend)
}

async fn open_with(url: &str, options: PostgresOptions) -> PostgresStore {
    PostgresStore::open(&url.parse().unwrap(), &options).await.unwrap()
}

/// Short of patience, so that a test is not long: for questions that are not answered. On a busy machine one that is may take
/// longer, its opening too.
async fn impatient(url: &str) -> PostgresStore {
    let options = PostgresOptions {
        statement_timeout: Duration::from_millis(500),
        acquire_timeout: Duration::from_millis(500),
        ..PostgresOptions::default()
    };
    let opened = async {
        loop {
            if let Ok(store) = PostgresStore::open(&url.parse().unwrap(), &options).await {
                return store;
            }
        }
    };
    sigma_clock::timeout(PATIENCE, opened).await.expect("it opens")
}

fn database(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1
}

#[tokio::test]
async fn a_server_that_is_stopped_is_unavailable_and_all_heals_by_itself() {
    let cluster = Cluster::durable();
    let url = cluster.database().await;
    let (store, hasty) = (open_with(&url, PostgresOptions::default()).await, impatient(&url).await);
    // More connections than one lie in the pool when the server goes.
    let many = (0..6_u64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(commit(&format!("m{n}"), 0, 1, &format!("m{n}"))).await })
    });
    for one in many.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    let place = store.commit(commit("a", 0, 2, "c1")).await.unwrap().cursor;
    for ending in [Cluster::stop, Cluster::kill] {
        ending(&cluster);
        let (message, mend) = unavailable(hasty.commit(commit("a", 2, 1, "never")).await.unwrap_err());
        assert!(
            message.contains("PostgreSQL is not there") && mend.contains("start it"),
            "{message}; {mend}"
        );
        assert!(message.contains("127.0.0.1"), "{message}");
        unavailable(hasty.load("thing", "a").await.unwrap_err());
        unavailable(hasty.identity().await.unwrap_err());
        let read = hasty.read_after(&Cursor::start(), 1).await;
        assert!(matches!(read, Err(LogError::Unavailable { .. })), "{read:?}");
        cluster.resume();
        assert_eq!(store.load("thing", "a").await.unwrap().len(), 2, "the next question is answered");
    }
    let waiter = tokio::spawn({
        let store = store.clone();
        async move { store.wait_after(&place).await }
    });
    assert_eq!(store.commit(commit("a", 2, 1, "c2")).await.unwrap().last_sequence, 3);
    sigma_clock::timeout(PATIENCE, waiter).await.expect("the follower is back").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_when_the_server_is_killed() {
    let cluster = Cluster::durable();
    let url = cluster.database().await;
    let store = open_with(&url, PostgresOptions::default()).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (store, stop) = (store.clone(), stop.clone());
        writers.spawn(async move {
            let (aggregate, mut answered) = (format!("a{writer}"), 0);
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                // Under the same id until it is answered: honoured once.
                match store.commit(commit(&aggregate, answered, 2, &format!("{aggregate}-{answered}"))).await
                {
                    Ok(committed) => answered = committed.last_sequence,
                    Err(StoreError::Unavailable { .. }) => tokio::task::yield_now().await,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (aggregate, answered)
        });
    }
    for round in 0..3 {
        // Until something more was committed.
        let wanted = store.lag(&Cursor::start()).await.unwrap_or(0) + 40 + round * 17;
        while store.lag(&Cursor::start()).await.unwrap_or(0) < wanted {
            tokio::task::yield_now().await;
        }
        cluster.kill();
        cluster.resume();
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    while let Some(done) = writers.join_next().await {
        let (aggregate, answered) = done.unwrap();
        let events = store.load("thing", &aggregate).await.unwrap();
        assert_eq!(events.len() as u64, answered, "{aggregate}");
        assert!(events.iter().map(|event| event.sequence).eq(1..=answered));
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_unavailable_until_it_does() {
    let cluster = Cluster::quick(&[]);
    let url = cluster.database().await;
    let store = open_with(&url, PostgresOptions::default()).await;
    store.commit(commit("a", 0, 1, "c1")).await.unwrap();
    let mut shell = cluster.shell(database(&url)).await;
    shell.execute("alter system set default_transaction_read_only = on").await.unwrap();
    shell.execute("select pg_reload_conf()").await.unwrap();
    let refused = async {
        loop {
            match store.commit(commit("a", 1, 1, "c2")).await {
                // The server reads its settings a moment later.
                Ok(_) | Err(StoreError::Conflict { .. }) => tokio::task::yield_now().await,
                Err(error) => return error,
            }
        }
    };
    let refused = sigma_clock::timeout(PATIENCE, refused).await.expect("it is refused");
    let (message, mend) = unavailable(refused);
    assert!(message.contains("takes no writes") && mend.contains("primary"), "{message}; {mend}");
    assert!(!store.load("thing", "a").await.unwrap().is_empty(), "it still reads");
    let heal = "set default_transaction_read_only = off; alter system reset default_transaction_read_only";
    for statement in heal.split("; ") {
        shell.execute(statement).await.unwrap();
    }
    shell.execute("select pg_reload_conf()").await.unwrap();
    let healed = async {
        while store.record_command(commit("x", 0, 0, "healed").command).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    sigma_clock::timeout(PATIENCE, healed).await.expect("it heals");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_and_a_frozen_server_are_given_up() {
    let cluster = Cluster::quick(&[]);
    let url = cluster.database().await;
    let (store, hasty) = (open_with(&url, PostgresOptions::default()).await, impatient(&url).await);
    store.commit(commit("a", 0, 1, "c1")).await.unwrap();
    let mut shell = cluster.shell(database(&url)).await;
    let mut holding = shell.begin().await.unwrap();
    holding.execute("lock table sigma.events in access exclusive mode").await.unwrap();
    let (message, mend) = unavailable(hasty.commit(commit("a", 1, 1, "c2")).await.unwrap_err());
    assert!(
        message.contains("did not answer in time") && mend.contains("pg_stat_activity"),
        "{message}; {mend}"
    );
    unavailable(hasty.load("thing", "a").await.unwrap_err());
    holding.rollback().await.unwrap();
    assert_eq!(store.commit(commit("a", 1, 1, "c2")).await.unwrap().repeated, None);

    cluster.freeze();
    let began = sigma_clock::monotonic();
    unavailable(hasty.commit(commit("a", 2, 1, "c3")).await.unwrap_err());
    unavailable(hasty.load("thing", "a").await.unwrap_err());
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    cluster.thaw();
    let healed = async {
        while hasty.commit(commit("a", 2, 1, "c3")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    sigma_clock::timeout(PATIENCE, healed).await.expect("it heals");
    assert_eq!(store.load("thing", "a").await.unwrap().len(), 3, "once, whichever try it was");
}

#[tokio::test]
async fn a_transaction_that_does_not_end_holds_readers_up_and_is_named() {
    let cluster = Cluster::quick(&[]);
    let url = cluster.database().await;
    let store = open_with(&url, PostgresOptions::default()).await;
    let mut shell = cluster.shell(database(&url)).await;
    shell.execute("set application_name = 'somebody'").await.unwrap();
    let mut holding = shell.begin().await.unwrap();
    holding.execute("select pg_current_xact_id()").await.unwrap();
    store.commit(commit("a", 0, 2, "c1")).await.unwrap();
    assert_eq!(store.load("thing", "a").await.unwrap().len(), 2, "who decides has it at once");
    assert!(store.read_after(&Cursor::start(), 9).await.unwrap().events.is_empty(), "readers wait");
    let alarm = async {
        loop {
            if let Some(held_up) = store.held_up() {
                return held_up;
            }
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    let held_up = sigma_clock::timeout(PATIENCE, alarm).await.expect("an alarm");
    assert!(held_up.by.contains("somebody") && held_up.by.contains("idle in transaction"), "{held_up:?}");
    holding.rollback().await.unwrap();
    sigma_clock::timeout(PATIENCE, store.wait_after(&Cursor::start())).await.expect("readers go on").unwrap();
    assert_eq!(store.read_after(&Cursor::start(), 9).await.unwrap().events.len(), 2);
    let over = async {
        while store.held_up().is_some() {
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(PATIENCE, over).await.expect("the alarm is over");
}

#[tokio::test]
async fn another_process_wakes_up_by_word_and_without_it() {
    let url = Cluster::shared().database().await;
    let writer = open_with(&url, PostgresOptions::default()).await;
    let long = Duration::from_secs(600);
    let by_word = PostgresOptions { poll: long, ..PostgresOptions::default() };
    let by_time = PostgresOptions { listen: false, ..PostgresOptions::default() };
    for options in [by_word, by_time] {
        let reader = open_with(&url, options).await;
        let begin = reader.head().await.unwrap();
        let mut after = begin;
        for n in 0..5 {
            let last = writer.load("thing", "a").await.unwrap().len() as u64;
            writer.commit(commit("a", last, 1, &format!("c{last}"))).await.unwrap();
            let read = async {
                loop {
                    reader.wait_after(&after).await.unwrap();
                    let batch = reader.read_after(&after, 9).await.unwrap();
                    if !batch.events.is_empty() {
                        return batch.next;
                    }
                }
            };
            after = sigma_clock::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("round {n}"));
        }
    }
}

#[tokio::test]
async fn many_that_start_together_make_one_schema_and_a_newer_one_is_refused() {
    let url = Cluster::shared().database().await;
    assert!(look(&url.parse().unwrap()).await.unwrap().contains("no event store yet"));
    let opened = (0..8).map(|_| {
        let address: Address = url.parse().unwrap();
        tokio::spawn(async move { PostgresStore::open(&address, &PostgresOptions::default()).await })
    });
    let mut incarnations = std::collections::BTreeSet::new();
    for one in opened.collect::<Vec<_>>() {
        incarnations.insert(one.await.unwrap().unwrap().identity().await.unwrap().incarnation);
    }
    assert_eq!(incarnations.len(), 1);
    assert!(look(&url.parse().unwrap()).await.unwrap().contains("with an event store"));
    let mut shell = Cluster::shared().shell(database(&url)).await;
    shell.execute("update sigma.schema_version set version = 999").await.unwrap();
    let newer = PostgresStore::open(&url.parse().unwrap(), &PostgresOptions::default()).await.unwrap_err();
    assert!(matches!(&newer, StoreError::Corrupt(m) if m.contains("newer Sigma (schema 999")), "{newer}");
}

#[tokio::test]
async fn who_is_not_let_in_and_what_is_not_there_are_told_with_the_mend_and_without_the_password() {
    let cluster = Cluster::shared();
    for (url, wanted) in [
        (
            format!("postgres://nobody:geheim@127.0.0.1:{}/postgres", cluster.port()),
            "does not let this user in",
        ),
        (format!("postgres://postgres:geheim@127.0.0.1:{}/absent", cluster.port()), "no such database"),
        ("postgres://postgres:geheim@127.0.0.1:9/absent".to_owned(), "is not there"),
    ] {
        let error =
            PostgresStore::open(&url.parse().unwrap(), &PostgresOptions::default()).await.unwrap_err();
        let (message, mend) = unavailable(error);
        assert!(message.contains(wanted) && !mend.is_empty(), "{message}; {mend}");
        assert!(!message.contains("geheim"), "{message}");
    }
}

#[tokio::test]
async fn a_commit_that_fails_halfway_leaves_nothing() {
    let (url, store) = crate::fresh().await;
    let trap = "create function sigma.trap() returns trigger language plpgsql as $$ begin raise 'trapped'; end $$; \
                create trigger trap before insert on sigma.secrets for each row execute function sigma.trap()";
    Cluster::shared().shell(database(&url)).await.execute(trap).await.unwrap();
    let mut trapped = commit("a", 0, 3, "c1");
    trapped.secrets = vec![SecretWrite::Put {
        kind: "trap".into(),
        owner: "a".into(),
        lookup: None,
        sealed: vec![],
        expires_at_ms: None,
    }];
    let error = store.commit(trapped).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(m) if m.contains("trapped")), "{error:?}");
    assert!(store.load("thing", "a").await.unwrap().is_empty(), "its events were written before it failed");
    assert_eq!(store.command("c1").await.unwrap(), None);
    assert_eq!(store.commit(commit("a", 0, 3, "c1")).await.unwrap().last_sequence, 3);
}

#[tokio::test]
async fn a_closed_store_says_so_to_all_who_still_hold_it() {
    let (_, store) = crate::fresh().await;
    let (hand, waiter) = (store.clone(), store.clone());
    let waiting = tokio::spawn(async move { waiter.wait_after(&Cursor::start()).await });
    tokio::task::yield_now().await;
    store.close().await;
    let woken = waiting.await.unwrap();
    assert!(matches!(woken, Err(LogError::Unavailable { .. })), "{woken:?}");
    let (message, _) = unavailable(hand.commit(commit("a", 0, 1, "c1")).await.unwrap_err());
    assert!(message.contains("was closed"), "{message}");
}
