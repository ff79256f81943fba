//! What a campaign sets, and who may have a dose by it.

use rkyv::rancor::Error as RkyvError;

use super::super::calendars::check_limit;
use super::{Engine, refused};
use crate::booking::{Registration, Rejection};
use crate::campaign::{Asked, Campaign, Record};
use crate::error::{Answer, Error};
use crate::ids::{CampaignId, Code, CommandKey, PersonId};
use crate::metrics;
use crate::request::{AskEligible, CampaignInfo, Outcome};
use crate::runtime::key_of;

impl Engine {
    /// Sets a campaign, new or as it is from now on. What is booked stays as it is.
    ///
    /// Refused as [`Rejection::Invalid`], [`Rejection::CommandReused`] or
    /// [`Rejection::UnknownCampaign`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn put_campaign(
        &self,
        id: Option<CampaignId>,
        campaign: Campaign,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<CampaignInfo>> {
        let put = Box::pin(self.try_put_campaign(id, campaign, command)).await;
        self.counted(metrics::Asked::Register, put)
    }

    async fn try_put_campaign(
        &self,
        id: Option<CampaignId>,
        campaign: Campaign,
        command: Option<CommandKey>,
    ) -> Answer<Outcome<CampaignInfo>> {
        self.shared().check()?;
        let content = rkyv::to_bytes::<RkyvError>(&campaign).map_err(|_| Error::Failed)?;
        let bits = id.map_or(0, CampaignId::bits).to_be_bytes();
        let print = key_of(&[b"campaign", &bits, &content]);
        // One after the other, so that each has a version of its own.
        let alone = match id {
            Some(_) => Some(self.alone(key_of(&[b"which campaign", &bits])).await?),
            None => None,
        };
        let what = || {
            let doses = self.shared().index.doses();
            let version = match id {
                None => 1,
                Some(id) => doses.campaign(id).ok_or(Rejection::UnknownCampaign)?.0 + 1,
            };
            let id = id.unwrap_or_else(|| CampaignId::from_bits(self.shared().random.bits()));
            let campaign = Box::new(campaign.checked()?);
            Ok(Registration::Campaign { id, version, campaign })
        };
        match self.register(print, command, alone, what).await? {
            Ok(Registration::Campaign { id, version, campaign }) => {
                let value = CampaignInfo { id, version, campaign: *campaign };
                Ok(Ok(Outcome { value, fresh: true }))
            }
            Ok(_) => Err(Error::OutcomeUnknown),
            Err(rejection) => refused(rejection),
        }
    }

    /// A campaign.
    ///
    /// Refused as [`Rejection::UnknownCampaign`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn campaign(&self, id: CampaignId) -> Answer<CampaignInfo> {
        self.shared().check()?;
        let found = self.shared().index.doses().campaign(id);
        let info = |(version, campaign): (u32, std::sync::Arc<Campaign>)| CampaignInfo {
            id,
            version,
            campaign: (*campaign).clone(),
        };
        Ok(found.map(info).ok_or(Rejection::UnknownCampaign))
    }

    /// Campaigns from `from` on, by id, at most `limit`, and the one with which the next page
    /// begins.
    ///
    /// Refused as [`Rejection::Invalid`] for the limit.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn campaigns(
        &self,
        from: Option<CampaignId>,
        limit: usize,
    ) -> Answer<(Vec<CampaignInfo>, Option<CampaignId>)> {
        self.shared().check()?;
        if let Err(rejection) = check_limit(limit) {
            return refused(rejection);
        }
        let doses = self.shared().index.doses();
        let from = from.unwrap_or(CampaignId::from_bits(0));
        let mut ids = doses.campaigns(from, limit + 1);
        let next = (limit < ids.len()).then(|| ids.pop()).flatten();
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.campaign(id).await?);
        }
        Ok(Ok((found, next)))
    }

    /// By which phase somebody may have a dose now, as a hold of it would find.
    ///
    /// Refused as [`Rejection::UnknownCampaign`], [`Rejection::Invalid`] for the facts, or
    /// [`Rejection::NotEligible`] with the reason.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn eligible(&self, asked: AskEligible) -> Answer<Code> {
        self.shared().check()?;
        let AskEligible { campaign: id, vaccine, number, start, facts, person } = asked;
        let Some((_, campaign)) = self.shared().index.doses().campaign(id) else {
            return refused(Rejection::UnknownCampaign);
        };
        if let Err(invalid) = facts.check() {
            return refused(invalid.into());
        }
        let start = start.unwrap_or_else(|| self.now());
        let wanted = Asked { vaccine: &vaccine, number, start, facts: &facts };
        let phase = match campaign.eligible(&wanted, self.now()) {
            Ok(phase) => phase.id.clone(),
            Err(why) => return refused(why.into()),
        };
        let Some(person) = person else { return Ok(Ok(phase)) };
        let records = self.shared().index.records(id, &person)?;
        let follows = campaign.follows(&wanted, &records, None);
        Ok(follows.map(|()| phase).map_err(Rejection::from))
    }

    /// What is recorded of a person in a campaign: doses held, booked and given, by booking.
    ///
    /// Refused as [`Rejection::UnknownCampaign`].
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn doses_of(&self, campaign: CampaignId, person: PersonId) -> Answer<Vec<Record>> {
        self.shared().check()?;
        if self.shared().index.doses().campaign(campaign).is_none() {
            return refused(Rejection::UnknownCampaign);
        }
        let mut records = self.shared().index.records(campaign, &person)?;
        records.sort_by_key(|record| (record.number, record.at));
        Ok(Ok(records))
    }
}
