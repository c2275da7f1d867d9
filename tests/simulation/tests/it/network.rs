//! Connections over a network that cuts, delays and breaks, in simulated time. Each connection's bytes stay in order; those of
//! different connections come in any.

use std::{collections::VecDeque, time::Duration};

use sigma_elementary::Media;
use sigma_rtmp::{Action, CloseReason, Input, Limits, PublishRefusal, Session};
use simulation::Dice;

use crate::script::{KEY, Script, Step};

/// Nothing takes longer.
const OVER: Duration = Duration::from_secs(3_600);
const TICK: Duration = Duration::from_secs(1);

/// What befalls a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    None,
    /// The line is cut behind so many of the client's bytes.
    Reset(usize),
    /// The platform closes at this time.
    Closed(Duration),
    /// The control plane says no.
    Refused,
    /// Once on air, the client reads no more.
    ReadsNoMore,
}

#[derive(Debug, Clone)]
enum Packet {
    Bytes(Vec<u8>),
    /// The other side is done.
    Fin,
    /// The line is cut.
    Reset,
}

/// One way of a connection: what is under way, and when it arrives.
#[derive(Debug, Default)]
struct Way {
    under_way: VecDeque<(Duration, Packet)>,
    latest: Duration,
}

impl Way {
    fn push(&mut self, dice: &mut Dice, now: Duration, packet: Packet) {
        let delay = match dice.within(0..20) {
            0 => Duration::from_millis(dice.within(100..900)),
            _ => Duration::from_micros(dice.within(0..20_000)),
        };
        self.latest = self.latest.max(now + delay);
        self.under_way.push_back((self.latest, packet));
    }

    /// In segments of any length.
    fn push_bytes(&mut self, dice: &mut Dice, now: Duration, bytes: &[u8]) {
        let most = dice.one_of([1, 7, 100, 1_460, 65_536]);
        let mut rest = bytes;
        while !rest.is_empty() {
            // Single bytes only here and there: there are thousands.
            let most = if most == 1 && rest.len() > 300 { 50 } else { most };
            let (now_sent, later) = rest.split_at(rest.len().min(1 + dice.index(most)));
            self.push(dice, now, Packet::Bytes(now_sent.to_vec()));
            rest = later;
        }
    }

    fn due(&self) -> Duration {
        self.under_way.front().map_or(OVER, |(due, _)| *due)
    }
}

/// What became of a connection.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) media: Vec<Media>,
    pub(crate) asked: bool,
    pub(crate) unpublished: bool,
    /// When the session closed, and why.
    pub(crate) closed: Option<(Duration, CloseReason)>,
    /// Bytes that reached the session.
    pub(crate) came: usize,
    /// What it sent, but for the pings, which come with time.
    pub(crate) said: Vec<u8>,
    /// Sent, and never read.
    pub(crate) unread: usize,
    pub(crate) received: Vec<u8>,
}

/// A connection with both its ends.
pub(crate) struct Connection {
    dice: Dice,
    fate: Fate,
    steps: VecDeque<Step>,
    /// When the client acts next; [`OVER`] while it waits for the server.
    client_at: Duration,
    client_done: bool,
    /// Bytes that it has sent, and where in what it received its next wait begins.
    client_sent: usize,
    heard_to: usize,
    to_server: Way,
    to_client: Way,
    began: Duration,
    /// None once the shell has let go of it.
    session: Option<Session>,
    tick_at: Duration,
    /// When the control plane answers.
    answer_at: Duration,
    close_at: Duration,
    pub(crate) outcome: Outcome,
}

impl Connection {
    pub(crate) fn new(script: &Script, fate: Fate, began: Duration, dice: Dice) -> Self {
        Self {
            dice,
            fate,
            steps: script.steps.clone().into(),
            client_at: began,
            client_done: false,
            client_sent: 0,
            heard_to: 0,
            to_server: Way::default(),
            to_client: Way::default(),
            began,
            session: Some(Session::new(Limits::default())),
            tick_at: began + TICK,
            answer_at: OVER,
            close_at: if let Fate::Closed(at) = fate { began + at } else { OVER },
            outcome: Outcome::default(),
        }
    }

    /// When something happens next. None: it is over.
    fn next(&self) -> Option<Duration> {
        let mut next = self.to_server.due().min(self.to_client.due());
        if !self.client_done {
            next = next.min(self.client_at);
        }
        if self.session.is_some() {
            next = next.min(self.tick_at).min(self.answer_at).min(self.close_at);
        }
        (next < OVER && (self.session.is_some() || !self.client_done)).then_some(next)
    }

    /// What happens now happens: one thing of those that are due, in any order.
    fn act(&mut self, now: Duration) {
        let due = |at: Duration| at <= now;
        let mut choices = Vec::new();
        if due(self.to_server.due()) {
            choices.push(Self::arrive as fn(&mut Self, Duration));
        }
        if due(self.to_client.due()) {
            choices.push(Self::hear);
        }
        if !self.client_done && due(self.client_at) {
            choices.push(Self::step);
        }
        if self.session.is_some() && due(self.tick_at) {
            choices.push(Self::tick);
        }
        if self.session.is_some() && due(self.answer_at) {
            choices.push(Self::answer);
        }
        if self.session.is_some() && due(self.close_at) {
            choices.push(Self::close);
        }
        let index = self.dice.index(choices.len());
        choices[index](self, now);
    }

