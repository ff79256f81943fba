//! The counter of what has passed, kept as a table: one line for each state of the code.

use std::io;
use std::path::{Path, PathBuf};

/// The head of the table.
pub const HEAD: &str = "| code | until | months | years | commands | crash-restarts | violations |";

/// Months of a year of simulation.
const MONTHS: u64 = 12;

/// What a soak adds to the counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The hash of the code that was run.
    pub code: String,
    /// The day of the last run, as `2026-11-24`.
    pub until: String,
    /// Months.
    pub months: u64,
    /// Requests that were to change something.
    pub commands: u64,
    /// Crashes, with a start after each.
    pub crashes: u64,
    /// Months in which something was wrong.
    pub violations: u64,
}

/// The number with a comma between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Row {
    /// The line of the table.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { code, until, months, commands, crashes, violations } = self;
        let years = format!("{}.{}", months / MONTHS, months % MONTHS * 10 / MONTHS);
        let [months, commands, crashes] = [*months, *commands, *crashes].map(grouped);
        format!("| {code} | {until} | {months} | {years} | {commands} | {crashes} | {violations} |")
    }

    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [code, until, months, _, commands, crashes, violations] = cells.as_slice() else {
            return None;
        };
        let number = |text: &str| text.replace(',', "").parse().ok();
        Some(Self {
            code: (*code).to_owned(),
            until: (*until).to_owned(),
            months: number(months)?,
            commands: number(commands)?,
            crashes: number(crashes)?,
            violations: number(violations)?,
        })
    }

    /// The text with this row in its table: added to the line of the same code, or a new last line.
    ///
    /// # Errors
    ///
    /// A sentence, where the text has no table under [`HEAD`].
    pub fn added_to(&self, text: &str) -> Result<String, String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let head = lines.iter().position(|line| line == HEAD);
        let head = head.ok_or_else(|| format!("there is no line {HEAD:?}"))?;
        let mut place = head + 2;
        while let Some(line) = lines.get_mut(place).filter(|line| line.starts_with('|')) {
            if let Some(there) = Self::parse(line).filter(|there| there.code == self.code) {
                let sum = Self {
                    months: there.months + self.months,
                    commands: there.commands + self.commands,
                    crashes: there.crashes + self.crashes,
                    violations: there.violations + self.violations,
                    ..self.clone()
                };
                *line = sum.line();
                return Ok(lines.join("\n") + "\n");
            }
            place += 1;
        }
        if lines.len() < place {
            return Err(format!("the table under {HEAD:?} has no rule below its head"));
        }
        lines.insert(place, self.line());
        Ok(lines.join("\n") + "\n")
    }
}

fn sources(under: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(under)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// A hash of all Rust files under a folder, by their paths and contents, in 12 digits.
///
/// # Errors
///
/// When a file cannot be read.
pub fn code(under: &Path) -> io::Result<String> {
    let mut found = Vec::new();
    sources(under, &mut found)?;
    found.sort();
    let mut hasher = blake3::Hasher::new();
    for path in found {
        let name = path.strip_prefix(under).unwrap_or(&path).to_string_lossy().into_owned();
        let bytes = std::fs::read(&path)?;
        let lengths = [name.len() as u64, bytes.len() as u64].map(u64::to_le_bytes).concat();
        hasher.update(&lengths).update(name.as_bytes()).update(&bytes);
    }
    Ok(hasher.finalize().to_hex().chars().take(12).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(code: &str, months: u64, crashes: u64) -> Row {
        let until = "2026-11-24".to_owned();
        Row { code: code.to_owned(), until, months, commands: 61_000, crashes, violations: 0 }
    }

    #[test]
    fn a_row_is_added_to_its_code_or_comes_last() {
        let text = format!("before\n\n{HEAD}\n|---|\n\nafter\n");
        let once = row("aa", 13, 1_234).added_to(&text).unwrap();
        let line = "| aa | 2026-11-24 | 13 | 1.0 | 61,000 | 1,234 | 0 |";
        assert_eq!(once, format!("before\n\n{HEAD}\n|---|\n{line}\n\nafter\n"));
        let other = row("bb", 1, 99).added_to(&once).unwrap();
        let again = row("aa", 5, 999_000).added_to(&other).unwrap();
        let first = "| aa | 2026-11-24 | 18 | 1.5 | 122,000 | 1,000,234 | 0 |";
        let second = "| bb | 2026-11-24 | 1 | 0.0 | 61,000 | 99 | 0 |";
        assert_eq!(again, format!("before\n\n{HEAD}\n|---|\n{first}\n{second}\n\nafter\n"));
        assert!(row("aa", 1, 1).added_to("no table").is_err());
        assert!(row("aa", 1, 1).added_to(HEAD).is_err());
    }
}
