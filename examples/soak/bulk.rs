//! One bulk run: several tasks push through one pusher, some of their pushes are dropped, and the run
//! is ended in one of the ways that there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coveo_push::{FailedBatch, Progress, PushClient, PushError, PushReport, Pushed};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::kind::Kind;
use crate::plan::{Ending, Plan, Step};

/// What became of a run.
pub(crate) struct Outcome<K: Kind> {
    /// What was taken, in order.
    pub(crate) taken: Vec<K::Operation>,
    /// A run that was dropped has none.
    pub(crate) report: Option<PushReport>,
    /// The batches that were handed back, in the order of the run.
    pub(crate) failed: Vec<FailedBatch>,
    /// How far it came.
    pub(crate) last: Progress,
    pub(crate) cancellations: u64,
}

/// What the tasks of a run did.
struct Log<K: Kind> {
    taken: Vec<K::Operation>,
    refused: u64,
    dropped: u64,
    wrong: Option<String>,
}

type Shared<T> = Arc<Mutex<T>>;

fn with<T, R>(shared: &Shared<T>, at: impl FnOnce(&mut T) -> R) -> R {
    at(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Carries a plan out.
pub(crate) async fn run<K: Kind>(client: PushClient, plan: Plan<K>) -> Result<Outcome<K>, String> {
    let handed: Shared<Vec<FailedBatch>> = Shared::default();
    let mut builder = plan.set(K::pusher(&client));
    if plan.has_handler {
        let handed = Arc::clone(&handed);
        builder = builder.on_failed_batch(move |batch| with(&handed, |handed| handed.push(batch)));
    }
    let pusher = Arc::new(K::start(builder));
    let mut progress = K::progress(&pusher);
    let log = Arc::new(Mutex::new(Log::<K> { taken: Vec::new(), refused: 0, dropped: 0, wrong: None }));

    let mut tasks = JoinSet::new();
    for steps in plan.tasks {
        let (pusher, log) = (Arc::clone(&pusher), Arc::clone(&log));
        tasks.spawn(async move { push_all::<K>(&pusher, steps, &log).await });
    }
    let all_done = async { while tasks.join_next().await.is_some() {} };
    let is_cut = timeout(plan.cut.unwrap_or(Duration::MAX), all_done).await.is_err();
    tasks.shutdown().await;

    let pusher = Arc::into_inner(pusher).ok_or("a task still has the pusher")?;
    let mut report = match plan.ending {
        Ending::Finish => Some(K::finish(pusher).await),
        Ending::Abort => Some(K::abort(pusher).await),
        Ending::Drop => {
            drop(pusher);
            None
        }
        Ending::DropWhileFinishing(time) => timeout(time, K::finish(pusher)).await.ok(),
    };
    // The channel closes when the last task of the run is gone, and with it the last batch.
    while progress.changed().await.is_ok() {}
    let last = *progress.borrow();
    let mut failed = with(&handed, std::mem::take);
    if let Some(report) = &mut report {
        failed.append(&mut report.failed_batches);
    }
    failed.sort_by_key(FailedBatch::number);

    let log = Arc::into_inner(log).ok_or("a task still has the log")?;
    let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
    check_account(&log, report.as_ref(), last, &failed)?;
    Ok(Outcome {
        taken: log.taken,
        report,
        failed,
        last,
        cancellations: log.dropped + u64::from(is_cut) + u64::from(plan.ending != Ending::Finish),
    })
}

/// What one task does. It has no place to wait between the push of an operation and the note of it,
/// so the notes are in the order in which the operations were taken.
async fn push_all<K: Kind>(pusher: &K::Pusher, steps: Vec<Step<K>>, log: &Mutex<Log<K>>) {
    let note = |note: &mut dyn FnMut(&mut Log<K>)| note(&mut log.lock().unwrap_or_else(PoisonError::into_inner));
    for step in steps {
        let (operation, is_refused, patience) = match step {
            Step::Wait(time) => {
                sleep(time).await;
                continue;
            }
            Step::Flush => match K::flush(pusher).await {
                Ok(()) => continue,
                Err(_) => return,
            },
            Step::Push { operation, is_refused, patience } => (operation, is_refused, patience),
        };
        let Ok(pushed) = timeout(patience.unwrap_or(Duration::MAX), K::push(pusher, &operation)).await else {
            note(&mut |log| log.dropped += 1);
            continue;
        };
        match pushed {
            Ok(Pushed::Taken) if !is_refused => note(&mut |log| log.taken.push(operation.clone())),
            Ok(Pushed::Refused(_)) if is_refused => note(&mut |log| log.refused += 1),
            Err(PushError::Stopped(_)) => return,
            other => return note(&mut |log| log.wrong = Some(format!("{operation:?} gave {other:?}"))),
        }
    }
}

/// Every operation is in one of the counts.
fn check_account<K: Kind>(
    log: &Log<K>,
    report: Option<&PushReport>,
    last: Progress,
    failed: &[FailedBatch],
) -> Result<(), String> {
    if let Some(wrong) = &log.wrong {
        return Err(wrong.clone());
    }
    let count = |is_unsent: bool| {
        let batches = failed.iter().filter(|batch| batch.is_unsent() == is_unsent);
        batches.map(|batch| batch.operations() as u64).sum::<u64>()
    };
    let (unsent, in_failed) = (count(true), count(false));
    let taken = log.taken.len() as u64;
    let found = (last.pushed, last.refused, last.failed, last.accepted + last.failed + unsent);
    let expected = (taken + log.refused, log.refused, in_failed, taken);
    if found != expected {
        return Err(format!("the account is {found:?} and should be {expected:?}"));
    }
    if let Some(report) = report {
        let found = (report.pushed, report.accepted, report.failed, report.refused, report.unsent);
        let expected = (last.pushed, last.accepted, last.failed, last.refused, unsent);
        if found != expected {
            return Err(format!("the report is {found:?} and should be {expected:?}"));
        }
    }
    Ok(())
}
