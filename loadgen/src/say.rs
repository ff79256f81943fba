//! What is said on standard output and standard error. A reader that has gone away is no reason to
//! stop a rehearsal, so failures to write are passed over.

use std::io::{self, IsTerminal, Write};

/// Writes a line to standard output, at once.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a text as it stands to standard output, at once.
pub(crate) fn raw(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "creneau-loadgen: {text}");
}

/// Whether somebody looks at standard output.
pub(crate) fn on_terminal() -> bool {
    io::stdout().is_terminal()
}
