//! A client that is small enough to misbehave: HTTP/1.1 over a socket, by hand. It holds every
//! answer, and every request that succeeds, against the OpenAPI document.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::document::{Asked, document};

/// Longer than any answer of a test takes, so that a hang is a failure and not a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer's JSON, once its status is as expected.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Makes sure that it is the problem expected, in all that problems have in common.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("urn:creneau:problem:{code}"), "{problem}");
        for words in ["title", "detail"] {
            assert!(problem[words].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }
}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    /// Requests that wait for their answers. Those sent as raw bytes are not among them.
    asked: VecDeque<Asked>,
    /// Operations and the statuses of their answers.
    pub(crate) seen: Vec<(String, u16)>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), asked: VecDeque::new(), seen: Vec::new() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None).await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(Value::to_string);
        self.start(method, path, headers, body.as_deref()).await;
        self.answer(method == "HEAD").await
    }

    /// Sends a request whose body is any text at all.
    pub(crate) async fn start(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                text += "Content-Type: application/json\r\n";
            }
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        text += body.unwrap_or_default();
        self.raw(text.as_bytes()).await;
        let own = |(name, value): &(&str, &str)| (name.to_ascii_lowercase(), (*value).to_owned());
        self.asked.push_back(Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.iter().map(own).collect(),
            body: body.map(str::to_owned),
        });
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        assert!(self.try_raw(bytes).await, "the connection was cut off");
    }

    /// False where the connection was cut off.
    pub(crate) async fn try_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).await.is_ok()
    }

    /// Ends this side of the connection only.
    pub(crate) async fn half_close(&mut self) {
        self.stream.get_mut().shutdown().await.unwrap();
    }

    /// Breaks the connection off, so that the server finds it broken.
    pub(crate) fn reset(&self) {
        self.stream.get_ref().set_zero_linger().unwrap();
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self, without_body: bool) -> Answer {
        let answer = tokio::time::timeout(PATIENCE, self.try_answer(without_body)).await;
        let answer = answer.expect("an answer in time").expect("an answer");
        self.check(&answer);
        answer
    }

    /// Whether there is an answer within `wait`.
    pub(crate) async fn answer_within(&mut self, wait: Duration) -> Option<Answer> {
        let answer = tokio::time::timeout(wait, self.try_answer(false)).await.ok().flatten()?;
        self.check(&answer);
        Some(answer)
    }

    /// Makes sure that the document describes the answer, and a request that succeeded.
    fn check(&mut self, answer: &Answer) {
        let operation = document().check(self.asked.pop_front().as_ref(), answer);
        self.seen.extend(operation.map(|operation| (operation, answer.status)));
    }

    /// Waits until the server has closed the connection without a word.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        // A reset is as good an end as an orderly one.
        let _ = read.expect("an end in time");
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }

    /// None where the connection ends first.
    async fn try_answer(&mut self, without_body: bool) -> Option<Answer> {
        let status = self.line().await?;
        let status: u16 = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if !(without_body || status == 204 || status == 304) {
            let length: usize = answer.header("content-length").unwrap().parse().unwrap();
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body).await.ok()?;
        }
        Some(answer)
    }

    /// What comes up to `end` and with it; none where the connection or the body ends first.
    pub(crate) async fn text_until(&mut self, end: &str) -> Option<String> {
        let read = async {
            let mut text = Vec::new();
            while !text.ends_with(end.as_bytes()) && text != b"0\r\n\r\n" {
                text.push(self.stream.read_u8().await.ok()?);
            }
            text.ends_with(end.as_bytes()).then(|| String::from_utf8(text).unwrap())
        };
        tokio::time::timeout(PATIENCE, read).await.expect("something in time")
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read != 0).then(|| line.trim_end().to_owned())
    }
}
