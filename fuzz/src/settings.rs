//! Bytes for what reads settings.

use creneau_server::settings::check_text;

use crate::met::Met;

/// Checks what reads a file of settings.
///
/// # Panics
///
/// When settings that hold are not the same once they were printed, or a fault has no words.
pub fn settings(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    let text = String::from_utf8_lossy(bytes);
    match check_text(&text) {
        Ok(printed) => {
            let again = check_text(&printed).expect("what was printed can be used");
            assert_eq!(printed, again, "{text}");
            met.note("settings read");
        }
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.is_empty()), "{text}");
            let toml = !faults.iter().any(|fault| fault.contains("is not TOML"));
            met.note(if toml { "setting refused" } else { "no settings" });
        }
    }
    met
}
