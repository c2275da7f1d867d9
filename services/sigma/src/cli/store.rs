//! `sigma store …`, `sigma backup`, `sigma restore`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::SettingFlags;

#[derive(Subcommand, Debug)]
pub(crate) enum StoreCommand {
    /// Copy a whole event store into an empty one and compare the two; no platform may run on either
    Copy {
        /// What is copied: `sqlite`, in the data folder
        #[arg(long, value_name = "STORE", value_parser = ["sqlite"])]
        from: String,
        /// The empty database, as postgres://USER:PASSWORD@HOST:PORT/DATABASE; a password is better said in the environment
        #[arg(long, value_name = "ADDRESS", env = "SIGMA_EVENT_STORE", hide_env_values = true)]
        to: String,
        /// The data folder
        #[arg(long, value_name = "FOLDER", env = "SIGMA_DATA_DIR", default_value = "./data")]
        data_dir: PathBuf,
    },
    /// Mend a PostgreSQL event store that was restored from a dump or copied; nothing else may use it meanwhile
    RepairXid(SettingFlags),
}

/// What `sigma backup` and `sigma restore` are told.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The file of the copy
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The data folder
    #[arg(long, value_name = "FOLDER", env = "SIGMA_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
}
