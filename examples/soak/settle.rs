//! Compares the service with the model after a run, and pushes failed batches again.

use std::collections::BTreeSet;
use std::time::Duration;

use coveo_push::Error;
use coveo_push::fake::FakePushApi;
use coveo_push::report::FailedBatch;
use fastrand::Rng;

use crate::bulk::Outcome;
use crate::kind::{Kind, held};
use crate::model::{Fate, Model};
use crate::plan::Way;

/// A batch of the run.
pub(crate) struct Batch<'a, K: Kind> {
    pub(crate) operations: &'a [K::Operation],
    /// When it was handed back.
    pub(crate) failed: Option<Failed<'a>>,
}

pub(crate) struct Failed<'a> {
    batch: &'a FailedBatch,
    /// The list and the name of each operation that is pushed again with it.
    left: BTreeSet<(String, String)>,
}

impl Failed<'_> {
    fn holds<K: Kind>(&self, operation: &K::Operation) -> bool {
        self.left.contains(&(K::list(operation).to_owned(), K::name(operation)))
    }
}

/// Compares the service with the model after a run, and pushes failed batches again. Returns how many
/// of them. `last` is the number of the last operation before the run.
pub(crate) async fn settle<K: Kind>(
    rng: &mut Rng,
    fake: &FakePushApi,
    model: &mut Model<K>,
    outcome: &Outcome<K>,
    last: u64,
) -> Result<u64, String> {
    if outcome.way == Way::Load {
        return settle_load(fake, model, outcome, last);
    }
    if outcome.replaces {
        return settle_replaced(fake, model, outcome, last).await;
    }
    let before = model.clone();
    let batches = batches(outcome)?;
    for Batch { operations, failed } in &batches {
        let fate = match failed {
            None => Fate::Done,
            Some(failed) if failed.batch.may_have_been_applied() => Fate::Unknown,
            Some(_) => Fate::NotDone,
        };
        operations.iter().for_each(|operation| model.apply(operation, fate));
    }
    let deletion = outcome.deletion.unwrap_or(Fate::NotDone);
    model.change(|state| K::without_old(state, last), deletion);
    model.compare(fake, "after a run")?;
    // Some runs leave it at that.
    let mut pushed_again = 0;
    if rng.u8(..4) != 0 {
        pushed_again = push_again(rng, fake, model, &batches).await?;
        model.compare(fake, "after what failed was pushed again")?;
        if deletion == Fate::NotDone {
            without_failures(before, &batches).compare(fake, "as if nothing had failed")?;
        }
    }
    model.settle(fake);
    Ok(pushed_again)
}

/// The same for a run in which some operations are in no batch, as later ones replaced them: once its failed batches are
/// pushed again, all is as if each operation had been applied.
async fn settle_replaced<K: Kind>(
    fake: &FakePushApi,
    model: &mut Model<K>,
    outcome: &Outcome<K>,
    last: u64,
) -> Result<u64, String> {
    let Outcome { taken, failed, deletion, .. } = outcome;
    fake.clear_faults();
    // Waits that the service asked for are over.
    tokio::time::sleep(Duration::from_secs(900)).await;
    let mut pushed_again = 0;
    for batch in failed {
        match batch.push_again().await {
            Ok(again) => pushed_again += u64::from(again.is_some()),
            // All that is left of it would undo later operations.
            Err(Error::Invalid(_)) if !batch.to_conflicting_ids().is_empty() => {}
            Err(error) => return Err(format!("{batch}: {error}")),
        }
    }
    taken.iter().for_each(|operation| model.apply(operation, Fate::Done));
    model.change(|state| K::without_old(state, last), deletion.unwrap_or(Fate::NotDone));
    let superseded = failed.iter().flat_map(FailedBatch::to_superseded_ids);
    let left_out: BTreeSet<&str> = superseded.chain(failed.iter().flat_map(FailedBatch::to_conflicting_ids)).collect();
    for operation in taken {
        if K::leaves_a_rest(operation) && left_out.contains(K::key(operation)) {
            model.leave_out(operation);
        }
    }
    model.compare(fake, "as if nothing had failed")?;
    model.settle(fake);
    Ok(pushed_again)
}

/// The same for a load: everything is replaced, or nothing happened. Its failed batches belong to a stream that is never
/// closed.
fn settle_load<K: Kind>(
    fake: &FakePushApi,
    model: &mut Model<K>,
    outcome: &Outcome<K>,
    last: u64,
) -> Result<u64, String> {
    let mut closed = model.clone();
    outcome.taken.iter().for_each(|operation| closed.apply(operation, Fate::Done));
    // A load that shares no item with its catalog does not empty it.
    if outcome.taken.iter().any(|operation| model.has_old(K::key(operation), last)) {
        closed.change(|state| K::without_old(state, last), Fate::Done);
    }
    match outcome.deletion.unwrap_or(Fate::NotDone) {
        Fate::Done => closed.compare(fake, "after a load")?,
        Fate::NotDone => model.compare(fake, "after a load that was not closed")?,
        Fate::Unknown => closed.compare(fake, "").or_else(|_| model.compare(fake, "after a load, or before it"))?,
    }
    model.settle(fake);
    Ok(0)
}

