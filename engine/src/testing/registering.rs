//! What the register is asked in a simulation, and what it must have come to.

use std::collections::BTreeMap;

use super::ledger::{Ask, Told};
use super::model::Model;
use super::random::Dice;
use super::scene::{Scene, locked};
use crate::booking::{
    By, Fee, LinkOf, Location, Profile, Registration, Review, ReviewReply, Sector,
};
use crate::campaign::Campaign;
use crate::engine::Engine;
use crate::error::Answer;
use crate::ids::{
    AppointmentId, CalendarId, CampaignId, CommandKey, DeliveryId, LinkId, LinkSecret, LotId,
    PlaceId, PractitionerId, TextId,
};
use crate::request::{
    AskLine, CampaignInfo, LineInfo, ListReviews, Outcome, PutDelivery, ReplyToReview,
    ReviewAppointment, ReviewInfo,
};

/// What is asked of the register, and under which name.
#[derive(Clone, Debug, PartialEq)]
pub struct Registering {
    /// What.
    pub what: Wanted,
    /// The name under which it is asked.
    pub command: Option<CommandKey>,
}

/// What is asked of the register.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// A practitioner, new or changed.
    Practitioner(Option<PractitionerId>, Profile),
    /// A place, new or changed.
    Place(Option<PlaceId>, Location),
    /// A link.
    Link(LinkOf),
    /// The end of a link.
    EndLink(LinkId),
    /// A review.
    Review(ReviewAppointment),
    /// A reply to a review.
    Reply(ReplyToReview),
    /// A campaign, new or changed.
    Campaign(Option<CampaignId>, Campaign),
    /// A delivery, new or changed.
    Delivery(PutDelivery),
    /// Doses of a delivery that were wasted, in all.
    Waste(DeliveryId, u32),
    /// A recall of a lot.
    Recall(CampaignId, LotId),
    /// A place in the line of a campaign.
    JoinLine(Box<AskLine>),
}

/// What was told of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Registered {
    /// This is in the register.
    Is(Registration),
    /// This was there before.
    Known(Registration),
    /// This link is in the register, and this is its secret; none where it is told again.
    Linked(LinkId, Option<LinkSecret>, LinkOf),
    /// This link is no more.
    Ended(LinkId),
}

impl Registered {
    /// Whether both are told of one link. Its secret is told once, to one of them at most.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let (Self::Linked(id, secret, of), Self::Linked(again, other, of_again)) = (self, other)
        else {
            return self == other;
        };
        (id, of) == (again, of_again) && (secret.is_none() || other.is_none())
    }

    /// Whether a registration is what was told.
    #[must_use]
    pub fn is(&self, what: &Registration) -> bool {
        match (self, what) {
            (Self::Is(told) | Self::Known(told), what) => told == what,
            (Self::Linked(told, told_secret, told_of), Registration::Linked { id, secret, of }) => {
                (told, told_of) == (id, of) && told_secret.is_none_or(|it| it.hashed() == *secret)
            }
            (Self::Ended(told), Registration::Unlinked { id, .. }) => told == id,
            (Self::Linked(..) | Self::Ended(_), _) => false,
        }
    }
}

