//! Finding the platform, and asking it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::errors::{is_only_withheld, refusal, withheld};
use crate::cli::ConnectArgs;
use crate::fault::Fault;
use crate::folder::{Names, plain, read_line};
use crate::settings::{Flags, Sources, data_dir};
use crate::tls::Trust;

/// The server gives a request up after 20 s; who waits longer waits for nobody.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// An event stream says something at least this often, or its server is gone.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);
/// Rows that the API gives at once.
const PAGE: u16 = 100;

/// One platform, and the right to ask it.
pub(crate) struct Client {
    url: String,
    token: Token,
    http: reqwest::Client,
    /// That the token may not see everything is said once.
    told_withheld: AtomicBool,
}

/// A token, and what it came from: told when it is refused.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    text: String,
    pub(crate) from: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(of {})", self.from)
    }
}

/// A platform, the right to ask it, and whose certificate it is to show.
struct Found {
    url: String,
    token: Token,
    trust: Trust,
}

/// Where the platform is and with which token: as said, else the environment, else the data folder, whose token goes to its own
/// server and to this machine alone.
fn find(args: &ConnectArgs, environment: &BTreeMap<String, String>) -> Result<Found, Fault> {
    let said = |flag: &Option<String>, name: &str, variable: &str| {
        let flag = flag.clone().map(|text| (text, name.to_owned()));
        let variable = || {
            let text = environment.get(variable).filter(|text| !text.is_empty())?;
            Some((text.clone(), variable.to_owned()))
        };
        flag.or_else(variable)
    };
    let folder = || -> Result<Names, Fault> {
        let flags: Flags = args.data_dir.iter().map(|folder| ("data-dir", folder.clone())).collect();
        let sources = Sources::gather(args.config.as_deref(), flags, environment.clone())?;
        Ok(Names::of(&data_dir(&sources)?))
    };
    let url = match said(&args.url, "--url", "SIGMA_URL") {
        Some((url, _)) => url,
        None => {
            from_folder(folder()?.endpoint(), "start it with `sigma serve`, or name the platform with --url")?
        }
    };
    let url = url.trim_end_matches('/').to_owned();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Fault::new(format!("`{url}` is no address"), "write it as http://127.0.0.1:8080"));
    }
    let token = match said(&args.token, "--token", "SIGMA_TOKEN") {
        Some((text, from)) => Token { text, from },
        None => {
            let names = folder()?;
            let path = names.admin_token();
            if !is_at_home(&url, &names) {
                let wrong =
                    format!("{url} is not the server of {}: its token is not sent there", path.display());
                return Err(Fault::new(wrong, "name a token of that server with --token or SIGMA_TOKEN"));
            }
            let from = path.display().to_string();
            Token { text: from_folder(path, "name a token with --token or SIGMA_TOKEN")?, from }
        }
    };
    if !token.text.bytes().all(|byte| byte.is_ascii_graphic()) || token.text.is_empty() {
        let wrong = format!("what {} says is no token", token.from);
        return Err(Fault::new(wrong, "a token has no blanks: see that it was copied whole"));
    }
    let trust = match said(&args.tls_ca, "--tls-ca", "SIGMA_TLS_CA") {
        Some((file, _)) => Trust::Authorities(PathBuf::from(file)),
        None => folder().map_or(Trust::Machine, |names| trust_of(&url, &names)),
    };
    Ok(Found { url, token, trust })
}

/// The data folder's own server is known by its certificate, whoever signed it and whatever name it has.
fn trust_of(url: &str, names: &Names) -> Trust {
    let certificate = names.certificate();
    if url.starts_with("https://") && is_at_home(url, names) && certificate.exists() {
        Trust::Alone(certificate)
    } else {
        Trust::Machine
    }
}

/// Whether an address is that of the data folder's own server, or of this machine: nobody else is shown the folder's token.
fn is_at_home(url: &str, names: &Names) -> bool {
    let is_own = read_line(&names.endpoint()).is_ok_and(|own| own.trim_end_matches('/') == url);
    is_own || is_this_machine(url)
}

