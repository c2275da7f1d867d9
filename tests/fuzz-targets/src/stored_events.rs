use std::fmt::Debug;

use serde_json::Value;
use sigma_domain::{
    ApiToken, ApiTokenEvent, Asset, AssetEvent, Channel, ChannelEvent, Project, ProjectEvent, Session,
    SessionEvent, SessionHealth, SessionHealthEvent,
};
use sigma_schema::{Stored, actor_from_json, actor_to_json};

/// Lines of `NAME VERSION JSON`: stored events of any aggregate, in any order.
///
/// What is read is written in its newest version and read as the same again; the aggregates take any row of them. A line
/// with another name is taken for an actor's JSON, likewise.
pub fn stored_events(data: &[u8]) {
    let mut world = World::default();
    for line in String::from_utf8_lossy(data).lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(Ok(version)), Some(json)) =
            (words.next(), words.next().map(str::parse), words.next())
        else {
            actor(line);
            continue;
        };
        let Ok(data) = serde_json::from_str(json) else { continue };
        world.take(name, version, data);
    }
}

#[derive(Default)]
struct World {
    project: Project,
    channel: Channel,
    session: Session,
    token: ApiToken,
    asset: Asset,
    health: SessionHealth,
}

impl World {
    fn take(&mut self, name: &str, version: u16, data: Value) {
        match name.split_once('.').map_or("", |(aggregate, _)| aggregate) {
            "project" => {
                read::<ProjectEvent>(name, version, data).iter().for_each(|event| self.project.apply(event))
            }
            "channel" => {
                read::<ChannelEvent>(name, version, data).iter().for_each(|event| self.channel.apply(event))
            }
            "api_token" => {
                read::<ApiTokenEvent>(name, version, data).iter().for_each(|event| self.token.apply(event))
            }
            "asset" => {
                read::<AssetEvent>(name, version, data).iter().for_each(|event| self.asset.apply(event))
            }
            "health" => {
                read::<SessionHealthEvent>(name, version, data)
                    .iter()
                    .for_each(|event| self.health.apply(event));
            }
            _ => read::<SessionEvent>(name, version, data).iter().for_each(|event| self.session.apply(event)),
        }
    }
}

fn read<E: Stored + PartialEq + Debug>(name: &str, version: u16, data: Value) -> Option<E> {
    let event = E::from_stored(name, version, data).ok()?;
    let stored = event.to_stored();
    assert_eq!(stored.name, name);
    assert!(E::NEWEST.contains(&(stored.name, stored.version)) && version <= stored.version);
    let again = E::from_stored(stored.name, stored.version, stored.data);
    assert_eq!(again.as_ref(), Ok(&event));
    Some(event)
}

fn actor(line: &str) {
    if let Ok(actor) = actor_from_json(line) {
        assert_eq!(actor_from_json(&actor_to_json(&actor)), Ok(actor));
    }
}
