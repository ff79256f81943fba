//! Many times what a server can carry: how much that is, and what it then still does.
//!
//! The first stage is the scenario as it stands: more and more patients, beyond what is carried.
//! Its best ten seconds are the peak. The second one lets so many times the patients of those ten
//! seconds come, on a fresh server, for minutes.

use std::ops::Range;

use serde::Serialize;

use crate::api::Call;
use crate::report::{Report, Threshold};
use crate::run::{Asked, rehearse};
use crate::scenario::{Phase, Scenario};

/// Seconds over which the peak is taken.
const PEAK_SECONDS: usize = 10;

/// Seconds from the start of the flood that do not count: everybody looks before anybody books.
const RISE_SECONDS: usize = 10;

/// Patients a second that a scenario may have.
const RATE_MAX: f64 = 100_000.0;

/// What is asked of the flood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// How many times the patients that are carried.
    pub(crate) factor: f64,
    pub(crate) seconds: u32,
    /// The share of the peak that must be left.
    pub(crate) goodput_min: f64,
    /// MiB that the server may have at most.
    pub(crate) memory_max_mib: u64,
}

/// The best of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Peak {
    /// Appointments a second.
    pub(crate) booked: f64,
    /// Patients a second who came to their end.
    pub(crate) carried: f64,
}

/// Both stages, and what they came to.
#[derive(Serialize)]
pub(crate) struct Overload {
    pub(crate) peak: Peak,
    pub(crate) factor: f64,
    /// Patients a second who were to come, and who got in.
    pub(crate) offered: f64,
    pub(crate) let_in: f64,
    /// Appointments a second, from the end of the rise on.
    pub(crate) booked: f64,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) knee: Report,
    pub(crate) flood: Report,
    pub(crate) pass: bool,
}

impl Peak {
    /// The best seconds in a row by what was booked; none where nothing was.
    fn of(report: &Report) -> Option<Self> {
        let seconds = report.timeline();
        let windows = seconds.windows(PEAK_SECONDS.min(seconds.len().max(1)));
        let best = windows.max_by_key(|window| window.iter().map(|it| it.booked).sum::<u64>())?;
        let mean = |sum: u64| sum as f64 / best.len() as f64;
        let booked = mean(best.iter().map(|it| it.booked).sum());
        let carried = mean(best.iter().map(|it| it.gone).sum());
        (0.0 < booked && 0.0 < carried).then_some(Self { booked, carried })
    }
}

/// Finds the peak, floods, and judges. `asked` gives what each stage is asked for.
///
/// # Errors
///
/// What kept it from being done at all.
pub(crate) async fn overload(
    scenario: Scenario,
    flood: Flood,
    asked: impl Fn(&str) -> Result<Asked, String>,
) -> Result<Overload, String> {
    let knee = Box::pin(rehearse(scenario.clone(), asked("knee")?)).await?;
    let peak = Peak::of(&knee).ok_or("nothing was booked, so there is no peak")?;
    let rate = (peak.carried * flood.factor).min(RATE_MAX);
    let phase = Phase { name: "flood".to_owned(), seconds: flood.seconds, rate };
    let flooded = Scenario { phases: vec![phase], name: "flood".to_owned(), ..scenario };
    let flooded = Box::pin(rehearse(flooded, asked("flood")?)).await?;
    Ok(judged(flood, peak, knee, flooded))
}

fn judged(flood: Flood, peak: Peak, knee: Report, flooded: Report) -> Overload {
    let seconds = usize::try_from(flood.seconds).unwrap_or(usize::MAX);
    let counted = RISE_SECONDS.min(seconds / 2)..seconds;
    let booked = booked(&flooded, counted);
    let (arrived, let_in) = flooded.arrived();
    let per_second = |count: u64| count as f64 / f64::from(flood.seconds);
    let (passed, confirms) = flooded.answers(Call::Confirm);
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let mib = flooded.taken().map_or(0, |it| it.peak_resident_kib / 1_024);
    let at_least = |name: &str, limit: f64, measured: f64| Threshold {
        name: name.to_owned(),
        limit,
        measured,
        pass: limit <= measured,
    };
    let at_most = |name: &str, limit: f64, measured: f64| Threshold {
        name: name.to_owned(),
        limit,
        measured,
        pass: measured <= limit,
    };
    let thresholds = vec![
        at_least("goodput, as a share of the peak", flood.goodput_min, booked / peak.booked),
        at_least(
            "patients offered, as a multiple of those carried",
            flood.factor * 0.9,
            per_second(arrived) / peak.carried,
        ),
        at_least("confirms of live holds that passed", 0.999, share(passed, confirms)),
        at_most("resident memory of the server, MiB", flood.memory_max_mib as f64, mib as f64),
    ];
    let pass = knee.passes() && flooded.passes() && thresholds.iter().all(|it| it.pass);
    Overload {
        peak,
        factor: flood.factor,
        offered: per_second(arrived),
        let_in: per_second(let_in),
        booked,
        thresholds,
        knee,
        flood: flooded,
        pass,
    }
}

/// Appointments a second within some seconds.
fn booked(report: &Report, within: Range<usize>) -> f64 {
    let count = within.len().max(1) as f64;
    let seconds = report.timeline().iter().skip(within.start).take(within.len());
    seconds.map(|it| it.booked).sum::<u64>() as f64 / count
}

impl Overload {
    /// The whole to read.
    pub(crate) fn text(&self) -> String {
        let Self { peak, factor, offered, let_in, booked, .. } = self;
        let mut lines = vec![
            self.knee.text(),
            self.flood.text(),
            String::new(),
            format!(
                "peak: {:.0} appointments and {:.0} patients a second, over {PEAK_SECONDS} s",
                peak.booked, peak.carried
            ),
            format!(
                "flood: {offered:.0} patients a second came, {factor} times as many; {let_in:.0} \
                 got in; {booked:.0} appointments a second"
            ),
        ];
        lines.extend(self.thresholds.iter().map(Threshold::line));
        lines.push(if self.pass { "passed".to_owned() } else { "FAILED".to_owned() });
        lines.join("\n")
    }

    /// The whole as JSON.
    ///
    /// # Errors
    ///
    /// Why it cannot be written.
    pub(crate) fn json(&self) -> Result<String, String> {
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(json + "\n")
    }
}
