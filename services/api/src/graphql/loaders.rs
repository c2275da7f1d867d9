//! Loads what a request names one by one in one query each, so that a list's rows cost no query of their own.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use sigma_app::{ChannelRow, ReadModels, SessionRow};

use super::errors::Fault;

/// Reads rows of one project by id.
pub(crate) struct Rows {
    reads: Arc<dyn ReadModels>,
    project: String,
}

/// The rows that one request reads; lives as long as the request.
pub(crate) type Loaded = DataLoader<Rows, HashMapCache>;

/// A channel's id as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ChannelKey(pub(crate) String);

/// A session's id as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(pub(crate) String);

/// A loader for one request of one project.
pub(crate) fn rows(reads: Arc<dyn ReadModels>, project: String) -> Loaded {
    DataLoader::with_cache(Rows { reads, project }, tokio::spawn, HashMapCache::default())
}

impl Loader<ChannelKey> for Rows {
    type Value = Arc<ChannelRow>;
    type Error = Fault;

    async fn load(&self, keys: &[ChannelKey]) -> Result<HashMap<ChannelKey, Self::Value>, Fault> {
        let ids: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = self.reads.channels(&self.project, &ids).await?;
        Ok(rows.into_iter().map(|row| (ChannelKey(row.id.clone()), Arc::new(row))).collect())
    }
}

impl Loader<SessionKey> for Rows {
    type Value = Arc<SessionRow>;
    type Error = Fault;

    async fn load(&self, keys: &[SessionKey]) -> Result<HashMap<SessionKey, Self::Value>, Fault> {
        let ids: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = self.reads.sessions(&self.project, &ids).await?;
        Ok(rows.into_iter().map(|row| (SessionKey(row.id.clone()), Arc::new(row))).collect())
    }
}
