//! How what few use is archived.

use rkyv::niche::option_box::{ArchivedOptionBox, OptionBoxResolver};
use rkyv::rancor::Fallible;
use rkyv::ser::Writer;
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};

/// Archives something aside, and nothing of it where nothing is set, so that whoever does without
/// it writes four bytes for it.
pub struct Seldom;

/// What is set, if anything is.
fn set<T: Default + PartialEq>(value: &T) -> Option<&T> {
    (*value != T::default()).then_some(value)
}

impl<T: Archive + Default + PartialEq> ArchiveWith<T> for Seldom {
    type Archived = ArchivedOptionBox<T::Archived>;
    type Resolver = OptionBoxResolver;

    fn resolve_with(value: &T, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedOptionBox::resolve_from_option(set(value), resolver, out);
    }
}

impl<T, S> SerializeWith<T, S> for Seldom
where
    T: Serialize<S> + Default + PartialEq,
    S: Fallible + Writer + ?Sized,
{
    fn serialize_with(value: &T, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        ArchivedOptionBox::serialize_from_option(set(value), serializer)
    }
}

impl<T, D> DeserializeWith<ArchivedOptionBox<T::Archived>, T, D> for Seldom
where
    T: Archive + Default + PartialEq,
    T::Archived: Deserialize<T, D>,
    D: Fallible + ?Sized,
{
    fn deserialize_with(
        archived: &ArchivedOptionBox<T::Archived>,
        deserializer: &mut D,
    ) -> Result<T, D::Error> {
        match archived.as_ref() {
            Some(value) => Deserialize::<T, D>::deserialize(&**value, deserializer),
            None => Ok(T::default()),
        }
    }
}
