//! The view of sessions.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{EndReason, IngestFault, InputRow, SessionRow, fold};
use sigma_domain::{InputFormat, Session, SessionEvent};
use sigma_runner::{ApplyError, Projection};
use sigma_store::RecordedEvent;
use sigma_tables::{Row, Rows, query};

use crate::rows::{broken, one_row, parsed, small, text_of, whole};

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
        1
    }

    fn schema_sql(&self) -> &str {
        include_str!("schema.sql")
    }

    fn concerns(&self, aggregate_type: &str) -> bool {
        aggregate_type == Session::TYPE
    }

    async fn apply(&self, rows: Rows<'_>, recorded: &RecordedEvent) -> Result<(), ApplyError> {
        let event = fold::decode(recorded).map_err(|error| ApplyError::Poison(error.to_string()))?;
        apply(rows, &event, &recorded.aggregate_id, whole(recorded.sequence)).await
    }
}

async fn apply(rows: Rows<'_>, event: &SessionEvent, id: &str, sequence: i64) -> Result<(), ApplyError> {
    let on = |sql| query(sql).bind(id).bind(sequence);
    let change = match event {
        SessionEvent::Opened { channel, project, playback_id, node, feed, settings, at, .. } => {
            on(include_str!("opened.sql"))
                .bind(channel.as_str())
                .bind(project.as_str())
                .bind(playback_id.as_str())
                .bind(node.as_str())
                .bind(i64::from(feed.get()))
                .bind(settings.latency_mode.code())
                .bind(at.as_millis())
        }
        // Never on air: there is nothing to show.
        SessionEvent::Abandoned { .. } => return Ok(()),
        SessionEvent::FeedOpened { feed, node, .. } => {
            on(include_str!("feed_opened.sql")).bind(i64::from(feed.get())).bind(node.as_str())
        }
        SessionEvent::Processing { input, .. } => on(include_str!("processing.sql")).bind(json(input)?),
        SessionEvent::InputChanged { input, .. } => on(include_str!("input_changed.sql")).bind(json(input)?),
        SessionEvent::Live { at } => on(include_str!("live.sql")).bind(at.as_millis()),
        SessionEvent::Error { until, .. } => on(include_str!("error.sql")).bind(until.as_millis()),
        SessionEvent::Recovered { .. } => on(include_str!("recovered.sql")),
        SessionEvent::Ended { reason, at } => on(include_str!("ended.sql"))
            .bind(at.as_millis())
            .bind(reason.code())
            .bind(reason.fault().map(|fault| fault.code())),
    };
    one_row(change.execute(rows).await?, event.name())
}

fn json(input: &InputFormat) -> Result<String, ApplyError> {
    serde_json::to_string(&InputRow::from(input)).map_err(|error| ApplyError::Poison(error.to_string()))
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
