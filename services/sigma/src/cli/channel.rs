//! `sigma channel …`

use clap::{Args, Subcommand, ValueEnum};

use super::{ConnectArgs, LimitArgs, WatchArgs};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LatencyMode {
    /// 20 to 30 s behind
    Normal,
    /// 8 to 10 s behind
    Low,
    /// About 2 s behind
    UltraLow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelState {
    /// Nothing is on air
    Idle,
    /// On air
    Active,
    /// Lets no feed in
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelOrder {
    Newest,
    Oldest,
    Name,
}

/// A channel's settings.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ChannelSettings {
    /// How far behind the camera viewers are [default: low]
    #[arg(long, value_enum)]
    pub(crate) latency_mode: Option<LatencyMode>,
    /// Whether a session goes live by itself [default: true]
    #[arg(long, value_name = "true|false")]
    pub(crate) auto_go_live: Option<bool>,
    /// Seconds that a session may last [default: 43200]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_session_duration: Option<i32>,
    /// Seconds that a session waits for a lost feed [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) reconnect_window: Option<i32>,
    /// Whether an orderly unpublish ends the session at once [default: true]
    #[arg(long, value_name = "true|false")]
    pub(crate) end_on_unpublish: Option<bool>,
    /// Seconds that viewers may rewind, 0 for not at all [default: 7200]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) dvr_window: Option<i32>,
    /// Whether what the broadcaster sends is kept [default: true]
    #[arg(long, value_name = "true|false")]
    pub(crate) record_source: Option<bool>,
    /// Whether what viewers saw can be seen again after the end [default: true]
    #[arg(long, value_name = "true|false")]
    pub(crate) catchup: Option<bool>,
    /// Seconds that source records are kept, 0 for until they are deleted [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) source_retention: Option<i32>,
    /// Seconds that catchups are kept, 0 for until they are deleted [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) catchup_retention: Option<i32>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ChannelCommand {
    /// Make a channel; prints what the encoder needs
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: ChannelSettings,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// List channels
    List {
        /// Only those whose name holds this
        #[arg(long)]
        search: Option<String>,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<ChannelState>,
        /// In which order
        #[arg(long, value_enum, default_value_t = ChannelOrder::Newest)]
        order: ChannelOrder,
        #[command(flatten)]
        limit: LimitArgs,
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show a channel
    Show {
        /// As it was at this moment, as 2026-11-24T17:30:00Z
        #[arg(long, value_name = "MOMENT", conflicts_with = "watch")]
        as_of: Option<String>,
        /// With its stream key; that it was shown is written down
        #[arg(long, conflicts_with_all = ["watch", "as_of"])]
        key: bool,
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        channel: ChannelArgs,
    },
    /// Change a channel's name or settings
    Update {
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: ChannelSettings,
        #[command(flatten)]
        channel: ChannelArgs,
    },
    /// Let feeds in again
    Start(ChannelArgs),
    /// End what is on air and let no feed in
    Stop(ChannelArgs),
    /// Make another stream key and print it
    RotateKey {
        /// Seconds that the old key goes on serving
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<i32>,
        #[command(flatten)]
        channel: ChannelArgs,
    },
    /// Remove a channel that is not on air, for ever
    Delete {
        /// Erase what is personal about it too: its name and what is known of who broadcast to it can never be read again,
        /// in the log and in all that was made of it. Goes for a channel that was deleted before, too
        #[arg(long)]
        erase: bool,
        #[command(flatten)]
        channel: ChannelArgs,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ChannelArgs {
    /// The channel's id, ch_…
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}
