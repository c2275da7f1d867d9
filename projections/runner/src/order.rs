//! What is asked of whoever runs a view, and what he answers. Both travel between nodes as JSON.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::failure::RunnerError;
use crate::parking::Retried;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Fill the next generation.
    Rebuild,
    /// Try an aggregate's parked events again.
    Retry { aggregate_id: String },
    /// The same, without the first of them.
    Skip { aggregate_id: String },
    /// Remove for good what was deleted.
    RemoveTraces,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Done {
    /// This generation is being filled.
    Building(u32),
    /// Parked events were tried again.
    Retried(Retried),
    /// Nothing of what was deleted is left.
    TracesRemoved,
}

pub(crate) type Answer = Result<Done, RunnerError>;

/// What a projection's task is asked for.
pub(crate) enum Request {
    /// To be done here, or by whoever runs the view.
    Order { order: Order, reply: oneshot::Sender<Answer> },
    /// To end.
    Shutdown { reply: oneshot::Sender<()> },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_answers_come_back_from_json_as_they_were() {
        let retry = Order::Retry { aggregate_id: "ch_1".into() };
        let text = serde_json::to_string(&retry).unwrap();
        assert_eq!(text, r#"{"order":"retry","aggregate_id":"ch_1"}"#);
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), retry);
        let retried = Retried { applied: 1, remaining: 2, error: Some("bitter".into()) };
        let parked = RunnerError::NothingParked { name: "texts".into(), aggregate_id: "a".into() };
        for answer in
            [Ok(Done::Building(2)), Ok(Done::Retried(retried)), Ok(Done::TracesRemoved), Err(parked)]
        {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
        }
    }
}
