//! What of a channel's past anybody may see again: `/live/{playbackId}/replays.json`, for its watch page.
//!
//! Catchups alone, for these are what was public; by their date, for their titles are their owner's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use sigma_api::http::{FromMedia, Slices};
use sigma_app::{App, AssetFilter, AssetKind, AssetRow, AssetState, ReadError};
use sigma_clock::{Instant, monotonic};
use tracing::warn;

use super::elsewhere::told;

/// No more are named.
const MOST: u32 = 12;
/// So long an answer holds, here and in caches: so long one that was deleted is still named.
const HOLDS: Duration = Duration::from_secs(5);
const KEPT: &str = "public, max-age=5";
/// Longest playback id that is looked up, in bytes.
const LONGEST_ID: usize = 64;
/// Channels whose answers are kept; beyond it all are forgotten.
const CHANNELS: usize = 4_096;

/// Answers what may be seen again, at any process: all have the views.
pub(crate) struct Replays {
    app: Arc<App>,
    /// By playback id; none: there is no such channel.
    known: Mutex<HashMap<String, (Instant, Option<String>)>>,
}

impl Replays {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, known: Mutex::default() }
    }

    /// The answer, where that is asked for.
    pub(super) async fn answer(&self, method: &Method, uri: &Uri) -> Option<http::Response<FromMedia>> {
        if *method != Method::GET && *method != Method::HEAD {
            return None;
        }
        let playback_id = uri.path().strip_prefix("/live/")?.strip_suffix("/replays.json")?;
        if playback_id.len() > LONGEST_ID {
            return None;
        }
        let found = match self.recall(playback_id) {
            Some(known) => Ok(known),
            None => self.look(playback_id).await,
        };
        let mut response = match found {
            Ok(Some(text)) => answered(text),
            Ok(None) => told(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "no channel has this playback id",
                "check the address with whoever gave it to you",
            ),
            Err(error) => {
                warn!(%error, "replays cannot be looked up");
                let message = "the server cannot answer at the moment";
                told(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message, "try again in a few seconds")
            }
        };
        if *method == Method::HEAD {
            *response.body_mut() = FromMedia::Slices(Slices::default());
        }
        Some(response)
    }

    fn recall(&self, playback_id: &str) -> Option<Option<String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(playback_id).filter(|(at, _)| at.elapsed() < HOLDS).map(|(_, text)| text.clone())
    }

    async fn look(&self, playback_id: &str) -> Result<Option<String>, ReadError> {
        let text = match self.app.views().channel_by_playback_id(playback_id).await? {
            Some(channel) => {
                let filter = AssetFilter {
                    channel: Some(channel.id),
                    kind: Some(AssetKind::Catchup),
                    states: Some(vec![AssetState::Ready]),
                    ..AssetFilter::default()
                };
                let rows = self.app.views().assets_page(&channel.project, &filter, None, MOST).await?;
                Some(rows.iter().map(replay).collect::<Value>().to_string())
            }
            None => None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CHANNELS {
            known.clear();
        }
        known.insert(playback_id.to_owned(), (monotonic(), text.clone()));
        Ok(text)
    }
}

/// Addresses are paths: a page stays on the host that it was opened on.
fn replay(asset: &AssetRow) -> Value {
    let started_at = jiff::Timestamp::from_millisecond(asset.created_at_ms).map(|at| format!("{at:.3}"));
    json!({
        "id": asset.id,
        "url": format!("/replay/{}", asset.id),
        "startedAt": started_at.ok(),
        // Exact for any length that there is: 2^53 ms are 285,000 years.
        "durationSeconds": asset.duration_ms().unwrap_or(0) as f64 / 1_000.0,
        "thumbnailUrl": format!("/vod/{}/thumbnail.jpg", asset.id),
    })
}

fn answered(text: String) -> http::Response<FromMedia> {
    let mut response = http::Response::new(FromMedia::Slices(Slices::text(text)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
