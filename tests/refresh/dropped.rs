//! Runs that are dropped: nothing is deleted, and the source is set to idle all the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use coveo_push::fake::{FakePushApi, Fault, FaultRates};
use coveo_push::report::{DeletionOutcome, DeletionSkipped, IdleOutcome};
use coveo_push::{Error, Identities, Items, Operation, PushError, Refresh, RefreshError, RefreshKind, SourceStatus};

use tokio::sync::watch;

use super::support::{
    NEW, SOURCE, all, document, fake, is_idle, left, ms, push_all, rebuild, requests_of, runtime, secs,
};

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_deletes_nothing_and_ends_idle() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    run.pusher().flush().await.unwrap();
    drop(run);
    tokio::time::sleep(secs(1)).await;
    assert!(is_idle(&fake));
    assert_eq!(left(&fake), all());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_takes_nothing_more_from_tasks_that_have_its_pusher() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    let pusher = run.pusher().clone();
    drop(run);
    let error = pusher.add_or_update("a://late", &document(1)).await.unwrap_err();
    assert!(matches!(error, PushError::Stopped(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_abort_waits_20_seconds_for_a_service_that_is_down() {
    let fake = fake().await;
    let run = fake.client().items(SOURCE).refresh(RefreshKind::Rebuild).start().await.unwrap();
    fake.inject(Fault::on(Operation::SetSourceStatus).no_connection().always());
    let begin = tokio::time::Instant::now();
    let report = run.abort().await;
    assert!(matches!(report.idle, IdleOutcome::Failed(_)), "{report}");
    assert!((secs(15)..=secs(21)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_producer_drops_the_run() {
    async fn produce(run: Result<Refresh<Items>, RefreshError>) -> Result<(), RefreshError> {
        let run = run?;
        push_all(run.pusher()).await?;
        let unknown = "no status".parse::<SourceStatus>().unwrap_err();
        Err(PushError::from(Error::from(unknown)))?;
        run.finish().await.into_result()?;
        Ok(())
    }

    let fake = fake().await;
    let error = produce(rebuild(&fake).start().await).await.unwrap_err();
    assert!(matches!(error, RefreshError::Push(_)));
    tokio::time::sleep(secs(1)).await;
    assert!(requests_of(&fake, Operation::DeleteOldItems).is_empty());
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_producers_task_deletes_nothing_and_the_source_ends_idle() {
    let fake = fake().await;
    let producer = tokio::spawn({
        let fake = fake.clone();
        async move {
            let run = rebuild(&fake).start().await.unwrap();
            run.pusher().add_or_update(NEW[0], &document(1)).await.unwrap();
            run.pusher().flush().await.unwrap();
            panic!("the producer panics");
        }
    });
    assert!(producer.await.unwrap_err().is_panic());
    tokio::time::sleep(secs(1)).await;
    assert!(is_idle(&fake));
    assert!(left(&fake).iter().any(|id| id == NEW[0]));
    assert_eq!(left(&fake).len(), 4);
}

#[test]
fn a_panic_that_unwinds_the_runtimes_own_thread_ends_idle_once_the_runtime_goes_on() {
    let runtime = runtime();
    let fake = runtime.block_on(fake());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let run = rebuild(&fake).start().await.unwrap();
            push_all(run.pusher()).await.unwrap();
            panic!("the producer panics");
        })
    }));
    assert!(panicked.is_err());
    runtime.block_on(async { tokio::time::sleep(secs(1)).await });
    assert!(is_idle(&fake));
    assert!(requests_of(&fake, Operation::DeleteOldItems).is_empty());
}

#[test]
fn a_run_that_is_dropped_where_no_runtime_is_uses_the_one_that_it_began_on() {
    let runtime = runtime();
    let (fake, run) = runtime.block_on(async {
        let fake = fake().await;
        let run = rebuild(&fake).start().await.unwrap();
        (fake, run)
    });
    drop(run);
    runtime.block_on(async { tokio::time::sleep(secs(1)).await });
    assert!(is_idle(&fake));
}

#[test]
fn a_run_that_outlives_its_runtime_is_dropped_without_a_panic_or_ends_idle_on_another() {
    let first = runtime();
    let start = || async {
        let fake = fake().await;
        let run = rebuild(&fake).start().await.unwrap();
        (fake, run)
    };
    let ((_, nowhere), (fake, elsewhere)) = first.block_on(async { (start().await, start().await) });
    drop(first);
    drop(nowhere);
    let second = runtime();
    second.block_on(async {
        drop(elsewhere);
        tokio::time::sleep(secs(1)).await;
    });
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_while_the_status_is_being_set_ends_idle() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::SetSourceStatus).late_answer(secs(20)));
    assert!(tokio::time::timeout(secs(1), rebuild(&fake).start()).await.is_err());
    tokio::time::sleep(secs(1)).await;
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_finish_ends_idle_and_says_whether_the_deletion_was_sent() {
    for (fault, is_sent) in [
        (Fault::on(Operation::UploadToContainer).latency(secs(10)), false),
        (Fault::on(Operation::DeleteOldItems).late_answer(secs(10)), true),
        (Fault::on(Operation::SetSourceStatus).skip(1).hang(), true),
    ] {
        let fake = fake().await;
        fake.inject(fault.clone());
        let run = rebuild(&fake).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let sent = run.deletion_sent();
        assert!(!*sent.borrow(), "{fault:?}");
        assert!(tokio::time::timeout(secs(5), run.finish()).await.is_err(), "{fault:?}");
        tokio::time::sleep(secs(100)).await;
        assert_eq!(*sent.borrow(), is_sent, "{fault:?}");
        assert_eq!(requests_of(&fake, Operation::DeleteOldItems).len(), usize::from(is_sent), "{fault:?}");
        assert_eq!(left(&fake) == NEW, is_sent, "{fault:?}");
        assert!(is_idle(&fake), "{fault:?}");
    }
}

#[test]
fn a_run_that_lost_its_runtime_and_is_finished_on_another_deletes_nothing() {
    let first = runtime();
    let (fake, run) = first.block_on(async {
        let fake = fake().await;
        fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
        let run = rebuild(&fake).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        (fake, run)
    });
    drop(first);
    fake.clear_faults();
    let report = runtime().block_on(async { run.finish().await });
    assert!(matches!(report.deletion, DeletionOutcome::Skipped(DeletionSkipped::Unsent(3))), "{report}");
    assert!(is_idle(&fake));
    assert!(requests_of(&fake, Operation::DeleteOldItems).is_empty());
}

#[test]
fn a_refresh_can_go_anywhere_and_be_shared() {
    fn is_free<T: Send + Sync + 'static>() {}

    is_free::<Refresh<Items>>();
    is_free::<Refresh<Identities>>();
    is_free::<RefreshError>();
}

#[test]
fn on_several_threads_and_in_real_time_a_run_that_is_dropped_ends_idle_and_deletes_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    for round in 0..30 {
        runtime.block_on(async {
            let fake = FakePushApi::builder().source(SOURCE).build();
            let rates = FaultRates::seeded(round).latency(ms(0)..=ms(3)).late_answer(ms(0)..=ms(3));
            fake.inject_random(rates);
            let sent: Arc<Mutex<Option<watch::Receiver<bool>>>> = Arc::default();
            let run = async {
                let run = rebuild(&fake).start().await.unwrap();
                *sent.lock().unwrap() = Some(run.deletion_sent());
                push_all(run.pusher()).await.unwrap();
                run.finish().await
            };
            let _ = tokio::time::timeout(ms(round + 1), run).await;
            let began = std::time::Instant::now();
            while !fake.requests().is_empty() && !is_idle(&fake) {
                assert!(began.elapsed() < secs(20), "round {round}: {:?}", fake.requests());
                tokio::time::sleep(ms(1)).await;
            }
            let is_sent = sent.lock().unwrap().as_ref().is_some_and(|sent| *sent.borrow());
            assert!(is_sent || requests_of(&fake, Operation::DeleteOldItems).is_empty());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_abort_does_not_wait_for_the_limit_of_the_run() {
    let fake = fake().await;
    let refresh = fake.client().items(SOURCE).refresh(RefreshKind::Rebuild);
    let refresh = refresh.pusher(|pusher| pusher.concurrency(64).batch_bytes(1_024).max_api_calls(1, secs(60)));
    let run = refresh.start().await.unwrap();
    for n in 0..30 {
        run.pusher().add_or_update(format!("https://example.com/{n}"), &document(n)).await.unwrap();
    }
    let begin = tokio::time::Instant::now();
    run.abort().await;
    assert!(begin.elapsed() < secs(1) && is_idle(&fake), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_abort_and_a_drop_wait_no_longer_than_20_seconds_for_a_host_that_is_down() {
    let fake = fake().await;
    let items = fake.client().items(SOURCE);
    let aborted = items.refresh(RefreshKind::Rebuild).start().await.unwrap();
    let dropped = items.refresh(RefreshKind::Rebuild).start().await.unwrap();
    fake.inject(Fault::on(Operation::SetSourceStatus).status(503).always());
    let begin = tokio::time::Instant::now();
    let report = aborted.abort().await;
    assert!(matches!(&report.idle, IdleOutcome::Failed(error) if error.held()), "{:?}", report.idle);
    assert_eq!(begin.elapsed().as_secs(), 20);
    fake.clear_requests();
    drop(dropped);
    tokio::time::sleep(secs(20)).await;
    let during = fake.requests().len();
    tokio::time::sleep(secs(300)).await;
    assert_eq!((during > 0, fake.requests().len() - during), (true, 0));
}
