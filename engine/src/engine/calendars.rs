//! Calendars and their free slots.

use rkyv::rancor::Error as RkyvError;

use super::{Engine, Named, answers, refused};
use crate::booking::calendar::{Live, Status};
use crate::booking::{Calendar, Command, Definition, Reason, Rejection};
use crate::error::{Answer, Error};
use crate::ids::{CalendarId, CommandKey, PlaceId, PractitionerId};
use crate::journal::Entry;
use crate::limits::{CALENDARS_MAX, LIST_MAX, SLOT_DAYS_MAX};
use crate::metrics::{Asked, Full};
use crate::request::{
    CalendarInfo, ChangeCalendar, ChangedCalendar, Delay, DelayCalendar, FindSlots, FoundSlots,
    ListCalendars, Outcome, Outside, OutsideId,
};
use crate::runtime::sync::oneshot;
use crate::runtime::{Busy, Message, Permit, Prepared, Share, Verdict, Work, key_of};

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;

pub(super) fn check_limit(limit: usize) -> Result<(), Rejection> {
    if limit == 0 || LIST_MAX < limit {
        let rule = format!("must be 1 to {LIST_MAX}");
        return Err(Rejection::Invalid { field: "limit".to_owned(), rule });
    }
    Ok(())
}

impl Engine {
    /// Creates a calendar.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`],
    /// [`Rejection::UnknownPractitioner`], [`Rejection::UnknownPlace`],
    /// [`Rejection::UnknownCampaign`] or [`Rejection::ExternalIdTaken`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn create_calendar(
        &self,
        definition: Definition,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<CalendarInfo>> {
        let made = self.try_create_calendar(definition, command).await;
        self.counted(Asked::CreateCalendar, made)
    }

