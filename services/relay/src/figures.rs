//! librdkafka's statistics, added up over all clients of one purpose.

use std::collections::{BTreeMap, HashMap};

use rdkafka::statistics::Statistics;

/// Clients that are remembered; they come and go.
const CLIENTS: usize = 64;

/// What the clients of one purpose have done and how their brokers do. Totals never go back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records sent.
    pub sent: u64,
    /// Bytes of records sent.
    pub sent_bytes: u64,
    /// Records received.
    pub received: u64,
    /// Bytes of records received.
    pub received_bytes: u64,
    /// Requests made.
    pub requests: u64,
    /// Records that wait to be sent, or for their acknowledgement.
    pub queued: u64,
    /// By `host:port`.
    pub brokers: BTreeMap<String, BrokerFigures>,
}

/// How a broker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerFigures {
    /// Whether it is connected.
    pub is_up: bool,
    /// Requests that it did not take or did not answer in time.
    pub failures: u64,
    /// How long 99 of 100 of its newest answers took at most, in microseconds; none before the first.
    pub answers_us: Option<u64>,
}

/// What one client has told, to tell what is new from.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    sent: u64,
    sent_bytes: u64,
    received: u64,
    received_bytes: u64,
    requests: u64,
    queued: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Adder {
    told: HashMap<String, Totals>,
    failures: HashMap<(String, String), u64>,
    figures: Figures,
}

impl Adder {
    pub(crate) fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Takes in what a client tells.
    pub(crate) fn add(&mut self, statistics: &Statistics) {
        if self.told.len() >= CLIENTS && !self.told.contains_key(&statistics.name) {
            self.told.clear();
            self.failures.clear();
        }
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let now = Totals {
            sent: count(statistics.txmsgs),
            sent_bytes: count(statistics.txmsg_bytes),
            received: count(statistics.rxmsgs),
            received_bytes: count(statistics.rxmsg_bytes),
            requests: count(statistics.tx),
            queued: statistics.msg_cnt,
        };
        let before = self.told.insert(statistics.name.clone(), now).unwrap_or_default();
        let figures = &mut self.figures;
        figures.sent += now.sent.saturating_sub(before.sent);
        figures.sent_bytes += now.sent_bytes.saturating_sub(before.sent_bytes);
        figures.received += now.received.saturating_sub(before.received);
        figures.received_bytes += now.received_bytes.saturating_sub(before.received_bytes);
        figures.requests += now.requests.saturating_sub(before.requests);
        figures.queued = self.told.values().map(|totals| totals.queued).sum();
        // Those of our settings have no id and are the same as those that the cluster names.
        for broker in statistics.brokers.values().filter(|broker| broker.nodeid >= 0) {
            let failures = broker.txerrs + broker.rxerrs + broker.req_timeouts;
            let key = (statistics.name.clone(), broker.nodename.clone());
            let before = self.failures.insert(key, failures).unwrap_or(0);
            let told = figures.brokers.entry(broker.nodename.clone()).or_default();
            told.is_up = matches!(broker.state.as_str(), "UP" | "UPDATE");
            told.failures += failures.saturating_sub(before);
            if let Some(rtt) = broker.rtt.as_ref().filter(|rtt| rtt.cnt > 0) {
                told.answers_us = Some(count(rtt.p99));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::{Broker, Window};

    use super::*;

    fn told(name: &str, sent: i64, state: &str) -> Statistics {
        let rtt = Some(Window { cnt: 5, p99: 1_200, ..Window::default() });
        let node = |nodeid| Broker {
            nodeid,
            nodename: "kafka-1:9092".to_owned(),
            state: state.to_owned(),
            txerrs: 2,
            rtt: rtt.clone(),
            ..Broker::default()
        };
        Statistics {
            name: name.to_owned(),
            txmsgs: sent,
            brokers: [("one".to_owned(), node(1)), ("bootstrap".to_owned(), node(-1))].into(),
            ..Statistics::default()
        }
    }

    #[test]
    fn clients_are_added_up_and_a_new_one_takes_nothing_away() {
        let mut adder = Adder::default();
        for (name, sent) in [("a", 10), ("b", 3), ("a", 15), ("c", 1)] {
            adder.add(&told(name, sent, "UP"));
        }
        assert_eq!(adder.figures().sent, 19);
    }

    #[test]
    fn a_broker_is_told_of_once_with_its_newest_state() {
        let mut adder = Adder::default();
        adder.add(&told("a", 0, "UP"));
        adder.add(&told("a", 0, "CONNECT"));
        let broker = BrokerFigures { is_up: false, failures: 2, answers_us: Some(1_200) };
        assert_eq!(adder.figures().brokers, [("kafka-1:9092".to_owned(), broker)].into());
    }
}