    // --- the client ---------------------------------------------------------------------------------------------------

    fn step(&mut self, now: Duration) {
        match self.steps.front() {
            None => {
                self.to_server.push(&mut self.dice, now, Packet::Fin);
                self.client_done = true;
                return;
            }
            Some(Step::Send(bytes)) => {
                let bytes = bytes.clone();
                self.send(now, &bytes);
            }
            Some(Step::AwaitBytes(count)) => {
                if self.outcome.received.len() < *count {
                    self.client_at = OVER;
                    return;
                }
                self.heard_to = *count;
            }
            Some(Step::Await(text)) => {
                let heard = &self.outcome.received[self.heard_to..];
                let Some(at) = heard.windows(text.len()).position(|window| window == text.as_bytes()) else {
                    self.client_at = OVER;
                    return;
                };
                self.heard_to += at + text.len();
            }
            Some(Step::Pause(pause)) => self.client_at = now + *pause,
        }
        self.steps.pop_front();
    }

    fn send(&mut self, now: Duration, bytes: &[u8]) {
        let before = self.client_sent;
        self.client_sent += bytes.len();
        match self.fate {
            Fate::Reset(at) if at <= self.client_sent => {
                self.to_server.push_bytes(&mut self.dice, now, &bytes[..at - before]);
                self.to_server.push(&mut self.dice, now, Packet::Reset);
                self.client_done = true;
            }
            _ => self.to_server.push_bytes(&mut self.dice, now, bytes),
        }
    }

    fn hear(&mut self, now: Duration) {
        let Some((_, packet)) = self.to_client.under_way.pop_front() else { return };
        let started = "NetStream.Publish.Start".as_bytes();
        let on_air = || self.outcome.received.windows(started.len()).any(|window| window == started);
        match packet {
            Packet::Bytes(bytes) if self.fate == Fate::ReadsNoMore && on_air() => {
                self.outcome.unread += bytes.len()
            }
            Packet::Bytes(bytes) => self.outcome.received.extend(bytes),
            Packet::Fin | Packet::Reset => {
                // It has no more to say either.
                if !self.client_done {
                    self.to_server.push(&mut self.dice, now, Packet::Fin);
                    self.client_done = true;
                }
            }
        }
        self.client_at = self.client_at.min(now);
    }

    // --- the server's shell -------------------------------------------------------------------------------------------

    fn arrive(&mut self, now: Duration) {
        match self.to_server.under_way.pop_front() {
            Some((_, Packet::Bytes(bytes))) => {
                self.outcome.came += bytes.len();
                self.input(now, Input::Bytes(&bytes));
            }
            _ => self.session = None,
        }
    }

    fn tick(&mut self, now: Duration) {
        self.tick_at = now + TICK;
        self.input(now, Input::Tick);
    }

    fn answer(&mut self, now: Duration) {
        self.answer_at = OVER;
        let refusal =
            Input::Refuse { code: PublishRefusal::BadName, description: "no channel has this key".into() };
        self.input(now, if self.fate == Fate::Refused { refusal } else { Input::Accept });
    }

    fn close(&mut self, now: Duration) {
        self.close_at = OVER;
        self.input(now, Input::Close { reason: "the channel was stopped".into() });
    }

    fn input(&mut self, now: Duration, input: Input<'_>) {
        let Some(session) = &mut self.session else { return };
        let asked_before = self.outcome.asked;
        for action in session.handle(now - self.began, input) {
            assert!(self.outcome.closed.is_none(), "{action:?} after the close");
            match action {
                Action::Send(bytes) => {
                    if !is_ping(&bytes) {
                        self.outcome.said.extend_from_slice(&bytes);
                    }
                    self.to_client.push_bytes(&mut self.dice, now, &bytes);
                }
                Action::Publish { app, key, .. } => {
                    assert_eq!((app.as_str(), key.expose()), ("live", KEY));
                    assert!(!std::mem::replace(&mut self.outcome.asked, true), "asked twice");
                    self.answer_at = now + Duration::from_millis(self.dice.within(0..300));
                }
                Action::Media(media) => {
                    assert!(asked_before && !self.outcome.unpublished, "media at a wrong time");
                    self.outcome.media.push(media);
                }
                Action::Metadata(_) => assert!(asked_before),
                Action::Unpublish => {
                    assert!(!std::mem::replace(&mut self.outcome.unpublished, true), "left twice");
                }
                Action::Close { reason } => {
                    self.outcome.closed = Some((now - self.began, reason));
                    self.to_client.push(&mut self.dice, now, Packet::Fin);
                }
                other => panic!("{other:?} of an encoder that does all as it should"),
            }
        }
    }
}

/// User control event 6 (RTMP 1.0 §7.1.7), behind a whole header.
fn is_ping(bytes: &[u8]) -> bool {
    bytes.len() == 18 && bytes[7] == 4 && bytes[12..14] == [0, 6]
}

/// Runs all to their end. What is due at the same time happens in any order.
pub(crate) fn run(dice: &mut Dice, connections: &mut [Connection]) {
    loop {
        let nexts: Vec<_> = connections.iter().map(Connection::next).collect();
        let Some(now) = nexts.iter().flatten().min().copied() else { return };
        let due: Vec<_> =
            (0..connections.len()).filter(|index| nexts[*index].is_some_and(|at| at <= now)).collect();
        connections[due[dice.index(due.len())]].act(now);
    }
}
