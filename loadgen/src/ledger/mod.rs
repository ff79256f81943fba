//! What patients asked and were told, on the generator's own disk before their next request.
//!
//! A ledger is JSON Lines. The first line names the format, its version and the run; each later
//! one is a [`Line`]. Intentions stand before what became of them, so that a request whose outcome
//! never came is seen.

pub(crate) mod campaign;
mod read;
pub(crate) mod text;
mod write;

use std::fmt;

use creneau::{CalendarId, HoldId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::{AppointmentSeen, Ask, Call, HoldSeen, HoldState, Reply, Stated};
use campaign::{CampaignSet, Concerned, Delivery, Lined, Offered, Waited};

pub(crate) use read::{Read, read};
pub(crate) use write::{Ledger, Lost};

/// What the first line of a ledger says it is.
pub(crate) const FORMAT: &str = "creneau-ledger";

/// The version of the format.
pub(crate) const VERSION: u32 = 4;

/// The oldest version that is read: the first knew of no backups, the second of no campaigns, the
/// third of no lines.
pub(crate) const VERSION_OLDEST: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    /// What tells this run from others; the ids of its patients begin with it.
    pub(crate) run: String,
    pub(crate) scenario: String,
}

impl Header {
    /// The header of a run.
    pub(crate) fn new(run: &str, scenario: &str) -> Self {
        let (run, scenario) = (run.to_owned(), scenario.to_owned());
        Self { format: FORMAT.to_owned(), version: VERSION, run, scenario }
    }
}

/// A line after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Counted from 1, without gaps.
    pub(crate) n: u64,
    /// The wall clock of the generator: for an intention before it was sent, for all else when the
    /// answer was there.
    #[serde(with = "text::plain")]
    pub(crate) at: Timestamp,
    /// Who.
    pub(crate) patient: String,
    /// The `Idempotency-Key` of the request: one intention and what became of it.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A write is about to be asked for.
    Asked(Asked),
    /// It was acknowledged.
    Told(Told),
    /// It was refused, with this code.
    Refused {
        call: Call,
        code: String,
        /// Why somebody may not have a dose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It was asked for again and again, and nobody knows what became of it.
    Unknown { call: Call, why: String },
    /// Somebody waits in a line, as they were told who asked to.
    Lined(Lined),
    /// They looked, and are offered something; under the key of what they asked.
    Offered(Offered),
    /// They looked for the last time, and were offered nothing; under the same key.
    Waited(Waited),
    /// A backup is about to be asked for; it has no patient.
    BackupAsked { to: String },
    /// It was taken, and has all entries up to this one.
    BackupTold { last: u64 },
    /// A campaign was set, before the first patient; none of these lines has a patient.
    CampaignSet(CampaignSet),
    /// A delivery is about to be said.
    DeliveryAsked(Delivery),
    /// It was taken down, and concerned these; all of them where the first attempt was answered.
    DeliveryTold { delivery: Delivery, concerned: Vec<Concerned>, once: bool },
    /// The doses of a delivery are about to be recalled.
    RecallAsked { lot: String },
    /// They were, and it concerned these.
    RecallTold { lot: String, concerned: Vec<Concerned> },
}

/// An intention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) call: Call,
    /// The hold, also as the appointment that it became.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<HoldId>,
    /// The slot that is wanted.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) calendar: Option<CalendarId>,
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Timestamp>,
    /// The dose that is wanted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dose: Option<Stated>,
}

impl Asked {
    /// An intention without a dose.
    #[cfg(test)]
    pub(crate) const fn plain(
        call: Call,
        hold: Option<HoldId>,
        calendar: Option<CalendarId>,
        start: Option<Timestamp>,
    ) -> Self {
        Self { call, hold, calendar, start, dose: None }
    }
}

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) call: Call,
    #[serde(with = "text::plain")]
    pub(crate) hold: HoldId,
    /// Where it lies; not for a release, whose answer is empty.
    #[serde(flatten)]
    pub(crate) place: Option<Place>,
    /// When a hold ends by itself.
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) state: State,
}

