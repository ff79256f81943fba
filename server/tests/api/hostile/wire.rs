//! Paths, queries and headers, and bytes that are no HTTP.

use super::{Row, Scene};

pub(crate) fn rows(scene: &Scene) -> Vec<Row> {
    [paths(scene), queries(scene), headers(scene), framing(), no_http()]
        .into_iter()
        .flatten()
        .collect()
}

fn paths(scene: &Scene) -> Vec<Row> {
    let Scene { calendar, hold, .. } = scene;
    vec![
        Row::plain("a path out of the tree", "GET", "/v1/../../etc/passwd").gets(404, "not_found"),
        Row::plain("an encoded one", "GET", "/docs/..%2f..%2fetc%2fpasswd").gets(404, "not_found"),
        Row::plain("one encoded twice", "GET", "/docs/%252e%252e").gets(404, "not_found"),
        Row::plain("two slashes", "GET", "//v1/calendars").gets(404, "not_found"),
        Row::plain("a slash at the end", "GET", "/v1/calendars/").gets(404, "not_found"),
        Row::plain("capitals", "GET", "/V1/CALENDARS").gets(404, "not_found"),
        Row::plain("an encoded slash", "GET", format!("/v1%2Fholds/{hold}")).gets(404, "not_found"),
        Row::plain("no id but a NUL", "GET", "/v1/holds/%00").gets(404, "unknown_hold"),
        Row::plain("a NUL after an id", "GET", format!("/v1/holds/{hold}%00"))
            .gets(404, "unknown_hold"),
        Row::plain("no UTF-8", "GET", "/v1/calendars/%ff%fe").gets(404, "unknown_calendar"),
        Row::plain("half an escape", "GET", "/v1/holds/%4").gets(404, "unknown_hold"),
        Row::plain("an id in capitals", "GET", format!("/v1/holds/{}", hold.to_uppercase()))
            .gets(404, "unknown_hold"),
        Row::plain("an id of 8,000 characters", "GET", format!("/v1/holds/{}", "h".repeat(8_000)))
            .gets(404, "unknown_hold"),
        Row::plain("a PUT", "PUT", format!("/v1/calendars/{calendar}"))
            .gets(405, "method_not_allowed"),
        Row::plain("a TRACE", "TRACE", "/livez").gets(405, "method_not_allowed"),
        Row::plain("an OPTIONS", "OPTIONS", "/v1/holds").gets(405, "method_not_allowed"),
        Row::plain("a method in small letters", "get", "/livez").gets(405, "method_not_allowed"),
        Row::plain("a method that is none", "BREW", "/v1/holds").gets(405, "method_not_allowed"),
        Row::plain("everything", "OPTIONS", "*").gets(404, "not_found"),
        Row::plain("a tunnel", "CONNECT", "example.org:443").gets(404, "not_found"),
    ]
}

