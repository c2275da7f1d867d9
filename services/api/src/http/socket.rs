//! `/graphql/ws`: a WebSocket from its upgrade to its close. What is said over it stands in [`super::transport_ws`].

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::request::Parts;
use http::{Request, header};
use sigma_app::bearer;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info, warn};

use super::accept::Lifeline;
use super::caller::{Client, Page};
use super::doorman::{Denied, Known};
use super::event_stream::no_seat;
use super::figures::Opened;
use super::graphql::{Call, SHORT, Seen};
use super::incoming::Incoming;
use super::refusal::too_often;
use super::running::{self, Admitted, Ended};
use super::seats::Seat;
use super::transport_ws::{self, Close, Heard, PROTOCOL};
use super::{HttpError, Shared};
use crate::graphql::{Code, Fault};

/// Messages that wait for who reads slowly, beside one last word of each operation. The resolvers wait with them.
const QUEUE: usize = 16;
/// How long a socket may take to say its last words and hear the other side's.
const GOODBYE: Duration = Duration::from_secs(2);
/// Bytes of a socket's buffers, so that many quiet ones cost little.
const BUFFER: usize = 4 * 1024;

pub(crate) async fn upgrade(State(inner): State<Shared>, request: Request<Body>) -> Response {
    let (mut parts, _) = request.into_parts();
    let guest = Guest::new(&inner, &parts);
    let lifeline = parts.extensions.get::<Lifeline>().cloned();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(_) => return HttpError::no_socket().into_response(),
    };
    let most = inner.limits.body_bytes;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(most)
        .max_frame_size(most);
    let span = tracing::Span::current();
    let mut answer = upgrade.on_upgrade(move |socket| talk(inner, socket, guest, lifeline).instrument(span));
    // hyper keeps there in which letters the names of headers came, and answers in the same: Python's `gql` finds
    // `Sec-WebSocket-Protocol` in no other, and would speak an older protocol.
    answer.extensions_mut().extend(parts.extensions);
    answer
}

/// Who wants to talk, before he has introduced himself.
struct Guest {
    client: Client,
    seen: Seen,
    /// The token that came with the request: a header, or a cookie with a page of ours.
    shown: Option<String>,
}

impl Guest {
    fn new(inner: &Shared, parts: &Parts) -> Self {
        let client = inner.doorman.client(parts);
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = match header {
            Some(value) => bearer(value).map(str::to_owned),
            None if inner.doorman.page(parts) == Page::Ours => inner.doorman.cookie(&parts.headers, &client),
            None => None,
        };
        Self { client, seen: Seen::new(inner, parts), shown }
    }
}

async fn talk(inner: Shared, socket: WebSocket, guest: Guest, lifeline: Option<Lifeline>) {
    if let Some(lifeline) = &lifeline {
        lifeline.lasts();
    }
    let _open = inner.figures.opened(Opened::Socket);
    let began = sigma_clock::monotonic();
    let agreed = socket.protocol().is_some();
    let (sink, mut stream) = socket.split();
    let (outlet, waiting) = mpsc::channel(QUEUE + inner.limits.subscriptions_socket);
    let (close, closing) = oneshot::channel();
    let patience = inner.limits.stall * 2;
    let mut writing = AbortOnDropHandle::new(tokio::spawn(write(sink, waiting, closing, patience)));
    let (ended, endings) = mpsc::unbounded_channel();
    let mut session = Session {
        inner: Arc::clone(&inner),
        guest,
        outlet,
        running: HashMap::new(),
        ended,
        endings,
        serial: 0,
        heard: began,
        messages: messages(inner.limits.messages_socket),
        host: None,
    };
    let cut = async {
        match &lifeline {
            Some(lifeline) => lifeline.cut().await,
            None => std::future::pending().await,
        }
    };
    let why = tokio::select! {
        why = session.listen(&mut stream, agreed) => why,
        // Nobody reads: he is told nothing more.
        _ = &mut writing => Why::Gone,
        () = cut => Why::Gone,
    };
    let operations = session.serial;
    drop(session);
    let code = match why {
        Why::Close(reason) => {
            let code = reason.code;
            // Gone if the writer is: then there is nobody to tell.
            let _ = close.send(reason);
            let goodbye = async {
                let _ = (&mut writing).await;
                while let Some(Ok(_)) = stream.next().await {}
            };
            let _ = sigma_clock::timeout(GOODBYE, goodbye).await;
            code
        }
        Why::Left => {
            drop(close);
            let _ = sigma_clock::timeout(GOODBYE, &mut writing).await;
            1000
        }
        // RFC 6455 §7.1.5: closed without a close frame.
        Why::Gone => 1006,
    };
    let seconds = began.elapsed().as_secs();
    info!(code, seconds, operations, "a socket is closed");
}

