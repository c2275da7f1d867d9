//! The read models' own state, and the port through which the API acts on them.

use async_graphql::{Enum, ID, SimpleObject};
use async_trait::async_trait;

use super::errors::{Code, Fault};
use super::scalars::Long;

/// An aggregate whose events wait behind one that could not be applied.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct ParkedLine {
    /// The aggregate's type, as `channel` or `session`.
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: ID,
    /// The event that could not be applied: its sequence within the aggregate.
    pub sequence: Long,
    /// That event's type, as `channel.created`.
    pub event_type: String,
    /// Why it could not be applied.
    pub cause: String,
    /// Later events of the aggregate that wait behind it.
    pub waiting: Long,
}

/// What a projection is doing.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectionState {
    /// It serves and follows the log.
    Live,
    /// It does not serve yet: its first generation is being filled.
    Building,
    /// It cannot get on and tries again: `lastError` says why. What serves goes on serving.
    Stalled,
}

/// How a projection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectionRow {
    /// Its name.
    pub name: String,
    /// The version of its shape.
    pub version: u32,
    /// What it is doing.
    pub state: ProjectionState,
    /// The generation of views that serves.
    pub generation: Option<u32>,
    /// Events of the log that it has not seen yet, where that is known.
    pub lag: Option<u64>,
    /// Lines that are parked.
    pub parked: Vec<ParkedLine>,
    /// While it is rebuilt: events done, and events that there are.
    pub rebuild: Option<(u64, u64)>,
    /// What went wrong last, while it still does.
    pub last_error: Option<String>,
    /// The node that runs it, or ran it last, where several could.
    pub node: Option<String>,
}

/// Why a projection was not acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// No projection has this name.
    #[error("there is no projection `{0}`")]
    Unknown(String),
    /// The act makes no sense now; the reason tells the mend.
    #[error("{message}")]
    Refused {
        /// As one word, SCREAMING_SNAKE.
        reason: &'static str,
        /// As a sentence.
        message: String,
    },
    /// It cannot be done now.
    #[error("the projections cannot answer: {0}; try again in a few seconds")]
    Unavailable(String),
}

/// The read models as an operator sees them. The binary fits the runner to it.
#[async_trait]
pub trait Projections: Send + Sync {
    /// All projections, by name.
    async fn status(&self) -> Result<Vec<ProjectionRow>, ProjectionError>;

    /// Begins to fill a new generation beside the one that serves.
    async fn rebuild(&self, name: &str) -> Result<(), ProjectionError>;

    /// Tries again to apply what is parked of an aggregate.
    async fn retry_parked(&self, name: &str, aggregate_id: &str) -> Result<(), ProjectionError>;

    /// Drops the one event that blocks an aggregate's line, and goes on with what waits behind it.
    async fn skip_parked(&self, name: &str, aggregate_id: &str) -> Result<(), ProjectionError>;
}

impl From<ProjectionError> for Fault {
    fn from(error: ProjectionError) -> Self {
        let message = error.to_string();
        match error {
            ProjectionError::Unknown(name) => Self::not_found("projection", &name),
            ProjectionError::Refused { reason, .. } => Self::new(Code::Refused, message).because(reason),
            ProjectionError::Unavailable(_) => Self::new(Code::Unavailable, message),
        }
    }
}

/// A read model, filled from the log of events.
#[derive(SimpleObject)]
pub(crate) struct Projection {
    /// Its name.
    name: String,
    /// The version of its shape.
    version: u32,
    /// The generation of views that serves; null while the first one is being filled.
    generation: Option<u32>,
    /// What it is doing.
    state: ProjectionState,
    /// Events of the log that it has not seen yet; null where that is not known.
    lag: Option<Long>,
    /// How many aggregates' lines are parked.
    parked: u32,
    /// The aggregates whose lines are parked. `retryParked` tries again, `skipParked` goes on without the event that blocks.
    parked_lines: Vec<ParkedLine>,
    /// While it is rebuilt: how much is done, from 0 to 1.
    rebuild_progress: Option<f64>,
    /// What went wrong last, while it still does.
    last_error: Option<String>,
    /// The node that runs it, or ran it last: of several that share a database one does at a time, and all show what it keeps. Null
    /// where there is one.
    node: Option<String>,
}

impl From<ProjectionRow> for Projection {
    fn from(row: ProjectionRow) -> Self {
        // Thousandths are as much as anybody sees.
        let milli = |(done, total): (u64, u64)| {
            let milli = u128::from(done) * 1_000 / u128::from(total.max(1));
            f64::from(u32::try_from(milli.min(1_000)).unwrap_or(1_000)) / 1_000.0
        };
        Self {
            name: row.name,
            version: row.version,
            generation: row.generation,
            state: row.state,
            lag: row.lag.map(Long::from),
            parked: u32::try_from(row.parked.len()).unwrap_or(u32::MAX),
            parked_lines: row.parked,
            rebuild_progress: row.rebuild.map(milli),
            last_error: row.last_error,
            node: row.node,
        }
    }
}

/// What was done to a projection.
#[derive(SimpleObject)]
pub(crate) struct ProjectionPayload {
    /// The projection as it stands now.
    pub(crate) projection: Projection,
}
