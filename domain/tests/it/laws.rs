//! Whatever is asked in whatever order, these laws hold. One channel and its sessions stand together as the executor in
//! `app` holds them: the gate first, then the session, with crashes and stops between the two, late opens, late reports,
//! repairs, restarts, and deadlines that fire early, late or twice.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{FileFailurePersistence, TestRunner},
};
use sigma_domain::{
    Channel, ChannelChanges, ChannelCommand, ChannelEvent, ChannelPhase, ChannelState, Deadline, EndReason,
    EndedBy, FeedNumber, IngestFault, InputFormat, LatencyMode, LossCause, NodeId, Session, SessionCommand,
    SessionEvent, SessionPhase, SessionRefusal, SessionState, Timestamp,
};

use crate::world::*;

/// One thing that somebody does, or that befalls.
#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Start,
    Stop,
    Delete,
    Erase,
    Update(LatencyMode, bool, u32),
    RotateKey(i64),
    ShowKey,
    GoLive,
    EndByOwner,
    /// A feed comes to a node. With `then`, the session opens right behind the gate, later, or (after a crash) never.
    FeedComes {
        node: bool,
        then: Then,
    },
    /// Whatever opens were under way come through now.
    LateOpens,
    /// The process managers do what is to be done.
    Manage,
    /// A report of a feed of some session, often the newest of both: back so many.
    Report {
        session_back: usize,
        feed_back: u32,
        report: Report,
    },
    NodeRestarts(bool),
    Fires {
        session_back: usize,
        deadline: Deadline,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Open,
    OpenLater,
    Crash,
}

#[derive(Debug, Clone, Copy)]
enum Report {
    Processing(u32),
    Playable,
    Lost(LossCause),
    Left,
    Unusable(IngestFault),
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        4 => prop_oneof![Just(720_u32), Just(1080)].prop_map(Report::Processing),
        3 => Just(Report::Playable),
        3 => proptest::sample::select(LossCause::ALL).prop_map(Report::Lost),
        1 => Just(Report::Left),
        1 => proptest::sample::select(IngestFault::ALL).prop_map(Report::Unusable),
    ]
}

/// Mostly none, sometimes more.
fn back() -> impl Strategy<Value = u32> {
    prop_oneof![5 => Just(0), 1 => 1..4_u32]
}

