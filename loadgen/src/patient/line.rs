//! What somebody does for whom no dose is left: they wait in the line of the centre, look every now
//! and then whether they are offered one, and take it, decline it, or never answer.

use creneau::{CampaignId, HoldId, Timestamp};
use jiff::ToSpan;
use jiff::tz::TimeZone;

use super::doses::stated;
use super::{Patient, Wish, Written};
use crate::api::{Ask, Call, HoldSeen, LineSeen, LineStatus, LineWish, Outcome, Reply};
use crate::caller::Manner;
use crate::campaign::{Booked, Opened};
use crate::clock::{pause, wall};
use crate::ledger::campaign::{Offered, Waited};
use crate::ledger::{Entry, Lost, Place, State, Told};
use crate::scenario::Campaign;

/// The first dose is all that anybody waits for.
const FIRST: u8 = 1;

/// Somebody's place in a line, as far as they have looked.
struct Waiting {
    place: LineSeen,
    campaign: CampaignId,
    /// The key of the request by which they wait.
    key: String,
    /// When they looked last, and were offered nothing.
    looked_at: Timestamp,
}

/// What a look came to.
enum Looked {
    Nothing,
    Offer(HoldSeen),
    /// They wait no more.
    Over,
}

impl Patient<'_> {
    /// Waits in line where no dose was left, by the share of those who do, until the last patient
    /// has come. Who `cancels` cancels what they were offered and took.
    pub(super) async fn wait(
        &mut self,
        campaign: &Campaign,
        opened: &Opened,
        (wish, band): (&Wish, &str),
        cancels: bool,
    ) -> Result<(), Lost> {
        if !self.no_dose || !self.dice.chance(campaign.line_share) {
            return Ok(());
        }
        self.think().await;
        let Some(mut waiting) = self.join(campaign, opened, wish, band).await? else {
            return Ok(());
        };
        let end_us = self.world.scenario.seconds() * 1_000_000;
        loop {
            let over = end_us <= self.world.caller.clock.us();
            match self.look_in_line(&mut waiting).await? {
                Looked::Over => return Ok(()),
                Looked::Offer(offer) if self.dice.chance(campaign.decline_share) => {
                    self.think().await;
                    // As soon as it is declined they may be offered another.
                    waiting.looked_at = wall();
                    self.write(Ask::Release { hold: offer.id }).await?;
                }
                // Of the others the share of those who never answer.
                Looked::Offer(_) if self.dice.chance(ignores(campaign)) => return Ok(()),
                Looked::Offer(offer) => return self.accept(opened, offer.id, cancels).await,
                Looked::Nothing => {}
            }
            if over {
                let Waiting { place, key, looked_at, .. } = waiting;
                let waited = Waited { wish: place.wish, looked_at };
                return self.note(&key, Entry::Waited(waited)).await;
            }
            pause(campaign.look_every_ms).await;
            self.ready_us = self.world.caller.clock.us();
        }
    }

    /// Joins the line of the centre for a first dose.
    async fn join(
        &mut self,
        campaign: &Campaign,
        opened: &Opened,
        wish: &Wish,
        band: &str,
    ) -> Result<Option<Waiting>, Lost> {
        let calendar = wish.bookable.calendar;
        let centre = opened.set.centres.iter().find(|centre| centre.calendar == calendar);
        let Some(centre) = centre else { return Ok(None) };
        let today = wall().to_jiff().to_zoned(TimeZone::UTC).date();
        let days = campaign.days_of_first(&self.world.scenario) - 1;
        let asked_at = wall();
        let wanted = LineWish {
            campaign: opened.set.campaign,
            place: centre.place,
            calendar,
            reason: wish.bookable.reason.clone(),
            patient: self.id.clone(),
            until: today.saturating_add(days.max(0).days()),
            stated: stated(FIRST, band),
        };
        let written = self.write(Ask::JoinLine(Box::new(wanted))).await?;
        let Written::Done(Reply::InLine(place)) = written else { return Ok(None) };
        // The key of the write that was just done.
        let key = self.key();
        let campaign = opened.set.campaign;
        Ok(Some(Waiting { place: *place, campaign, key, looked_at: asked_at }))
    }

    /// Looks once whether there is an offer, and takes down that there is.
    async fn look_in_line(&mut self, waiting: &mut Waiting) -> Result<Looked, Lost> {
        let ask = Ask::ReadLine { campaign: waiting.campaign, wish: waiting.place.wish };
        let asked_at = wall();
        let answered = self.world.caller.ask(&ask, None, Manner::Plain, self.ready_us).await;
        self.ready_us = self.world.caller.clock.us();
        // What cannot be read now can be a moment later; what never can, the audit finds.
        let Outcome::Done(Reply::InLine(seen)) = answered.outcome else {
            return Ok(Looked::Nothing);
        };
        let Some(offer) = seen.offer else {
            waiting.looked_at = asked_at;
            let waits = seen.status == LineStatus::Waiting;
            return Ok(if waits { Looked::Nothing } else { Looked::Over });
        };
        let told = Told {
            call: Call::Hold,
            hold: offer.id,
            place: Some(Place::of_hold(&offer)),
            expires_at: offer.expires_at,
            state: State::Held,
        };
        let (wish, looked_at) = (waiting.place.wish, waiting.looked_at);
        self.note(&waiting.key, Entry::Offered(Offered { wish, looked_at, told })).await?;
        Ok(Looked::Offer(offer))
    }

    /// Takes what is offered.
    async fn accept(&mut self, opened: &Opened, hold: HoldId, cancels: bool) -> Result<(), Lost> {
        self.think().await;
        let Written::Done(_) = self.write(Ask::Accept { hold }).await? else { return Ok(()) };
        if cancels {
            self.think().await;
            self.write(Ask::Cancel { appointment: hold.into() }).await?;
            return Ok(());
        }
        let (person, first) = (self.id.clone(), hold);
        opened.book(Booked { person, first, second: None });
        Ok(())
    }
}

/// The share of those who never answer, of those who do not decline.
fn ignores(campaign: &Campaign) -> f64 {
    let rest = 1.0 - campaign.decline_share;
    if rest <= 0.0 { 0.0 } else { campaign.ignore_share / rest }
}
