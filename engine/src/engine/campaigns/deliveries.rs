//! What is delivered for a campaign, and what becomes of it.

use std::time::Duration;

use super::{Engine, refused};
use crate::booking::{Registration, Rejection};
use crate::campaign::Delivery;
use crate::error::{Answer, Error};
use crate::ids::{CampaignId, CommandKey, DeliveryId, LotId, PlaceId};
use crate::limits::LIST_MAX;
use crate::metrics;
use crate::request::{Concerned, DeliveryInfo, Outcome, PutDelivered, PutDelivery};
use crate::runtime::sync::{self, oneshot};
use crate::runtime::{Earlier, Lot, key_of};

/// Milliseconds for which requests are waited for that have claimed a dose and not yet said so:
/// longer than any of them waits for its calendars.
const EARLIER_WAITS_MAX: usize = 10_000;

impl Engine {
    /// Says what is or will be delivered, anew or of a delivery that was said before. Where it is
    /// less than was booked, or comes too late for some, doses are taken of what else is left at
    /// the place, for who booked first; whoever booked last may be left without one, and is named.
    /// Where it is more, those who were left without get it first.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`],
    /// [`Rejection::UnknownCampaign`], [`Rejection::UnknownPlace`] or
    /// [`Rejection::UnknownDelivery`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants. What is written counts: asked
    /// again, it goes on from there.
    pub async fn put_delivery(&self, asked: PutDelivery) -> Answer<Outcome<PutDelivered>> {
        let engine = self.clone();
        let put = self.to_the_end(async move { engine.try_put_delivery(asked).await }).await;
        self.counted(metrics::Asked::Register, put)
    }

    /// Goes on where whoever asked has gone: nobody keeps a dose that is not there for that.
    pub(super) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> Answer<T> {
        let (reply, done) = oneshot::channel();
        sync::spawn(async move {
            let _ = reply.send(work.await);
        });
        done.await.map_err(|_| Error::OutcomeUnknown)?
    }

    async fn try_put_delivery(&self, asked: PutDelivery) -> Answer<Outcome<PutDelivered>> {
        self.shared().check()?;
        let PutDelivery { id, campaign, place, vaccine, lot, arrives, expires, doses, command } =
            asked;
        let bits = id.map_or(0, DeliveryId::bits).to_be_bytes();
        let print = key_of(&[
            b"delivery",
            &bits,
            &campaign.bits().to_be_bytes(),
            &place.bits().to_be_bytes(),
            vaccine.as_str().as_bytes(),
            lot.as_str().as_bytes(),
            &arrives.millis().to_be_bytes(),
            &expires.millis().to_be_bytes(),
            &doses.to_be_bytes(),
        ]);
        let alone = match id {
            Some(id) => Some(self.alone(delivery_turn(id)).await?),
            None => None,
        };
        let what = || {
            let fresh = DeliveryId::from_bits(self.shared().random.bits());
            let it = Delivery {
                id: id.unwrap_or(fresh),
                campaign,
                place,
                vaccine,
                lot,
                arrives,
                expires,
                doses,
            };
            self.check_delivery(id, &it)?;
            Ok(Registration::Delivered(it.checked()?))
        };
        let delivery = match self.register(print, command, alone.clone(), what).await? {
            Ok(Registration::Delivered(delivery)) => delivery,
            Ok(_) => return Err(Error::OutcomeUnknown),
            Err(rejection) => return refused(rejection),
        };
        let alone = match alone {
            Some(alone) => alone,
            None => self.alone(delivery_turn(delivery.id)).await?,
        };
        let mut concerned = self.cover(delivery.id, &alone).await?;
        self.cover_without(&delivery).await?;
        drop(alone);
        concerned.truncate(LIST_MAX);
        let info = self.delivery_info(delivery.id).ok_or(Error::OutcomeUnknown)?;
        // As it was said by this command, whatever was said since.
        let info = DeliveryInfo { delivery, ..info };
        Ok(Ok(Outcome { value: PutDelivered { info, concerned }, fresh: true }))
    }

    fn check_delivery(&self, id: Option<DeliveryId>, it: &Delivery) -> Result<(), Rejection> {
        let doses = self.shared().index.doses();
        let (_, campaign) = doses.campaign(it.campaign).ok_or(Rejection::UnknownCampaign)?;
        if !self.shared().index.register().knows_place(it.place) {
            return Err(Rejection::UnknownPlace);
        }
        let invalid = |field: &str, rule: &str| {
            Err(Rejection::Invalid { field: field.to_owned(), rule: rule.to_owned() })
        };
        if campaign.vaccine(&it.vaccine).is_none() {
            return invalid("vaccine", "must be one of the campaign's");
        }
        let Some(id) = id else { return Ok(()) };
        let known = doses.lot(id).ok_or(Rejection::UnknownDelivery)?;
        let Delivery { campaign, place, vaccine, lot, .. } = &known.delivery;
        if (*campaign, *place, vaccine, lot) != (it.campaign, it.place, &it.vaccine, &it.lot) {
            return invalid("id", "must be of a delivery of this vaccine and lot to this place");
        }
        Ok(())
    }

    /// Says how many doses of a delivery were wasted so far. Where fewer are left than are booked,
    /// it is as with a delivery that is reduced.
    ///
    /// Refused as [`Rejection::CommandReused`], [`Rejection::UnknownDelivery`] or
    /// [`Rejection::Invalid`] for fewer than before.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn waste_doses(
        &self,
        delivery: DeliveryId,
        doses: u32,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<PutDelivered>> {
        let engine = self.clone();
        let waste = async move { engine.try_waste(delivery, doses, command).await };
        let wasted = self.to_the_end(waste).await;
        self.counted(metrics::Asked::Register, wasted)
    }

