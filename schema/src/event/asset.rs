use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{
    AssetEvent, AssetFailure, AssetKind, Edge, EdgeInit, Edges, Extent, NewAsset, Span, Spans, Timestamp,
};

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

/// `init` of an edge is a number of the session's, or its own.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EdgeV1 {
    name: String,
    from_us: u64,
    to_us: u64,
    of_from_us: u64,
    of_to_us: u64,
    bytes: u64,
    crc32: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_init: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_init: Option<OwnInitV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnInitV1 {
    bytes: u32,
    codecs: String,
}

/// Without `expiresAtMs`: until it is deleted. Without `edges`: it is aligned to segments.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyV1 {
    spans: Vec<SpanV1>,
    duration_ms: u64,
    bytes: u64,
    gaps_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<Vec<EdgeV1>>,
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

/// Without `edges`: it is aligned to segments.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrimmedV1 {
    spans: Vec<SpanV1>,
    duration_ms: u64,
    bytes: u64,
    gaps_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<Vec<EdgeV1>>,
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

fn edges_to(edges: Option<&Edges>) -> Option<Vec<EdgeV1>> {
    let shape = |edge: &Edge| {
        let (session_init, own_init) = match &edge.init {
            EdgeInit::Session(number) => (Some(*number), None),
            EdgeInit::Own { bytes, codecs } => {
                (None, Some(OwnInitV1 { bytes: *bytes, codecs: codecs.clone() }))
            }
        };
        EdgeV1 {
            name: edge.name.as_str().to_owned(),
            from_us: edge.span.from_us(),
            to_us: edge.span.to_us(),
            of_from_us: edge.of.from_us(),
            of_to_us: edge.of.to_us(),
            bytes: edge.bytes,
            crc32: edge.crc32,
            session_init,
            own_init,
        }
    };
    edges.map(|edges| edges.as_slice().iter().map(shape).collect())
}

fn edges_from(shapes: Option<Vec<EdgeV1>>) -> Result<Option<Edges>, Flaw> {
    let edge = |shape: EdgeV1| -> Result<Edge, Flaw> {
        let init = match (shape.session_init, shape.own_init) {
            (Some(number), None) => EdgeInit::Session(number),
            (None, Some(OwnInitV1 { bytes, codecs })) => EdgeInit::Own { bytes, codecs },
            _ => return Err(Flaw("an edge has one init section".to_owned())),
        };
        Ok(Edge {
            name: shape.name.try_into()?,
            span: Span::new(shape.from_us, shape.to_us)?,
            of: Span::new(shape.of_from_us, shape.of_to_us)?,
            bytes: shape.bytes,
            crc32: shape.crc32,
            init,
        })
    };
    let edges = shapes.map(|shapes| shapes.into_iter().map(edge).collect::<Result<Vec<_>, _>>());
    Ok(edges.transpose()?.map(Edges::try_from).transpose()?)
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
                    edges: edges_to(extent.edges.as_ref()),
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
                    edges: edges_to(extent.edges.as_ref()),
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
            let ReadyV1 { spans, duration_ms, bytes, gaps_ms, edges, files, expires_at_ms, at_ms } =
                read(data)?;
            let (spans, edges) = (spans_from(spans)?, edges_from(edges)?);
            let extent = Extent { spans, edges, duration_ms, bytes, gaps_ms };
            AssetEvent::Ready { extent, files, expires_at: expires_at_ms.map(at), at: at(at_ms) }
        }
        "asset.failed" => {
            let FailedV1 { reason, at_ms } = read(data)?;
            AssetEvent::Failed { reason: reason.into(), at: at(at_ms) }
        }
        "asset.trimmed" => {
            let TrimmedV1 { spans, duration_ms, bytes, gaps_ms, edges, at_ms } = read(data)?;
            let (spans, edges) = (spans_from(spans)?, edges_from(edges)?);
            let extent = Extent { spans, edges, duration_ms, bytes, gaps_ms };
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
