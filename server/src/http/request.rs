//! Reading requests: queries, headers and bodies.

use std::str::FromStr;
use std::time::Duration;

use creneau::{CallerId, CommandId, CommandKey};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Version;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};

/// The header that names a command.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request whose header and body have arrived.
pub(super) struct Asked {
    /// The identifier in the path, decoded; empty where the path has none.
    pub(super) id: String,
    /// The second one, where the path has two.
    pub(super) inner: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// In whose name commands are remembered.
    pub(super) caller: CallerId,
    /// Whether who calls may speak for the practice.
    pub(super) operates: bool,
    /// Whether it comes from this machine.
    pub(super) local: bool,
}

impl Asked {
    /// The query, which may hold nothing but the parameters in `known`.
    pub(super) fn query(&self, known: &[&str]) -> Result<Query, Problem> {
        Query::read(self.query.as_deref().unwrap_or_default(), known)
    }

    /// The caller's name for this command, if it has one.
    pub(super) fn command(&self) -> Result<Option<CommandKey>, Problem> {
        const RULE: &str = "must be 1 to 64 visible ASCII characters, once";
        let wrong = || Problem::invalid("Idempotency-Key", RULE);
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(wrong());
        }
        let id = value.to_str().ok().and_then(|text| CommandId::new(text).ok());
        let caller = self.caller.clone();
        id.map(|id| Some(CommandKey { caller, id })).ok_or_else(wrong)
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json(&self.body)
    }

    /// The body as JSON, where there is one.
    pub(super) fn json_or_none<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// Makes sure that a request without content has none: no body, or `{}`.
    pub(super) fn no_content(&self) -> Result<(), Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        if self.body.is_empty() {
            return Ok(());
        }
        let Nothing {} = self.json()?;
        Ok(())
    }
}

/// The parameters of a request, each at most once.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn read(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Problem::invalid(name, "is not a parameter of this request"));
            }
            if pairs.iter().any(|(before, _)| *before == name) {
                return Err(Problem::invalid(name, "must not stand twice"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.swap_remove(place).1)
    }

    /// The value of a parameter, read; `rule` says what it must be.
    pub(super) fn parse<T: FromStr>(
        &mut self,
        name: &str,
        rule: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Problem::invalid(name, rule))
    }

    /// How many to list.
    pub(super) fn limit(&mut self) -> Result<usize, Problem> {
        let limit = self.parse("limit", "must be 1 to 1000")?;
        Ok(limit.unwrap_or(super::limits::LIST_DEFAULT))
    }
}

/// RFC 9112 has a server refuse a request that names no host, or several: one that two servers in a
/// row could take for different ones.
pub(super) fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let hosts = headers.get_all(header::HOST).iter().count();
    let named = hosts == 1 || hosts == 0 && version < Version::HTTP_11;
    if named { Ok(()) } else { Err(Problem::invalid("Host", "must be there, once")) }
}

/// Reads a body to its end, within its bounds.
pub(super) async fn body(
    headers: &HeaderMap,
    body: Incoming,
    bytes_max: usize,
    patience: Duration,
) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body of this request may have {bytes_max} bytes");
        Problem::new(Code::PayloadTooLarge, detail)
    };
    // What announces itself as too large is refused before it is sent.
    if u64::try_from(bytes_max).is_ok_and(|max| max < body.size_hint().lower()) {
        return Err(too_large());
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    check_kind(headers)?;
    match tokio::time::timeout(patience, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        // The client is gone or speaks no HTTP: nobody reads the answer.
        Ok(Err(_)) => Err(Problem::new(Code::InvalidRequest, "the body did not arrive whole")),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "the body took too long to arrive")),
    }
}

/// Whether a body is JSON, by what its header says; one that says nothing is taken for it.
fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let encoding = text(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let detail = "the body must be sent without a Content-Encoding";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let Some(kind) = text(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json"
        || kind.strip_prefix("application/").is_some_and(|kind| kind.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "the Content-Type must be application/json"))
}

