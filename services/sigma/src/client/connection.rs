//! Finding the platform, and asking it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::ConnectArgs;
use crate::fault::Fault;
use crate::folder::{Names, plain, read_line};
use crate::settings::{Flags, Sources, data_dir};

/// The server gives a request up after 20 s; who waits longer waits for nobody.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Rows that the API gives at once.
const PAGE: u16 = 100;

/// One platform, and the right to ask it.
pub(crate) struct Client {
    url: String,
    token: String,
    http: reqwest::Client,
}

/// Where the platform is and with which token: as said, else the environment, else the data folder.
fn find(args: &ConnectArgs, environment: &BTreeMap<String, String>) -> Result<(String, String), Fault> {
    let said = |flag: &Option<String>, variable: &str| {
        flag.clone().or_else(|| environment.get(variable).filter(|text| !text.is_empty()).cloned())
    };
    let folder = || -> Result<Names, Fault> {
        let flags: Flags = args.data_dir.iter().map(|folder| ("data-dir", folder.clone())).collect();
        let sources = Sources::gather(args.config.as_deref(), flags, environment.clone())?;
        Ok(Names::of(&data_dir(&sources)?))
    };
    let url = match said(&args.url, "SIGMA_URL") {
        Some(url) => url,
        None => {
            from_folder(folder()?.endpoint(), "start it with `sigma serve`, or name the platform with --url")?
        }
    };
    let token = match said(&args.token, "SIGMA_TOKEN") {
        Some(token) => token,
        None => from_folder(folder()?.admin_token(), "name a token with --token or SIGMA_TOKEN")?,
    };
    let url = url.trim_end_matches('/').to_owned();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Fault::new(format!("`{url}` is no address"), "write it as http://127.0.0.1:8080"));
    }
    Ok((url, token))
}

fn from_folder(path: PathBuf, mend: &str) -> Result<String, Fault> {
    read_line(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Fault::new(format!("there is no {}: no server of this data folder runs", path.display()), mend)
        }
        _ => Fault::new(format!("{} cannot be read: {}", path.display(), plain(&error)), mend),
    })
}

impl Client {
    /// The platform that a command's arguments lead to.
    pub(crate) fn connect(args: &ConnectArgs) -> Result<Self, Fault> {
        let (url, token) = find(args, &crate::environment())?;
        Self::new(url, token)
    }

    pub(crate) fn new(url: String, token: String) -> Result<Self, Fault> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("sigma/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|error| {
                Fault::new(format!("no HTTP client can be made: {error}"), "see the machine's certificates")
            })?;
        Ok(Self { url, token, http })
    }

    /// Asks one operation and gives its `data`.
    ///
    /// # Errors
    /// Nobody answers, or the API says why not.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Result<Value, Fault> {
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(&self.token);
        let sent = request.json(&json!({ "query": query, "variables": variables })).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(|_| {
            let wrong = format!("{}/graphql answers {status} and no JSON", self.url);
            Fault::new(wrong, "see that --url names a Sigma Livestream server")
        })?;
        if let Some(errors) =
            answer.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty())
        {
            return Err(Fault::told(errors.iter().map(sentence).collect::<Vec<_>>().join("; ")));
        }
        match answer.get("data") {
            Some(data) if status.is_success() => Ok(data.clone()),
            _ => Err(Fault::new(format!("{}/graphql answers {status}", self.url), "see the server's log")),
        }
    }

    /// What `/readyz` says, ready or not.
    pub(crate) async fn readiness(&self) -> Result<Value, Fault> {
        let sent = self.http.get(format!("{}/readyz", self.url)).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        response
            .json()
            .await
            .map_err(|_| Fault::new(format!("{}/readyz answers no JSON", self.url), "see the server's log"))
    }

    /// Asks one operation and gives the one field that it selects.
    pub(crate) async fn field(&self, query: &str, variables: Value, field: &str) -> Result<Value, Fault> {
        let mut data = self.ask(query, variables).await?;
        Ok(data.get_mut(field).map(Value::take).unwrap_or_default())
    }

    /// Reads a connection on until `limit` rows are there or it ends; gives one connection of all of them.
    pub(crate) async fn pages(
        &self,
        query: &str,
        mut variables: Value,
        field: &str,
        limit: u16,
    ) -> Result<Value, Fault> {
        let mut nodes: Vec<Value> = Vec::new();
        loop {
            let left = usize::from(limit).saturating_sub(nodes.len());
            variables["first"] = json!(left.min(usize::from(PAGE)));
            let mut page = self.field(query, variables.clone(), field).await?;
            if let Some(Value::Array(more)) = page.get_mut("nodes").map(Value::take) {
                nodes.extend(more);
            }
            let info = page["pageInfo"].take();
            if nodes.len() >= usize::from(limit) || info["hasNextPage"] != json!(true) {
                return Ok(json!({ "nodes": nodes, "pageInfo": info }));
            }
            variables["after"] = info["endCursor"].clone();
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Fault {
        let why = if error.is_timeout() { "does not answer in time" } else { "does not answer" };
        Fault::new(
            format!("{} {why}", self.url),
            "see that `sigma serve` runs there, or name another with --url",
        )
    }
}

/// An error of the API as a person reads it: its sentence, and the fields that are wrong.
fn sentence(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or("the server gave no reason");
    let fields = error["extensions"]["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields =
        fields.iter().filter_map(|field| Some((field["path"].as_str()?, field["message"].as_str()?)));
    let fields: Vec<String> = fields.map(|(path, message)| format!("{path}: {message}")).collect();
    if fields.is_empty() { message.to_owned() } else { fields.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(url: Option<&str>, token: Option<&str>, data_dir: Option<&std::path::Path>) -> ConnectArgs {
        ConnectArgs {
            url: url.map(str::to_owned),
            token: token.map(str::to_owned),
            data_dir: data_dir.map(|folder| folder.display().to_string()),
            config: Some("/dev/null".into()),
            json: false,
        }
    }

    #[test]
    fn what_is_said_wins_over_the_environment_and_that_over_the_data_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("endpoint"), "http://of.folder:1\n").expect("written");
        std::fs::write(folder.path().join("admin-token"), "of-folder\n").expect("written");
        let environment = BTreeMap::from([("SIGMA_URL".to_owned(), "http://of.environment/".to_owned())]);
        let found = find(&given(None, None, Some(folder.path())), &environment);
        assert_eq!(found, Ok(("http://of.environment".to_owned(), "of-folder".to_owned())));
        let found = find(&given(Some("http://said"), Some("said"), None), &environment);
        assert_eq!(found, Ok(("http://said".to_owned(), "said".to_owned())));
        let found = find(&given(None, Some("said"), Some(folder.path())), &BTreeMap::new());
        assert_eq!(found, Ok(("http://of.folder:1".to_owned(), "said".to_owned())));
    }

    #[test]
    fn a_data_folder_without_a_server_is_told_with_the_mend() {
        let folder = tempfile::tempdir().expect("a folder");
        let line =
            find(&given(None, None, Some(folder.path())), &BTreeMap::new()).expect_err("refused").to_string();
        assert!(line.contains("no server of this data folder runs; start it with `sigma serve`"), "{line}");
    }

    #[test]
    fn wrong_fields_are_told_instead_of_their_sum() {
        let error = json!({ "message": "1 of the input field is wrong",
            "extensions": { "fields": [{ "path": "name", "message": "the channel's name must have 1 to 100 characters" }] } });
        assert_eq!(sentence(&error), "name: the channel's name must have 1 to 100 characters");
        assert_eq!(sentence(&json!({ "message": "no" })), "no");
    }
}
