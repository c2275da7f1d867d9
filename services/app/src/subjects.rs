//! Subjects: whose personal texts stand sealed, each under a key of its own, so that forgetting one is the loss of a key.
//!
//! A subject is a channel. Its key is made with it and stands among the store's secrets, sealed under the master key: it goes
//! wherever the store goes, and it is destroyed in the commit that says so. What it seals is opened where it is shown, and
//! kept open nowhere but in the views' own rows: no key, and nothing that one opened, is remembered here, so that a node that
//! has not yet heard of an erasure shows nothing that is erased.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sigma_domain::{ChannelEvent, ChannelName, Personal, SealedText};
use sigma_schema::personal;
use sigma_store::{Journal, RecordedEvent, SecretRow, SecretScope, SecretWrite, StoreError};

use crate::vault::{Seal, Vault, VaultError};
use crate::{ChannelRow, fold};

/// Keys of subjects, owned by channels.
const SUBJECT_KEY: &str = "subject_key";

/// Marks a channel that was erased and whose traces are still to be removed from files.
const TRACES: &str = "traces";

/// What a name is sealed as.
const NAME: &str = "name";

/// The key of a subject. Never printed.
pub(crate) struct SubjectKey {
    id: String,
    seal: Seal,
}

impl SubjectKey {
    /// Seals what belongs to this subject, as a kind of thing of one owner.
    pub(crate) fn seal(&self, kind: &str, owner: &str, text: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.seal.seal(kind, owner, text)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    pub(crate) fn open(&self, kind: &str, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.seal.open(kind, owner, sealed)
    }

    /// Seals a channel's name.
    pub(crate) fn seal_name(
        &self,
        channel: &str,
        name: &ChannelName,
    ) -> Result<Personal<ChannelName>, VaultError> {
        Ok(Personal::Sealed(self.seal_text(channel, name.as_str())?))
    }

    /// Seals a text of a channel as its events hold it.
    pub(crate) fn seal_text(&self, channel: &str, text: &str) -> Result<SealedText, VaultError> {
        let sealed = BASE64_STANDARD.encode(self.seal(NAME, channel, text.as_bytes())?);
        Ok(SealedText { key_id: self.id.clone(), sealed })
    }
}

/// The keys of subjects.
pub struct Subjects {
    journal: Arc<dyn Journal>,
    vault: Arc<Vault>,
}

impl std::fmt::Debug for Subjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subjects").finish_non_exhaustive()
    }
}

/// A text that its key does not open, where the key is there, is not what it should be.
fn broken(subject: &str, error: VaultError) -> StoreError {
    StoreError::Corrupt(format!("a personal text of {subject} cannot be opened: {error}"))
}

impl Subjects {
    /// Those whose keys stand in this store.
    pub fn new(journal: Arc<dyn Journal>, vault: Arc<Vault>) -> Self {
        Self { journal, vault }
    }

    /// A new key of a subject, and what keeps it.
    pub(crate) fn make(&self, subject: &str) -> Result<(SubjectKey, SecretWrite), VaultError> {
        let id = format!("sk_{}", uuid::Uuid::new_v4().simple());
        let key = self.vault.new_key()?;
        let put = SecretWrite::Put {
            kind: SUBJECT_KEY.to_owned(),
            owner: subject.to_owned(),
            lookup: Some(id.as_bytes().to_vec()),
            sealed: self.vault.seal(SUBJECT_KEY, subject, &key)?,
            expires_at_ms: None,
        };
        Ok((SubjectKey { id, seal: Seal::new(&key)? }, put))
    }

    /// All keys of a subject, newest last: mostly one. None once it was erased.
    pub(crate) async fn keys(&self, subject: &str) -> Result<Vec<SubjectKey>, StoreError> {
        let rows = self.journal.secrets_of(SUBJECT_KEY, subject).await?;
        rows.iter().map(|row| self.key(row)).collect::<Result<_, _>>().map_err(|e| broken(subject, e))
    }

    fn key(&self, row: &SecretRow) -> Result<SubjectKey, VaultError> {
        let id = row.lookup.clone().and_then(|id| String::from_utf8(id).ok()).ok_or(VaultError::NotOurs)?;
        let key = self.vault.open(SUBJECT_KEY, &row.owner, &row.sealed)?;
        Ok(SubjectKey { id, seal: Seal::new(&key)? })
    }

    /// A channel's name, by its keys where they are at hand; none where it was erased.
    pub(crate) async fn name(
        &self,
        channel: &str,
        name: &Personal<ChannelName>,
        keys: Option<Vec<SubjectKey>>,
    ) -> Result<Option<String>, StoreError> {
        match (name, keys) {
            (Personal::Plain(name), _) => Ok(Some(name.to_string())),
            (Personal::Sealed(sealed), Some(keys)) => open(&keys, channel, sealed),
            (Personal::Sealed(sealed), None) => open(&self.keys(channel).await?, channel, sealed),
        }
    }

    /// Opens names of channels, those of each with what it sealed; none for what was erased. The keys are asked for once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while the store is away; [`StoreError::Corrupt`] for a text that its own key does not open.
    pub async fn open_names(&self, names: &[(&str, &SealedText)]) -> Result<Vec<Option<String>>, StoreError> {
        let keys = self.keys_of_each(names.iter().map(|(channel, _)| *channel)).await?;
        names.iter().map(|(channel, sealed)| open(keys.of(channel), channel, sealed)).collect()
    }

