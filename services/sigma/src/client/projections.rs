//! `sigma projections …`

use serde_json::{Value, json};

use super::connection::Client;
use super::print;
use crate::cli::{ConnectArgs, ProjectionsCommand};
use crate::fault::Fault;

const PROJECTION: &str = "fragment P on Projection { name version generation state lag parked \
parkedLines { aggregateType aggregateId sequence eventType cause waiting } rebuildProgress lastError }";

pub(crate) async fn run(command: ProjectionsCommand) -> Result<(), Fault> {
    match command {
        ProjectionsCommand::Status { connect } => status(&connect).await,
        ProjectionsCommand::Rebuild { name, connect } => rebuild(&connect, &name).await,
    }
}

async fn status(connect: &ConnectArgs) -> Result<(), Fault> {
    let query = format!("query Projections {{ projections {{ ...P }} }} {PROJECTION}");
    let projections = Client::connect(connect)?.field(&query, json!({}), "projections").await?;
    if connect.json {
        return print::json(&projections);
    }
    let all = projections.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = all.iter().map(|one| {
        let text = |name: &str| print::cell(&one[name]);
        vec![text("name"), text("state"), text("generation"), text("lag"), text("parked"), progress(one)]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut lines = print::table(&["NAME", "STATE", "GENERATION", "BEHIND", "PARKED", "REBUILD"], &rows);
    for one in all {
        let lines_parked = one["parkedLines"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(lines_parked.iter().map(|line| {
            let text = |name: &str| print::cell(&line[name]);
            format!(
                "{}: {} is parked at event {} ({}): {}",
                print::cell(&one["name"]),
                text("aggregateId"),
                text("sequence"),
                text("eventType"),
                text("cause")
            )
        }));
        if !one["lastError"].is_null() {
            lines.push(format!("{}: {}", print::cell(&one["name"]), print::cell(&one["lastError"])));
        }
    }
    print::lines(lines)
}

async fn rebuild(connect: &ConnectArgs, name: &str) -> Result<(), Fault> {
    let query = format!(
        "mutation Rebuild($name: String!) {{ rebuildProjection(name: $name) {{ projection {{ ...P }} }} }} {PROJECTION}"
    );
    let payload =
        Client::connect(connect)?.field(&query, json!({ "name": name }), "rebuildProjection").await?;
    if connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{name} is being filled anew; follow it with: sigma projections status")])
}

fn progress(projection: &Value) -> String {
    // A fraction with three places, as text: no arithmetic on it is needed.
    projection["rebuildProgress"].as_f64().map_or_else(String::new, |done| format!("{:.0} %", done * 100.0))
}
