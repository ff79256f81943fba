//! A running server, as the commands that ask one see it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::http::tls;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer. The largest is a calendar with everything that is set about it.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Bytes of a file with a token.
const TOKEN_BYTES_MAX: usize = 4_096;

/// What no token has, and the lines of a server's file have.
const NEVER_IN_A_TOKEN: [char; 5] = [' ', '\t', '[', '#', '='];

/// How to be admitted by a server, and whom to take for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// A file whose first line is the token to show.
    pub token_file: Option<&'a Path>,
    /// Certificates in PEM to trust in place of those of the system.
    pub ca: Option<&'a Path>,
}

/// A running server. A clone is a handle to the same.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<Inner>,
}

struct Inner {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    token: Option<HeaderValue>,
}

impl Remote {
    /// The server at this URL, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// What is wrong with the URL, or with a file of `trust`.
    pub fn new(url: &str, trust: Trust<'_>) -> Result<Self, String> {
        let base = url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|error| format!("{url}: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("https") => trusting(trust.ca)?,
            Some("http") => trusting_nobody()?,
            _ => return Err(wrong(url)),
        };
        if uri.host().is_none() || uri.query().is_some() {
            return Err(wrong(url));
        }
        let token = trust.token_file.map(token).transpose()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = HttpClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { inner: Arc::new(Inner { http, base: base.to_owned(), token }) })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.inner.base
    }

    /// Sends a request once; an empty key or body is none.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: Bytes,
    ) -> Result<Answer, String> {
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.inner.base));
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.inner.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let response = self.inner.http.request(request).await;
        let response = response.map_err(|error| explained(&causes(&error)))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| causes(&*error))?.to_bytes();
        // What is no JSON has no fields; the status says enough.
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// An answer that was not to be expected, in words.
    pub(crate) fn unexpected(&self, answer: &Answer) -> String {
        let detail = answer.text("detail");
        let text = format!("{} answered {} {detail}", self.inner.base, answer.status);
        match answer.status {
            StatusCode::UNAUTHORIZED => format!("{text}; name a file with a token: --token-file"),
            _ => text.trim_end().to_owned(),
        }
    }
}

/// An answer of a server.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// A field of the body; empty where it has none.
    pub(crate) fn text(&self, field: &str) -> String {
        self.body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

fn wrong(url: &str) -> String {
    format!("{url}: must be an http:// or https:// URL, such as http://127.0.0.1:8080")
}

/// The token to show.
fn token(path: &Path) -> Result<HeaderValue, String> {
    let named = |why: &str| format!("--token-file {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(&error.to_string()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() || TOKEN_BYTES_MAX < token.len() || token.contains(NEVER_IN_A_TOKEN) {
        let why = "its first line must be the token alone; the file of a server's tokens, which \
                   holds hashes, is another";
        return Err(named(why));
    }
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| named("the token must be visible ASCII characters"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn trusting(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let Some(path) = ca else {
        let config = builder()?.with_native_roots().map_err(|error| {
            format!("this system has no certificates to trust: {error}; name some with --ca")
        })?;
        return Ok(config.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in tls::certificates(path).map_err(|why| format!("--ca {why}"))? {
        roots.add(certificate).map_err(|error| format!("--ca {}: {error}", path.display()))?;
    }
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// For plain HTTP, where the system's certificates need not be read.
fn trusting_nobody() -> Result<ClientConfig, String> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

/// What to do about the errors of TLS that operators meet.
fn explained(error: &str) -> String {
    let advice = [
        ("CaUsedAsEndEntity", "its certificate is that of an authority; make one with CA:FALSE"),
        ("UnknownIssuer", "its certificate is not trusted; name its authority with --ca"),
        (
            "UnsupportedSignatureAlgorithm",
            "its certificate is not trusted; name its authority with --ca",
        ),
        ("not valid for name", "its certificate has another name; give its URL with that name"),
        ("InvalidContentType", "it does not speak TLS: give its URL as http://"),
        ("invalid HTTP version parsed", "it may speak TLS: give its URL as https://"),
    ];
    match advice.iter().find(|(part, _)| error.contains(part)) {
        Some((_, advice)) => format!("{advice} ({error})"),
        None => error.to_owned(),
    }
}

/// An error with its causes: the first alone says only that something failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_https() {
        let new = |url| Remote::new(url, Trust::default());
        assert_eq!(new("http://127.0.0.1:8080/").unwrap().url(), "http://127.0.0.1:8080");
        for wrong in ["", "127.0.0.1:8080", "ftp://example.org", "http://", "/v1", "http://a?b"] {
            assert!(new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_a_servers_tokens_is_not_taken_for_a_token() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("token");
        for (text, fits) in [
            ("creneau_ab\n", true),
            ("creneau_ab", true),
            ("", false),
            ("[[token]]\nname = \"a\"", false),
            ("name = \"a\"", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(token(&path).is_ok(), fits, "{text}");
        }
    }
}
