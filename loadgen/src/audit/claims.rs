//! What a ledger says must be so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use creneau::{CalendarId, HoldId, Timestamp};

use super::until::{Cut, Side};
use super::{Finding, LATE_MS, Rule};
use crate::api::{Call, OVERLOADED};
use crate::ledger::{Asked, Entry, Line, Place, Read, State, Told};

/// What was last acknowledged of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Held,
    /// The patient was told that the hold had expired.
    Expired,
    Released,
    Booked,
    Cancelled,
}

/// What a booking was before something that a backup may have or not.
#[derive(Clone, Debug)]
pub(super) enum Earlier {
    NotThere,
    Was(Fate, Place),
}

/// A hold that was acknowledged, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) patient: String,
    /// Where it lay as a hold, and when the patient was told.
    pub(super) held: Place,
    pub(super) told_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) fate: Fate,
    /// Where it lies by what was told last.
    pub(super) place: Place,
    /// When the patient first asked for the hold's end, by a confirm or a release.
    pub(super) end_asked_at: Option<Timestamp>,
    pub(super) confirm_asked: bool,
    /// When a release was told.
    pub(super) released_at: Option<Timestamp>,
    pub(super) moves: u64,
    /// Of which dose it is; of none 0.
    pub(super) number: u8,
    /// When a confirm of it was told.
    pub(super) end_told_at: Option<Timestamp>,
    /// Whether its dose was told to be given.
    pub(super) given: bool,
    /// What was asked without an outcome: it may have happened.
    pub(super) open: Vec<Asked>,
    /// What it may be as well, where what came then was acknowledged while a backup was taken.
    pub(super) earlier: Vec<Earlier>,
}

/// All that a ledger says.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// What the ids of its patients begin with.
    pub(super) run: String,
    pub(super) bookings: BTreeMap<HoldId, Claim>,
    by_patient: BTreeMap<String, Vec<HoldId>>,
    /// Everybody who asked for a write.
    pub(super) patients: BTreeSet<String>,
    pub(super) repeats: u64,
    pub(super) unknown: u64,
    /// What cannot be so by the ledger alone.
    pub(super) findings: Vec<Finding>,
    cut: Cut,
}

/// A request, from its intention on.
struct Request {
    at: Timestamp,
    asked: Asked,
    outcome: Option<Entry>,
    /// It was asked for after the backup, and says nothing of what is in it.
    after: bool,
}

impl Claims {
    /// What the lines of a ledger claim.
    pub(super) fn of(ledger: &Read) -> Self {
        Self::up_to(ledger, Cut::None)
    }

    /// What they claim of a backup that was taken at a cut.
    pub(super) fn up_to(ledger: &Read, cut: Cut) -> Self {
        let mut claims = Self { run: ledger.header.run.clone(), cut, ..Self::default() };
        let mut requests: HashMap<&str, Request> = HashMap::new();
        for line in &ledger.lines {
            claims.take(line, &mut requests);
        }
        let open = requests.into_values().filter(|it| it.outcome.is_none() && !it.after);
        let mut open: Vec<_> = open.collect();
        open.sort_by_key(|request| request.at);
        for request in open {
            claims.unknown += 1;
            let claim = request.asked.hold.and_then(|hold| claims.bookings.get_mut(&hold));
            if let Some(claim) = claim {
                claim.open.push(request.asked);
            }
        }
        claims
    }

    /// The bookings of a patient.
    pub(super) fn of_patient(&self, patient: &str) -> impl Iterator<Item = (HoldId, &Claim)> {
        let own = self.by_patient.get(patient).into_iter().flatten();
        own.filter_map(|id| Some((*id, self.bookings.get(id)?)))
    }

    fn find(&mut self, rule: Rule, id: impl ToString, what: impl Into<String>) {
        self.findings.push(Finding { rule, id: id.to_string(), what: what.into() });
    }

