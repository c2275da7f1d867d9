//! 64 commands at once on one channel: one order, no lost update, each answered rightly.

use std::sync::Arc;

use sigma_app::{AppError, ChannelRow, ChannelUpdate, Done, fold};
use sigma_domain::ChannelEvent;
use tokio::task::JoinSet;

use crate::world::{World, caller, with_key};

const AT_ONCE: usize = 64;

#[derive(Clone, Debug)]
enum Asked {
    Rename(String),
    Stop,
    Start,
    /// One of some copies of one request.
    RenameOnce(String),
}

type Answer = Result<Done<ChannelRow>, AppError>;

async fn ask(world: &World, id: &str, asked: &Asked) -> Answer {
    let named = |name: &str| ChannelUpdate { name: Some(name.into()), ..ChannelUpdate::default() };
    match asked {
        Asked::Rename(name) => world.app.update_channel(&caller(), id, named(name)).await,
        Asked::Stop => world.app.stop_channel(&caller(), id).await,
        Asked::Start => world.app.start_channel(&caller(), id).await,
        Asked::RenameOnce(name) => world.app.update_channel(&with_key(name, name), id, named(name)).await,
    }
}

/// 40 renames, 8 stops, 8 starts, and 8 copies of one rename.
fn asked(number: usize) -> Asked {
    match number % 8 {
        0 => Asked::Stop,
        1 => Asked::Start,
        2 => Asked::RenameOnce("once".into()),
        _ => Asked::Rename(format!("name {number}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_at_once_have_one_order_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    commands_at_once_have_one_order(World::on_sqlite(&folder).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_at_once_have_one_order_on_postgresql() {
    commands_at_once_have_one_order(World::on_postgresql().await).await;
}

async fn commands_at_once_have_one_order(world: World) {
    let world = Arc::new(world);
    let made = world.channel().await;
    let id = made.channel.id.clone();
    let before = world.store.load("channel", &id).await.unwrap().len();
    let mut tasks = JoinSet::new();
    for number in 0..AT_ONCE {
        let (world, id) = (world.clone(), id.clone());
        tasks.spawn(async move {
            let asked = asked(number);
            let answer = ask(&world, &id, &asked).await;
            (asked, answer)
        });
    }
    let answers = tasks.join_all().await;
    let mut events = world.store.load("channel", &id).await.unwrap();
    world.subjects().open_events(&mut events).await.unwrap();
    let sequences: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=events.len() as u64).collect::<Vec<_>>(), "one order");

    let mut told = Vec::new();
    let mut firsts = 0;
    for (asked, answer) in &answers {
        let done = match answer {
            Ok(done) => done,
            Err(AppError::Refused { code, .. }) => {
                let why = match asked {
                    Asked::Stop => "ALREADY_STOPPED",
                    Asked::Start => "NOT_STOPPED",
                    _ => panic!("{asked:?} is refused: {code}"),
                };
                assert_eq!(code, why);
                continue;
            }
            Err(error) => panic!("{asked:?}: {error}"),
        };
        // The answer is what stood after the event that the command made.
        let until = &events[..usize::try_from(done.sequence).unwrap()];
        assert_eq!(fold::channel_of(until).unwrap().unwrap(), done.value, "{asked:?}");
        let event: ChannelEvent = fold::decode(until.last().unwrap()).unwrap();
        match (asked, &event) {
            (Asked::Stop, ChannelEvent::Stopped { .. }) | (Asked::Start, ChannelEvent::Started { .. }) => {}
            (Asked::Rename(name) | Asked::RenameOnce(name), ChannelEvent::Updated { changes, .. }) => {
                assert_eq!(changes.name.as_ref().unwrap().plain().unwrap().as_str(), name);
            }
            (asked, event) => panic!("{asked:?} was told of {event:?}"),
        }
        match asked {
            Asked::RenameOnce(_) if done.repeated => continue,
            Asked::RenameOnce(_) => firsts += 1,
            _ => assert!(!done.repeated),
        }
        told.push(done.sequence);
    }
    assert_eq!(firsts, 1, "of copies one is done");
    told.sort_unstable();
    let made: Vec<u64> = (before as u64 + 1..=events.len() as u64).collect();
    assert_eq!(told, made, "every event was told to the one who made it, and to nobody else");
    assert!(told.len() >= 41, "each rename is done: {}", told.len());
}