fn step() -> impl Strategy<Value = Step> {
    let then = prop_oneof![6 => Just(Then::Open), 1 => Just(Then::OpenLater), 1 => Just(Then::Crash)];
    prop_oneof![
        4 => prop_oneof![0..3_i64, 0..40_i64, 0..500_i64].prop_map(Step::Wait),
        2 => Just(Step::Start),
        1 => Just(Step::Stop),
        1 => prop_oneof![16 => Just(Step::Start), 1 => Just(Step::Delete), 1 => Just(Step::Erase)],
        1 => (proptest::sample::select(LatencyMode::ALL), any::<bool>(), prop_oneof![Just(0_u32), Just(60)])
            .prop_map(|(mode, flag, window)| Step::Update(mode, flag, window)),
        1 => prop_oneof![(0..100_i64).prop_map(Step::RotateKey), Just(Step::ShowKey)],
        1 => Just(Step::GoLive),
        1 => Just(Step::EndByOwner),
        6 => (any::<bool>(), then).prop_map(|(node, then)| Step::FeedComes { node, then }),
        1 => Just(Step::LateOpens),
        3 => Just(Step::Manage),
        14 => (back(), back(), report()).prop_map(|(session, feed_back, report)| Step::Report {
            session_back: session as usize,
            feed_back,
            report,
        }),
        1 => any::<bool>().prop_map(Step::NodeRestarts),
        2 => (back(), proptest::sample::select(Deadline::ALL))
            .prop_map(|(session, deadline)| Step::Fires { session_back: session as usize, deadline }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..120)
}

fn node(which: bool) -> NodeId {
    if which { this_node() } else { other_node() }
}

/// What the store and the executor would hold.
#[derive(Default)]
struct World {
    now: i64,
    channel: Channel,
    channel_log: Vec<ChannelEvent>,
    sessions: BTreeMap<u32, Session>,
    session_logs: BTreeMap<u32, Vec<SessionEvent>>,
    /// Attached, and the open still to come.
    under_way: Vec<(u32, SessionCommand)>,
    /// Named by `channel.stopped`: to be ended by the process manager.
    to_end: Vec<u32>,
    /// Where each session was when its feed was lost.
    before_loss: BTreeMap<u32, SessionState>,
}

impl World {
    fn new() -> Self {
        let mut world = Self::default();
        world.ask_channel(create());
        world
    }

    fn at(&self) -> Timestamp {
        at(self.now)
    }

    fn number_of(&self, id: &sigma_domain::SessionId) -> u32 {
        (1..).find(|n| session(*n) == *id).unwrap()
    }

    fn attached(&self) -> Option<u32> {
        self.channel.attached_session().map(|id| self.number_of(id))
    }

    fn ask_channel(&mut self, command: ChannelCommand) -> bool {
        let was_stopped = self.channel.state() == Some(ChannelState::Stop);
        let Ok(events) = self.channel.decide(command) else { return false };
        for event in events {
            if let ChannelEvent::SessionAttached { .. } = event {
                assert!(!was_stopped, "STOP lets no feed in");
            }
            if let ChannelEvent::Stopped { session: Some(id), .. } = &event {
                self.to_end.push(self.number_of(id));
            }
            self.channel.apply(&event);
            self.channel_log.push(event);
        }
        true
    }

    fn ask_session(&mut self, n: u32, command: SessionCommand) -> Result<(), SessionRefusal> {
        let before = self.sessions.entry(n).or_default().clone();
        let events = before.decide(command)?;
        let mut after = before.clone();
        events.iter().for_each(|event| after.apply(event));
        self.check_events(n, &before, &events, &after);
        self.sessions.insert(n, after);
        self.session_logs.entry(n).or_default().extend(events);
        Ok(())
    }

    fn check_events(&mut self, n: u32, before: &Session, events: &[SessionEvent], after: &Session) {
        let over = matches!(before, Session::Abandoned { .. }) || before.state() == Some(SessionState::Ended);
        assert!(!over || events.is_empty(), "ENDED is final: {events:?}");
        let stopped = self.channel.state() == Some(ChannelState::Stop);
        for event in events {
            match event {
                SessionEvent::FeedOpened { .. } => assert!(!stopped, "STOP lets no feed in"),
                // An open that was under way when the owner stopped: the stop has named the session, and ends it.
                SessionEvent::Opened { .. } => {
                    assert!(!stopped || self.to_end.contains(&n), "STOP lets no feed in")
                }
                SessionEvent::Error { .. } if before.state() != Some(SessionState::Error) => {
                    self.before_loss.insert(n, before.state().unwrap());
                }
                SessionEvent::Recovered { .. } => {
                    let back = match self.before_loss[&n] {
                        SessionState::Init => SessionState::Processing,
                        state => state,
                    };
                    assert_eq!(after.state(), Some(back), "a session in ERROR returns to where it was");
                }
                _ => {}
            }
        }
    }

    /// As `app` lets a feed in.
    fn feed_comes(&mut self, node: NodeId, then: Then) {
        let at = self.at();
        match (self.channel.state(), self.attached()) {
            (Some(ChannelState::Active), Some(n)) => {
                match self.ask_session(n, SessionCommand::OpenFeed { node: node.clone(), at }) {
                    Err(SessionRefusal::DeadlinePassed { deadline }) => {
                        self.ask_session(n, SessionCommand::Expire { deadline, at }).unwrap();
                        assert_eq!(
                            self.sessions[&n].state(),
                            Some(SessionState::Ended),
                            "what has passed is due"
                        );
                        self.ask_channel(ChannelCommand::DetachSession { session: session(n), at });
                        self.new_session(node, then);
                    }
                    Err(SessionRefusal::AlreadyEnded { .. }) => {
                        self.ask_channel(ChannelCommand::DetachSession { session: session(n), at });
                        self.new_session(node, then);
                    }
                    _ => {}
                }
            }
            _ => self.new_session(node, then),
        }
    }

    fn new_session(&mut self, node: NodeId, then: Then) {
        let (at, n) = (self.at(), self.sessions.len() as u32 + 1);
        if !self.ask_channel(ChannelCommand::AttachSession { session: session(n), at }) {
            return;
        }
        self.sessions.insert(n, Session::default());
        let settings = self.channel.facts().unwrap().settings.for_session();
        let open = SessionCommand::Open {
            id: session(n),
            channel: the_channel(),
            project: the_project(),
            playback_id: the_playback_id(),
            node,
            settings,
            at,
        };
        match then {
            Then::Open => self.ask_session(n, open).unwrap(),
            Then::OpenLater => self.under_way.push((n, open)),
            Then::Crash => {}
        }
    }

    /// As `app`'s process managers do it: end what was stopped, give up what never opened, detach what is over.
    fn manage(&mut self) {
        let at = self.at();
        for n in std::mem::take(&mut self.to_end) {
            let end = SessionCommand::End { by: EndedBy::ChannelStopped, at };
            if self.ask_session(n, end) == Err(SessionRefusal::Unknown) {
                self.give_up(n);
            }
        }
        if let Some(n) = self.attached() {
            if self.sessions[&n] == Session::Unknown {
                self.give_up(n);
            }
            if self.is_over(n) {
                self.ask_channel(ChannelCommand::DetachSession { session: session(n), at });
            }
        }
    }

    fn give_up(&mut self, n: u32) {
        let abandon = SessionCommand::Abandon {
            id: session(n),
            channel: the_channel(),
            project: the_project(),
            at: self.at(),
        };
        self.ask_session(n, abandon).unwrap();
    }

    fn is_over(&self, n: u32) -> bool {
        matches!(self.sessions[&n], Session::Abandoned { .. })
            || self.sessions[&n].state() == Some(SessionState::Ended)
    }

    fn back(&self, n: usize) -> Option<u32> {
        self.sessions.keys().rev().nth(n).copied()
    }

    fn report(&mut self, n: u32, feed_back: u32, report: Report) {
        let at = self.at();
        let newest =
            self.session_logs.get(&n).into_iter().flatten().filter(|event| {
                matches!(event, SessionEvent::Opened { .. } | SessionEvent::FeedOpened { .. })
            });
        let Ok(feed) = FeedNumber::try_from((newest.count() as u32).saturating_sub(feed_back)) else {
            return;
        };
        let input: InputFormat =
            picture_and_sound(if let Report::Processing(height) = report { height } else { 720 });
        let command = match report {
            Report::Processing(_) => SessionCommand::ReportProcessing { feed, input, at },
            Report::Playable => SessionCommand::ReportPlayable { feed, at },
            Report::Lost(cause) => SessionCommand::ReportLost { feed, cause, at },
            Report::Left => SessionCommand::ReportLeft { feed, at },
            Report::Unusable(fault) => SessionCommand::ReportUnusable { feed, fault, at },
        };
        if feed_back > 0 {
            assert_eq!(
                self.sessions[&n].decide(command),
                Ok(vec![]),
                "a late report of an old feed changes nothing"
            );
        } else {
            // A report is never refused, only late.
            self.ask_session(n, command).unwrap();
        }
    }

    fn take(&mut self, step: Step) {
        let at = self.at();
        match step {
            Step::Wait(seconds) => self.now += seconds,
            Step::Start => drop(self.ask_channel(ChannelCommand::Start { at })),
            Step::Stop => drop(self.ask_channel(ChannelCommand::Stop { at })),
            Step::Delete => drop(self.ask_channel(ChannelCommand::Delete { at })),
            Step::Erase => drop(self.ask_channel(ChannelCommand::Erase { at })),
            Step::Update(mode, flag, window) => {
                let changes = ChannelChanges {
                    latency_mode: Some(mode),
                    auto_go_live: Some(flag),
                    reconnect_window: Some(window.try_into().unwrap()),
                    end_on_unpublish: Some(!flag),
                    max_session_duration: Some(3_600_u32.try_into().unwrap()),
                    dvr_window: Some(window.try_into().unwrap()),
                    ..Default::default()
                };
                self.ask_channel(ChannelCommand::Update { changes, at });
            }
            Step::RotateKey(overlap) => {
                self.ask_channel(ChannelCommand::RotateKey { overlap: overlap.try_into().unwrap(), at });
            }
            Step::ShowKey => drop(self.ask_channel(ChannelCommand::ShowKey { at })),
            Step::GoLive => {
                if let Some(n) = self.back(0) {
                    let _ = self.ask_session(n, SessionCommand::GoLive { at });
                }
            }
            Step::EndByOwner => {
                if let Some(n) = self.back(0) {
                    let _ = self.ask_session(n, SessionCommand::End { by: EndedBy::User, at });
                }
            }
            Step::FeedComes { node: which, then } => self.feed_comes(node(which), then),
            Step::LateOpens => {
                for (n, open) in std::mem::take(&mut self.under_way) {
                    let _ = self.ask_session(n, open);
                }
            }
            Step::Manage => self.manage(),
            Step::Report { session_back, feed_back, report } => {
                if let Some(n) = self.back(session_back)
                    && self.sessions[&n] != Session::Unknown
                {
                    self.report(n, feed_back, report);
                }
            }
            Step::NodeRestarts(which) => {
                for n in self.sessions.keys().copied().collect::<Vec<_>>() {
                    let _ = self.ask_session(n, SessionCommand::NodeRestarted { node: node(which), at });
                }
            }
            Step::Fires { session_back, deadline } => {
                if let Some(n) = self.back(session_back) {
                    let _ = self.ask_session(n, SessionCommand::Expire { deadline, at });
                }
            }
        }
        self.check_state();
    }

    fn on_air(&self) -> Vec<u32> {
        let not_ended = |session: &Session| session.state().is_some_and(|state| state != SessionState::Ended);
        self.sessions.iter().filter(|(_, session)| not_ended(session)).map(|(n, _)| *n).collect()
    }

    fn check_state(&self) {
        let on_air = self.on_air();
        assert!(on_air.len() <= 1, "at most one session is not ENDED: {on_air:?}");
        let deleted = matches!(self.channel.facts().unwrap().phase, ChannelPhase::Deleted { .. });
        if let (false, Some(n)) = (deleted, on_air.first()) {
            assert_eq!(self.attached(), Some(*n), "who is on air is attached");
        }
    }

    /// The logs say the same as what stands, and no more than once what may be said once.
    fn check_logs(&self) {
        let mut channel = Channel::default();
        self.channel_log.iter().for_each(|event| channel.apply(event));
        assert_eq!(channel, self.channel, "the channel is the fold of its log");

        let attached = self.channel_log.iter().filter_map(|event| match event {
            ChannelEvent::SessionAttached { session, .. } => Some(session),
            _ => None,
        });
        let attached: Vec<_> = attached.collect();
        assert_eq!(attached.iter().collect::<BTreeSet<_>>().len(), attached.len(), "an id is attached once");

        for (n, log) in &self.session_logs {
            let mut session = Session::default();
            log.iter().for_each(|event| session.apply(event));
            assert_eq!(session, self.sessions[n], "a session is the fold of its log");
            let first = |event: &SessionEvent| {
                matches!(event, SessionEvent::Opened { .. } | SessionEvent::Abandoned { .. })
            };
            assert_eq!(
                log.iter().filter(|event| first(event)).count(),
                log.len().min(1),
                "an id is used once"
            );
            let ends = log.iter().filter(|event| matches!(event, SessionEvent::Ended { .. })).count();
            let is_ended = session.state() == Some(SessionState::Ended);
            assert_eq!(ends, usize::from(is_ended), "every end has one reason");
            assert!(
                !is_ended || matches!(log.last(), Some(SessionEvent::Ended { .. })),
                "nothing comes after the end"
            );
            self.check_feeds(log);
            self.check_end(&session);
        }
    }

    fn check_feeds(&self, log: &[SessionEvent]) {
        let numbers = log.iter().filter_map(|event| match event {
            SessionEvent::Opened { feed, .. } | SessionEvent::FeedOpened { feed, .. } => Some(feed.get()),
            _ => None,
        });
        assert!(numbers.eq(1..=log.iter().filter(|event| event.name().ends_with("opened")).count() as u32));
    }

    fn check_end(&self, session: &Session) {
        let Some(facts) = session.facts() else { return };
        if let SessionPhase::Ended { reason, at, .. } = facts.phase {
            assert!(session.deadlines().is_empty());
            assert!(reason != EndReason::MaxDuration || at >= facts.max_until);
        } else {
            assert!(session.deadlines().iter().any(|(deadline, _)| *deadline == Deadline::MaxDuration));
        }
    }

    /// Nobody does anything any more, and every row fires when it is due.
    fn run_out(&mut self) {
        for (n, open) in std::mem::take(&mut self.under_way) {
            let _ = self.ask_session(n, open);
        }
        self.manage();
        while let Some(n) = self.on_air().first().copied() {
            let (deadline, moment) =
                self.sessions[&n].deadlines().into_iter().min_by_key(|row| row.1).unwrap();
            self.now = self.now.max((moment.as_millis() - at(0).as_millis()) / 1000);
            let at = self.at();
            self.ask_session(n, SessionCommand::Expire { deadline, at }).unwrap();
            assert_eq!(
                self.sessions[&n].state(),
                Some(SessionState::Ended),
                "a row that is due ends the session"
            );
        }
        self.manage();
        assert_eq!(self.attached(), None, "no zombie, ever");
        assert_ne!(self.channel.state(), Some(ChannelState::Active));
    }
}

fn live_through(steps: Vec<Step>) -> World {
    let mut world = World::new();
    steps.into_iter().for_each(|step| world.take(step));
    world.check_logs();
    world.run_out();
    world.check_logs();
    world
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_the_laws_hold(steps in steps()) {
        live_through(steps);
    }
}

/// The laws would hold in a world where nothing happens: so everything that can happen does, in the worlds that are tried.
#[test]
fn the_worlds_that_are_tried_see_every_event_and_every_end() {
    let mut runner = TestRunner::deterministic();
    let (mut names, mut reasons, mut causes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..600 {
        let world = live_through(steps().new_tree(&mut runner).unwrap().current());
        names.extend(world.channel_log.iter().map(ChannelEvent::name));
        for event in world.session_logs.values().flatten() {
            names.insert(event.name());
            match event {
                SessionEvent::Ended { reason, .. } => drop(reasons.insert(reason.code())),
                SessionEvent::Error { cause, .. } => drop(causes.insert(*cause)),
                _ => {}
            }
        }
    }
    let all: BTreeSet<_> = ChannelEvent::NAMES.iter().chain(SessionEvent::NAMES).copied().collect();
    assert_eq!(names, all);
    assert_eq!(reasons.len(), 6, "{reasons:?}");
    assert_eq!(causes, LossCause::ALL.iter().copied().collect());
}
