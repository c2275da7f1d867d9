//! Answers as server-sent events: the "distinct connections mode" of the GraphQL over SSE protocol, one stream an
//! operation (<https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response as GraphQlResponse;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, header};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::Shared;
use super::figures::{Open, Opened};
use super::graphql::{Call, too_slow};
use super::refusal::{A_MOMENT, Refusal, rate_limited};
use super::running::{self, Admitted, Ended};
use super::seats::Seat;
use crate::graphql::{Ask, Code, Fault};

/// Answers that wait for who reads slowly. The resolvers wait with them.
const QUEUE: usize = 16;
/// Tells proxies (nginx) that they must not hold back what comes.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(crate) async fn answer(inner: &Shared, call: Call, ask: Ask) -> Response {
    let Some(seat) = inner.seats.take(inner.api.app(), &call.known) else {
        inner.figures.graphql_refused(Code::RateLimited.as_str());
        return Refusal::rate_limited(no_seat(inner)).into_response();
    };
    let looking = inner.workshop.run({
        let inner = Arc::clone(inner);
        async move {
            let mut admitted = Admitted::new(&inner, ask);
            match admitted.asked_too_often(&inner).await {
                Some(refused) => Err(serde_json::to_vec(&refused).unwrap_or_default()),
                None => Ok(admitted),
            }
        }
    });
    let admitted = match sigma_clock::timeout(inner.limits.request_timeout, looking).await {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(refused)) => return rate_limited(refused, A_MOMENT),
        Err(_) => return Refusal::answered(too_slow(inner)).into_response(),
    };
    let (outlet, waiting) = mpsc::channel(QUEUE);
    let (last, last_word) = oneshot::channel();
    let over = seat.token();
    let open = inner.figures.opened(Opened::EventStream);
    let placed = admitted.placed();
    // What has no place, or does not come to one, is at its end.
    let ended = placed.clone().drop_guard();
    let writer = Writer { inner: Arc::clone(inner), outlet, last, seat, _open: open, _ended: ended };
    let events = Events {
        waiting,
        last_word: Some(last_word),
        over,
        keep_alive: inner.limits.ping_interval,
        _writing: inner.workshop.start(writer.write(admitted)),
    };
    // Who has the head of the answer may do what he means to hear of. A store that is away is not waited for without end.
    let _ = sigma_clock::timeout(inner.limits.request_timeout, placed.cancelled()).await;
    let events = stream::unfold(events, |mut events| async move {
        let bytes = events.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), events))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// The fault of a token that has too many streams and sockets open.
pub(crate) fn no_seat(inner: &Shared) -> Fault {
    let most = inner.limits.sockets_token;
    let message =
        format!("this token has {most} sockets and event streams open, as many as it may; close some first");
    Fault::new(Code::RateLimited, message).because("TOO_MANY_SOCKETS")
}

/// What goes out, with a comment where nothing does, so that both sides know of each other.
struct Events {
    waiting: mpsc::Receiver<Bytes>,
    last_word: Option<oneshot::Receiver<Bytes>>,
    /// Cancelled once the token no longer lets anybody in: then nothing that waits goes out but the last word.
    over: CancellationToken,
    keep_alive: Duration,
    _writing: AbortOnDropHandle<()>,
}

impl Events {
    async fn next(&mut self) -> Option<Bytes> {
        let event = async {
            tokio::select! {
                biased;
                () = self.over.cancelled() => None,
                event = self.waiting.recv() => event,
            }
        };
        match sigma_clock::timeout(self.keep_alive, event).await {
            Ok(Some(event)) => Some(event),
            // None where the stream ends without one.
            Ok(None) => self.last_word.take()?.await.ok(),
            Err(_) => Some(Bytes::from_static(b": still here\n\n")),
        }
    }
}

struct Writer {
    inner: Shared,
    outlet: mpsc::Sender<Bytes>,
    last: oneshot::Sender<Bytes>,
    seat: Seat,
    _open: Open,
    _ended: DropGuard,
}

impl Writer {
    async fn write(self, admitted: Admitted) {
        let ended = running::run(&self.inner, admitted, self.seat.over(), &self.outlet, next).await;
        let last_word = match ended {
            Ended::Complete => complete(),
            Ended::Failed(answer) => [next(&answer), complete()].concat().into(),
            Ended::Cut(fault) => {
                let answer = GraphQlResponse::from_errors(vec![fault.into_server_error()]);
                [next(&answer), complete()].concat().into()
            }
            // Without `complete` a client knows that there is more to ask for.
            Ended::Silent => return,
        };
        // Nobody hears it where the stream is gone.
        let _ = self.last.send(last_word);
    }
}

fn next(answer: &GraphQlResponse) -> Bytes {
    // JSON of this writer is one line: no value in it can end an event.
    let json = serde_json::to_string(answer).unwrap_or_default();
    Bytes::from(format!("event: next\ndata: {json}\n\n"))
}

fn complete() -> Bytes {
    Bytes::from_static(b"event: complete\ndata:\n\n")
}
