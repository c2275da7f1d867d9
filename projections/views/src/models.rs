//! The application's port over the views that serve.

use std::time::Duration;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{
    ChannelFilter, ChannelRow, MAX_PAGE, MAX_SEARCH, PageKey, ReadError, ReadModels, SessionFilter,
    SessionRow, Waited,
};
use sigma_domain::{Channel, Session};
use sigma_runner::{RunnerError, RunnerHandle};
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, pool::PoolConnection};

use crate::{ChannelsView, SessionsView, channels, sessions};

/// Reads the views that a runner keeps.
#[derive(Clone, Debug)]
pub struct Views {
    runner: RunnerHandle,
}

fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError(error.to_string())
}

fn not_there(error: RunnerError) -> ReadError {
    ReadError(error.to_string())
}

type Row<T> = fn(&SqliteRow) -> Result<T, sqlx::Error>;

fn all<T>(rows: &[SqliteRow], row: Row<T>) -> Result<Vec<T>, ReadError> {
    rows.iter().map(row).collect::<Result<_, _>>().map_err(unreadable)
}

/// Where a page begins: before all that there is, unless told.
fn begin(after: Option<&PageKey>) -> (i64, String) {
    after.map_or((i64::MAX, String::new()), |key| (key.at_ms, key.id.clone()))
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
        Self { runner }
    }

    async fn read(&self, view: &str) -> Result<PoolConnection<Sqlite>, ReadError> {
        self.runner.reader(view).map_err(not_there)?.acquire().await.map_err(not_there)
    }
}

#[async_trait]
impl ReadModels for Views {
    async fn channels(&self, project: &str, ids: &[String]) -> Result<Vec<ChannelRow>, ReadError> {
        let mut view = self.read(ChannelsView::NAME).await?;
        let query = sqlx::query(include_str!("channels/by_ids.sql")).bind(project).bind(json(ids));
        all(&query.fetch_all(&mut *view).await.map_err(unreadable)?, channels::row)
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
        let (at_ms, id) = begin(after);
        let mut view = self.read(ChannelsView::NAME).await?;
        let query = sqlx::query(include_str!("channels/page.sql"))
            .bind(project)
            .bind(filter.state.map(|state| state.code()))
            .bind(search.map(pattern))
            .bind(search)
            .bind(at_ms)
            .bind(id)
            .bind(limited(limit));
        all(&query.fetch_all(&mut *view).await.map_err(unreadable)?, channels::row)
    }

    async fn channel_by_playback_id(&self, playback_id: &str) -> Result<Option<ChannelRow>, ReadError> {
        let mut view = self.read(ChannelsView::NAME).await?;
        let query = sqlx::query(include_str!("channels/by_playback_id.sql")).bind(playback_id);
        let row = query.fetch_optional(&mut *view).await.map_err(unreadable)?;
        row.as_ref().map(channels::row).transpose().map_err(unreadable)
    }

    async fn live_channels(&self, limit: u32) -> Result<Vec<(ChannelRow, SessionRow)>, ReadError> {
        let mut view = self.read(SessionsView::NAME).await?;
        let query = sqlx::query(include_str!("sessions/live_ones.sql")).bind(limited(limit));
        let live = all(&query.fetch_all(&mut *view).await.map_err(unreadable)?, sessions::row)?;
        drop(view);
        let ids: Vec<String> = live.iter().map(|session| session.channel.clone()).collect();
        let mut view = self.read(ChannelsView::NAME).await?;
        let query = sqlx::query(include_str!("channels/by_ids_of_all.sql")).bind(json(&ids));
        let channels = all(&query.fetch_all(&mut *view).await.map_err(unreadable)?, channels::row)?;
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
        let query = sqlx::query(include_str!("sessions/by_ids.sql")).bind(project).bind(json(ids));
        all(&query.fetch_all(&mut *view).await.map_err(unreadable)?, sessions::row)
    }

    async fn session(&self, id: &str) -> Result<Option<SessionRow>, ReadError> {
        let mut view = self.read(SessionsView::NAME).await?;
        let query = sqlx::query(include_str!("sessions/by_id.sql")).bind(id);
        let row = query.fetch_optional(&mut *view).await.map_err(unreadable)?;
        row.as_ref().map(sessions::row).transpose().map_err(unreadable)
    }

    async fn sessions_page(
        &self,
        project: &str,
        filter: &SessionFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<SessionRow>, ReadError> {
        let sql = match filter.channel {
            Some(_) => include_str!("sessions/page_of_channel.sql"),
            None => include_str!("sessions/page.sql"),
        };
        let (at_ms, id) = begin(after);
        let mut query = sqlx::query(sql)
            .bind(project)
            .bind(filter.state.map(|state| state.code()))
            .bind(at_ms)
            .bind(id)
            .bind(limited(limit));
        if let Some(channel) = &filter.channel {
            query = query.bind(channel);
        }
        let mut view = self.read(SessionsView::NAME).await?;
        all(&query.fetch_all(&mut *view).await.map_err(unreadable)?, sessions::row)
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