    async fn try_create_calendar(
        &self,
        definition: Definition,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<CalendarInfo>> {
        let shared = self.shared();
        shared.check()?;
        let content = rkyv::to_bytes::<RkyvError>(&definition).map_err(|_| Error::Failed)?;
        let named = match self.named(command.as_ref(), key_of(&[b"create", &content])).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                let value = answers::calendar(&events).ok_or(Error::OutcomeUnknown)?;
                return Ok(Ok(Outcome { value, fresh: true }));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        let definition = match definition.checked() {
            Ok(definition) => definition,
            Err(rejection) => return refused(rejection),
        };
        let agenda = &definition.agenda;
        let known = self.registered(agenda.practitioner, agenda.place);
        if let Err(rejection) = known.and_then(|()| self.gives_known_doses(&definition.reasons)) {
            return refused(rejection);
        }
        let permit = Permit::take(&shared.creation, &shared.admission, Share::Settle)
            .ok()
            .filter(|_| shared.index.calendar_count() < CALENDARS_MAX)
            .ok_or_else(|| shared.meters.overloaded(Full::Creation))?;
        let external = match self.claim_external_id(&definition).await? {
            Ok(claim) => claim,
            Err(rejection) => return refused(rejection),
        };
        let id = CalendarId::from_bits(shared.random.bits());
        let event = match Calendar::create(id, definition, shared.now()) {
            Ok(event) => event,
            Err(rejection) => return refused(rejection),
        };
        let command = named.as_ref().map(|(command, _)| command.clone());
        let entry = Entry { command, events: vec![event] };
        let entry = Prepared::new(entry).ok_or(Error::Failed)?;
        let events = entry.events.clone();
        let (reply, done) = oneshot::channel();
        let done_with = Box::new(move |outcome| {
            let _ = reply.send(outcome);
            drop((named, permit, external));
        });
        let _ = shared.queue.submit(entry, done_with);
        done.await.map_err(|_| Error::OutcomeUnknown)??;
        let value = answers::calendar(&events).ok_or(Error::OutcomeUnknown)?;
        Ok(Ok(Outcome { value, fresh: true }))
    }

    /// Whether who and where a calendar names are in the register.
    fn registered(
        &self,
        practitioner: Option<PractitionerId>,
        place: Option<PlaceId>,
    ) -> Result<(), Rejection> {
        let register = self.shared().index.register();
        if practitioner.is_some_and(|id| !register.knows_practitioner(id)) {
            return Err(Rejection::UnknownPractitioner);
        }
        if place.is_some_and(|id| !register.knows_place(id)) {
            return Err(Rejection::UnknownPlace);
        }
        Ok(())
    }

    /// Whether the campaigns and vaccines are known of which reasons give doses.
    fn gives_known_doses(&self, reasons: &[Reason]) -> Result<(), Rejection> {
        for (place, reason) in reasons.iter().enumerate() {
            let Some(rule) = &reason.rules.dose else { continue };
            let campaign = self.shared().index.doses().campaign(rule.campaign);
            let (_, campaign) = campaign.ok_or(Rejection::UnknownCampaign)?;
            if campaign.vaccine(&rule.vaccine).is_none() {
                let field = format!("reasons[{place}].dose.vaccine");
                let rule = "must be one of the campaign's".to_owned();
                return Err(Rejection::Invalid { field, rule });
            }
        }
        Ok(())
    }

    /// Claims the external id of a calendar that is being created.
    async fn claim_external_id(
        &self,
        definition: &Definition,
    ) -> Result<Result<Option<crate::runtime::Claim>, Rejection>, Error> {
        let Some(external_id) = &definition.external_id else { return Ok(Ok(None)) };
        let shared = self.shared();
        let claim = loop {
            match shared.commands.claim(key_of(&[b"external", external_id.as_bytes()])) {
                Ok(claim) => break claim,
                Err(Busy::Pending(waiting)) => waiting.ended().await,
                Err(Busy::Kept(_)) => return Err(self.contended()),
            }
        };
        match shared.index.by_external_id(external_id) {
            Some(calendar) => Ok(Err(Rejection::ExternalIdTaken { calendar })),
            None => Ok(Ok(Some(claim))),
        }
    }

    /// A calendar as it is set up now.
    ///
    /// Refused as [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn calendar(&self, id: CalendarId) -> Answer<CalendarInfo> {
        self.shared().check()?;
        match self.shared().index.definition(id)? {
            Some(row) => {
                Ok(Ok(CalendarInfo { id, version: row.version, definition: row.definition }))
            }
            None => refused(Rejection::UnknownCalendar),
        }
    }