fn is_this_machine(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let Some(host) = url.host_str() else { return false };
    // An IPv6 address stands in brackets there.
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
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
        let Found { url, token, trust } = find(args, &crate::environment())?;
        Self::with(url, token, &trust)
    }

    /// A platform whose address and token are known.
    pub(crate) fn new(url: String, token: String, trust: &Trust) -> Result<Self, Fault> {
        Self::with(url, Token { text: token, from: "this server".to_owned() }, trust)
    }

    /// The server that says it runs on this data folder.
    pub(crate) fn of_folder(url: String, token: String, names: &Names) -> Result<Self, Fault> {
        let trust = trust_of(&url, names);
        Self::new(url, token, &trust)
    }

    fn with(url: String, token: Token, trust: &Trust) -> Result<Self, Fault> {
        let mut builder = reqwest::Client::builder();
        if let Some(config) = trust.config()? {
            builder = builder.tls_backend_preconfigured(config);
        }
        let http = builder
            .user_agent(concat!("sigma/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SIGN_OF_LIFE)
            .build()
            .map_err(|error| {
                Fault::new(format!("no HTTP client can be made: {error}"), "see the machine's certificates")
            })?;
        Ok(Self { url, token, http, told_withheld: AtomicBool::new(false) })
    }

    /// Asks one operation and gives its `data`.
    ///
    /// # Errors
    /// Nobody answers, or the API says why not.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Result<Value, Fault> {
        let sent = self.post(query, &variables).timeout(ANSWER_WITHIN).send().await;
        self.data(sent.map_err(|error| self.unreachable(&error))?).await
    }

    /// Begins an event stream: GraphQL over SSE, in its distinct connections mode.
    ///
    /// # Errors
    /// Nobody answers, or the API says why not.
    pub(crate) async fn stream(&self, query: &str, variables: &Value) -> Result<reqwest::Response, Fault> {
        let asked = self.post(query, variables).header(http::header::ACCEPT, "text/event-stream").send();
        let sent = sigma_clock::timeout(ANSWER_WITHIN, asked).await;
        let sent = sent.map_err(|_| self.away("does not answer in time"))?;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let kind = response.headers().get(http::header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return Ok(response);
        }
        self.data(response).await?;
        let wrong = format!("{}/graphql answers no event stream", self.url);
        Err(Fault::new(wrong, "see that --url leads to a Sigma Livestream server of this version"))
    }

    fn post(&self, query: &str, variables: &Value) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(&self.token.text);
        request.json(&json!({ "query": query, "variables": variables }))
    }

    async fn data(&self, response: reqwest::Response) -> Result<Value, Fault> {
        let status = response.status();
        let retry_after = response.headers().get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()).map(str::to_owned);
        let answer = response.json::<Value>().await.map_err(|_| {
            let wrong = format!("{}/graphql answers {status} and no JSON", self.url);
            let fault = Fault::new(wrong, "see that --url names a Sigma Livestream server");
            if status.is_server_error() { fault.that_may_pass() } else { fault }
        });
        self.answered(answer?, retry_after.as_deref())
    }

    /// The `data` of an answer of the API, or why there is none.
    pub(crate) fn answered(&self, mut answer: Value, retry_after: Option<&str>) -> Result<Value, Fault> {
        let errors = answer["errors"].as_array().filter(|errors| !errors.is_empty());
        if let Some(errors) = errors {
            let stands =
                answer["data"].as_object().is_some_and(|data| data.values().all(|field| !field.is_null()));
            if !stands || !is_only_withheld(errors) {
                return Err(refusal(errors, &self.url, &self.token.from, retry_after));
            }
            if !self.told_withheld.swap(true, Ordering::Relaxed) {
                eprintln!("sigma: something is left out: {}", withheld(errors));
            }
        }
        match answer.get_mut("data").map(Value::take) {
            Some(data) if data.is_object() => Ok(data),
            _ => match answer["error"]["message"].as_str() {
                // The HTTP door's own errors have another shape.
                Some(message) => {
                    let mend = answer["error"]["mend"].as_str().unwrap_or("see the server's log");
                    Err(Fault::new(message, mend).that_may_pass())
                }
                None => Err(Fault::new(
                    format!("{}/graphql answers without data", self.url),
                    "see the server's log",
                )),
            },
        }
    }

    /// What `/readyz` says, ready or not.
    pub(crate) async fn readiness(&self) -> Result<Value, Fault> {
        let sent = self.http.get(format!("{}/readyz", self.url)).timeout(ANSWER_WITHIN).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        response
            .json()
            .await
            .map_err(|_| Fault::new(format!("{}/readyz answers no JSON", self.url), "see the server's log"))
    }

    /// Begins to read a file of this platform. The token goes to nobody but the platform that it was given for, whatever host the
    /// file's address names.
    pub(crate) async fn file(&self, address: &str) -> Result<reqwest::Response, Fault> {
        let path = reqwest::Url::parse(address).map(|url| url.path().to_owned());
        let path = path.unwrap_or_else(|_| address.to_owned());
        let asked = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token.text).send();
        let sent = sigma_clock::timeout(ANSWER_WITHIN, asked).await;
        let sent = sent.map_err(|_| self.away("does not answer in time"))?;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let answer = response.json::<Value>().await.unwrap_or_default();
        let message = answer["error"]["message"].as_str().map(str::to_owned);
        let mend = answer["error"]["mend"].as_str().unwrap_or("see the server's log");
        Err(Fault::new(message.unwrap_or_else(|| format!("{address} answers {status}")), mend))
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

    /// Why nothing came.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Fault {
        if is_distrust(error) {
            let wrong = format!("{} shows a certificate that is not believed here", self.url);
            return Fault::new(
                wrong,
                "name the file of its authority, or the certificate's own, with --tls-ca",
            );
        }
        self.away(if error.is_timeout() { "does not answer in time" } else { "does not answer" })
    }

    fn away(&self, how: &str) -> Fault {
        let mend = "see that `sigma serve` runs there, or name another with --url";
        Fault::new(format!("{} {how}", self.url), mend).that_may_pass()
    }
}

