//! What a request may ask for of campaigns.

use super::access::{Need, Scope};

/// What a request may ask for of campaigns and their doses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    AddCampaign,
    ChangeCampaign,
    ListCampaigns,
    ReadCampaign,
    AddDelivery,
    ChangeDelivery,
    ListDeliveries,
    ReadDelivery,
    WasteDoses,
    RecallLot,
    ListWithoutDose,
    ReadCoverage,
    ReadDesk,
    GiveDose,
    HoldDoses,
    CheckEligibility,
    SearchDoses,
    JoinLine,
    ListLine,
    OfferRemaining,
    ReadPlaceInLine,
    SearchLine,
}

impl Of {
    /// Whether it may change something, and so must not be dropped half-way.
    pub(super) const fn writes(self) -> bool {
        match self {
            Self::AddCampaign
            | Self::ChangeCampaign
            | Self::AddDelivery
            | Self::ChangeDelivery
            | Self::WasteDoses
            | Self::RecallLot
            | Self::GiveDose
            | Self::JoinLine
            | Self::OfferRemaining
            | Self::HoldDoses => true,
            Self::ListCampaigns
            | Self::ReadCampaign
            | Self::ListDeliveries
            | Self::ReadDelivery
            | Self::ListWithoutDose
            | Self::ReadCoverage
            | Self::ReadDesk
            | Self::CheckEligibility
            | Self::ListLine
            | Self::ReadPlaceInLine
            | Self::SearchLine
            | Self::SearchDoses => false,
        }
    }

    /// What it asks of who calls it. Whom a delivery concerns is named, and so only told to who
    /// operates the server.
    pub(super) const fn needs(self) -> Need {
        match self {
            Self::ListCampaigns | Self::ReadCampaign => Need::Token,
            Self::HoldDoses
            | Self::CheckEligibility
            | Self::SearchDoses
            | Self::JoinLine
            | Self::ReadPlaceInLine
            | Self::SearchLine => Need::Scope(Scope::Book),
            Self::AddCampaign
            | Self::ChangeCampaign
            | Self::AddDelivery
            | Self::ChangeDelivery
            | Self::ListDeliveries
            | Self::ReadDelivery
            | Self::WasteDoses
            | Self::RecallLot
            | Self::ListWithoutDose
            | Self::ReadCoverage
            | Self::ReadDesk
            | Self::ListLine
            | Self::OfferRemaining
            | Self::GiveDose => Need::Scope(Scope::Operate),
        }
    }
}
