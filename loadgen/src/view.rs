//! What is shown meanwhile: a line each second, or a few that are drawn anew on a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::api::Call;
use crate::meter::{Latencies, Measured};
use crate::patient::World;
use crate::say;

/// The calls of a patient, in their order.
const CALLS: [Call; 6] =
    [Call::Find, Call::Hold, Call::Confirm, Call::Release, Call::Cancel, Call::Move];

/// What a moment looks like.
struct Moment {
    second: u64,
    phase: String,
    arrived: u64,
    measured: Measured,
    /// Of the last second.
    lately: BTreeMap<Call, Latencies>,
}

/// Shows how it goes until it is dropped.
pub(crate) async fn watch(world: Arc<World>) {
    let (mut before, mut drawn) = (0, 0);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (measured, lately) = {
            let mut measured = world.caller.meter.lock();
            let lately = std::mem::take(&mut measured.lately);
            // What is shown needs the counts only, and those are cheap to copy.
            (measured.clone(), lately)
        };
        let second = world.caller.clock.us() / 1_000_000;
        let arrived = measured.patients.arrived - before;
        before = measured.patients.arrived;
        let phase = phase_at(&world, second);
        let moment = Moment { second, phase, arrived, measured, lately };
        if say::on_terminal() {
            let text = moment.screen();
            let up = if drawn == 0 { String::new() } else { format!("\x1b[{drawn}A\x1b[J") };
            say::raw(&(up + &text));
            drawn = text.lines().count();
        } else {
            say::line(&moment.line());
        }
    }
}

fn phase_at(world: &World, second: u64) -> String {
    let mut left = second;
    for phase in &world.scenario.phases {
        match left.checked_sub(u64::from(phase.seconds)) {
            Some(rest) => left = rest,
            None => return phase.name.clone(),
        }
    }
    "finishing".to_owned()
}

impl Moment {
    fn unclear(&self) -> u64 {
        self.measured.unclear.values().sum()
    }

    fn p99(&self, call: Call) -> f64 {
        self.lately.get(&call).map_or(0.0, |latencies| latencies.ms(0.99))
    }

    /// One line for a log.
    fn line(&self) -> String {
        let Self { second, phase, arrived, measured, .. } = self;
        let patients = &measured.patients;
        format!(
            "{second:>4} s  {phase:<16}  arrived {arrived:>5}  in flight {:>5}  booked {:>7}  \
             p99 ms find {:.1} hold {:.1} confirm {:.1}  errors {}  unclear {}  dropped {}",
            patients.in_flight(),
            measured.bookings(),
            self.p99(Call::Find),
            self.p99(Call::Hold),
            self.p99(Call::Confirm),
            measured.errors(),
            self.unclear(),
            patients.dropped,
        )
    }

    /// A screen for somebody who looks.
    fn screen(&self) -> String {
        let Self { second, phase, arrived, measured, lately } = self;
        let patients = &measured.patients;
        let mut text = format!(
            "{second} s, {phase}: {arrived} arrived this second, {} in flight, {} dropped\n\
             {} booked, {} errors, {} attempts unclear\n",
            patients.in_flight(),
            patients.dropped,
            measured.bookings(),
            measured.errors(),
            self.unclear(),
        );
        let _ = writeln!(text, "  {:<8} {:>8} {:>9} {:>9}", "call", "a second", "p50 ms", "p99 ms");
        for call in CALLS {
            let none = Latencies::default();
            let of_call = lately.get(&call).unwrap_or(&none);
            let (count, p50, p99) = (of_call.count(), of_call.ms(0.5), of_call.ms(0.99));
            let _ = writeln!(text, "  {:<8} {count:>8} {p50:>9.2} {p99:>9.2}", call.name());
        }
        text
    }
}
