//! How connections and directives reach a session.

use std::sync::Arc;

use sigma_clock::{Instant, monotonic};
use sigma_elementary::Media;
use tokio::sync::{mpsc, oneshot};

use super::LiveSession;
use crate::control::Unusable;
use crate::ingest::OnAirFeed;

/// Messages that may wait for a session: some 2 s of a feed; then the socket is read no further.
pub(super) const MAIL_LIMIT: usize = 256;

/// How a feed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FeedEnd {
    /// The broadcaster unpublished.
    Left,
    /// The connection broke, or the feed broke the protocol; the words are for the log.
    Broken(String),
    /// The platform closed it: taken over, session ended, silence.
    Cut,
}

/// What a session's actor is told.
#[derive(Debug)]
pub(crate) enum Message {
    FeedOpened {
        feed: u32,
        seat: Arc<OnAirFeed>,
    },
    Media {
        feed: u32,
        media: Media,
        /// When it was read from its socket.
        read: Instant,
    },
    Unusable {
        feed: u32,
        what: Unusable,
    },
    FeedEnded {
        feed: u32,
        end: FeedEnd,
        /// Answered when the control plane knows.
        done: oneshot::Sender<()>,
    },
    GoLive,
    End {
        reason: String,
    },
    /// The server stops: write down what is whole; the session stays resumable. Answered when the control plane knows.
    Park {
        done: oneshot::Sender<()>,
    },
}

/// The session has ended; nothing more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionOver;

/// A session of this node.
#[derive(Debug, Clone)]
pub(crate) struct SessionHandle {
    pub(super) live: Arc<LiveSession>,
    pub(super) mail: mpsc::Sender<Message>,
}

impl SessionHandle {
    /// The session's id.
    pub(crate) fn id(&self) -> &str {
        &self.live.facts.session
    }

    /// What the origin serves of it.
    pub(crate) fn live(&self) -> &Arc<LiveSession> {
        &self.live
    }

    /// Delivers media of feed `feed`; waits while the session is behind.
    pub(crate) async fn media(&self, feed: u32, media: Media) -> Result<(), SessionOver> {
        self.tell(Message::Media { feed, media, read: monotonic() }).await
    }

    /// The feed carries what cannot be packaged.
    pub(crate) async fn unusable(&self, feed: u32, what: Unusable) {
        let _ = self.tell(Message::Unusable { feed, what }).await;
    }

    /// The feed is over; resolves when the control plane knows.
    pub(crate) async fn feed_ended(&self, feed: u32, end: FeedEnd) -> Result<(), SessionOver> {
        let (done, known) = oneshot::channel();
        self.tell(Message::FeedEnded { feed, end, done }).await?;
        known.await.map_err(|_| SessionOver)
    }

    /// Tells without waiting for a session that is behind; what cannot be delivered at once is on its way.
    pub(crate) fn tell_soon(&self, message: Message) {
        if let Err(mpsc::error::TrySendError::Full(message)) = self.mail.try_send(message) {
            let handle = self.clone();
            tokio::spawn(async move {
                // A session that is over needs no telling.
                let _ = handle.tell(message).await;
            });
        }
    }

    pub(crate) async fn tell(&self, message: Message) -> Result<(), SessionOver> {
        self.mail.send(message).await.map_err(|_| SessionOver)
    }

    /// Resolves once the actor is gone and all that it wrote stands.
    pub(crate) async fn over(&self) {
        self.mail.closed().await;
    }
}
