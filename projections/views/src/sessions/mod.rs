//! The view of sessions.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{EndReason, IngestFault, SessionRow, fold};
use sigma_domain::{Session, SessionEvent};
use sigma_runner::{ApplyError, Projection};
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, Value};

use crate::rows::{broken, parsed, small, text_of, whole};
use crate::table::{Table, fold_in};

/// Sessions that opened, one row each, for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionsView;

impl SessionsView {
    /// Its name, as in file names and in the API.
    pub const NAME: &'static str = "sessions";
}

#[async_trait]
impl Projection for SessionsView {
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
        aggregate_type == Session::TYPE
    }

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        fold_in::<Sessions>(&mut rows, events).await?.write(rows).await
    }
}

struct Sessions;

impl Table for Sessions {
    type Row = SessionRow;
    type Event = SessionEvent;

    const NAME: &'static str = "session";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "channel",
        "project",
        "playback_id",
        "state",
        "node",
        "feed",
        "latency_mode",
        "dvr_window",
        "started_at_ms",
        "live_at_ms",
        "ended_at_ms",
        "end_reason",
        "end_fault",
        "lost_until_ms",
        "input",
        "sequence",
    ];

    fn read(found: &Row) -> Result<SessionRow, sqlx::Error> {
        row(found)
    }

    fn values(row: &SessionRow) -> Result<Vec<Value<'_>>, ApplyError> {
        let input = row.input.as_ref().map(serde_json::to_string).transpose();
        let fault = row.end_reason.and_then(|reason| reason.fault());
        Ok(vec![
            row.id.as_str().into(),
            row.channel.as_str().into(),
            row.project.as_str().into(),
            row.playback_id.as_str().into(),
            row.state.code().into(),
            row.node.as_str().into(),
            i64::from(row.feed).into(),
            row.latency_mode.code().into(),
            i64::from(row.dvr_window).into(),
            row.started_at_ms.into(),
            row.live_at_ms.into(),
            row.ended_at_ms.into(),
            row.end_reason.map(|reason| reason.code()).into(),
            fault.map(|fault| fault.code()).into(),
            row.lost_until_ms.into(),
            input.map_err(|error| ApplyError::Poison(error.to_string()))?.into(),
            whole(row.sequence).into(),
        ])
    }

    fn fold(
        row: Option<SessionRow>,
        event: &SessionEvent,
        recorded: &RecordedEvent,
    ) -> Result<Option<SessionRow>, StoreError> {
        Ok(fold::session(row, event, recorded.sequence))
    }

    /// What was never on air is not shown.
    fn passes(event: &SessionEvent) -> bool {
        matches!(event, SessionEvent::Abandoned { .. })
    }
}

pub(crate) fn row(row: &Row) -> Result<SessionRow, sqlx::Error> {
    let input = text_of(row, "input")?.map(|text| serde_json::from_str(&text));
    Ok(SessionRow {
        id: row.try_get("id")?,
        channel: row.try_get("channel")?,
        project: row.try_get("project")?,
        playback_id: row.try_get("playback_id")?,
        state: parsed(row, "state")?,
        node: row.try_get("node")?,
        feed: small(row, "feed")?,
        latency_mode: parsed(row, "latency_mode")?,
        dvr_window: small(row, "dvr_window")?,
        started_at_ms: row.try_get("started_at_ms")?,
        live_at_ms: row.try_get("live_at_ms")?,
        ended_at_ms: row.try_get("ended_at_ms")?,
        end_reason: end_reason(row)?,
        lost_until_ms: row.try_get("lost_until_ms")?,
        input: input.transpose().map_err(broken)?,
        sequence: row.try_get::<i64>("sequence")?.unsigned_abs(),
    })
}

fn end_reason(row: &Row) -> Result<Option<EndReason>, sqlx::Error> {
    let Some(code) = text_of(row, "end_reason")? else { return Ok(None) };
    if let Some(fault) = text_of(row, "end_fault")? {
        let fault: IngestFault = fault.parse().map_err(broken)?;
        return Ok(Some(EndReason::IngestError(fault)));
    }
    let known = [
        EndReason::BroadcasterLeft,
        EndReason::ChannelStopped,
        EndReason::SessionEndedByUser,
        EndReason::MaxDuration,
        EndReason::NodeLost,
    ];
    let reason = known.into_iter().find(|reason| reason.code() == code);
    reason.map(Some).ok_or_else(|| broken(format!("`{code}` is no reason for an end")))
}