    /// Calendars by their identifier, and the one with which the next page begins.
    ///
    /// Refused as [`Rejection::Invalid`] for the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn calendars(
        &self,
        wanted: ListCalendars,
    ) -> Answer<(Vec<CalendarInfo>, Option<CalendarId>)> {
        let shared = self.shared();
        shared.check()?;
        if let Err(rejection) = check_limit(wanted.limit) {
            return refused(rejection);
        }
        let by_external_id =
            wanted.external_id.as_deref().map(|id| shared.index.by_external_id(id));
        let from = wanted.from.unwrap_or(CalendarId::from_bits(0));
        let same = |brief: &Option<Box<str>>, wanted: &Option<String>| {
            wanted.is_none() || brief.as_deref() == wanted.as_deref()
        };
        let register = shared.index.register();
        let in_department = |(place, department): (_, &str)| register.lies_in(place, department);
        let is_of = |(who, specialty): (_, &str)| register.is_of(who, specialty);
        let mut ids = shared.index.calendars(from, wanted.limit + 1, |id, brief| {
            by_external_id.is_none_or(|only| only == Some(id))
                && (wanted.practitioner.is_none() || brief.practitioner == wanted.practitioner)
                && (wanted.place.is_none() || brief.place == wanted.place)
                && (same(&brief.department, &wanted.department)
                    || brief.place.zip(wanted.department.as_deref()).is_some_and(in_department))
                && (same(&brief.specialty, &wanted.specialty)
                    || brief.practitioner.zip(wanted.specialty.as_deref()).is_some_and(is_of))
        });
        let next = ids.get(wanted.limit).copied();
        ids.truncate(wanted.limit);
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(row) = shared.index.definition(id)? {
                found.push(CalendarInfo { id, version: row.version, definition: row.definition });
            }
        }
        Ok(Ok((found, next)))
    }

    /// Changes hours, exceptions, reasons, lanes or horizon. What is held or booked stays where it
    /// is; the answer lists what now lies outside the hours.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`],
    /// [`Rejection::UnknownCalendar`], [`Rejection::VersionMismatch`], or where only free time was
    /// to be blocked [`Rejection::NotFree`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn change_calendar(&self, asked: ChangeCalendar) -> Answer<ChangedCalendar> {
        let changed = self.try_change_calendar(asked).await;
        self.counted(Asked::ChangeCalendar, changed)
    }

    async fn try_change_calendar(&self, asked: ChangeCalendar) -> Answer<ChangedCalendar> {
        let shared = self.shared();
        shared.check()?;
        let ChangeCalendar { calendar: id, change, version, command } = asked;
        let content = rkyv::to_bytes::<RkyvError>(&change).map_err(|_| Error::Failed)?;
        // The version is a condition and no content: after the first outcome it has changed.
        let print = key_of(&[b"change", &id.bits().to_le_bytes(), &content]);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                let calendar = answers::calendar(&events).ok_or(Error::OutcomeUnknown)?;
                return Ok(Ok(ChangedCalendar { calendar, outside: self.outside(id).await? }));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        if !shared.index.knows(id) {
            return refused(Rejection::UnknownCalendar);
        }
        let known = self.registered(change.practitioner, change.place);
        let reasons = change.reasons.as_deref().unwrap_or_default();
        if let Err(rejection) = known.and_then(|()| self.gives_known_doses(reasons)) {
            return refused(rejection);
        }
        let (entry, permit) = self.directory().admit(id, Share::Settle)?;
        let work = Work::Command(Command::Change { change: Box::new(change), version });
        let calendar = match self.ask(&entry, permit, work, named).await? {
            Verdict::Refused(rejection) => return refused(rejection),
            Verdict::Decided { events } => {
                answers::calendar(&events).ok_or(Error::OutcomeUnknown)?
            }
            Verdict::Already | Verdict::Own(_) | Verdict::Failed(_) => {
                match self.calendar(id).await? {
                    Ok(calendar) => calendar,
                    Err(rejection) => return refused(rejection),
                }
            }
        };
        Ok(Ok(ChangedCalendar { calendar, outside: self.outside(id).await? }))
    }

    /// Says how late a practice is for everyone who starts from now until the end of its day. It
    /// stands in their appointments; a later word replaces it, and none ends it.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`] or
    /// [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn delay(&self, asked: DelayCalendar) -> Answer<Delay> {
        self.counted(Asked::Delay, self.try_delay(asked).await)
    }

    async fn try_delay(&self, asked: DelayCalendar) -> Answer<Delay> {
        let shared = self.shared();
        shared.check()?;
        let DelayCalendar { calendar, minutes, command } = asked;
        let print = key_of(&[b"delay", &calendar.bits().to_le_bytes(), &minutes.to_le_bytes()]);
        let named = match self.named(command.as_ref(), print).await? {
            Named::Fresh(named) => named,
            Named::Repeat(events) => {
                return Ok(Ok(answers::delay(&events).ok_or(Error::OutcomeUnknown)?));
            }
            Named::Reused => return refused(Rejection::CommandReused),
        };
        if !shared.index.knows(calendar) {
            return refused(Rejection::UnknownCalendar);
        }
        let work = Work::Command(Command::Delay { minutes });
        match self.settle(calendar, work, (named, None)).await? {
            Verdict::Refused(rejection) => refused(rejection),
            Verdict::Decided { .. } | Verdict::Already => Ok(Ok(Delay { calendar, minutes })),
            Verdict::Own(_) | Verdict::Failed(_) => Err(Error::OutcomeUnknown),
        }
    }

    /// What lies outside a calendar's hours now.
    async fn outside(&self, id: CalendarId) -> Result<Vec<Outside>, Error> {
        // It belongs to a change that is done, and must not be refused for want of room.
        let (entry, permit) = self.directory().admit(id, Share::Engine)?;
        let (reply, outside) = oneshot::channel();
        self.directory().send(&entry, Message::Outside(permit, reply)).await?;
        let outside = outside.await.map_err(|_| Error::OutcomeUnknown)?;
        let told = |live: &Live| {
            let Live { booking, status, .. } = live;
            // Of a part, what it is part of.
            let hold = booking.details.part_of().unwrap_or(booking.id);
            let id = match status {
                Status::Held { .. } => OutsideId::Hold(hold),
                Status::Booked => OutsideId::Appointment(hold.into()),
            };
            Outside { booking: id, start: booking.span.start, end: booking.span.end }
        };
        Ok(outside.iter().map(told).collect())
    }

    /// Free slots of a reason: advisory, since others book meanwhile. Wakes no calendar. Of a
    /// reason that gives doses, those for which one is left: a page may have fewer than its limit,
    /// and go on all the same.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::UnknownCalendar`],
    /// [`Rejection::UnknownReason`] or [`Rejection::PracticeOnly`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn find_slots(&self, wanted: FindSlots) -> Answer<FoundSlots> {
        let shared = self.shared();
        shared.check()?;
        if let Err(rejection) = check_limit(wanted.limit) {
            return refused(rejection);
        }
        let days_max = i64::from(SLOT_DAYS_MAX);
        if days_max * MS_PER_DAY < wanted.until.millis().saturating_sub(wanted.from.millis()) {
            let rule = format!("must be at most {days_max}");
            return refused(Rejection::Invalid { field: "days".to_owned(), rule });
        }
        if !shared.index.knows(wanted.calendar) {
            return refused(Rejection::UnknownCalendar);
        }
        let entry = self.directory().entry(wanted.calendar);
        let view = self.directory().view(&entry).await?;
        shared.queue.durable(view.rests_on).await?;
        let Some(reason) = view.schedule.definition().reason(&wanted.reason) else {
            return refused(Rejection::UnknownReason);
        };
        if reason.rules.practice_only && !wanted.practice {
            return refused(Rejection::PracticeOnly);
        }
        let now = shared.now();
        if view.has_due(now) {
            // What is past its deadline is free, and shall be seen so.
            let _ = crate::runtime::expire(self.directory().clone(), wanted.calendar, Share::Hold)
                .await;
        }
        let (earliest, end) = view.schedule.window(reason, now, wanted.practice, view.horizon(now));
        let (from, until) = (wanted.from.max(earliest), wanted.until.min(end));
        let mut slots = view.slots(&wanted.reason, from, until, wanted.limit + 1);
        let next = slots.get(wanted.limit).map(|slot| slot.start);
        slots.truncate(wanted.limit);
        shared.index.doses().retain(&view.schedule, &wanted.reason, &mut slots);
        Ok(Ok(FoundSlots { slots, next }))
    }

    /// The first instant of a date, and of the date `days` later, in a calendar's zone.
    ///
    /// Refused as [`Rejection::UnknownCalendar`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn schedule(
        &self,
        id: CalendarId,
    ) -> Answer<std::sync::Arc<crate::booking::Schedule>> {
        self.shared().check()?;
        if !self.shared().index.knows(id) {
            return refused(Rejection::UnknownCalendar);
        }
        let entry = self.directory().entry(id);
        let view = self.directory().view(&entry).await?;
        self.shared().queue.durable(view.rests_on).await?;
        Ok(Ok(view.schedule.clone()))
    }
}
