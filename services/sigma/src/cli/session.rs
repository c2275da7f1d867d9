//! `sigma session …`

use clap::{Args, Subcommand, ValueEnum};

use super::{ConnectArgs, LimitArgs, WatchArgs};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SessionState {
    /// Its media is not understood yet
    Init,
    /// Not public yet
    Processing,
    /// Public
    Live,
    /// Its feed is lost
    Error,
    /// Over
    Ended,
}

#[derive(Subcommand, Debug)]
pub(crate) enum SessionCommand {
    /// List sessions, newest first
    List {
        /// Only those of this channel
        #[arg(long, value_name = "ID")]
        channel: Option<String>,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<SessionState>,
        #[command(flatten)]
        limit: LimitArgs,
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show a session
    Show {
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        session: SessionArgs,
    },
    /// Make a session that is PROCESSING public
    GoLive(SessionArgs),
    /// End a session; its encoder is cut
    End(SessionArgs),
    /// Tell all that happened to a session, and who did it
    Timeline(SessionArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SessionArgs {
    /// The session's id, se_…
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}
