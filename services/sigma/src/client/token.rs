//! `sigma token …` and `sigma project …`

use std::time::Duration;

use serde_json::{Map, Value, json};
use sigma_clock::{Clock, SystemClock};

use super::connection::Client;
use super::print;
use super::table::{extra, state, text, whole};
use super::watch::{Wake, watch};
use crate::cli::{ConnectArgs, ProjectCommand, TokenCommand};
use crate::fault::Fault;

const TOKEN: &str = "fragment T on ApiToken { id name prefix scopes channelIds project { id name } createdAt \
createdBy { kind id name } expiresAt lastUsedAt revokedAt }";
const PROJECT: &str = "fragment R on Project { id name createdAt }";

/// No subscription tells of tokens and projects: a watched list is asked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(command: TokenCommand) -> Result<(), Fault> {
    match command {
        TokenCommand::Create { name, scopes, expires_in, channels, project, connect } => {
            let said = [
                ("name", Some(json!(name))),
                ("scopes", Some(json!(scopes))),
                ("expiresInSeconds", expires_in.map(Value::from)),
                ("channelIds", Some(channels).filter(|channels| !channels.is_empty()).map(Value::from)),
                ("projectId", project.map(Value::from)),
            ];
            let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            create(&connect, Value::Object(said.collect::<Map<String, Value>>())).await
        }
        TokenCommand::List { watch, connect } => list(&connect, watch.watch).await,
        TokenCommand::Revoke { id, connect } => revoke(&connect, &id).await,
    }
}

async fn create(connect: &ConnectArgs, input: Value) -> Result<(), Fault> {
    let query = format!(
        "mutation Token($input: ApiTokenInput!) {{ createApiToken(input: $input) {{ token {{ ...T }} secret }} }} {TOKEN}"
    );
    let payload =
        Client::connect(connect)?.field(&query, json!({ "input": input }), "createApiToken").await?;
    if connect.json {
        return print::json(&payload);
    }
    let token = &payload["token"];
    let mut lines = print::facts(&[
        ("id", print::cell(&token["id"])),
        ("name", print::cell(&token["name"])),
        ("scopes", print::cells(&token["scopes"])),
        ("channels", print::cells(&token["channelIds"])),
        ("expires", print::moment(&token["expiresAt"])),
        ("token", print::cell(&payload["secret"])),
    ]);
    lines.push("Keep the token now: it is not shown again.".to_owned());
    print::lines(lines)
}

/// Shows a list that has no pages, once or on and on.
async fn show(
    connect: &ConnectArgs,
    watching: bool,
    query: &str,
    field: &str,
    rows: impl Fn(&[Value]) -> Vec<String>,
) -> Result<(), Fault> {
    let client = Client::connect(connect)?;
    let look = async || {
        let found = client.field(query, json!({}), field).await?;
        let lines = rows(found.as_array().map(Vec::as_slice).unwrap_or_default());
        Ok((found, lines))
    };
    if watching {
        return watch(&client, &Wake::Every(LOOK_EVERY), connect.json, look).await;
    }
    let (found, lines) = look().await?;
    if connect.json { print::json(&found) } else { print::lines(lines) }
}

async fn list(connect: &ConnectArgs, watching: bool) -> Result<(), Fault> {
    let query = format!("query Tokens {{ apiTokens {{ ...T }} }} {TOKEN}");
    show(connect, watching, &query, "apiTokens", tokens).await
}

fn tokens(all: &[Value]) -> Vec<String> {
    if all.is_empty() {
        return vec!["No tokens. Make one with: sigma token create NAME --scope channels:read".to_owned()];
    }
    let now = SystemClock.now().millis();
    let rows = all.iter().map(|token| {
        let cell = |name: &str| print::cell(&token[name]);
        let expires = print::moment(&token["expiresAt"]);
        vec![
            cell("id"),
            standing(token, now).to_owned(),
            cell("name"),
            cell("prefix"),
            print::cells(&token["scopes"]),
            expires,
            print::moment(&token["lastUsedAt"]),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let columns = [
        whole("ID"),
        state("STATE"),
        text("NAME"),
        extra("BEGINS"),
        text("SCOPES"),
        extra("EXPIRES"),
        extra("LAST USED"),
    ];
    print::table(&columns, &rows)
}

fn standing(token: &Value, now_ms: i64) -> &'static str {
    let expired = token["expiresAt"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    match (token["revokedAt"].is_null(), expired) {
        (false, _) => "revoked",
        (true, Some(at)) if at.as_millisecond() <= now_ms => "expired",
        _ => "valid",
    }
}

async fn revoke(connect: &ConnectArgs, id: &str) -> Result<(), Fault> {
    let query =
        format!("mutation Revoke($id: ID!) {{ revokeApiToken(id: $id) {{ token {{ ...T }} }} }} {TOKEN}");
    let payload = Client::connect(connect)?.field(&query, json!({ "id": id }), "revokeApiToken").await?;
    if connect.json {
        return print::json(&payload);
    }
    print::lines([format!("{} ({id}) is revoked", print::cell(&payload["token"]["name"]))])
}

pub(crate) async fn run_project(command: ProjectCommand) -> Result<(), Fault> {
    match command {
        ProjectCommand::Create { name, connect } => {
            let query = format!(
                "mutation Project($name: String!) {{ createProject(name: $name) {{ project {{ ...R }} }} }} {PROJECT}"
            );
            let payload =
                Client::connect(&connect)?.field(&query, json!({ "name": name }), "createProject").await?;
            if connect.json {
                return print::json(&payload);
            }
            let project = &payload["project"];
            print::lines(print::facts(&[
                ("id", print::cell(&project["id"])),
                ("name", print::cell(&project["name"])),
            ]))
        }
        ProjectCommand::List { watch, connect } => {
            let query = format!("query Projects {{ projects {{ ...R }} }} {PROJECT}");
            show(&connect, watch.watch, &query, "projects", projects).await
        }
    }
}

fn projects(all: &[Value]) -> Vec<String> {
    let rows = all.iter().map(|project| {
        let cell = |name: &str| print::cell(&project[name]);
        vec![cell("id"), cell("name"), print::moment(&project["createdAt"])]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    print::table(&[whole("ID"), text("NAME"), extra("CREATED")], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_until_it_expires_or_is_revoked() {
        let token = |expires: Value, revoked: Value| json!({ "expiresAt": expires, "revokedAt": revoked });
        let at = "2026-11-24T17:30:00.250Z";
        let millis = at.parse::<jiff::Timestamp>().expect("a moment").as_millisecond();
        assert_eq!(standing(&token(json!(at), Value::Null), millis - 1), "valid");
        assert_eq!(standing(&token(json!(at), Value::Null), millis), "expired");
        assert_eq!(standing(&token(Value::Null, json!(at)), 0), "revoked");
        assert_eq!(standing(&token(Value::Null, Value::Null), i64::MAX), "valid");
    }
}
