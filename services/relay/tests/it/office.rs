//! The office in PostgreSQL: one leads, his word counts as long as his session lives, and no longer.

use std::time::Duration;

use harness::postgres::Cluster;
use sigma_relay::{Office, OfficeError, Place, PostgresOffice, Term};
use sigma_store::Cursor;

use crate::PATIENCE;

async fn office() -> (PostgresOffice, String) {
    let database = Cluster::shared().database().await;
    (PostgresOffice::new(&database.parse().unwrap()), database)
}

fn place(number: u64) -> Place {
    let cursor = Cursor::from_text(format!("1.{number}"));
    Place { log: "lg_1".to_owned(), partitions: 3, cursor, published: number }
}

async fn lead(office: &PostgresOffice) -> Box<dyn Term> {
    sigma_clock::timeout(PATIENCE, office.lead()).await.expect("it leads in time").unwrap()
}

#[tokio::test]
async fn a_place_that_was_kept_is_the_next_leaders() {
    let (office, _) = office().await;
    let mut first = lead(&office).await;
    assert_eq!(first.place().await, Ok(None));
    for number in [1, 7] {
        first.keep(&place(number)).await.unwrap();
    }
    first.hold().await.unwrap();
    drop(first);
    let mut second = lead(&office).await;
    assert_eq!(second.place().await, Ok(Some(place(7))));
}

#[tokio::test]
async fn one_leads_and_the_next_one_leads_when_he_is_gone() {
    let (office, _) = office().await;
    let first = lead(&office).await;
    let waiting = tokio::spawn({
        let office = office.clone();
        async move { office.lead().await.map(drop) }
    });
    // It has asked once at least: it asks every second.
    let early = sigma_clock::timeout(Duration::from_millis(1_500), async {
        while !waiting.is_finished() {
            tokio::task::yield_now().await
        }
    });
    assert!(early.await.is_err(), "two lead");
    drop(first);
    sigma_clock::timeout(PATIENCE, waiting).await.expect("it leads in time").unwrap().unwrap();
}

#[tokio::test]
async fn a_leader_whose_session_was_ended_keeps_nothing_any_more() {
    let (office, database) = office().await;
    let mut first = lead(&office).await;
    first.keep(&place(1)).await.unwrap();
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&database).await.unwrap();
    let ended = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted \
                 and database = (select oid from pg_database where datname = current_database())";
    sqlx::query(ended).execute(&mut admin).await.unwrap();
    let mut second = lead(&office).await;
    second.keep(&place(5)).await.unwrap();
    // He was asleep and knows nothing of it.
    assert!(matches!(first.keep(&place(2)).await, Err(OfficeError::Over(_))));
    assert!(matches!(first.hold().await, Err(OfficeError::Over(_))));
    assert_eq!(second.place().await, Ok(Some(place(5))));
}

#[tokio::test]
async fn a_place_that_was_forgotten_ends_the_term() {
    let (office, _) = office().await;
    let mut first = lead(&office).await;
    first.keep(&place(9)).await.unwrap();
    office.forget().await.unwrap();
    assert!(matches!(first.keep(&place(10)).await, Err(OfficeError::Over(_))));
    assert!(matches!(first.hold().await, Err(OfficeError::Over(_))));
    drop(first);
    let mut second = lead(&office).await;
    assert_eq!(second.place().await, Ok(None));
    second.hold().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_away_is_told_of_without_its_password() {
    let address = "postgres://sigma:geheim@127.0.0.1:1/live".parse().unwrap();
    let told = PostgresOffice::new(&address).forget().await.unwrap_err();
    assert!(matches!(&told, OfficeError::Unavailable(_)) && !told.to_string().contains("geheim"), "{told}");
}
