//! The platform as its operator sees it: the components that `/readyz` asks, the build, and the settings in force.

use async_graphql::{Enum, SimpleObject};

use super::projection::Projection;
use super::scalars::DateTime;
use crate::http::Condition;
use crate::nodes::NodeObject;

/// What is known of the process from its start on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformFacts {
    /// The build's version.
    pub version: String,
    /// When the process began: milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// The settings in force, without secrets.
    pub settings: Vec<SettingInForce>,
}

/// A setting, and where its value came from. Secrets only say whether they are set.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
pub struct SettingInForce {
    /// Its name, as the flag has it: `http`, `limit-depth`.
    pub name: String,
    /// Its value, as it would be written into `sigma.toml`; of a secret, `set` or `not set`.
    pub value: String,
    /// Where the value came from: `default`, the flag (`--http`), the environment variable (`SIGMA_HTTP`), or the file.
    pub source: String,
}

/// How the platform, or a part of it, stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HealthStatus {
    /// It does its work.
    Ready,
    /// It does its work, and something is amiss.
    Degraded,
    /// It does not do its work.
    NotReady,
}

/// A part of the platform, and how it stands.
#[derive(SimpleObject)]
pub(crate) struct ComponentHealth {
    /// Its name, as in `/readyz`: `store`, `projections`, `media`.
    name: String,
    /// How it stands.
    status: HealthStatus,
    /// What is amiss; null where nothing is.
    message: Option<String>,
}

impl ComponentHealth {
    pub(crate) fn new(name: &str, condition: Condition) -> Self {
        let (status, message) = match condition {
            Condition::Ready => (HealthStatus::Ready, None),
            Condition::Degraded(why) => (HealthStatus::Degraded, Some(why)),
            Condition::NotReady(why) => (HealthStatus::NotReady, Some(why)),
        };
        Self { name: name.to_owned(), status, message }
    }
}

/// The platform as its operator sees it.
#[derive(SimpleObject)]
pub(crate) struct PlatformHealth {
    /// The worst that stands among the components.
    status: HealthStatus,
    /// The version that runs.
    version: String,
    /// When this process began.
    started_at: DateTime,
    /// The platform's parts: the same that `/readyz` asks.
    components: Vec<ComponentHealth>,
    /// The read models and how they stand.
    projections: Vec<Projection>,
    /// The processes that the platform is made of; this one is among them.
    nodes: Vec<NodeObject>,
    /// The settings in force and where each came from. No secret is among them.
    settings: Vec<SettingInForce>,
}

impl PlatformHealth {
    pub(crate) fn new(
        facts: &PlatformFacts,
        components: Vec<ComponentHealth>,
        projections: Vec<Projection>,
        nodes: Vec<NodeObject>,
    ) -> Self {
        Self {
            status: components.iter().map(|part| part.status).max().unwrap_or(HealthStatus::Ready),
            version: facts.version.clone(),
            started_at: DateTime::from_millis(facts.started_at_ms),
            components,
            projections,
            nodes,
            settings: facts.settings.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_stands_as_its_worst_component_does() {
        let status = |conditions: &[Condition]| {
            let parts = conditions.iter().map(|condition| ComponentHealth::new("part", condition.clone()));
            PlatformHealth::new(&PlatformFacts::default(), parts.collect(), Vec::new(), Vec::new()).status
        };
        let (lame, down) = (Condition::Degraded("slow".to_owned()), Condition::NotReady("gone".to_owned()));
        assert_eq!(status(&[]), HealthStatus::Ready);
        assert_eq!(status(&[Condition::Ready, lame.clone()]), HealthStatus::Degraded);
        assert_eq!(status(&[down, lame, Condition::Ready]), HealthStatus::NotReady);
    }
}
