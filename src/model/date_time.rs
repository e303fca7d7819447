use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{MetadataValue, OrderingId};

/// A date and time in the metadata of an item: a [`SystemTime`], an [`OrderingId`] in milliseconds, or text.
///
/// A time is written as RFC 3339 in UTC, to the millisecond. Text is sent as it is, and should have that form:
/// `2017-11-08T12:18:41.666Z`. This is how `jiff`'s `Timestamp` prints, and what `to_rfc3339` of a
/// `chrono::DateTime<Utc>` returns. `2017-11-08` and `2017-11-08 12:18:41` are read as well. Any other text breaks
/// [`Rule::DateUnreadable`](crate::Rule::DateUnreadable).
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use coveo_push::{DateTime, DocumentBody};
///
/// let changed = UNIX_EPOCH + Duration::from_millis(1_510_143_521_666);
/// assert_eq!(DateTime::from(changed).as_str(), "2017-11-08T12:18:41.666Z");
/// let doc = DocumentBody::new().date(changed).modified_date("2017-11-08T12:18:41.666Z");
/// assert_eq!(doc.metadata["date"], doc.metadata["modifiedDate"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DateTime(String);

impl DateTime {
    /// The date as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time, to the millisecond; `None` if the text is not a date, or is out of the range of a [`SystemTime`]. A date
    /// without an offset is in UTC.
    #[must_use]
    pub fn to_system_time(&self) -> Option<SystemTime> {
        let millis = millis(&self.0)?;
        let by = Duration::from_millis(millis.unsigned_abs().try_into().ok()?);
        if millis < 0 { UNIX_EPOCH.checked_sub(by) } else { UNIX_EPOCH.checked_add(by) }
    }

    fn from_millis(millis: i128) -> Self {
        let (seconds, millis) = (millis.div_euclid(1000), millis.rem_euclid(1000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Self(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"))
    }
}

/// The date in the Gregorian calendar, so many days after 1970-01-01. It counts in eras of 400 years, and in years
/// that begin in March.
fn civil(days: i128) -> (i128, i128, i128) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year_of_era + era * 400 + i128::from(month <= 2), month, day)
}

/// The days from 1970-01-01 to a date in the Gregorian calendar: the inverse of [`civil`].
fn days(year: i128, month: i128, day: i128) -> i128 {
    let year = year - i128::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The milliseconds from 1970 to a date as [`is_date`] knows it.
fn millis(text: &str) -> Option<i128> {
    if !is_date(text) {
        return None;
    }
    let (date, time) = text.split_at_checked(10)?;
    let mut date = date.split('-').filter_map(|part| part.parse::<i128>().ok());
    let days = days(date.next()?, date.next()?, date.next()?);
    let time = time.strip_prefix(['T', 't', ' ']).unwrap_or("00:00");
    let (clock, zone) = time.split_at_checked(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len()))?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let minutes = |clock: &str| {
        let mut parts = clock.split(':').filter_map(|part| part.parse::<i128>().ok());
        let minutes = parts.next()? * 60 + parts.next()?;
        Some((minutes, parts.next().unwrap_or_default()))
    };
    let (minute, second) = minutes(clock)?;
    let offset = match zone.split_at_checked(1) {
        Some(("+", offset)) => minutes(offset)?.0,
        Some(("-", offset)) => -minutes(offset)?.0,
        _ => 0,
    };
    let fraction: i128 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((days * 1440 + minute - offset) * 60 + second) * 1000 + fraction)
}

/// A time before year 0 or after year 9999 has no form in RFC 3339, and is found when the item is sent.
impl From<SystemTime> for DateTime {
    fn from(time: SystemTime) -> Self {
        let nanos = |duration: std::time::Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
        let nanos = time.duration_since(UNIX_EPOCH).map_or_else(|before| -nanos(before.duration()), nanos);
        Self::from_millis(nanos.div_euclid(1_000_000))
    }
}

/// The ordering id is read as milliseconds.
impl From<OrderingId> for DateTime {
    fn from(id: OrderingId) -> Self {
        Self::from_millis(id.get().into())
    }
}

/// From text, or from a number of milliseconds since 1970: the service writes both.
impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(millis) => match millis.as_i64() {
                Some(millis) => Ok(Self::from_millis(millis.into())),
                None => Err(D::Error::custom(format_args!("{millis} is not a date in milliseconds"))),
            },
            _ => Err(D::Error::custom("a date must be text, or a number of milliseconds")),
        }
    }
}

