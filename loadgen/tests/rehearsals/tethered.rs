//! A generator that is killed leaves no server behind.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::harness::{GENERATOR, folder, run, server_binary};

const SCENARIO: &str = r#"
name = "killed"
[[phases]]
name = "all"
seconds = 60
rate = 20
[calendars]
count = 2
[server]
kill_every_seconds = KILL
"#;

/// How often it is looked whether a process is there, 10 ms apart.
const LOOKS_MAX: usize = 1_000;

/// The processes that a process has started.
fn children(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).unwrap();
    let lists = tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
    let all: String = lists.collect();
    all.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

fn runs(id: u32) -> bool {
    // A zombie runs no more.
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

async fn is_killed(kill_every_seconds: &str, lines_first: usize) {
    let (folder, path) = folder(&SCENARIO.replace("KILL", kill_every_seconds));
    let data = folder.path().join("data");
    let mut command = Command::new(GENERATOR);
    command.arg("run").arg(path).arg("--server-binary").arg(server_binary());
    command.arg("--spawn").arg(&data).arg("--ledger").arg(folder.path().join("ledger.jsonl"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut generator = command.spawn().unwrap();
    let mut lines = BufReader::new(generator.stdout.take().unwrap()).lines();
    for _ in 0..lines_first {
        lines.next_line().await.unwrap().unwrap();
    }
    let mut servers = Vec::new();
    for _ in 0..LOOKS_MAX {
        servers = children(generator.id().unwrap());
        // Between a kill and the next start there is none for a moment.
        if servers.len() == 1 && runs(servers[0]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(servers.len(), 1, "{servers:?}");
    generator.kill().await.unwrap();
    let mut looks = 0;
    while runs(servers[0]) {
        looks += 1;
        assert!(looks < LOOKS_MAX, "the server {} goes on", servers[0]);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let data = data.display().to_string();
    run(server_binary(), ["verify", "--data", &data, "--json"]).await.with(0);
}

#[tokio::test]
async fn the_server_ends_with_its_generator() {
    is_killed("3600", 2).await;
}

#[tokio::test]
async fn so_does_one_that_was_started_again() {
    is_killed("1", 4).await;
}
