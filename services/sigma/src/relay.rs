//! `sigma relay …`: what is told to the relay by way of the database, whichever node leads it.

use std::collections::BTreeMap;

use sigma_relay::{Office, PostgresOffice};

use crate::cli::RelayCommand;
use crate::client::print;
use crate::fault::Fault;
use crate::settings::{Settings, Sources};

pub(crate) async fn run(command: RelayCommand, environment: BTreeMap<String, String>) -> Result<(), Fault> {
    let RelayCommand::Replay(said) = command;
    let settings = Settings::read(&Sources::gather(said.config.as_deref(), said.flags, environment)?)?;
    let Some(kafka) = settings.kafka else {
        let wrong = "no Kafka is set, so no relay fills it";
        return Err(Fault::new(wrong, "name the brokers with --kafka and the database with --event-store"));
    };
    let away = |error| Fault::new(error, "see that the database runs, and that --event-store names it");
    let office = PostgresOffice::new(&kafka.database);
    office.forget().await.map_err(|error| away(error.to_string()))?;
    print::lines([
        format!(
            "the relay fills {} from the first event on, at once where a platform runs",
            kafka.events.name
        ),
        "its lag is sigma_relay_lag_events at /metrics; read models drop what they have seen".to_owned(),
    ])
}
