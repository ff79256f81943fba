//! What runs must have met, so that one that passes because nothing happens is not taken for one
//! that shows something.

use super::disk::DiskCounts;
use super::ledger::Counts;

/// How often each interesting state was met.
#[must_use]
pub const fn states(counts: &Counts, disk: &DiskCounts) -> [(&'static str, u64); 45] {
    [
        ("requests whose answer nobody waited for", counts.hung_up),
        ("requests that were repeated", counts.repeated),
        ("refusals", counts.refused),
        ("requests over a bound", counts.overloaded),
        ("requests that met an operating error", counts.errors),
        ("lives that ended in order", counts.shutdowns),
        ("crashes", counts.crashes),
        ("crashes while opening", counts.crashes_while_opening),
        ("crashes while closing", counts.crashes_while_closing),
        ("engines that stopped after a failed write", counts.fail_stops),
        ("clocks that were refused", counts.clocks_behind),
        ("jumps of the clock", counts.clock_jumps),
        ("jumps back among them", counts.clock_jumps_back),
        ("times that nothing ran", counts.starved),
        ("actors that failed", counts.planted),
        ("comparisons of everything", counts.audits),
        ("holds", counts.holds),
        ("confirms", counts.confirms),
        ("releases", counts.releases),
        ("expiries", counts.expiries),
        ("cancellations", counts.cancels),
        ("moves within a calendar", counts.moves_within),
        ("moves between calendars", counts.moves_between),
        ("renewals of holds", counts.renewals),
        ("offers", counts.offers),
        ("offers that were accepted", counts.accepted),
        ("doses that are of another delivery, or of none", counts.dosed),
        ("doses that were given", counts.given),
        ("two doses held together", counts.pairs),
        ("wishes that were put on lists and taken off", counts.wishes),
        ("offers to those who wait", counts.turns),
        ("events of parts of bookings", counts.parts),
        ("marks of appointments", counts.marks),
        ("practices that were late", counts.delays),
        ("changes", counts.changes),
        ("entries that were replayed", counts.replayed),
        ("calls whose order was judged", counts.judged),
        ("refusals of taken slots that were judged", counts.refusals_judged),
        ("torn writes", disk.torn),
        ("torn writes with zeros after them", disk.zeros),
        ("lost writes", disk.lost),
        ("writes that were kept and not acknowledged", disk.kept),
        ("slow writes", disk.slow),
        ("failed writes", disk.errors),
        ("hanging writes", disk.hangs),
    ]
}
