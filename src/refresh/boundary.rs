//! Which items are old: those whose ordering id is lower than the boundary.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::model::OrderingId;

/// What separates the items of a run from those that were there before: what has a lower ordering id
/// is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Boundary {
    /// The lowest ordering id that is not old.
    pub ordering_id: OrderingId,
    /// Where it comes from.
    pub source: BoundarySource,
}

/// Where a boundary comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BoundarySource {
    /// The service's clock when the run began, less the margin.
    ServiceClock,
    /// The caller: [`RefreshBuilder::older_than`](super::RefreshBuilder::older_than).
    Given,
    /// The ordering id that everything in the run has
    /// ([`RefreshBuilder::ordering_id`](super::RefreshBuilder::ordering_id)), or the service's clock
    /// when the run began, whichever is the lower.
    OrderingId,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            BoundarySource::ServiceClock => "from the service's clock",
            BoundarySource::Given => "as it was given",
            BoundarySource::OrderingId => "from the run's ordering id",
        };
        write!(f, "{} (", self.ordering_id)?;
        // One that was given need not be a time.
        if self.source == BoundarySource::ServiceClock
            && let Some(time) = writable_time(self.ordering_id)
        {
            write!(f, "{}, ", httpdate::fmt_http_date(time))?;
        }
        write!(f, "{source})")
    }
}

/// The time that an ordering id stands for, unless it is after the year 9999, which no such date can be.
fn writable_time(id: OrderingId) -> Option<SystemTime> {
    let year_10_000 = Duration::from_secs(253_402_300_800);
    let since = Some(Duration::from_millis(id.into())).filter(|since| *since < year_10_000)?;
    UNIX_EPOCH.checked_add(since)
}

/// Why a refresh did not begin. Nothing was pushed and nothing deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotBegun {
    /// The call failed that sets the status, or, for identities, that creates the first file
    /// container.
    #[error(transparent)]
    Call(Error),
    /// The answer has no `Date` that can be read, so what the service's clock says is not known.
    #[error(
        "the answer has no Date that can be read, and the service's clock is needed; try again, or give a boundary"
    )]
    NoServerTime,
    /// The boundary that was given is later than the begin of the run: what the run pushes could be
    /// older.
    #[error(
        "the boundary {given} is later than the begin of the run, {latest}: what is pushed now could be deleted by it"
    )]
    BoundaryTooLate {
        /// What was given.
        given: OrderingId,
        /// The latest that it may be.
        latest: OrderingId,
    },
    /// The ordering id that was given is ahead of the service's clock: later pushes of the same items
    /// would be ignored.
    #[error(
        "the ordering id {given} is ahead of the service's clock, which allows {latest} at the most: the service would ignore later pushes"
    )]
    OrderingIdAhead {
        /// What was given.
        given: OrderingId,
        /// The latest that it may be.
        latest: OrderingId,
    },
}

/// What a boundary is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoundarySettings {
    /// Whether the run deletes what is old.
    pub(super) deletes: bool,
    /// How far before the begin of the run the boundary is.
    pub(super) margin: Duration,
    pub(super) given: Option<OrderingId>,
    /// The ordering id that everything in the run has, where there is one.
    pub(super) shared: Option<OrderingId>,
}

impl BoundarySettings {
    pub(super) fn new(deletes: bool) -> Self {
        Self { deletes, margin: Duration::from_secs(5), given: None, shared: None }
    }
}

