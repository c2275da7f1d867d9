//! What was erased stands in no file and no table any more: not in the store, not in the views, not in the rows of the process
//! managers, and a rebuild brings nothing back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sigma_app::{ChannelUpdate, ClipOf, ClipRange, FeedFacts, NewClip, ReadModels, Report};
use sigma_store::Journal;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Executor, Row};

use crate::world::{World, caller, input};

/// Two names of the channel, its broadcaster's address and encoder, the title of a clip.
const PERSONAL: [&str; 5] = ["Zanzibar", "Timbuktu", "203.0.113.77", "studio-of-one", "Ouagadougou"];

fn files(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// The files that hold some bytes, whatever the case of its letters.
fn holding(folder: &Path, what: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    files(folder, &mut all);
    let holds = |bytes: &[u8]| bytes.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what));
    all.into_iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name).collect()
}

/// A channel that had two names and was on air, among others that go on.
async fn with_a_past(world: &World) -> String {
    for number in 0..40 {
        world.channel(&format!("Other {number}")).await;
    }
    let made = world.channel("Zanzibar by night").await;
    let id = made.channel.id.clone();
    let holder = world.app.resolve_key(made.stream_key.as_ref().unwrap().expose()).await.unwrap();
    let facts = FeedFacts {
        node: "node-1".into(),
        peer: "203.0.113.77:4711".into(),
        encoder: Some("studio-of-one 3".into()),
        takeover_allowed: true,
        room_to_record: true,
    };
    let grant = world.app.open_feed(&holder.channel, facts).await.unwrap();
    world.report(&grant, Report::Processing(input())).await;
    let (session_id, title) = (Some(grant.session.session.clone()), Some("Ouagadougou at dawn".to_owned()));
    let of = ClipOf::One(ClipRange { from_us: 0, to_us: 1_000_000 });
    let clip = NewClip { session_id, of, title, ..NewClip::default() };
    world.app.create_clip(&caller(), clip).await.unwrap();
    world.report(&grant, Report::Left).await;
    let name = Some("Timbuktu by day".to_owned());
    world.app.update_channel(&caller(), &id, ChannelUpdate { name, ..Default::default() }).await.unwrap();
    for number in 40..80 {
        world.channel(&format!("Other {number}")).await;
    }
    world.shown().await;
    id
}

/// Erases it, and waits until its traces are removed.
async fn erase(world: &World, id: &str) {
    world.app.erase_channel(&caller(), id).await.unwrap();
    let removed = async {
        loop {
            world.app.run_once().await.unwrap();
            if world.journal.secrets_of("traces", id).await.unwrap().is_empty() {
                return;
            }
            world.later(Duration::from_secs(1));
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(Duration::from_secs(30), removed).await.expect("its traces are removed");
    world.shown().await;
}

async fn rebuild(world: &World) {
    let next = world.runner.rebuild("channels").await.unwrap();
    let reader = world.runner.reader("channels").unwrap();
    while reader.generation() != Some(next) {
        sigma_clock::sleep(Duration::from_millis(10)).await;
    }
    let (channels, _) = world.folded().await;
    let ids: Vec<String> = channels.iter().map(|row| row.id.clone()).collect();
    let mut shown = world.views.channels("pr_default", &ids).await.unwrap();
    shown.sort_by_key(|row| std::cmp::Reverse((row.created_at_ms, row.id.clone())));
    assert_eq!(shown, channels, "as by a pure fold");
}

#[tokio::test]
async fn what_was_erased_stands_in_no_file() {
    if std::env::var_os(crate::postgres::ASKED).is_some() {
        return;
    }
    let world = World::on_sqlite().await;
    let id = with_a_past(&world).await;
    let key = world.journal.secrets_of("subject_key", &id).await.unwrap().remove(0).sealed;
    // The search finds what is there: names in the view alone, the key in the store.
    let found = holding(world.folder.path(), b"Timbuktu");
    assert!(!found.is_empty() && found.iter().all(|file| file.contains("channels.g")), "{found:?}");
    assert!(holding(world.folder.path(), &key).iter().any(|file| file.contains("events.sqlite")));

    erase(&world, &id).await;
    for what in PERSONAL {
        assert_eq!(holding(world.folder.path(), what.as_bytes()), Vec::<String>::new(), "{what}");
    }
    assert_eq!(holding(world.folder.path(), &key), Vec::<String>::new(), "the key");
    assert!(!holding(world.folder.path(), b"Other 5").is_empty(), "others are there");
    rebuild(&world).await;
    for what in PERSONAL {
        assert_eq!(holding(world.folder.path(), what.as_bytes()), Vec::<String>::new(), "{what}");
    }
}

/// All rows of all tables of ours, as text.
async fn everything(connection: &mut PgConnection) -> String {
    let tables = "select schemaname || '.' || quote_ident(tablename) as name from pg_tables where schemaname like 'sigma%'";
    let mut all = String::new();
    for table in connection.fetch_all(tables).await.unwrap() {
        let name: String = table.get("name");
        let sql = format!("select t::text as row from {name} t");
        for row in sqlx::query(&sql).fetch_all(&mut *connection).await.unwrap() {
            all += &format!("{name}: {}\n", row.get::<String, _>("row"));
        }
    }
    all
}

#[tokio::test]
async fn what_was_erased_stands_in_no_table() {
    let (world, address) = World::on_postgresql().await;
    let mut connection = address.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let id = with_a_past(&world).await;
    let before = everything(&mut connection).await;
    let held = before.lines().filter(|line| line.contains("Timbuktu")).collect::<Vec<_>>();
    assert!(!held.is_empty() && held.iter().all(|line| line.contains("sigma_view_channels_g")), "{held:?}");
    assert!(before.contains("subject_key"));

    erase(&world, &id).await;
    rebuild(&world).await;
    let after = everything(&mut connection).await;
    for what in PERSONAL {
        assert!(!after.to_lowercase().contains(&what.to_lowercase()), "{what}");
    }
    assert!(after.contains("Other 5") && !after.contains(&format!("subject_key,{id}")));
    // Nor does anything of it wait to be vacuumed away.
    let dead: i64 = sqlx::query_scalar("select count(*) from sigma.secrets where kind = 'traces'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(dead, 0);
}
