//! Starting the binary, asking it over HTTP, and stopping it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The invented file of centres.
pub(crate) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/centres.json")
}

/// The real file of centres, which is not part of the repository; says so where it is not there.
pub(crate) fn real_file() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/centres-fr.json");
    if !path.exists() {
        println!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// The binary with these arguments.
pub(crate) fn creneau(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_creneau"));
    command.args(args).env_remove("CRENEAU_LOG").stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    creneau(args).output().unwrap()
}

/// Runs an import with `--json`, and gives its answer.
pub(crate) fn import(file: &Path, into: &[&str]) -> Value {
    let mut args = vec!["import", "centres", file.to_str().unwrap(), "--json"];
    args.extend(into);
    let output = run(&args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Taken, merged, refused and unchanged, which add up to the records.
pub(crate) fn counts(summary: &Value) -> [u64; 4] {
    let counts =
        ["taken", "merged", "refused", "unchanged"].map(|name| summary[name].as_u64().unwrap());
    let records = summary["records"].as_array().unwrap().len();
    assert_eq!(counts.iter().sum::<u64>(), u64::try_from(records).unwrap());
    counts
}

/// A running server; killed where a test drops it.
pub(crate) struct Server {
    child: Child,
    /// What it printed up to the line that says it is ready.
    pub(crate) printed: String,
    scheme: String,
    /// Such as `127.0.0.1:43210`.
    pub(crate) address: String,
}

impl Server {
    /// Starts a server and waits until it is ready.
    #[expect(clippy::zombie_processes, reason = "one that never gets ready fails the test")]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended: {printed}");
            printed += &line;
            if let Some((scheme, address)) =
                line.strip_prefix("ready on ").and_then(|url| url.split_once("://"))
            {
                let (scheme, address) = (scheme.to_owned(), address.trim_end().to_owned());
                return Self { child, printed, scheme, address };
            }
        }
    }

    pub(crate) fn serve(data: &Path) -> Self {
        Self::serve_with(data, &[])
    }

    /// As [`Server::serve`], with more arguments.
    pub(crate) fn serve_with(data: &Path, more: &[&str]) -> Self {
        let mut command = creneau(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        Self::start(command.arg(data).args(more))
    }

    /// Ends it as a failure of the machine would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended, and fails after 20 seconds.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        const LOOKS_MAX: usize = 2_000;
        for _ in 0..LOOKS_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            pause(10);
        }
        panic!("it did not end");
    }

    /// Asks for something, and gives the status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.try_ask(method, path, body).unwrap()
    }

    /// As [`Server::ask`]; none where the server is gone.
    pub(crate) fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        Connection::open(&self.address)?.ask(method, path, None, body)
    }

    /// Asks for something that is there.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection, for many requests.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// None where nobody listens.
    pub(crate) fn open(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self { stream: BufReader::new(stream) })
    }

    /// Asks for something, under a key if there is one; none where the server is gone.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Option<(u16, Value)> {
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let key = key.map(|key| format!("idempotency-key: {key}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}{key}content-length: {}\r\n\r\n\
             {body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut len = 0;
        while !line.trim_end().is_empty() {
            line.clear();
            self.stream.read_line(&mut line).ok().filter(|read| *read != 0)?;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                len = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body).ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// Waits a moment.
#[expect(clippy::disallowed_methods, reason = "another process is waited for, in its own time")]
pub(crate) fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
