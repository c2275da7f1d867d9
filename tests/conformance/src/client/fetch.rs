//! One request: what is sent, what is read of the answer, and within which bounds.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName};
use reqwest::{Url, redirect};

use super::{Options, Refusal, Run};
use crate::observation::{Answer, Exchange, Purpose};

/// Longest playlist, decoded.
pub(crate) const PLAYLIST_LIMIT: u64 = 16 << 20;

/// Longest segment, part or init section.
pub(crate) const MEDIA_LIMIT: u64 = 64 << 20;

/// Longest body of anything else.
const OTHER_LIMIT: u64 = 64 << 10;

/// The most redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

pub(crate) fn client(options: &Options) -> Result<reqwest::Client, Refusal> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        // Redirects are followed here, and noted.
        .redirect(redirect::Policy::none())
        .tls_danger_accept_invalid_certs(options.insecure)
        .user_agent(concat!("sigma-hls-check/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Refusal::Client(words(&error)))
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) url: Url,
    pub(crate) rendition: Option<usize>,
    pub(crate) purpose: Purpose,
    pub(crate) range: Option<(u64, Option<u64>)>,
    pub(crate) gzip: bool,
    pub(crate) within: Duration,
}

/// An answer and its body.
pub(crate) struct Fetched {
    pub(crate) exchange: Exchange,
    pub(crate) body: Vec<u8>,
}

impl Run {
    /// Sends a request and reads its answer.
    pub(crate) async fn fetch(&self, request: Request) -> Fetched {
        let asked = self.now();
        let limit = match request.purpose {
            Purpose::Unknown | Purpose::GivenUp => OTHER_LIMIT,
            Purpose::Init | Purpose::Part(..) | Purpose::Segment(_) | Purpose::Hint(..) => MEDIA_LIMIT,
            Purpose::KeyFrame(_) => MEDIA_LIMIT,
            Purpose::OldPart(..) | Purpose::OldSegment(_) | Purpose::AfterEnd(_) => MEDIA_LIMIT,
            _ => PLAYLIST_LIMIT,
        };
        let read = sigma_clock::timeout(request.within, self.read(&request, limit)).await;
        let (outcome, body) = match read {
            Ok(Ok((answer, body))) => (Ok(answer), body),
            Ok(Err(error)) => (Err(error), Vec::new()),
            Err(_) => (Err(format!("no answer in {} s", request.within.as_secs())), Vec::new()),
        };
        let exchange = Exchange {
            rendition: request.rendition,
            purpose: request.purpose,
            url: request.url.to_string(),
            range: request.range,
            asked,
            done: self.now(),
            outcome,
        };
        Fetched { exchange, body }
    }

    async fn read(&self, request: &Request, limit: u64) -> Result<(Answer, Vec<u8>), String> {
        let mut url = request.url.clone();
        let mut answer = Answer::default();
        let mut response = loop {
            let mut asking = self.client.get(url.clone());
            if let Some((first, last)) = request.range {
                let last = last.map_or(String::new(), |last| last.to_string());
                asking = asking.header(header::RANGE, format!("bytes={first}-{last}"));
            }
            if request.gzip {
                asking = asking.header(header::ACCEPT_ENCODING, "gzip");
            }
            let response = asking.send().await.map_err(|error| words(&error))?;
            let to = text(response.headers(), header::LOCATION);
            if !response.status().is_redirection() || to.is_empty() {
                break response;
            }
            url = url.join(&to).map_err(|_| format!("a redirect to {to:?}"))?;
            answer.redirects.push(url.to_string());
            if answer.redirects.len() > MOST_REDIRECTS {
                return Err("too many redirects".to_owned());
            }
        };
        answer.head = self.now();
        answer.status = response.status().as_u16();
        answer.http2 = response.version() >= reqwest::Version::HTTP_2;
        let headers = response.headers();
        answer.content_type = text(headers, header::CONTENT_TYPE);
        answer.content_encoding = text(headers, header::CONTENT_ENCODING);
        answer.content_range = text(headers, header::CONTENT_RANGE);
        answer.cache_control =
            headers.contains_key(header::CACHE_CONTROL).then(|| text(headers, header::CACHE_CONTROL));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
            answer.first_byte.get_or_insert_with(|| self.now());
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(format!("a body of more than {limit} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        answer.length = body.len() as u64;
        if answer.content_encoding.eq_ignore_ascii_case("gzip") {
            body = inflate(&body)?;
        }
        Ok((answer, body))
    }
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(body).take(PLAYLIST_LIMIT + 1);
    reader.read_to_end(&mut out).map_err(|error| format!("the gzip cannot be read: {error}"))?;
    if out.len() as u64 > PLAYLIST_LIMIT {
        return Err(format!("a body of more than {PLAYLIST_LIMIT} bytes"));
    }
    Ok(out)
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    let all: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    all.join(", ")
}

/// An error with what is behind it, without its address: that stands beside it.
fn words(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let said = innermost.to_string();
    if said.is_empty() { "no answer".to_owned() } else { said }
}

/// A body as text.
pub(crate) fn decoded(body: Vec<u8>) -> Result<Arc<str>, String> {
    String::from_utf8(body).map(Into::into).map_err(|_| "it is not UTF-8".to_owned())
}
