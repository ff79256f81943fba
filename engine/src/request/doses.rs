//! What a host asks about campaigns and their doses.

use crate::booking::By;
use crate::booking::hours::Date;
use crate::campaign::{Campaign, Delivery, Facts, Tally};
use crate::ids::{
    AppointmentId, CalendarId, CampaignId, Code, CommandKey, DeliveryId, LotId, PersonId, PlaceId,
    VaccineId,
};
use crate::time::Timestamp;

/// The dose that a hold asks for beside its slot. Its vaccine is that of the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoseAsked {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Which dose of the person's, counted from 1.
    pub number: u8,
    /// What is stated of the person.
    pub facts: Facts,
}

/// A campaign as it is set now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignInfo {
    /// Which.
    pub id: CampaignId,
    /// How often it was set, from 1.
    pub version: u32,
    /// What is set.
    pub campaign: Campaign,
}

/// Asks whether somebody may have a dose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskEligible {
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Of which vaccine.
    pub vaccine: VaccineId,
    /// Which dose of theirs, counted from 1.
    pub number: u8,
    /// When it would be given; now if none.
    pub start: Option<Timestamp>,
    /// What is stated of them.
    pub facts: Facts,
    /// Who, so that what they have had counts too.
    pub person: Option<PersonId>,
}

/// Says what is or will be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutDelivery {
    /// Which, where it was said before.
    pub id: Option<DeliveryId>,
    /// For which campaign.
    pub campaign: CampaignId,
    /// To which place.
    pub place: PlaceId,
    /// Of which vaccine.
    pub vaccine: VaccineId,
    /// Of which lot.
    pub lot: LotId,
    /// From when on the doses are there.
    pub arrives: Timestamp,
    /// Until when they can be given.
    pub expires: Timestamp,
    /// How many.
    pub doses: u32,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// A delivery, and what has become of its doses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryInfo {
    /// As it was said last.
    pub delivery: Delivery,
    /// What has become of its doses, as far as is durable.
    pub tally: Tally,
    /// Whether its lot was recalled.
    pub recalled: bool,
}

/// An appointment that a reduced, late or recalled delivery concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concerned {
    /// Which; of a hold, what it would become.
    pub appointment: AppointmentId,
    /// Whose.
    pub person: PersonId,
    /// On which calendar.
    pub calendar: CalendarId,
    /// When it starts.
    pub start: Timestamp,
    /// The delivery of which its dose is now; none where none is left at its place.
    pub delivery: Option<DeliveryId>,
    /// Whether the dose of the recalled lot was given.
    pub given: bool,
}

/// A delivery as it is now, and the appointments that it could not serve any more: whoever booked
/// last comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutDelivered {
    /// The delivery.
    pub info: DeliveryInfo,
    /// Appointments whose dose is of another delivery now, or of none; at most 1,000.
    pub concerned: Vec<Concerned>,
}

/// Says that a dose was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiveDose {
    /// In which appointment.
    pub appointment: AppointmentId,
    /// Of which delivery, where that is another than the one that was booked.
    pub delivery: Option<DeliveryId>,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// A dose that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoseGiven {
    /// In which appointment.
    pub appointment: AppointmentId,
    /// Which dose of the person's.
    pub number: u8,
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// Of which lot; none where the delivery is known no more.
    pub lot: Option<LotId>,
    /// When.
    pub at: Timestamp,
    /// Until when the person stays.
    pub stays_until: Timestamp,
}

/// What becomes of the dose after the one that is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextDose {
    /// It stays: a dose before it will be booked anew.
    Keep,
    /// It goes too, in the same step.
    Cancel,
}

/// Cancels an appointment of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelDose {
    /// The appointment.
    pub appointment: AppointmentId,
    /// What becomes of the dose after it.
    pub next: Option<NextDose>,
    /// Who asks.
    pub by: By,
    /// The caller's name for this command.
    pub command: Option<CommandKey>,
}

/// What coverage is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoverageBy {
    /// The place.
    Place,
    /// The day on which doses were given, or are booked for.
    Day,
    /// The vaccine.
    Vaccine,
    /// The person's age band.
    Band,
    /// The person's territory.
    Territory,
}

/// Asks who is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCoverage {
    /// In which campaign.
    pub campaign: CampaignId,
    /// Told apart by these; in one row where there are none.
    pub by: Vec<CoverageBy>,
    /// At this place alone.
    pub place: Option<PlaceId>,
    /// From this day on.
    pub from: Option<Date>,
    /// Until this day, which counts too.
    pub until: Option<Date>,
}

/// Doses given and booked, of those alike in what they are told apart by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The place, where rows are told apart by it; likewise the others.
    pub place: Option<PlaceId>,
    /// The day.
    pub day: Option<Date>,
    /// The vaccine.
    pub vaccine: Option<VaccineId>,
    /// The age band.
    pub band: Option<Code>,
    /// The territory; none too for people of whom none was stated.
    pub territory: Option<Code>,
    /// People who were given a first dose.
    pub first: u64,
    /// People who were given the dose that makes their protection complete.
    pub complete: u64,
    /// Boosters given.
    pub boosters: u64,
    /// Doses given, in all.
    pub given: u64,
    /// Appointments that stand, and whose dose was not given yet.
    pub booked: u64,
}
