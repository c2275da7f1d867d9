//! `sigma relay …`

use clap::Subcommand;

use super::SettingFlags;

#[derive(Subcommand, Debug)]
pub(crate) enum RelayCommand {
    /// Fill Kafka's topic of events from the first event on; whoever follows it drops what he has seen
    Replay(SettingFlags),
}
