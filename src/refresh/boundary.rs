//! The boundary: items with a lower ordering id are old.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;
use crate::model::OrderingId;

/// Separates the items of a run from older ones: items with a lower ordering id are old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Boundary {
    /// The lowest ordering id that is not old.
    pub ordering_id: OrderingId,
    /// Where the ordering id comes from.
    pub source: BoundarySource,
}

/// Where a boundary comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BoundarySource {
    /// The service's clock at the start of the run, minus the margin.
    ServiceClock,
    /// The caller: [`RefreshBuilder::older_than`](super::RefreshBuilder::older_than).
    Given,
    /// The lowest ordering id of the updates of a [catalog](crate::Catalog::refresh).
    Updates,
    /// The ordering id of the run ([`RefreshBuilder::ordering_id`](super::RefreshBuilder::ordering_id)),
    /// or the service's clock at the start of the run, whichever is lower.
    OrderingId,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            BoundarySource::ServiceClock => "from the service's clock",
            BoundarySource::Given => "as given",
            BoundarySource::Updates => "from the first update",
            BoundarySource::OrderingId => "from the run's ordering id",
        };
        write!(f, "{} (", self.ordering_id)?;
        // A given ordering id need not be a time.
        if matches!(self.source, BoundarySource::ServiceClock | BoundarySource::Updates)
            && let Some(time) = writable_time(self.ordering_id)
        {
            write!(f, "{}, ", httpdate::fmt_http_date(time))?;
        }
        write!(f, "{source})")
    }
}

/// The time that an ordering id stands for. `None` after the year 9999, which an HTTP date cannot express.
fn writable_time(id: OrderingId) -> Option<SystemTime> {
    let year_10_000 = Duration::from_secs(253_402_300_800);
    let since = Some(Duration::from_millis(id.into())).filter(|since| *since < year_10_000)?;
    UNIX_EPOCH.checked_add(since)
}

/// Why a refresh did not start. Nothing was pushed and nothing deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The first call failed: it sets the status of a source, or creates the first file container of
    /// identities.
    #[error("the first call failed")]
    Call(#[source] Error),
    /// A setting is not one that the service takes. Nothing was sent.
    #[error("a setting of the run is invalid")]
    Invalid(#[source] Error),
    /// The response has no readable `Date`, so the service's clock is not known.
    #[error("the response has no readable Date to tell the service's clock: try again, or give a boundary")]
    NoServerTime,
    /// The given boundary is later than the start of the run, so the deletion could delete items of the
    /// run itself.
    #[error("the boundary {given} is later than the start of the run, {latest}: items of this run could be deleted")]
    BoundaryTooLate {
        /// The given boundary.
        given: OrderingId,
        /// The latest allowed boundary.
        latest: OrderingId,
    },
    /// The given ordering id is ahead of the service's clock: the service would ignore later pushes of
    /// the same items.
    #[error(
        "the ordering id {given} is ahead of the service's clock, which allows at most {latest}: the service would ignore later pushes"
    )]
    OrderingIdAhead {
        /// The given ordering id.
        given: OrderingId,
        /// The highest allowed ordering id.
        latest: OrderingId,
    },
}

/// The settings from which a boundary follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoundarySettings {
    /// Whether the run deletes old items.
    pub(super) deletes: bool,
    /// How far the boundary is before the start of the run.
    pub(super) margin: Duration,
    pub(super) given: Option<OrderingId>,
    /// The ordering id that all operations of the run share.
    pub(super) shared: Option<OrderingId>,
    /// Whether ordering ids are not milliseconds, and cannot be compared with a clock.
    pub(super) own_scheme: bool,
}

impl BoundarySettings {
    pub(super) fn new(deletes: bool) -> Self {
        Self { deletes, margin: Duration::from_secs(5), given: None, shared: None, own_scheme: false }
    }
}

/// The boundary of a run that started at `started` by the service's clock. `None` for a run that deletes
/// nothing.
///
/// `started` is an HTTP `Date`, which is rounded down to whole seconds, so it is never later than the
/// true time. The boundary is therefore never later than the start of the run or any of its pushes. (A
/// cached response would have an even earlier date, so its `Age` does not matter.)
pub(super) fn boundary(
    settings: BoundarySettings,
    started: Option<SystemTime>,
) -> Result<Option<Boundary>, StartError> {
    let BoundarySettings { deletes, margin, given, shared, own_scheme } = settings;
    let started = started.map(OrderingId::from_time);
    // The lowest ordering id that a push of this run can have: without a shared ordering id, the service
    // stamps each batch with its own clock.
    let latest = match shared {
        Some(shared) if own_scheme => Some(shared),
        Some(shared) => Some(check_shared(shared, started)?),
        None => started,
    };
    if !deletes {
        return Ok(None);
    }
    let (ordering_id, source) = match (given, latest) {
        (Some(given), Some(latest)) if given > latest => return Err(StartError::BoundaryTooLate { given, latest }),
        (Some(given), _) => (given, BoundarySource::Given),
        (None, Some(latest)) if shared.is_some() => (latest, BoundarySource::OrderingId),
        (None, Some(latest)) => (minus(latest, margin), BoundarySource::ServiceClock),
        (None, None) => return Err(StartError::NoServerTime),
    };
    Ok(Some(Boundary { ordering_id, source }))
}

