//! Loads what a request names one by one in one query each, so that a list's rows cost no query of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use sigma_app::{
    ApiTokenRow, App, AssetRow, AssetTitle, ChannelRow, Personal, ProjectRow, ReadModels, SessionRow,
};

use super::errors::Fault;

/// Reads rows of one project by id.
pub(crate) struct Rows {
    app: Arc<App>,
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

/// An asset's id as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AssetKey(pub(crate) String);

/// An asset's title as its event holds it, as the key of the title that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TitleKey {
    pub(crate) channel: String,
    pub(crate) title: Personal<AssetTitle>,
}

/// A token's id as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey(pub(crate) String);

/// A token's id, as the key of when it was used last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LastUse(pub(crate) String);

/// A project's id as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProjectKey(pub(crate) String);

/// Makes loaders, and keeps those that subscribers share.
#[derive(Clone)]
pub(crate) struct Loaders {
    app: Arc<App>,
    reads: Arc<dyn ReadModels>,
    shared: Arc<Mutex<HashMap<String, Weak<Loaded>>>>,
}

impl Loaders {
    pub(crate) fn new(app: Arc<App>, reads: Arc<dyn ReadModels>) -> Self {
        Self { app, reads, shared: Arc::default() }
    }

    /// For one request: each row is read once.
    pub(crate) fn for_request(&self, project: &str) -> Arc<Loaded> {
        Arc::new(self.loader(project))
    }

    /// For one request that changes something. It keeps no row: its fields run one after the other, and each is answered with
    /// what it, and those before it, made of the rows.
    pub(crate) fn for_commands(&self, project: &str) -> Arc<Loaded> {
        Arc::new(self.forgetful(project))
    }

    /// For all subscribers of a project. It keeps no row, since a subscription outlives every row that it reads; but
    /// what many ask for within a millisecond, because the same event woke them, is read once for all of them.
    pub(crate) fn for_subscribers(&self, project: &str) -> Arc<Loaded> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = shared.get(project).and_then(Weak::upgrade) {
            return loaded;
        }
        shared.retain(|_, loaded| loaded.strong_count() > 0);
        let loaded = Arc::new(self.forgetful(project));
        shared.insert(project.to_owned(), Arc::downgrade(&loaded));
        loaded
    }

    fn forgetful(&self, project: &str) -> Loaded {
        let loaded = self.loader(project);
        loaded.enable_all_cache(false);
        loaded
    }

    fn loader(&self, project: &str) -> Loaded {
        let (app, reads) = (Arc::clone(&self.app), Arc::clone(&self.reads));
        let rows = Rows { app, reads, project: project.to_owned() };
        DataLoader::with_cache(rows, tokio::spawn, HashMapCache::default())
    }
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

impl Loader<AssetKey> for Rows {
    type Value = Arc<AssetRow>;
    type Error = Fault;

    async fn load(&self, keys: &[AssetKey]) -> Result<HashMap<AssetKey, Self::Value>, Fault> {
        let ids: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = self.reads.assets(&self.project, &ids).await?;
        Ok(rows.into_iter().map(|row| (AssetKey(row.id.clone()), Arc::new(row))).collect())
    }
}

/// The keys of all channels that titles are of are asked for at once. None: it was erased.
impl Loader<TitleKey> for Rows {
    type Value = Option<String>;
    type Error = Fault;

    async fn load(&self, keys: &[TitleKey]) -> Result<HashMap<TitleKey, Self::Value>, Fault> {
        let titles: Vec<_> = keys.iter().map(|key| (key.channel.as_str(), &key.title)).collect();
        let opened = self.app.asset_titles(&titles).await?;
        Ok(keys.iter().cloned().zip(opened).collect())
    }
}

impl Loader<TokenKey> for Rows {
    type Value = Arc<ApiTokenRow>;
    type Error = Fault;

    async fn load(&self, keys: &[TokenKey]) -> Result<HashMap<TokenKey, Self::Value>, Fault> {
        let mut rows = HashMap::new();
        for key in keys {
            let row = self.reads.api_token(&key.0).await?;
            if let Some(row) = row.filter(|row| row.project == self.project) {
                rows.insert(key.clone(), Arc::new(row));
            }
        }
        Ok(rows)
    }
}

impl Loader<LastUse> for Rows {
    type Value = i64;
    type Error = Fault;

    async fn load(&self, keys: &[LastUse]) -> Result<HashMap<LastUse, i64>, Fault> {
        let ids: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let uses = self.app.last_uses(&ids).await;
        Ok(uses.into_iter().map(|(id, at_ms)| (LastUse(id), at_ms)).collect())
    }
}

/// Of whatever project: a token of `default` may make tokens of others, and only names are told.
impl Loader<ProjectKey> for Rows {
    type Value = Arc<ProjectRow>;
    type Error = Fault;

    async fn load(&self, keys: &[ProjectKey]) -> Result<HashMap<ProjectKey, Self::Value>, Fault> {
        let mut rows = HashMap::new();
        for key in keys {
            if let Some(row) = self.reads.project(&key.0).await? {
                rows.insert(key.clone(), Arc::new(row));
            }
        }
        Ok(rows)
    }
}
