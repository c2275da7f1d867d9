//! A client of the GraphQL API, as an integrator writes one.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::Platform;

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The whole body.
    pub body: Value,
}

impl Answer {
    /// The data under a JSON pointer.
    ///
    /// # Panics
    /// When the answer holds errors, or nothing stands there.
    pub fn get(&self, pointer: &str) -> &Value {
        assert!(self.body.get("errors").is_none(), "{:#}", self.body);
        let data = &self.body["data"];
        data.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer} in {data:#}"))
    }

    /// The text under a JSON pointer.
    pub fn text(&self, pointer: &str) -> String {
        self.get(pointer)
            .as_str()
            .unwrap_or_else(|| panic!("no text at {pointer}: {:#}", self.body))
            .to_owned()
    }

    /// The first error's code.
    pub fn code(&self) -> &str {
        self.body.pointer("/errors/0/extensions/code").and_then(Value::as_str).unwrap_or("")
    }
}

/// When who asked too often may ask again.
///
/// # Panics
/// When the answer does not say it.
pub fn told_to_wait(answer: &reqwest::Response) -> Option<Duration> {
    (answer.status() == StatusCode::TOO_MANY_REQUESTS).then(|| {
        let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        Duration::from_secs(after.expect("it says when"))
    })
}

/// A subscription's answers as they come.
#[derive(Debug)]
pub struct Subscription {
    answer: reqwest::Response,
    arrived: Vec<u8>,
}

impl Subscription {
    /// The next answer, `{data, errors}`; none once the server has completed it or closed the connection.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.arrived.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<u8> = self.arrived.drain(..end + 2).collect();
                let message = String::from_utf8(message).expect("events are text");
                let field =
                    |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                match field("event:") {
                    Some("next") => {
                        let data = field("data:").expect("an answer has data");
                        return Some(serde_json::from_str(data).expect("an answer is JSON"));
                    }
                    Some("complete") => return None,
                    _ => {}
                }
            }
            self.arrived.extend_from_slice(&self.answer.chunk().await.ok()??);
        }
    }
}

/// A channel as its maker got it.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Its public name.
    pub playback_id: String,
    /// Its stream key.
    pub key: String,
}

impl Platform {
    /// Asks the API with the admin token.
    pub async fn graphql(&self, query: &str, variables: Value) -> Answer {
        self.graphql_as(Some(&self.admin_token()), query, variables).await
    }

    /// Asks the API with a token of one's own, or with none. Who asks too often is told when he may again, and does so.
    pub async fn graphql_as(&self, token: Option<&str>, query: &str, variables: Value) -> Answer {
        let body = json!({"query": query, "variables": variables});
        loop {
            let request = self.client().post(self.url("/graphql")).json(&body);
            let request = match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            let answer = request.send().await.expect("the API answers");
            let Some(wait) = told_to_wait(&answer) else {
                return Answer { body: answer.json().await.expect("the API answers in JSON") };
            };
            sigma_clock::sleep(wait).await;
        }
    }

    /// Subscribes over server-sent events (GraphQL over SSE, distinct connections mode).
    pub async fn subscribe(&self, token: &str, query: &str, variables: Value) -> Subscription {
        let request = self
            .client()
            .post(self.url("/graphql"))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .json(&json!({"query": query, "variables": variables}));
        let answer = request.send().await.expect("the API answers");
        assert_eq!(answer.status(), 200, "a subscription is answered");
        Subscription { answer, arrived: Vec::new() }
    }

    /// Makes an API token; `fields` are those of `ApiTokenInput` beside the name. Answers its id and its secret.
    pub async fn create_token(&self, name: &str, fields: Value) -> (String, String) {
        let mut input = json!({ "name": name });
        input.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let answer = self
            .graphql(
                "mutation($input: ApiTokenInput!) { createApiToken(input: $input) { secret token { id } } }",
                json!({ "input": input }),
            )
            .await;
        (answer.text("/createApiToken/token/id"), answer.text("/createApiToken/secret"))
    }

    /// Makes a channel; `settings` are further fields of `CreateChannelInput`.
    pub async fn create_channel(&self, name: &str, settings: Value) -> Channel {
        let mut input = json!({ "name": name });
        let fields = settings.as_object().expect("settings are an object").clone();
        input.as_object_mut().expect("an object").extend(fields);
        let answer = self
            .graphql(
                "mutation($input: CreateChannelInput!) { createChannel(input: $input) { streamKey channel { id playbackId } } }",
                json!({ "input": input }),
            )
            .await;
        Channel {
            id: answer.text("/createChannel/channel/id"),
            playback_id: answer.text("/createChannel/channel/playbackId"),
            key: answer.text("/createChannel/streamKey"),
        }
    }

    /// The channel's sessions, newest first, as `[{id state endReason liveAt endedAt …}]`.
    pub async fn sessions(&self, channel: &str) -> Vec<Value> {
        let answer = self
            .graphql(
                "query($id: ID!) { sessions(channelId: $id, first: 100) { nodes { id state startedAt liveAt endedAt endReason playbackUrl \
                 input { protocol videoCodec width height frameRate audioCodec bitrate } } } }",
                json!({ "id": channel }),
            )
            .await;
        answer.get("/sessions/nodes").as_array().expect("a list").clone()
    }

    /// The newest session's state; empty when there is none.
    pub async fn session_state(&self, channel: &str) -> String {
        let sessions = self.sessions(channel).await;
        sessions.first().and_then(|session| session["state"].as_str()).unwrap_or("").to_owned()
    }
}
