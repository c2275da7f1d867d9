//! The command line's words. What is said in them is understood in [`mod@crate::settings`] and [`crate::client`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::Flags;

/// Sigma Livestream: from one broadcaster's encoder to every viewer's browser.
#[derive(Parser, Debug)]
#[command(name = "sigma", version, about, disable_help_subcommand = false, arg_required_else_help = true)]
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
    Doctor(ServeArgs),
    /// Make, list, show, start, stop and delete channels
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// List, show and end sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Read models: how they stand, and filling them anew
    #[command(subcommand)]
    Projections(ProjectionsCommand),
}

/// Every setting may also stand in the environment (SIGMA_HTTP, …) or in sigma.toml (http = "…").
#[derive(Args, Debug, Default)]
pub(crate) struct ServeArgs {
    /// The settings' file [env: SIGMA_CONFIG] [default: sigma.toml where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept [env: SIGMA_DATA_DIR] [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Web, playback and API [env: SIGMA_HTTP] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
    /// Ingest by RTMP [env: SIGMA_RTMP] [default: 127.0.0.1:1935]
    #[arg(long, value_name = "HOST:PORT")]
    rtmp: Option<String>,
    /// How viewers reach the web address [env: SIGMA_PUBLIC_URL] [default: the request's host]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How encoders reach the RTMP address [env: SIGMA_PUBLIC_RTMP] [default: the request's host and the RTMP port]
    #[arg(long, value_name = "URL")]
    public_rtmp: Option<String>,
    /// Seconds without media after which a feed is lost [env: SIGMA_INGEST_SILENCE] [default: 5]
    #[arg(long, value_name = "SECONDS")]
    ingest_silence: Option<String>,
    /// This node's name [env: SIGMA_NODE_ID] [default: made at first start]
    #[arg(long, value_name = "NAME")]
    node_id: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or by part [env: SIGMA_LOG] [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How it is logged: text or json [env: SIGMA_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    #[command(flatten)]
    later: LaterArgs,
}

/// Settings of later versions: taken so that they can be refused by name.
#[derive(Args, Debug, Default)]
struct LaterArgs {
    #[arg(long, hide = true)]
    roles: Option<String>,
    #[arg(long, hide = true)]
    srt: Option<String>,
    #[arg(long, hide = true)]
    public_srt: Option<String>,
    #[arg(long, hide = true)]
    event_store: Option<String>,
    #[arg(long, hide = true)]
    kafka: Option<String>,
    #[arg(long, hide = true)]
    clickhouse: Option<String>,
    #[arg(long, hide = true)]
    objects: Option<String>,
    #[arg(long, hide = true)]
    tls_cert: Option<String>,
    #[arg(long, hide = true)]
    tls_key: Option<String>,
    #[arg(long, hide = true)]
    rtmps: Option<String>,
    #[arg(long, hide = true)]
    internal: Option<String>,
}

impl ServeArgs {
    /// The file that was named, and what was said of each setting.
    pub(crate) fn into_flags(self) -> (Option<PathBuf>, Flags) {
        let later = self.later;
        let said = [
            ("data-dir", self.data_dir),
            ("http", self.http),
            ("rtmp", self.rtmp),
            ("public-url", self.public_url),
            ("public-rtmp", self.public_rtmp),
            ("ingest-silence", self.ingest_silence),
            ("node-id", self.node_id),
            ("log", self.log),
            ("log-format", self.log_format),
            ("roles", later.roles),
            ("srt", later.srt),
            ("public-srt", later.public_srt),
            ("event-store", later.event_store),
            ("kafka", later.kafka),
            ("clickhouse", later.clickhouse),
            ("objects", later.objects),
            ("tls-cert", later.tls_cert),
            ("tls-key", later.tls_key),
            ("rtmps", later.rtmps),
            ("internal", later.internal),
        ];
        (self.config, said.into_iter().filter_map(|(name, text)| Some((name, text?))).collect())
    }
}

/// Where the platform is: as said here, else by the data folder of a server on this machine.
#[derive(Args, Debug, Default)]
pub(crate) struct ConnectArgs {
    /// The platform's address, as http://127.0.0.1:8080 [env: SIGMA_URL] [default: DATA_DIR/endpoint]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A token [env: SIGMA_TOKEN] [default: DATA_DIR/admin-token]
    #[arg(long, value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The data folder of a server on this machine [env: SIGMA_DATA_DIR] [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<String>,
    /// The settings' file that names the data folder [env: SIGMA_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the GraphQL object as it stands
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LatencyMode {
    /// 20 to 30 s behind
    Normal,
    /// 8 to 10 s behind
    Low,
    /// About 2 s behind
    UltraLow,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ChannelCommand {
    /// Make a channel; prints what the encoder needs
    Create {
        /// Its name
        name: String,
        /// How far behind the camera viewers are [default: low]
        #[arg(long, value_enum)]
        latency_mode: Option<LatencyMode>,
        /// Whether a session goes live by itself [default: true]
        #[arg(long, value_name = "true|false")]
        auto_go_live: Option<bool>,
        /// Seconds that a session may last [default: 43200]
        #[arg(long, value_name = "SECONDS")]
        max_session_duration: Option<i32>,
        /// Seconds that a session waits for a lost feed [default: 60]
        #[arg(long, value_name = "SECONDS")]
        reconnect_window: Option<i32>,
        /// Whether an orderly unpublish ends the session at once [default: true]
        #[arg(long, value_name = "true|false")]
        end_on_unpublish: Option<bool>,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// List channels, newest first
    List {
        /// Only those whose name holds this
        #[arg(long)]
        search: Option<String>,
        /// Rows at most
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show a channel
    Show(ChannelArgs),
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
    Delete(ChannelArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ChannelArgs {
    /// The channel's id, ch_…
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum SessionCommand {
    /// List sessions, newest first
    List {
        /// Only those of this channel
        #[arg(long, value_name = "ID")]
        channel: Option<String>,
        /// Rows at most
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show a session
    Show(SessionArgs),
    /// End a session; its encoder is cut
    End(SessionArgs),
}

#[derive(Args, Debug)]
pub(crate) struct SessionArgs {
    /// The session's id, se_…
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ProjectionsCommand {
    /// How the read models stand
    Status {
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Fill a read model anew from the log while the old one serves
    Rebuild {
        /// The projection's name
        name: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
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
        let (_, flags) = args.into_flags();
        assert_eq!(flags.into_iter().collect::<Vec<_>>(), [("http", "a:1".into()), ("kafka", "b:2".into())]);
    }
}
