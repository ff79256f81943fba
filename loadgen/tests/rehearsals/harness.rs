//! A server in this process, and the binary with its arguments.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use creneau::{Config, Engine};
use creneau_server::http::{Limits, serve};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

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

/// A server on a directory, whose holds last two seconds.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    engine: Engine,
    end: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn start(data: &Path) -> Self {
        let config = Config { hold: Duration::from_secs(2), ..Config::at(data) };
        let engine = Box::pin(Engine::open(config)).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let ended = async { drop(ended.await) };
        let limits = Limits { unready_for: Duration::ZERO, ..Limits::default() };
        let task = tokio::spawn(serve(engine.clone(), listener, limits, ended));
        Self { address, engine, end, task }
    }

    pub(crate) async fn stop(self) {
        self.end.send(()).unwrap();
        self.task.await.unwrap().unwrap();
        self.engine.shutdown().await.unwrap();
    }
}