/// The boundary of a run that began at `begun` by the service's clock; `None` for one that deletes
/// nothing.
///
/// `begun` is an HTTP `Date`, which is cut to whole seconds: never later than the true time. So the
/// boundary is never later than the begin of the run, nor than anything that the run pushes. (Were the
/// answer out of some cache, its date would be earlier still; so its `Age` is not looked at.)
pub(super) fn boundary(settings: BoundarySettings, begun: Option<SystemTime>) -> Result<Option<Boundary>, NotBegun> {
    let BoundarySettings { deletes, margin, given, shared } = settings;
    let begun = begun.map(OrderingId::from_time);
    // What the run pushes is not lower than this: without a shared id the service gives each batch
    // the time by its own clock.
    let latest = match shared {
        Some(shared) => Some(check_shared(shared, begun)?),
        None => begun,
    };
    if !deletes {
        return Ok(None);
    }
    let (ordering_id, source) = match (given, latest) {
        (Some(given), Some(latest)) if given > latest => return Err(NotBegun::BoundaryTooLate { given, latest }),
        (Some(given), _) => (given, BoundarySource::Given),
        (None, Some(latest)) if shared.is_some() => (latest, BoundarySource::OrderingId),
        (None, Some(latest)) => (less(latest, margin), BoundarySource::ServiceClock),
        (None, None) => return Err(NotBegun::NoServerTime),
    };
    Ok(Some(Boundary { ordering_id, source }))
}

/// Holds an ordering id for a whole run against the service's clock, of which it may be a little
/// ahead, and gives the lower of the two.
fn check_shared(given: OrderingId, begun: Option<OrderingId>) -> Result<OrderingId, NotBegun> {
    const LEEWAY: u64 = 2_000;
    let begun = begun.ok_or(NotBegun::NoServerTime)?;
    let latest = OrderingId::new(begun.get().saturating_add(LEEWAY));
    if given > latest { Err(NotBegun::OrderingIdAhead { given, latest }) } else { Ok(given.min(begun)) }
}

fn less(id: OrderingId, margin: Duration) -> OrderingId {
    OrderingId::new(id.get().saturating_sub(u64::try_from(margin.as_millis()).unwrap_or(u64::MAX)))
}

/// How far the local clock is off the service's, to about a second. Nothing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalClock {
    /// It is ahead: what it calls now is still to come for the service.
    Ahead(Duration),
    /// It is behind.
    Behind(Duration),
}

impl LocalClock {
    pub(super) fn compare(local: SystemTime, service: SystemTime) -> Self {
        match local.duration_since(service) {
            Ok(ahead) => Self::Ahead(ahead),
            Err(behind) => Self::Behind(behind.duration()),
        }
    }

    /// Whether it is off by more than what an HTTP date can tell.
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

/// Seconds, negative where it is behind.
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
    fn a_boundary_prints_its_time_where_it_is_one() {
        let prints = |id: u64, source| Boundary { ordering_id: OrderingId::new(id), source }.to_string();
        assert_eq!(
            prints(1_700_000_000_000, BoundarySource::ServiceClock),
            "1700000000000 (Tue, 14 Nov 2023 22:13:20 GMT, from the service's clock)"
        );
        assert_eq!(prints(7, BoundarySource::Given), "7 (as it was given)");
        let last = 253_402_300_799_999;
        assert!(prints(last, BoundarySource::ServiceClock).contains("31 Dec 9999"));
        assert_eq!(prints(last + 1, BoundarySource::ServiceClock), format!("{} (from the service's clock)", last + 1));
    }

    /// A time by the service's clock, and the ordering id that it gives then.
    const BEGUN: u64 = 1_700_000_000_000;

    fn at(milliseconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    /// The boundary of a run with these settings; an error by the begin of its text.
    fn made(
        begun: Option<SystemTime>,
        given: Option<u64>,
        shared: Option<u64>,
    ) -> Result<(u64, BoundarySource), &'static str> {
        let id = |id: Option<u64>| id.map(OrderingId::new);
        let settings = BoundarySettings { given: id(given), shared: id(shared), ..BoundarySettings::new(true) };
        match boundary(settings, begun) {
            Ok(boundary) => boundary.map(|made| (made.ordering_id.get(), made.source)).ok_or("there is none"),
            Err(NotBegun::NoServerTime) => Err("no time"),
            Err(NotBegun::BoundaryTooLate { .. }) => Err("too late"),
            Err(NotBegun::OrderingIdAhead { .. }) => Err("ahead"),
            Err(NotBegun::Call(_)) => Err("call"),
        }
    }

