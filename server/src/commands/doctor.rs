//! `creneau doctor`.

use std::fmt::Write;

use serde_json::json;

use super::{Failure, answer};
use crate::cli::Doctor;
use crate::doctor::{self, Finding, Verdict};
use crate::settings::{self, Settings};

/// Looks at the settings and the machine, and says what to do.
pub(crate) fn run(asked: &Doctor) -> Result<(), Failure> {
    let findings = doctor::examine(Settings::of(settings::gather(&asked.settings)));
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    answer(&if asked.json {
        format!("{}\n", json!({ "sound": bad == 0, "findings": findings }))
    } else {
        as_text(&findings)
    })?;
    match bad {
        0 => Ok(()),
        1 => Err(Failure::failed("1 thing must be mended first")),
        bad => Err(Failure::failed(format!("{bad} things must be mended first"))),
    }
}

fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { name, verdict, what, advice } in findings {
        let verdict = match verdict {
            Verdict::Good => "good",
            Verdict::Look => "LOOK",
            Verdict::Bad => "BAD ",
        };
        let _ = writeln!(text, "{verdict}  {name}: {what}");
        if let Some(advice) = advice {
            let _ = writeln!(text, "      {advice}");
        }
    }
    text
}
