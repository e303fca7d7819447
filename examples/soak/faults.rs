//! Random faults, and their counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakePushApi, FaultRates};
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use fastrand::Rng;

use crate::corpus::one_of;

/// Draws the faults from now on.
pub(crate) fn draw(rng: &mut Rng) -> FaultRates {
    let level = one_of(rng, [0.0, 0.02, 0.1, 0.3, 0.6]);
    let weights: [f64; 14] = std::array::from_fn(|_| rng.f64());
    let all: f64 = weights.iter().sum();
    let mut weights = weights.into_iter();
    let mut rate = || level * weights.next().unwrap_or_default() / all;
    let slowest = |rng: &mut Rng| Duration::ZERO..=Duration::from_millis(one_of(rng, [0, 1, 50, 2_000, 20_000]));
    FaultRates::seeded(rng.u64(..))
        .throttled(rate())
        .throttled_for(rate(), Duration::from_secs(3))
        .throttled_for(rate(), Duration::from_secs(200))
        .status(503, rate())
        .status(500, rate())
        .status(504, rate())
        .status(408, rate())
        .status(412, rate())
        .no_connection(rate())
        .reset_before(rate())
        .reset_after(rate())
        .hang(rate())
        .expired(rate())
        .expired_token(rate())
        .latency(slowest(rng))
        .late_answer(slowest(rng))
}

/// A transport to the fake that counts failed requests.
#[derive(Debug, Clone)]
pub(crate) struct Counting {
    fake: FakePushApi,
    counts: Counts,
}

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

impl Counting {
    pub(crate) fn new(fake: FakePushApi) -> Self {
        Self { fake, counts: Counts::default() }
    }

    pub(crate) fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Transport for Counting {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        let counts = &self.counts;
        let answer = self.fake.send(request);
        Box::pin(async move {
            let mut fate = Fate { counts, name: Some("no-answer".to_owned()) };
            let answer = answer.await;
            fate.name = match &answer {
                Ok(answer) => (!answer.status().is_success()).then(|| answer.status().as_u16().to_string()),
                Err(error) => Some(format!("{:?}", error.kind()).to_lowercase()),
            };
            answer
        })
    }
}

/// Counts a request when its future is gone: one that is dropped got no answer in time.
struct Fate<'a> {
    counts: &'a Counts,
    name: Option<String>,
}

impl Drop for Fate<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
    }
}
