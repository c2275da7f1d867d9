//! The two files that a certificate stands in.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sigma_clock::Timestamp;
use sigma_door::{Certificate, CertificateError};

use crate::fault::Fault;
use crate::folder::plain;

/// A file of certificates or of a key is read up to this many bytes.
const FILE_BYTES: u64 = 256 * 1024;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Where a certificate's chain and its key stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// What stood in the two files at one moment. Never printed: one of them is a key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    pub(super) fn contents(&self) -> Result<Contents, Fault> {
        Ok(Contents { chain: read("tls-cert", &self.chain)?, key: read("tls-key", &self.key)? })
    }

    /// The certificate that stands in `contents`.
    pub(super) fn understood(&self, contents: &Contents) -> Result<Certificate, Fault> {
        Certificate::from_pem(&contents.chain, &contents.key).map_err(|error| {
            let path = match error {
                CertificateError::NoKey | CertificateError::UnusableKey | CertificateError::Mismatch => {
                    &self.key
                }
                _ => &self.chain,
            };
            let mend = match error {
                CertificateError::Mismatch => "name the key that the certificate was asked for with",
                _ => "name files in PEM, the server's own certificate first, with --tls-cert and --tls-key",
            };
            Fault::new(format!("{} cannot be used: {error}", path.display()), mend)
        })
    }

    /// The certificate that stands in the files now.
    ///
    /// # Errors
    /// A file that cannot be read, or the two are no certificate.
    pub(crate) fn certificate(&self) -> Result<Certificate, Fault> {
        self.understood(&self.contents()?)
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    bounded(path).map_err(|error| {
        let wrong = format!("{} cannot be read: {}", path.display(), plain(&error));
        Fault::new(
            wrong,
            format!("make it readable for the user that runs sigma, or name another with --{setting}"),
        )
    })
}

/// All of a file that is not larger than a certificate's is.
pub(super) fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whole days from `now` until a certificate runs out; negative once it has.
pub(crate) fn days_left(certificate: &Certificate, now: Timestamp) -> i64 {
    (certificate.not_after().millis() - now.millis()).div_euclid(DAY_MS)
}
