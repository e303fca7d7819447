//! One bulk run: several tasks push through one pusher, some of their pushes are dropped, and the run
//! is ended in one of the ways that there are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coveo_push::report::{FailedBatch, Progress, PushReport};
use coveo_push::{PushClient, PushError, PushQueue, Pushed};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::kind::Kind;
use crate::model::Fate;
use crate::plan::{Ending, Plan, Step, Way};
use crate::running::Report;

/// The result of a run.
pub(crate) struct Outcome<K: Kind> {
    pub(crate) way: Way,
    /// The queued operations, in order.
    pub(crate) taken: Vec<K::Operation>,
    /// The number of each accepted batch, and how many operations it holds.
    pub(crate) accepted: Vec<(u64, u64)>,
    /// Whether operations replaced earlier ones of their batch.
    pub(crate) replaces: bool,
    /// A run that was dropped has none.
    pub(crate) report: Option<PushReport>,
    /// The batches that were handed back, in the order of the run.
    pub(crate) failed: Vec<FailedBatch>,
    /// How far it came.
    pub(crate) last: Progress,
    /// Whether old items were deleted; `None` in a run without a deletion.
    pub(crate) deletion: Option<Fate>,
    /// A refresh that the service did not let begin.
    pub(crate) not_begun: bool,
    pub(crate) cancellations: u64,
}

impl<K: Kind> Outcome<K> {
    fn not_begun(way: Way) -> Self {
        Self {
            way,
            taken: Vec::new(),
            accepted: Vec::new(),
            replaces: false,
            report: None,
            failed: Vec::new(),
            last: Progress::default(),
            deletion: None,
            not_begun: true,
            cancellations: 0,
        }
    }
}

/// The log of the tasks of a run.
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
    let accepted: Shared<Vec<(u64, u64)>> = Shared::default();
    let receipts = Arc::clone(&accepted);
    let handler = plan.has_handler.then(|| Arc::clone(&handed));
    let set = |builder| {
        let builder = plan.set(builder).on_accepted(move |receipt| {
            with(&receipts, |receipts| receipts.push((receipt.number, receipt.operations)));
        });
        match handler {
            Some(handed) => builder.on_failed_batch(move |batch| with(&handed, |handed| handed.push(batch))),
            None => builder,
        }
    };
    let Some(run) = K::start(&client, plan.way, set).await else {
        return Ok(Outcome::not_begun(plan.way));
    };
    let run = Arc::new(run);
    let mut progress = run.pusher().progress();
    let deletion_sent = run.deletion_sent();
    let log = Arc::new(Mutex::new(Log::<K> { taken: Vec::new(), refused: 0, dropped: 0, wrong: None }));

    let mut tasks = JoinSet::new();
    for steps in plan.tasks {
        let (run, log) = (Arc::clone(&run), Arc::clone(&log));
        tasks.spawn(async move { push_all::<K>(run.pusher(), steps, &log).await });
    }
    let all_done = async { while tasks.join_next().await.is_some() {} };
    let is_cut = timeout(plan.cut.unwrap_or(Duration::MAX), all_done).await.is_err();
    tasks.shutdown().await;

    let run = Arc::into_inner(run).ok_or("a task still has the pusher")?;
    let report = match plan.ending {
        Ending::Finish => Some(run.finish().await),
        Ending::Abort => Some(run.abort().await),
        Ending::Drop => {
            drop(run);
            None
        }
        Ending::DropWhileFinishing(time) => timeout(time, run.finish()).await.ok(),
    };
    // The channel closes when the last task of the run is gone, and with it the last batch.
    while progress.changed().await.is_ok() {}
    let last = *progress.borrow();
    let mut failed = with(&handed, std::mem::take);
    let may_have_deleted = match deletion_sent {
        Some(sent) => *sent.borrow(),
        // A run of a catalog does not say so.
        None => plan.way != Way::Bulk && matches!(plan.ending, Ending::DropWhileFinishing(_)),
    };
    let (mut report, deletion) = match report {
        Some(Report { push, deletion }) => (Some(push), deletion),
        // It may have arrived.
        None if may_have_deleted => (None, Some(Fate::Unknown)),
        None => (None, None),
    };
    if let Some(report) = &mut report {
        failed.append(&mut report.failed_batches);
    }
    failed.sort_by_key(FailedBatch::number);

    let log = Arc::into_inner(log).ok_or("a task still has the log")?;
    let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
    check_account(&log, report.as_ref(), last, &failed)?;
    check_deletion(&log, report.as_ref(), plan.ending, deletion)?;
    Ok(Outcome {
        way: plan.way,
        taken: log.taken,
        accepted: with(&accepted, std::mem::take),
        replaces: plan.replaces,
        report,
        failed,
        last,
        deletion,
        not_begun: false,
        cancellations: log.dropped + u64::from(is_cut) + u64::from(plan.ending != Ending::Finish),
    })
}

/// The work of one task. It has no place to wait between the push of an operation and the note of it,
/// so the notes are in the order in which the operations were taken.
async fn push_all<K: Kind>(pusher: &PushQueue<K::Handle>, steps: Vec<Step<K>>, log: &Mutex<Log<K>>) {
    let note = |note: &mut dyn FnMut(&mut Log<K>)| note(&mut log.lock().unwrap_or_else(PoisonError::into_inner));
    for step in steps {
        let (operation, is_refused, patience) = match step {
            Step::Wait(time) => {
                sleep(time).await;
                continue;
            }
            Step::Flush => match pusher.flush().await {
                Ok(_) => continue,
                Err(_) => return,
            },
            Step::Push { operation, is_refused, patience } => (operation, is_refused, patience),
        };
        let Ok(pushed) = timeout(patience.unwrap_or(Duration::MAX), K::push(pusher, &operation)).await else {
            note(&mut |log| log.dropped += 1);
            continue;
        };
        match pushed {
            Ok(Pushed::Queued(_)) if !is_refused => note(&mut |log| log.taken.push(operation.clone())),
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
    let found = (last.pushed, last.refused, last.failed, last.accepted + last.replaced + last.failed + unsent);
    let expected = (taken + log.refused, log.refused, in_failed, taken);
    if found != expected {
        return Err(format!("the account is {found:?} and should be {expected:?}"));
    }
    if let Some(report) = report {
        let found = (
            report.totals.pushed,
            report.totals.accepted,
            report.totals.failed,
            report.totals.refused,
            report.totals.unsent,
        );
        let expected = (last.pushed, last.accepted, last.failed, last.refused, unsent);
        if found != expected {
            return Err(format!("the report is {found:?} and should be {expected:?}"));
        }
    }
    Ok(())
}

/// Old items are deleted if and only if everything was pushed.
fn check_deletion<K: Kind>(
    log: &Log<K>,
    report: Option<&PushReport>,
    ending: Ending,
    deletion: Option<Fate>,
) -> Result<(), String> {
    let (Some(report), Some(deletion)) = (report, deletion) else { return Ok(()) };
    let is_whole = report.is_complete() && log.refused == 0 && log.dropped == 0 && ending != Ending::Abort;
    if deletion != Fate::NotDone && !is_whole {
        return Err(format!("what is old was deleted, and the run is not whole: {report}"));
    }
    Ok(())
}
