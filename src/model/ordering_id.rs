use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The number by which the service orders operations ([article 147](https://docs.coveo.com/en/147/)).
///
/// The service accepts an operation with 202 and then ignores it when its id is lower than the item's last
/// id. The field `orderingId` of an item has that id: the console's Content Browser shows it among the item's
/// properties. A delete-older-than deletes the items with a lower id. For a request without an ordering id, the
/// service takes the milliseconds since the Unix epoch from its own clock.
///
/// Leave it to the service unless you have a reason not to. After an id in the future, the service ignores
/// every operation until that time has come. Use one scheme (milliseconds, nanoseconds, ticks) in a source.
///
/// It is an unsigned 64-bit number, and the service uses values above `i64::MAX`. It is read from a JSON
/// number or string, and written as a number.
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

    /// The milliseconds from the Unix epoch to `time`, which is the service's own scheme. A time before the
    /// epoch gives 0.
    ///
    /// Your clock might differ from the service's clock.
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
        let id = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_u64().map(Self),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        id.ok_or_else(|| D::Error::custom("an ordering id must be an unsigned 64-bit number, or text with one"))
    }
}
