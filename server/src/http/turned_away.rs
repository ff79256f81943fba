//! What a client is told for whom there is no place: an answer before any request was read.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::Response;
use super::limits::LINGER_MS;
use super::problem::{Code, Problem};

/// When a client for whom there was no place may come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Tells a client that there is no place, unless it expects TLS: then the connection only ends,
/// because a handshake would cost more than what it refuses.
pub(super) async fn tell(mut stream: TcpStream, plain: bool) {
    if !plain {
        return;
    }
    let said = async {
        stream.write_all(&words().await).await?;
        stream.shutdown().await?;
        // What was sent and not read would break the connection before the client has the answer.
        let mut buffer = [0; 4_096];
        while stream.read(&mut buffer).await? != 0 {}
        std::io::Result::Ok(())
    };
    // Who does not take it in time does not get it.
    let _ = tokio::time::timeout(Duration::from_millis(LINGER_MS), said).await;
}

/// The answer as it stands on the wire.
async fn words() -> Vec<u8> {
    let detail = "all connections are taken, and nothing has happened: come back after Retry-After \
                  seconds";
    let problem = Problem::new(Code::Overloaded, detail).retry_after(RETRY_AFTER);
    let (head, body) = Response::from(problem).into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).bytes());
    text.extend(body);
    text
}
