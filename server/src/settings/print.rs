//! All settings as a file that can be used: those that are set, and in comments the others.

use std::fmt::Write;

use super::layers::{Layers, Source, Value};
use super::table::{ALL, Kind, Setting};

/// A configuration in TOML with every setting, its unit, its range and who has set it.
pub(crate) fn print(layers: &Layers) -> String {
    let mut text = String::from(
        "# Settings of creneau. Each can be set in this file, by the environment variable beside\n\
         # it, or with --set KEY=VALUE; the later wins.\n",
    );
    let mut table = "";
    for setting in ALL {
        let (within, name) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if within != table {
            table = within;
            let _ = write!(text, "\n[{table}]\n");
        }
        let _ = write!(text, "\n# {}\n# {}\n", sentence(setting.what), about(setting));
        let value = layers.value(setting).map(|value| written(&value));
        let _ = match (value, layers.source(setting)) {
            (Some(value), Source::Standard) => writeln!(text, "#{name} = {value}"),
            (Some(value), source) => writeln!(text, "{name} = {value} # set {source}"),
            (None, _) => writeln!(text, "#{name} ="),
        };
    }
    text
}

fn sentence(what: &str) -> String {
    let mut letters = what.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect::<String>() + "."
}

fn about(setting: &Setting) -> String {
    let range = match setting.kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Text { .. } => "a text".to_owned(),
        Kind::OneOf(all) => all.join(", "),
        Kind::Whole { from, to, .. } => format!("{from} to {to}"),
    };
    format!("{range}; {}", setting.variable())
}

fn written(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        // A text in JSON is one in TOML too.
        Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        Value::Whole(number) => number.to_string(),
    }
}
