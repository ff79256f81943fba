//! Reading a ledger.

use std::fs;
use std::path::Path;

use super::{FORMAT, Header, Line, VERSION, VERSION_OLDEST};

/// A ledger that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) header: Header,
    pub(crate) lines: Vec<Line>,
    /// Whether the last line was torn: nobody was told that it was written.
    pub(crate) torn: bool,
}

/// Reads a ledger. A last line that has no end was never reported as written, and is left out.
///
/// # Errors
///
/// Why it is no ledger, with the number of the line.
pub(crate) fn read(path: &Path) -> Result<Read, String> {
    let file = path.display();
    let bytes = fs::read(path).map_err(|error| format!("{file}: {error}"))?;
    let mut pieces = bytes.split(|byte| *byte == b'\n');
    // What follows the last line feed is empty, unless the last line is torn.
    let torn = pieces.next_back().is_some_and(|rest| !rest.is_empty());
    let first = pieces.next().ok_or_else(|| format!("{file}: it has no first line"))?;
    let header: Header = serde_json::from_slice(first)
        .map_err(|error| format!("{file}: its first line is not that of a ledger: {error}"))?;
    if header.format != FORMAT || !(VERSION_OLDEST..=VERSION).contains(&header.version) {
        let Header { format, version, .. } = &header;
        return Err(format!(
            "{file}: is {format} version {version}, and {FORMAT} versions {VERSION_OLDEST} to \
             {VERSION} are read here"
        ));
    }
    let mut lines = Vec::new();
    for (place, piece) in pieces.enumerate() {
        let number = place + 2;
        let line: Line = serde_json::from_slice(piece)
            .map_err(|error| format!("{file}: line {number}: {error}"))?;
        if line.n != place as u64 + 1 {
            return Err(format!("{file}: line {number} has the number {}", line.n));
        }
        lines.push(line);
    }
    Ok(Read { header, lines, torn })
}
