//! Read models as a pure fold of the log, made anew for each question.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sigma_app::{
    ApiTokenRow, AssetFilter, AssetKind, AssetRow, ChannelFilter, ChannelRow, PageKey, ProjectRow, ReadError,
    ReadModels, SessionFilter, SessionRow, StorageUse, Subjects, Waited, fold,
};
use sigma_store::{Cursor, EventLog, RecordedEvent, Seen, Sighting};
use tokio::sync::watch;

pub(crate) struct FoldedViews {
    log: Arc<dyn EventLog>,
    subjects: Arc<Subjects>,
    /// Nothing is shown while this is false.
    shows: watch::Receiver<bool>,
}

impl FoldedViews {
    pub(crate) fn of(log: Arc<dyn EventLog>, subjects: Arc<Subjects>) -> Self {
        Self::gated(log, subjects, watch::channel(true).1)
    }

    pub(crate) fn gated(
        log: Arc<dyn EventLog>,
        subjects: Arc<Subjects>,
        shows: watch::Receiver<bool>,
    ) -> Self {
        Self { log, subjects, shows }
    }

    async fn aggregates(&self) -> BTreeMap<(String, String), Vec<RecordedEvent>> {
        let (mut seen, mut at) = (Seen::new(), Cursor::start());
        let mut all = BTreeMap::<_, Vec<_>>::new();
        loop {
            let batch = self.log.read_after(&at, 500).await.unwrap();
            if batch.next == at {
                return all;
            }
            at = batch.next;
            for mut event in batch.events {
                // Titles of assets stay sealed in the views.
                if event.aggregate_type != "asset" {
                    self.subjects.open_event(&mut event).await.unwrap();
                }
                if seen.see(&event) == Sighting::New {
                    let key = (event.aggregate_type.clone(), event.aggregate_id.clone());
                    all.entry(key).or_default().push(event);
                }
            }
        }
    }

    pub(crate) async fn all_channels(&self) -> Vec<ChannelRow> {
        let all = self.aggregates().await;
        all.values().filter_map(|events| fold::channel_of(events).unwrap()).collect()
    }

    async fn all_assets(&self) -> Vec<AssetRow> {
        rows(&self.aggregates().await, |events| fold::asset_of(events))
    }

    pub(crate) async fn all_sessions(&self) -> Vec<SessionRow> {
        let all = self.aggregates().await;
        all.values().filter_map(|events| fold::session_of(events).unwrap()).collect()
    }
}

fn rows<T>(
    all: &BTreeMap<(String, String), Vec<RecordedEvent>>,
    row: impl Fn(&Vec<RecordedEvent>) -> Result<Option<T>, sigma_store::StoreError>,
) -> Vec<T> {
    all.values().filter_map(|events| row(events).unwrap()).collect()
}

#[async_trait]
impl ReadModels for FoldedViews {
    async fn channels(&self, project: &str, ids: &[String]) -> Result<Vec<ChannelRow>, ReadError> {
        let mut rows = self.all_channels().await;
        rows.retain(|row| row.project == project && ids.contains(&row.id));
        Ok(rows)
    }

    async fn channels_page(
        &self,
        _project: &str,
        _filter: &ChannelFilter,
        _after: Option<&PageKey>,
        _limit: u32,
    ) -> Result<Vec<ChannelRow>, ReadError> {
        Ok(self.all_channels().await)
    }

    async fn channel_by_playback_id(&self, playback_id: &str) -> Result<Option<ChannelRow>, ReadError> {
        Ok(self.all_channels().await.into_iter().find(|row| row.playback_id == playback_id))
    }

    async fn live_channels(&self, _limit: u32) -> Result<Vec<(ChannelRow, SessionRow)>, ReadError> {
        Ok(Vec::new())
    }

    async fn sessions(&self, project: &str, ids: &[String]) -> Result<Vec<SessionRow>, ReadError> {
        let mut rows = self.all_sessions().await;
        rows.retain(|row| row.project == project && ids.contains(&row.id));
        Ok(rows)
    }

    async fn session(&self, id: &str) -> Result<Option<SessionRow>, ReadError> {
        Ok(self.all_sessions().await.into_iter().find(|row| row.id == id))
    }

    async fn sessions_page(
        &self,
        _project: &str,
        _filter: &SessionFilter,
        _after: Option<&PageKey>,
        _limit: u32,
    ) -> Result<Vec<SessionRow>, ReadError> {
        Ok(self.all_sessions().await)
    }

    async fn assets(&self, project: &str, ids: &[String]) -> Result<Vec<AssetRow>, ReadError> {
        let mut rows = self.all_assets().await;
        rows.retain(|row| row.project == project && ids.contains(&row.id));
        Ok(rows)
    }

    async fn assets_of_session(&self, session: &str) -> Result<Vec<AssetRow>, ReadError> {
        let mut rows = self.all_assets().await;
        rows.retain(|row| row.session == session);
        Ok(rows)
    }

    async fn assets_page(
        &self,
        _project: &str,
        _filter: &AssetFilter,
        _after: Option<&PageKey>,
        _limit: u32,
    ) -> Result<Vec<AssetRow>, ReadError> {
        Ok(self.all_assets().await)
    }

    async fn storage_by_kind(
        &self,
        _project: &str,
        _channels: Option<&[String]>,
    ) -> Result<Vec<(AssetKind, StorageUse)>, ReadError> {
        Err(ReadError("no use case asks for it".to_owned()))
    }

    async fn storage_by_channel(
        &self,
        _project: &str,
        _channels: Option<&[String]>,
        _limit: u32,
    ) -> Result<Vec<(String, StorageUse)>, ReadError> {
        Err(ReadError("no use case asks for it".to_owned()))
    }

    async fn api_tokens(&self, project: &str) -> Result<Vec<ApiTokenRow>, ReadError> {
        let mut rows = rows(&self.aggregates().await, |events| fold::api_token_of(events));
        rows.retain(|row| row.project == project);
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at_ms, row.id.clone())));
        Ok(rows)
    }

    async fn api_token(&self, id: &str) -> Result<Option<ApiTokenRow>, ReadError> {
        let rows = rows(&self.aggregates().await, |events| fold::api_token_of(events));
        Ok(rows.into_iter().find(|row| row.id == id))
    }

    async fn projects(&self) -> Result<Vec<ProjectRow>, ReadError> {
        let mut rows = rows(&self.aggregates().await, |events| fold::project_of(events));
        rows.sort_by_key(|row| (row.created_at_ms, row.id.clone()));
        Ok(rows)
    }

    async fn project(&self, id: &str) -> Result<Option<ProjectRow>, ReadError> {
        Ok(self.projects().await?.into_iter().find(|row| row.id == id))
    }

    async fn remove_traces(&self) -> Result<(), ReadError> {
        Ok(())
    }

    async fn wait_for(
        &self,
        _aggregate_type: &str,
        _aggregate_id: &str,
        _sequence: u64,
        timeout: Duration,
    ) -> Result<Waited, ReadError> {
        // Whoever holds the gate may be gone: then it stays as it is.
        let mut shows = self.shows.clone();
        let waited = sigma_clock::timeout(timeout, shows.wait_for(|shows| *shows)).await;
        Ok(if waited.is_ok() { Waited::Reached } else { Waited::TimedOut })
    }
}
