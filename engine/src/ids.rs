//! Identifiers: 128 random bits for what the engine names, checked text for what callers name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rkyv::rancor::{Fallible, Source};
use rkyv::string::{ArchivedString, StringResolver};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize, SerializeUnsized};

use crate::limits::TOKEN_BYTES_MAX;

/// Crockford's base32 in lower case: no letter that reads like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters that 128 bits take in base32.
const TEXT_LEN: usize = 26;

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not an identifier of this kind.
    #[error("must be {prefix:?} followed by 26 characters of base32")]
    Shape {
        /// What identifiers of the kind begin with.
        prefix: &'static str,
    },
    /// Not a token.
    #[error("must be 1 to 64 visible ASCII characters")]
    Token,
}

/// Writes it as one text: a formatter asked for each character takes five times as long.
fn write_bits(bits: u128, prefix: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'0'; TEXT_LEN];
    for (place, symbol) in text.iter_mut().rev().enumerate() {
        let digit = (bits >> (place * 5)) & 31;
        *symbol = ALPHABET.get(digit as usize).copied().unwrap_or(b'0');
    }
    f.write_str(prefix)?;
    f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn read_bits(text: &str, prefix: &'static str) -> Result<u128, IdError> {
    let shape = IdError::Shape { prefix };
    let digits = text.strip_prefix(prefix).ok_or(shape)?;
    if digits.len() != TEXT_LEN {
        return Err(shape);
    }
    let mut bits: u128 = 0;
    for symbol in digits.bytes() {
        let digit = ALPHABET.iter().position(|&s| s == symbol).ok_or(shape)?;
        // The first of 26 digits carries three bits: 128 = 25 * 5 + 3.
        if bits >> 123 != 0 {
            return Err(shape);
        }
        bits = bits << 5 | digit as u128;
    }
    Ok(bits)
}

macro_rules! random_id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(
            Archive, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
        )]
        pub struct $name(u128);

        impl $name {
            /// The identifier with these random bits.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// Its bits.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_bits(self.0, $prefix, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_bits(self.0, $prefix, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                read_bits(text, $prefix).map(Self)
            }
        }
    };
}

random_id!(
    /// A calendar, written `cal_` and 26 characters.
    CalendarId,
    "cal_"
);
random_id!(
    /// A hold, written `hold_` and 26 characters.
    HoldId,
    "hold_"
);
random_id!(
    /// An appointment, written `appt_` and 26 characters. It has the bits of its hold, so that a
    /// repeated confirm finds it without an index of its own.
    AppointmentId,
    "appt_"
);

random_id!(
    /// Something that is to be told, written `due_` and 26 characters. It is a hash of what it is,
    /// so that the same thing has the same identifier however often it is made.
    DueId,
    "due_"
);

random_id!(
    /// A practitioner, written `prac_` and 26 characters.
    PractitionerId,
    "prac_"
);
random_id!(
    /// A place, written `place_` and 26 characters.
    PlaceId,
    "place_"
);
random_id!(
    /// A link to a calendar file, written `link_` and 26 characters. Who has it can end the link,
    /// and cannot read the file.
    LinkId,
    "link_"
);
random_id!(
    /// The secret of a link, written `feed_` and 26 characters: who has it can read the file.
    /// Nothing keeps it: what is kept is its [`SecretHash`].
    LinkSecret,
    "feed_"
);

/// What is kept of a link's secret: it tells whether a secret is the link's, and nobody can make
/// the secret from it. The secret is 128 random bits, so it needs neither salt nor a slow hash.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl LinkSecret {
    /// Its hash.
    #[must_use]
    pub fn hashed(self) -> SecretHash {
        SecretHash(blake3::derive_key("creneau: the secret of a link", &self.bits().to_le_bytes()))
    }
}
random_id!(
    /// What somebody waits for, written `wish_` and 26 characters.
    WishId,
    "wish_"
);
random_id!(
    /// A campaign, written `camp_` and 26 characters.
    CampaignId,
    "camp_"
);
random_id!(
    /// A delivery of doses, written `dlv_` and 26 characters.
    DeliveryId,
    "dlv_"
);

impl From<HoldId> for AppointmentId {
    fn from(hold: HoldId) -> Self {
        Self(hold.0)
    }
}

impl From<AppointmentId> for HoldId {
    fn from(appointment: AppointmentId) -> Self {
        Self(appointment.0)
    }
}

/// Archives shared text as the text that it is, wherever else it may be shared.
pub struct Plain;