/// Reads JSON, and says which field breaks which rule.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Otherwise a list of the fields' values, without their names, would do.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid("body", "must be an object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        broken(&path, error.inner())
    })?;
    json.end().map_err(|error| broken("", &error))?;
    Ok(value)
}

/// Says what is wrong with a body. What serde writes is for programmers of this server; clients
/// are told the field and the rule.
fn broken(path: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body is not JSON: see line {line}, column {column}");
        return Problem::new(Code::InvalidRequest, detail);
    }
    let text = error.to_string();
    // The place in the text follows the message; the path says it better.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let path = if path == "." { "" } else { path };
    let quoted = |start: &str| {
        let name = text.strip_prefix(start)?.split('`').next()?;
        // The path ends with the field itself where serde had read its name.
        let ends_with_it = path.rsplit('.').next() == Some(name);
        Some(match path {
            path if ends_with_it => path.to_owned(),
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        })
    };
    if let Some(field) = quoted("missing field `") {
        return Problem::invalid(field, "is required");
    }
    if let Some(field) = quoted("unknown field `") {
        return Problem::invalid(field, "is not a field of this request");
    }
    if let Some(field) = quoted("duplicate field `") {
        return Problem::invalid(field, "must not stand twice");
    }
    let field = if path.is_empty() { "body" } else { path };
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) => Problem::invalid(field, format!("must be {}", kind_of(wanted))),
        None => Problem::invalid(field, text),
    }
}

/// What serde calls a type, in words for clients.
fn kind_of(wanted: &str) -> &str {
    match wanted {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number",
        "f64" => "a number",
        "a sequence" => "a list",
        wanted if wanted.starts_with("struct ") || wanted == "a map" => "an object",
        wanted => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read, not used")]
    struct Outer {
        list: Vec<Inner>,
        #[serde(default)]
        small: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read, not used")]
    struct Inner {
        name: String,
    }

    #[test]
    fn a_body_is_told_its_field_and_its_rule() {
        for (body, said) in [
            ("{\"list\":[{\"name\":\"a\"},{}]}", "list[1].name is required"),
            ("{\"list\":[{\"name\":7}]}", "list[0].name must be a string"),
            ("{\"list\":[{\"nam\":\"a\"}]}", "list[0].nam is not a field of this request"),
            ("{\"list\":[],\"more\":1}", "more is not a field of this request"),
            ("{\"list\":[],\"list\":[]}", "list must not stand twice"),
            ("{\"list\":{}}", "list must be a list"),
            ("{\"list\":[],\"small\":256}", "small must be a whole number from 0 to 255"),
            ("{\"list\":[],\"small\":-1}", "small must be a whole number from 0 to 255"),
            ("{}", "list is required"),
            ("7", "body must be an object"),
            ("[]", "body must be an object"),
            ("[[],7]", "body must be an object"),
            ("{\"list\":", "the body is not JSON: see line 1, column 8"),
            ("", "the body is not JSON: see line 1, column 0"),
            ("{\"list\":[]} x", "the body is not JSON: see line 1, column 13"),
        ] {
            let problem = json::<Outer>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidRequest, "{body}");
            assert_eq!(problem.detail(), said, "{body}");
        }
        assert!(json::<Outer>(b"{\"list\":[{\"name\":\"\xff\"}]}").is_err(), "no UTF-8");
    }

    #[test]
    fn a_query_holds_what_is_known_once_each() {
        let mut query = Query::read("a=1%2B1&b=x+y&limit=5", &["a", "b", "limit"]).unwrap();
        assert_eq!(query.take("a").as_deref(), Some("1+1"));
        assert_eq!(query.take("b").as_deref(), Some("x y"));
        assert_eq!(query.take("b"), None);
        assert_eq!(query.limit().unwrap(), 5);
        for (wrong, said) in
            [("c=1", "c is not a parameter of this request"), ("a=1&a=1", "a must not stand twice")]
        {
            let Err(problem) = Query::read(wrong, &["a"]) else { panic!("{wrong}") };
            assert_eq!(problem.detail(), said);
        }
    }
}