impl Registering {
    /// Asks it.
    ///
    /// # Errors
    ///
    /// As the engine's methods.
    pub async fn put_to(self, engine: &Engine) -> Answer<Registered> {
        let command = self.command;
        let told = match self.what {
            Wanted::Practitioner(id, profile) => {
                let put = engine.put_practitioner(id, profile, command).await?;
                put.map(|it| it.value)
                    .map(|(id, profile)| Registration::Practitioner { id, profile })
            }
            Wanted::Place(id, location) => {
                let put = engine.put_place(id, location, command).await?;
                put.map(|it| it.value).map(|(id, location)| Registration::Place { id, location })
            }
            Wanted::Link(of) => {
                let linked = engine.link(of, command).await?.map(|it| it.value);
                return Ok(linked.map(|it| Registered::Linked(it.id, it.secret, it.of)));
            }
            Wanted::EndLink(id) => {
                return Ok(engine.end_link(id, command).await?.map(|()| Registered::Ended(id)));
            }
            Wanted::Review(asked) => {
                let asked = ReviewAppointment { command, ..asked };
                engine.review(asked).await?.map(|it| Registration::Reviewed(it.value.review))
            }
            Wanted::Campaign(id, campaign) => {
                engine.put_campaign(id, campaign, command).await?.map(|it| {
                    let CampaignInfo { id, version, campaign } = it.value;
                    Registration::Campaign { id, version, campaign: Box::new(campaign) }
                })
            }
            Wanted::Delivery(asked) => {
                let put = engine.put_delivery(PutDelivery { command, ..asked }).await?;
                put.map(|it| Registration::Delivered(it.value.info.delivery))
            }
            Wanted::Waste(delivery, doses) => engine
                .waste_doses(delivery, doses, command)
                .await?
                .map(|_| Registration::Wasted { delivery, doses }),
            Wanted::Recall(campaign, lot) => engine
                .recall_lot(campaign, lot.clone(), command)
                .await?
                .map(|_| Registration::Recalled { campaign, lot }),
            Wanted::JoinLine(asked) => {
                let joined = engine.join_line(AskLine { command, ..*asked }).await?;
                let lined = |it: Outcome<LineInfo>| {
                    let place = Registration::Lined(Box::new(it.value.place));
                    if it.fresh { Registered::Is(place) } else { Registered::Known(place) }
                };
                return Ok(joined.map(lined));
            }
            Wanted::Reply(asked) => {
                let told = engine.reply_to_review(ReplyToReview { command, ..asked }).await?;
                match told.map(|it| it.value.reply) {
                    Ok(Some(reply)) => Ok(Registration::Replied(reply)),
                    Ok(None) => return Err(crate::error::Error::Failed),
                    Err(rejection) => Err(rejection),
                }
            }
        };
        Ok(told.map(Registered::Is))
    }
}

/// Something to ask of the register, about what it was told to have, or about an appointment.
pub(super) fn wanted(
    scene: &Scene,
    dice: &mut Dice,
    (calendar, appointment): (Option<CalendarId>, Option<AppointmentId>),
) -> Option<Ask> {
    let (known, links): (Vec<Registration>, Vec<LinkId>) = {
        let book = locked(&scene.book);
        let recent = || book.records.iter().rev().take(400).filter_map(|record| record.told());
        let told = recent().filter_map(|told| match told {
            Told::Registered(Registered::Is(what)) => Some(what.clone()),
            _ => None,
        });
        let linked = recent().filter_map(|told| match told {
            Told::Registered(Registered::Linked(id, ..)) => Some(*id),
            _ => None,
        });
        (told.take(20).collect(), linked.take(20).collect())
    };
    let text = |dice: &mut Dice| TextId::new(format!("text-{}", dice.below(1_000))).ok();
    let what = match dice.weighted(&[1, 1, 2, 1, 12, 3]) {
        0 => {
            let ids = known.iter().filter_map(|it| match it {
                Registration::Practitioner { id, .. } => Some(*id),
                _ => None,
            });
            let ids: Vec<_> = ids.collect();
            let id = dice.pick(&ids).copied().filter(|_| dice.chance(700));
            Wanted::Practitioner(id, profile(dice))
        }
        1 => {
            let ids = known.iter().filter_map(|it| match it {
                Registration::Place { id, .. } => Some(*id),
                _ => None,
            });
            let ids: Vec<_> = ids.collect();
            let id = dice.pick(&ids).copied().filter(|_| dice.chance(700));
            Wanted::Place(id, place(dice))
        }
        2 => Wanted::Link(match dice.chance(500) {
            true => LinkOf::Calendar(calendar?),
            false => LinkOf::Person(scene.plan.person(dice)?),
        }),
        3 => Wanted::EndLink(dice.pick(&links).copied()?),
        4 => {
            let (appointment, positive) = (appointment?, dice.chance(800));
            let text = if dice.chance(500) { text(dice) } else { None };
            let by = By::Unsaid;
            Wanted::Review(ReviewAppointment { appointment, positive, text, by, command: None })
        }
        _ => Wanted::Reply(ReplyToReview {
            appointment: appointment?,
            text: text(dice)?,
            command: None,
        }),
    };
    Some(Ask::Register(Registering { what, command: None }))
}

