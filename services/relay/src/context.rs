//! What librdkafka has to say: into our log, our figures, and what is told of the clients of one purpose.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::figures::{Adder, Figures};

/// What is known of the clients of one purpose. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Link(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    trouble: Option<String>,
    is_down: bool,
    figures: Adder,
}

impl Link {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last thing that librdkafka complained about since [`clear`](Self::clear).
    pub fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    /// Whether no broker at all could be reached, and nothing has worked since. Known at once where connections are refused.
    pub fn is_down(&self) -> bool {
        self.state().is_down
    }

    /// It works again.
    pub fn clear(&self) {
        let mut state = self.state();
        (state.trouble, state.is_down) = (None, false);
    }

    /// What its clients have done; told anew every few seconds.
    pub fn figures(&self) -> Figures {
        self.state().figures.figures()
    }
}

/// Passed to every client of ours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) link: Link,
}

impl ClientContext for Context {
    /// Lines of librdkafka repeat themselves as long as a broker is away: what matters is told once by who waits for it.
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility = fac, message, "librdkafka");
            }
            _ => tracing::debug!(facility = fac, message, "librdkafka"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.link.state().figures.add(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "a Kafka client complains");
        let mut state = self.link.state();
        state.is_down |= error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        state.trouble = Some(reason.to_owned());
    }
}

impl ConsumerContext for Context {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broker_that_is_away_is_trouble_and_only_all_of_them_are_down() {
        let context = Context::default();
        let seen = || (context.link.trouble(), context.link.is_down());
        let complain = |code, reason: &str| context.error(KafkaError::Global(code), reason);
        complain(RDKafkaErrorCode::BrokerTransportFailure, "one");
        assert_eq!(seen(), (Some("one".to_owned()), false));
        complain(RDKafkaErrorCode::AllBrokersDown, "all");
        complain(RDKafkaErrorCode::BrokerTransportFailure, "one again");
        assert_eq!(seen(), (Some("one again".to_owned()), true));
        context.link.clear();
        assert_eq!(seen(), (None, false));
    }
}
