//! `sigma`: the one binary. Settings, wiring, the command-line client, the demonstration.

mod cli;
mod client;
mod counting;
mod demo;
mod doctor;
mod fault;
mod folder;
mod manual;
mod media;
mod nodes;
mod projections;
mod relay;
mod serve;
mod settings;
mod store;
mod telemetry;
mod tls;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ServeArgs};
use crate::fault::Fault;
use crate::settings::{Settings, Sources};

/// glibc's heaps kept a quarter more than was in use, and a little more each minute; this one keeps what is in use, and costs
/// less time (docs/performance.md). SQLite takes its memory from it too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
        Command::Serve(args) => match settings(args)? {
            Some(settings) => runtime()?.block_on(serve::run(settings)),
            None => Ok(()),
        },
        Command::Demo(args) => match settings(args)? {
            Some(settings) => runtime()?.block_on(demo::run(settings)),
            None => Ok(()),
        },
        Command::Doctor(said) => {
            let sources = Sources::gather(said.config.as_deref(), said.flags, environment());
            runtime()?.block_on(doctor::run(sources))
        }
        Command::Channel(command) => runtime()?.block_on(client::channel::run(command)),
        Command::Asset(command) => runtime()?.block_on(client::asset::run(command)),
        Command::Session(command) => runtime()?.block_on(client::session::run(command)),
        Command::Token(command) => runtime()?.block_on(client::token::run(command)),
        Command::Project(command) => runtime()?.block_on(client::token::run_project(command)),
        Command::Events(command) => runtime()?.block_on(client::events::run(command)),
        Command::Projections(command) => runtime()?.block_on(client::projections::run(command)),
        Command::Relay(command) => runtime()?.block_on(relay::run(command, environment())),
        Command::Store(command) => runtime()?.block_on(store::run(command, environment())),
        Command::Backup(args) => runtime()?.block_on(store::back_up(args)),
        Command::Restore(args) => runtime()?.block_on(store::restore(args)),
        Command::HlsCheck(args) => runtime()?.block_on(client::hls_check::run(args)),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { folder } => manual::man(folder.as_deref()),
    }
}

/// The settings; none when they were only to be printed.
fn settings(args: ServeArgs) -> Result<Option<Settings>, Fault> {
    let said = args.settings;
    let settings = Settings::read(&Sources::gather(said.config.as_deref(), said.flags, environment())?)?;
    if !args.print_config {
        return Ok(Some(settings));
    }
    for warning in &settings.warnings {
        eprintln!("sigma: {warning}");
    }
    settings::print(&settings.in_force, args.json).map(|()| None)
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