fn profile(dice: &mut Dice) -> Profile {
    let specialty = dice.chance(500).then(|| "nephrology".to_owned());
    let languages = if dice.chance(500) { vec!["fr".to_owned()] } else { Vec::new() };
    let sector = dice.pick(&[None, Some(Sector::One), Some(Sector::Two)]).copied().flatten();
    let fee = Fee { name: "Visit".to_owned(), from_cents: 3_000, to_cents: None };
    let name = format!("Dr {}", dice.below(100));
    Profile { name, specialty, languages, sector, fees: vec![fee] }
}

pub(super) fn place(dice: &mut Dice) -> Location {
    let name = format!("place {}", dice.below(100));
    Location { name, address: None, lat: None, lon: None, department: None }
}

/// Compares what the register says with the journal.
///
/// # Errors
///
/// The first that differs.
pub(super) async fn compare(scene: &Scene, model: &Model) -> Result<(), String> {
    let mut last = Last::default();
    for what in &model.registered {
        last.take(what);
    }
    let engine = &scene.engine;
    let differs = |what: &dyn std::fmt::Debug| Err(format!("the register has not {what:?}"));
    for (id, profile) in &last.practitioners {
        if engine.practitioner(*id).await.map_err(|it| it.to_string())?.as_ref() != Ok(*profile) {
            return differs(profile);
        }
    }
    for (id, place) in &last.places {
        if engine.place(*id).await.map_err(|it| it.to_string())?.as_ref() != Ok(*place) {
            return differs(place);
        }
    }
    for (calendar, reviews) in &last.reviews {
        let asked = ListReviews { calendar: *calendar, cursor: None, limit: 1_000 };
        let told = engine.reviews(asked).await.map_err(|it| it.to_string())?;
        let info = |(_, review): &(AppointmentId, &Review)| ReviewInfo {
            review: (*review).clone(),
            reply: last.replies.get(&review.appointment).map(|reply| (*reply).clone()),
        };
        let mut expected: Vec<_> = reviews.iter().map(info).collect();
        expected.sort_by_key(|it| (std::cmp::Reverse(it.review.at), it.review.appointment));
        if told.as_ref().map(|page| &page.reviews) != Ok(&expected) {
            return Err(format!("{calendar} has the reviews {told:?}, not {expected:?}"));
        }
    }
    Ok(())
}

/// What the register has come to.
#[derive(Default)]
struct Last<'a> {
    practitioners: BTreeMap<PractitionerId, &'a Profile>,
    places: BTreeMap<PlaceId, &'a Location>,
    reviews: BTreeMap<CalendarId, Vec<(AppointmentId, &'a Review)>>,
    replies: BTreeMap<AppointmentId, &'a ReviewReply>,
}

impl<'a> Last<'a> {
    fn take(&mut self, what: &'a Registration) {
        match what {
            Registration::Practitioner { id, profile } => {
                self.practitioners.insert(*id, profile);
            }
            Registration::Place { id, location } => {
                self.places.insert(*id, location);
            }
            Registration::Reviewed(review) => {
                let of = self.reviews.entry(review.calendar).or_default();
                of.push((review.appointment, review));
            }
            Registration::Replied(reply) => {
                self.replies.insert(reply.appointment, reply);
            }
            _ => {}
        }
    }
}
