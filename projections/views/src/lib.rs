//! Read models of channels, sessions, API tokens and projects: a projection each, and the application's `ReadModels` port
//! over them.
//!
//! Each view is one table in a file of its own. Its SQL stands beside the module that runs it.

mod api_tokens;
mod channels;
mod models;
mod projects;
mod rows;
mod sessions;

use std::sync::Arc;

use sigma_runner::Projection;

pub use api_tokens::ApiTokensView;
pub use channels::ChannelsView;
pub use models::Views;
pub use projects::ProjectsView;
pub use sessions::SessionsView;

/// What the runner is to be started with.
pub fn projections() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(ChannelsView), Arc::new(SessionsView), Arc::new(ApiTokensView), Arc::new(ProjectsView)]
}
