//! One round: the kinds of rounds take turns.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, timeout};

use crate::figures::Figures;
use crate::idle::IdleGate;
use crate::world::said;
use crate::{catalogs, outcomes, pushes, sharded, syncs};

/// No round takes so long, even by its own clock: one that does waits for something that never comes.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Runs the round with that number.
pub(crate) fn run(seed: u64, number: u64, figures: &mut Figures) -> Result<(), String> {
    let gate = IdleGate::default();
    let (open, close) = (gate.clone(), gate.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .on_thread_park(move || open.set_idle(true))
        .on_thread_unpark(move || close.set_idle(false))
        .build()
        .map_err(said)?;
    let _opened_before_the_runtime_ends = gate.guard();
    let rng = Rng::with_seed(seed.rotate_left(32) ^ number);
    runtime.block_on(async {
        let begin = Instant::now();
        timeout(LONGEST, work(number, rng, gate, figures))
            .await
            .map_err(|_| "it waits for something that never comes")??;
        figures.rounds += 1;
        figures.time += begin.elapsed();
        Ok(())
    })
}

async fn work(number: u64, rng: Rng, gate: IdleGate, figures: &mut Figures) -> Result<(), String> {
    match number % 5 {
        0 => sharded::run(rng, figures).await,
        1 => pushes::run(rng, figures).await,
        2 => catalogs::run(rng, figures).await,
        3 => syncs::run(rng, gate, figures).await,
        _ => outcomes::run(rng, figures).await,
    }
}
