//! `creneau token`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use creneau::SystemRandom;

use super::{Failure, answer};
use crate::cli::Token;
use crate::http::{self, Tokens};

/// Makes a token, adds its hash to the file, and shows it, once.
pub(crate) fn run(asked: Token) -> Result<(), Failure> {
    let Token { name, scope, token_file } = asked;
    let (token, entry) = http::issue(&name, &scope, &SystemRandom::default())
        .map_err(|rule| Failure::usage(format!("--name {name}: {rule}")))?;
    let failed = |error: io::Error| {
        Failure::failed(format!("--token-file {}: {error}", token_file.display()))
    };
    let before = match std::fs::read(&token_file) {
        Ok(before) => before,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    if !before.trim_ascii().is_empty() {
        // Nothing is added to a file that no server would take.
        Tokens::open(&token_file).map_err(|why| Failure::failed(format!("--token-file {why}")))?;
    }
    replace(&token_file, &before, &entry).map_err(failed)?;
    answer(&format!("{token}\n"))
}

/// Writes the file anew with the entry at its end: a server that reads it meanwhile sees it
/// without or with the entry, never a part.
fn replace(path: &Path, before: &[u8], entry: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    let written = (|| {
        if let Ok(about) = std::fs::metadata(path) {
            // Who may read it stays as it was.
            file.set_permissions(about.permissions())?;
        }
        file.write_all(before)?;
        if !before.is_empty() {
            file.write_all(if before.ends_with(b"\n") { b"\n" } else { b"\n\n" })?;
        }
        file.write_all(entry.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written
}
