//! What resolvers find in a request's context.

use std::sync::Arc;

use async_graphql::{Context, Result};
use sigma_app::{App, Caller, ReadModels};

use super::loaders::Loaded;
use super::projection::Projections;
use crate::addresses::Origin;

/// One request: who asks, and the addresses as he sees them.
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) loaded: Loaded,
}

/// What the API calls.
#[derive(Clone)]
pub(crate) struct Behind {
    pub(crate) app: Arc<App>,
    pub(crate) reads: Arc<dyn ReadModels>,
    pub(crate) projections: Arc<dyn Projections>,
}

pub(crate) fn asked<'a>(context: &Context<'a>) -> Result<&'a Asked> {
    context.data::<Asked>()
}

pub(crate) fn behind<'a>(context: &Context<'a>) -> Result<&'a Behind> {
    context.data::<Behind>()
}