    /// Opens what is personal in an event; what was erased stays sealed.
    ///
    /// # Errors
    /// As [`open_names`](Self::open_names).
    pub async fn open_event(&self, event: &mut RecordedEvent) -> Result<(), StoreError> {
        self.open_events(std::slice::from_mut(event)).await
    }

    /// Opens what is personal in events; what was erased stays sealed. The keys are asked for once.
    ///
    /// # Errors
    /// As [`open_names`](Self::open_names).
    pub async fn open_events(&self, events: &mut [RecordedEvent]) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for RecordedEvent { name, data, line, .. } in events {
            let Some(text) = personal::personal_text(name, data) else { continue };
            if let Some(sealed) = personal::sealed_in(text) {
                all.push((line.as_str(), sealed, text));
            }
        }
        let keys = self.keys_of_each(all.iter().map(|(channel, ..)| *channel)).await?;
        for (channel, sealed, text) in all {
            if let Some(opened) = open(keys.of(channel), channel, &sealed)? {
                *text = personal::opened(&opened);
            }
        }
        Ok(())
    }

    /// The keys of some subjects, for as long as what was asked needs them: see above.
    async fn keys_of_each<'s>(&self, subjects: impl Iterator<Item = &'s str>) -> Result<Keys, StoreError> {
        let subjects: Vec<&str> = subjects.collect::<BTreeSet<_>>().into_iter().collect();
        let mut keys = HashMap::<String, Vec<SubjectKey>>::new();
        if subjects.is_empty() {
            return Ok(Keys(keys));
        }
        for row in self.journal.secrets_of_each(SUBJECT_KEY, &subjects).await? {
            let key = self.key(&row).map_err(|error| broken(&row.owner, error))?;
            keys.entry(row.owner).or_default().push(key);
        }
        Ok(Keys(keys))
    }
}

/// Keys of some subjects.
struct Keys(HashMap<String, Vec<SubjectKey>>);

impl Keys {
    fn of(&self, subject: &str) -> &[SubjectKey] {
        self.0.get(subject).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Whether a channel bears this name, as far as these keys tell.
pub(crate) fn bears(
    keys: &[SubjectKey],
    channel: &str,
    name: &Personal<ChannelName>,
    asked: &ChannelName,
) -> Result<bool, StoreError> {
    match name {
        Personal::Plain(name) => Ok(name == asked),
        Personal::Sealed(sealed) => Ok(open(keys, channel, sealed)?.as_deref() == Some(asked.as_str())),
    }
}

/// Opens a name by the one of these keys that sealed it; none where it is not among them.
fn open(keys: &[SubjectKey], channel: &str, sealed: &SealedText) -> Result<Option<String>, StoreError> {
    let Some(key) = keys.iter().find(|key| key.id == sealed.key_id) else { return Ok(None) };
    let bytes = BASE64_STANDARD.decode(&sealed.sealed).map_err(|_| VaultError::NotOurs);
    let opened = bytes.and_then(|bytes| key.open(NAME, channel, &bytes));
    let text = opened.and_then(|bytes| String::from_utf8(bytes).map_err(|_| VaultError::NotOurs));
    text.map(Some).map_err(|error| broken(channel, error))
}

/// Says of a text that is still sealed that it was erased: for whoever looks back.
pub(crate) fn show_erased(event: &mut RecordedEvent) {
    if let Some(text) = personal::personal_text(&event.name, &mut event.data)
        && personal::sealed_in(text).is_some()
    {
        *text = personal::erased();
    }
}

/// Destroys a subject's keys.
pub(crate) fn forget_keys(subject: &str) -> SecretWrite {
    SecretWrite::Delete { kind: SUBJECT_KEY.to_owned(), owner: subject.to_owned(), scope: SecretScope::All }
}

/// Destroys a subject's keys, and remembers that its traces are to be removed.
pub(crate) fn forget_subject(subject: &str) -> [SecretWrite; 2] {
    let mark = SecretWrite::Put {
        kind: TRACES.to_owned(),
        owner: subject.to_owned(),
        lookup: None,
        sealed: Vec::new(),
        expires_at_ms: None,
    };
    [forget_keys(subject), mark]
}

/// Kind of the mark that [`forget_subject`] leaves.
pub(crate) fn traces_kind() -> &'static str {
    TRACES
}

/// A subject's traces are removed.
pub(crate) fn traces_removed(subject: &str) -> SecretWrite {
    SecretWrite::Delete { kind: TRACES.to_owned(), owner: subject.to_owned(), scope: SecretScope::All }
}

/// A channel's row with its name as its events hold it: what may be remembered of it.
#[derive(Clone, Debug)]
pub(crate) struct NamedChannel {
    pub(crate) row: ChannelRow,
    pub(crate) name: Personal<ChannelName>,
}

impl NamedChannel {
    /// It after the event; none before it was made.
    pub(crate) fn after(known: Option<Self>, event: &ChannelEvent, sequence: u64) -> Option<Self> {
        let (row, named) = known.map(|known| (known.row, known.name)).unzip();
        let name = match event {
            ChannelEvent::Created { name, .. } => Some(name.clone()),
            ChannelEvent::Updated { changes, .. } => changes.name.clone().or(named),
            _ => named,
        };
        Some(Self { row: fold::channel(row, event, sequence)?, name: name? })
    }
}
