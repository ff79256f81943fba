//! Where settings come from: a file, the environment, the command line; the later wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::table::{ALL, Kind, Setting, VARIABLE_PREFIX};

/// Bytes of a file of settings.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Variables with our prefix that are no settings: the file's name, and what only a build reads.
const OTHER_VARIABLES: [&str; 4] =
    [FILE_VARIABLE, "CRENEAU_CACHE", "CRENEAU_NO_APT", "CRENEAU_NO_SYSTEM_CLANG"];

/// The variable that names a bug to plant, which only a build that can plant one reads.
const PLANTED_VARIABLE: &str = "CRENEAU_PLANTED";

/// What the variables begin with that Kubernetes and Docker set for a service named `creneau`.
const OF_ORCHESTRATORS: [&str; 2] = ["CRENEAU_PORT", "CRENEAU_SERVICE_"];

/// The variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "CRENEAU_CONFIG";

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Text(String),
    Whole(u64),
}

/// Who gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody: it is the standard one.
    Standard,
    File(PathBuf),
    Variable(String),
    Argument,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("as standard"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "by {name}"),
            Self::Argument => f.write_str("on the command line"),
        }
    }
}

/// A setting that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The setting, or where none is meant what is wrong.
    pub(crate) what: String,
    /// The rule, to be read after it.
    pub(crate) rule: String,
    pub(crate) source: Source,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, rule, source } = self;
        match source {
            Source::Standard => write!(f, "{what} {rule}"),
            source => write!(f, "{what} (set {source}) {rule}"),
        }
    }
}

/// What has been set, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    given: BTreeMap<&'static str, (Value, Source)>,
    pub(crate) faults: Vec<Fault>,
}

impl Layers {
    /// Reads a file in TOML.
    pub(crate) fn file(&mut self, path: &Path) {
        let source = Source::File(path.to_owned());
        let text = std::fs::metadata(path).and_then(|about| match about.len() {
            len if FILE_BYTES_MAX < len => Err(std::io::Error::other("it is larger than 1 MiB")),
            _ => std::fs::read_to_string(path),
        });
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let rule = format!("cannot be read: {error}");
                return self.fault("the configuration", rule, source);
            }
        };
        self.text(&text, source);
    }

    /// Reads a text in TOML.
    pub(crate) fn text(&mut self, text: &str, source: Source) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.table("", table, &source),
            Err(error) => {
                let error = error.to_string();
                let lines: Vec<_> = error.lines().map(str::trim).collect();
                let rule = format!("is not TOML: {}", lines.join(" "));
                self.fault("the configuration", rule, source);
            }
        }
    }

    fn table(&mut self, path: &str, table: toml::Table, source: &Source) {
        for (name, value) in table {
            let key = if path.is_empty() { name } else { format!("{path}.{name}") };
            let value = match value {
                toml::Value::Table(table) if !ALL.iter().any(|setting| setting.key == key) => {
                    self.table(&key, table, source);
                    continue;
                }
                toml::Value::Boolean(value) => Some(Value::Flag(value)),
                toml::Value::String(text) => Some(Value::Text(text)),
                toml::Value::Integer(number) => u64::try_from(number).ok().map(Value::Whole),
                _ => None,
            };
            self.give(&key, value, source.clone());
        }
    }

    /// Reads the environment.
    pub(crate) fn environment(&mut self, all: impl Iterator<Item = (OsString, OsString)>) {
        for (name, value) in all {
            let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else {
                continue;
            };
            let of_others = OF_ORCHESTRATORS.iter().any(|start| name.starts_with(start));
            let planted = creneau::PLANTED && name == PLANTED_VARIABLE;
            if OTHER_VARIABLES.contains(&name) || of_others || planted {
                continue;
            }
            let source = Source::Variable(name.to_owned());
            match ALL.iter().find(|setting| setting.variable() == name) {
                Some(setting) => {
                    let value = value.to_str().and_then(|text| read(setting, text));
                    self.give(setting.key, value, source);
                }
                None => {
                    let rule = "is not a setting: see creneau config print".to_owned();
                    self.fault(name, rule, Source::Standard);
                }
            }
        }
    }

    /// Takes `KEY=VALUE` from the command line.
    pub(crate) fn argument(&mut self, pair: &str) {
        match pair.split_once('=') {
            Some((key, text)) => self.named(key, text),
            None => {
                let rule = "must be KEY=VALUE".to_owned();
                self.fault(&format!("--set {pair}"), rule, Source::Standard);
            }
        }
    }

    fn named(&mut self, key: &str, text: &str) {
        let setting = ALL.iter().find(|setting| setting.key == key);
        let value = setting.and_then(|setting| read(setting, text));
        self.give(key, value, Source::Argument);
    }

    /// Takes a value of the command line, if there is one.
    pub(crate) fn flag(&mut self, setting: &Setting, text: Option<String>) {
        if let Some(text) = text {
            self.named(setting.key, &text);
        }
    }

    /// Takes a value; none is one that cannot be read.
    fn give(&mut self, key: &str, value: Option<Value>, source: Source) {
        let Some(setting) = ALL.iter().find(|setting| setting.key == key) else {
            let rule = "is not a setting: see creneau config print".to_owned();
            return self.fault(key, rule, source);
        };
        match value.filter(|value| fits(setting, value)) {
            Some(value) => {
                self.given.insert(setting.key, (value, source));
            }
            None => self.fault(key, setting.rule(), source),
        }
    }

    pub(crate) fn fault(&mut self, what: &str, rule: String, source: Source) {
        self.faults.push(Fault { what: what.to_owned(), rule, source });
    }

    /// Who has set a setting.
    pub(crate) fn source(&self, setting: &Setting) -> Source {
        self.given.get(setting.key).map_or(Source::Standard, |(_, source)| source.clone())
    }

    /// The value of a setting, the standard one where none is given.
    pub(crate) fn value(&self, setting: &Setting) -> Option<Value> {
        if let Some((value, _)) = self.given.get(setting.key) {
            return Some(value.clone());
        }
        match setting.kind {
            Kind::Flag => Some(Value::Flag(false)),
            Kind::Text { standard } => standard.map(|text| Value::Text(text.to_owned())),
            Kind::OneOf(all) => all.first().map(|text| Value::Text((*text).to_owned())),
            Kind::Whole { standard, .. } => standard.map(Value::Whole),
        }
    }
}

/// Reads a value that is written as text.
fn read(setting: &Setting, text: &str) -> Option<Value> {
    match setting.kind {
        Kind::Flag => text.parse().ok().map(Value::Flag),
        Kind::Text { .. } | Kind::OneOf(_) => Some(Value::Text(text.to_owned())),
        Kind::Whole { .. } => text.parse().ok().map(Value::Whole),
    }
}

fn fits(setting: &Setting, value: &Value) -> bool {
    match (setting.kind, value) {
        (Kind::Flag, Value::Flag(_)) => true,
        (Kind::Text { .. }, Value::Text(text)) => !text.trim().is_empty(),
        (Kind::OneOf(all), Value::Text(text)) => all.contains(&text.as_str()),
        (Kind::Whole { from, to, .. }, Value::Whole(number)) => (from..=to).contains(number),
        _ => false,
    }
}
