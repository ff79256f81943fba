//! The register: practitioners, places, and links to calendar files.

use std::sync::Arc;

use rkyv::rancor::Error as RkyvError;

use super::calendars::check_limit;
use super::{Engine, Named, answers, refused};
use crate::booking::register::checked_place;
use crate::booking::{Event, LinkOf, Location, Profile, Registration, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{AppointmentId, CommandKey, LinkId, LinkSecret, PlaceId, PractitionerId};
use crate::journal::Entry;
use crate::limits::{LINK_APPOINTMENTS_MAX, LINK_PAST_DAYS, LIST_MAX, REGISTER_MAX};
use crate::metrics::{Asked, Full};
use crate::readers;
use crate::request::{
    Link, Linked, ListAppointments, ListPlaces, ListPractitioners, Outcome, RecordedAppointment,
};
use crate::runtime::sync::oneshot;
use crate::runtime::{Claim, Permit, Prepared, Share, catch_up, key_of, register};

impl Engine {
    /// Takes a practitioner into the register, or changes one that is there.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`] or
    /// [`Rejection::UnknownPractitioner`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn put_practitioner(
        &self,
        id: Option<PractitionerId>,
        profile: Profile,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<(PractitionerId, Profile)>> {
        let put = self.try_put_practitioner(id, profile, command).await;
        self.counted(Asked::Register, put)
    }

    async fn try_put_practitioner(
        &self,
        id: Option<PractitionerId>,
        profile: Profile,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<(PractitionerId, Profile)>> {
        let content = rkyv::to_bytes::<RkyvError>(&profile).map_err(|_| Error::Failed)?;
        let bits = id.map_or(0, PractitionerId::bits).to_be_bytes();
        let print = key_of(&[b"practitioner", &bits, &content]);
        let what = || {
            if id.is_some_and(|id| !self.shared().index.register().knows_practitioner(id)) {
                return Err(Rejection::UnknownPractitioner);
            }
            let id = id.unwrap_or_else(|| PractitionerId::from_bits(self.shared().random.bits()));
            Ok(Registration::Practitioner { id, profile: profile.checked()? })
        };
        match self.register(print, command, None, what).await? {
            Ok(Registration::Practitioner { id, profile }) => {
                Ok(Ok(Outcome { value: (id, profile), fresh: true }))
            }
            Ok(_) => Err(Error::OutcomeUnknown),
            Err(rejection) => refused(rejection),
        }
    }

    /// Takes a place into the register, or changes one that is there.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`] or
    /// [`Rejection::UnknownPlace`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn put_place(
        &self,
        id: Option<PlaceId>,
        location: Location,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<(PlaceId, Location)>> {
        let put = self.try_put_place(id, location, command).await;
        self.counted(Asked::Register, put)
    }

    async fn try_put_place(
        &self,
        id: Option<PlaceId>,
        location: Location,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<(PlaceId, Location)>> {
        let content = rkyv::to_bytes::<RkyvError>(&location).map_err(|_| Error::Failed)?;
        let bits = id.map_or(0, PlaceId::bits).to_be_bytes();
        let print = key_of(&[b"place", &bits, &content]);
        let what = || {
            if id.is_some_and(|id| !self.shared().index.register().knows_place(id)) {
                return Err(Rejection::UnknownPlace);
            }
            let id = id.unwrap_or_else(|| PlaceId::from_bits(self.shared().random.bits()));
            Ok(Registration::Place { id, location: checked_place(location)? })
        };
        match self.register(print, command, None, what).await? {
            Ok(Registration::Place { id, location }) => {
                Ok(Ok(Outcome { value: (id, location), fresh: true }))
            }
            Ok(_) => Err(Error::OutcomeUnknown),
            Err(rejection) => refused(rejection),
        }
    }

    /// Makes a link to a calendar file: who knows its secret may read it, until it is ended. The
    /// secret is kept nowhere, so it is told once: a repeat by the same name is told the link
    /// without it. Who has missed it ends the link and makes another.
    ///
    /// Refused as [`Rejection::CommandReused`] or [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn link(&self, of: LinkOf, command: Option<CommandKey>) -> Answer<Outcome<Link>> {
        let linked = self.try_link(of, command).await;
        self.counted(Asked::Register, linked)
    }

    async fn try_link(&self, of: LinkOf, command: Option<CommandKey>) -> Answer<Outcome<Link>> {
        let content = rkyv::to_bytes::<RkyvError>(&of).map_err(|_| Error::Failed)?;
        let mut told = None;
        let what = || {
            if let LinkOf::Calendar(calendar) = &of
                && !self.shared().index.knows(*calendar)
            {
                return Err(Rejection::UnknownCalendar);
            }
            let random = &self.shared().random;
            let id = LinkId::from_bits(random.bits());
            let secret = LinkSecret::from_bits(random.bits());
            told = Some(secret);
            Ok(Registration::Linked { id, secret: secret.hashed(), of })
        };
        match self.register(key_of(&[b"link", &content]), command, None, what).await? {
            Ok(Registration::Linked { id, secret: _, of }) => {
                Ok(Ok(Outcome { value: Link { id, secret: told, of }, fresh: true }))
            }
            Ok(_) => Err(Error::OutcomeUnknown),
            Err(rejection) => refused(rejection),
        }
    }

    /// Ends a link: its secret leads nowhere from then on.
    ///
    /// Refused as [`Rejection::CommandReused`] or [`Rejection::UnknownLink`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn end_link(&self, id: LinkId, command: Option<CommandKey>) -> Answer<()> {
        let ended = self.try_end_link(id, command).await;
        self.counted(Asked::Register, ended)
    }

    async fn try_end_link(&self, id: LinkId, command: Option<CommandKey>) -> Answer<()> {
        let print = key_of(&[b"unlink", &id.bits().to_be_bytes()]);
        let found = register::link(self.shared().index.rows(), id)?;
        let what = || match found {
            Some((secret, of)) => Ok(Registration::Unlinked { id, secret, of }),
            None => Err(Rejection::UnknownLink),
        };
        Ok(self.register(print, command, None, what).await?.map(|_| ()))
    }

    /// Journals what `what` gives, unless it was done under this name before. `alone` is kept until
    /// it is known what has become of it, whoever still waits.
    pub(super) async fn register(
        &self,
        print: u128,
        command: Option<CommandKey>,
        alone: Option<Arc<Claim>>,
        what: impl FnOnce() -> Result<Registration, Rejection>,
    ) -> Answer<Registration> {
        let shared = self.shared();
        shared.check()?;
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                let what = answers::registered(&events).ok_or(Error::OutcomeUnknown)?;
                return Ok(Ok(what));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let what = match what() {
            Ok(what) => what,
            Err(rejection) => return refused(rejection),
        };
        let permit = Permit::take(&shared.creation, &shared.admission, Share::Settle)
            .ok()
            .filter(|_| shared.index.register().len() < REGISTER_MAX)
            .filter(|_| shared.index.doses().len() < REGISTER_MAX)
            .ok_or_else(|| shared.meters.overloaded(Full::Creation))?;
        let command = named.as_ref().map(|(command, _)| command.clone());
        let event = Event::Registered { at: shared.now(), what: Box::new(what.clone()) };
        let entry = Prepared::new(Entry { command, events: vec![event] }).ok_or(Error::Failed)?;
        self.wait_for(&shared.index.will_register(&what)).await?;
        let (reply, done) = oneshot::channel();
        let done_with = Box::new(move |outcome| {
            let _ = reply.send(outcome);
            drop((named, permit, alone));
        });
        let _ = shared.queue.submit(entry, done_with);
        done.await.map_err(|_| Error::OutcomeUnknown)??;
        Ok(Ok(what))
    }

    /// What anybody may read of a practitioner.
    ///
    /// Refused as [`Rejection::UnknownPractitioner`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn practitioner(&self, id: PractitionerId) -> Answer<Profile> {
        self.shared().check()?;
        let found = register::profile(self.shared().index.rows(), id)?;
        Ok(found.ok_or(Rejection::UnknownPractitioner))
    }

    /// Where a place is.
    ///
    /// Refused as [`Rejection::UnknownPlace`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn place(&self, id: PlaceId) -> Answer<Location> {
        self.shared().check()?;
        Ok(register::place(self.shared().index.rows(), id)?.ok_or(Rejection::UnknownPlace))
    }

    /// Practitioners by their identifier, and the one with which the next page begins.
    ///
    /// Refused as [`Rejection::Invalid`] for the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn practitioners(
        &self,
        wanted: ListPractitioners,
    ) -> Answer<(Vec<(PractitionerId, Profile)>, Option<PractitionerId>)> {
        let shared = self.shared();
        shared.check()?;
        if let Err(rejection) = check_limit(wanted.limit) {
            return refused(rejection);
        }
        let from = wanted.from.unwrap_or(PractitionerId::from_bits(0));
        let mut ids = shared.index.register().practitioners(from, wanted.limit + 1, |seen| {
            let specialty = wanted.specialty.as_deref();
            (specialty.is_none() || seen.specialty.as_deref() == specialty)
                && (wanted.sector.is_none() || seen.sector == wanted.sector)
                && wanted
                    .language
                    .as_deref()
                    .is_none_or(|it| seen.languages.iter().any(|language| &**language == it))
        });
        let next = ids.get(wanted.limit).copied();
        ids.truncate(wanted.limit);
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(register::profile(shared.index.rows(), id)?.map(|profile| (id, profile)));
        }
        Ok(Ok((found, next)))
    }

    /// Places by their identifier, and the one with which the next page begins.
    ///
    /// Refused as [`Rejection::Invalid`] for the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn places(
        &self,
        wanted: ListPlaces,
    ) -> Answer<(Vec<(PlaceId, Location)>, Option<PlaceId>)> {
        let shared = self.shared();
        shared.check()?;
        if let Err(rejection) = check_limit(wanted.limit) {
            return refused(rejection);
        }
        let from = wanted.from.unwrap_or(PlaceId::from_bits(0));
        let department = wanted.department.as_deref();
        let mut ids = shared.index.register().places(from, wanted.limit + 1, department);
        let next = ids.get(wanted.limit).copied();
        ids.truncate(wanted.limit);
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(register::place(shared.index.rows(), id)?.map(|place| (id, place)));
        }
        Ok(Ok((found, next)))
    }

    /// What the link of a secret shows: the appointments of the last 30 days and those to come, a
    /// bounded number of them. Of a person those that were cancelled too; those of a calendar go.
    ///
    /// Refused as [`Rejection::UnknownLink`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn linked(&self, secret: LinkSecret) -> Answer<Linked> {
        self.shared().check()?;
        let Some(of) = register::by_secret(self.shared().index.rows(), secret)? else {
            return refused(Rejection::UnknownLink);
        };
        let since = self.now().plus_minutes(-LINK_PAST_DAYS * 24 * 60);
        let store = catch_up(self.shared()).await?;
        let ids: Vec<AppointmentId> = match &of {
            LinkOf::Calendar(calendar) => {
                let limit = LINK_APPOINTMENTS_MAX;
                let found = readers::records::standing(&*store, *calendar, since, limit)?;
                found.into_iter().map(|(_, id)| id).collect()
            }
            LinkOf::Person(person) => {
                let mut asked =
                    ListAppointments { person: person.clone(), cursor: None, limit: LIST_MAX };
                let mut found = Vec::new();
                loop {
                    let page = match self.appointments(asked.clone()).await? {
                        Ok(page) => page,
                        Err(rejection) => return refused(rejection),
                    };
                    let new = page.appointments.into_iter().filter(|it| since <= it.start);
                    found.extend(new.map(|it| it.id));
                    asked.cursor = page.next;
                    if asked.cursor.is_none() || LINK_APPOINTMENTS_MAX <= found.len() {
                        break;
                    }
                }
                found.truncate(LINK_APPOINTMENTS_MAX);
                found
            }
        };
        let mut appointments: Vec<RecordedAppointment> = Vec::with_capacity(ids.len());
        for id in ids {
            appointments.extend(self.recorded_in(&*store, id)?);
        }
        Ok(Ok(Linked { of, appointments }))
    }
}
