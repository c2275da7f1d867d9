//! Fits the projection runner to what the API asks of it.

use async_trait::async_trait;
use sigma_api::graphql::{
    ID, Long, ParkedLine, ProjectionError, ProjectionRow, ProjectionState, Projections,
};
use sigma_api::http::{Component, Condition, Exposition, MetricSource};
use sigma_runner::{ProjectionStatus, Retried, RunnerError, RunnerHandle};

/// Events that a projection may be behind before the platform calls itself degraded.
const LAG_DEGRADED: u64 = 10_000;

/// The running projections.
#[derive(Clone, Debug)]
pub(crate) struct Running(pub(crate) RunnerHandle);

#[async_trait]
impl Projections for Running {
    async fn status(&self) -> Result<Vec<ProjectionRow>, ProjectionError> {
        let mut rows = Vec::new();
        for status in self.0.status().await {
            let parked = match status.parked_lines {
                0 => Vec::new(),
                _ => self.0.parked(&status.name).await.map_err(error)?,
            };
            rows.push(row(status, parked));
        }
        Ok(rows)
    }

    async fn rebuild(&self, name: &str) -> Result<(), ProjectionError> {
        self.0.rebuild(name).await.map(|_| ()).map_err(error)
    }

    async fn retry_parked(&self, name: &str, aggregate_id: &str) -> Result<(), ProjectionError> {
        still_parked(self.0.retry_parked(name, aggregate_id).await.map_err(error)?)
    }

    async fn skip_parked(&self, name: &str, aggregate_id: &str) -> Result<(), ProjectionError> {
        still_parked(self.0.skip_parked(name, aggregate_id).await.map_err(error)?)
    }
}

/// What was tried again may have met the next event that cannot be applied.
fn still_parked(retried: Retried) -> Result<(), ProjectionError> {
    match retried.error {
        None => Ok(()),
        Some(cause) => Err(ProjectionError::Refused {
            reason: "STILL_PARKED",
            message: format!(
                "{} of its events stay parked, the first because: {cause}; mend the cause, then try again",
                retried.remaining
            ),
        }),
    }
}

fn row(status: ProjectionStatus, parked: Vec<sigma_runner::ParkedLine>) -> ProjectionRow {
    let parked = parked.into_iter().map(|line| ParkedLine {
        aggregate_type: line.aggregate_type,
        aggregate_id: ID(line.aggregate_id),
        sequence: Long::from(line.sequence),
        event_type: line.event_name,
        cause: line.error,
        waiting: Long::from(line.waiting),
    });
    ProjectionRow {
        name: status.name,
        version: status.version,
        state: match status.state {
            sigma_runner::ProjectionState::Live => ProjectionState::Live,
            sigma_runner::ProjectionState::Building => ProjectionState::Building,
            sigma_runner::ProjectionState::Stalled => ProjectionState::Stalled,
        },
        generation: status.generation,
        lag: status.lag,
        parked: parked.collect(),
        rebuild: status.rebuild.map(|rebuild| (rebuild.done, rebuild.total)),
        last_error: status.last_error,
        node: status.node,
    }
}

fn error(error: RunnerError) -> ProjectionError {
    let message = error.to_string();
    match error {
        RunnerError::Unknown { name, .. } => ProjectionError::Unknown(name),
        RunnerError::NothingParked { .. } => ProjectionError::Refused { reason: "NOTHING_PARKED", message },
        RunnerError::NotReady { .. } => ProjectionError::Refused { reason: "NOT_READY", message },
        RunnerError::Unavailable { .. } | RunnerError::BadProjection { .. } => {
            ProjectionError::Unavailable(message)
        }
    }
}

#[async_trait]
impl Component for Running {
    fn name(&self) -> &'static str {
        "projections"
    }

    async fn check(&self) -> Condition {
        let all = self.0.status().await;
        let stalled = all.iter().filter(|one| one.state == sigma_runner::ProjectionState::Stalled);
        let stalled: Vec<String> = stalled
            .map(|one| {
                format!(
                    "{} does not get on: {}",
                    one.name,
                    one.last_error.as_deref().unwrap_or("no word why")
                )
            })
            .collect();
        if !stalled.is_empty() {
            return Condition::NotReady(stalled.join("; "));
        }
        let building = all.iter().find(|one| one.generation.is_none());
        if let Some(building) = building {
            return Condition::NotReady(format!("{} is being filled for the first time", building.name));
        }
        let amiss =
            all.iter().filter(|one| one.parked_lines > 0 || one.lag.is_some_and(|lag| lag > LAG_DEGRADED));
        let amiss: Vec<String> = amiss
            .map(|one| {
                format!("{}: {} lines parked, {} events behind", one.name, one.parked_lines, lag_of(one))
            })
            .collect();
        if amiss.is_empty() { Condition::Ready } else { Condition::Degraded(amiss.join("; ")) }
    }
}

fn lag_of(status: &ProjectionStatus) -> String {
    status.lag.map_or_else(|| "an unknown number of".to_owned(), |lag| lag.to_string())
}

#[async_trait]
impl MetricSource for Running {
    async fn collect(&self, out: &mut Exposition) {
        let all = self.0.status().await;
        let mut family = |name: &str, kind: &str, help: &str, value: fn(&ProjectionStatus) -> Option<u64>| {
            out.family(name, kind, help);
            for one in &all {
                if let Some(value) = value(one) {
                    out.sample(name, &[("projection", &one.name)], value);
                }
            }
        };
        family("sigma_projection_lag_events", "gauge", "Events of the log not seen yet.", |one| one.lag);
        family("sigma_projection_events_total", "counter", "Events handled.", |one| Some(one.handled));
        family("sigma_projection_parked_lines", "gauge", "Lines parked behind a broken event.", |one| {
            Some(one.parked_lines)
        });
        family("sigma_projection_stalled", "gauge", "1 while it cannot get on.", |one| {
            Some(u64::from(one.state == sigma_runner::ProjectionState::Stalled))
        });
    }
}
