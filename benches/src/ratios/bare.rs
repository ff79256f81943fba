//! Bare hyper: it reads a request to its end and answers with the same bytes every time.
//!
//! The same version, protocol and kind of runtime as our server, and nothing else: no router, no
//! limits, no timeouts.

use std::convert::Infallible;
use std::path::Path;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::plan::{Fallible, runtime};

/// What is answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// `ratios bare FILE`.
pub(crate) fn run() -> Fallible<()> {
    let file = std::env::args().nth(2).ok_or("bare FILE: the answer")?;
    let answer: &'static Answer = Box::leak(Box::new(read(Path::new(&file))?));
    runtime()?.block_on(serve(answer))
}

/// An answer as it came from our server, without what hyper writes by itself.
fn read(file: &Path) -> Fallible<Answer> {
    let bytes = std::fs::read(file)?;
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no header's end")?;
    let head = std::str::from_utf8(bytes.get(..split).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or("a header without a value")?;
        if !matches!(name, "content-length" | "date") {
            headers.append(HeaderName::try_from(name)?, HeaderValue::from_str(value)?);
        }
    }
    let body = Bytes::copy_from_slice(bytes.get(split + 4..).unwrap_or_default());
    Ok(Answer { status: status.parse()?, headers, body })
}

async fn serve(answer: &'static Answer) -> Fallible<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::say(&format!("ready on http://{}", listener.local_addr()?))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(answer, request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    answer: &'static Answer,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // What comes with a request is read, as it must be before it can be judged.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(answer.body.clone()));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers.clone();
    Ok(response)
}
