//! What stands sealed beside the aggregates: stream keys, what API tokens are found by, and what is known of a feed's
//! other end.

use serde::{Deserialize, Serialize};
use sigma_store::{SecretRow, SecretScope, SecretWrite};

use crate::subjects::SubjectKey;
use crate::vault::{Hash, Vault, VaultError};
use crate::{FeedFacts, Secret, StreamKey};

/// Stream keys, owned by channels; several while old ones go on serving.
pub(crate) const STREAM_KEY: &str = "stream_key";

/// Peer and encoder of a session's newest feed, owned by the session.
const FEED: &str = "feed";

/// Adds a channel's new stream key.
pub(crate) fn put_stream_key(
    vault: &Vault,
    channel: &str,
    key: &StreamKey,
) -> Result<SecretWrite, VaultError> {
    Ok(SecretWrite::Put {
        kind: STREAM_KEY.to_owned(),
        owner: channel.to_owned(),
        lookup: Some(lookup(vault, key)?),
        sealed: vault.seal(STREAM_KEY, channel, key.expose().as_bytes())?,
        expires_at_ms: None,
    })
}

/// Makes a channel's stream keys void from a moment on, or deletes them where there is none.
pub(crate) fn retire_stream_keys(channel: &str, serve_until_ms: Option<i64>) -> SecretWrite {
    let (kind, owner, scope) = (STREAM_KEY.to_owned(), channel.to_owned(), SecretScope::All);
    match serve_until_ms {
        Some(at_ms) => SecretWrite::Expire { kind, owner, scope, at_ms },
        None => SecretWrite::Delete { kind, owner, scope },
    }
}

/// Deletes a channel's stream keys that are void by now.
pub(crate) fn forget_stream_keys(channel: &str, now_ms: i64) -> SecretWrite {
    let scope = SecretScope::ExpiredBy(now_ms);
    SecretWrite::Delete { kind: STREAM_KEY.to_owned(), owner: channel.to_owned(), scope }
}

/// What a stream key is found by.
pub(crate) fn lookup(vault: &Vault, key: &StreamKey) -> Result<Vec<u8>, VaultError> {
    vault.hash(Hash::StreamKey, &[key.expose().as_bytes()])
}

/// Opens a stream key.
pub(crate) fn open_stream_key(vault: &Vault, row: &SecretRow) -> Result<StreamKey, VaultError> {
    let opened = vault.open(STREAM_KEY, &row.owner, &row.sealed)?;
    let text = std::str::from_utf8(&opened).map_err(|_| VaultError::NotOurs)?;
    text.parse().map_err(|_| VaultError::NotOurs)
}

/// What API tokens are found by, owned by the token's id. Nothing opens it: a token is shown once.
pub(crate) const API_TOKEN: &str = "api_token";

/// Lets an API token be found, until it runs out.
pub(crate) fn put_api_token(
    vault: &Vault,
    id: &str,
    token: &Secret,
    expires_at_ms: Option<i64>,
) -> Result<SecretWrite, VaultError> {
    let lookup = Some(lookup_api_token(vault, token)?);
    let (kind, owner) = (API_TOKEN.to_owned(), id.to_owned());
    Ok(SecretWrite::Put { kind, owner, lookup, sealed: Vec::new(), expires_at_ms })
}

/// Lets an API token be found no more.
pub(crate) fn forget_api_token(id: &str) -> SecretWrite {
    SecretWrite::Delete { kind: API_TOKEN.to_owned(), owner: id.to_owned(), scope: SecretScope::All }
}

/// What an API token is found by.
pub(crate) fn lookup_api_token(vault: &Vault, token: &Secret) -> Result<Vec<u8>, VaultError> {
    vault.hash(Hash::ApiToken, &[token.expose().as_bytes()])
}

/// What is kept of a feed's other end. Never printed.
#[derive(Serialize, Deserialize)]
struct FeedEnd {
    peer: String,
    encoder: Option<String>,
}

/// The longest text that is kept of what an encoder calls itself, in characters.
const MAX_ENCODER: usize = 256;

/// The first byte of what is known of a feed where its channel's own key seals it. Without it, it is sealed under the master
/// key alone: of a channel that an older version made, which has no key of its own yet.
const BY_SUBJECT: u8 = 2;

/// Keeps what is known of the newest feed's other end, in place of the one before; sealed under the channel's own key.
pub(crate) fn put_feed(
    vault: &Vault,
    key: Option<&SubjectKey>,
    session: &str,
    facts: &FeedFacts,
) -> Result<Vec<SecretWrite>, VaultError> {
    let encoder = facts.encoder.as_ref().map(|text| text.chars().take(MAX_ENCODER).collect());
    let end = FeedEnd { peer: facts.peer.clone(), encoder };
    let text = serde_json::to_vec(&end).map_err(|_| VaultError::Failed)?;
    let sealed = match key {
        Some(key) => [&[BY_SUBJECT][..], &key.seal(FEED, session, &text)?].concat(),
        None => vault.seal(FEED, session, &text)?,
    };
    let (kind, owner) = (FEED.to_owned(), session.to_owned());
    Ok(vec![
        SecretWrite::Delete { kind: kind.clone(), owner: owner.clone(), scope: SecretScope::All },
        SecretWrite::Put { kind, owner, lookup: None, sealed, expires_at_ms: None },
    ])
}

/// Kind of the secrets that [`put_feed`] writes.
pub(crate) fn feed_kind() -> &'static str {
    FEED
}

/// What the newest feed's encoder calls itself; none also where its channel's key is gone.
pub(crate) fn open_encoder(
    vault: &Vault,
    keys: &[SubjectKey],
    row: &SecretRow,
) -> Result<Option<String>, VaultError> {
    let opened = match row.sealed.split_first() {
        Some((&BY_SUBJECT, sealed)) => {
            let Some(opened) = keys.iter().find_map(|key| key.open(FEED, &row.owner, sealed).ok()) else {
                return Ok(None);
            };
            opened
        }
        _ => vault.open(FEED, &row.owner, &row.sealed)?,
    };
    let end: FeedEnd = serde_json::from_slice(&opened).map_err(|_| VaultError::NotOurs)?;
    Ok(end.encoder)
}
