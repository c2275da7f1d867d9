use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{AssetEvent, AssetFailure, AssetKind, Extent, NewAsset, Span, Spans, Timestamp};

use super::{Stored, StoredEvent, newest, read, value::PersonalV1, value::stored_enum, write};
use crate::{SchemaError, error::Flaw};

stored_enum!(AssetKindV1 of AssetKind { Source = "SOURCE", Catchup = "CATCHUP", Clip = "CLIP" });
stored_enum!(AssetFailureV1 of AssetFailure {
    NoMedia = "NO_MEDIA",
    NodeLost = "NODE_LOST",
    MediaLost = "MEDIA_LOST",
});

/// `title` and `parentId` only where there are any.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartedV1 {
    asset_id: String,
    project_id: String,
    channel_id: String,
    session_id: String,
    kind: AssetKindV1,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<PersonalV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    at_ms: i64,
}

/// Microseconds of the session's media time.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanV1 {
    from_us: u64,
    to_us: u64,
}

/// Without `expiresAtMs`: until it is deleted.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyV1 {
    spans: Vec<SpanV1>,
    duration_ms: u64,
    bytes: u64,
    gaps_ms: u64,
    files: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailedV1 {
    reason: AssetFailureV1,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrimmedV1 {
    spans: Vec<SpanV1>,
    duration_ms: u64,
    bytes: u64,
    gaps_ms: u64,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UntrimmedV1 {
    at_ms: i64,
}

/// Microseconds of the session's media time.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PosterSetV1 {
    moment_us: u64,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedV1 {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExpiredV1 {
    at_ms: i64,
}

fn spans_to(spans: &Spans) -> Vec<SpanV1> {
    let shape = |span: &Span| SpanV1 { from_us: span.from_us(), to_us: span.to_us() };
    spans.as_slice().iter().map(shape).collect()
}

fn spans_from(shapes: Vec<SpanV1>) -> Result<Spans, Flaw> {
    let spans = shapes.into_iter().map(|shape| Span::new(shape.from_us, shape.to_us));
    Ok(spans.collect::<Result<Vec<_>, _>>()?.try_into()?)
}

impl Stored for AssetEvent {
    const NEWEST: &'static [(&'static str, u16)] = &[
        ("asset.started", 1),
        ("asset.ready", 1),
        ("asset.failed", 1),
        ("asset.trimmed", 1),
        ("asset.untrimmed", 1),
        ("asset.poster_set", 1),
        ("asset.deleted", 1),
        ("asset.expired", 1),
    ];

    fn to_stored(&self) -> StoredEvent {
        let at_ms = self.at().as_millis();
        match self {
            Self::Started { asset, .. } => write(
                "asset.started",
                1,
                StartedV1 {
                    asset_id: asset.id.to_string(),
                    project_id: asset.project.to_string(),
                    channel_id: asset.channel.to_string(),
                    session_id: asset.session.to_string(),
                    kind: asset.kind.into(),
                    title: asset.title.as_ref().map(PersonalV1::from),
                    parent_id: asset.parent.as_ref().map(ToString::to_string),
                    at_ms,
                },
            ),
            Self::Ready { extent, files, expires_at, .. } => write(
                "asset.ready",
                1,
                ReadyV1 {
                    spans: spans_to(&extent.spans),
                    duration_ms: extent.duration_ms,
                    bytes: extent.bytes,
                    gaps_ms: extent.gaps_ms,
                    files: *files,
                    expires_at_ms: expires_at.map(Timestamp::as_millis),
                    at_ms,
                },
            ),
            Self::Failed { reason, .. } => {
                write("asset.failed", 1, FailedV1 { reason: (*reason).into(), at_ms })
            }
            Self::Trimmed { extent, .. } => write(
                "asset.trimmed",
                1,
                TrimmedV1 {
                    spans: spans_to(&extent.spans),
                    duration_ms: extent.duration_ms,
                    bytes: extent.bytes,
                    gaps_ms: extent.gaps_ms,
                    at_ms,
                },
            ),
            Self::Untrimmed { .. } => write("asset.untrimmed", 1, UntrimmedV1 { at_ms }),
            Self::PosterSet { moment_us, .. } => {
                write("asset.poster_set", 1, PosterSetV1 { moment_us: *moment_us, at_ms })
            }
            Self::Deleted { .. } => write("asset.deleted", 1, DeletedV1 { at_ms }),
            Self::Expired { .. } => write("asset.expired", 1, ExpiredV1 { at_ms }),
        }
    }

    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError> {
        let data = newest::<Self>(name, version, data)?;
        event(name, data).map_err(|flaw| flaw.of(name, version))
    }
}

fn event(name: &str, data: Value) -> Result<AssetEvent, Flaw> {
    let at = Timestamp::from_millis;
    Ok(match name {
        "asset.started" => {
            let StartedV1 { asset_id, project_id, channel_id, session_id, kind, title, parent_id, at_ms } =
                read(data)?;
            let asset = NewAsset {
                id: asset_id.parse()?,
                project: project_id.parse()?,
                channel: channel_id.parse()?,
                session: session_id.parse()?,
                kind: kind.into(),
                title: title.map(TryInto::try_into).transpose()?,
                parent: parent_id.map(|id| id.parse()).transpose()?,
            };
            AssetEvent::Started { asset, at: at(at_ms) }
        }
        "asset.ready" => {
            let ReadyV1 { spans, duration_ms, bytes, gaps_ms, files, expires_at_ms, at_ms } = read(data)?;
            let extent = Extent { spans: spans_from(spans)?, duration_ms, bytes, gaps_ms };
            AssetEvent::Ready { extent, files, expires_at: expires_at_ms.map(at), at: at(at_ms) }
        }
        "asset.failed" => {
            let FailedV1 { reason, at_ms } = read(data)?;
            AssetEvent::Failed { reason: reason.into(), at: at(at_ms) }
        }
        "asset.trimmed" => {
            let TrimmedV1 { spans, duration_ms, bytes, gaps_ms, at_ms } = read(data)?;
            let extent = Extent { spans: spans_from(spans)?, duration_ms, bytes, gaps_ms };
            AssetEvent::Trimmed { extent, at: at(at_ms) }
        }
        "asset.untrimmed" => {
            let UntrimmedV1 { at_ms } = read(data)?;
            AssetEvent::Untrimmed { at: at(at_ms) }
        }
        "asset.poster_set" => {
            let PosterSetV1 { moment_us, at_ms } = read(data)?;
            AssetEvent::PosterSet { moment_us, at: at(at_ms) }
        }
        "asset.deleted" => {
            let DeletedV1 { at_ms } = read(data)?;
            AssetEvent::Deleted { at: at(at_ms) }
        }
        "asset.expired" => {
            let ExpiredV1 { at_ms } = read(data)?;
            AssetEvent::Expired { at: at(at_ms) }
        }
        other => return Err(Flaw(format!("{other} has no shape"))),
    })
}
