//! The attacks that are made by connections: slow ones, large ones, and many requests at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::tally::{Fate, Tally};
use crate::clock::{Clock, pause};

/// Milliseconds between two bytes of a client who is slow on purpose.
const DRIP_MS: u64 = 1_000;

/// Milliseconds after which one who found no connection tries again.
const AGAIN_MS: u64 = 200;

/// What a connection may wait for a place beforehand, and what timeouts may be late by on a busy
/// machine.
const LATE: Duration = Duration::from_secs(10);

/// Requests that are sent at once.
const PIPELINED: usize = 500;

/// How a server is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    SlowHeaders,
    SlowBodies,
    UnreadAnswers,
    Silence,
    HeaderBombs,
    Chunks,
    Pipelines,
    Frames,
}

/// What attackers have in common.
pub(super) struct Field {
    pub(super) address: SocketAddr,
    pub(super) tally: Arc<Tally>,
}

impl Attack {
    pub(super) const ALL: [Self; 8] = [
        Self::SlowHeaders,
        Self::SlowBodies,
        Self::UnreadAnswers,
        Self::Silence,
        Self::HeaderBombs,
        Self::Chunks,
        Self::Pipelines,
        Self::Frames,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SlowHeaders => "slow headers",
            Self::SlowBodies => "slow bodies",
            Self::UnreadAnswers => "unread answers",
            Self::Silence => "silence",
            Self::HeaderBombs => "header bombs",
            Self::Chunks => "chunks",
            Self::Pipelines => "pipelines",
            Self::Frames => "malformed frames",
        }
    }

    /// Connections at a time. Those that cost the server work are few: they compete with patients
    /// for the processor, which nothing but a rate can share out.
    pub(super) fn connections(self, slow: usize) -> usize {
        match self {
            Self::SlowHeaders | Self::SlowBodies | Self::UnreadAnswers | Self::Silence => slow,
            Self::HeaderBombs | Self::Chunks | Self::Pipelines | Self::Frames => 16,
        }
    }

    /// How long a connection may live, by the documented timeouts of the server.
    pub(super) fn life_max(self) -> Option<Duration> {
        match self {
            Self::SlowHeaders | Self::SlowBodies => Some(Duration::from_secs(10) + LATE),
            Self::UnreadAnswers => Some(Duration::from_secs(30) + LATE),
            Self::Silence => Some(Duration::from_secs(75) + LATE),
            Self::HeaderBombs | Self::Chunks | Self::Pipelines | Self::Frames => None,
        }
    }

    /// A connection. One on which nothing is read can take little, so that many of them do not take
    /// all that the system has for connections.
    async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        const BYTES: u32 = 16 << 10;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if self == Self::UnreadAnswers {
            socket.set_recv_buffer_size(BYTES)?;
            socket.set_send_buffer_size(BYTES)?;
        }
        socket.connect(address).await
    }

    /// One connection, from its beginning to its end.
    pub(super) async fn once(self, field: &Field) {
        let Ok(mut stream) = self.connect(field.address).await else {
            field.tally.add(Fate::Broken);
            return pause(AGAIN_MS).await;
        };
        let clock = Clock::start();
        let fate = match self {
            Self::SlowHeaders => {
                drip(&mut stream, b"GET /livez HTTP/1.1\r\nHost: t\r\nX-A: ").await
            }
            Self::SlowBodies => {
                let head = "POST /v1/holds HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n{";
                drip(&mut stream, head.as_bytes()).await
            }
            Self::UnreadAnswers => unread(&mut stream).await,
            Self::Silence => answer(&mut stream, Duration::from_secs(100)).await,
            Self::HeaderBombs => bomb(&mut stream).await,
            Self::Chunks => Box::pin(chunks(&mut stream)).await,
            Self::Pipelines => Box::pin(pipeline(&mut stream)).await,
            Self::Frames => Fate::Silent,
        };
        field.tally.lived(clock.us() / 1_000);
        field.tally.add(fate);
        // A reset: nothing of it is left to this side.
        let _ = stream.set_zero_linger();
    }
}

/// What an error on a connection means.
fn broken(error: &io::Error) -> Fate {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Fate::Closed,
        _ => Fate::Broken,
    }
}

