//! A flag for each setting of the table.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::settings::{Flags, Group, LATER, SETTINGS};

/// What stood on the command line of each setting, and the file that was named.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingFlags {
    pub(crate) config: Option<PathBuf>,
    pub(crate) flags: Flags,
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut said = Self::default();
        said.update_from_arg_matches(matches)?;
        Ok(said)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(config) = matches.get_one::<PathBuf>("config") {
            self.config = Some(config.clone());
        }
        let names = SETTINGS.iter().filter(|setting| !setting.is_secret()).map(|setting| setting.name);
        for name in names.chain(LATER.iter().copied()) {
            if let Some(text) = matches.get_one::<String>(name) {
                self.flags.insert(name, text.clone());
            }
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The settings' file [env: SIGMA_CONFIG] [default: sigma.toml where there is one]");
        let flags = SETTINGS.iter().filter(|setting| !setting.is_secret()).map(|setting| {
            let (variable, default) = (setting.variable(), setting.default_in_words());
            let flag = Arg::new(setting.name)
                .long(setting.name)
                .value_name(setting.value)
                .help(format!("{} [env: {variable}] [default: {default}]", setting.help));
            match setting.group {
                // Many, and rarely set: told by --help, not by -h.
                Group::Limits | Group::Health => {
                    flag.help_heading(setting.group.title()).hide_short_help(true)
                }
                _ => flag,
            }
        });
        // Taken so that they can be refused by name.
        let later = LATER.iter().map(|name| Arg::new(*name).long(*name).hide(true));
        command.arg(config).args(flags).args(later)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