/// Why a socket ends.
enum Why {
    Close(Close),
    /// The other side has closed; the library has put the answer to it in line.
    Left,
    Gone,
}

impl From<Close> for Why {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// Sends what waits, in order, until it is told to close.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut waiting: mpsc::Receiver<Message>,
    mut closing: oneshot::Receiver<Close>,
    patience: Duration,
) {
    let close = loop {
        let message = tokio::select! {
            biased;
            message = waiting.recv() => message,
            close = &mut closing => break close,
        };
        match message {
            Some(message) => {
                if !send(&mut sink, message, patience).await {
                    return;
                }
            }
            None => break closing.await,
        }
    };
    while let Ok(message) = waiting.try_recv() {
        if !send(&mut sink, message, patience).await {
            return;
        }
    }
    match close {
        Ok(Close { code, reason }) => {
            let frame = CloseFrame { code, reason: reason.into() };
            send(&mut sink, Message::Close(Some(frame)), patience).await;
        }
        // The other side has closed, or is gone: what answers its close waits to be sent (RFC 6455 §5.5.1).
        Err(_) => {
            let _ = sigma_clock::timeout(patience, sink.close()).await;
        }
    }
}

/// Whether the message went out in time.
async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message, patience: Duration) -> bool {
    matches!(sigma_clock::timeout(patience, sink.send(message)).await, Ok(Ok(())))
}

/// Who has introduced himself.
struct Host {
    call: Call,
    seat: Seat,
}

/// An operation that runs; ends when dropped.
struct Running {
    /// Its number among all of this socket.
    serial: u64,
    /// It has said its last word, or is about to: its id is free.
    done: Arc<AtomicBool>,
    _work: AbortOnDropHandle<()>,
}

struct Session {
    inner: Shared,
    guest: Guest,
    outlet: mpsc::Sender<Message>,
    running: HashMap<String, Running>,
    ended: mpsc::UnboundedSender<(String, u64)>,
    endings: mpsc::UnboundedReceiver<(String, u64)>,
    serial: u64,
    heard: sigma_clock::Instant,
    /// How many messages may come.
    messages: DefaultDirectRateLimiter,
    host: Option<Host>,
}

