use std::fmt;

use bytes::Bytes;
use sigma_elementary::Media;

use crate::{Metadata, ProtocolError, flv::Unsupported};

/// What the shell hands to a [`Session`](crate::Session).
#[derive(Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// Bytes read from the socket, cut anywhere.
    Bytes(&'a [u8]),
    /// The answer to [`Action::Publish`]: media may come. Without effect when the publisher has left meanwhile.
    Accept,
    /// The answer to [`Action::Publish`]: the publisher is told why not, then closed.
    Refuse {
        /// The status code that the client gets.
        code: PublishRefusal,
        /// A plain sentence for the person at the encoder.
        description: String,
    },
    /// Time has passed. At least once a second; drives the half-open limit and pings.
    Tick,
    /// The platform ends the connection (channel stopped, session ended, taken over): the client is told, then closed.
    Close {
        /// A plain sentence for the person at the encoder.
        reason: String,
    },
}

/// Without the bytes: the stream key may be among them.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Accept => f.write_str("Accept"),
            Self::Refuse { code, description } => write!(f, "Refuse({code:?}, {description:?})"),
            Self::Tick => f.write_str("Tick"),
            Self::Close { reason } => write!(f, "Close({reason:?})"),
        }
    }
}

/// Status code of a refused `publish`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishRefusal {
    /// `NetStream.Publish.BadName`: the key is unknown, or is on air already.
    BadName,
    /// `NetStream.Publish.Denied`: the key is known, but may not publish now.
    Denied,
}

impl PublishRefusal {
    /// The code as it stands in `onStatus`.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadName => "NetStream.Publish.BadName",
            Self::Denied => "NetStream.Publish.Denied",
        }
    }
}

/// What a [`Session`](crate::Session) wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write these bytes to the socket.
    Send(Bytes),
    /// May this key publish? Answer with [`Input::Accept`] or [`Input::Refuse`]. Comes before any media.
    Publish {
        /// The RTMP application, `live`.
        app: String,
        /// The stream key as the client sent it, without a query string.
        key: StreamKeyText,
        /// What the client calls itself in `connect` (`flashVer`).
        encoder: Option<String>,
    },
    /// Media of the accepted publisher.
    Media(Media),
    /// The publisher's `onMetaData`.
    Metadata(Metadata),
    /// The publisher sends what cannot be packaged. Said once a track and codec; the track's media is dropped.
    Unsupported(Unsupported),
    /// An orderly end: `FCUnpublish`, `closeStream` or `deleteStream`.
    Unpublish,
    /// Write what stands before this, then close the socket: shut the writing side and read to the end for a second or two,
    /// or what is unread resets the connection and the client never learns why. Nothing follows this action.
    Close {
        /// Why, for the log and for the report of the feed's end.
        reason: CloseReason,
    },
}

/// Why a connection is closed by the session.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CloseReason {
    /// The client broke the protocol.
    #[error("{0}")]
    Protocol(#[from] ProtocolError),
    /// Nothing was published in time.
    #[error("nothing was published within {seconds} s")]
    HalfOpen {
        /// The limit, [`Limits::half_open`](crate::Limits::half_open).
        seconds: u64,
    },
    /// The client was refused and told so: by [`Input::Refuse`], or for an application or command that is not served.
    #[error("refused with {code}: {description}")]
    Refused {
        /// The status code sent.
        code: &'static str,
        /// The sentence sent.
        description: String,
    },
    /// [`Input::Close`].
    #[error("closed by the platform: {0}")]
    Platform(String),
}

/// A stream key as text. Shown in no log: `Debug` prints a placeholder, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamKeyText(String);

impl StreamKeyText {
    /// Wraps a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key itself, to look it up.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StreamKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKeyText(…)")
    }
}