impl ArchiveWith<Arc<str>> for Plain {
    type Archived = ArchivedString;
    type Resolver = StringResolver;

    fn resolve_with(text: &Arc<str>, resolver: StringResolver, out: Place<ArchivedString>) {
        ArchivedString::resolve_from_str(text, resolver, out);
    }
}

impl<S: Fallible<Error: Source> + ?Sized> SerializeWith<Arc<str>, S> for Plain
where
    str: SerializeUnsized<S>,
{
    fn serialize_with(text: &Arc<str>, serializer: &mut S) -> Result<StringResolver, S::Error> {
        ArchivedString::serialize_from_str(text, serializer)
    }
}

impl<D: Fallible + ?Sized> DeserializeWith<ArchivedString, Arc<str>, D> for Plain {
    fn deserialize_with(text: &ArchivedString, _: &mut D) -> Result<Arc<str>, D::Error> {
        Ok(text.as_str().into())
    }
}

macro_rules! token {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        ///
        /// A clone shares the text.
        #[derive(
            Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
        )]
        pub struct $name(#[rkyv(with = Plain)] Arc<str>);

        impl $name {
            /// Takes 1 to 64 visible ASCII characters.
            ///
            /// # Errors
            ///
            /// [`IdError::Token`] for anything else.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
                if text.is_empty() || TOKEN_BYTES_MAX < text.len() || !visible {
                    return Err(IdError::Token);
                }
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
    };
}

token!(
    /// A person, by an opaque name of the host's: never a name, a number or an address that
    /// means something outside.
    PersonId
);
token!(
    /// A reason, by its name within its calendar.
    ReasonId
);
token!(
    /// Who sends a command: the host's user, or the server's token.
    CallerId
);
token!(
    /// A text that is kept elsewhere, and can be erased there, by an opaque name of the host's.
    TextId
);
token!(
    /// A vaccine, by its name within its campaign.
    VaccineId
);
token!(
    /// A lot, as its manufacturer calls it.
    LotId
);
token!(
    /// A name that a campaign gives to a phase, an age band, a condition, a profession or a
    /// territory.
    Code
);
token!(
    /// What a caller calls one command, so that its repeats are told apart.
    CommandId
);

/// A command as its caller names it. Outcomes are remembered under it for 24 hours.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandKey {
    /// Who sends it.
    pub caller: CallerId,
    /// The caller's own name for it.
    pub id: CommandId,
}

/// Where random identifiers come from: the system, or a seed.
pub trait RandomBits: Send + Sync + 'static {
    /// 128 fresh random bits.
    fn bits(&self) -> u128;
}

/// The operating system's generator, read in blocks.
#[derive(Debug, Default)]
pub struct SystemRandom {
    block: std::sync::Mutex<(Vec<u8>, usize)>,
}

/// Bytes fetched from the system at once: 128 identifiers a call.
const RANDOM_BLOCK_BYTES: usize = 2_048;

impl RandomBits for SystemRandom {
    /// # Panics
    ///
    /// When the operating system gives no randomness: an engine whose identifiers could be
    /// guessed must not run.
    fn bits(&self) -> u128 {
        let mut block = self.block.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (bytes, taken) = &mut *block;
        if bytes.len() < *taken + 16 {
            bytes.resize(RANDOM_BLOCK_BYTES, 0);
            #[expect(clippy::expect_used, reason = "documented: no randomness, no engine")]
            getrandom::fill(bytes).expect("the operating system gives randomness");
            *taken = 0;
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(bytes.iter_mut().skip(*taken)) {
            // A used byte is wiped: a memory dump shows no identifier before it is given out.
            *to = std::mem::take(from);
        }
        *taken += 16;
        u128::from_le_bytes(id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_and_back(bits: u128) {
            let id = CalendarId::from_bits(bits);
            prop_assert_eq!(id.to_string().parse::<CalendarId>(), Ok(id));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<HoldId>();
            let _ = PersonId::new(text);
        }
    }

    #[test]
    fn only_its_own_shape() {
        let largest = CalendarId::from_bits(u128::MAX).to_string();
        assert_eq!(largest, "cal_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        for wrong in
            ["cal_8zzzzzzzzzzzzzzzzzzzzzzzzz", "hold_00000000000000000000000000", "cal_", ""]
        {
            assert!(wrong.parse::<CalendarId>().is_err(), "{wrong}");
        }
        for wrong in ["", "with space", "é", &"x".repeat(65)] {
            assert_eq!(PersonId::new(wrong), Err(IdError::Token), "{wrong}");
        }
    }
}
