//! Whether bookings are taken, and if not, why: what a load balancer and an operator are told.
//!
//! A check that fails takes the server out of a load balancer; a warning does not. What is full for
//! new holds alone is a warning, because confirms still find room, and so is a disk that fills: the
//! only server is worth more with little space than not at all.

use creneau::{Engine, Error, OpeningStage};
use serde::Serialize;
use utoipa::ToSchema;

use super::watch::Watch;

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Ok,
    Warning,
    Failing,
}

/// One thing that is looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Check {
    pub(super) check: &'static str,
    pub(super) status: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

impl Check {
    fn new(check: &'static str, status: Standing, detail: impl Into<String>) -> Self {
        Self { check, status, detail: Some(detail.into()) }
    }

    fn ok(check: &'static str) -> Self {
        Self { check, status: Standing::Ok, detail: None }
    }

    pub(super) fn fails(&self) -> bool {
        self.status == Standing::Failing
    }
}

impl Watch {
    /// All that is looked at, in the order of the documentation.
    pub(super) async fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.end_check(), self.engine_check()];
        if let Some(engine) = self.engine.get() {
            checks.extend(load_checks(engine));
        }
        checks.extend(self.disk_check().await);
        checks
    }

    fn end_check(&self) -> Check {
        if self.is_ending() {
            let detail = "ending: what was submitted is finished, and nothing new is taken soon";
            return Check::new("server", Standing::Failing, detail);
        }
        Check::ok("server")
    }

    fn engine_check(&self) -> Check {
        let failing = |detail: String| Check::new("engine", Standing::Failing, detail);
        let Some(engine) = self.engine.get() else {
            return failing(match self.opening.stage() {
                OpeningStage::Storage => "starting: the journal is being opened".to_owned(),
                OpeningStage::Replaying { done, all } => {
                    format!("starting: the journal is being replayed, {done} of {all} entries")
                }
            });
        };
        match engine.status().ready {
            Ok(()) => Check::ok("engine"),
            Err(Error::Closed) => failing("ended: the engine was shut down".to_owned()),
            Err(_) => failing(
                "failed: the journal could not be written, or a part of the engine failed; \
                 nothing is acknowledged any more, and the process ends"
                    .to_owned(),
            ),
        }
    }

    async fn disk_check(&self) -> Option<Check> {
        let disk = self.disk.as_ref()?;
        let Some(space) = disk.look().await else {
            return Some(Check::new("disk", Standing::Warning, "it does not tell its free space"));
        };
        if self.limits.disk_free_min <= space.free {
            return Some(Check::ok("disk"));
        }
        let (free, min) = (space.free >> 20, self.limits.disk_free_min >> 20);
        let detail = format!(
            "almost full: {free} MiB are free, fewer than {min}; a full disk ends the server"
        );
        Some(Check::new("disk", Standing::Warning, detail))
    }
}

fn load_checks(engine: &Engine) -> [Check; 3] {
    let seen = engine.metrics();
    let full = |check, value: usize, holds_max: usize, max: usize, what: &str| {
        if max <= value {
            let detail = format!("overloaded: {value} {what}, as many as may be");
            Check::new(check, Standing::Failing, detail)
        } else if holds_max <= value {
            let detail = format!("{value} {what}: new holds are refused, confirms are not");
            Check::new(check, Standing::Warning, detail)
        } else {
            Check::ok(check)
        }
    };
    let requests = full(
        "requests",
        seen.under_way,
        seen.holds_under_way_max,
        seen.under_way_max,
        "requests are under way",
    );
    // As in admission: refused is what finds more rows than the bound.
    let (holds_max, max) = (seen.behind_max / 2 + 1, seen.behind_max + 1);
    let behind = full("behind", seen.behind, holds_max, max, "derived rows wait to be written");
    let calendars = match seen.calendars_set_apart {
        0 => Check::ok("calendars"),
        count => {
            let detail = format!("{count} failed twice and are set apart until a restart");
            Check::new("calendars", Standing::Warning, detail)
        }
    };
    [requests, behind, calendars]
}
