//! The application's port over the views that serve.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{
    ApiTokenRow, AssetFilter, AssetKind, AssetRow, AssetState, ChannelFilter, ChannelOrder, ChannelRow,
    MAX_PAGE, MAX_SEARCH, PageKey, ProjectRow, ReadError, ReadModels, SessionFilter, SessionRow, StorageUse,
    Waited,
};
use sigma_domain::{ApiToken, Asset, Channel, Project, Session};
use sigma_runner::{RunnerError, RunnerHandle};
use sigma_tables::{PooledConnection, Row, query};

use crate::rows::parsed;
use crate::{
    ALL, ApiTokensView, AssetsView, ChannelsView, ProjectsView, SessionsView, api_tokens, assets, channels,
    projects, sessions,
};

/// Reads the views that a runner keeps.
#[derive(Clone)]
pub struct Views {
    runner: RunnerHandle,
    still: Still,
}

/// Tells whether the log that the views follow is away.
type Still = Arc<dyn Fn() -> bool + Send + Sync>;

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views").field("runner", &self.runner).finish_non_exhaustive()
    }
}

fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError(error.to_string())
}

fn not_there(error: RunnerError) -> ReadError {
    ReadError(error.to_string())
}

type Read<T> = fn(&Row) -> Result<T, sqlx::Error>;

fn all<T>(rows: &[Row], row: Read<T>) -> Result<Vec<T>, ReadError> {
    rows.iter().map(row).collect::<Result<_, _>>().map_err(unreadable)
}

/// Where a page that stands newest first begins: before all that there is, unless told.
fn begin(after: Option<&PageKey>) -> (i64, &str) {
    after.map_or((i64::MAX, ""), |key| (key.at_ms, &key.id))
}

/// The first `limit` rows after the key, of rows that stand in any order: what the pages' SQL does by an index.
fn sorted(
    mut rows: Vec<ChannelRow>,
    order: ChannelOrder,
    after: Option<&PageKey>,
    limit: u32,
) -> Vec<ChannelRow> {
    let compare = |a: &PageKey, b: &PageKey| match order {
        ChannelOrder::Newest => (b.at_ms, &b.id).cmp(&(a.at_ms, &a.id)),
        ChannelOrder::Oldest => (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)),
        ChannelOrder::Name => (&a.text, &a.id).cmp(&(&b.text, &b.id)),
    };
    let key = |row: &ChannelRow| PageKey::of_channel(row, order);
    if let Some(after) = after {
        rows.retain(|row| compare(&key(row), after).is_gt());
    }
    rows.sort_by(|a, b| compare(&key(a), &key(b)));
    rows.truncate(limit.min(MAX_PAGE) as usize);
    rows
}

fn limited(limit: u32) -> i64 {
    i64::from(limit.min(MAX_PAGE))
}

/// A pattern for LIKE that finds the text as it stands, anywhere.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for c in search.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn json(ids: &[String]) -> String {
    serde_json::Value::from(ids.to_vec()).to_string()
}

impl Views {
    /// Over a runner that was started with [`projections`](crate::projections).
    pub fn new(runner: RunnerHandle) -> Self {
        Self { runner, still: Arc::new(|| false) }
    }

    /// With somebody who knows when the log that they follow is away: nobody waits for them then.
    #[must_use]
    pub fn stand_still_while(self, still: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { still: Arc::new(still), ..self }
    }

    async fn read(&self, view: &str) -> Result<PooledConnection, ReadError> {
        self.runner.reader(view).map_err(not_there)?.acquire().await.map_err(not_there)
    }
}

