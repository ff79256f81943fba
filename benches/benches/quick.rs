//! Whether the table of ratios can be made: all rows once, in seconds. No figure is looked at.
#![expect(clippy::unwrap_used, reason = "benchmarks")]

use std::process::Command;

fn main() {
    // `cargo bench` measures; only `cargo bench -- --test` asks whether it could.
    if std::env::args().any(|argument| argument == "--test") {
        let status = Command::new(env!("CARGO_BIN_EXE_ratios")).arg("--quick").status().unwrap();
        assert!(status.success(), "ratios: {status}");
    }
}
