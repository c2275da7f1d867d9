//! A certificate chain with its key, as it stands in two PEM files.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use sigma_clock::Timestamp;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};

use crate::validity;

/// Certificates that a chain has at most: a client follows some ten.
const CHAIN_MOST: usize = 16;

/// Why two files are no certificate that a door can stand on. The words reach the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate in PEM is in the first file.
    #[error("the certificate's file holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// More than a chain has.
    #[error("the certificate's file holds more than 16 certificates")]
    TooMany,
    /// What is in it is not X.509.
    #[error("the first certificate of the file is not one that can be read")]
    Unreadable,
    /// No private key in PEM is in the second file.
    #[error(
        "the key's file holds no private key in PEM (-----BEGIN PRIVATE KEY-----), or one under a passphrase"
    )]
    NoKey,
    /// The key is of a kind that is not known.
    #[error(
        "the private key is of a kind that cannot be used: take RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519"
    )]
    UnusableKey,
    /// The key is another certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

/// A certificate that a door can stand on. Its key is never printed.
#[derive(Clone)]
pub struct Certificate {
    certified: Arc<CertifiedKey>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

impl Certificate {
    /// From the text of the two files: the chain with the server's own certificate first, and its key.
    ///
    /// # Errors
    /// It is none, or the two do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .take(CHAIN_MOST + 1)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate)?;
        if certificates.len() > CHAIN_MOST {
            return Err(CertificateError::TooMany);
        }
        let leaf = certificates.first().ok_or(CertificateError::NoCertificate)?;
        let (not_before, not_after) = validity::of(leaf).ok_or(CertificateError::Unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let certified =
            CertifiedKey::from_der(certificates, key, &default_provider()).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch,
                Error::InvalidCertificate(_) => CertificateError::Unreadable,
                _ => CertificateError::UnusableKey,
            })?;
        Ok(Self { certified: Arc::new(certified), not_before, not_after })
    }

    /// From when on it is good.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when it is good.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The server's own certificate, in DER.
    pub fn leaf(&self) -> &[u8] {
        self.certified.cert.first().map_or(&[], |leaf| leaf.as_ref())
    }

    /// The first bytes of its SHA-256, as people compare them.
    pub fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, self.leaf());
        hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What a door shakes hands with that speaks `protocols` (ALPN, RFC 7301; the one it likes most first).
    ///
    /// A configuration of its own for each certificate: sessions that were begun with an older one cannot be resumed,
    /// so that every new connection is shown the newer.
    ///
    /// # Errors
    /// The system's cryptography knows no protocol version of ours.
    pub fn server_config(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, Error> {
        let resolver: Arc<dyn ResolvesServerCert> =
            Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn two_files_that_belong_together_are_a_certificate() {
        let (chain, key) = pair();
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
        // rcgen's own bounds.
        assert_eq!(certificate.not_before(), Timestamp::from_millis(157_766_400_000));
        assert_eq!(certificate.not_after(), Timestamp::from_millis(67_090_118_400_000));
        let config = certificate.server_config(&[b"h2", b"http/1.1"]).expect("a configuration");
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(certificate.fingerprint().len(), 16);
    }

    #[test]
    fn what_is_no_pair_is_refused_with_the_reason() {
        let ((chain, key), (other, _)) = (pair(), pair());
        let refused = |chain: &str, key: &str| {
            Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect_err("refused")
        };
        assert_eq!(refused(&other, &key), CertificateError::Mismatch);
        assert_eq!(refused("", &key), CertificateError::NoCertificate);
        assert_eq!(refused(&key, &key), CertificateError::NoCertificate);
        assert_eq!(refused(&chain, &chain), CertificateError::NoKey);
        assert_eq!(refused(&chain[..chain.len() / 2], &key), CertificateError::NoCertificate);
        assert_eq!(refused(&chain.repeat(CHAIN_MOST + 1), &key), CertificateError::TooMany);
        let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(refused(nonsense, &key), CertificateError::Unreadable);
        let unknown = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        assert_eq!(refused(&chain, unknown), CertificateError::UnusableKey);
    }

    #[test]
    fn a_key_is_never_printed() {
        let (chain, key) = pair();
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
        assert!(!format!("{certificate:?}").contains("key"));
    }
}