#[async_trait]
impl ReadModels for Views {
    async fn channels(&self, project: &str, ids: &[String]) -> Result<Vec<ChannelRow>, ReadError> {
        let mut view = self.read(ChannelsView::NAME).await?;
        let asked = query(include_str!("channels/by_ids.sql")).bind(project).bind(json(ids));
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, channels::row)
    }

    async fn channels_page(
        &self,
        project: &str,
        filter: &ChannelFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<ChannelRow>, ReadError> {
        let search = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.len() > MAX_SEARCH) {
            return Ok(Vec::new());
        }
        let sql = match (&filter.only, filter.order) {
            (Some(_), _) => include_str!("channels/few.sql"),
            (None, ChannelOrder::Newest) => include_str!("channels/page_newest.sql"),
            (None, ChannelOrder::Oldest) => include_str!("channels/page_oldest.sql"),
            (None, ChannelOrder::Name) => include_str!("channels/page_by_name.sql"),
        };
        let asked = query(sql)
            .bind(project)
            .bind(filter.state.map(|state| state.code()))
            .bind(search.map(pattern))
            .bind(search);
        let mut view = self.read(ChannelsView::NAME).await?;
        if let Some(only) = &filter.only {
            let found = asked.bind(json(only)).fetch_all(&mut view).await.map_err(unreadable)?;
            return Ok(sorted(all(&found, channels::row)?, filter.order, after, limit));
        }
        let asked = match (filter.order, after) {
            (ChannelOrder::Newest, after) => {
                let (at_ms, id) = begin(after);
                asked.bind(at_ms).bind(id)
            }
            (ChannelOrder::Oldest, Some(key)) => asked.bind(key.at_ms).bind(&key.id),
            (ChannelOrder::Oldest, None) => asked.bind(i64::MIN).bind(""),
            (ChannelOrder::Name, Some(key)) => asked.bind(&key.text).bind(&key.id),
            (ChannelOrder::Name, None) => asked.bind("").bind(""),
        };
        let asked = asked.bind(limited(limit));
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, channels::row)
    }

    async fn channel_by_playback_id(&self, playback_id: &str) -> Result<Option<ChannelRow>, ReadError> {
        let mut view = self.read(ChannelsView::NAME).await?;
        let asked = query(include_str!("channels/by_playback_id.sql")).bind(playback_id);
        let row = asked.fetch_optional(&mut view).await.map_err(unreadable)?;
        row.as_ref().map(channels::row).transpose().map_err(unreadable)
    }

    async fn live_channels(&self, limit: u32) -> Result<Vec<(ChannelRow, SessionRow)>, ReadError> {
        let mut view = self.read(SessionsView::NAME).await?;
        let asked = query(include_str!("sessions/live_ones.sql")).bind(limited(limit));
        let live = all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, sessions::row)?;
        drop(view);
        let ids: Vec<String> = live.iter().map(|session| session.channel.clone()).collect();
        let mut view = self.read(ChannelsView::NAME).await?;
        let asked = query(include_str!("channels/by_ids_of_all.sql")).bind(json(&ids));
        let channels = all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, channels::row)?;
        // The two views are not read at one moment: a pair counts where both say that it is one.
        let paired = live.into_iter().filter_map(|session| {
            let current = |channel: &&ChannelRow| channel.current_session.as_ref() == Some(&session.id);
            let channel = channels.iter().find(current)?.clone();
            Some((channel, session))
        });
        Ok(paired.collect())
    }

    async fn sessions(&self, project: &str, ids: &[String]) -> Result<Vec<SessionRow>, ReadError> {
        let mut view = self.read(SessionsView::NAME).await?;
        let asked = query(include_str!("sessions/by_ids.sql")).bind(project).bind(json(ids));
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, sessions::row)
    }

    async fn session(&self, id: &str) -> Result<Option<SessionRow>, ReadError> {
        let mut view = self.read(SessionsView::NAME).await?;
        let asked = query(include_str!("sessions/by_id.sql")).bind(id);
        let row = asked.fetch_optional(&mut view).await.map_err(unreadable)?;
        row.as_ref().map(sessions::row).transpose().map_err(unreadable)
    }

    async fn sessions_page(
        &self,
        project: &str,
        filter: &SessionFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<SessionRow>, ReadError> {
        let (sql, channels) = match (&filter.channel, &filter.only_channels) {
            (Some(channel), Some(only)) if !only.contains(channel) => return Ok(Vec::new()),
            (Some(channel), _) => (include_str!("sessions/page_of_channel.sql"), Some(channel.clone())),
            (None, Some(only)) => (include_str!("sessions/page_of_few.sql"), Some(json(only))),
            (None, None) => (include_str!("sessions/page.sql"), None),
        };
        let (at_ms, id) = begin(after);
        let mut asked = query(sql)
            .bind(project)
            .bind(filter.state.map(|state| state.code()))
            .bind(at_ms)
            .bind(id)
            .bind(limited(limit));
        if let Some(channels) = channels {
            asked = asked.bind(channels);
        }
        let mut view = self.read(SessionsView::NAME).await?;
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, sessions::row)
    }

    async fn assets(&self, project: &str, ids: &[String]) -> Result<Vec<AssetRow>, ReadError> {
        let mut view = self.read(AssetsView::NAME).await?;
        let asked = query(include_str!("assets/by_ids.sql")).bind(project).bind(json(ids));
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, assets::row)
    }

    async fn assets_of_session(&self, session: &str) -> Result<Vec<AssetRow>, ReadError> {
        let mut view = self.read(AssetsView::NAME).await?;
        let asked = query(include_str!("assets/by_session.sql")).bind(session);
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, assets::row)
    }

    async fn assets_page(
        &self,
        project: &str,
        filter: &AssetFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<AssetRow>, ReadError> {
        let AssetFilter { session, kind, states, .. } = filter;
        let channels = filter.channels().as_deref().map(json);
        let sql = match (session, &channels) {
            (Some(_), _) => include_str!("assets/page_of_session.sql"),
            (None, Some(_)) => include_str!("assets/page_of_few.sql"),
            (None, None) => include_str!("assets/page.sql"),
        };
        let codes = |states: &Vec<AssetState>| states.iter().map(|state| state.code().to_owned()).collect();
        let states: Option<Vec<String>> = states.as_ref().map(codes);
        let (at_ms, id) = begin(after);
        let asked = query(sql)
            .bind(project)
            .bind(kind.map(|kind| kind.code()))
            .bind(states.as_deref().map(json))
            .bind(at_ms)
            .bind(id)
            .bind(limited(limit));
        let asked = match (session, channels) {
            (Some(session), channels) => asked.bind(session).bind(channels),
            (None, Some(channels)) => asked.bind(channels),
            (None, None) => asked,
        };
        let mut view = self.read(AssetsView::NAME).await?;
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, assets::row)
    }

    async fn storage_by_kind(
        &self,
        project: &str,
        channels: Option<&[String]>,
    ) -> Result<Vec<(AssetKind, StorageUse)>, ReadError> {
        let mut view = self.read(AssetsView::NAME).await?;
        let asked = query(include_str!("assets/use_by_kind.sql")).bind(project).bind(channels.map(json));
        let rows = asked.fetch_all(&mut view).await.map_err(unreadable)?;
        all(&rows, |row| Ok((parsed(row, "kind")?, assets::storage_use(row)?)))
    }

    async fn storage_by_channel(
        &self,
        project: &str,
        channels: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<(String, StorageUse)>, ReadError> {
        let mut view = self.read(AssetsView::NAME).await?;
        let asked = query(include_str!("assets/use_by_channel.sql"))
            .bind(project)
            .bind(channels.map(json))
            .bind(limited(limit));
        let rows = asked.fetch_all(&mut view).await.map_err(unreadable)?;
        all(&rows, |row| Ok((row.try_get("channel")?, assets::storage_use(row)?)))
    }

    async fn api_tokens(&self, project: &str) -> Result<Vec<ApiTokenRow>, ReadError> {
        let mut view = self.read(ApiTokensView::NAME).await?;
        let asked = query(include_str!("api_tokens/of_project.sql")).bind(project).bind(i64::from(MAX_PAGE));
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, api_tokens::row)
    }

    async fn api_token(&self, id: &str) -> Result<Option<ApiTokenRow>, ReadError> {
        let mut view = self.read(ApiTokensView::NAME).await?;
        let asked = query(include_str!("api_tokens/by_id.sql")).bind(id);
        let row = asked.fetch_optional(&mut view).await.map_err(unreadable)?;
        row.as_ref().map(api_tokens::row).transpose().map_err(unreadable)
    }

    async fn projects(&self) -> Result<Vec<ProjectRow>, ReadError> {
        let mut view = self.read(ProjectsView::NAME).await?;
        let asked = query(include_str!("projects/page.sql")).bind(i64::from(MAX_PAGE));
        all(&asked.fetch_all(&mut view).await.map_err(unreadable)?, projects::row)
    }

    async fn project(&self, id: &str) -> Result<Option<ProjectRow>, ReadError> {
        let mut view = self.read(ProjectsView::NAME).await?;
        let asked = query(include_str!("projects/by_id.sql")).bind(id);
        let row = asked.fetch_optional(&mut view).await.map_err(unreadable)?;
        row.as_ref().map(projects::row).transpose().map_err(unreadable)
    }

    fn stand_still(&self) -> bool {
        (self.still)()
    }

    async fn remove_traces(&self) -> Result<(), ReadError> {
        for view in ALL {
            self.runner.remove_traces(view).await.map_err(not_there)?;
        }
        Ok(())
    }

    async fn wait_for(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        sequence: u64,
        timeout: Duration,
    ) -> Result<Waited, ReadError> {
        let view = match aggregate_type {
            Channel::TYPE => ChannelsView::NAME,
            Session::TYPE => SessionsView::NAME,
            Asset::TYPE => AssetsView::NAME,
            ApiToken::TYPE => ApiTokensView::NAME,
            Project::TYPE => ProjectsView::NAME,
            other => return Err(ReadError(format!("no view shows aggregates of type `{other}`"))),
        };
        let waited = self.runner.wait_for(view, aggregate_type, aggregate_id, sequence, timeout).await;
        waited.map_err(not_there).map(|waited| match waited {
            sigma_runner::Waited::Reached => Waited::Reached,
            sigma_runner::Waited::TimedOut => Waited::TimedOut,
            sigma_runner::Waited::Parked => Waited::Parked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_its_text_as_it_stands() {
        assert_eq!(pattern("50%_Ä\\"), "%50\\%\\_ä\\\\%");
    }

    #[test]
    fn a_page_is_never_longer_than_the_limit() {
        assert_eq!((limited(5), limited(u32::MAX)), (5, i64::from(MAX_PAGE)));
    }
}
