//! Redis, which syncs its log before it answers. A hold is a key with a time to live that is only
//! set where it is not there, a confirm a script that keeps the key if it is still the patient's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use creneau::{SystemWallClock, WallClock};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{program, text};
use crate::measured::number;
use crate::plan::{Fallible, now};
use crate::skeleton::shuffled;

/// How long a start may take.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

const CONFIRM: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
                       return redis.call('PERSIST', KEYS[1]) else return 0 end";

/// A server of its own, over a Unix socket alone.
pub(super) struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    pub(super) fn start(place: &Path) -> Fallible<Self> {
        std::fs::create_dir(place)?;
        // The path of a socket must be short.
        let socket = tempfile::Builder::new().prefix("redis-").tempdir()?.keep().join("socket");
        let child = Command::new(program("redis-server")?)
            .args(["--port", "0", "--unixsocket", text(&socket)?, "--dir", text(place)?])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { child, socket };
        let began = now();
        while std::os::unix::net::UnixStream::connect(&server.socket).is_err() {
            if STARTED_WITHIN < began.elapsed() {
                return Err("Redis did not start".into());
            }
            #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Bookings a second, by a client in one thread.
    pub(super) fn measure(&self, connections: u64, depth: usize, span: Duration) -> Fallible<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (began, mut tasks) = (now(), Vec::new());
            for place in 0..connections {
                let mut talk = Talk::open(&self.socket, place, depth).await?;
                tasks.push(tokio::spawn(async move {
                    let mut done = 0_u64;
                    while now() < began + span {
                        talk.book().await?;
                        done += depth as u64;
                    }
                    Fallible::Ok(done)
                }));
            }
            let mut done = 0;
            for task in tasks {
                done += task.await??;
            }
            Ok(number(done) / began.elapsed().as_secs_f64())
        })
    }

    /// Ends it, and gives its version.
    pub(super) fn finish(self) -> Fallible<String> {
        let said = Command::new(program("redis-server")?).arg("--version").output()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok(said.split(" sha").next().unwrap_or_default().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
        let _ = self.socket.parent().map(std::fs::remove_dir_all);
    }
}

/// A connection, and who books on it.
struct Talk {
    stream: UnixStream,
    script: String,
    depth: usize,
    random: u64,
    read: Vec<u8>,
}

impl Talk {
    async fn open(socket: &Path, place: u64, depth: usize) -> Fallible<Self> {
        let stream = UnixStream::connect(socket).await?;
        // Other slots than those of the round before.
        let now_ms = SystemWallClock.now().millis().cast_unsigned();
        let random = shuffled(now_ms << 16 | (place + 1));
        let read = Vec::with_capacity(4 << 10);
        let mut talk = Self { stream, script: String::new(), depth, random, read };
        talk.stream.write_all(&command(&["SCRIPT", "LOAD", CONFIRM])).await?;
        // A length and then the hash.
        let lines = talk.answers(2).await?;
        talk.script = lines.lines().nth(1).unwrap_or_default().to_owned();
        Ok(talk)
    }

    /// Holds as many slots as go at once, then confirms them.
    async fn book(&mut self) -> Fallible<()> {
        let (mut holds, mut confirms) = (Vec::new(), Vec::new());
        for _ in 0..self.depth {
            self.random = shuffled(self.random);
            let calendar = self.random % 10_000;
            let slot = format!("slot:{calendar}:{}", self.random >> 32);
            let patient = format!("patient-{:012}", self.random >> 24);
            holds.extend(command(&["SET", &slot, &patient, "NX", "EX", "900"]));
            confirms.extend(command(&["EVALSHA", &self.script, "1", &slot, &patient]));
        }
        for (sent, good) in [(holds, "+OK"), (confirms, ":1")] {
            self.stream.write_all(&sent).await?;
            let depth = self.depth;
            let told = self.answers(depth).await?;
            if let Some(bad) = told.lines().find(|line| *line != good) {
                return Err(format!("Redis answered {bad}").into());
            }
        }
        Ok(())
    }

    /// So many lines of answers.
    async fn answers(&mut self, lines: usize) -> Fallible<String> {
        self.read.clear();
        while self.read.iter().filter(|byte| **byte == b'\n').count() < lines {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err("Redis hung up".into());
            }
        }
        Ok(String::from_utf8_lossy(&self.read).into_owned())
    }
}

/// A command as Redis reads it.
fn command(words: &[&str]) -> Vec<u8> {
    let texts: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{texts}", words.len()).into_bytes()
}
