//! What all rounds have in common: a service, its clients, and a model of each kind.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use coveo_push::fake::{FakePushApi, FakePushApiBuilder};
use coveo_push::{OrderingId, PushClient};
use fastrand::Rng;
use tokio::time::sleep;

use crate::bulk::Outcome;
use crate::corpus::one_of;
use crate::faults::{self, Counting};
use crate::figures::Figures;
use crate::kind::Kind;
use crate::model::Model;
use crate::settle::settle;

/// After this everything that the service asked to wait for is over, and deletions of old items are carried out.
pub(crate) const CALM: Duration = Duration::from_secs(900);

pub(crate) fn said(error: impl Display) -> String {
    error.to_string()
}

/// The service of a round.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) fake: FakePushApi,
    pub(crate) transport: Counting,
    /// The number of the last operation.
    pub(crate) last: u64,
}

impl World {
    pub(crate) fn new(mut rng: Rng, set: impl FnOnce(FakePushApiBuilder) -> FakePushApiBuilder) -> Self {
        let builder = FakePushApi::builder()
            .refuse_second_commit(rng.bool())
            .container_lifetime(Duration::from_secs(one_of(&mut rng, [3_600, 3_600, 20])))
            .keep_request_bodies(false);
        let fake = set(builder).build();
        Self { rng, transport: Counting::new(fake.clone()), last: 0, fake }
    }

    /// An ordering id above those of all operations that were carried out so far.
    pub(crate) fn now(&self) -> Result<OrderingId, String> {
        let since_1970 = self.fake.now().duration_since(UNIX_EPOCH).map_err(said)?;
        u64::try_from(since_1970.as_millis()).map(OrderingId::new).map_err(said)
    }

    pub(crate) fn client(&mut self) -> Result<PushClient, String> {
        let random = Mutex::new(self.rng.fork());
        let random = move || random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        self.fake.client_builder().transport(self.transport.clone()).random(random).build().map_err(said)
    }

    /// From now on calls fail, at random.
    pub(crate) fn draw_faults(&mut self) {
        self.fake.inject_random(faults::draw(&mut self.rng));
    }

    /// From now on no call fails. Everything that is under way comes to its end.
    pub(crate) async fn calm(&self) {
        self.fake.clear_faults();
        self.fake.clear_requests();
        sleep(CALM).await;
    }

    /// Compares the service with a model after a run.
    pub(crate) async fn settle<K: Kind>(
        &mut self,
        side: &mut Side<K>,
        outcome: &Outcome<K>,
        last: u64,
        figures: &mut Figures,
    ) -> Result<(), String> {
        figures.count_outcome(outcome);
        figures.pushed_again += settle(&mut self.rng, &self.fake, &mut side.model, outcome, last).await?;
        Ok(())
    }
}

/// The keys of one kind, and their model.
pub(crate) struct Side<K: Kind> {
    pub(crate) keys: Vec<String>,
    pub(crate) model: Model<K>,
}

impl<K: Kind> Side<K> {
    /// `more` keys are only in the model.
    pub(crate) fn new<'a>(fake: &FakePushApi, keys: Vec<String>, more: impl IntoIterator<Item = &'a String>) -> Self {
        let model = Model::of(fake, keys.iter().cloned().chain(more.into_iter().cloned()));
        Self { keys, model }
    }
}
