//! Form and layering, held by a test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Lines of a file, tests included.
const FILE_LINES_MAX: usize = 600;

/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// Columns of a line.
const COLUMNS_MAX: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(under) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let skipped = name.starts_with('.') || matches!(&*name, "target" | "corpus" | "artifacts");
        if path.is_dir() && !skipped {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The sources of the workspace with their paths from its root.
fn sources(under: &str, extension: &str) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    files(&root.join(under), &mut found);
    found.sort();
    let wanted = found.into_iter().filter(|path| path.extension().is_some_and(|e| e == extension));
    wanted
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            let name = path.strip_prefix(&root).ok()?.to_string_lossy().into_owned();
            Some((name, text))
        })
        .collect()
}

fn report(faults: &[String]) {
    let mut text = String::new();
    for fault in faults {
        let _ = writeln!(text, "{fault}");
    }
    assert!(faults.is_empty(), "\n{text}");
}

/// Functions with the lines from their first to their closing brace, by indentation.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function = ["fn ", "async fn ", "const fn "].iter().any(|head| {
            code.strip_prefix("pub ").unwrap_or(code).starts_with(head)
                || code.strip_prefix("pub(crate) ").is_some_and(|code| code.starts_with(head))
                || code.strip_prefix("pub(super) ").is_some_and(|code| code.starts_with(head))
        });
        if !is_function || code.ends_with(';') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent(line)));
        if let Some(len) = lines.iter().skip(start).position(|line| *line == closing) {
            found.push((start + 1, len + 1));
        }
    }
    found
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut faults = Vec::new();
    for (name, text) in sources(".", "rs") {
        let lines = text.lines().count();
        if FILE_LINES_MAX < lines {
            faults.push(format!("{name}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        for (line, len) in functions(&text) {
            if FUNCTION_LINES_MAX < len {
                faults.push(format!("{name}:{line}: a function of {len} lines"));
            }
        }
        for (number, line) in text.lines().enumerate() {
            if COLUMNS_MAX < line.chars().count() && !line.contains("http") {
                faults.push(format!("{name}:{}: over {COLUMNS_MAX} columns", number + 1));
            }
        }
    }
    report(&faults);
}

/// Which packages may be named under which folder.
#[test]
fn layers_point_one_way() {
    // A word, and the only places where it may stand in code.
    let rules: [(&str, &[&str]); 9] = [
        ("rocksdb::", &["engine/src/storage/rocksdb", "engine/src/engine/open.rs"]),
        ("ractor::", &["engine/src/runtime/"]),
        ("hyper::", &["server/", "loadgen/"]),
        ("hyper_util::", &["server/", "loadgen/"]),
        ("dashmap::", &["engine/src/runtime/"]),
        ("portable_atomic::", &["engine/src/runtime/slot_word.rs"]),
        ("creneau_server::", &["server/", "loadgen/"]),
        (
            "crate::runtime",
            &[
                "engine/src/audit/derived.rs",
                "engine/src/engine/",
                "engine/src/recovery.rs",
                "engine/src/error.rs",
                "engine/src/interleavings/",
                "engine/src/runtime/",
                "engine/src/testing/",
            ],
        ),
        ("crate::engine", &["engine/src/testing/"]),
    ];
    let mut faults = Vec::new();
    for (name, text) in sources(".", "rs") {
        if name.starts_with("benches/") || name.starts_with("fuzz/") || name.contains("/tests/") {
            continue;
        }
        for (word, places) in rules {
            let used = code_lines(&text).any(|line| line.contains(word));
            if used && !places.iter().any(|place| name.starts_with(place)) {
                faults.push(format!("{name}: names {word}"));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_core_is_pure() {
    let forbidden = [
        "async ",
        ".await",
        "tokio",
        "ractor",
        "dashmap",
        "rocksdb",
        "std::fs",
        "std::net",
        "std::thread",
        "std::time",
        "Instant::now",
        "SystemTime",
        "Timestamp::now",
        "HashMap",
        "HashSet",
        "getrandom",
        "crate::runtime",
        "crate::storage",
        "crate::journal",
        "crate::engine",
        "crate::config",
    ];
    let mut faults = Vec::new();
    let campaign = sources("engine/src/campaign", "rs");
    for (name, text) in sources("engine/src/booking", "rs").into_iter().chain(campaign) {
        if name.contains("/tests/") {
            continue;
        }
        for line in code_lines(&text) {
            for word in forbidden.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{name}: names {word}"));
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_is_left_for_later() {
    let mut faults = Vec::new();
    // Spelled in two parts, so that this file does not report itself.
    let forbidden =
        [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["unimplemented", "!("], ["#[ig", "nore"]]
            .map(|parts| parts.concat());
    for extension in ["rs", "md", "toml"] {
        for (name, text) in sources(".", extension) {
            for word in forbidden.iter().filter(|word| text.contains(*word)) {
                faults.push(format!("{name}: {word}"));
            }
        }
    }
    report(&faults);
}

/// Links between the documents lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for (name, text) in sources(".", "md") {
        let folder = Path::new(&name).parent().unwrap_or(Path::new("")).to_path_buf();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let local = !path.is_empty() && !path.contains("://");
            if local && !root().join(&folder).join(path).exists() {
                faults.push(format!("{name}: {target} leads nowhere"));
            }
        }
    }
    report(&faults);
}

/// Lines that are not comments.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn the_checks_can_fail() {
    let long = format!("fn long() {{\n{}}}\n", "    let x = 1;\n".repeat(80));
    assert_eq!(functions(&long), [(1, 82)]);
    assert!(code_lines("// tokio\nuse tokio;").any(|line| line.contains("tokio")));
}
