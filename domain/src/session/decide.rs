use super::{
    BeforeLoss, Deadline, EndReason, EndedBy, FeedLine, IngestFault, LossCause, LossEnd, Lost, Session,
    SessionCommand, SessionEvent, SessionFacts, SessionPhase, SessionRefusal,
};
use crate::{FeedNumber, InputFormat, NodeId, Timestamp};

/// How long a feed may stay without media we understand, in seconds: in INIT, and when it comes back at the very end of a
/// window.
pub const FIRST_MEDIA: u32 = 30;

type Decision = Result<Vec<SessionEvent>, SessionRefusal>;

impl Session {
    /// What follows from the command, or why nothing does. No events: there is nothing to say, as of a late report.
    pub fn decide(&self, command: SessionCommand) -> Decision {
        use SessionCommand as Command;
        match (self, command) {
            (Self::Unknown, Command::Open { id, channel, project, playback_id, node, settings, at }) => {
                Ok(vec![SessionEvent::Opened {
                    id,
                    channel,
                    project,
                    playback_id,
                    node,
                    feed: FeedNumber::FIRST,
                    media_until: at.plus_seconds(FIRST_MEDIA),
                    max_until: at.plus_seconds(settings.max_session_duration.seconds()),
                    settings,
                    at,
                }])
            }
            (Self::Unknown, Command::Abandon { id, channel, project, at }) => {
                Ok(vec![SessionEvent::Abandoned { id, channel, project, at }])
            }
            (Self::Unknown, _) => Err(SessionRefusal::Unknown),

            (
                Self::Abandoned { .. },
                Command::Open { .. }
                | Command::OpenFeed { .. }
                | Command::GoLive { .. }
                | Command::End { by: EndedBy::User, .. },
            ) => Err(SessionRefusal::Abandoned),
            (Self::Abandoned { .. }, _) => Ok(vec![]),

            (Self::Known(facts), command) => facts.decide(command),
        }
    }
}

impl SessionFacts {
    fn decide(&self, command: SessionCommand) -> Decision {
        use SessionCommand as Command;
        match (&self.phase, command) {
            (_, Command::Open { .. }) => Err(SessionRefusal::AlreadyOpened),
            (_, Command::Abandon { .. }) => Ok(vec![]),

            (
                SessionPhase::Ended { reason, .. },
                Command::OpenFeed { .. } | Command::GoLive { .. } | Command::End { by: EndedBy::User, .. },
            ) => Err(SessionRefusal::AlreadyEnded { reason: *reason }),
            // Reports and deadlines are late; a stop of the channel has what it wants.
            (SessionPhase::Ended { .. }, _) => Ok(vec![]),

            (_, Command::OpenFeed { node, at }) => self.open_feed(node, at),
            (_, Command::GoLive { at }) => self.go_live(at),
            (_, Command::End { by, at }) => {
                let reason = match by {
                    EndedBy::User => EndReason::SessionEndedByUser,
                    EndedBy::ChannelStopped => EndReason::ChannelStopped,
                    EndedBy::NodeLost => EndReason::NodeLost,
                };
                Ok(vec![SessionEvent::Ended { reason, at }])
            }
            (_, Command::NodeRestarted { node, at }) => Ok(self.node_restarted(&node, at)),
            (_, Command::Expire { deadline, at }) => Ok(self.expire(deadline, at)),
            (
                _,
                report @ (Command::ReportProcessing { feed, at, .. }
                | Command::ReportPlayable { feed, at }
                | Command::ReportLost { feed, at, .. }
                | Command::ReportLeft { feed, at }
                | Command::ReportUnusable { feed, at, .. }),
            ) => Ok(self.report(feed, at, report)),
        }
    }

    fn open_feed(&self, node: NodeId, at: Timestamp) -> Decision {
        if let Some((deadline, _)) = self.deadlines().into_iter().find(|(_, moment)| at >= *moment) {
            return Err(SessionRefusal::DeadlinePassed { deadline });
        }
        let (takeover, media_until) = match &self.phase {
            // Counted from the window's end at most, so that a feed that comes and goes without media cannot put the end
            // off for ever.
            SessionPhase::Lost(lost) => {
                let media_until = at.min(lost.until).plus_seconds(FIRST_MEDIA);
                (lost.line.connected().is_some(), Some(media_until))
            }
            _ => (true, None),
        };
        let Some(current) = self.feed() else { return Ok(vec![]) };
        Ok(vec![SessionEvent::FeedOpened { feed: current.number.next(), node, takeover, media_until, at }])
    }

    fn go_live(&self, at: Timestamp) -> Decision {
        match self.phase {
            SessionPhase::Init { .. } => Err(SessionRefusal::NoMediaYet),
            SessionPhase::Processing { .. } => Ok(vec![SessionEvent::Live { at }]),
            SessionPhase::Live { .. } => Err(SessionRefusal::AlreadyLive),
            SessionPhase::Lost(_) => Err(SessionRefusal::FeedLost),
            SessionPhase::Ended { reason, .. } => Err(SessionRefusal::AlreadyEnded { reason }),
        }
    }

