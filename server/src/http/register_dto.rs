//! Practitioners, places and links, as clients write and read them.

use creneau::{Fee, Link, LinkOf, Location, PersonId, PlaceId, PractitionerId, Profile, Sector};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calendar_dto::LocationJson;
use super::dto::Text;
use super::openapi::texts;

/// How a practitioner's fees are bound: sector 1 or 2, or outside the agreement.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Sector)]
pub(super) enum SectorJson {
    One,
    Two,
    NotAgreed,
}

impl From<SectorJson> for Sector {
    fn from(sector: SectorJson) -> Self {
        match sector {
            SectorJson::One => Self::One,
            SectorJson::Two => Self::Two,
            SectorJson::NotAgreed => Self::NotAgreed,
        }
    }
}

impl From<Sector> for SectorJson {
    fn from(sector: Sector) -> Self {
        match sector {
            Sector::One => Self::One,
            Sector::Two => Self::Two,
            Sector::NotAgreed => Self::NotAgreed,
        }
    }
}

impl std::str::FromStr for SectorJson {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "one" => Ok(Self::One),
            "two" => Ok(Self::Two),
            "not_agreed" => Ok(Self::NotAgreed),
            _ => Err(()),
        }
    }
}

/// What a visit costs.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Fee)]
pub(super) struct FeeJson {
    /// For what.
    #[schema(value_type = texts::Name)]
    name: String,
    /// Cents of a euro; the least, where it varies.
    #[schema(minimum = 0, maximum = 4_294_967_295_u32)]
    from_cents: u32,
    /// The most, where it varies; not less than `from_cents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 4_294_967_295_u32)]
    to_cents: Option<u32>,
}

/// What anybody may read of a practitioner. No contact data of a person belongs in it.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PractitionerProfile)]
pub(super) struct ProfileJson {
    #[schema(value_type = texts::Name)]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Name>)]
    specialty: Option<String>,
    /// Each once.
    #[serde(default)]
    #[schema(value_type = Vec<texts::Language>, max_items = 32)]
    languages: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sector: Option<SectorJson>,
    #[serde(default)]
    #[schema(max_items = 50)]
    fees: Vec<FeeJson>,
}

impl From<ProfileJson> for Profile {
    fn from(asked: ProfileJson) -> Self {
        let ProfileJson { name, specialty, languages, sector, fees } = asked;
        let fee = |FeeJson { name, from_cents, to_cents }| Fee { name, from_cents, to_cents };
        let fees = fees.into_iter().map(fee).collect();
        Self { name, specialty, languages, sector: sector.map(Sector::from), fees }
    }
}

impl From<Profile> for ProfileJson {
    fn from(profile: Profile) -> Self {
        let Profile { name, specialty, languages, sector, fees } = profile;
        let fee = |Fee { name, from_cents, to_cents }| FeeJson { name, from_cents, to_cents };
        let fees = fees.into_iter().map(fee).collect();
        Self { name, specialty, languages, sector: sector.map(SectorJson::from), fees }
    }
}

/// A practitioner.
#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredPractitioner)]
pub(super) struct PractitionerBody {
    #[schema(value_type = texts::PractitionerId)]
    practitioner_id: String,
    profile: ProfileJson,
}

impl From<(PractitionerId, Profile)> for PractitionerBody {
    fn from((id, profile): (PractitionerId, Profile)) -> Self {
        Self { practitioner_id: id.to_string(), profile: profile.into() }
    }
}

/// A page of practitioners.
#[derive(Serialize, ToSchema)]
pub(super) struct PractitionersPage {
    /// In the order of their ids.
    #[schema(max_items = 1000)]
    pub(super) practitioners: Vec<PractitionerBody>,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}

/// A place.
#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
pub(super) struct PlaceBody {
    #[schema(value_type = texts::PlaceId)]
    place_id: String,
    location: LocationJson,
}

impl From<(PlaceId, Location)> for PlaceBody {
    fn from((id, location): (PlaceId, Location)) -> Self {
        Self { place_id: id.to_string(), location: location.into() }
    }
}

/// A page of places.
#[derive(Serialize, ToSchema)]
pub(super) struct PlacesPage {
    /// In the order of their ids.
    #[schema(max_items = 1000)]
    pub(super) places: Vec<PlaceBody>,
    /// The `cursor` of the next page, where there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::Cursor>, nullable = false)]
    pub(super) next: Option<String>,
}

/// Whose appointments a link is to show.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkRequest)]
pub(super) struct LinkAsked {
    #[schema(value_type = texts::PatientId)]
    pub(super) patient_id: Text<PersonId>,
}

/// A link to a calendar file.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub(super) struct LinkBody {
    /// By it the link is ended.
    #[schema(value_type = texts::LinkId)]
    link_id: String,
    /// The path at which the file lies. Whoever knows it can read the file: tell it to nobody but
    /// who asked for it. It is told once: not where the same `Idempotency-Key` is repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::FilePath>, nullable = false)]
    path: Option<String>,
    /// Whose appointments it shows, where those of a calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<texts::CalendarId>, nullable = false)]
    calendar_id: Option<String>,
}

impl From<Link> for LinkBody {
    fn from(link: Link) -> Self {
        let Link { id, secret, of } = link;
        let calendar_id = match of {
            LinkOf::Calendar(calendar) => Some(calendar.to_string()),
            LinkOf::Person(_) => None,
        };
        let path = secret.map(|secret| format!("/v1/files/{secret}/calendar.ics"));
        Self { link_id: id.to_string(), path, calendar_id }
    }
}
