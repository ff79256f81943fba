//! The register as it is found: rows of the store, and in memory what listings filter by.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;

use super::behind::Behind;
use super::sync::RwLock;
use crate::booking::register::ReviewCursor;
use crate::booking::{LinkOf, Location, Profile, Registration, Review, ReviewReply, Sector};
use crate::ids::{
    AppointmentId, CalendarId, LinkId, LinkSecret, PlaceId, PractitionerId, SecretHash,
};
use crate::storage::{StoreError, Table};

/// What a key begins with.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Practitioner = 1,
    Place = 2,
    Link = 3,
    /// Links once more, by the hash of their secret.
    Secret = 4,
    /// Wishes, which are nothing of the register's.
    Wish = 5,
    /// Wishes once more, by their person.
    Wisher = 6,
    Review = 7,
    /// Reviews once more, by their calendar, the newest first.
    ReviewOf = 8,
    /// What a practice says to a review, by its appointment.
    Reply = 9,
    Campaign = 10,
    Delivery = 11,
    /// Recalls, by campaign and lot.
    Recall = 12,
    /// What has become of a delivery's doses.
    Tally = 13,
    /// Who has a dose of a delivery.
    Holder = 14,
    /// Bookings of a campaign whose dose is of no delivery any more.
    Bare = 15,
    /// Doses of a person, by campaign.
    Dose = 16,
    /// Who is in the line of a campaign.
    Line = 17,
    /// Those once more, by campaign and person.
    Liner = 18,
}

/// The rows that a start takes into memory. Of others there may be some for each person.
pub(crate) const IN_MEMORY: [u8; 8] = [
    Kind::Practitioner as u8,
    Kind::Place as u8,
    Kind::Link as u8,
    Kind::Campaign as u8,
    Kind::Delivery as u8,
    Kind::Recall as u8,
    Kind::Tally as u8,
    Kind::Line as u8,
];

fn key(kind: Kind, bits: u128) -> Vec<u8> {
    [&[kind as u8], bits.to_be_bytes().as_slice()].concat()
}

fn secret_key(secret: &SecretHash) -> Vec<u8> {
    [&[Kind::Secret as u8], secret.bytes().as_slice()].concat()
}

/// The rows that a registration changes, with their values; none for one that goes.
pub(crate) fn rows_of(what: &Registration) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let row = || rkyv::to_bytes::<RkyvError>(what).ok().map(|bytes| bytes.to_vec());
    match what {
        Registration::Practitioner { id, .. } => vec![(key(Kind::Practitioner, id.bits()), row())],
        Registration::Place { id, .. } => vec![(key(Kind::Place, id.bits()), row())],
        Registration::Linked { id, secret, .. } => {
            let link = row();
            vec![(key(Kind::Link, id.bits()), link.clone()), (secret_key(secret), link)]
        }
        Registration::Unlinked { id, secret, .. } => {
            vec![(key(Kind::Link, id.bits()), None), (secret_key(secret), None)]
        }
        Registration::Reviewed(review) => vec![
            (key(Kind::Review, review.appointment.bits()), row()),
            (review_key(review), Some(vec![u8::from(review.positive)])),
        ],
        Registration::Replied(reply) => vec![(key(Kind::Reply, reply.appointment.bits()), row())],
        Registration::Campaign { id, .. } => vec![(key(Kind::Campaign, id.bits()), row())],
        Registration::Delivered(delivery) => {
            vec![(key(Kind::Delivery, delivery.id.bits()), row())]
        }
        Registration::Recalled { campaign, lot } => {
            let key = key(Kind::Recall, campaign.bits());
            vec![([key.as_slice(), lot.as_str().as_bytes()].concat(), row())]
        }
        // It is counted with what else becomes of doses, and lines have rows of their own.
        Registration::Wasted { .. } | Registration::Lined(_) | Registration::LeftLine { .. } => {
            Vec::new()
        }
    }
}