/// Compares the ordering id of a whole run with the service's clock and returns the lower of the two.
/// The ordering id may be ahead by at most two seconds.
fn check_shared(given: OrderingId, started: Option<OrderingId>) -> Result<OrderingId, StartError> {
    const LEEWAY: u64 = 2_000;
    let started = started.ok_or(StartError::NoServerTime)?;
    let latest = OrderingId::new(started.get().saturating_add(LEEWAY));
    if given > latest { Err(StartError::OrderingIdAhead { given, latest }) } else { Ok(given.min(started)) }
}

fn minus(id: OrderingId, margin: Duration) -> OrderingId {
    OrderingId::new(id.get().saturating_sub(u64::try_from(margin.as_millis()).unwrap_or(u64::MAX)))
}

/// The difference between the local clock and the service's, to about a second. Nothing is deleted when it is
/// more than a day, unless [`trust_service_clock`](super::RefreshBuilder::trust_service_clock) was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalClock {
    /// The local clock is ahead.
    Ahead(Duration),
    /// The local clock is behind.
    Behind(Duration),
}

impl LocalClock {
    pub(super) fn compare(local: SystemTime, service: SystemTime) -> Self {
        match local.duration_since(service) {
            Ok(ahead) => Self::Ahead(ahead),
            Err(behind) => Self::Behind(behind.duration()),
        }
    }

    /// Whether one of the clocks cannot be right: time zones differ by less.
    pub(super) fn is_days_off(&self) -> bool {
        let (Self::Ahead(by) | Self::Behind(by)) = self;
        *by > Duration::from_secs(86_400)
    }

    /// Whether the difference is larger than the resolution of an HTTP date explains.
    pub(super) fn is_off(&self) -> bool {
        let (Self::Ahead(by) | Self::Behind(by)) = self;
        *by >= Duration::from_secs(2)
    }
}

impl fmt::Display for LocalClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead(by) => write!(f, "{:.1} s ahead", by.as_secs_f64()),
            Self::Behind(by) => write!(f, "{:.1} s behind", by.as_secs_f64()),
        }
    }
}

