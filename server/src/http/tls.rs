//! TLS: certificates from their files, read anew when that is asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use creneau::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What a server shows to be who it is. A clone is a handle to the same.
#[derive(Clone)]
pub struct Tls {
    certificate: Arc<PathBuf>,
    key: Arc<PathBuf>,
    now: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the certificates, the server's own first, and the key of that, both in PEM.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in a line: one cannot be read, has nothing of its kind, or the key
    /// is that of another certificate.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        let now = Arc::new(RwLock::new(Arc::new(read(certificate, key)?)));
        let (certificate, key) = (Arc::new(certificate.to_owned()), Arc::new(key.to_owned()));
        Ok(Self { certificate, key, now })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    ///
    /// As [`Tls::open`]; then those read before stay.
    pub fn reload(&self) -> Result<(), String> {
        let config = Arc::new(read(&self.certificate, &self.key)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone().into()
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

/// When the server's own certificate ends.
pub(crate) fn ends(path: &Path) -> Result<Timestamp, String> {
    let named = |why: &str| format!("{}: {why}", path.display());
    let all = certificates(path)?;
    let first = all.first().ok_or_else(|| named("it holds no certificate in PEM"))?;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(first).map_err(|error| named(&error.to_string()))?;
    let seconds = certificate.validity().not_after.timestamp();
    Ok(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, String> {
    let chain = certificates(certificate)?;
    let named = |why: String| format!("{}: {why}", key.display());
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| named(error.to_string()))?;
    // The provider is named: with two of them in a program a default one panics at first use.
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| named(format!("it does not fit {}: {error}", certificate.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
