//! The view of channels.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{ChannelRow, ChannelState, Subjects, fold, folded_name};
use sigma_domain::{Channel, ChannelChanges, ChannelEvent, ChannelName, Personal};
use sigma_runner::{ApplyError, Projection};
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, query};

use crate::rows::{one_row, parsed, small, text_of, whole};

/// Channels, one row each, gone with `channel.deleted`. A row holds the channel's name in clear: lists are searched and sorted by it.
#[derive(Clone, Debug)]
pub struct ChannelsView {
    subjects: Arc<Subjects>,
}

impl ChannelsView {
    /// Its name, as in file names and in the API.
    pub const NAME: &'static str = "channels";

    /// With the keys that open names.
    pub fn new(subjects: Arc<Subjects>) -> Self {
        Self { subjects }
    }
}

#[async_trait]
impl Projection for ChannelsView {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn version(&self) -> u32 {
        2
    }

    fn schema_sql(&self) -> &str {
        include_str!("schema.sql")
    }

    fn concerns(&self, aggregate_type: &str) -> bool {
        aggregate_type == Channel::TYPE
    }

    async fn apply(&self, rows: Rows<'_>, recorded: &RecordedEvent) -> Result<(), ApplyError> {
        let mut opened = recorded.clone();
        self.subjects.open_event(&mut opened).await.map_err(|error| match error {
            StoreError::Unavailable { .. } => ApplyError::Database(sqlx::Error::Io(io::Error::other(error))),
            error => ApplyError::Poison(error.to_string()),
        })?;
        let event = fold::decode(&opened).map_err(|error| ApplyError::Poison(error.to_string()))?;
        apply(rows, &event, &recorded.aggregate_id, whole(recorded.sequence)).await
    }
}

async fn apply(rows: Rows<'_>, event: &ChannelEvent, id: &str, sequence: i64) -> Result<(), ApplyError> {
    let on = |sql| query(sql).bind(id).bind(sequence);
    let change = match event {
        ChannelEvent::Created { project, name, playback_id, settings, at, .. } => {
            let name = plain(name);
            on(include_str!("created.sql"))
                .bind(project.as_str())
                .bind(name)
                .bind(folded_name(name))
                .bind(playback_id.as_str())
                .bind(settings.latency_mode.code())
                .bind(settings.auto_go_live)
                .bind(i64::from(settings.max_session_duration.seconds()))
                .bind(i64::from(settings.reconnect_window.seconds()))
                .bind(settings.end_on_unpublish)
                .bind(at.as_millis())
        }
        ChannelEvent::Updated { changes, .. } => {
            let ChannelChanges {
                name,
                latency_mode,
                auto_go_live,
                max_session_duration,
                reconnect_window,
                end_on_unpublish,
            } = changes;
            let name = name.as_ref().map(plain);
            on(include_str!("updated.sql"))
                .bind(name)
                .bind(name.map(folded_name))
                .bind(latency_mode.map(|mode| mode.code()))
                .bind(*auto_go_live)
                .bind(max_session_duration.map(|duration| i64::from(duration.seconds())))
                .bind(reconnect_window.map(|window| i64::from(window.seconds())))
                .bind(*end_on_unpublish)
        }
        ChannelEvent::Started { .. } => on(include_str!("state.sql")).bind(ChannelState::Idle.code()),
        ChannelEvent::Stopped { .. } => on(include_str!("state.sql")).bind(ChannelState::Stop.code()),
        ChannelEvent::Deleted { .. } => on(include_str!("deleted.sql")),
        // Its row is gone already.
        ChannelEvent::Erased { .. } => return Ok(()),
        ChannelEvent::KeyRotated { .. } | ChannelEvent::KeyShown { .. } => on(include_str!("seen.sql")),
        ChannelEvent::SessionAttached { session, .. } => {
            on(include_str!("session_attached.sql")).bind(session.as_str())
        }
        ChannelEvent::SessionDetached { .. } => on(include_str!("session_detached.sql")),
    };
    one_row(change.execute(rows).await?, event.name())
}

/// A name whose key is gone is empty.
fn plain(name: &Personal<ChannelName>) -> &str {
    name.plain().map(ChannelName::as_str).unwrap_or_default()
}

pub(crate) fn row(row: &Row) -> Result<ChannelRow, sqlx::Error> {
    Ok(ChannelRow {
        id: row.try_get("id")?,
        project: row.try_get("project")?,
        name: row.try_get("name")?,
        state: parsed(row, "state")?,
        playback_id: row.try_get("playback_id")?,
        latency_mode: parsed(row, "latency_mode")?,
        auto_go_live: row.try_get("auto_go_live")?,
        max_session_duration: small(row, "max_session_duration")?,
        reconnect_window: small(row, "reconnect_window")?,
        end_on_unpublish: row.try_get("end_on_unpublish")?,
        current_session: text_of(row, "current_session")?,
        last_session: text_of(row, "last_session")?,
        created_at_ms: row.try_get("created_at_ms")?,
        sequence: row.try_get::<i64>("sequence")?.unsigned_abs(),
    })
}
