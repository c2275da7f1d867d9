//! `sigma store …`, `sigma backup`, `sigma restore`: what is done to an event store beside a running platform, or past it.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::json;
use sigma_store::{Archive, Cursor, Journal, StoreError};
use sigma_store_postgres::{Address, Filled, PostgresOptions, PostgresStore};
use sigma_store_sqlite::SqliteStore;
use sigma_tables::{Place, Schema};

use crate::cli::{BackupArgs, StoreCommand};
use crate::client::print;
use crate::fault::Fault;
use crate::folder::Names;
use crate::serve::PROCESS_SCHEMA;
use crate::settings::{EventStore, Settings, Sources};

/// Rows that are compared at once.
const PAGE: u32 = 1_000;

/// How far a copy is is told each time that it came so far.
const TOLD_EVERY: u64 = 50_000;

pub(crate) async fn run(command: StoreCommand, environment: BTreeMap<String, String>) -> Result<(), Fault> {
    match command {
        StoreCommand::Copy { from: _, to, data_dir } => copy(&to, &Names::of(&data_dir)).await,
        StoreCommand::RepairXid(said) => {
            let sources = Sources::gather(said.config.as_deref(), said.flags, environment)?;
            repair(&Settings::read(&sources)?).await
        }
    }
}

async fn repair(settings: &Settings) -> Result<(), Fault> {
    let EventStore::Postgres { address, .. } = &settings.event_store else {
        return Err(Fault::new(
            "a SQLite event store has no transaction ids to repair",
            "name a database with --event-store postgres://…",
        ));
    };
    let repaired = sigma_store_postgres::repair(address).await.map_err(Fault::told)?;
    print::lines([
        format!("{address}: {} events have got their place in this database", repaired.events),
        "read models and deadlines are derived anew at the next start".to_owned(),
    ])
}

async fn copy(to: &str, names: &Names) -> Result<(), Fault> {
    let to: Address =
        to.parse().map_err(|mend| Fault::new("--to names no database that can be filled", mend))?;
    let from = opened(&names.events()).await?;
    let identity = from.identity().await.map_err(Fault::told)?;
    let target = PostgresStore::open(&to, &PostgresOptions::default()).await.map_err(Fault::told)?;
    let mut told = 0;
    let filled = target.fill(&from, &identity, |filled: Filled| {
        if filled.events >= told + TOLD_EVERY {
            told = filled.events;
            eprintln!("sigma: {told} events copied");
        }
    });
    let filled = filled.await.map_err(Fault::told)?;
    let (ours, theirs) = (digest(&from).await, digest(&target).await);
    let (ours, theirs) = (ours.map_err(Fault::told)?, theirs.map_err(Fault::told)?);
    if ours != theirs {
        return Err(Fault::new(
            format!("{to} does not hold what {} holds ({theirs} is not {ours})", names.events().display()),
            "drop that database, make it anew, and report this",
        ));
    }
    let process = Place::Schema(Schema::new(&to, PROCESS_SCHEMA));
    let uses = sigma_app::carry_uses(&Place::File(names.process()), &process).await.map_err(Fault::told)?;
    let Filled { events, commands, secrets } = filled;
    print::lines([
        format!(
            "{events} events, {commands} commands, {secrets} secrets and {uses} uses of tokens stand in {to}"
        ),
        format!("both hold the same, by SHA-256: {ours}"),
        format!(
            "start sigma with --event-store; the master key stays the one in {}, and read models are filled anew",
            names.master_key().display()
        ),
    ])
}

async fn opened(path: &Path) -> Result<SqliteStore, Fault> {
    there(path)?;
    SqliteStore::open(path).await.map_err(Fault::told)
}

fn there(path: &Path) -> Result<(), Fault> {
    match path.exists() {
        true => Ok(()),
        false => Err(Fault::new(
            format!("there is no event store {}", path.display()),
            "name its data folder with --data-dir",
        )),
    }
}

/// What tells one store's content from another's: each event with its position, each command, each secret.
async fn digest(store: &dyn Archive) -> Result<String, StoreError> {
    let mut context = Context::new(&SHA256);
    let mut add = |row: serde_json::Value| {
        context.update(row.to_string().as_bytes());
        context.update(b"\n");
    };
    let mut after = 0;
    loop {
        let events = store.events_from(after, PAGE).await?;
        let Some((last, _)) = events.last() else { break };
        after = *last;
        for (position, mut event) in events {
            // Its place is told in each store's own way.
            event.cursor = Cursor::start();
            add(json!([position, event]));
        }
    }
    let mut after = String::new();
    loop {
        let commands = store.commands_from(&after, PAGE).await?;
        let Some(last) = commands.last() else { break };
        after.clone_from(&last.record.id);
        for one in commands {
            let record = one.record;
            let facts = (one.last_sequence, one.position);
            add(json!([record.id, record.fingerprint, record.answer, record.at_ms, facts]));
        }
    }
    let mut after = 0;
    loop {
        let secrets = store.secrets_from(after, PAGE).await?;
        let Some((last, _)) = secrets.last() else { break };
        after = *last;
        for (_, row) in secrets {
            add(json!([row.kind, row.owner, row.lookup, row.sealed, row.expires_at_ms]));
        }
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `sigma backup`: a copy of the SQLite event store as it stands at this moment, while it is in use.
pub(crate) async fn back_up(args: BackupArgs) -> Result<(), Fault> {
    let names = Names::of(&args.data_dir);
    there(&names.events())?;
    let copied = sigma_store_sqlite::back_up(&names.events(), &args.file).await.map_err(Fault::told)?;
    print::lines([
        format!("{}: {} events, {} bytes", args.file.display(), copied.events, copied.bytes),
        format!(
            "keep {} with it: without that key its secrets cannot be opened",
            names.master_key().display()
        ),
    ])
}

/// `sigma restore`: puts a copy in the place of the SQLite event store.
pub(crate) async fn restore(args: BackupArgs) -> Result<(), Fault> {
    let names = Names::of(&args.data_dir);
    let restored = sigma_store_sqlite::restore(&args.file, &names.events()).await.map_err(Fault::told)?;
    print::lines([
        format!("{}: {} events stand there again", names.events().display(), restored.events),
        "what stood there before is beside it, with .replaced behind its name; read models are filled anew"
            .to_owned(),
    ])
}