impl Session {
    async fn listen(&mut self, stream: &mut SplitStream<WebSocket>, agreed: bool) -> Why {
        if !agreed {
            return Close::no_such_protocol().into();
        }
        let limits = self.inner.limits.clone();
        let init_by = sigma_clock::monotonic() + limits.init_timeout;
        let mut pings = sigma_clock::interval(limits.ping_interval);
        pings.reset();
        let stop = self.inner.stop.clone();
        loop {
            let message = tokio::select! {
                biased;
                () = stop.cancelled() => return Close::going_away().into(),
                () = sigma_clock::sleep_until(init_by), if self.host.is_none() => {
                    return Close::init_too_late().into();
                }
                () = over(self.host.as_ref()) => {
                    self.say_the_last_words().await;
                    return Close::unauthorized().into();
                }
                _ = pings.tick() => {
                    if self.heard.elapsed() > limits.ping_interval * 5 / 2 {
                        return Why::Gone;
                    }
                    // A full queue has enough to say as it is.
                    let _ = self.outlet.try_send(Message::Ping(bytes::Bytes::new()));
                    continue;
                }
                Some(ending) = self.endings.recv() => {
                    self.forget(ending);
                    continue;
                }
                message = stream.next() => message,
            };
            self.heard = sigma_clock::monotonic();
            if self.messages.check().is_err() {
                return Close::too_many_messages(limits.messages_socket).into();
            }
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Binary(_))) => {
                    return Close::invalid("Invalid message: messages are text").into();
                }
                Some(Ok(Message::Close(_))) => return Why::Left,
                None => return Why::Gone,
                Some(Err(error)) if error.to_string().contains("too long") => {
                    return Close::too_big(limits.body_bytes).into();
                }
                Some(Err(_)) => return Why::Gone,
            };
            if self.host.is_none() && text.len() > SHORT {
                return Close::invalid("Invalid message: introduce yourself first, in short").into();
            }
            let token = self.host.as_ref().map(|host| host.seat.token());
            let over = async {
                match token {
                    Some(token) => token.cancelled_owned().await,
                    None => std::future::pending().await,
                }
            };
            // Who does not read what he is told holds up his next message, and neither his token's end nor ours: these
            // are seen to at the next turn.
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = over => {}
                heard = self.hear(text) => if let Err(why) = heard {
                    return why;
                },
            }
        }
    }

    async fn hear(&mut self, text: Utf8Bytes) -> Result<(), Why> {
        let heard = if text.len() <= SHORT {
            transport_ws::hear(&text)
        } else {
            // Where GraphQL runs, so that the media's threads do not.
            self.inner.workshop.run(async move { transport_ws::hear(&text) }).await
        };
        match heard? {
            Heard::Init { authorization } => self.introduce(authorization).await,
            Heard::Ping { payload } => self.say(transport_ws::pong(payload)).await,
            Heard::Pong => Ok(()),
            Heard::Subscribe { id, request } => self.subscribe(id, request).await,
            Heard::Complete { id } => {
                self.running.remove(&id);
                Ok(())
            }
        }
    }

    async fn introduce(&mut self, authorization: Option<String>) -> Result<(), Why> {
        if self.host.is_some() {
            return Err(Close::init_again().into());
        }
        let secret = match authorization {
            Some(text) => bearer(&text).map(str::to_owned),
            None => self.guest.shown.take(),
        };
        // An empty one is none, and is counted as such.
        let known = self.inner.doorman.recognise(secret.unwrap_or_default(), &self.guest.client).await;
        let known = known.map_err(|denied| match denied {
            Denied::Unknown | Denied::Foreign => Close::forbidden(),
            Denied::TooOften(wait) => Close::try_again_later(too_often(wait).message),
            Denied::Unavailable(error) => {
                warn!(%error, "a socket's token cannot be looked at");
                Close::try_again_later("Tokens cannot be looked at now")
            }
        })?;
        self.host = Some(self.seat(known)?);
        self.say(transport_ws::ack()).await
    }

    fn seat(&self, known: Known) -> Result<Host, Close> {
        match self.inner.seats.take(self.inner.api.app(), &known) {
            Some(seat) => Ok(Host { call: Call::new(self.guest.seen.clone(), known), seat }),
            None => Err(Close::try_again_later(no_seat(&self.inner).message)),
        }
    }

    async fn subscribe(&mut self, id: String, request: Incoming) -> Result<(), Why> {
        while let Ok(ending) = self.endings.try_recv() {
            self.forget(ending);
        }
        let Some(host) = &self.host else { return Err(Close::unauthorized().into()) };
        if self.running.get(&id).is_some_and(|running| !running.done.load(Ordering::Acquire)) {
            return Err(Close::id_taken(&id).into());
        }
        let most = self.inner.limits.subscriptions_socket;
        let refused = if self.running.len() >= most {
            let message =
                format!("this socket runs {most} operations, as many as it may; complete some first");
            Some(Fault::new(Code::RateLimited, message).because("TOO_MANY_SUBSCRIPTIONS"))
        } else {
            self.inner.doorman.count(&host.call.known).err().map(too_often)
        };
        // As over POST the token is looked at for each operation: what it opened may have been taken back since.
        let refused = match refused {
            Some(fault) => Some(fault),
            None => match self.inner.api.app().authenticate(host.call.known.secret()).await {
                Ok(Some(_)) => None,
                Ok(None) => {
                    // All that is open with it ends now; this socket at its next turn, after its last words.
                    host.seat.token().cancel();
                    return Ok(());
                }
                Err(error) => Some(Fault::from(error)),
            },
        };
        if let Some(fault) = refused {
            self.inner.figures.graphql_refused(fault.code.as_str());
            return self.say(transport_ws::error(&id, &[fault.into_server_error()])).await;
        }
        self.serial += 1;
        let last = self.outlet.clone().reserve_owned();
        let Ok(Ok(last)) = sigma_clock::timeout(self.inner.limits.stall, last).await else {
            return Err(Why::Gone);
        };
        let operation = Operation {
            inner: Arc::clone(&self.inner),
            id: id.clone(),
            serial: self.serial,
            done: Arc::default(),
            outlet: self.outlet.clone(),
            last,
            ended: self.ended.clone(),
        };
        let done = Arc::clone(&operation.done);
        let (ask, over) = (host.call.ask(request.into()), host.seat.token());
        let work = self.inner.workshop.start(operation.run(ask, over.cancelled_owned()));
        self.running.insert(id, Running { serial: self.serial, done, _work: work });
        Ok(())
    }

    async fn say(&self, text: String) -> Result<(), Why> {
        let said = self.outlet.send(Message::Text(text.into()));
        match sigma_clock::timeout(self.inner.limits.stall, said).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Why::Gone),
        }
    }

    fn forget(&mut self, (id, serial): (String, u64)) {
        if self.running.get(&id).is_some_and(|running| running.serial == serial) {
            self.running.remove(&id);
        }
    }

    /// Waits until each operation has told that it is over, which they all learned when this did.
    async fn say_the_last_words(&mut self) {
        let ending = async {
            while !self.running.is_empty() {
                let Some(ending) = self.endings.recv().await else { return };
                self.forget(ending);
            }
        };
        let _ = sigma_clock::timeout(GOODBYE, ending).await;
    }
}

