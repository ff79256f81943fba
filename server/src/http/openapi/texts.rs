//! Texts with a shape of their own, each a schema with a name.

use std::borrow::Cow;

use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// A text that is not blank and has no control characters.
const WORDS: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f]\
    [^\\u0000-\\u001f\\u007f-\\u009f]*$";

/// Visible ASCII characters.
const TOKEN: &str = "^[!-~]{1,64}$";

/// A text that matches a pattern.
fn shaped(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// A text of at most so many bytes. Characters are what a schema can count, and never more.
fn words(bytes_max: usize) -> ObjectBuilder {
    shaped(WORDS).max_length(Some(bytes_max))
}

fn instant() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .max_length(Some(crate::http::limits::INSTANT_BYTES_MAX))
}

/// Makes a type that stands for a schema in the document, and has no values.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr, $example:expr;)*) => {$(
        $(#[doc = $doc])+
        pub(in crate::http) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                let doc = [$($doc.trim()),+].join(" ");
                let object: Object = schema.description(Some(doc)).examples([$example]).build();
                RefOr::T(Schema::Object(object))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

texts! {
    /// The id of a calendar.
    CalendarId = shaped("^cal_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "cal_3etb4a8m0v7xq2c9d5h6j1k8n4";
    /// The id of a hold.
    HoldId = shaped("^hold_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "hold_4kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The id of an appointment. Its last 26 characters are those of its hold.
    AppointmentId =
        shaped("^appt_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "appt_4kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The id of a practitioner.
    PractitionerId =
        shaped("^prac_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "prac_6kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The id of a place.
    PlaceId = shaped("^place_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "place_7kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The id of what a patient waits for.
    WishId = shaped("^wish_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "wish_8kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// A text that is kept elsewhere, by an id of the host's own: visible ASCII characters.
    TextId = shaped(TOKEN), "review-4711";
    /// The id of a private link.
    LinkId = shaped("^link_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "link_1kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The secret of a private link.
    LinkSecret = shaped("^feed_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "feed_2kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The path of a private link's file.
    FilePath = shaped("^/v1/files/feed_[0-7][0-9a-hjkmnp-tv-z]{25}/calendar.ics$"),
        "/v1/files/feed_2kr3t0v7xq2c9d5h6j1k8n4m2p/calendar.ics";
    /// The id of a campaign.
    CampaignId = shaped("^camp_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "camp_2kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The id of a delivery of doses.
    DeliveryId = shaped("^dlv_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "dlv_3kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// The id of a vaccine within its campaign: visible ASCII characters.
    VaccineId = shaped(TOKEN), "bnt";
    /// A lot, as its manufacturer calls it: visible ASCII characters.
    LotId = shaped(TOKEN), "FK2042";
    /// A name that a campaign gives to a phase, an age band, a condition, a profession or a
    /// territory: visible ASCII characters.
    Code = shaped(TOKEN), "75-plus";
    /// A language, as a tag such as `fr` or `pt-BR`.
    Language = shaped("^[A-Za-z0-9-]{2,35}$"), "fr";
    /// The id of something that is to be told.
    DueId = shaped("^due_[0-7][0-9a-hjkmnp-tv-z]{25}$"), "due_5kr3t0v7xq2c9d5h6j1k8n4m2p";
    /// A patient, by an id of the host's own: visible ASCII characters.
    PatientId = shaped(TOKEN), "patient-1";
    /// The id of a reason within its calendar: visible ASCII characters.
    ReasonId = shaped(TOKEN), "check-up";
    /// What a calendar is called elsewhere: 1 to 128 bytes, not blank, no control characters.
    ExternalId = words(creneau::limits::EXTERNAL_ID_BYTES_MAX), "cabinet-7";
    /// A name that patients read: 1 to 200 bytes, not blank, no control characters.
    Name = words(creneau::limits::NAME_BYTES_MAX), "Dr Ada Martin";
    /// What a patient should know or bring: 1 to 1,000 bytes, not blank, no control characters.
    Instructions = words(creneau::limits::INSTRUCTIONS_BYTES_MAX), "Bring your card.";
    /// A postal address: 1 to 300 bytes, not blank, no control characters.
    Address = words(creneau::limits::ADDRESS_BYTES_MAX), "12 rue des Lilas, 75020 Paris";
    /// A department: 1 to 64 bytes, not blank, no control characters.
    Department = words(creneau::limits::TOKEN_BYTES_MAX), "75";
    /// The IANA name of a time zone.
    TimeZone = shaped("^[A-Za-z0-9_+/-]+$"), "Europe/Paris";
    /// The step on which appointments start, in minutes.
    GridMinutes = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60])), 5;
    /// Minutes before an appointment.
    ReminderMinutes = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(creneau::limits::REMINDER_MINUTES_MAX)), 1440;
    /// An instant: RFC 3339 with an offset or `Z`, to the millisecond. A zone in brackets is
    /// refused.
    Instant = instant(), "2027-03-23T09:00:00+01:00";
    /// An instant with the offset that the calendar's own zone has then.
    LocalInstant = instant(), "2027-03-23T09:00:00+01:00";
    /// An instant in UTC.
    UtcInstant = instant().pattern(Some("Z$")), "2027-03-23T08:00:00Z";
    /// A date in the calendar's zone.
    Date = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
        .pattern(Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")), "2027-05-01";
    /// Whose public holidays a calendar keeps: nobody's, those of all of France, or those and the
    /// one of a department overseas.
    HolidayCalendar = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(creneau::HolidayCalendar::ALL.map(creneau::HolidayCalendar::name))),
        "france";
    /// A public holiday of France or of one of its departments overseas.
    Holiday = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(creneau::Holiday::ALL.map(creneau::Holiday::name))), "whit_monday";
    /// Hours in local time, `HH:MM-HH:MM`. The end is not part of them, comes after the start and
    /// is `24:00` at most.
    Hours = shaped("^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
        "08:00-12:00";
    /// A place in a list, as the `next` of its last page gave it. It is opaque.
    Cursor = shaped("^([0-9a-f]{2}){1,128}$"), "01a4";
    /// The caller's own name for a write: visible ASCII characters. What the write brought about
    /// is remembered under it for 24 hours; a repeat is told that again.
    IdempotencyKey = shaped(TOKEN), "confirm-4711";
}