    #[test]
    fn a_boundary_is_made_of_what_is_known() {
        use BoundarySource::{Given, OrderingId, ServiceClock};

        let begun = at(BEGUN);
        #[rustfmt::skip]
        let table = [
            // the service's clock, a boundary, an ordering id
            (begun, None,            None,                Ok((BEGUN - 5_000, ServiceClock))),
            (None,  None,            None,                Err("no time")),
            (begun, Some(7),         None,                Ok((7, Given))),
            (begun, Some(BEGUN),     None,                Ok((BEGUN, Given))),
            (begun, Some(BEGUN + 1), None,                Err("too late")),
            (None,  Some(BEGUN + 1), None,                Ok((BEGUN + 1, Given))),
            (begun, None,            Some(7),             Ok((7, OrderingId))),
            (begun, None,            Some(BEGUN),         Ok((BEGUN, OrderingId))),
            (begun, None,            Some(BEGUN + 2_000), Ok((BEGUN, OrderingId))),
            (begun, None,            Some(BEGUN + 2_001), Err("ahead")),
            (begun, None,            Some(u64::MAX),      Err("ahead")),
            (None,  None,            Some(7),             Err("no time")),
            (None,  Some(7),         Some(7),             Err("no time")),
            (begun, Some(7),         Some(8),             Ok((7, Given))),
            (begun, Some(8),         Some(7),             Err("too late")),
            (begun, Some(BEGUN + 1), Some(BEGUN + 1),     Err("too late")),
        ];
        for (begun, given, shared, expected) in table {
            assert_eq!(made(begun, given, shared), expected, "{begun:?} {given:?} {shared:?}");
        }
    }

    #[test]
    fn a_run_that_deletes_nothing_has_no_boundary_and_needs_no_clock() {
        let settings = BoundarySettings::new(false);
        assert!(matches!(boundary(settings, None), Ok(None)));
        assert!(matches!(boundary(settings, at(BEGUN)), Ok(None)));
        let ahead = BoundarySettings { shared: Some(OrderingId::new(u64::MAX)), ..settings };
        assert!(matches!(boundary(ahead, at(BEGUN)), Err(NotBegun::OrderingIdAhead { .. })));
    }

    #[test]
    fn no_boundary_is_later_than_the_begin_of_the_run_or_than_what_it_pushes() {
        let ids = [None, Some(0), Some(BEGUN - 1), Some(BEGUN), Some(BEGUN + 1_999), Some(BEGUN + 2_000)];
        for (given, shared) in ids.iter().flat_map(|given| ids.iter().map(|shared| (*given, *shared))) {
            let Ok((boundary, _)) = made(at(BEGUN), given, shared) else { continue };
            assert!(boundary <= BEGUN.min(shared.unwrap_or(BEGUN)), "{given:?} {shared:?}");
        }
    }

    #[test]
    fn a_margin_goes_back_to_the_begin_of_time_at_the_most() {
        for (margin, expected) in [
            (Duration::ZERO, BEGUN),
            (Duration::from_millis(1), BEGUN - 1),
            (Duration::from_micros(1), BEGUN),
            (Duration::from_secs(3_600), BEGUN - 3_600_000),
            (Duration::MAX, 0),
        ] {
            let settings = BoundarySettings { margin, ..BoundarySettings::new(true) };
            let made = boundary(settings, at(BEGUN)).unwrap().unwrap();
            assert_eq!(made.ordering_id.get(), expected, "{margin:?}");
        }
    }

    #[test]
    fn how_far_the_local_clock_is_off_is_told_in_both_directions() {
        let (early, late) = (at(BEGUN).unwrap(), at(BEGUN + 600_000).unwrap());
        let ahead = LocalClock::compare(late, early);
        let behind = LocalClock::compare(early, late);
        assert_eq!([ahead.to_string(), behind.to_string()], ["600.0 s ahead", "600.0 s behind"]);
        assert_eq!(serde_json::to_string(&[ahead, behind]).unwrap(), "[600.0,-600.0]");
    }
}
