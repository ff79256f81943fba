//! The calls of a patient and of the audit, and what they are answered, whatever lies between.

use std::fmt;

use creneau::{
    AppointmentId, CalendarId, CampaignId, DeliveryId, HoldId, PersonId, PlaceId, ReasonId,
    Timestamp, WishId,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ledger::text;

/// A kind of call, as it is measured and written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// A listing of free slots.
    Find,
    /// A hold of a slot.
    Hold,
    /// A hold becomes an appointment.
    Confirm,
    /// A hold is given back.
    Release,
    /// An appointment is cancelled.
    Cancel,
    /// An appointment is moved.
    Move,
    /// A hold of a slot for each of two doses.
    HoldBoth,
    /// A dose is given.
    Give,
    /// Somebody waits in the line of a campaign.
    Join,
    /// A look-up by an id or by a person.
    Read,
}

impl Call {
    /// What it is called in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Hold => "hold",
            Self::Confirm => "confirm",
            Self::Release => "release",
            Self::Cancel => "cancel",
            Self::Move => "move",
            Self::HoldBoth => "hold_both",
            Self::Give => "give",
            Self::Join => "join",
            Self::Read => "read",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is stated of a person who wants a dose: names and instants alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stated {
    /// Which dose of theirs.
    pub(crate) number: u8,
    pub(crate) band: String,
    #[serde(with = "text::plain")]
    pub(crate) stated_at: Timestamp,
    #[serde(default, with = "text::maybe", skip_serializing_if = "Option::is_none")]
    pub(crate) infected_at: Option<Timestamp>,
}

/// A slot with a dose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DoseSlot {
    pub(crate) calendar: CalendarId,
    pub(crate) start: Timestamp,
    pub(crate) reason: ReasonId,
    pub(crate) patient: PersonId,
    /// Who books, where that is another.
    pub(crate) account: Option<PersonId>,
    pub(crate) campaign: CampaignId,
    pub(crate) stated: Stated,
}

/// A place in the line of a campaign, as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineWish {
    pub(crate) campaign: CampaignId,
    pub(crate) place: PlaceId,
    /// The calendar where somebody was refused; its reason is what they wait for.
    pub(crate) calendar: CalendarId,
    pub(crate) reason: ReasonId,
    pub(crate) patient: PersonId,
    /// The last date that they would take.
    pub(crate) until: Date,
    pub(crate) stated: Stated,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask {
    Find {
        calendar: CalendarId,
        reason: ReasonId,
        from: Date,
        days: u16,
        limit: u16,
    },
    Hold {
        calendar: CalendarId,
        start: Timestamp,
        reason: ReasonId,
        patient: PersonId,
    },
    Confirm {
        hold: HoldId,
    },
    Release {
        hold: HoldId,
    },
    Cancel {
        appointment: AppointmentId,
    },
    Move {
        appointment: AppointmentId,
        start: Timestamp,
        calendar: CalendarId,
    },
    ReadHold {
        hold: HoldId,
    },
    ReadAppointment {
        appointment: AppointmentId,
    },
    Search {
        patient: PersonId,
    },
    HoldDose(Box<DoseSlot>),
    HoldDoses(Box<[DoseSlot; 2]>),
    /// The appointment for the next dose goes too.
    CancelDoses {
        appointment: AppointmentId,
    },
    Give {
        appointment: AppointmentId,
    },
    JoinLine(Box<LineWish>),
    ReadLine {
        campaign: CampaignId,
        wish: WishId,
    },
    /// Takes what somebody who waits is offered.
    Accept {
        hold: HoldId,
    },
}

impl Ask {
    /// Its kind.
    pub(crate) const fn call(&self) -> Call {
        match self {
            Self::Find { .. } => Call::Find,
            Self::Hold { .. } | Self::HoldDose(_) => Call::Hold,
            Self::HoldDoses(_) => Call::HoldBoth,
            Self::Confirm { .. } | Self::Accept { .. } => Call::Confirm,
            Self::JoinLine(_) => Call::Join,
            Self::Release { .. } => Call::Release,
            Self::Cancel { .. } | Self::CancelDoses { .. } => Call::Cancel,
            Self::Give { .. } => Call::Give,
            Self::Move { .. } => Call::Move,
            Self::ReadHold { .. }
            | Self::ReadAppointment { .. }
            | Self::ReadLine { .. }
            | Self::Search { .. } => Call::Read,
        }
    }