    /// A node that starts has lost what it held. A loss that was there before keeps its deadline and its reason; only where
    /// the loss was the node's own orderly stop does the window begin anew, because nobody could come back meanwhile.
    fn node_restarted(&self, node: &NodeId, at: Timestamp) -> Vec<SessionEvent> {
        let cause = LossCause::NodeRestarted;
        match (&self.phase, self.feed()) {
            (_, Some(feed)) if feed.node != *node => vec![],
            (SessionPhase::Lost(lost), _) => match lost.line {
                FeedLine::Gone(_)
                    if lost.cause == LossCause::NodeStopped && lost.ends_as == LossEnd::NodeLost =>
                {
                    self.lose(cause, at)
                }
                FeedLine::Gone(_) => vec![],
                FeedLine::Quiet(_) | FeedLine::Returning { .. } => lost.lose_again(cause, at),
            },
            (SessionPhase::Ended { .. }, _) => vec![],
            _ => self.lose(cause, at),
        }
    }

    fn expire(&self, deadline: Deadline, at: Timestamp) -> Vec<SessionEvent> {
        let due = self.deadlines().into_iter().any(|(standing, moment)| standing == deadline && at >= moment);
        if !due {
            return vec![];
        }
        let reason = match (deadline, &self.phase) {
            (Deadline::ReconnectWindow, SessionPhase::Lost(lost)) => lost.ends_as.into(),
            (Deadline::FirstMedia, _) => EndReason::IngestError(IngestFault::NoMedia),
            (Deadline::MaxDuration | Deadline::ReconnectWindow, _) => EndReason::MaxDuration,
        };
        vec![SessionEvent::Ended { reason, at }]
    }

    /// What a feed's node reports of it.
    fn report(&self, feed: FeedNumber, at: Timestamp, report: SessionCommand) -> Vec<SessionEvent> {
        if !self.is_current(feed) {
            return vec![];
        }
        if let SessionPhase::Lost(lost) = &self.phase
            && at >= lost.deadline()
        {
            return vec![lost.end(at)];
        }
        match report {
            SessionCommand::ReportProcessing { input, .. } => self.processing(feed, input, at),
            SessionCommand::ReportPlayable { .. } => match self.phase {
                SessionPhase::Processing { .. } if self.settings.auto_go_live => {
                    vec![SessionEvent::Live { at }]
                }
                _ => vec![],
            },
            SessionCommand::ReportLost { cause, .. } => self.lost(cause, at),
            SessionCommand::ReportLeft { .. } if self.settings.end_on_unpublish => {
                vec![SessionEvent::Ended { reason: EndReason::BroadcasterLeft, at }]
            }
            SessionCommand::ReportLeft { .. } => self.lost(LossCause::Unpublished, at),
            SessionCommand::ReportUnusable { fault, .. } => {
                vec![SessionEvent::Ended { reason: EndReason::IngestError(fault), at }]
            }
            _ => vec![],
        }
    }

    /// Whether a report of this feed counts: it is the session's newest, and connected as far as is known.
    fn is_current(&self, feed: FeedNumber) -> bool {
        let connected = match &self.phase {
            SessionPhase::Lost(lost) => lost.line.connected(),
            phase => phase.feed(),
        };
        connected.is_some_and(|current| current.number == feed)
    }

    fn processing(&self, feed: FeedNumber, input: InputFormat, at: Timestamp) -> Vec<SessionEvent> {
        let changed = |before: &InputFormat| {
            (!before.is_same_format(&input)).then_some(SessionEvent::InputChanged { feed, input, at })
        };
        let recovered = SessionEvent::Recovered { feed, at };
        match &self.phase {
            SessionPhase::Init { .. } => vec![SessionEvent::Processing { feed, input, at }],
            SessionPhase::Processing { input: before, .. } | SessionPhase::Live { input: before, .. } => {
                changed(before).into_iter().collect()
            }
            SessionPhase::Lost(Lost { from: BeforeLoss::Init { .. }, .. }) => {
                vec![recovered, SessionEvent::Processing { feed, input, at }]
            }
            SessionPhase::Lost(Lost {
                from: BeforeLoss::Processing { input: before } | BeforeLoss::Live { input: before, .. },
                ..
            }) => [Some(recovered), changed(before)].into_iter().flatten().collect(),
            SessionPhase::Ended { .. } => vec![],
        }
    }

    fn lost(&self, cause: LossCause, at: Timestamp) -> Vec<SessionEvent> {
        match (&self.phase, cause) {
            // Who has not begun to deliver cannot fall silent: the deadline for first media watches over him.
            (SessionPhase::Init { .. } | SessionPhase::Lost(_), LossCause::Silence) => vec![],
            (SessionPhase::Lost(lost), cause) => lost.lose_again(cause, at),
            (_, cause) => self.lose(cause, at),
        }
    }

    /// To ERROR with a full window from now; to the end at once where there is no window.
    fn lose(&self, cause: LossCause, at: Timestamp) -> Vec<SessionEvent> {
        let ends_as = cause.ends_as();
        let window = self.settings.reconnect_window.seconds();
        match self.feed() {
            Some(feed) if window > 0 => {
                vec![SessionEvent::Error {
                    feed: feed.number,
                    cause,
                    until: at.plus_seconds(window),
                    ends_as,
                    at,
                }]
            }
            _ => vec![SessionEvent::Ended { reason: ends_as.into(), at }],
        }
    }
}

impl Lost {
    /// The feed that was silent, or that was coming back, is gone too: deadline and end stay what they were.
    fn lose_again(&self, cause: LossCause, at: Timestamp) -> Vec<SessionEvent> {
        if at >= self.until {
            return vec![self.end(at)];
        }
        let Self { until, ends_as, .. } = *self;
        vec![SessionEvent::Error { feed: self.line.feed().number, cause, until, ends_as, at }]
    }

    fn end(&self, at: Timestamp) -> SessionEvent {
        SessionEvent::Ended { reason: self.ends_as.into(), at }
    }
}
