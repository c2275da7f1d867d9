//! `sigma projections …`

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::connection::Client;
use super::print;
use super::table::{state, text, whole};
use super::watch::{Wake, watch};
use crate::cli::{ConnectArgs, LineArgs, ProjectionsCommand};
use crate::fault::Fault;

const PROJECTION: &str = "fragment P on Projection { name version generation state lag parked \
parkedLines { aggregateType aggregateId sequence eventType cause waiting } rebuildProgress lastError }";

/// No subscription tells how projections stand: they are asked this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(command: ProjectionsCommand) -> Result<(), Fault> {
    match command {
        ProjectionsCommand::Status { watch, connect } => status(&connect, watch.watch).await,
        ProjectionsCommand::Rebuild { name, no_wait, connect } => rebuild(&connect, &name, !no_wait).await,
        ProjectionsCommand::Retry(args) => line(&args, "retryParked", "are applied").await,
        ProjectionsCommand::Skip(args) => {
            line(&args, "skipParked", "go on without the one that blocked them").await
        }
    }
}

async fn all(client: &Client) -> Result<Value, Fault> {
    let query = format!("query Projections {{ projections {{ ...P }} }} {PROJECTION}");
    client.field(&query, json!({}), "projections").await
}

async fn status(connect: &ConnectArgs, watching: bool) -> Result<(), Fault> {
    let client = Client::connect(connect)?;
    let look = async || {
        let projections = all(&client).await?;
        let lines = rows(&projections);
        Ok((projections, lines))
    };
    if watching {
        return watch(&client, &Wake::Every(LOOK_EVERY), connect.json, look).await;
    }
    let (projections, lines) = look().await?;
    if connect.json { print::json(&projections) } else { print::lines(lines) }
}

fn rows(projections: &Value) -> Vec<String> {
    let all = projections.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = all.iter().map(|one| {
        let text = |name: &str| print::cell(&one[name]);
        vec![text("name"), text("state"), text("generation"), text("lag"), text("parked"), progress(one)]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns = [
        whole("NAME"),
        state("STATE"),
        text("GENERATION"),
        whole("BEHIND"),
        whole("PARKED"),
        whole("REBUILD"),
    ];
    let mut lines = print::table(&columns, &rows);
    for one in all {
        let parked = one["parkedLines"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(parked.iter().map(|line| {
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
    lines
}

async fn rebuild(connect: &ConnectArgs, name: &str, wait: bool) -> Result<(), Fault> {
    let query = format!(
        "mutation Rebuild($name: String!) {{ rebuildProjection(name: $name) {{ projection {{ ...P }} }} }} {PROJECTION}"
    );
    let client = Client::connect(connect)?;
    let before = named(&all(&client).await?, name)["generation"].clone();
    let mut payload = client.field(&query, json!({ "name": name }), "rebuildProjection").await?;
    if !wait {
        let told = format!("{name} is being filled anew; follow it with: sigma projections status --watch");
        return if connect.json { print::json(&payload) } else { print::lines([told]) };
    }
    let mut shown = Progress { last: String::new(), on: !connect.json && std::io::stderr().is_terminal() };
    while !is_rebuilt(&payload["projection"], &before) {
        shown.tell(name, &payload["projection"]);
        sigma_clock::sleep(LOOK_EVERY).await;
        match all(&client).await {
            Ok(projections) => payload["projection"] = named(&projections, name).clone(),
            // The server goes on with it by itself, even after it was started again.
            Err(fault) if fault.may_pass() => {}
            Err(fault) => return Err(fault),
        }
    }
    shown.done();
    if connect.json {
        return print::json(&payload);
    }
    let generation = print::cell(&payload["projection"]["generation"]);
    print::lines([format!("{name} is filled anew and serves as generation {generation}")])
}

fn named<'a>(projections: &'a Value, name: &str) -> &'a Value {
    let all = projections.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|one| one["name"] == json!(name)).unwrap_or(&Value::Null)
}

/// Another generation serves than before, and none is being filled.
fn is_rebuilt(projection: &Value, before: &Value) -> bool {
    projection["rebuildProgress"].is_null()
        && !projection["generation"].is_null()
        && projection["generation"] != *before
}

/// One line of stderr, written over and over.
struct Progress {
    last: String,
    on: bool,
}

impl Progress {
    fn tell(&mut self, name: &str, projection: &Value) {
        let error = print::cell(&projection["lastError"]);
        let error = if error.is_empty() { error } else { format!(" ({error})") };
        let line = format!("{name}: {}{error}", progress(projection));
        if self.on && line != self.last {
            eprint!("\r\u{1b}[K{line}");
            // Only for show.
            let _ = std::io::stderr().flush();
            self.last = line;
        }
    }

    fn done(&self) {
        if self.on && !self.last.is_empty() {
            eprint!("\r\u{1b}[K");
        }
    }
}

async fn line(args: &LineArgs, mutation: &str, done: &str) -> Result<(), Fault> {
    let query = format!(
        "mutation Line($name: String!, $id: ID!) {{ {mutation}(projection: $name, aggregateId: $id) {{ projection {{ ...P }} }} }} {PROJECTION}"
    );
    let variables = json!({ "name": args.name, "id": args.id });
    let payload = Client::connect(&args.connect)?.field(&query, variables, mutation).await?;
    if args.connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{}: the events of {} {done}", args.name, args.id)])
}

fn progress(projection: &Value) -> String {
    projection["rebuildProgress"].as_f64().map_or_else(String::new, |done| format!("{:.0} %", done * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_rebuilt_when_another_generation_serves_and_none_is_being_filled() {
        let at = |generation: Value, progress: Value| json!({ "generation": generation, "rebuildProgress": progress });
        assert!(!is_rebuilt(&at(json!(3), json!(0.4)), &json!(3)));
        assert!(!is_rebuilt(&at(json!(3), Value::Null), &json!(3)));
        assert!(!is_rebuilt(&at(json!(4), json!(0.1)), &json!(3)));
        assert!(is_rebuilt(&at(json!(4), Value::Null), &json!(3)));
    }

    #[test]
    fn parked_lines_and_errors_stand_under_the_table() {
        let projections = json!([{ "name": "channels", "state": "STALLED", "generation": 1, "lag": 5, "parked": 1,
            "rebuildProgress": 0.42, "lastError": "the disk is full",
            "parkedLines": [{ "aggregateId": "ch_1", "sequence": 3, "eventType": "channel.updated", "cause": "no such field" }] }]);
        insta::assert_snapshot!(rows(&projections).join("\n"));
    }
}
