//! What is kept of sessions: begun when a session has something to keep, given up when nobody says what became of it,
//! expired when its time is up, deleted with all that is personal of its channel.
//!
//! An asset is a line of its own here, by its id: its channel's line would grow with each of them.

use std::collections::BTreeSet;

use cqrs_es::Aggregate;
use sigma_domain::{
    Asset, AssetCommand, AssetEvent, AssetFailure, AssetKind, AssetRefusal, Channel, Session, SessionId,
};
use sigma_store::RecordedEvent;

use super::ProcessError;
use super::agenda::Findings;
use super::step::{Kept, steps_of_asset};
use crate::App;
use crate::app::{nothing_beside, system};
use crate::assets::{asset_id, is_long_over, kinds_of};
use crate::executor::{Beside, CommandError, Context};
use crate::subjects::forget_keys;
use crate::vault::VaultError;

fn failed(error: impl std::fmt::Display) -> ProcessError {
    ProcessError::Step(error.to_string())
}

impl App {
    /// Assets whose standing may be another after these events: their own, and those that follow their session's end or their
    /// channel's erasure.
    pub(super) async fn assets_to_look_at(
        &self,
        events: &[RecordedEvent],
    ) -> Result<BTreeSet<String>, ProcessError> {
        let mut assets = BTreeSet::new();
        for event in events {
            match event.name.as_str() {
                _ if event.aggregate_type == Asset::TYPE => {
                    assets.insert(event.aggregate_id.clone());
                }
                "session.ended" => {
                    let Ok(session) = event.aggregate_id.parse::<SessionId>() else { continue };
                    for kind in [AssetKind::Source, AssetKind::Catchup] {
                        let asset = asset_id(&self.executor.vault, &session, kind).map_err(failed)?;
                        assets.insert(asset.to_string());
                    }
                }
                // What is begun after it finds its channel erased.
                "channel.erased" => assets.extend(self.process.agenda.assets_of(&event.aggregate_id).await?),
                _ => {}
            }
        }
        Ok(assets)
    }

    /// What of these sessions is to be kept and was not begun.
    pub(super) async fn to_keep(
        &self,
        sessions: &[(SessionId, Session)],
    ) -> Result<Vec<(SessionId, AssetKind)>, ProcessError> {
        let mut to_keep = Vec::new();
        for (id, session) in sessions {
            let Some(facts) = session.facts().filter(|facts| !is_long_over(facts, self.executor.now()))
            else {
                continue;
            };
            for kind in kinds_of(facts) {
                let asset = asset_id(&self.executor.vault, id, kind).map_err(failed)?;
                if self.executor.load::<Asset>(asset.as_str()).await?.aggregate.facts().is_none() {
                    to_keep.push((id.clone(), kind));
                }
            }
        }
        Ok(to_keep)
    }

    /// How an asset stands now, and what is to be done about it.
    pub(super) async fn find_of_asset(&self, id: &str) -> Result<Findings, ProcessError> {
        let (mut steps, mut asset_of) = (Vec::new(), None);
        let asset = self.executor.load::<Asset>(id).await?.aggregate;
        if let Some(facts) = asset.facts() {
            let channel = self.executor.load::<Channel>(facts.of.channel.as_str()).await?.aggregate;
            let session = self.executor.load::<Session>(facts.of.session.as_str()).await?.aggregate;
            let kept = Kept { asset: &asset, session: &session, channel: &channel };
            steps = steps_of_asset(&kept);
            asset_of = kept.is_there().then(|| facts.of.channel.to_string());
        }
        Ok(Findings { line: id.to_owned(), steps, on_air: Vec::new(), asset_of })
    }

    /// Begins to keep something of a session.
    pub(super) async fn keep(&self, session: &str, kind: AssetKind) -> Result<(), ProcessError> {
        let loaded = self.executor.load::<Session>(session).await?;
        let Some(facts) = loaded.aggregate.facts() else { return Ok(()) };
        let id = asset_id(&self.executor.vault, &facts.id, kind).map_err(failed)?;
        let (command, context) = self.beginning(facts, &id, kind);
        self.executor.execute::<Asset>(id.as_str(), command, &context, nothing_beside).await?;
        Ok(())
    }

    pub(super) async fn expire_asset(&self, id: &str, due_ms: i64) -> Result<(), ProcessError> {
        let command = AssetCommand::Expire { at: self.executor.now() };
        self.tell_asset(id, command, "deadlines", format!("expire_{id}_{due_ms}"), nothing_beside).await
    }

    pub(super) async fn give_up_asset(&self, id: &str) -> Result<(), ProcessError> {
        let command = AssetCommand::Fail { reason: AssetFailure::NodeLost, at: self.executor.now() };
        self.tell_asset(id, command, "recordings", format!("give_up_{id}"), nothing_beside).await
    }

    pub(super) async fn delete_erased(&self, id: &str) -> Result<(), ProcessError> {
        let asset = self.executor.load::<Asset>(id).await?.aggregate;
        let Some(facts) = asset.facts() else { return Ok(()) };
        let command = AssetCommand::Delete { at: self.executor.now() };
        // A title that was sealed while the channel was being erased brought a key with it.
        let keys = forget_keys(facts.of.channel.as_str());
        let beside = |_: &[AssetEvent]| Ok(Beside { writes: vec![keys.clone()], answer: None });
        self.tell_asset(id, command, "recordings", format!("erase_{id}"), beside).await
    }

    async fn tell_asset(
        &self,
        id: &str,
        command: AssetCommand,
        part: &str,
        command_id: String,
        beside: impl Fn(&[AssetEvent]) -> Result<Beside, VaultError> + Send + Sync,
    ) -> Result<(), ProcessError> {
        let context = Context::of(system(part), command_id);
        match self.executor.execute::<Asset>(id, command, &context, beside).await {
            // Its owner was first.
            Ok(_) | Err(CommandError::Refused { refusal: Some(AssetRefusal::Gone { .. }), .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