impl From<String> for DateTime {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&String> for DateTime {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl From<&str> for DateTime {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<DateTime> for MetadataValue {
    fn from(DateTime(text): DateTime) -> Self {
        Self::String(text)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether text is a date with or without a time and an offset, in a year from 1000 on.
pub(crate) fn is_date(text: &str) -> bool {
    let Some((date, time)) = text.split_at_checked(10) else { return false };
    let mut parts = date.split('-').zip([4, 2, 2, 0]).map(|(part, length)| number(part, length));
    let (Some(Some(year @ 1000..=9999)), Some(Some(month @ 1..=12)), Some(Some(day @ 1..)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    day <= days && time.strip_prefix(['T', 't', ' ']).map_or(time.is_empty(), is_time)
}

/// `12:18`, with or without `:41`, `.666`, and `Z` or an offset.
fn is_time(text: &str) -> bool {
    let (clock, zone) = text.split_at(text.find(['Z', 'z', '+', '-']).unwrap_or(text.len()));
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_zone = match zone.strip_prefix(['+', '-']) {
        Some(offset) => is_clock(offset, 2),
        None => matches!(zone, "" | "Z" | "z"),
    };
    is_clock(clock, 3) && fraction.bytes().all(|byte| byte.is_ascii_digit()) && !fraction.is_empty() && is_zone
}

/// Hours and minutes, and perhaps seconds; 60 is a leap second.
fn is_clock(text: &str, most: usize) -> bool {
    let parts: Vec<_> = text.split(':').map(|part| number(part, 2)).collect();
    let are_in_range = parts.iter().zip([23, 59, 60]).all(|(part, last)| part.is_some_and(|part| part <= last));
    (2..=most).contains(&parts.len()) && are_in_range
}

fn number(digits: &str, length: usize) -> Option<u32> {
    let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_written_in_utc_to_the_millisecond() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_510_143_521_666, "2017-11-08T12:18:41.666Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(DateTime::from_millis(millis).as_str(), text);
        }
        assert_eq!(DateTime::from(OrderingId::new(1_510_143_521_666)).to_string(), "2017-11-08T12:18:41.666Z");
        let before = UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(DateTime::from(before).as_str(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_date_is_told_from_other_text() {
        for text in [
            "2017-11-08T12:18:41.666Z",
            "2017-11-08T12:18:41+02:00",
            "1955-11-05t06:15z",
            "2016-12-31T23:59:60-08:30",
            "2017-11-08 12:18:41",
            "2000-02-29",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2020-03-10T14:15:25.774-03:0",
            "0001-01-01T00:00:00Z",
            "2017-13-08",
            "2017-11-31",
            "1900-02-29",
            "2017-1-008",
            "+2017-1-08",
            "2017-11-08T",
            "2017-11-08T24:00Z",
            "2017-11-08T12Z",
            "2017-11-08T12:18:41.Z",
            "2017-11-08T12:18:41ZZ",
            "2017-11-08T12:18:41+02:00:00",
            " 2017-11-08",
            "1510143521666",
            "2017-11-0é8",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn a_date_is_read_back_from_any_of_its_forms() {
        let millis = |text: &str| {
            let time = DateTime::from(text).to_system_time()?;
            Some(time.duration_since(UNIX_EPOCH).map_or_else(|_| -1, |since| since.as_millis() as i64))
        };
        let table = [
            ("2017-11-08T12:18:41.666Z", Some(1_510_143_521_666)),
            ("2017-11-08t12:18:41.6664Z", Some(1_510_143_521_666)),
            ("2017-11-08 12:18:41", Some(1_510_143_521_000)),
            ("2017-11-08T14:18:41.5+02:00", Some(1_510_143_521_500)),
            ("2017-11-08T04:48-07:30", Some(1_510_143_480_000)),
            ("2017-11-08", Some(1_510_099_200_000)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("yesterday", None),
            ("2017-13-08", None),
        ];
        for (text, expected) in table {
            assert_eq!(millis(text), expected, "{text}");
        }
        let read = |json| serde_json::from_value::<DateTime>(json);
        assert_eq!(read(1_510_143_521_666_i64.into()).unwrap().as_str(), "2017-11-08T12:18:41.666Z");
        assert_eq!(read("2017-11-08".into()).unwrap().as_str(), "2017-11-08");
        assert!(read(true.into()).is_err() && read(1.5.into()).is_err());
    }

    proptest! {
        #[test]
        fn every_time_that_is_written_is_read_back(millis in 0_i64..253_402_300_800_000) {
            let time = UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs());
            prop_assert_eq!(DateTime::from(time).to_system_time(), Some(time));
        }

        #[test]
        fn every_time_from_the_year_1000_to_9999_is_written_as_a_date(millis in -30_610_224_000_000_i64..253_402_300_800_000) {
            let date = DateTime::from_millis(millis.into());
            prop_assert!(is_date(date.as_str()), "{date}");
            if let Ok(millis) = u64::try_from(millis) {
                let http = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis));
                prop_assert_eq!(http.get(5..7), date.as_str().get(8..10));
                prop_assert_eq!(http.get(12..16), date.as_str().get(0..4));
                prop_assert_eq!(http.get(17..25), date.as_str().get(11..19));
            }
        }
    }
}