/// The batches in the order of the run. An operation is in one of them.
pub(crate) fn batches<K: Kind>(outcome: &Outcome<K>) -> Result<Vec<Batch<'_, K>>, String> {
    let Outcome { taken, accepted, report, failed, .. } = outcome;
    let mut rest = taken.as_slice();
    let mut cut = |operations: usize| {
        let (batch, others) = rest.split_at_checked(operations).ok_or("batches hold more than was taken")?;
        rest = others;
        Ok::<_, String>(batch)
    };
    let mut batches = Vec::new();
    match report {
        Some(_) => {
            let accepted = accepted.iter().map(|(number, operations)| (*number, *operations as usize, None));
            let failed = failed.iter().map(|batch| (batch.number(), batch.operations(), Some(batch)));
            let mut all: Vec<_> = accepted.chain(failed).collect();
            all.sort_by_key(|(number, ..)| *number);
            if !all.is_sorted_by(|(one, ..), (next, ..)| one < next) {
                return Err("a batch came twice".to_owned());
            }
            for (_, operations, batch) in all {
                batches.push(Batch { operations: cut(operations)?, failed: batch.map(handed_back::<K>).transpose()? });
            }
        }
        None => {
            // Each key was used once.
            let mut done = 0;
            for batch in failed {
                let first = batch.ids().next().ok_or("an empty batch was handed back")?;
                let at = taken.iter().position(|operation| K::key(operation) == first);
                let before = at.and_then(|at| at.checked_sub(done));
                let before = before.ok_or_else(|| format!("{first} was handed back twice, or never taken"))?;
                done += before + batch.operations();
                batches.push(Batch { operations: cut(before)?, failed: None });
                batches.push(Batch { operations: cut(batch.operations())?, failed: Some(handed_back::<K>(batch)?) });
            }
            batches.push(Batch { operations: cut(taken.len() - done)?, failed: None });
        }
    }
    if !rest.is_empty() {
        return Err(format!("taken and in no batch: {rest:?}"));
    }
    for Batch { operations, failed } in &batches {
        if let Some(Failed { batch, .. }) = failed
            && !batch.ids().eq(operations.iter().map(K::key))
        {
            return Err(format!("{batch} was handed back and should have {operations:?}"));
        }
    }
    Ok(batches)
}

fn handed_back<K: Kind>(batch: &FailedBatch) -> Result<Failed<'_>, String> {
    Ok(Failed { batch, left: held::<K>(&batch.to_body())? })
}

/// Pushes the failed batches again, in order, until each is accepted. Returns how many had something left.
async fn push_again<K: Kind>(
    rng: &mut Rng,
    fake: &FakePushApi,
    model: &mut Model<K>,
    batches: &[Batch<'_, K>],
) -> Result<u64, String> {
    let mut pushed_again = 0;
    for (at, Batch { operations, failed }) in batches.iter().enumerate() {
        let Some(failed) = failed else { continue };
        let later = batches.get(at + 1..).unwrap_or_default();
        let mut left = Vec::new();
        for operation in *operations {
            if is_left::<K>(failed, operation, later)? {
                left.push(operation);
            }
        }
        let batch = failed.batch;
        let tries_with_faults = rng.u8(..4);
        for attempt in 0.. {
            if attempt >= tries_with_faults {
                fake.clear_faults();
            }
            match batch.push_again().await {
                Ok(accepted) if accepted.is_some() != left.is_empty() => break,
                Ok(accepted) => return Err(format!("{batch}: pushed again: {accepted:?}, left: {left:?}")),
                Err(Error::Invalid(_)) if left.is_empty() && !batch.to_conflicting_ids().is_empty() => break,
                Err(error) if attempt > tries_with_faults + 10 => return Err(format!("{batch}: {error}")),
                Err(error) => {
                    let fate = fate_of(&error);
                    left.iter().for_each(|operation| model.apply(operation, fate));
                    model.compare(fake, "after a batch failed again")?;
                    // The wait that the service asked for is over.
                    tokio::time::sleep(Duration::from_secs(300)).await;
                }
            }
        }
        left.iter().for_each(|operation| model.apply(operation, Fate::Done));
        pushed_again += u64::from(!left.is_empty());
    }
    Ok(pushed_again)
}

pub(crate) fn fate_of(error: &Error) -> Fate {
    if error.may_have_been_applied() { Fate::Unknown } else { Fate::NotDone }
}

/// Whether an operation of a failed batch is pushed again: it is, unless a later one took its place, and
/// then none did that was accepted.
fn is_left<K: Kind>(failed: &Failed<'_>, operation: &K::Operation, later: &[Batch<'_, K>]) -> Result<bool, String> {
    let is_left = failed.holds::<K>(operation);
    let superseded = |batch: &Batch<'_, K>| batch.operations.iter().any(|later| K::supersedes(later, operation));
    if is_left && later.iter().any(|batch| batch.failed.is_none() && superseded(batch)) {
        return Err(format!("{operation:?} is pushed again, and a later one was accepted"));
    }
    if !is_left && !later.iter().any(superseded) {
        return Err(format!("{operation:?} is not pushed again, and nothing took its place"));
    }
    Ok(is_left)
}

/// What there is when every batch is accepted, as far as that can be had by pushing those again that
/// were not.
fn without_failures<K: Kind>(mut model: Model<K>, batches: &[Batch<'_, K>]) -> Model<K> {
    let all = || batches.iter().flat_map(|batch| batch.operations.iter().map(move |operation| (batch, operation)));
    for (_, operation) in all() {
        model.apply(operation, Fate::Done);
    }
    for (batch, operation) in all() {
        let is_left_out = batch.failed.as_ref().is_some_and(|failed| !failed.holds::<K>(operation));
        if is_left_out && K::leaves_a_rest(operation) {
            model.leave_out(operation);
        }
    }
    model
}