/// What a row says.
pub(crate) fn decode(bytes: &[u8]) -> Result<Registration, StoreError> {
    let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    rkyv::from_bytes::<Registration, RkyvError>(&aligned)
        .map_err(|_| StoreError("a row of register is not as it was written".to_owned()))
}

/// What a listing filters practitioners by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) specialty: Option<Box<str>>,
    pub(crate) languages: Box<[Box<str>]>,
    pub(crate) sector: Option<Sector>,
}

impl From<&Profile> for Seen {
    fn from(profile: &Profile) -> Self {
        Self {
            specialty: profile.specialty.as_deref().map(Box::from),
            languages: profile.languages.iter().map(|it| it.as_str().into()).collect(),
            sector: profile.sector,
        }
    }
}

#[derive(Default)]
struct Known {
    practitioners: BTreeMap<PractitionerId, Seen>,
    places: BTreeMap<PlaceId, Option<Box<str>>>,
    links: usize,
}

/// What is known of the register without asking the store.
#[derive(Default)]
pub(crate) struct Register(RwLock<Known>);

impl Register {
    /// Takes in what a row says, or has just come to say.
    pub(crate) fn list(&self, what: &Registration) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match what {
            Registration::Practitioner { id, profile } => {
                known.practitioners.insert(*id, profile.into());
            }
            Registration::Place { id, location } => {
                known.places.insert(*id, location.department.as_deref().map(Box::from));
            }
            Registration::Linked { .. } => known.links += 1,
            Registration::Unlinked { .. } => known.links = known.links.saturating_sub(1),
            _ => {}
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The most that there is of any kind.
    pub(crate) fn len(&self) -> usize {
        self.read(|known| known.practitioners.len().max(known.places.len()).max(known.links))
    }

    pub(crate) fn knows_practitioner(&self, id: PractitionerId) -> bool {
        self.read(|known| known.practitioners.contains_key(&id))
    }

    pub(crate) fn knows_place(&self, id: PlaceId) -> bool {
        self.read(|known| known.places.contains_key(&id))
    }

    /// Whether a practitioner is of this specialty.
    pub(crate) fn is_of(&self, id: PractitionerId, specialty: &str) -> bool {
        let is = |seen: &Seen| seen.specialty.as_deref() == Some(specialty);
        self.read(|known| known.practitioners.get(&id).is_some_and(is))
    }

    /// Whether a place is in this department.
    pub(crate) fn lies_in(&self, id: PlaceId, department: &str) -> bool {
        self.read(|known| known.places.get(&id).is_some_and(|it| it.as_deref() == Some(department)))
    }

    /// Practitioners from `from` on that `wanted` lets through, by id, at most `limit`.
    pub(crate) fn practitioners(
        &self,
        from: PractitionerId,
        limit: usize,
        wanted: impl Fn(&Seen) -> bool,
    ) -> Vec<PractitionerId> {
        self.read(|known| {
            let found = known.practitioners.range(from..).filter(|(_, seen)| wanted(seen));
            found.take(limit).map(|(id, _)| *id).collect()
        })
    }

    /// Places from `from` on, in `department` if one is given, by id, at most `limit`.
    pub(crate) fn places(
        &self,
        from: PlaceId,
        limit: usize,
        department: Option<&str>,
    ) -> Vec<PlaceId> {
        let wanted = |it: &Option<Box<str>>| department.is_none() || it.as_deref() == department;
        self.read(|known| {
            let found = known.places.range(from..).filter(|(_, it)| wanted(it));
            found.take(limit).map(|(id, _)| *id).collect()
        })
    }
}

/// What anybody may read of a practitioner.
pub(crate) fn profile(rows: &Behind, id: PractitionerId) -> Result<Option<Profile>, StoreError> {
    let row = rows.get_bytes(Table::Register, &key(Kind::Practitioner, id.bits()))?;
    Ok(match row.map(|row| decode(&row)).transpose()? {
        Some(Registration::Practitioner { profile, .. }) => Some(profile),
        _ => None,
    })
}

/// Where a place is.
pub(crate) fn place(rows: &Behind, id: PlaceId) -> Result<Option<Location>, StoreError> {
    let row = rows.get_bytes(Table::Register, &key(Kind::Place, id.bits()))?;
    Ok(match row.map(|row| decode(&row)).transpose()? {
        Some(Registration::Place { location, .. }) => Some(location),
        _ => None,
    })
}

/// The hash of a link's secret and what it shows.
pub(crate) fn link(rows: &Behind, id: LinkId) -> Result<Option<(SecretHash, LinkOf)>, StoreError> {
    linked(rows.get_bytes(Table::Register, &key(Kind::Link, id.bits()))?)
}

/// What the link of this secret shows.
pub(crate) fn by_secret(rows: &Behind, secret: LinkSecret) -> Result<Option<LinkOf>, StoreError> {
    let found = linked(rows.get_bytes(Table::Register, &secret_key(&secret.hashed()))?)?;
    Ok(found.map(|(_, of)| of))
}

fn linked(row: Option<Vec<u8>>) -> Result<Option<(SecretHash, LinkOf)>, StoreError> {
    Ok(match row.map(|row| decode(&row)).transpose()? {
        Some(Registration::Linked { secret, of, .. }) => Some((secret, of)),
        _ => None,
    })
}

/// Of which appointment the reviews of a calendar are, the newest first.
fn review_key(review: &Review) -> Vec<u8> {
    let Review { appointment, calendar, at, .. } = review;
    // Instants before 1970 are not asked for.
    let newest_first = u64::MAX - u64::try_from(at.millis()).unwrap_or_default();
    let order = [newest_first.to_be_bytes().as_slice(), &appointment.bits().to_be_bytes()].concat();
    [key(Kind::ReviewOf, calendar.bits()), order].concat()
}

/// What was said of an appointment.
pub(crate) fn review(rows: &Behind, id: AppointmentId) -> Result<Option<Review>, StoreError> {
    let row = rows.get_bytes(Table::Register, &key(Kind::Review, id.bits()))?;
    Ok(match row.map(|row| decode(&row)).transpose()? {
        Some(Registration::Reviewed(review)) => Some(review),
        _ => None,
    })
}

/// What the practice says to it.
pub(crate) fn reply(rows: &Behind, id: AppointmentId) -> Result<Option<ReviewReply>, StoreError> {
    let row = rows.get_bytes(Table::Register, &key(Kind::Reply, id.bits()))?;
    Ok(match row.map(|row| decode(&row)).transpose()? {
        Some(Registration::Replied(reply)) => Some(reply),
        _ => None,
    })
}

/// What a listing of a calendar's reviews begins with, and whether it is positive.
pub(crate) type ReviewAt = (ReviewCursor, AppointmentId, bool);

/// The reviews of a calendar from `from` on, the newest first, at most `limit`.
pub(crate) fn reviews(
    rows: &Behind,
    calendar: CalendarId,
    from: ReviewCursor,
    limit: usize,
) -> Result<Vec<ReviewAt>, StoreError> {
    let prefix = key(Kind::ReviewOf, calendar.bits());
    let from = [prefix.as_slice(), &from].concat();
    let found = rows.scan(Table::Register, &prefix, &from, limit)?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let at = *key.last_chunk::<24>()?;
        let id = AppointmentId::from_bits(u128::from_be_bytes(*at.last_chunk::<16>()?));
        Some((at, id, value.first() == Some(&1)))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// Whether a row says what is kept in memory: not that of a link by its secret, which stands for
/// one that is told already, not a wish, and not what is told of doses by the way.
pub(crate) fn is_listed(key: &[u8]) -> bool {
    let campaigns = Kind::Campaign as u8..=Kind::Recall as u8;
    key.first().is_some_and(|kind| *kind < Kind::Secret as u8 || campaigns.contains(kind))
}