    fn take<'a>(&mut self, line: &'a Line, requests: &mut HashMap<&'a str, Request>) {
        let Line { at, patient, key, entry, .. } = line;
        if entry.has_no_patient() {
            return;
        }
        let side = self.cut.side(line);
        match entry {
            Entry::Offered(it) => {
                let dose = requests.get(key.as_str()).and_then(|it| it.asked.dose.as_ref());
                let number = dose.map_or(0, |dose| dose.number);
                self.told_hold(*at, (patient, number), &it.told);
                if side != Side::Before {
                    self.may_not_be_there(it.told.hold);
                }
                return;
            }
            Entry::Waited(_) => return,
            _ => {}
        }
        if let Entry::Asked(asked) = entry {
            let after = side == Side::After;
            if !after {
                self.patients.insert(patient.clone());
                self.intend(*at, asked);
            }
            let asked = asked.clone();
            requests.insert(key, Request { at: *at, asked, outcome: None, after });
            return;
        }
        let Some(request) = requests.get_mut(key.as_str()) else {
            self.find(Rule::Readable, key, "an outcome without an intention before it");
            return;
        };
        if request.after {
            return;
        }
        if request.outcome.is_none() && side != Side::Before {
            self.may_be_as_it_was(request.asked.hold);
        }
        match (&request.outcome, entry) {
            (None, Entry::Told(told)) => {
                request.outcome = Some(entry.clone());
                let (asked_at, asked) = (request.at, request.asked.clone());
                self.told(*at, asked_at, &asked, patient, told);
                if told.call == Call::Hold && side != Side::Before {
                    self.may_not_be_there(told.hold);
                }
            }
            (None, Entry::Lined(_)) => request.outcome = Some(entry.clone()),
            (None, Entry::Refused { code, .. }) => {
                request.outcome = Some(entry.clone());
                let asked = request.asked.clone();
                self.refused(*at, &asked, code);
            }
            (Some(first), again) => {
                let first = first.clone();
                self.again(&first, again, key);
            }
            _ => {}
        }
    }

    /// A repeat has the outcome of the first request.
    fn again(&mut self, first: &Entry, again: &Entry, key: &str) {
        let id = match first {
            Entry::Told(told) => told.hold.to_string(),
            Entry::Lined(lined) => lined.wish.to_string(),
            _ => return,
        };
        let what = match again {
            Entry::Told(_) | Entry::Lined(_) if first == again => None,
            Entry::Told(_) | Entry::Lined(_) => {
                Some(format!("told {first:?} and then {again:?} under {key}"))
            }
            Entry::Refused { code, .. } if code != OVERLOADED => {
                Some(format!("its repeat under {key} was refused as {code}"))
            }
            _ => return,
        };
        self.repeats += 1;
        if let Some(what) = what {
            self.find(Rule::SameAgain, id, what);
        }
    }

    /// What comes now may be in the backup or not.
    fn may_be_as_it_was(&mut self, hold: Option<HoldId>) {
        if let Some(claim) = hold.and_then(|hold| self.bookings.get_mut(&hold)) {
            claim.earlier.push(Earlier::Was(claim.fate, claim.place.clone()));
        }
    }

    fn may_not_be_there(&mut self, hold: HoldId) {
        if let Some(claim) = self.bookings.get_mut(&hold) {
            claim.earlier.push(Earlier::NotThere);
        }
    }

    fn intend(&mut self, at: Timestamp, asked: &Asked) {
        let claim = asked.hold.and_then(|hold| self.bookings.get_mut(&hold));
        if let (Some(claim), Call::Confirm | Call::Release) = (claim, asked.call) {
            claim.end_asked_at.get_or_insert(at);
            claim.confirm_asked |= asked.call == Call::Confirm;
        }
    }

    fn told(
        &mut self,
        at: Timestamp,
        asked_at: Timestamp,
        asked: &Asked,
        patient: &str,
        told: &Told,
    ) {
        let Told { call, hold, place, state, .. } = told;
        if *call == Call::Hold {
            let number = asked.dose.as_ref().map_or(0, |dose| dose.number);
            return self.told_hold(at, (patient, number), told);
        }
        let Some(claim) = self.bookings.get_mut(hold) else {
            return self.find(Rule::Readable, hold, format!("{call} of what was never held"));
        };
        let place = place.clone().unwrap_or_else(|| claim.place.clone());
        let same =
            |a: &Place, b: &Place| (a.calendar, a.start, a.end) == (b.calendar, b.start, b.end);
        let (mut late, mut elsewhere) = (false, None);
        match call {
            Call::Confirm => {
                late = claim.expires_at.plus_ms(LATE_MS) < asked_at;
                let is = same(&claim.place, &place) && *state == State::Booked;
                elsewhere = (!is).then_some(Rule::Acknowledged);
                claim.fate = Fate::Booked;
                claim.end_told_at = Some(at);
            }
            Call::Release => {
                claim.fate = Fate::Released;
                claim.released_at = Some(at);
            }
            Call::Cancel => {
                let is = claim.place == place && *state == State::Cancelled;
                elsewhere = (!is).then_some(Rule::Acknowledged);
                claim.fate = Fate::Cancelled;
            }
            Call::Move => {
                let wanted = (asked.calendar, asked.start);
                let is = wanted == (Some(place.calendar), Some(place.start));
                elsewhere = (!(is && *state == State::Booked)).then_some(Rule::MovesWhole);
                claim.moves += 1;
            }
            // It stays an appointment that stands.
            Call::Give => claim.given = true,
            Call::Find | Call::Hold | Call::HoldBoth | Call::Join | Call::Read => {}
        }
        let was = std::mem::replace(&mut claim.place, place);
        let deadline = claim.expires_at;
        if let Some(rule) = elsewhere {
            self.find(rule, hold, format!("{call} of {was:?} was told as {told:?}"));
        }
        if late {
            let what = format!("confirmed at the request of {asked_at}, and had until {deadline}");
            self.find(Rule::HoldsEnd, hold, what);
        }
    }

    fn told_hold(&mut self, at: Timestamp, (patient, number): (&str, u8), told: &Told) {
        let (Some(place), Some(expires_at)) = (&told.place, told.expires_at) else {
            return self.find(Rule::Readable, told.hold, "a hold without a place or an end");
        };
        if let Some(claim) = self.bookings.get(&told.hold) {
            // The patient's own hold, given once more, changes nothing.
            if claim.patient != patient {
                let what = format!("was given to {} and to {patient}", claim.patient);
                self.find(Rule::SoldOnce, told.hold, what);
            }
            return;
        }
        self.by_patient.entry(patient.to_owned()).or_default().push(told.hold);
        let claim = Claim {
            patient: patient.to_owned(),
            held: place.clone(),
            told_at: at,
            expires_at,
            fate: Fate::Held,
            place: place.clone(),
            end_asked_at: None,
            confirm_asked: false,
            released_at: None,
            moves: 0,
            number,
            end_told_at: None,
            given: false,
            open: Vec::new(),
            earlier: Vec::new(),
        };
        self.bookings.insert(told.hold, claim);
    }

    fn refused(&mut self, at: Timestamp, asked: &Asked, code: &str) {
        let Some(hold) = asked.hold else { return };
        let Some(claim) = self.bookings.get_mut(&hold) else { return };
        match code {
            "hold_expired" => {
                claim.fate = Fate::Expired;
                let deadline = claim.expires_at;
                if at.plus_ms(LATE_MS) < deadline {
                    let what = format!("had expired at {at}, and had until {deadline}");
                    self.find(Rule::HoldsEnd, hold, what);
                }
            }
            "unknown_hold" | "unknown_appointment" | "hold_released" | "hold_confirmed" => {
                let what = format!("{} was refused as {code}", asked.call);
                self.find(Rule::Acknowledged, hold, what);
            }
            _ => {}
        }
    }

    /// Pairs of holds of one patient in one calendar that lived at the same time: each from when
    /// it was told until it expired, or until the patient first asked for its end.
    pub(super) fn live_together(&self) -> Vec<(HoldId, HoldId)> {
        // A person has one hold of a dose wherever it lies, but the second may be held with the
        // first.
        type Whose<'a> = (&'a str, Option<CalendarId>, u8);
        type Lives<'a> = BTreeMap<Whose<'a>, Vec<(Timestamp, Timestamp, HoldId)>>;
        let mut lives = Lives::new();
        for (id, claim) in &self.bookings {
            // The deadline is the server's, so the clocks may differ; all else is the generator's.
            let deadline = claim.expires_at.plus_ms(-LATE_MS);
            let end = claim.end_asked_at.map_or(deadline, |asked| asked.min(deadline));
            let calendar = (claim.number == 0).then_some(claim.held.calendar);
            let whose = (claim.patient.as_str(), calendar, claim.number);
            lives.entry(whose).or_default().push((claim.told_at, end, *id));
        }
        let mut found = Vec::new();
        for holds in lives.values_mut() {
            holds.sort();
            for (place, (_, end, first)) in holds.iter().enumerate() {
                let later = holds.iter().skip(place + 1);
                let together = later.filter(|(told, until, _)| told < end && told < until);
                found.extend(together.map(|(.., second)| (*first, *second)));
            }
        }
        found
    }
}
