//! `/public/live`: what the signpost and the player page may know without a token.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, header};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::answer::Peer;
use super::{HttpError, Shared};
use crate::graphql::rfc3339;

/// Channels that the signpost names at most.
const MOST: u32 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    /// Only the channel that viewers find under this name.
    playback_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Live {
    channels: Vec<LiveChannel>,
    rtmp_url: String,
    rtmps_url: Option<String>,
    admin_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LiveChannel {
    name: String,
    watch_url: String,
    live_at: Option<String>,
}

pub(crate) async fn live(
    State(inner): State<Shared>,
    Query(asked): Query<Asked>,
    request: Request<axum::body::Body>,
) -> Response {
    let origin = inner.seen_by(request.uri(), request.headers());
    let rows = match &asked.playback_id {
        None => inner.api.reads().live_channels(MOST).await,
        Some(id) => named(&inner, id).await,
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            warn!(%error, "cannot tell which channels are live");
            return HttpError::unavailable("the list of live channels cannot be read").into_response();
        }
    };
    let channels = rows.into_iter().map(|(channel, session)| LiveChannel {
        watch_url: origin.watch_url(&channel.playback_id),
        name: channel.name,
        live_at: session.live_at_ms.map(rfc3339),
    });
    let live = Live {
        channels: channels.collect(),
        rtmp_url: origin.rtmp_url().to_owned(),
        rtmps_url: origin.rtmps_url().map(str::to_owned),
        admin_token: inner.admin_token_place.clone().filter(|_| is_at_this_machine(&request)),
    };
    let mut response = Json(live).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

type Rows = Vec<(sigma_app::ChannelRow, sigma_app::SessionRow)>;

/// The channel under this name, while its current session is or was public.
async fn named(inner: &Shared, playback_id: &str) -> Result<Rows, sigma_app::ReadError> {
    let reads = inner.api.reads();
    let Some(channel) = reads.channel_by_playback_id(playback_id).await? else {
        return Ok(Vec::new());
    };
    let Some(session) = &channel.current_session else {
        return Ok(Vec::new());
    };
    let session = reads.session(session).await?.filter(|session| session.live_at_ms.is_some());
    Ok(session.map(|session| (channel, session)).into_iter().collect())
}

/// Where a file stands is told to who sits at this machine, and not through a proxy.
fn is_at_this_machine(request: &Request<axum::body::Body>) -> bool {
    let local = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
    let forwarded = ["forwarded", "x-forwarded-for", "via"];
    local && !forwarded.iter().any(|name| request.headers().contains_key(*name))
}
