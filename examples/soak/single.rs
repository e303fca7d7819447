//! Calls one by one, some of which are dropped.

use std::time::Duration;

use coveo_push::PushClient;
use fastrand::Rng;
use tokio::time::timeout;

use crate::kind::{Kind, SingleCalls};
use crate::model::Fate;
use crate::settle::fate_of;

/// The results of the calls of one task, in order.
pub(crate) struct Calls<K: Kind> {
    pub(crate) made: Vec<(K::Operation, Fate)>,
    pub(crate) dropped: u64,
}

/// How many calls a task makes at the most.
pub(crate) const MOST: u64 = 40;

/// Makes calls on keys that nobody else uses.
pub(crate) async fn run<K: SingleCalls>(
    mut rng: Rng,
    client: PushClient,
    keys: Vec<String>,
    mut next: u64,
) -> Result<Calls<K>, String> {
    let mut calls = Calls { made: Vec::new(), dropped: 0 };
    for _ in 0..rng.u64(1..=MOST) {
        next += 1;
        if rng.u8(..20) == 0 {
            let operation = K::draw_refused(&mut rng, next);
            if K::call(&client, &operation).await.is_ok() {
                return Err(format!("{operation:?} was not refused"));
            }
            continue;
        }
        let operation = K::draw(&mut rng, &keys, next);
        let patience = if rng.u8(..8) == 0 { Duration::from_millis(rng.u64(..20_000)) } else { Duration::MAX };
        let fate = match timeout(patience, K::call(&client, &operation)).await {
            Ok(Ok(())) => Fate::Done,
            Ok(Err(error)) => fate_of(&error),
            Err(_) => {
                calls.dropped += 1;
                Fate::Unknown
            }
        };
        calls.made.push((operation, fate));
    }
    Ok(calls)
}
