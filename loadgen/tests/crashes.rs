//! A short crash campaign, with the server of this build.

use std::path::Path;
use std::process::Command;

/// Each kind a few times. A debug build on a busy machine is given time to be gone.
const COUNTS: [&str; 14] = [
    "--kills",
    "2",
    "--power-losses",
    "4",
    "--failed-syncs",
    "3",
    "--full-disks",
    "2",
    "--flipped-bytes",
    "8",
    "--patients",
    "60",
    "--gone-within-ms",
    "5000",
];

/// Where there is no FUSE the test says so; where there is, it must work.
#[expect(clippy::print_stdout, reason = "a test that is passed over says so")]
fn campaign() -> Option<Command> {
    if !Path::new("/dev/fuse").exists() {
        println!("SKIPPED: there is no /dev/fuse here");
        return None;
    }
    let campaign = Path::new(env!("CARGO_BIN_EXE_creneau-crash"));
    let server = campaign.with_file_name("creneau");
    assert!(server.is_file(), "first build the server: cargo build -p creneau-server");
    let mut command = Command::new(campaign);
    command.arg("--server-binary").arg(server);
    Some(command)
}

#[test]
fn a_short_campaign_finds_nothing() {
    let Some(mut campaign) = campaign() else { return };
    let output = campaign.args(COUNTS).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let warned = String::from_utf8_lossy(&output.stderr);
    println!("{said}{warned}");
    assert_eq!(output.status.code(), Some(0), "{said}{warned}");
    for line in ["2  kill -9", "4  power losses", "8  flipped bytes", "0  violations"] {
        assert!(said.contains(line), "{line} is missing: {said}");
    }
}

/// A campaign that cannot find anything proves nothing.
#[test]
fn a_disk_that_acknowledges_syncs_and_loses_them_is_found_out() {
    let Some(mut campaign) = campaign() else { return };
    campaign.args(["--kills", "0", "--power-losses", "2", "--failed-syncs", "0"]);
    campaign.args(["--full-disks", "0", "--flipped-bytes", "0", "--patients", "40"]);
    let folder = tempfile::tempdir().unwrap();
    let output = campaign.arg("--lying-disk").arg("--dir").arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("VIOLATION, seed 1, epoch 0: cycle 0, power losses"), "{said}");
    assert!(folder.path().join("epoch-0/ledger-0.jsonl").exists());
}

#[test]
fn a_campaign_without_a_server_says_so() {
    let campaign = Path::new(env!("CARGO_BIN_EXE_creneau-crash"));
    let output = Command::new(campaign).args(["--server-binary", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere"));
}
