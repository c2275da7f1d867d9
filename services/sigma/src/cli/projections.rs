//! `sigma projections …`

use clap::{Args, Subcommand};

use super::{ConnectArgs, WatchArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum ProjectionsCommand {
    /// How the read models stand
    Status {
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Fill a read model anew from the log while the old one serves; shows how far it is until it is done
    Rebuild {
        /// The projection's name
        name: String,
        /// Ask for it and do not wait
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Try again to apply the events of a line that is parked
    Retry(LineArgs),
    /// Drop the one event that blocks a line that is parked, and go on with those behind it
    Skip(LineArgs),
}

#[derive(Args, Debug)]
pub(crate) struct LineArgs {
    /// The projection's name
    pub(crate) name: String,
    /// The aggregate whose line is parked
    #[arg(value_name = "AGGREGATE")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}