fn queries(scene: &Scene) -> Vec<Row> {
    let Scene { calendar, cursor, .. } = scene;
    let slots = |what, query: &str| {
        let path = format!("/v1/calendars/{calendar}/slots?reason=check-up&{query}");
        Row::plain(what, "GET", path)
    };
    let list = |what, query: &str| Row::plain(what, "GET", format!("/v1/calendars?{query}"));
    vec![
        list("none", "limit=0").wrong("limit"),
        list("1,001", "limit=1001").wrong("limit"),
        list("-1", "limit=-1").wrong("limit"),
        list("1e3", "limit=1e3").wrong("limit"),
        list("a limit beyond 64 bits", "limit=99999999999999999999999").wrong("limit"),
        list("no limit", "limit=").wrong("limit"),
        list("a limit twice", "limit=1&limit=2").wrong("limit"),
        list("an unknown parameter", "patient_id=ada").wrong("patient_id"),
        list("a parameter without a name", "=1").wrong(""),
        list("a cursor of nothing", "cursor=").wrong("cursor"),
        list("a cursor of 10,000 characters", &format!("cursor={}", "0".repeat(10_000)))
            .wrong("cursor"),
        slots("a cursor of another list", &format!("cursor={cursor}")).wrong("cursor"),
        slots("no day", "days=0").wrong("days"),
        slots("days without end", "days=65536").wrong("days"),
        slots("no such date", "from=2027-02-29").wrong("from"),
        slots("a date of another shape", "from=20270322").wrong("from"),
        slots("an encoded NUL", "from=2027-03-22%00").wrong("from"),
        slots("the first date of all", "from=0000-01-01&days=731").gets(200, ""),
        slots("the last date of all", "from=9999-12-31&days=731").gets(200, ""),
        slots("a skipped hour", "from=2027-03-28T02:30:00%2B01:00").gets(200, ""),
        slots("a reason that is a list", "reason[]=check-up").wrong("reason[]"),
        Row::plain("events after the last", "GET", "/v1/events?after=1000000").wrong("after"),
        Row::plain("events after -1", "GET", "/v1/events?after=-1").wrong("after"),
        Row::plain("events after a word", "GET", "/v1/events")
            .with("Last-Event-ID", "last")
            .wrong("Last-Event-ID"),
    ]
}

