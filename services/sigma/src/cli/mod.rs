//! The command line's words. What is said in them is understood in [`mod@crate::settings`] and [`crate::client`].

mod asset;
mod channel;
mod connect;
mod events;
mod hls_check;
mod projections;
mod relay;
mod session;
mod setting_flags;
mod store;
mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use asset::{AssetArgs, AssetCommand, AssetKind, AssetState, ClipArgs};
pub(crate) use channel::{
    ChannelArgs, ChannelCommand, ChannelOrder, ChannelSettings, ChannelState, LatencyMode,
};
pub(crate) use connect::{ConnectArgs, LimitArgs, WatchArgs};
pub(crate) use events::{EventFilterArgs, EventsCommand};
pub(crate) use hls_check::HlsCheckArgs;
pub(crate) use projections::{LineArgs, ProjectionsCommand};
pub(crate) use relay::RelayCommand;
pub(crate) use session::{SessionArgs, SessionCommand, SessionState};
pub(crate) use setting_flags::SettingFlags;
pub(crate) use store::{BackupArgs, StoreCommand};
pub(crate) use token::{ProjectCommand, TokenCommand};

/// Sigma Livestream: from one broadcaster's encoder to every viewer's browser.
#[derive(Parser, Debug)]
#[command(
    name = "sigma",
    version,
    about,
    disable_help_subcommand = false,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 it could not be done (stderr says why and how to mend it), 2 the command was not understood."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the platform
    Serve(ServeArgs),
    /// Run the platform and publish a test pattern into it
    Demo(ServeArgs),
    /// Say what is missing or unreachable, with the mend
    Doctor(SettingFlags),
    /// Make, list, show, change, start, stop and delete channels
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// List and show sessions, make them public, end them, tell what happened to them
    #[command(subcommand)]
    Session(SessionCommand),
    /// Recordings, catchups and clips: list, show, cut, trim, download and delete
    #[command(subcommand)]
    Asset(AssetCommand),
    /// API tokens: make, list and revoke
    #[command(subcommand)]
    Token(TokenCommand),
    /// Projects: make and list
    #[command(subcommand)]
    Project(ProjectCommand),
    /// All that happens, as it happens or as a file
    #[command(subcommand)]
    Events(EventsCommand),
    /// Read models: how they stand, filling them anew, events that they could not take
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// The relay to Kafka: fill the topic of events anew
    #[command(subcommand)]
    Relay(RelayCommand),
    /// Move an event store to PostgreSQL, mend one that was restored
    #[command(subcommand)]
    Store(StoreCommand),
    /// Copy the SQLite event store into a file, while the platform runs
    Backup(BackupArgs),
    /// Put such a copy in the place of the SQLite event store, while no platform runs
    Restore(BackupArgs),
    /// Judge any LL-HLS origin by 44 rules of the specification
    HlsCheck(HlsCheckArgs),
    /// Print what makes a shell complete these commands
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write one for each command into a folder
    Man {
        /// The folder, as /usr/local/share/man/man1
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// Every setting may also stand in the environment (SIGMA_HTTP, …) or in sigma.toml (http = "…").
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
    /// Print each setting with where it came from, and end
    #[arg(long)]
    pub(crate) print_config: bool,
    /// With --print-config: as JSON
    #[arg(long, requires = "print_config")]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_was_said_of_a_setting_goes_by_its_name() {
        let cli =
            Cli::try_parse_from(["sigma", "serve", "--http", "a:1", "--kafka", "b:2"]).expect("a command");
        let Command::Serve(args) = cli.command else { panic!("another command") };
        let flags = args.settings.flags.into_iter().collect::<Vec<_>>();
        assert_eq!(flags, [("http", "a:1".into()), ("kafka", "b:2".into())]);
    }

    #[test]
    fn a_secret_is_no_flag() {
        let refused = Cli::try_parse_from(["sigma", "serve", "--admin-token", "x"]).expect_err("refused");
        assert_eq!(refused.exit_code(), 2);
    }
}
