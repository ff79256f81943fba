//! The OpenAPI document, and a page that shows it. The page loads nothing from elsewhere: all of it
//! is in the binary.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use utoipa_swagger_ui::Config;

use super::answer::{self, Response};
use super::openapi;
use super::problem::{Code, Problem};
use super::request::Asked;

/// The page. Its addresses are relative, so that it works behind a prefix too.
const PAGE: &str = include_str!("docs.html");

/// What starts Swagger UI, as a file of its own because the page may run no script in its midst.
const SCRIPT: &str = include_str!("docs.js");

/// The files of the page. All but the first are Swagger UI's, which has more that are not needed.
pub(super) const FILES: [&str; 5] =
    ["docs.js", "favicon-32x32.png", "index.css", "swagger-ui-bundle.js", "swagger-ui.css"];

/// What a browser may do with the page: talk to this server, and to nobody else. Swagger UI sets
/// styles on its elements, and draws its icons from the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// For files that are shown alone, which then may do nothing at all.
const POLICY_OF_FILES: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

/// `GET /`: to the page.
pub(super) fn home(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    Ok(answer::located(answer::empty(StatusCode::TEMPORARY_REDIRECT), "docs"))
}

/// `GET /openapi.json`.
pub(super) fn document(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    Ok(guarded(answer::content(&asked.headers, answer::JSON, openapi::bytes()), POLICY_OF_FILES))
}

/// `GET /docs`.
pub(super) fn page(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let page = Bytes::from_static(PAGE.as_bytes());
    Ok(guarded(answer::content(&asked.headers, HTML, page), POLICY))
}

/// `GET /docs/{file}`.
pub(super) fn file(asked: &Asked) -> Result<Response, Problem> {
    asked.query(&[])?;
    let Some(bytes) = bytes_of(&asked.id) else {
        return Err(Problem::new(Code::NotFound, "the page has no file of this name"));
    };
    let kind = match asked.id.rsplit('.').next() {
        Some("css") => HeaderValue::from_static("text/css; charset=utf-8"),
        Some("js") => HeaderValue::from_static("text/javascript; charset=utf-8"),
        _ => HeaderValue::from_static("image/png"),
    };
    Ok(guarded(answer::content(&asked.headers, kind, bytes), POLICY_OF_FILES))
}

fn bytes_of(file: &str) -> Option<Bytes> {
    if !FILES.contains(&file) {
        return None;
    }
    if file == "docs.js" {
        return Some(Bytes::from_static(SCRIPT.as_bytes()));
    }
    // Its settings concern a file that this page does without.
    let found = utoipa_swagger_ui::serve(file, Arc::new(Config::default())).ok()??;
    Some(match found.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    })
}

fn guarded(mut response: Response, policy: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    response
}
