//! What a server answered, read with no mercy.

use crate::met::Met;

/// Codes that are told apart.
const CODES: [&str; 22] = [
    "invalid_request",
    "not_found",
    "unknown_calendar",
    "unknown_hold",
    "unknown_appointment",
    "method_not_allowed",
    "request_timeout",
    "slot_taken",
    "patient_has_hold",
    "hold_confirmed",
    "external_id_taken",
    "not_changeable",
    "hold_released",
    "version_mismatch",
    "payload_too_large",
    "unsupported_media_type",
    "unknown_reason",
    "outside_openings",
    "in_the_past",
    "beyond_horizon",
    "idempotency_key_reused",
    "version_required",
];

/// What comes back is a row of whole answers, of which the last may be cut off where the connection
/// ends; each is one that the server means.
pub(super) fn check(mut received: &[u8], met: &mut Met) {
    while let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
        let (head, rest) = received.split_at(end + 4);
        let head = std::str::from_utf8(head).expect("a head in ASCII");
        let status = head.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5));
        let status: u16 = status.and_then(|it| it.parse().ok()).expect("a status line");
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
        };
        if status == 100 {
            received = rest;
            continue;
        }
        assert!(status < 500 || status == 503, "{head}");
        if header("transfer-encoding:").is_some() {
            return met.note("feed");
        }
        let length = header("content-length:").map_or(0, |it| it.parse().expect("a length"));
        let bodiless = matches!(status, 204 | 304);
        let length = if bodiless { 0 } else { length };
        let Some((body, rest)) = rest.split_at_checked(length) else {
            // A HEAD is told the length of what it is not sent; a cut is an end all the same.
            return met.note("answer without its body");
        };
        received = rest;
        check_body(status, header("content-type:").unwrap_or_default(), body, met);
    }
    if received.is_empty() {
        met.note("answers whole");
    }
}

fn check_body(status: u16, kind: &str, body: &[u8], met: &mut Met) {
    match status {
        200..300 => met.note("done"),
        300..400 => met.note("elsewhere"),
        _ if body.is_empty() => met.note("refused without a word"),
        _ => {
            assert_eq!(kind, "application/problem+json", "{status}");
            let problem: serde_json::Value = serde_json::from_slice(body).expect("a problem");
            assert_eq!(problem["status"], status, "{problem}");
            let words = ["code", "title", "detail", "type"].map(|it| problem[it].as_str());
            assert!(words.iter().all(|it| it.is_some_and(|it| !it.is_empty())), "{problem}");
            let code = problem["code"].as_str().unwrap_or_default();
            met.note(CODES.into_iter().find(|known| *known == code).unwrap_or("another code"));
        }
    }
    if kind == "application/json" && !body.is_empty() {
        serde_json::from_slice::<serde_json::Value>(body).expect("JSON");
    }
}
