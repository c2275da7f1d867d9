//! The view of channels.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{ChannelRow, Subjects, fold, folded_name};
use sigma_domain::{Channel, ChannelEvent, Personal, SealedText};
use sigma_runner::{ApplyError, Projection};
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, Value};

use crate::rows::{parsed, small, text_of, whole};
use crate::table::{Folded, Table, fold_in};

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
        3
    }

    fn schema_sql(&self) -> &str {
        include_str!("schema.sql")
    }

    fn concerns(&self, aggregate_type: &str) -> bool {
        aggregate_type == Channel::TYPE
    }

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        let mut folded = fold_in::<Channels>(&mut rows, events).await?;
        self.open_names(&mut folded).await?;
        folded.write(rows).await
    }
}

impl ChannelsView {
    /// Opens the names that events set, with one look for all keys. A name whose key is gone is empty.
    async fn open_names(&self, folded: &mut Folded<Channels>) -> Result<(), ApplyError> {
        let mut named: Vec<(&str, &mut Named)> =
            folded.rows_mut().filter(|(_, named)| named.sealed.is_some()).collect();
        let sealed: Vec<_> =
            named.iter().filter_map(|(id, named)| Some((*id, named.sealed.as_ref()?))).collect();
        let opened = self.subjects.open_names(&sealed).await.map_err(|error| match error {
            StoreError::Unavailable { .. } => ApplyError::Database(sqlx::Error::Io(io::Error::other(error))),
            error => ApplyError::Poison(error.to_string()),
        })?;
        for ((_, named), name) in named.iter_mut().zip(opened) {
            named.row.name = name.unwrap_or_default();
        }
        Ok(())
    }
}

/// A row, with the name that its events set in this batch where that is sealed.
struct Named {
    row: ChannelRow,
    sealed: Option<SealedText>,
}

struct Channels;

impl Table for Channels {
    type Row = Named;
    type Event = ChannelEvent;

    const NAME: &'static str = "channel";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "project",
        "name",
        "name_folded",
        "state",
        "playback_id",
        "latency_mode",
        "auto_go_live",
        "max_session_duration",
        "reconnect_window",
        "end_on_unpublish",
        "dvr_window",
        "record_source",
        "catchup",
        "source_retention",
        "catchup_retention",
        "current_session",
        "last_session",
        "created_at_ms",
        "sequence",
    ];

    fn read(found: &Row) -> Result<Named, sqlx::Error> {
        Ok(Named { row: row(found)?, sealed: None })
    }

    fn values(Named { row, .. }: &Named) -> Result<Vec<Value<'_>>, ApplyError> {
        Ok(vec![
            row.id.as_str().into(),
            row.project.as_str().into(),
            row.name.as_str().into(),
            folded_name(&row.name).into(),
            row.state.code().into(),
            row.playback_id.as_str().into(),
            row.latency_mode.code().into(),
            row.auto_go_live.into(),
            i64::from(row.max_session_duration).into(),
            i64::from(row.reconnect_window).into(),
            row.end_on_unpublish.into(),
            i64::from(row.dvr_window).into(),
            row.record_source.into(),
            row.catchup.into(),
            i64::from(row.source_retention.unwrap_or(0)).into(),
            i64::from(row.catchup_retention.unwrap_or(0)).into(),
            row.current_session.as_deref().into(),
            row.last_session.as_deref().into(),
            row.created_at_ms.into(),
            whole(row.sequence).into(),
        ])
    }

    fn fold(
        known: Option<Named>,
        event: &ChannelEvent,
        recorded: &RecordedEvent,
    ) -> Result<Option<Named>, StoreError> {
        let (row, before) = known.map(|known| (known.row, known.sealed)).unzip();
        let name = match event {
            ChannelEvent::Created { name, .. } => Some(name),
            ChannelEvent::Updated { changes, .. } => changes.name.as_ref(),
            _ => None,
        };
        let sealed = match name {
            Some(Personal::Sealed(sealed)) => Some(sealed.clone()),
            Some(Personal::Plain(_)) => None,
            None => before.flatten(),
        };
        Ok(fold::channel(row, event, recorded.sequence).map(|row| Named { row, sealed }))
    }

    /// The row of what was erased is gone already.
    fn passes(event: &ChannelEvent) -> bool {
        matches!(event, ChannelEvent::Erased { .. })
    }
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
        dvr_window: small(row, "dvr_window")?,
        record_source: row.try_get("record_source")?,
        catchup: row.try_get("catchup")?,
        source_retention: Some(small(row, "source_retention")?).filter(|seconds| *seconds > 0),
        catchup_retention: Some(small(row, "catchup_retention")?).filter(|seconds| *seconds > 0),
        current_session: text_of(row, "current_session")?,
        last_session: text_of(row, "last_session")?,
        created_at_ms: row.try_get("created_at_ms")?,
        sequence: row.try_get::<i64>("sequence")?.unsigned_abs(),
    })
}
