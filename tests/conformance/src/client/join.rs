//! The way in: from the address to the media playlists.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::fetch::{Request, decoded};
use super::{MOST_RENDITIONS, Refusal, Run};
use crate::observation::{Body, Purpose};
use crate::playlist::{parse_media, parse_multivariant};

/// How long the first answers may take.
const WITHIN: Duration = Duration::from_secs(15);

/// How often the multivariant playlist is read again.
const AGAIN: i64 = 5_000_000;

/// What stands under the address.
pub(crate) struct Joined {
    pub(crate) address: String,
    pub(crate) has_multivariant: bool,
    pub(crate) recorded: bool,
    pub(crate) renditions: Vec<Url>,
    /// The I-frame playlist, where one is named.
    pub(crate) key_frames: Option<Url>,
}

pub(crate) async fn join(run: &Run, address: &str) -> Result<Joined, Refusal> {
    let url =
        Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| Refusal::Address(address.to_owned()))?;
    let (base, text) = first(run, url.clone(), Purpose::Multivariant, true).await?;
    let no_playlist = |error: String| Refusal::NoPlaylist { url: url.to_string(), error };
    if !text.contains("#EXT-X-STREAM-INF") {
        let recorded = parse_media(&text).map_err(no_playlist)?.ended;
        let renditions = vec![base];
        let address = url.to_string();
        return Ok(Joined { address, has_multivariant: false, recorded, renditions, key_frames: None });
    }
    let read = parse_multivariant(&text).map_err(no_playlist)?;
    let mut renditions: Vec<Url> = Vec::new();
    let named = read.variants.iter().map(|variant| &variant.uri);
    let beside = read.renditions.iter().filter(|rendition| rendition.kind != "SUBTITLES");
    for uri in named.chain(beside.map(|rendition| &rendition.uri)) {
        let media = base.join(uri).map_err(|error| no_playlist(format!("{uri}: {error}")))?;
        if !renditions.contains(&media) && renditions.len() < MOST_RENDITIONS {
            renditions.push(media);
        }
    }
    let media = renditions.first().ok_or_else(|| no_playlist("it names no variant".to_owned()))?;
    let of_pictures = read.key_frames.first().cloned();
    let (_, text) = first(run, media.clone(), Purpose::Plain, false).await?;
    let read = parse_media(&text);
    let recorded = read.map_err(|error| Refusal::NoPlaylist { url: media.to_string(), error })?.ended;
    // The first stands for the others.
    let key_frames = of_pictures.and_then(|uri| base.join(&uri).ok());
    Ok(Joined { address: url.to_string(), has_multivariant: true, recorded, renditions, key_frames })
}

/// A first playlist, and the address that it came from in the end. A multivariant playlist is noted.
async fn first(run: &Run, url: Url, purpose: Purpose, note: bool) -> Result<(Url, Arc<str>), Refusal> {
    let request =
        Request { url: url.clone(), rendition: None, purpose, range: None, gzip: false, within: WITHIN };
    let mut fetched = run.fetch(request).await;
    let answer = match &mut fetched.exchange.outcome {
        Err(error) => return Err(Refusal::Unreachable { url: url.to_string(), error: error.clone() }),
        Ok(answer) if answer.status != 200 => {
            return Err(Refusal::Status { url: url.to_string(), status: answer.status });
        }
        Ok(answer) => answer,
    };
    let base = answer.redirects.last().and_then(|to| Url::parse(to).ok()).unwrap_or(url.clone());
    let text = decoded(fetched.body).map_err(|error| Refusal::NoPlaylist { url: url.to_string(), error })?;
    if note && text.contains("#EXT-X-STREAM-INF") {
        answer.body = Body::Text(Arc::clone(&text));
        run.note(fetched.exchange);
    }
    Ok((base, text))
}

/// Reads the multivariant playlist again and again: what it says is measured while the broadcast goes on.
pub(crate) async fn reload(run: Arc<Run>, address: String) {
    let Ok(url) = Url::parse(&address) else { return };
    while !run.is_over() && !run.is_ended() {
        run.rest(AGAIN).await;
        let request = Request {
            url: url.clone(),
            rendition: None,
            purpose: Purpose::Multivariant,
            range: None,
            gzip: false,
            within: WITHIN,
        };
        let mut fetched = run.fetch(request).await;
        if let Ok(answer) = &mut fetched.exchange.outcome
            && answer.status == 200
            && let Ok(text) = decoded(fetched.body)
        {
            answer.body = Body::Text(text);
        }
        run.note(fetched.exchange);
    }
}
