//! Use cases of assets.

use cqrs_es::Aggregate;
use sigma_domain::{Asset, AssetCommand, AssetFacts, AssetId, Scope, Timestamp};
use sigma_store::RecordedEvent;

use super::fold::asset;
use crate::app::nothing_beside;
use crate::executor::Executed;
use crate::fold::decode;
use crate::input::asked;
use crate::{App, AppError, AssetRow, Caller, Done};

impl App {
    /// Deletes an asset, for ever. Its media goes where nothing else names it. Wants `assets:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; refused where it is gone.
    pub async fn delete_asset(&self, caller: &Caller, id: &str) -> Result<Done<AssetRow>, AppError> {
        self.change_asset(caller, "deleteAsset", id, |at| AssetCommand::Delete { at }).await
    }

    /// Shows all of an asset again. Wants `assets:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; refused where it is not trimmed.
    pub async fn untrim_asset(&self, caller: &Caller, id: &str) -> Result<Done<AssetRow>, AppError> {
        self.change_asset(caller, "untrimAsset", id, |at| AssetCommand::Untrim { at }).await
    }

    async fn change_asset(
        &self,
        caller: &Caller,
        use_case: &str,
        id: &str,
        command: impl Fn(Timestamp) -> AssetCommand,
    ) -> Result<Done<AssetRow>, AppError> {
        caller.need(Scope::AssetsWrite)?;
        let context = self.context(caller, use_case, &asked(&id)?)?;
        let executed = match self.executor.first_answer::<Asset>(&context).await? {
            Some(first) => first,
            None => {
                self.owned_asset(caller, id).await?;
                let command = command(self.executor.now());
                self.executor.execute::<Asset>(id, command, &context, nothing_beside).await?
            }
        };
        self.asset_done(executed).await
    }

    /// What a changed asset is answered with, once the views show it.
    pub(super) async fn asset_done(&self, executed: Executed<Asset>) -> Result<Done<AssetRow>, AppError> {
        let Executed { aggregate_id: id, sequence, .. } = &executed;
        let step = |row, event: &RecordedEvent| Ok(asset(row, &decode(event)?, event.sequence));
        let row = self.executor.row_at(Asset::TYPE, id, *sequence, step).await?;
        let value = row.ok_or_else(|| not_found(id))?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value, aggregate_id, sequence, repeated })
    }

    /// The asset, where the caller's project owns it and he sees its channel.
    pub(super) async fn owned_asset(&self, caller: &Caller, id: &str) -> Result<AssetFacts, AppError> {
        if id.parse::<AssetId>().is_err() {
            return Err(not_found(id));
        }
        let asset = self.executor.load::<Asset>(id).await?.aggregate;
        let sees = |facts: &&AssetFacts| {
            facts.of.project == caller.project && caller.access.sees(facts.of.channel.as_str())
        };
        asset.facts().filter(sees).cloned().ok_or_else(|| not_found(id))
    }
}

pub(super) fn not_found(id: &str) -> AppError {
    AppError::NotFound { kind: Asset::TYPE, id: id.to_owned() }
}
