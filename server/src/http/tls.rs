//! TLS: certificates from their files, read anew when that is asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use creneau::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What a server shows to be who it is. A clone is a handle to the same.
#[derive(Clone)]
pub struct Tls {
    certificate: Arc<PathBuf>,
    key: Arc<PathBuf>,
    now: Arc<RwLock<Shown>>,
}

#[derive(Clone)]
struct Shown {
    config: Arc<ServerConfig>,
    ends: Timestamp,
}

impl Tls {
    /// Reads the certificates, the server's own first, and the key of that, both in PEM.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in a line: one cannot be read, has nothing of its kind, or the key
    /// is that of another certificate.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        let now = Arc::new(RwLock::new(read(certificate, key)?));
        let (certificate, key) = (Arc::new(certificate.to_owned()), Arc::new(key.to_owned()));
        Ok(Self { certificate, key, now })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    ///
    /// As [`Tls::open`]; then those read before stay.
    pub fn reload(&self) -> Result<(), String> {
        let shown = read(&self.certificate, &self.key)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// When the server's own certificate ends.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.now.read().unwrap_or_else(PoisonError::into_inner).ends
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.now.read().unwrap_or_else(PoisonError::into_inner).config.clone().into()
    }
}

/// The certificates of a file.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(all) if all.is_empty() => Err(named("it holds no certificate in PEM".to_owned())),
        Ok(all) => Ok(all),
        Err(error) => Err(named(error.to_string())),
    }
}

/// When a certificate ends, and whether it is one that signs others.
fn about(certificate: &CertificateDer<'_>) -> Result<(Timestamp, bool), String> {
    let (_, read) =
        x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    let seconds = read.validity().not_after.timestamp();
    Ok((Timestamp::from_millis(seconds.saturating_mul(1_000)), read.is_ca()))
}

/// Whether the server's own certificate is one that signs others, which some clients refuse.
pub(crate) fn signs_others(path: &Path) -> bool {
    let first = certificates(path).ok().and_then(|all| all.into_iter().next());
    first.is_some_and(|first| about(&first).is_ok_and(|(_, signs)| signs))
}

fn read(certificate: &Path, key: &Path) -> Result<Shown, String> {
    let chain = certificates(certificate)?;
    let first = chain.first().map(about).transpose();
    let first = first.map_err(|why| format!("{}: {why}", certificate.display()))?;
    let ends = first.map(|(ends, _)| ends).unwrap_or_default();
    let named = |why: String| format!("{}: {why}", key.display());
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => named("it holds no private key in PEM".to_owned()),
        error => named(error.to_string()),
    })?;
    // The provider is named: with two of them in a program a default one panics at first use.
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| named(format!("it does not fit {}: {error}", certificate.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Shown { config: Arc::new(config), ends })
}
