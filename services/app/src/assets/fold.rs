//! The row of an asset as a pure fold of its events. Its title stays sealed: it is opened where it is shown.

use cqrs_es::Aggregate;
use sigma_domain::{Asset, AssetEvent, AssetState, Extent, Timestamp};
use sigma_store::{RecordedEvent, StoreError};

use super::{Shown, Span};
use crate::AssetRow;
use crate::fold::decode;

/// The asset's row after the event; none before it was begun.
pub fn asset(row: Option<AssetRow>, event: &AssetEvent, sequence: u64) -> Option<AssetRow> {
    if let AssetEvent::Started { asset, at } = event {
        return Some(AssetRow {
            id: asset.id.to_string(),
            project: asset.project.to_string(),
            channel: asset.channel.to_string(),
            session: asset.session.to_string(),
            kind: asset.kind,
            state: AssetState::Started,
            failure: None,
            title: asset.title.clone(),
            parent: asset.parent.as_ref().map(ToString::to_string),
            spans: Vec::new(),
            whole_duration_ms: None,
            whole_bytes: None,
            whole_gaps_ms: None,
            files: None,
            trim: None,
            poster_us: None,
            edges: None,
            trim_edges: None,
            created_at_ms: at.as_millis(),
            ready_at_ms: None,
            expires_at_ms: None,
            sequence,
        });
    }
    let mut row = row?;
    row.sequence = sequence;
    match event {
        AssetEvent::Started { .. } => {}
        AssetEvent::Ready { extent, files, expires_at, at } => {
            row.state = AssetState::Ready;
            row.failure = None;
            row.spans = spans(extent);
            row.edges = extent.edges.clone();
            row.whole_duration_ms = Some(extent.duration_ms);
            row.whole_bytes = Some(extent.bytes);
            row.whole_gaps_ms = Some(extent.gaps_ms);
            row.files = Some(*files);
            row.ready_at_ms = Some(at.as_millis());
            row.expires_at_ms = expires_at.map(Timestamp::as_millis);
        }
        AssetEvent::Failed { reason, .. } => {
            row.state = AssetState::Failed;
            row.failure = Some(*reason);
        }
        AssetEvent::Trimmed { extent, .. } => {
            let Extent { duration_ms, bytes, gaps_ms, ref edges, .. } = *extent;
            row.trim = Some(crate::TrimRow { duration_ms, bytes, gaps_ms });
            row.trim_edges = edges.clone();
        }
        AssetEvent::Untrimmed { .. } => (row.trim, row.trim_edges) = (None, None),
        AssetEvent::PosterSet { moment_us, .. } => row.poster_us = Some(*moment_us),
        AssetEvent::Deleted { .. } => row.state = AssetState::Deleted,
        AssetEvent::Expired { .. } => row.state = AssetState::Expired,
    }
    Some(row)
}

/// The spans of an extent, in plain numbers.
pub(crate) fn spans(extent: &Extent) -> Vec<Span> {
    let plain = |span: &sigma_domain::Span| Span { from_us: span.from_us(), to_us: span.to_us() };
    extent.spans.as_slice().iter().map(plain).collect()
}

/// What an asset shows.
pub(crate) fn shown(extent: &Extent) -> Shown {
    let edges = extent.edges.as_ref().map(|edges| edges.as_slice().to_vec());
    Shown { spans: spans(extent), edges: edges.unwrap_or_default() }
}

/// The asset's row after all of these events of it.
///
/// # Errors
/// [`StoreError::Corrupt`] when one cannot be read.
pub fn asset_of<'a>(
    events: impl IntoIterator<Item = &'a RecordedEvent>,
) -> Result<Option<AssetRow>, StoreError> {
    let mut of_asset = events.into_iter().filter(|event| event.aggregate_type == Asset::TYPE);
    of_asset.try_fold(None, |row, event| Ok(asset(row, &decode(event)?, event.sequence)))
}
