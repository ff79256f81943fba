//! `creneau config`.

use std::fmt::Write;

use super::{Failure, answer, hosting, logging, options_of};
use crate::cli::SettingsArgs;
use crate::settings::{self, Settings};

/// Says what is wrong with the settings: all of it, one fault on each line.
pub(crate) fn check(asked: &SettingsArgs) -> Result<(), Failure> {
    let faults = match Settings::of(settings::gather(asked)) {
        Ok(settings) => further(&settings),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    if faults.is_empty() {
        return answer("the settings are sound\n");
    }
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

/// What is wrong beyond single settings: with the files and the address that they name, and with
/// what is to be logged.
fn further(settings: &Settings) -> Vec<String> {
    let mut faults = Vec::new();
    faults.extend(logging::check(&settings.log).err());
    match options_of(settings) {
        Ok(options) => {
            let addresses = hosting::addresses(&settings.listen, &options, settings.insecure);
            faults.extend(addresses.err().map(|failure| failure.message));
        }
        Err(failure) => faults.push(failure.message),
    }
    faults
}

/// Writes all settings as a file.
pub(crate) fn print(asked: &SettingsArgs) -> Result<(), Failure> {
    let layers = settings::gather(asked);
    if let Some(fault) = layers.faults.first() {
        return Err(Failure::usage(fault.to_string()));
    }
    answer(&settings::print(&layers))
}