/// In seconds, negative when the local clock is behind.
impl Serialize for LocalClock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(match self {
            Self::Ahead(by) => by.as_secs_f64(),
            Self::Behind(by) => -by.as_secs_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_prints_its_time_if_it_is_one() {
        let prints = |id: u64, source| Boundary { ordering_id: OrderingId::new(id), source }.to_string();
        assert_eq!(
            prints(1_700_000_000_000, BoundarySource::ServiceClock),
            "1700000000000 (Tue, 14 Nov 2023 22:13:20 GMT, from the service's clock)"
        );
        assert_eq!(prints(7, BoundarySource::Given), "7 (as given)");
        let last = 253_402_300_799_999;
        assert!(prints(last, BoundarySource::ServiceClock).contains("31 Dec 9999"));
        assert_eq!(prints(last + 1, BoundarySource::ServiceClock), format!("{} (from the service's clock)", last + 1));
    }

    /// A time by the service's clock, and the same time as an ordering id.
    const STARTED: u64 = 1_700_000_000_000;

    fn at(milliseconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    /// The boundary of a run with these settings, or the kind of error.
    fn made(
        started: Option<SystemTime>,
        given: Option<u64>,
        shared: Option<u64>,
    ) -> Result<(u64, BoundarySource), &'static str> {
        let id = |id: Option<u64>| id.map(OrderingId::new);
        let settings = BoundarySettings { given: id(given), shared: id(shared), ..BoundarySettings::new(true) };
        match boundary(settings, started) {
            Ok(boundary) => boundary.map(|made| (made.ordering_id.get(), made.source)).ok_or("no boundary"),
            Err(StartError::NoServerTime) => Err("no time"),
            Err(StartError::BoundaryTooLate { .. }) => Err("too late"),
            Err(StartError::OrderingIdAhead { .. }) => Err("ahead"),
            Err(StartError::Call(_) | StartError::Invalid(_)) => Err("another reason"),
        }
    }

    #[test]
    fn a_boundary_follows_from_the_clock_and_the_given_ids() {
        use BoundarySource::{Given, OrderingId, ServiceClock};

        let started = at(STARTED);
        #[rustfmt::skip]
        let table = [
            // the service's clock, a boundary, an ordering id
            (started, None,            None,                Ok((STARTED - 5_000, ServiceClock))),
            (None,    None,            None,                Err("no time")),
            (started, Some(7),         None,                Ok((7, Given))),
            (started, Some(STARTED),     None,                Ok((STARTED, Given))),
            (started, Some(STARTED + 1), None,                Err("too late")),
            (None,    Some(STARTED + 1), None,                Ok((STARTED + 1, Given))),
            (started, None,            Some(7),             Ok((7, OrderingId))),
            (started, None,            Some(STARTED),         Ok((STARTED, OrderingId))),
            (started, None,            Some(STARTED + 2_000), Ok((STARTED, OrderingId))),
            (started, None,            Some(STARTED + 2_001), Err("ahead")),
            (started, None,            Some(u64::MAX),      Err("ahead")),
            (None,    None,            Some(7),             Err("no time")),
            (None,    Some(7),         Some(7),             Err("no time")),
            (started, Some(7),         Some(8),             Ok((7, Given))),
            (started, Some(8),         Some(7),             Err("too late")),
            (started, Some(STARTED + 1), Some(STARTED + 1),     Err("too late")),
        ];
        for (started, given, shared, expected) in table {
            assert_eq!(made(started, given, shared), expected, "{started:?} {given:?} {shared:?}");
        }
    }

    #[test]
    fn ids_of_another_scheme_are_not_compared_with_the_clock() {
        let nanoseconds = OrderingId::new(STARTED * 1_000_000);
        let settings = BoundarySettings { shared: Some(nanoseconds), own_scheme: true, ..BoundarySettings::new(true) };
        for started in [None, at(STARTED)] {
            assert_eq!(boundary(settings, started).unwrap().unwrap().ordering_id, nanoseconds);
        }
        let later = BoundarySettings { given: Some(OrderingId::new(nanoseconds.get() + 1)), ..settings };
        assert!(matches!(boundary(later, at(STARTED)), Err(StartError::BoundaryTooLate { .. })));
    }

    #[test]
    fn a_run_that_deletes_nothing_has_no_boundary_and_needs_no_clock() {
        let settings = BoundarySettings::new(false);
        assert!(matches!(boundary(settings, None), Ok(None)));
        assert!(matches!(boundary(settings, at(STARTED)), Ok(None)));
        let ahead = BoundarySettings { shared: Some(OrderingId::new(u64::MAX)), ..settings };
        assert!(matches!(boundary(ahead, at(STARTED)), Err(StartError::OrderingIdAhead { .. })));
    }

    #[test]
    fn no_boundary_is_later_than_the_start_of_the_run_or_any_of_its_pushes() {
        let ids = [None, Some(0), Some(STARTED - 1), Some(STARTED), Some(STARTED + 1_999), Some(STARTED + 2_000)];
        for (given, shared) in ids.iter().flat_map(|given| ids.iter().map(|shared| (*given, *shared))) {
            let Ok((boundary, _)) = made(at(STARTED), given, shared) else { continue };
            assert!(boundary <= STARTED.min(shared.unwrap_or(STARTED)), "{given:?} {shared:?}");
        }
    }

    #[test]
    fn a_margin_reaches_back_to_ordering_id_0_at_most() {
        for (margin, expected) in [
            (Duration::ZERO, STARTED),
            (Duration::from_millis(1), STARTED - 1),
            (Duration::from_micros(1), STARTED),
            (Duration::from_secs(3_600), STARTED - 3_600_000),
            (Duration::MAX, 0),
        ] {
            let settings = BoundarySettings { margin, ..BoundarySettings::new(true) };
            let made = boundary(settings, at(STARTED)).unwrap().unwrap();
            assert_eq!(made.ordering_id.get(), expected, "{margin:?}");
        }
    }

    #[test]
    fn the_local_clock_is_compared_in_both_directions() {
        let (early, late) = (at(STARTED).unwrap(), at(STARTED + 600_000).unwrap());
        let ahead = LocalClock::compare(late, early);
        let behind = LocalClock::compare(early, late);
        assert_eq!([ahead.to_string(), behind.to_string()], ["600.0 s ahead", "600.0 s behind"]);
        assert_eq!(serde_json::to_string(&[ahead, behind]).unwrap(), "[600.0,-600.0]");
    }
}
