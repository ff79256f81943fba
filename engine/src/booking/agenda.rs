//! What goes beyond the hours of each week.

use rkyv::niche::option_box::{ArchivedOptionBox, OptionBoxResolver};
use rkyv::rancor::Fallible;
use rkyv::ser::Writer;
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};

use super::absence::Absence;
use super::holidays::PublicHolidays;
use super::template::Template;

/// Templates, absences and public holidays. Many calendars have none of them.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Weeks that count for a while, or in one week of so many, beside the hours of each week.
    pub templates: Vec<Template>,
    /// When nothing is open, whatever else is set.
    pub absences: Vec<Absence>,
    /// The public holidays on which nothing is open, but for dates with an exception.
    pub public_holidays: PublicHolidays,
}

/// Archives an agenda aside, and nothing of it where nothing is set, so that the calendars that do
/// without it are written in as few bytes as ever.
pub struct Seldom;

/// What is set, if anything is.
fn set(agenda: &Agenda) -> Option<&Agenda> {
    (*agenda != Agenda::default()).then_some(agenda)
}

impl ArchiveWith<Agenda> for Seldom {
    type Archived = ArchivedOptionBox<ArchivedAgenda>;
    type Resolver = OptionBoxResolver;

    fn resolve_with(agenda: &Agenda, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedOptionBox::resolve_from_option(set(agenda), resolver, out);
    }
}

impl<S: Fallible + Writer + ?Sized> SerializeWith<Agenda, S> for Seldom
where
    Agenda: Serialize<S>,
{
    fn serialize_with(agenda: &Agenda, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        ArchivedOptionBox::serialize_from_option(set(agenda), serializer)
    }
}

impl<D: Fallible + ?Sized> DeserializeWith<ArchivedOptionBox<ArchivedAgenda>, Agenda, D> for Seldom
where
    ArchivedAgenda: Deserialize<Agenda, D>,
{
    fn deserialize_with(
        archived: &ArchivedOptionBox<ArchivedAgenda>,
        deserializer: &mut D,
    ) -> Result<Agenda, D::Error> {
        match archived.as_ref() {
            Some(agenda) => Deserialize::<Agenda, D>::deserialize(&**agenda, deserializer),
            None => Ok(Agenda::default()),
        }
    }
}
