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

#[test]
fn a_short_campaign_finds_nothing() {
    if !Path::new("/dev/fuse").exists() {
        println!("SKIPPED: there is no /dev/fuse here");
        return;
    }
    let campaign = Path::new(env!("CARGO_BIN_EXE_creneau-crash"));
    let server = campaign.with_file_name("creneau");
    assert!(server.is_file(), "first build the server: cargo build -p creneau-server");
    let output = Command::new(campaign).args(COUNTS).arg("--server-binary").arg(server).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let warned = String::from_utf8_lossy(&output.stderr);
    println!("{said}{warned}");
    assert_eq!(output.status.code(), Some(0), "{said}{warned}");
    for line in ["2  kill -9", "4  power losses", "8  flipped bytes", "0  violations"] {
        assert!(said.contains(line), "{line} is missing: {said}");
    }
}

#[test]
fn a_campaign_without_a_server_says_so() {
    let campaign = Path::new(env!("CARGO_BIN_EXE_creneau-crash"));
    let output = Command::new(campaign).args(["--server-binary", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere"));
}