/// Whether a connection came to nothing for the certificate that was shown.
pub(crate) fn is_distrust(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let within = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause
            .downcast_ref::<sigma_door::rustls::Error>()
            .or_else(|| within.and_then(|within| within.downcast_ref::<sigma_door::rustls::Error>()));
        if matches!(tls, Some(sigma_door::rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(url: Option<&str>, token: Option<&str>, data_dir: Option<&std::path::Path>) -> ConnectArgs {
        ConnectArgs {
            url: url.map(str::to_owned),
            token: token.map(str::to_owned),
            data_dir: data_dir.map(|folder| folder.display().to_string()),
            tls_ca: None,
            config: Some("/dev/null".into()),
            json: false,
        }
    }

    #[test]
    fn what_is_said_wins_over_the_environment_and_that_over_the_data_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("endpoint"), "http://of.folder:1\n").expect("written");
        std::fs::write(folder.path().join("admin-token"), "of-folder\n").expect("written");
        let environment = BTreeMap::from([("SIGMA_URL".to_owned(), "http://127.0.0.1:2/".to_owned())]);
        let found = |args: &ConnectArgs, environment: &BTreeMap<String, String>| {
            let Found { url, token, .. } = find(args, environment).expect("a platform");
            (url, token.text, token.from)
        };
        let known = |url: &str, token: &str, from: &str| (url.to_owned(), token.to_owned(), from.to_owned());
        let of_folder = folder.path().join("admin-token").display().to_string();
        assert_eq!(
            found(&given(None, None, Some(folder.path())), &environment),
            known("http://127.0.0.1:2", "of-folder", &of_folder)
        );
        assert_eq!(
            found(&given(Some("http://said"), Some("said"), None), &environment),
            known("http://said", "said", "--token")
        );
        assert_eq!(
            found(&given(None, Some("said"), Some(folder.path())), &BTreeMap::new()),
            known("http://of.folder:1", "said", "--token")
        );
    }

    #[test]
    fn the_folders_token_goes_to_its_own_server_and_to_this_machine_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("endpoint"), "https://live.example\n").expect("written");
        std::fs::write(folder.path().join("admin-token"), "of-folder\n").expect("written");
        let find = |url: &str| find(&given(Some(url), None, Some(folder.path())), &BTreeMap::new());
        for home in
            ["https://live.example/", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:1"]
        {
            assert_eq!(find(home).expect("a platform").token.text, "of-folder", "{home}");
        }
        let elsewhere = [
            "http://live.example",
            "https://live.example.net",
            "https://live.example@elsewhere",
            "http://127.0.0.1@elsewhere:8080",
            "http://localhost.elsewhere",
            "http://192.0.2.1:8080",
        ];
        for elsewhere in elsewhere {
            let Err(line) = find(elsewhere).map_err(|fault| fault.to_string()) else { panic!("{elsewhere}") };
            assert!(line.contains("its token is not sent there; name a token"), "{line}");
        }
    }

    #[test]
    fn a_data_folder_without_a_server_is_told_with_the_mend() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = find(&given(None, None, Some(folder.path())), &BTreeMap::new());
        let Err(line) = found.map_err(|fault| fault.to_string()) else { panic!("a platform") };
        assert!(line.contains("no server of this data folder runs; start it with `sigma serve`"), "{line}");
    }

    #[test]
    fn a_token_that_was_not_copied_whole_is_told_without_its_text() {
        let given = given(Some("http://said"), Some("two words"), None);
        let Err(line) = find(&given, &BTreeMap::new()).map_err(|fault| fault.to_string()) else {
            panic!("a platform")
        };
        assert!(line.starts_with("what --token says is no token; ") && !line.contains("two"), "{line}");
    }

    #[test]
    fn the_folders_own_server_is_known_by_its_certificate_and_others_by_who_signed_theirs() {
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("certificate.pem");
        for (name, text) in
            [("admin-token", "t"), ("endpoint", "https://127.0.0.1:1"), ("certificate.pem", "c")]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let trust = |args: ConnectArgs| find(&args, &BTreeMap::new()).ok().map(|found| found.trust);
        let of_folder = given(None, None, Some(folder.path()));
        assert_eq!(trust(of_folder.clone()), Some(Trust::Alone(certificate)));
        let elsewhere = given(Some("https://live.example"), Some("t"), Some(folder.path()));
        assert_eq!(trust(elsewhere), Some(Trust::Machine));
        let plain = given(Some("http://127.0.0.1:1"), Some("t"), Some(folder.path()));
        assert_eq!(trust(plain), Some(Trust::Machine));
        let said = ConnectArgs { tls_ca: Some("ca.pem".to_owned()), ..of_folder };
        assert_eq!(trust(said), Some(Trust::Authorities("ca.pem".into())));
    }
}
