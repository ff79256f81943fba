//! Writing answers.

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{StatusCode, http};
use serde::Serialize;
use tokio::sync::mpsc;

use super::body::Body;

/// An answer.
pub(super) type Response = http::Response<Body>;

/// For answers about a person: nothing in between may keep them.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// For answers that may be kept, and must be asked for again by their tag.
pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer in JSON that nothing in between may keep.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => of_bytes(status, bytes.into()),
        Err(error) => {
            // Only a map with keys that are no strings fails, and no answer has one.
            tracing::error!(%error, "an answer could not be written");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// An answer in plain text of a kind of its own.
pub(super) fn text(text: String, kind: HeaderValue) -> Response {
    let mut response = of_bytes(StatusCode::OK, text.into());
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn of_bytes(status: StatusCode, bytes: Bytes) -> Response {
    of_kind(status, JSON, bytes)
}

fn of_kind(status: StatusCode, kind: HeaderValue, bytes: Bytes) -> Response {
    let mut response = http::Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(Body::default());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// An answer whose body goes on for as long as `parts` has a sender.
pub(super) fn flowing(status: StatusCode, parts: mpsc::Receiver<Bytes>) -> Response {
    let mut response = http::Response::new(Body::Flowing { parts, _turn: None });
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// With the address of what was made.
pub(super) fn located(mut response: Response, address: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// With the tag of the version that it shows.
pub(super) fn tagged(mut response: Response, tag: &HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag.clone());
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

/// The body in JSON with `tag`, or 304 where the client has it already.
pub(super) fn unless_known(
    asked: &HeaderMap,
    tag: &HeaderValue,
    body: &impl Serialize,
) -> Response {
    if knows(asked, tag) {
        return tagged(empty(StatusCode::NOT_MODIFIED), tag);
    }
    tagged(json(StatusCode::OK, body), tag)
}

/// As [`unless_known`], with a strong tag made of the body itself.
pub(super) fn hashed(asked: &HeaderMap, body: &impl Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(body) else { return json(StatusCode::OK, body) };
    content(asked, JSON, bytes.into())
}

/// As [`hashed`], for content of any kind.
pub(super) fn content(asked: &HeaderMap, kind: HeaderValue, bytes: Bytes) -> Response {
    let hash = blake3::hash(&bytes).to_hex();
    // Half of the hash: 128 bits tell any two answers apart.
    let tag = format!("\"{}\"", hash.get(..32).unwrap_or_default());
    let Ok(tag) = HeaderValue::from_str(&tag) else { return of_kind(StatusCode::OK, kind, bytes) };
    if knows(asked, &tag) {
        return tagged(empty(StatusCode::NOT_MODIFIED), &tag);
    }
    tagged(of_kind(StatusCode::OK, kind, bytes), &tag)
}

/// Whether `If-None-Match` names the tag, by weak comparison as RFC 9110 has it.
fn knows(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let listed = asked.get_all(header::IF_NONE_MATCH).iter();
    let mut listed = listed.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    // No tag of this server contains a comma, so that a split in the midst of one does no harm.
    listed.any(|listed| {
        let listed = listed.trim();
        let listed = listed.strip_prefix("W/").unwrap_or(listed);
        listed == "*" || listed.as_bytes() == tag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_seen_among_others_and_when_weakened() {
        let tag = HeaderValue::from_static("\"7\"");
        for (listed, known) in [
            ("\"7\"", true),
            ("\"6\", W/\"7\"", true),
            ("*", true),
            ("\"77\"", false),
            ("7", false),
            ("", false),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::IF_NONE_MATCH, HeaderValue::from_static(listed));
            assert_eq!(knows(&asked, &tag), known, "{listed}");
        }
        assert!(!knows(&HeaderMap::new(), &tag));
    }
}
