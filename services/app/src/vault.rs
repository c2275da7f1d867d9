//! What the master key does: seals, finds, derives. Each purpose has a key of its own.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac, rand};
use sigma_domain::PlaybackId;

use crate::{Secret, StreamKey};

/// Bytes of a master key.
pub const MASTER_KEY_LENGTH: usize = 32;

/// The first byte of what is sealed: AES-256-GCM, then a nonce of 12 bytes, then ciphertext and tag.
const SEAL_VERSION: u8 = 1;

/// A cryptographic step failed. It says nothing more: there is nothing more that is safe to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The system's source of randomness, or the cipher, failed.
    #[error("the system's cryptography failed")]
    Failed,
    /// What was sealed is broken, belongs to something else, or was sealed under another master key.
    #[error("a secret cannot be opened: it is broken, not this owner's, or sealed under another master key")]
    NotOurs,
}

/// Keeps the keys that are made of the master key. Never printed.
pub struct Vault {
    root: hkdf::Prk,
    seal: Seal,
}

/// A key that seals and opens. Never printed.
pub(crate) struct Seal(RandomizedNonceKey);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// Keyed hashes, each under its own key so that one says nothing about another.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    /// Finds a stream key.
    StreamKey,
    /// Finds an API token.
    ApiToken,
    /// Makes the id of what is recorded of a session.
    AssetId,
    /// Makes a command's id of an idempotency key.
    CommandId,
    /// Tells requests under one id apart.
    Fingerprint,
}

impl Hash {
    const fn purpose(self) -> &'static str {
        match self {
            Self::StreamKey => "lookup: stream key",
            Self::ApiToken => "lookup: API token",
            Self::AssetId => "asset id",
            Self::CommandId => "command id",
            Self::Fingerprint => "command fingerprint",
        }
    }
}

impl Seal {
    /// By a key of 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Result<Self, VaultError> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| VaultError::Failed)
    }

    /// Seals a text so that it opens only as this kind of thing of this owner.
    pub(crate) fn seal(&self, kind: &str, owner: &str, text: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut body = text.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(associated(kind, owner)), &mut body)
            .map_err(|_| VaultError::Failed)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
        sealed.push(SEAL_VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    pub(crate) fn open(&self, kind: &str, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let Some((&SEAL_VERSION, rest)) = sealed.split_first() else { return Err(VaultError::NotOurs) };
        let Some((nonce, body)) = rest.split_at_checked(NONCE_LEN) else { return Err(VaultError::NotOurs) };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::NotOurs)?;
        let mut body = body.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(associated(kind, owner)), &mut body)
            .map_err(|_| VaultError::NotOurs)?;
        Ok(opened.to_vec())
    }
}

impl Vault {
    /// Over a master key.
    ///
    /// # Errors
    /// [`VaultError::Failed`] when the system's cryptography fails.
    pub fn new(master_key: [u8; MASTER_KEY_LENGTH]) -> Result<Self, VaultError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sigma livestream v1").extract(&master_key);
        let seal = Seal::new(&expand(&root, "seal")?)?;
        Ok(Self { root, seal })
    }

    /// A key of its own for another part of the platform, always the same for the same purpose.
    ///
    /// # Errors
    /// [`VaultError::Failed`] when the system's cryptography fails.
    pub fn derive(&self, purpose: &str) -> Result<[u8; 32], VaultError> {
        expand(&self.root, &format!("derived: {purpose}"))
    }

    /// What tells this master key from another without giving any of it away; 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`VaultError::Failed`] when the system's cryptography fails.
    pub fn fingerprint(&self) -> Result<String, VaultError> {
        Ok(hex(&expand(&self.root, "fingerprint")?[..16]))
    }

    /// Seals a secret so that it opens only as this kind of secret of this owner.
    pub(crate) fn seal(&self, kind: &str, owner: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.seal.seal(kind, owner, secret)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    pub(crate) fn open(&self, kind: &str, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.seal.open(kind, owner, sealed)
    }

    /// A key for a [`Seal`] of its own.
    pub(crate) fn new_key(&self) -> Result<[u8; 32], VaultError> {
        let mut key = [0_u8; 32];
        rand::fill(&mut key).map_err(|_| VaultError::Failed)?;
        Ok(key)
    }

    /// The keyed hash of some parts; where one ends and the next begins counts.
    pub(crate) fn hash(&self, hash: Hash, parts: &[&[u8]]) -> Result<Vec<u8>, VaultError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &expand(&self.root, hash.purpose())?);
        Ok(hmac::sign(&key, &joined(parts)).as_ref().to_vec())
    }

    /// A new stream key.
    pub(crate) fn new_stream_key(&self) -> Result<StreamKey, VaultError> {
        StreamKey::generate(rand::fill).map_err(|_| VaultError::Failed)
    }

    /// A new API token.
    pub(crate) fn new_api_token(&self) -> Result<Secret, VaultError> {
        let mut random = [0_u8; 32];
        rand::fill(&mut random).map_err(|_| VaultError::Failed)?;
        Ok(Secret::of(random))
    }

    /// A new playback id.
    pub(crate) fn new_playback_id(&self) -> Result<PlaybackId, VaultError> {
        let mut random = [0_u8; 16];
        rand::fill(&mut random).map_err(|_| VaultError::Failed)?;
        Ok(PlaybackId::from_random(u128::from_le_bytes(random)))
    }
}