    /// The booking that it is about, where there is one already.
    pub(crate) fn booking(&self) -> Option<HoldId> {
        match self {
            Self::Confirm { hold }
            | Self::Accept { hold }
            | Self::Release { hold }
            | Self::ReadHold { hold } => Some(*hold),
            Self::Cancel { appointment }
            | Self::CancelDoses { appointment }
            | Self::Give { appointment }
            | Self::Move { appointment, .. }
            | Self::ReadAppointment { appointment } => Some((*appointment).into()),
            Self::Find { .. }
            | Self::Hold { .. }
            | Self::HoldDose(_)
            | Self::HoldDoses(_)
            | Self::JoinLine(_)
            | Self::ReadLine { .. }
            | Self::Search { .. } => None,
        }
    }

    /// The slot that is wanted.
    pub(crate) fn wanted(&self) -> Option<(CalendarId, Timestamp)> {
        match self {
            Self::Hold { calendar, start, .. } | Self::Move { calendar, start, .. } => {
                Some((*calendar, *start))
            }
            Self::HoldDose(slot) => Some((slot.calendar, slot.start)),
            Self::HoldDoses(slots) => {
                let [first, _] = &**slots;
                Some((first.calendar, first.start))
            }
            _ => None,
        }
    }
}

/// What is said of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HoldState {
    Held,
    Confirmed,
    Released,
    Expired,
}

/// A hold as it is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HoldSeen {
    pub(crate) id: HoldId,
    pub(crate) calendar: CalendarId,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) state: HoldState,
}

/// The dose of an appointment, as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DoseSeen {
    pub(crate) number: u8,
    /// Of which delivery; none where there is none for it any more.
    pub(crate) delivery: Option<DeliveryId>,
}

/// An appointment as it is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AppointmentSeen {
    pub(crate) id: AppointmentId,
    pub(crate) calendar: CalendarId,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) lane: u16,
    pub(crate) cancelled: bool,
    /// Whether it took place; of one with a dose, that it was given.
    pub(crate) fulfilled: bool,
    pub(crate) dose: Option<DoseSeen>,
}

/// What has become of somebody's place in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineStatus {
    Waiting,
    /// It has become an appointment.
    Granted,
    Withdrawn,
    /// They let three offers go by.
    PassedBy,
    /// What they waited for is past.
    Over,
}

/// Somebody's place in a line, as it is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineSeen {
    pub(crate) wish: WishId,
    pub(crate) place: PlaceId,
    pub(crate) status: LineStatus,
    pub(crate) rank: u16,
    pub(crate) since: Timestamp,
    /// Before when it must start.
    pub(crate) until: Timestamp,
    /// What it has become, once it is granted.
    pub(crate) appointment: Option<AppointmentId>,
    pub(crate) offer: Option<HoldSeen>,
}

/// An answer that is no refusal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Slots(Vec<Timestamp>),
    Hold(HoldSeen),
    Appointment(AppointmentSeen),
    Released,
    Appointments(Vec<AppointmentSeen>),
    Holds(Box<[HoldSeen; 2]>),
    /// A dose of a delivery was given to whom an appointment was for.
    Given {
        appointment: AppointmentId,
        number: u8,
        delivery: DeliveryId,
    },
    InLine(Box<LineSeen>),
}

/// A refusal with its code, as the API names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) alternatives: Vec<(CalendarId, Timestamp)>,
    /// The hold that the patient has already.
    pub(crate) hold: Option<HoldId>,
    /// Why somebody may not have a dose.
    pub(crate) why: Option<String>,
}

impl Refusal {
    /// A refusal with nothing to offer.
    pub(crate) fn new(code: &str) -> Self {
        Self { code: code.to_owned(), alternatives: Vec::new(), hold: None, why: None }
    }
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Done(Reply),
    Refused(Refusal),
    /// It may have happened or not; the text says why that is not known.
    Unclear(String),
}

/// The refusal that stands for an answer that cannot be read: what was asked may be done.
pub(crate) const UNREADABLE: &str = "unreadable_answer";

/// The refusal that says that too much is under way. Nothing has happened.
pub(crate) const OVERLOADED: &str = "overloaded";

/// Whether a refusal belongs to the business: patients meet it where nothing is wrong.
pub(crate) fn is_business(code: &str) -> bool {
    matches!(
        code,
        "slot_taken"
            | "patient_has_hold"
            | "hold_expired"
            | "hold_released"
            | "hold_confirmed"
            | "not_changeable"
            | "in_the_past"
            | "beyond_horizon"
            | "not_eligible"
            | "no_dose"
            | "not_yet"
    )
}

/// A calendar that patients can be sent to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bookable {
    pub(crate) calendar: CalendarId,
    pub(crate) reason: ReasonId,
    pub(crate) lanes: u16,
    /// How long the reason takes.
    pub(crate) duration_minutes: u16,
    /// For how long after that its lane stays occupied.
    pub(crate) buffer_minutes: u16,
    /// Whether this run made it, so that nobody else books it.
    pub(crate) own: bool,
}
