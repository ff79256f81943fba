//! A server, and the binary with its arguments.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The generator.
pub(crate) const GENERATOR: &str = env!("CARGO_BIN_EXE_creneau-loadgen");

/// The server's binary, as the example that is built with these tests.
pub(crate) fn server_binary() -> PathBuf {
    Path::new(GENERATOR).parent().unwrap().join("examples/creneau")
}

/// What a command came to.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) text: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn with(self, status: i32) -> String {
        assert_eq!(self.status, Some(status), "{}", self.text);
        self.text
    }
}

/// Runs a program to its end.
pub(crate) async fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Ended {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ended { status: output.status.code(), text: text.into_owned() }
}

/// A folder with a scenario in it.
pub(crate) fn folder(scenario: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, scenario).unwrap();
    (folder, path)
}

/// A server on a directory, whose holds last two seconds: a process of its own, so that nothing
/// in this one keeps its directory.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Served {
    pub(crate) async fn start(data: &Path) -> Self {
        let mut command = Command::new(server_binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--hold-seconds", "2", "--data"]);
        command.arg(data).env("CRENEAU_LOG", "error");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.next_line().await.unwrap().unwrap();
        let address = ready.strip_prefix("ready on http://").unwrap().parse().unwrap();
        Self { address, process }
    }

    pub(crate) async fn stop(mut self) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.process.wait().await.unwrap().success());
    }
}
