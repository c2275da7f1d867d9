//! Read models of channels, sessions, assets, API tokens and projects: a projection each, and the application's `ReadModels` port
//! over them.
//!
//! Each view is one table, the rows of [`sigma_app::fold`]; what it is asked stands as SQL beside the module that asks.

mod api_tokens;
mod assets;
mod channels;
mod models;
mod projects;
mod rows;
mod sessions;
mod table;

use std::sync::Arc;

use sigma_app::Subjects;
use sigma_runner::Projection;

pub use api_tokens::ApiTokensView;
pub use assets::AssetsView;
pub use channels::ChannelsView;
pub use models::Views;
pub use projects::ProjectsView;
pub use sessions::SessionsView;

/// The names of all views.
const ALL: [&str; 5] =
    [ChannelsView::NAME, SessionsView::NAME, AssetsView::NAME, ApiTokensView::NAME, ProjectsView::NAME];

/// What the runner is to be started with; `subjects` open what is personal.
pub fn projections(subjects: &Arc<Subjects>) -> Vec<Arc<dyn Projection>> {
    let channels = ChannelsView::new(subjects.clone());
    vec![
        Arc::new(channels),
        Arc::new(SessionsView),
        Arc::new(AssetsView),
        Arc::new(ApiTokensView),
        Arc::new(ProjectsView),
    ]
}
