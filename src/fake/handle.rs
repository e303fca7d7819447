//! The handle of a fake: looks at its state and changes it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::clock::ClockOffset;
use super::containers::ContainerCounts;
use super::exchange::SharedState;
use super::fault::Fault;
use super::item::FakeItem;
use super::random::FaultRates;
use super::record::RecordedRequest;
use super::views::{FakeProvider, FakeSource};
use crate::access::graph::IdentityGraph;
use crate::model::{Identity, LogEntry};

/// The Push API in memory.
///
/// It is a cheap handle: clones share one service. It is also a [`Transport`](crate::transport::Transport), to give to
/// a client's builder or to wrap.
#[derive(Debug, Clone)]
pub struct FakePushApi {
    pub(super) shared: SharedState,
}

impl FakePushApi {
    /// The current content of a source.
    ///
    /// # Panics
    ///
    /// If the fake was built without this source. A test that mistypes an id would find nothing there and
    /// might pass.
    #[must_use]
    #[track_caller]
    pub fn source(&self, id: impl Into<String>) -> FakeSource {
        FakeSource::new(self.shared.clone(), id.into())
    }

    /// The current content of a data collection.
    ///
    /// # Panics
    ///
    /// If the fake was built without this data collection.
    #[must_use]
    #[track_caller]
    pub fn data_collection(&self, id: impl Into<String>) -> FakeSource {
        FakeSource::of_collection(self.shared.clone(), id.into())
    }

    /// The current content of a security identity provider.
    ///
    /// # Panics
    ///
    /// If the fake was built without this provider.
    #[must_use]
    #[track_caller]
    pub fn provider(&self, id: impl Into<String>) -> FakeProvider {
        FakeProvider::new(self.shared.clone(), id.into())
    }

    /// The graph of all identities in the providers, to ask who [sees](super::FakeItem::visible_to) an item.
    /// It is a copy: later pushes do not change it.
    ///
    /// Identities without a provider belong to the first provider of the builder, or to the
    /// `Email Security Provider` if there is none.
    #[must_use]
    pub fn identity_graph(&self) -> IdentityGraph {
        self.shared.look(|state| {
            let mut graph = IdentityGraph::new(&state.default_provider);
            for (id, provider) in &state.providers {
                provider.add_to(&mut graph.identities(id));
            }
            graph
        })
    }

    /// Counts of the file containers.
    #[must_use]
    pub fn containers(&self) -> ContainerCounts {
        self.shared.look(|state| state.containers.counts())
    }

    /// All requests in the order of their arrival, including failed ones.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.look(|state| state.record.iter().cloned().collect())
    }

    /// Clears the record of requests.
    pub fn clear_requests(&self) {
        self.shared.look(|state| state.record.clear());
    }

    /// Lets time pass for the service, at once: its clock advances, file containers expire, old items are deleted,
    /// and requests that a fault [delays](Fault::applied_later) are processed.
    ///
    /// The service deletes old items 15 minutes after a refresh, so a test of the effect of a refresh starts
    /// with this:
    ///
    /// ```
    /// # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
    /// # use std::time::Duration;
    /// fake.pass_time(Duration::from_secs(15 * 60));
    /// ```
    pub fn pass_time(&self, time: Duration) {
        self.shared.look(|state| {
            state.clock.pass(time);
            state.settle();
        });
    }

    /// The time by the service's clock: the local time when the fake was built, advanced by tokio's clock,
    /// which a test can pause, and by [`pass_time`](Self::pass_time), plus the offset.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.shared.look(|state| state.clock.now())
    }

    /// Sets the difference between the service's clock and the local one from now on.
    pub fn set_clock_offset(&self, offset: ClockOffset) {
        self.shared.look(|state| state.clock.offset = offset);
    }

    /// Accepts one more key from now on.
    pub fn allow_key(&self, key: impl Into<String>) {
        let key = key.into().trim().to_owned();
        self.shared.look(|state| state.keys.push(key));
    }

    /// Rejects a key from now on, like an expired token. Clients with this key keep using it.
    pub fn revoke_key(&self, key: &str) {
        self.shared.look(|state| state.keys.retain(|known| known != key.trim()));
    }

    /// Pauses the organization: calls of the Push API are refused with
    /// [`OrganizationIsPaused`](crate::ErrorCode::OrganizationIsPaused) until it is
    /// [woken](crate::Platform::resume_organization).
    pub fn pause_organization(&self) {
        self.shared.look(|state| state.organization_state.is_paused = true);
    }

    /// Fails to process identities from now on: a push of an identity for which `reject` returns a reason is accepted with
    /// 202, changes nothing, and the identity is in error in the security cache. It gets the id of the provider. It
    /// replaces an earlier one.
    ///
    /// Do not use the fake in it: its state is locked.
    pub fn reject_identities(&self, reject: impl Fn(&str, &Identity) -> Option<String> + Send + Sync + 'static) {
        self.shared.look(|state| state.organization_state.reject_identity = Some(Arc::new(reject)));
    }

    /// How long the indexing pipeline takes from now on: an accepted operation changes its item, and is in the log as
    /// done, this much later by the service's clock. Default: no time. With [`Duration::MAX`] nothing is ever indexed.
    pub fn indexing_delay(&self, delay: Duration) {
        self.shared.look(|state| state.pipeline.delay = delay);
    }

    /// Rejects items in the indexing pipeline from now on, as an extension does: each item for which `reject` returns a
    /// reason is accepted with 202, and dropped with this reason in the log. It replaces an earlier one.
    ///
    /// Do not use the fake in it: its state is locked.
    ///
    /// ```
    /// # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
    /// fake.reject_in_pipeline(|item| item.title().is_none().then(|| "an item needs a title".to_owned()));
    /// ```
    pub fn reject_in_pipeline(&self, reject: impl Fn(&FakeItem) -> Option<String> + Send + Sync + 'static) {
        self.shared.look(|state| state.pipeline.reject = Some(Arc::new(reject)));
    }

    /// All entries of the log of the indexing pipeline that the service still has.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.look(|state| state.pipeline.log.entries(state.clock.now()).map(|entry| entry.entry()).collect())
    }

    /// Writes an entry into the log, for events beyond the fake's own pipeline. It is there from its time on; the
    /// time of one that cannot be read is now.
    pub fn write_log(&self, entry: LogEntry) {
        self.shared.look(|state| {
            let now = state.clock.now();
            state.pipeline.log.write(entry, now);
        });
    }

    /// Adds a fault.
    pub fn inject(&self, fault: Fault) {
        self.shared.look(|state| state.faults.inject(fault));
    }

    /// Sets the rates of random faults, and replaces earlier rates. Faults from [`inject`](Self::inject)
    /// come first.
    pub fn inject_random(&self, rates: FaultRates) {
        self.shared.look(|state| state.faults.inject_random(rates));
    }

    /// The number of faults from [`inject`](Self::inject) that have not run out. A fault for several calls
    /// counts once.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.shared.look(|state| state.faults.left())
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.look(|state| state.faults.clear());
    }
}
