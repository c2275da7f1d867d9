//! The same runner with its views in PostgreSQL, over a log in PostgreSQL.

use std::sync::atomic::Ordering;

use harness::postgres::Cluster;
use sigma_cluster::{Cluster as Nodes, Me};
use sigma_runner::{Home, Waited};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};
use sigma_tables::query;
use sqlx::Executor;

use crate::{PATIENCE, Texts, fill, reach, say, start, texts, until};

async fn world(cluster: &Cluster) -> (String, PostgresStore, Home) {
    let url = cluster.database().await;
    let address: Address = url.parse().unwrap();
    let store = PostgresStore::open(&address, &PostgresOptions::default()).await.unwrap();
    let cluster = node(&address, "node-1").await;
    (url, store, Home::Database { address, cluster })
}

/// A node of the database, as a process runs as one.
pub(crate) async fn node(address: &Address, id: &str) -> Nodes {
    Nodes::join(address, Me::named(id)).await.unwrap()
}

async fn schemas(url: &str) -> Vec<String> {
    let database = url.rsplit_once('/').unwrap().1;
    let mut shell = Cluster::shared().shell(database).await;
    let named =
        "select nspname::text from pg_namespace where starts_with(nspname, 'sigma_view_') order by nspname";
    sqlx::query_scalar(named).fetch_all(&mut shell).await.unwrap()
}

#[tokio::test]
async fn it_follows_the_log_and_takes_up_where_it_was() {
    let (url, store, home) = world(Cluster::shared()).await;
    let mut wanted = fill(&store, 5, 20).await;
    let projection = Texts::new();
    let runner = start(store.clone(), home.clone(), projection.clone()).await;
    reach(&runner, "a4", 20).await;
    until(&runner, |status| status.lag == Some(0)).await;
    assert_eq!(texts(&runner).await, wanted);
    runner.shutdown().await;
    let applied = projection.applied.load(Ordering::SeqCst);
    assert_eq!(applied, 100);

    let last = say(&store, "l0", "a0", "said", "more;").await;
    wanted.get_mut("a0").unwrap().push_str("more;");
    let runner = start(store, home, projection.clone()).await;
    reach(&runner, "a0", last).await;
    assert_eq!(texts(&runner).await, wanted);
    assert_eq!(
        projection.applied.load(Ordering::SeqCst),
        applied + 1,
        "what was applied is not applied again"
    );
    assert_eq!(schemas(&url).await, ["sigma_view_texts_g1"]);
}

#[tokio::test]
async fn a_poison_event_parks_its_own_line_and_a_cure_frees_it() {
    let (_, store, home) = world(Cluster::shared()).await;
    let projection = Texts::new();
    let runner = start(store.clone(), home, projection.clone()).await;
    for poison in ["poison", "panic", "constraint"] {
        say(&store, "l0", poison, "said", "a").await;
        say(&store, "l0", poison, poison, "b").await;
        let last = say(&store, "l0", poison, "said", "c").await;
        assert_eq!(runner.wait_for("texts", "thing", poison, last, PATIENCE).await.unwrap(), Waited::Parked);
    }
    let last = say(&store, "l0", "well", "said", "d").await;
    reach(&runner, "well", last).await;
    let parked = runner.parked("texts").await.unwrap();
    assert_eq!(parked.len(), 3);
    assert!(parked.iter().all(|line| line.sequence == 2), "{parked:?}");
    projection.cured.store(1, Ordering::SeqCst);
    for poison in ["poison", "panic", "constraint"] {
        let retried = runner.retry_parked("texts", poison).await.unwrap();
        assert_eq!((retried.remaining, retried.error), (0, None), "{poison}");
    }
    assert!(texts(&runner).await.values().all(|text| text == "abc" || text == "d"));
}

#[tokio::test]
async fn a_rebuild_fills_a_second_schema_and_takes_the_place_of_the_first() {
    let (url, store, home) = world(Cluster::shared()).await;
    let wanted = fill(&store, 4, 30).await;
    let runner = start(store, home, Texts::new()).await;
    until(&runner, |status| status.generation == Some(1)).await;
    // Whatever stood in the first one is not what serves afterwards.
    let database = url.rsplit_once('/').unwrap().1;
    let mut shell = Cluster::shared().shell(database).await;
    shell.execute("update sigma_view_texts_g1.texts set text = 'spoiled'").await.unwrap();
    assert_eq!(runner.rebuild("texts").await.unwrap(), 2);
    until(&runner, |status| status.generation == Some(2)).await;
    assert_eq!(texts(&runner).await, wanted);
    let gone = async {
        while schemas(&url).await != ["sigma_view_texts_g2"] {
            sigma_clock::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(PATIENCE, gone).await.expect("the first schema goes");
}

#[tokio::test]
async fn views_heal_when_the_server_was_gone() {
    let cluster = Cluster::durable();
    let (_, store, home) = world(&cluster).await;
    let runner = start(store.clone(), home, Texts::new()).await;
    let last = say(&store, "l0", "a", "said", "before;").await;
    reach(&runner, "a", last).await;
    for _ in 0..2 {
        cluster.kill();
        cluster.resume();
        let last = say(&store, "l0", "a", "said", "after;").await;
        reach(&runner, "a", last).await;
    }
    let mut rows = runner.reader("texts").unwrap().acquire().await.unwrap();
    let row = query("select text from texts").fetch_one(&mut rows).await.unwrap();
    assert_eq!(row.try_get::<String>("text").unwrap(), "before;after;after;");
}