    async fn try_waste(
        &self,
        delivery: DeliveryId,
        doses: u32,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<PutDelivered>> {
        self.shared().check()?;
        let print = key_of(&[b"wasted", &delivery.bits().to_be_bytes(), &doses.to_be_bytes()]);
        let alone = self.alone(delivery_turn(delivery)).await?;
        let what = || {
            let known = self.delivery_info(delivery).ok_or(Rejection::UnknownDelivery)?;
            let most = known.delivery.doses.saturating_sub(known.tally.given);
            if doses < known.tally.wasted || most < doses {
                let rule = format!("must be {} to {most}", known.tally.wasted);
                return Err(Rejection::Invalid { field: "doses".to_owned(), rule });
            }
            Ok(Registration::Wasted { delivery, doses })
        };
        if let Err(rejection) = self.register(print, command, Some(alone.clone()), what).await? {
            return refused(rejection);
        }
        let mut concerned = self.cover(delivery, &alone).await?;
        drop(alone);
        concerned.truncate(LIST_MAX);
        let info = self.delivery_info(delivery).ok_or(Error::OutcomeUnknown)?;
        Ok(Ok(Outcome { value: PutDelivered { info, concerned }, fresh: true }))
    }

    /// Recalls a lot: no dose of it is booked or given any more, wherever it is. Gives the people
    /// who had one given, and the appointments that were to have one, which have another dose now
    /// where there is one.
    ///
    /// Refused as [`Rejection::CommandReused`] or [`Rejection::UnknownCampaign`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn recall_lot(
        &self,
        campaign: CampaignId,
        lot: LotId,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<Vec<Concerned>>> {
        let engine = self.clone();
        let recall = async move { engine.try_recall(campaign, lot, command).await };
        let recalled = self.to_the_end(recall).await;
        self.counted(metrics::Asked::Register, recalled)
    }

    async fn try_recall(
        &self,
        campaign: CampaignId,
        lot: LotId,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<Vec<Concerned>>> {
        self.shared().check()?;
        let name = lot.as_str().as_bytes();
        let print = key_of(&[b"recall", &campaign.bits().to_be_bytes(), name]);
        let what = || match self.shared().index.doses().campaign(campaign) {
            Some(_) => Ok(Registration::Recalled { campaign, lot: lot.clone() }),
            None => Err(Rejection::UnknownCampaign),
        };
        if let Err(rejection) = self.register(print, command, None, what).await? {
            return refused(rejection);
        }
        let mut concerned = Vec::new();
        for it in self.shared().index.doses().of_lot(campaign, &lot) {
            let alone = self.alone(delivery_turn(it.delivery.id)).await?;
            concerned.extend(self.cover(it.delivery.id, &alone).await?);
            drop(alone);
            concerned.extend(self.given_of(&it).await?);
        }
        Ok(Ok(Outcome { value: concerned, fresh: true }))
    }

    /// A delivery, and what has become of its doses.
    ///
    /// Refused as [`Rejection::UnknownDelivery`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn delivery(&self, id: DeliveryId) -> Answer<DeliveryInfo> {
        self.shared().check()?;
        Ok(self.delivery_info(id).ok_or(Rejection::UnknownDelivery))
    }

    /// The deliveries of a campaign to a place, by vaccine, those first of which doses are taken
    /// first.
    ///
    /// Refused as [`Rejection::UnknownCampaign`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn deliveries(
        &self,
        campaign: CampaignId,
        place: PlaceId,
    ) -> Answer<Vec<DeliveryInfo>> {
        self.shared().check()?;
        let doses = self.shared().index.doses();
        if doses.campaign(campaign).is_none() {
            return refused(Rejection::UnknownCampaign);
        }
        let lots = doses.lots_at(campaign, place);
        Ok(Ok(lots.iter().map(|lot| self.info(lot)).collect()))
    }

    /// What the word of a delivery says is left, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn left_of(&self, id: DeliveryId) -> Option<i64> {
        self.shared().index.doses().lot(id).map(|lot| lot.left())
    }

    /// Waits until what was claimed before less was to be had is enqueued or given back.
    pub(in super::super) async fn wait_for(&self, earlier: &Earlier) -> Result<(), Error> {
        for _ in 0..EARLIER_WAITS_MAX {
            if earlier.are_over() {
                return Ok(());
            }
            sync::sleep(Duration::from_millis(1)).await;
        }
        Err(self.contended())
    }

    pub(super) fn delivery_info(&self, id: DeliveryId) -> Option<DeliveryInfo> {
        self.shared().index.doses().lot(id).map(|lot| self.info(&lot))
    }

    fn info(&self, lot: &Lot) -> DeliveryInfo {
        let delivery = lot.delivery.clone();
        let tally = self.shared().index.tally(delivery.id);
        DeliveryInfo { delivery, tally, recalled: lot.is_recalled() }
    }
}

/// Whoever says something of a delivery says it alone, until nobody has a dose of it any more that
/// is not there: what is decided by what was said before would come after what is said next.
pub(super) fn delivery_turn(id: DeliveryId) -> u128 {
    key_of(&[b"which delivery", &id.bits().to_be_bytes()])
}
