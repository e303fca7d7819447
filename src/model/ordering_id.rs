use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, de};

/// The number by which the service orders what is pushed
/// ([article 147](https://docs.coveo.com/en/147/)).
///
/// An operation whose id is lower than the last one the service has for that item is accepted with
/// 202 and then ignored, and a delete-older-than removes what has a lower id. When a request
/// carries none, the service sets the milliseconds since the Unix epoch by its own clock.
///
/// Leave it to the service unless you have a reason not to: an id in the future makes the service
/// ignore everything that is pushed before that time has come. Do not mix schemes (milliseconds,
/// nanoseconds, ticks) in one source.
///
/// It is an unsigned 64-bit number; the service has values above `i64::MAX`. Read from a JSON
/// number or string, written as a number.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use coveo_push::OrderingId;
///
/// let id = OrderingId::from_time(UNIX_EPOCH + Duration::from_secs(1_500_000_000));
/// assert_eq!(id.get(), 1_500_000_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OrderingId(u64);

impl OrderingId {
    /// An ordering id of any scheme.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The milliseconds from the Unix epoch to `time`, the scheme that the service uses itself.
    /// A time before the epoch gives 0.
    ///
    /// Mind whose clock `time` comes from: the local one may be off the service's.
    #[must_use]
    pub fn from_time(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for OrderingId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl From<OrderingId> for u64 {
    fn from(id: OrderingId) -> Self {
        id.0
    }
}

impl FromStr for OrderingId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self)
    }
}

impl fmt::Display for OrderingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for OrderingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl de::Visitor<'_> for Read {
            type Value = OrderingId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ordering id (an unsigned 64-bit number, or text that holds one)")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<OrderingId, E> {
                Ok(OrderingId(id))
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<OrderingId, E> {
                u64::try_from(id).map(OrderingId).map_err(|_| E::invalid_value(de::Unexpected::Signed(id), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OrderingId, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
