//! `sigma events …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConnectArgs;

/// Which events.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EventFilterArgs {
    /// Only this type, as session.live, or a whole family, as session.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only those of this channel
    #[arg(long, value_name = "ID")]
    pub(crate) channel: Option<String>,
    /// Only those of this channel, session or token itself
    #[arg(long, value_name = "ID")]
    pub(crate) aggregate: Option<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum EventsCommand {
    /// Show the newest events and go on as they happen: none lost, none twice, through restarts of the server
    Tail {
        /// All after this position instead of the newest
        #[arg(long, value_name = "POSITION")]
        after: Option<String>,
        /// How many of the newest are shown first
        #[arg(long, short = 'n', value_name = "N", default_value_t = 10, conflicts_with = "after",
              value_parser = clap::value_parser!(u16).range(0..=100))]
        lines: u16,
        /// End at what there is now
        #[arg(long)]
        no_follow: bool,
        #[command(flatten)]
        filter: EventFilterArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Write all events up to now, a JSON object a line
    Export {
        /// Only those after this position
        #[arg(long, value_name = "POSITION")]
        after: Option<String>,
        /// Into this file; one that has events already is gone on with
        #[arg(long, short, value_name = "FILE", conflicts_with = "after")]
        output: Option<PathBuf>,
        #[command(flatten)]
        filter: EventFilterArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}
