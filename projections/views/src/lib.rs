//! Read models of channels and sessions: two projections, and the application's `ReadModels` port over them.
//!
//! Each view is one table in a file of its own. Its SQL stands beside the module that runs it.

mod channels;
mod models;
mod rows;
mod sessions;

use std::sync::Arc;

use sigma_runner::Projection;

pub use channels::ChannelsView;
pub use models::Views;
pub use sessions::SessionsView;

/// What the runner is to be started with.
pub fn projections() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(ChannelsView), Arc::new(SessionsView)]
}
