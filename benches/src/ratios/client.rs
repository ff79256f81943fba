//! A small HTTP client, the same for ours and for bare hyper: one thread, many connections, each
//! of which sends bytes made beforehand and reads an answer to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::plan::{Fallible, nanos, now};

/// The wait after an answer that says "come back".
const COME_BACK: Duration = Duration::from_millis(20);

/// The bytes of a request, by its number.
pub(crate) type Requests = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// What is asked next of an answer that was as it should be.
pub(crate) type Follow = fn(&[u8]) -> Option<Vec<u8>>;

/// What a client is to do.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) address: SocketAddr,
    pub(crate) connections: u64,
    pub(crate) span: Duration,
    /// Requests in each second; none to send the next one once the last is answered.
    pub(crate) rate: Option<f64>,
    pub(crate) requests: Requests,
    /// The number of the next request; two clients may share it.
    pub(crate) next: Arc<AtomicU64>,
    /// The status that answers must have; 503 may come in between.
    pub(crate) status: u16,
    /// What follows on each answer, with the same status, and counts as a part of it.
    pub(crate) follow: Option<Follow>,
}

/// What a client saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Nanoseconds that each answer took.
    pub(crate) took: Vec<u64>,
    pub(crate) busy: u64,
    pub(crate) seconds: f64,
    /// The part of a core that the client itself needed.
    pub(crate) load: f64,
}

impl Seen {
    pub(crate) fn rate(&self) -> f64 {
        crate::measured::number(self.took.len()) / self.seconds
    }
}

/// Has a client do its task, in a thread of its own.
pub(crate) fn run(task: &Task) -> Fallible<Seen> {
    let task = task.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(all(task))
    });
    thread.join().map_err(|_| "the client failed")?
}

async fn all(task: Task) -> Fallible<Seen> {
    let mut open = Vec::new();
    for _ in 0..task.connections {
        open.push(Connection::open(task.address).await?);
    }
    let (began, worked) = (now(), worked());
    let place = |place: u64, connection| {
        let task = task.clone();
        tokio::spawn(async move { talk(connection, task, began, place).await })
    };
    let talks: Vec<_> = (0..).zip(open).map(|(number, it)| place(number, it)).collect();
    let mut seen = Seen::default();
    for talk in talks {
        let Seen { took, busy, .. } = talk.await??;
        seen.took.extend(took);
        seen.busy += busy;
    }
    seen.seconds = began.elapsed().as_secs_f64();
    seen.load = (self::worked() - worked) / seen.seconds;
    Ok(seen)
}

/// Seconds that this thread has run.
fn worked() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0)).as_secs_f64()
}

/// One connection's part of the task. With a rate, each connection has every so many-th request,
/// and an answer's time counts from when its request was due, if the connection was still busy
/// then. A timer that is late is the client's own fault, and does not count.
async fn talk(
    mut connection: Connection,
    task: Task,
    began: Instant,
    place: u64,
) -> Fallible<Seen> {
    let (mut seen, end) = (Seen::default(), began + task.span);
    let mut turn = place;
    loop {
        let mut from = now();
        if let Some(rate) = task.rate {
            let due = began + Duration::from_secs_f64(crate::measured::number(turn) / rate);
            turn += task.connections;
            if end <= due {
                return Ok(seen);
            }
            if from < due {
                tokio::time::sleep_until(due.into()).await;
                from = now();
            } else {
                from = due;
            }
        } else if end <= from {
            return Ok(seen);
        }
        let request = (task.requests)(task.next.fetch_add(1, Ordering::Relaxed));
        seen.busy += settle(&mut connection, &request, task.status).await?;
        if let Some(follow) = task.follow {
            let next = follow(connection.answer()).ok_or("an answer that nothing follows on")?;
            seen.busy += settle(&mut connection, &next, task.status).await?;
        }
        seen.took.push(nanos(from));
    }
}

/// Asks until it is not told to come back; gives how often it was.
async fn settle(connection: &mut Connection, request: &[u8], status: u16) -> Fallible<u64> {
    let mut busy = 0;
    while connection.ask(request).await? != status {
        if connection.status != 503 {
            let (status, text) = (connection.status, connection.text());
            return Err(format!("an answer with {status}: {text}").into());
        }
        busy += 1;
        tokio::time::sleep(COME_BACK).await;
    }
    Ok(busy)
}

/// A connection, and the answer that was read last.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    status: u16,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(16 << 10), status: 0 })
    }

    /// Sends a request and reads its answer; gives the status.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Fallible<u16> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let mut len = None;
        while len.is_none_or(|len| self.read.len() < len) {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err("the server hung up".into());
            }
            len = len.or_else(|| answer_len(&self.read));
        }
        let status = self.read.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        self.status = status.ok_or("no status")?.parse()?;
        Ok(self.status)
    }

    /// The last answer, as it came.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.read
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

/// The bytes of an answer, once its header is there.
fn answer_len(read: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")?;
    let header = read.get(..head)?;
    let at = header.windows(NAME.len()).position(|name| name == NAME);
    let digits = at.and_then(|at| header.get(at + NAME.len()..)).unwrap_or_default();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let len = digits.fold(0, |len, digit| len * 10 + usize::from(digit - b'0'));
    Some(head + 4 + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_header_says() {
        let answer = b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 12\r\n\r\nabc";
        assert_eq!(answer_len(answer), Some(answer.len() - 3 + 12));
        assert_eq!(answer_len(b"HTTP/1.1 200 OK\r\ncontent-le"), None);
        assert_eq!(answer_len(b"HTTP/1.1 204 No Content\r\n\r\n"), Some(27));
    }
}
