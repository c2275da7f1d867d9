//! The view of assets.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{AssetRow, Span, StorageUse, TrimRow, fold};
use sigma_domain::{Asset, AssetEvent, AssetTitle, Edges, Personal, SealedText};
use sigma_runner::{ApplyError, Projection};
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, Value};

use crate::rows::{broken, parsed, small, text_of, whole};
use crate::table::{Table, fold_in};

/// Assets, one row each, for ever. Titles stand as their events hold them, sealed: nothing personal is in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssetsView;

impl AssetsView {
    /// Its name, as in file names and in the API.
    pub const NAME: &'static str = "assets";
}

#[async_trait]
impl Projection for AssetsView {
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
        aggregate_type == Asset::TYPE
    }

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        fold_in::<Assets>(&mut rows, events).await?.write(rows).await
    }
}

struct Assets;

impl Table for Assets {
    type Row = AssetRow;
    type Event = AssetEvent;

    const NAME: &'static str = "asset";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "channel",
        "project",
        "session",
        "kind",
        "state",
        "failure",
        "title",
        "title_key",
        "parent",
        "spans",
        "whole_duration_ms",
        "whole_bytes",
        "whole_gaps_ms",
        "files",
        "duration_ms",
        "bytes",
        "gaps_ms",
        "poster_us",
        "edges",
        "trim_edges",
        "created_at_ms",
        "ready_at_ms",
        "expires_at_ms",
        "sequence",
    ];

    fn read(found: &Row) -> Result<AssetRow, sqlx::Error> {
        row(found)
    }

    fn values(row: &AssetRow) -> Result<Vec<Value<'_>>, ApplyError> {
        let (title, title_key) = match &row.title {
            None => (None, None),
            Some(Personal::Plain(title)) => (Some(title.as_str()), None),
            Some(Personal::Sealed(SealedText { key_id, sealed })) => {
                (Some(sealed.as_str()), Some(key_id.as_str()))
            }
        };
        let spans: serde_json::Value = row.spans.iter().map(|span| vec![span.from_us, span.to_us]).collect();
        Ok(vec![
            row.id.as_str().into(),
            row.channel.as_str().into(),
            row.project.as_str().into(),
            row.session.as_str().into(),
            row.kind.code().into(),
            row.state.code().into(),
            row.failure.map(|failure| failure.code()).into(),
            title.into(),
            title_key.into(),
            row.parent.as_deref().into(),
            spans.to_string().into(),
            row.whole_duration_ms.map(whole).into(),
            row.whole_bytes.map(whole).into(),
            row.whole_gaps_ms.map(whole).into(),
            row.files.map(i64::from).into(),
            row.trim.map(|trim| whole(trim.duration_ms)).into(),
            row.trim.map(|trim| whole(trim.bytes)).into(),
            row.trim.map(|trim| whole(trim.gaps_ms)).into(),
            row.poster_us.map(whole).into(),
            written(row.edges.as_ref())?.into(),
            written(row.trim_edges.as_ref())?.into(),
            row.created_at_ms.into(),
            row.ready_at_ms.into(),
            row.expires_at_ms.into(),
            whole(row.sequence).into(),
        ])
    }

    fn fold(
        row: Option<AssetRow>,
        event: &AssetEvent,
        recorded: &RecordedEvent,
    ) -> Result<Option<AssetRow>, StoreError> {
        Ok(fold::asset(row, event, recorded.sequence))
    }
}

/// A sum over rows.
pub(crate) fn storage_use(row: &Row) -> Result<StorageUse, sqlx::Error> {
    let number = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<i64>(column)?.unsigned_abs());
    Ok(StorageUse { assets: number("assets")?, bytes: number("bytes")? })
}

pub(crate) fn row(row: &Row) -> Result<AssetRow, sqlx::Error> {
    let spans: Vec<[u64; 2]> = serde_json::from_str(&row.try_get::<String>("spans")?).map_err(broken)?;
    let number =
        |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>>(column)?.map(i64::unsigned_abs));
    let trim = match (number("duration_ms")?, number("bytes")?, number("gaps_ms")?) {
        (Some(duration_ms), Some(bytes), Some(gaps_ms)) => Some(TrimRow { duration_ms, bytes, gaps_ms }),
        _ => None,
    };
    Ok(AssetRow {
        id: row.try_get("id")?,
        project: row.try_get("project")?,
        channel: row.try_get("channel")?,
        session: row.try_get("session")?,
        kind: parsed(row, "kind")?,
        state: parsed(row, "state")?,
        failure: text_of(row, "failure")?.map(|code| code.parse()).transpose().map_err(broken)?,
        title: title(row)?,
        parent: text_of(row, "parent")?,
        spans: spans.into_iter().map(|[from_us, to_us]| Span { from_us, to_us }).collect(),
        whole_duration_ms: number("whole_duration_ms")?,
        whole_bytes: number("whole_bytes")?,
        whole_gaps_ms: number("whole_gaps_ms")?,
        files: row.try_get::<Option<i64>>("files")?.map(|_| small(row, "files")).transpose()?,
        trim,
        poster_us: number("poster_us")?,
        edges: edges(row, "edges")?,
        trim_edges: edges(row, "trim_edges")?,
        created_at_ms: row.try_get("created_at_ms")?,
        ready_at_ms: row.try_get("ready_at_ms")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
        sequence: row.try_get::<i64>("sequence")?.unsigned_abs(),
    })
}

fn written(edges: Option<&Edges>) -> Result<Option<String>, ApplyError> {
    let text = edges.map(serde_json::to_string).transpose();
    text.map_err(|error| ApplyError::Poison(error.to_string()))
}

fn edges(row: &Row, column: &str) -> Result<Option<Edges>, sqlx::Error> {
    text_of(row, column)?.map(|text| serde_json::from_str(&text)).transpose().map_err(broken)
}

fn title(row: &Row) -> Result<Option<Personal<AssetTitle>>, sqlx::Error> {
    Ok(match (text_of(row, "title")?, text_of(row, "title_key")?) {
        (None, _) => None,
        (Some(sealed), Some(key_id)) => Some(Personal::Sealed(SealedText { key_id, sealed })),
        (Some(plain), None) => Some(Personal::Plain(plain.parse().map_err(broken)?)),
    })
}