/// The status that a text begins with.
pub(super) fn status(text: &[u8]) -> Option<u16> {
    let text = text.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The next answer, or what else comes within a time.
pub(super) async fn answer(stream: &mut TcpStream, within: Duration) -> Fate {
    let mut buffer = [0; 4_096];
    match tokio::time::timeout(within, stream.read(&mut buffer)).await {
        Err(_) => Fate::Silent,
        Ok(Ok(0)) => Fate::Closed,
        Ok(Ok(read)) => match status(buffer.get(..read).unwrap_or_default()) {
            Some(status) => Fate::Answered(status),
            None => Fate::Broken,
        },
        Ok(Err(error)) => broken(&error),
    }
}

/// A byte now and then, until the server has enough of it.
async fn drip(stream: &mut TcpStream, first: &[u8]) -> Fate {
    if let Err(error) = stream.write_all(first).await {
        return broken(&error);
    }
    loop {
        match answer(stream, Duration::from_millis(DRIP_MS)).await {
            Fate::Silent => {}
            fate => return fate,
        }
        if let Err(error) = stream.write_all(b"x").await {
            return broken(&error);
        }
    }
}

/// Requests with large answers, of which nothing is ever read.
async fn unread(stream: &mut TcpStream) -> Fate {
    const ASK: &[u8] = b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n";
    loop {
        let sent = tokio::time::timeout(Duration::from_millis(DRIP_MS), stream.write_all(ASK));
        match sent.await {
            Ok(Err(error)) => return broken(&error),
            Ok(Ok(())) => pause(DRIP_MS / 10).await,
            Err(_) => {}
        }
    }
}

/// A header without end: of one field, or of many.
async fn bomb(stream: &mut TcpStream) -> Fate {
    let fields = "X-More: and more\r\n".repeat(4_000);
    let sent = async {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: t\r\n").await?;
        for _ in 0..20 {
            stream.write_all(fields.as_bytes()).await?;
        }
        io::Result::Ok(())
    };
    // The server may have answered and closed long before all of it is sent.
    let sent = tokio::time::timeout(Duration::from_secs(20), sent).await;
    match (answer(stream, Duration::from_secs(20)).await, sent) {
        (Fate::Broken, Ok(Err(error))) => broken(&error),
        (fate, _) => fate,
    }
}

/// A chunk that says that it is huge, and goes on.
async fn chunks(stream: &mut TcpStream) -> Fate {
    const HEAD: &[u8] = b"POST /v1/holds HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n\
          7fffffffffffffff\r\n";
    let part = [b' '; 16 << 10];
    let sent = async {
        stream.write_all(HEAD).await?;
        for _ in 0..64 {
            stream.write_all(&part).await?;
        }
        io::Result::Ok(())
    };
    let sent = tokio::time::timeout(Duration::from_secs(20), sent).await;
    match (answer(stream, Duration::from_secs(20)).await, sent) {
        (Fate::Broken, Ok(Err(error))) => broken(&error),
        (fate, _) => fate,
    }
}

/// Many requests at once, all of which are answered.
async fn pipeline(stream: &mut TcpStream) -> Fate {
    const ASK: &[u8] = b"POST /v1/holds HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}";
    let asks = ASK.repeat(PIPELINED);
    let (mut reader, mut writer) = stream.split();
    let (mut seen, mut buffer) = (0, [0; 16 << 10]);
    let read = async {
        let mut last = Vec::new();
        while seen < PIPELINED {
            let read = reader.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            last.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let found = last.windows(9).filter(|it| *it == b"HTTP/1.1 ").count();
            seen += found;
            // What may be the beginning of the next one.
            let keep = last.len().min(8);
            last.drain(..last.len() - keep);
        }
        io::Result::Ok(())
    };
    let both = async { tokio::join!(writer.write_all(&asks), read) };
    match tokio::time::timeout(Duration::from_secs(30), both).await {
        Err(_) => Fate::Silent,
        Ok((Ok(()), Ok(()))) if seen == PIPELINED => Fate::Answered(400),
        Ok((Err(error), _) | (_, Err(error))) => broken(&error),
        Ok(_) => Fate::Closed,
    }
}
