//! What every client command takes.

use std::path::PathBuf;

use clap::Args;

/// Where the platform is: as said here, else by the data folder of a server on this machine.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ConnectArgs {
    /// The platform's address, as http://127.0.0.1:8080 [env: SIGMA_URL] [default: DATA_DIR/endpoint]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub(crate) url: Option<String>,
    /// A token [env: SIGMA_TOKEN] [default: DATA_DIR/admin-token]
    #[arg(long, value_name = "TOKEN", hide_env_values = true, help_heading = "Connection")]
    pub(crate) token: Option<String>,
    /// Certificates to believe, in PEM: an authority's, or the platform's own [env: SIGMA_TLS_CA] [default: the machine's; the certificate
    /// that a data folder's own server shows]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) tls_ca: Option<String>,
    /// The data folder of a server on this machine [env: SIGMA_DATA_DIR] [default: ./data]
    #[arg(long, value_name = "FOLDER", help_heading = "Connection")]
    pub(crate) data_dir: Option<String>,
    /// The settings' file that names the data folder [env: SIGMA_CONFIG]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) config: Option<PathBuf>,
    /// Print the GraphQL object as it stands
    #[arg(long)]
    pub(crate) json: bool,
}

/// Showing something on and on.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct WatchArgs {
    /// Go on showing it as it changes; with --json one object a line
    #[arg(long)]
    pub(crate) watch: bool,
}

/// How much of a list.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LimitArgs {
    /// Rows at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) limit: u16,
}
