//! How a server is reached: plainly or over TLS, and with which token.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::header::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of a token, and of a file of certificates.
const TOKEN_BYTES_MAX: usize = 4_096;
const CA_BYTES_MAX: usize = 1 << 20;

/// A connection, whatever lies between.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What is shown to a server, and how it must show itself.
#[derive(Clone, Default)]
pub(crate) struct Access {
    token: Option<HeaderValue>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Access {
    /// The access with the files that a command line names. `secure` has the host of an `https://`
    /// URL, for which `ca` must be given.
    ///
    /// # Errors
    ///
    /// The argument and the rule that it breaks.
    pub(crate) fn of(
        token_file: Option<&Path>,
        ca: Option<&Path>,
        secure: Option<&str>,
    ) -> Result<Self, String> {
        let token = token_file.map(read_token).transpose()?;
        let tls = match (secure, ca) {
            (None, _) => None,
            (Some(_), None) => {
                return Err("--ca: must be given for a server on https://".to_owned());
            }
            (Some(host), Some(ca)) => {
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name)
                    .map_err(|error| format!("--target {host}: {error}"))?;
                Some((TlsConnector::from(Arc::new(client_config(ca)?)), name))
            }
        };
        Ok(Self { token, tls })
    }

    /// The value of `Authorization`, if there is a token.
    pub(super) const fn authorization(&self) -> Option<&HeaderValue> {
        self.token.as_ref()
    }

    /// A new connection.
    pub(super) async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Stream>, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => {
                let secured = connector.connect(name.clone(), stream).await;
                let secured = secured.map_err(|error| format!("TLS: {error}"))?;
                Ok(Box::new(secured))
            }
        }
    }
}

fn read_token(path: &Path) -> Result<HeaderValue, String> {
    let fault = |rule: &str| format!("--token-file {}: {rule}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| fault(&error.to_string()))?;
    let token = text.trim();
    let sound = (1..=TOKEN_BYTES_MAX).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !sound {
        return Err(fault("must hold one token of visible ASCII characters, at most 4096"));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| fault("must hold what a header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn client_config(ca: &Path) -> Result<ClientConfig, String> {
    let fault = |rule: String| format!("--ca {}: {rule}", ca.display());
    let pem = std::fs::read(ca).map_err(|error| fault(error.to_string()))?;
    if CA_BYTES_MAX < pem.len() {
        return Err(fault(format!("must be at most {CA_BYTES_MAX} bytes")));
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("must hold a certificate in PEM".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| fault(error.to_string()))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