fn headers(scene: &Scene) -> Vec<Row> {
    let confirm = format!("/v1/holds/{}/confirm", scene.hold);
    let keyed = |what, key: &str| {
        Row::plain(what, "POST", &confirm).with("Idempotency-Key", key).wrong("Idempotency-Key")
    };
    let typed = |what, kind: &str| {
        let row = Row::body(what, "POST", "/v1/holds", "{}").with("Content-Type", kind);
        row.gets(415, "unsupported_media_type")
    };
    let coded = |what, coding: &str| {
        let row = Row::body(what, "POST", "/v1/holds", "{}").with("Content-Encoding", coding);
        row.gets(415, "unsupported_media_type")
    };
    vec![
        keyed("an empty key", ""),
        keyed("a key of 65 characters", &"k".repeat(65)),
        keyed("a key with a space", "a b"),
        keyed("a key with a tab", "a\tb"),
        keyed("a key with an accent", "cl\u{e9}"),
        keyed("two keys", "one").with("Idempotency-Key", "two"),
        typed("plain text", "text/plain"),
        typed("a form", "application/x-www-form-urlencoded"),
        typed("parts", "multipart/form-data; boundary=x"),
        typed("XML", "application/xml"),
        typed("two types", "text/plain, application/json"),
        typed("a type that is empty", ""),
        typed("nearly JSON", "application/jsonp"),
        coded("gzip", "gzip"),
        coded("two codings", "identity, gzip"),
        coded("a coding that is none", "x"),
        Row::bytes("two hosts", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").wrong("Host"),
        Row::bytes("no host", "GET /livez HTTP/1.1\r\n\r\n").wrong("Host"),
    ]
}

/// A POST with these headers, and what follows them.
fn post(what: &'static str, headers: &str, rest: &str) -> Row {
    Row::bytes(what, format!("POST /v1/holds HTTP/1.1\r\nHost: t\r\n{headers}\r\n\r\n{rest}"))
}

fn framing() -> Vec<Row> {
    let chunked = "Transfer-Encoding: chunked";
    let smuggled = "0\r\n\r\nGET /v1/nothing HTTP/1.1\r\nHost: t\r\n\r\n";
    let both = format!("Content-Length: 4\r\n{chunked}");
    let endless = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(5);
    let turned = format!("{chunked}\r\nContent-Length: 4");
    vec![
        post("a length and chunks", &both, smuggled).gets(400, "invalid_request"),
        post("chunks and a length", &turned, smuggled).gets(400, "invalid_request"),
        post("two lengths", "Content-Length: 2\r\nContent-Length: 3", "{}").bare(400),
        post("a length below none", "Content-Length: -1", "").bare(400),
        post("a length with a sign", "Content-Length: +2", "{}").bare(400),
        post("a length beyond 64 bits", "Content-Length: 99999999999999999999", "").bare(400),
        post("a length of 1 GiB", "Content-Length: 1073741824", "").gets(413, "payload_too_large"),
        post(
            "a length of 1 GiB, expected",
            "Content-Length: 1073741824\r\nExpect: 100-continue",
            "",
        )
        .gets(413, "payload_too_large"),
        post("an unknown transfer coding", "Transfer-Encoding: gzip", "").bare(400),
        post("chunks not last", "Transfer-Encoding: chunked, gzip", "").bare(400),
        post("a size that is no number", chunked, "zz\r\n{}\r\n0\r\n\r\n")
            .gets(400, "invalid_request"),
        post("a size below none", chunked, "-2\r\n{}\r\n0\r\n\r\n").gets(400, "invalid_request"),
        post("a size beyond 64 bits", chunked, "fffffffffffffffff\r\n{}\r\n")
            .gets(400, "invalid_request"),
        post("a chunk longer than its size", chunked, "2\r\n{}{}\r\n0\r\n\r\n")
            .gets(400, "invalid_request"),
        post("chunks of a body without end", chunked, &endless).gets(413, "payload_too_large"),
        post(
            "a size with an extension without end",
            chunked,
            &format!("2;{}", "x".repeat(100_000)),
        )
        .gets(400, "invalid_request"),
        post(
            "a trailer without end",
            chunked,
            &format!("2\r\n{{}}\r\n0\r\n{}\r\n", "X-More: and more\r\n".repeat(10_000),),
        )
        .gets(400, "invalid_request"),
    ]
}

fn no_http() -> Vec<Row> {
    let get = |what, head: &str| Row::bytes(what, format!("{head}\r\n\r\n"));
    let many = "X-A: b\r\n".repeat(101);
    let (long, path) = ("x".repeat(1 << 20), "x".repeat(80 << 10));
    vec![
        Row::bytes("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").dropped(),
        Row::bytes("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").bare(400),
        Row::bytes("mail", "EHLO example.org\r\n").bare(400),
        Row::bytes("NULs", [0; 4096]).bare(400),
        get("HTTP/1.0 without a host", "GET /livez HTTP/1.0").gets(200, ""),
        get("HTTP/1.2", "GET /livez HTTP/1.2\r\nHost: t").bare(400),
        get("HTTP/3", "GET /livez HTTP/3.0\r\nHost: t").bare(400),
        get("no version", "GET /livez").bare(400),
        get("no path", "GET HTTP/1.1\r\nHost: t").bare(400),
        get("two spaces", "GET  /livez HTTP/1.1\r\nHost: t").bare(400),
        get("a space before the colon", "GET /livez HTTP/1.1\r\nHost : t").bare(400),
        get("a header without a name", "GET /livez HTTP/1.1\r\n: t").bare(400),
        get("a folded header", "GET /livez HTTP/1.1\r\nHost: t\r\nX-A: b\r\n c").bare(400),
        get("a NUL in a header", "GET /livez HTTP/1.1\r\nHost: t\r\nX-A: b\0c").bare(400),
        get("a line break in a header", "GET /livez HTTP/1.1\r\nHost: t\r\nX-A: b\rc").bare(400),
        get("101 headers", &format!("GET /livez HTTP/1.1\r\nHost: t\r\n{many}")).bare(431),
        get("1 MiB of a header", &format!("GET /livez HTTP/1.1\r\nHost: t\r\nX-A: {long}"))
            .bare(431),
        get("80 KiB of a path", &format!("GET /{path} HTTP/1.1\r\nHost: t")).bare(414),
        get("an address elsewhere", "GET http://example.org/livez HTTP/1.1\r\nHost: t")
            .gets(200, ""),
        get("an upgrade", "GET /livez HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c")
            .gets(200, ""),
    ]
}