/// Where something lies.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    #[serde(with = "text::plain")]
    pub(crate) calendar: CalendarId,
    #[serde(with = "text::plain")]
    pub(crate) start: Timestamp,
    #[serde(with = "text::plain")]
    pub(crate) end: Timestamp,
    /// Known of appointments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lane: Option<u16>,
}

/// What an acknowledgement says that there is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Held,
    Confirmed,
    Released,
    Expired,
    Booked,
    Cancelled,
    /// The dose of an appointment was given.
    Given,
}

impl fmt::Debug for Place {
    /// As people read it: findings show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calendar, start, end, lane } = self;
        write!(f, "{calendar} from {start} to {end}")?;
        lane.map_or(Ok(()), |lane| write!(f, " in lane {lane}"))
    }
}

impl Place {
    pub(crate) const fn of_hold(hold: &HoldSeen) -> Self {
        Self { calendar: hold.calendar, start: hold.start, end: hold.end, lane: None }
    }

    pub(crate) const fn of_appointment(it: &AppointmentSeen) -> Self {
        Self { calendar: it.calendar, start: it.start, end: it.end, lane: Some(it.lane) }
    }

    /// That of a reply, where it says one.
    pub(crate) const fn of(reply: &Reply) -> Option<Self> {
        match reply {
            Reply::Hold(hold) => Some(Self::of_hold(hold)),
            Reply::Appointment(it) => Some(Self::of_appointment(it)),
            Reply::Slots(_)
            | Reply::Released
            | Reply::Appointments(_)
            | Reply::Holds(_)
            | Reply::Given { .. }
            | Reply::InLine(_) => None,
        }
    }
}

impl Entry {
    /// Whether it is about no request of a patient's.
    pub(crate) const fn has_no_patient(&self) -> bool {
        !matches!(
            self,
            Self::Asked(_)
                | Self::Told(_)
                | Self::Refused { .. }
                | Self::Unknown { .. }
                | Self::Lined(_)
                | Self::Offered(_)
                | Self::Waited(_)
        )
    }

    /// The intention of a call.
    pub(crate) fn asked(ask: &Ask) -> Self {
        let (mut calendar, start) = ask.wanted().unzip();
        let dose = match ask {
            Ask::HoldDose(slot) => Some(slot.stated.clone()),
            Ask::JoinLine(wish) => {
                calendar = Some(wish.calendar);
                Some(wish.stated.clone())
            }
            _ => None,
        };
        Self::Asked(Asked { call: ask.call(), hold: ask.booking(), calendar, start, dose })
    }

    /// The acknowledgement of a call; none for a reply that belongs to another kind of call.
    pub(crate) fn told(ask: &Ask, reply: &Reply) -> Option<Self> {
        let call = ask.call();
        let told = match reply {
            Reply::Hold(hold) => {
                let state = match hold.state {
                    HoldState::Held => State::Held,
                    HoldState::Confirmed => State::Confirmed,
                    HoldState::Released => State::Released,
                    HoldState::Expired => State::Expired,
                };
                let place = Some(Place::of_hold(hold));
                Told { call, hold: hold.id, place, expires_at: hold.expires_at, state }
            }
            Reply::Appointment(it) => {
                let state = if it.cancelled { State::Cancelled } else { State::Booked };
                let place = Some(Place::of_appointment(it));
                Told { call, hold: it.id.into(), place, expires_at: None, state }
            }
            Reply::Released => {
                let (hold, state) = (ask.booking()?, State::Released);
                Told { call, hold, place: None, expires_at: None, state }
            }
            Reply::Given { appointment, .. } => {
                let (hold, state) = ((*appointment).into(), State::Given);
                Told { call, hold, place: None, expires_at: None, state }
            }
            Reply::InLine(it) => {
                let (wish, place, rank) = (it.wish, it.place, it.rank);
                let (since, until) = (it.since, it.until);
                return Some(Self::Lined(Lined { wish, place, rank, since, until }));
            }
            // Two holds are two lines; who asked for them writes both.
            Reply::Slots(_) | Reply::Appointments(_) | Reply::Holds(_) => return None,
        };
        Some(Self::Told(told))
    }
}

#[cfg(test)]
mod tests;
