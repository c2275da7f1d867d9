//! `sigma`: the one binary. Settings, wiring, the command-line client, the demonstration.

mod cli;
mod client;
mod demo;
mod doctor;
mod fault;
mod folder;
mod media;
mod projections;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ServeArgs};
use crate::fault::Fault;
use crate::settings::{Settings, Sources};

fn main() -> ExitCode {
    // Usage errors end here with exit code 2.
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("sigma: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Fault> {
    match command {
        Command::Serve(args) => {
            let settings = settings(args)?;
            serve::log(&settings);
            runtime()?.block_on(serve::run(settings))
        }
        Command::Demo(args) => {
            let settings = settings(args)?;
            serve::log(&settings);
            runtime()?.block_on(demo::run(settings))
        }
        Command::Doctor(args) => {
            let (config, flags) = args.into_flags();
            runtime()?.block_on(doctor::run(Sources::gather(config.as_deref(), flags, environment())))
        }
        Command::Channel(command) => runtime()?.block_on(client::channel::run(command)),
        Command::Session(command) => runtime()?.block_on(client::session::run(command)),
        Command::Projections(command) => runtime()?.block_on(client::projections::run(command)),
    }
}

fn settings(args: ServeArgs) -> Result<Settings, Fault> {
    let (config, flags) = args.into_flags();
    Settings::read(&Sources::gather(config.as_deref(), flags, environment())?)
}

/// The environment's variables of ours. What is no text is none that was meant for us.
fn environment() -> std::collections::BTreeMap<String, String> {
    let ours = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    ours.filter(|(name, _)| name.starts_with("SIGMA_")).collect()
}

fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("sigma").build();
    built.map_err(|error| {
        Fault::new(format!("no threads can be started: {error}"), "see ulimit -u and the memory")
    })
}
