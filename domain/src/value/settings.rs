use serde::{Deserialize, Serialize};

use super::{MaxSessionDuration, ReconnectWindow, coded};

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
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            latency_mode: LatencyMode::Low,
            auto_go_live: true,
            max_session_duration: MaxSessionDuration::DEFAULT,
            reconnect_window: ReconnectWindow::DEFAULT,
            end_on_unpublish: true,
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
}