fn expand(root: &hkdf::Prk, purpose: &str) -> Result<[u8; 32], VaultError> {
    let mut key = [0_u8; 32];
    root.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|_| VaultError::Failed)?;
    Ok(key)
}

/// Names kind and owner, so that a sealed secret moved to another row does not open there.
fn associated(kind: &str, owner: &str) -> Vec<u8> {
    joined(&[kind.as_bytes(), owner.as_bytes()])
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new([byte; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_for_its_kind_its_owner_and_its_master_key() {
        let sealed = vault(1).seal("stream_key", "ch_1", b"secret").unwrap();
        assert_eq!(vault(1).open("stream_key", "ch_1", &sealed), Ok(b"secret".to_vec()));
        assert_eq!(vault(1).open("stream_key", "ch_2", &sealed), Err(VaultError::NotOurs));
        assert_eq!(vault(1).open("feed", "ch_1", &sealed), Err(VaultError::NotOurs));
        assert_eq!(vault(2).open("stream_key", "ch_1", &sealed), Err(VaultError::NotOurs));
        // Kind and owner do not run into each other.
        assert_eq!(vault(1).open("stream_keyc", "h_1", &sealed), Err(VaultError::NotOurs));
    }

    #[test]
    fn a_changed_or_cut_secret_does_not_open() {
        let sealed = vault(1).seal("k", "o", b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(vault(1).open("k", "o", &changed), Err(VaultError::NotOurs), "byte {at}");
            assert_eq!(vault(1).open("k", "o", &sealed[..at]), Err(VaultError::NotOurs), "cut at {at}");
        }
    }

    #[test]
    fn sealing_twice_never_looks_the_same_and_hides_the_secret() {
        let (one, two) = (vault(1).seal("k", "o", b"secret"), vault(1).seal("k", "o", b"secret"));
        assert_ne!(one, two);
        assert!(!one.unwrap().windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn each_purpose_and_each_master_key_has_its_own_keys() {
        let (one, two) = (vault(1), vault(2));
        assert_eq!(one.derive("paths"), vault(1).derive("paths"));
        assert_ne!(one.derive("paths"), one.derive("cookies"));
        assert_ne!(one.derive("paths"), two.derive("paths"));
        assert_ne!(one.fingerprint(), two.fingerprint());
        let hash = |vault: &Vault, hash| vault.hash(hash, &[b"x"]).unwrap();
        assert_ne!(hash(&one, Hash::StreamKey), hash(&one, Hash::CommandId));
        assert_ne!(hash(&one, Hash::StreamKey), hash(&two, Hash::StreamKey));
        assert_ne!(one.hash(Hash::Fingerprint, &[b"ab", b"c"]), one.hash(Hash::Fingerprint, &[b"a", b"bc"]));
    }

    #[test]
    fn a_vault_prints_nothing_of_its_keys() {
        assert_eq!(format!("{:?}", vault(7)), "Vault(…)");
    }
}
