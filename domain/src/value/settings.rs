use serde::{Deserialize, Serialize};

use super::{DvrWindow, MaxSessionDuration, ReconnectWindow, Retention, coded};

coded! {
    /// How far behind the camera viewers are.
    "the latency mode" pub enum LatencyMode {
        Normal = "NORMAL": "20 to 30 s behind; 6 s segments.",
        Low = "LOW": "8 to 10 s behind; 2 s segments.",
        UltraLow = "ULTRA_LOW": "2 to 4 s behind; 2 s segments in parts of half a second.",
    }
}

/// What the owner of a channel may set. Issues to come add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSettings {
    /// How far behind viewers are; fixed while the channel is on air.
    pub latency_mode: LatencyMode,
    /// Go live with the first playable playlist, without being asked.
    pub auto_go_live: bool,
    /// A session ends after this, counted from its start.
    pub max_session_duration: MaxSessionDuration,
    /// How long a session waits for a lost feed.
    pub reconnect_window: ReconnectWindow,
    /// An orderly unpublish ends the session at once, without the window.
    pub end_on_unpublish: bool,
    /// How far back viewers may rewind.
    pub dvr_window: DvrWindow,
    /// Keep what the broadcaster sent; fixed while the channel is on air.
    pub record_source: bool,
    /// Offer what viewers saw again, once a session has ended.
    pub catchup: bool,
    /// For how long source records are kept, of those that become ready from now on.
    pub source_retention: Retention,
    /// The same of catchups.
    pub catchup_retention: Retention,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            latency_mode: LatencyMode::Low,
            auto_go_live: true,
            max_session_duration: MaxSessionDuration::DEFAULT,
            reconnect_window: ReconnectWindow::DEFAULT,
            end_on_unpublish: true,
            dvr_window: DvrWindow::DEFAULT,
            record_source: true,
            catchup: true,
            source_retention: Retention::UntilDeleted,
            catchup_retention: Retention::UntilDeleted,
        }
    }
}

impl ChannelSettings {
    /// The settings that a session opening now lives by, to its end.
    pub fn for_session(&self) -> SessionSettings {
        SessionSettings {
            latency_mode: self.latency_mode,
            auto_go_live: self.auto_go_live,
            max_session_duration: self.max_session_duration,
            reconnect_window: self.reconnect_window,
            end_on_unpublish: self.end_on_unpublish,
            dvr_window: self.dvr_window,
            record_source: self.record_source,
            catchup: self.catchup,
        }
    }
}

/// The settings a session was opened with. A later change of its channel is for the next session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSettings {
    /// How far behind viewers are.
    pub latency_mode: LatencyMode,
    /// Go live with the first playable playlist, without being asked.
    pub auto_go_live: bool,
    /// The session ends after this, counted from its start.
    pub max_session_duration: MaxSessionDuration,
    /// How long the session waits for a lost feed.
    pub reconnect_window: ReconnectWindow,
    /// An orderly unpublish ends the session at once, without the window.
    pub end_on_unpublish: bool,
    /// How far back viewers may rewind.
    pub dvr_window: DvrWindow,
    /// Keep what the broadcaster sends.
    pub record_source: bool,
    /// Offer what viewers saw again, once the session has ended.
    pub catchup: bool,
}

impl SessionSettings {
    /// Whether anything of the session is kept beyond its rewind window.
    pub const fn keeps(&self) -> bool {
        self.record_source || self.catchup
    }
}
