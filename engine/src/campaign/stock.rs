//! Deliveries of doses, which of them a dose is taken of, and what has become of them.

use rkyv::{Archive, Deserialize, Serialize};

use super::definition::{Invalid, invalid};
use crate::ids::{CampaignId, DeliveryId, LotId, PlaceId, VaccineId};
use crate::limits::DELIVERY_DOSES_MAX;
use crate::time::Timestamp;

/// Doses that a place has or is to have.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// For which campaign.
    pub campaign: CampaignId,
    /// To which place.
    pub place: PlaceId,
    /// Of which vaccine.
    pub vaccine: VaccineId,
    /// Of which lot.
    pub lot: LotId,
    /// From when on they are there.
    pub arrives: Timestamp,
    /// Until when they can be given.
    pub expires: Timestamp,
    /// How many.
    pub doses: u32,
}

impl Delivery {
    /// The delivery, or the first rule that it breaks.
    ///
    /// # Errors
    ///
    /// [`Invalid`] with the field and the rule.
    pub fn checked(self) -> Result<Self, Invalid> {
        if self.expires <= self.arrives {
            return Err(invalid("expires", "must come after arrives"));
        }
        if DELIVERY_DOSES_MAX < self.doses {
            return Err(invalid("doses", format!("must be at most {DELIVERY_DOSES_MAX}")));
        }
        Ok(self)
    }

    /// Whether a dose of it can be given at `start`.
    #[must_use]
    pub fn serves(&self, start: Timestamp) -> bool {
        self.arrives <= start && start < self.expires
    }

    /// Of several that can serve, the one of which a dose is taken first: the one that expires
    /// first; of those, the one that comes last, so that what is there early stays for who comes
    /// early.
    #[must_use]
    pub fn preference(&self) -> impl Ord + use<> {
        (self.expires, std::cmp::Reverse(self.arrives), self.id)
    }
}

/// What has become of the doses of a delivery.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Held or booked.
    pub claimed: u32,
    /// Given.
    pub given: u32,
    /// Wasted.
    pub wasted: u32,
}

impl Tally {
    /// Doses that nobody has; fewer than none where a delivery was cut below what is booked.
    #[must_use]
    pub fn left(&self, doses: u32) -> i64 {
        let taken = i64::from(self.claimed) + i64::from(self.given) + i64::from(self.wasted);
        i64::from(doses) - taken
    }

    /// Counts claims and doses given, more or fewer.
    pub fn count(&mut self, claimed: i32, given: i32) {
        self.claimed = self.claimed.saturating_add_signed(claimed);
        self.given = self.given.saturating_add_signed(given);
    }
}
