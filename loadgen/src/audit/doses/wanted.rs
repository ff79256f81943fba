//! What a ledger says of doses: who asked for which, what they were told, and what was delivered.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use creneau::{CalendarId, DeliveryId, HoldId, PlaceId, Timestamp};

use super::waiting::Waiters;
use crate::api::{Call, Stated};
use crate::audit::Until;
use crate::ledger::campaign::{CampaignSet, Concerned, Delivery};
use crate::ledger::{Entry, Line, Read};

/// What the key of the second of two doses that were held together ends with.
const SECOND: &str = "-second";

/// A dose that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) start: Timestamp,
    pub(super) stated: Stated,
    /// It was held after this.
    pub(super) not_before: Timestamp,
    pub(super) what: What,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(super) enum What {
    Held(HoldId),
    Refused { code: String, why: Option<String> },
    Open,
}

/// A request for one dose or for two.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) patient: String,
    /// Of what was offered the place in the line.
    pub(super) key: String,
    pub(super) asked_at: Timestamp,
    pub(super) told_at: Timestamp,
    pub(super) doses: Vec<Wanted>,
}

/// A dose that was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) asked_at: Timestamp,
    pub(super) told_at: Timestamp,
    pub(super) number: u8,
    pub(super) band: String,
}

/// A delivery that was said to have fewer doses than before.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) delivery: DeliveryId,
    pub(super) asked_at: Timestamp,
    /// Whether the first attempt was answered.
    pub(super) once: bool,
    concerned: Vec<Concerned>,
}

impl Cut {
    /// Who was left without a dose by it.
    pub(super) fn without(&self) -> impl Iterator<Item = HoldId> {
        let all = self.concerned.iter().filter(|it| it.delivery.is_none() && !it.given);
        all.map(|it| it.hold)
    }

    pub(super) fn concerns(&self, hold: HoldId) -> bool {
        self.concerned.iter().any(|it| it.hold == hold)
    }
}

/// All that a ledger says of doses.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Doses {
    pub(in super::super) set: Option<CampaignSet>,
    pub(super) requests: Vec<Request>,
    pub(super) holds: BTreeMap<HoldId, Held>,
    /// As they were told last.
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    pub(super) cuts: Vec<Cut>,
    /// Lots that were recalled, or may have been.
    pub(super) recalled: BTreeSet<String>,
    pub(in super::super) waiters: Waiters,
}

impl Doses {
    /// What the lines of a ledger say. Of a backup nothing is judged: what is in it of doses
    /// depends on an order of which the ledger does not know the cut.
    pub(in super::super) fn up_to(ledger: &Read, until: Option<Until>) -> Self {
        if until.is_none() { Self::of(ledger) } else { Self::default() }
    }

    /// What the lines of a ledger say.
    pub(in super::super) fn of(ledger: &Read) -> Self {
        let mut doses = Self::default();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut said: HashMap<&str, Timestamp> = HashMap::new();
        for line in &ledger.lines {
            match &line.entry {
                Entry::CampaignSet(set) => doses.set = Some(set.clone()),
                Entry::RecallAsked { lot } => drop(doses.recalled.insert(lot.clone())),
                Entry::DeliveryAsked(_) => drop(said.insert(&line.key, line.at)),
                Entry::DeliveryTold { delivery, concerned, once } => {
                    let asked_at = said.get(line.key.as_str()).copied().unwrap_or(line.at);
                    doses.delivered(delivery, asked_at, (concerned, *once));
                }
                Entry::Asked(asked) if asked.call == Call::Hold => {
                    if let Some((stated, start)) = asked.dose.clone().zip(asked.start) {
                        let (not_before, what) = (line.at, What::Open);
                        let wanted = Wanted { start, stated, not_before, what };
                        doses.asked(line, wanted, &mut places);
                    }
                }
                Entry::Told(told) if told.call == Call::Hold => {
                    doses.ended(line, &What::Held(told.hold), &places);
                }
                Entry::Refused { call: Call::Hold, code, why } => {
                    let what = What::Refused { code: code.clone(), why: why.clone() };
                    doses.ended(line, &what, &places);
                }
                _ => {
                    if let Some(request) = doses.waiters.take(line) {
                        doses.waited(request);
                    }
                }
            }
        }
        doses
    }

    /// Where the doses of a calendar are kept.
    pub(super) fn place_of(&self, calendar: CalendarId) -> Option<PlaceId> {
        let mut centres = self.set.iter().flat_map(|set| &set.centres);
        centres.find(|centre| centre.calendar == calendar).map(|centre| centre.place)
    }

    fn asked<'a>(&mut self, line: &'a Line, wanted: Wanted, places: &mut HashMap<&'a str, usize>) {
        let key = line.key.strip_suffix(SECOND).unwrap_or(&line.key);
        match places.get(key).and_then(|place| self.requests.get_mut(*place)) {
            Some(request) => request.doses.push(wanted),
            None => {
                places.insert(key, self.requests.len());
                self.requests.push(Request {
                    patient: line.patient.clone(),
                    key: key.to_owned(),
                    asked_at: line.at,
                    told_at: line.at,
                    doses: vec![wanted],
                });
            }
        }
    }

    /// The first outcome of a request counts; a repeat is judged elsewhere.
    fn ended(&mut self, line: &Line, what: &What, places: &HashMap<&str, usize>) {
        let key = line.key.strip_suffix(SECOND).unwrap_or(&line.key);
        let request = places.get(key).and_then(|place| self.requests.get_mut(*place));
        let Some(request) = request else { return };
        let place = usize::from(key.len() < line.key.len());
        let Some(wanted) = request.doses.get_mut(place) else { return };
        if !matches!(wanted.what, What::Open) {
            return;
        }
        wanted.what = what.clone();
        request.told_at = line.at;
        if let What::Held(hold) = what {
            let Stated { number, band, .. } = wanted.stated.clone();
            let held = Held { asked_at: request.asked_at, told_at: line.at, number, band };
            // The patient's own hold, told once more, changes nothing.
            self.holds.entry(*hold).or_insert(held);
        }
    }

    /// What somebody who waits was told is judged as what others asked for.
    fn waited(&mut self, request: Request) {
        let Request { told_at, doses, .. } = &request;
        for (hold, wanted) in doses.iter().filter_map(|it| Some((it.what.hold()?, it))) {
            let Stated { number, band, .. } = wanted.stated.clone();
            let held = Held { asked_at: wanted.not_before, told_at: *told_at, number, band };
            self.holds.entry(hold).or_insert(held);
        }
        self.requests.push(request);
    }

    fn delivered(
        &mut self,
        said: &Delivery,
        asked_at: Timestamp,
        (concerned, once): (&[Concerned], bool),
    ) {
        let Some(delivery) = said.delivery else { return };
        let before = self.deliveries.insert(delivery, said.clone());
        if before.is_some_and(|before| said.doses < before.doses) {
            let concerned = concerned.to_vec();
            self.cuts.push(Cut { delivery, asked_at, once, concerned });
        }
    }
}
