//! Given what happened, when somebody asks, then this follows.

use std::fmt::Debug;

use sigma_domain::{
    ApiToken, ApiTokenCommand, ApiTokenEvent, ApiTokenRefusal, Asset, AssetCommand, AssetEvent, AssetRefusal,
    AssetState, Channel, ChannelCommand, ChannelEvent, ChannelRefusal, ChannelState, Project, ProjectCommand,
    ProjectEvent, ProjectRefusal, Session, SessionCommand, SessionEvent, SessionHealth, SessionHealthCommand,
    SessionHealthEvent, SessionHealthRefusal, SessionRefusal, SessionState,
};

/// An aggregate under test.
pub trait Subject: Default + Clone + PartialEq + Debug {
    type Command;
    type Event: Clone + PartialEq + Debug;
    type Refusal: PartialEq + std::error::Error;
    type State: PartialEq + Debug;

    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Refusal>;
    fn apply(&mut self, event: &Self::Event);
    fn state(&self) -> Option<Self::State>;
}

macro_rules! subject {
    ($aggregate:ident, $command:ident, $event:ident, $refusal:ident, $state:ty, $look:expr) => {
        impl Subject for $aggregate {
            type Command = $command;
            type Event = $event;
            type Refusal = $refusal;
            type State = $state;

            fn decide(&self, command: $command) -> Result<Vec<$event>, $refusal> {
                $aggregate::decide(self, command)
            }

            fn apply(&mut self, event: &$event) {
                $aggregate::apply(self, event);
            }

            fn state(&self) -> Option<$state> {
                $look(self)
            }
        }
    };
}

subject!(Channel, ChannelCommand, ChannelEvent, ChannelRefusal, ChannelState, Channel::state);
subject!(Session, SessionCommand, SessionEvent, SessionRefusal, SessionState, Session::state);
subject!(Asset, AssetCommand, AssetEvent, AssetRefusal, AssetState, Asset::state);
subject!(Project, ProjectCommand, ProjectEvent, ProjectRefusal, (), |project: &Project| project
    .facts()
    .map(|_| ()));

/// Of a token people see whether it was revoked.
type Revoked = bool;
subject!(ApiToken, ApiTokenCommand, ApiTokenEvent, ApiTokenRefusal, Revoked, |token: &ApiToken| token
    .facts()
    .map(|facts| facts.revoked_at.is_some()));

/// Of a session's health people see which warnings stand.
type Standing = Vec<String>;
subject!(
    SessionHealth,
    SessionHealthCommand,
    SessionHealthEvent,
    SessionHealthRefusal,
    Standing,
    |health: &SessionHealth| health.facts().map(|facts| facts
        .standing
        .keys()
        .map(ToString::to_string)
        .collect())
);

/// What happened so far.
pub struct Given<A>(A);

/// Folds what happened so far.
pub fn given<A: Subject>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let mut aggregate = A::default();
    events.into_iter().for_each(|event| aggregate.apply(&event));
    Given(aggregate)
}

impl<A: Subject> Given<A> {
    /// Somebody asks.
    #[track_caller]
    pub fn when(self, command: A::Command) -> When<A> {
        let answer = self.0.decide(command);
        When { before: self.0, answer }
    }

    /// The aggregate as it stands.
    pub fn aggregate(self) -> A {
        self.0
    }
}

/// What followed.
pub struct When<A: Subject> {
    before: A,
    answer: Result<Vec<A::Event>, A::Refusal>,
}

impl<A: Subject> When<A> {
    /// Exactly these events.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Given<A> {
        let expected: Vec<_> = expected.into_iter().collect();
        match &self.answer {
            Ok(events) => assert_eq!(*events, expected),
            Err(refusal) => panic!("refused ({refusal}) instead of {expected:?}"),
        }
        let mut after = self.before;
        expected.iter().for_each(|event| after.apply(event));
        Given(after)
    }

    /// No event and no refusal.
    #[track_caller]
    pub fn then_nothing(self) -> Given<A> {
        self.then([])
    }

    /// Refused, for this reason.
    #[track_caller]
    pub fn then_refused(self, expected: A::Refusal) {
        match self.answer {
            Ok(events) => panic!("{events:?} instead of the refusal: {expected}"),
            Err(refusal) => assert_eq!(refusal, expected),
        }
    }
}

impl<A: Subject> Given<A> {
    /// And then people see it so.
    #[track_caller]
    pub fn and_it_is(self, state: A::State) -> Given<A> {
        assert_eq!(self.0.state(), Some(state));
        self
    }
}
