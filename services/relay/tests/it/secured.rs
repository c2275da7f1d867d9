//! TLS and accounts, against a node that wants them.

use std::path::PathBuf;
use std::sync::OnceLock;

use kafka_harness::Kafka;
use sigma_relay::{Account, Connection, Mechanism, RelayState, Tls};
use sigma_store::memory::MemoryStore;
use tempfile::NamedTempFile;

use crate::desk::Desk;
use crate::{caught_up, fill, open, read_all, start, topic, until};

fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(Kafka::start_secured)
}

/// The file with the authority that the node's certificate is of.
fn authority() -> PathBuf {
    static FILE: OnceLock<NamedTempFile> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &kafka().security().certificate).unwrap();
        file
    });
    file.path().to_owned()
}

fn account(mechanism: Mechanism) -> Account {
    let (name, password) = match mechanism {
        Mechanism::Plain => kafka().security().plain,
        _ => kafka().security().scram,
    };
    Account { mechanism, name: name.to_owned(), password: password.to_owned() }
}

fn over_tls(account: Account) -> Connection {
    let tls = Tls { authorities: Some(authority()), certificate: None };
    Connection { brokers: kafka().secured_bootstrap(), tls: Some(tls), account: Some(account) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_the_right_account_is_served() {
    let bare =
        |account| Connection { brokers: kafka().plain_sasl_bootstrap(), tls: None, account: Some(account) };
    let connections = [
        over_tls(account(Mechanism::ScramSha256)),
        over_tls(account(Mechanism::Plain)),
        bare(account(Mechanism::ScramSha256)),
        bare(account(Mechanism::Plain)),
    ];
    for connection in connections {
        let (store, topic) = (MemoryStore::new(41), topic());
        fill(&store, 2, 3).await;
        let relay = start(&connection, &topic, &store, Desk::new());
        caught_up(&relay).await;
        assert_eq!(read_all(&open(&connection, &topic)).await.new.len(), 6, "{connection:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_a_wrong_password_is_told_so_without_it() {
    for mechanism in [Mechanism::ScramSha256, Mechanism::Plain] {
        let mut wrong = account(mechanism);
        wrong.password = "not-the-password".to_owned();
        let (store, topic) = (MemoryStore::new(42), topic());
        let relay = start(&over_tls(wrong), &topic, &store, Desk::new());
        let status = until(&relay, |status| status.state == RelayState::Waiting).await;
        let told = status.trouble.unwrap();
        assert!(!told.contains("not-the-password"), "{told}");
        assert_eq!(status.published, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_authority_that_is_not_trusted_is_refused() {
    let mut connection = over_tls(account(Mechanism::Plain));
    connection.tls = Some(Tls::default());
    let relay = start(&connection, &topic(), &MemoryStore::new(43), Desk::new());
    let status = until(&relay, |status| status.state == RelayState::Waiting).await;
    assert_eq!(status.published, 0);
}