fn messages(a_second: u32) -> DefaultDirectRateLimiter {
    let most = NonZeroU32::new(a_second).unwrap_or(NonZeroU32::MIN);
    let twice = most.saturating_mul(NonZeroU32::MIN.saturating_add(1));
    RateLimiter::direct(Quota::per_second(most).allow_burst(twice))
}

async fn over(host: Option<&Host>) {
    match host {
        Some(host) => host.seat.over().await,
        None => std::future::pending().await,
    }
}

/// One operation of a socket.
struct Operation {
    inner: Shared,
    id: String,
    serial: u64,
    done: Arc<AtomicBool>,
    outlet: mpsc::Sender<Message>,
    last: mpsc::OwnedPermit<Message>,
    ended: mpsc::UnboundedSender<(String, u64)>,
}

impl Operation {
    async fn run(self, ask: crate::graphql::Ask, over: impl Future<Output = ()>) {
        let Self { inner, id, serial, done, outlet, last, ended } = self;
        let next = |answer: &_| Message::Text(transport_ws::next(&id, answer).into());
        let how = running::run(&inner, Admitted::new(&inner, ask), over, &outlet, next).await;
        let last_word = match how {
            Ended::Complete => Some(transport_ws::complete(&id)),
            Ended::Failed(answer) => Some(transport_ws::error(&id, &answer.errors)),
            Ended::Cut(fault) => Some(transport_ws::error(&id, &[fault.into_server_error()])),
            Ended::Silent => None,
        };
        // In this order: the id is free before the client knows of the end, and the session, which closes once all have
        // ended, learns of it when everything has been said.
        done.store(true, Ordering::Release);
        if let Some(text) = last_word {
            last.send(Message::Text(text.into()));
        }
        // The session is gone where nobody hears it.
        let _ = ended.send((id, serial));
    }
}
