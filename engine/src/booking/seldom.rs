//! What few use: how it is kept, and how it is archived.

use std::fmt;
use std::ops::Deref;

use rkyv::niche::option_box::{ArchivedOptionBox, OptionBoxResolver};
use rkyv::rancor::Fallible;
use rkyv::ser::Writer;
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};

/// A type with a value that says that nothing is set.
pub trait Unset: PartialEq + 'static {
    /// That value.
    const UNSET: &'static Self;
}

/// Something in which few set anything: a pointer's width where nothing is set.
///
/// What it is comes from its value, and it is read as that value.
#[derive(Clone, PartialEq, Eq)]
pub struct Sparse<T>(Option<Box<T>>);

impl<T: Unset> From<T> for Sparse<T> {
    fn from(value: T) -> Self {
        Self((value != *T::UNSET).then(|| Box::new(value)))
    }
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Unset> Deref for Sparse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::UNSET)
    }
}

impl<T: Unset + fmt::Debug> fmt::Debug for Sparse<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

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

impl<T: Archive> ArchiveWith<Sparse<T>> for Seldom {
    type Archived = ArchivedOptionBox<T::Archived>;
    type Resolver = OptionBoxResolver;

    fn resolve_with(value: &Sparse<T>, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedOptionBox::resolve_from_option(value.0.as_deref(), resolver, out);
    }
}

impl<T, S> SerializeWith<Sparse<T>, S> for Seldom
where
    T: Serialize<S>,
    S: Fallible + Writer + ?Sized,
{
    fn serialize_with(value: &Sparse<T>, to: &mut S) -> Result<Self::Resolver, S::Error> {
        ArchivedOptionBox::serialize_from_option(value.0.as_deref(), to)
    }
}

impl<T, D> DeserializeWith<ArchivedOptionBox<T::Archived>, Sparse<T>, D> for Seldom
where
    T: Archive + Unset,
    T::Archived: Deserialize<T, D>,
    D: Fallible + ?Sized,
{
    fn deserialize_with(
        archived: &ArchivedOptionBox<T::Archived>,
        deserializer: &mut D,
    ) -> Result<Sparse<T>, D::Error> {
        match archived.as_ref() {
            Some(value) => Ok(Deserialize::<T, D>::deserialize(&**value, deserializer)?.into()),
            None => Ok(Sparse(None)),
        }
    }
}
