//! A subscription: GraphQL over SSE, in its distinct connections mode.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::connection::Client;
use super::sse::{Message, Parser};
use crate::fault::Fault;

/// One subscription on one connection.
pub(crate) struct Feed<'a> {
    client: &'a Client,
    response: reqwest::Response,
    parser: Parser,
    waiting: VecDeque<Message>,
}

impl<'a> Feed<'a> {
    /// Subscribes.
    ///
    /// # Errors
    /// Nobody answers, or the API says why not.
    pub(crate) async fn open(client: &'a Client, query: &str, variables: &Value) -> Result<Self, Fault> {
        let response = client.stream(query, variables).await?;
        Ok(Self { client, response, parser: Parser::default(), waiting: VecDeque::new() })
    }

    /// The `data` of the next answer; none when the server has ended the subscription. Nothing is lost when this is
    /// given up while it waits.
    ///
    /// # Errors
    /// The connection broke (that may pass), or the API says why it ends.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, Fault> {
        loop {
            while let Some(message) = self.waiting.pop_front() {
                match message.event.as_str() {
                    "next" => return self.answer(&message.data).map(Some),
                    "complete" => return Ok(None),
                    _ => {}
                }
            }
            let chunk = self.response.chunk().await.map_err(|error| self.client.unreachable(&error))?;
            let Some(chunk) = chunk else {
                return Ok(None);
            };
            let messages = self.parser.push(&chunk).map_err(|_| {
                Fault::new("a message of the event stream is too large", "ask for fewer fields")
            })?;
            self.waiting.extend(messages);
        }
    }

    fn answer(&self, data: &str) -> Result<Value, Fault> {
        let answer = serde_json::from_str(data)
            .map_err(|_| Fault::new("the event stream holds what is no JSON", "see the server's log"))?;
        self.client.answered(answer, None)
    }
}

/// How long to wait before trying again: ever longer, until something works.
#[derive(Debug, Default)]
pub(crate) struct Pause(u32);

impl Pause {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Waits.
    pub(crate) async fn wait(&mut self) {
        sigma_clock::sleep(self.next()).await;
    }

    fn next(&mut self) -> Duration {
        let pause = Self::FIRST.saturating_mul(1 << self.0).min(Self::LONGEST);
        self.0 = (self.0 + 1).min(16);
        pause
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_begin_anew() {
        let mut pause = Pause::default();
        let millis: Vec<u128> = (0..7).map(|_| pause.next().as_millis()).collect();
        assert_eq!(millis, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        pause.reset();
        assert_eq!(pause.next(), Pause::FIRST);
    }
}
