//! Whose certificates the client commands believe: the machine's authorities, a file's, or one certificate alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sigma_door::rustls::client::WebPkiServerVerifier;
use sigma_door::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use sigma_door::rustls::crypto::aws_lc_rs::default_provider;
use sigma_door::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use sigma_door::rustls::pki_types::pem::PemObject;
use sigma_door::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use sigma_door::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::files::bounded;
use crate::fault::Fault;
use crate::folder::plain;

/// Certificates that a file of authorities may hold: an operating system's has some 150.
const ROOTS_MOST: usize = 1_000;

/// Whose certificate is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// What the machine's authorities signed.
    Machine,
    /// What an authority in this file signed, or a certificate that stands in it itself.
    Authorities(PathBuf),
    /// The one certificate in this file, under whatever name: that of the data folder's own server.
    Alone(PathBuf),
}

impl Trust {
    /// What a client shakes hands with; none: as clients do.
    ///
    /// # Errors
    /// A file that cannot be read or holds no certificate.
    pub(crate) fn config(&self) -> Result<Option<ClientConfig>, Fault> {
        let (path, authorities) = match self {
            Self::Machine => return Ok(None),
            Self::Authorities(path) => (path, true),
            Self::Alone(path) => (path, false),
        };
        let known = read_roots(path)?;
        let provider = Arc::new(default_provider());
        let roots = if authorities { verifier(&known, &provider) } else { None };
        let believed = Believed { known, roots, algorithms: provider.signature_verification_algorithms };
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(
                |error| Fault::new(format!("TLS cannot be set up: {error}"), "see this machine's processor"),
            )?;
        Ok(Some(
            builder.dangerous().with_custom_certificate_verifier(Arc::new(believed)).with_no_client_auth(),
        ))
    }
}

fn verifier(
    known: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(known.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

/// The certificates of a file.
fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let mend = "name a file of certificates in PEM with --tls-ca";
    let text = bounded(path)
        .map_err(|error| Fault::new(format!("{} cannot be read: {}", path.display(), plain(&error)), mend))?;
    let known = CertificateDer::pem_slice_iter(&text).take(ROOTS_MOST).collect::<Result<Vec<_>, _>>();
    match known {
        Ok(known) if !known.is_empty() => Ok(known),
        _ => Err(Fault::new(format!("{} holds no certificate in PEM", path.display()), mend)),
    }
}

/// Believes certificates that it knows byte by byte: who has such a one's key is who is meant, whatever the name, and
/// whether or not it calls itself an authority (as `openssl req -x509` makes it). Others are believed for who signed them.
#[derive(Debug)]
struct Believed {
    known: Vec<CertificateDer<'static>>,
    roots: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.iter().any(|known| known.as_ref() == certificate.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.roots {
            Some(roots) => roots.verify_server_cert(certificate, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
