//! `creneau config`.

use std::fmt::Write;

use super::{Failure, answer, options_of};
use crate::cli::SettingsArgs;
use crate::settings::{self, Settings};

/// Says what is wrong with the settings: all of it, one fault on each line.
pub(crate) fn check(asked: &SettingsArgs) -> Result<(), Failure> {
    let faults = match Settings::of(settings::gather(asked)) {
        // The files that they name are a part of them.
        Ok(settings) => match options_of(&settings) {
            Ok(_) => return answer("the settings are sound\n"),
            Err(failure) => vec![failure.message],
        },
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    let mut text = String::new();
    for fault in &faults {
        let _ = writeln!(text, "{fault}");
    }
    answer(&text)?;
    Err(Failure::failed(match faults.len() {
        1 => "a setting is wrong".to_owned(),
        count => format!("{count} settings are wrong"),
    }))
}

/// Writes all settings as a file.
pub(crate) fn print(asked: &SettingsArgs) -> Result<(), Failure> {
    let layers = settings::gather(asked);
    if let Some(fault) = layers.faults.first() {
        return Err(Failure::usage(fault.to_string()));
    }
    answer(&settings::print(&layers))
}
