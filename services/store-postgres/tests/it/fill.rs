//! A store that grew: carried over from SQLite, whole and in order.

use sigma_store::{
    Archive, Cursor, EventLog, History, HistoryFilter, HistoryRange, Journal, SecretWrite, StoreError,
};
use sigma_store_sqlite::SqliteStore;

use crate::commit;

#[tokio::test]
async fn a_sqlite_store_is_carried_over_whole_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let old = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
    for n in 0..1_200 {
        // Aggregates turn by turn, so that the order of the log is no aggregate's.
        let aggregate = format!("a{}", n % 3);
        let mut one = commit(&aggregate, n / 3 * 2, 2, &format!("c{n}"));
        if n % 100 == 0 {
            one.secrets = vec![SecretWrite::Put {
                kind: "stream_key".into(),
                owner: aggregate,
                lookup: Some(vec![u8::try_from(n / 100).unwrap()]),
                sealed: vec![0, 255],
                expires_at_ms: (n > 500).then_some(9),
            }];
        }
        old.commit(one).await.unwrap();
    }
    old.record_command(commit("x", 0, 0, "nothing").command).await.unwrap();
    old.bind_master_key("print").await.unwrap();

    let (_, new) = crate::fresh().await;
    let mut pages = 0;
    let identity = old.identity().await.unwrap();
    let filled = new.fill(&old, &identity, |_| pages += 1).await.unwrap();
    assert_eq!((filled.events, filled.commands, filled.secrets), (2_400, 1_201, 12));
    assert!(pages >= 5, "{pages}");
    assert_eq!(new.commands_from("", 1_000).await.unwrap(), old.commands_from("", 1_000).await.unwrap());
    let order =
        |events: Vec<sigma_store::RecordedEvent>| events.into_iter().map(|e| e.event_id).collect::<Vec<_>>();
    new.settle().await.unwrap();
    let (mut one, mut two) = (Cursor::start(), Cursor::start());
    loop {
        let (was, is) = (old.read_after(&one, 500).await.unwrap(), new.read_after(&two, 500).await.unwrap());
        (one, two) = (was.next, is.next);
        let (was, is) = (order(was.events), order(is.events));
        assert_eq!(was, is, "the log's order stays");
        if is.is_empty() {
            break;
        }
    }
    assert_eq!(new.identity().await.unwrap().master_key_fingerprint.as_deref(), Some("print"));
    let secret = new.find_secret("stream_key", &[7]).await.unwrap();
    assert_eq!(secret, old.find_secret("stream_key", &[7]).await.unwrap());

    // It goes on where the other stopped: commands are honoured once, sequences go on, new events come last.
    let again = new.commit(commit("a0", 0, 2, "c0")).await.unwrap();
    assert_eq!((again.last_sequence, again.repeated.is_some()), (2, true));
    assert_eq!(new.commit(commit("a0", 800, 1, "new")).await.unwrap().last_sequence, 801);
    new.settle().await.unwrap();
    let last =
        new.page(&HistoryFilter::default(), &HistoryRange::Before(None), 1).await.unwrap().events.remove(0);
    assert_eq!((last.aggregate_id.as_str(), last.sequence), ("a0", 801));
    assert_eq!(new.read_after(&two, 9).await.unwrap().events.len(), 1);

    let twice = new.fill(&old, &identity, |_| ()).await;
    assert!(
        matches!(&twice, Err(StoreError::Corrupt(m)) if m.contains("holds an event store already")),
        "{twice:?}"
    );
}
