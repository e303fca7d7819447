//! Single histories: what is skipped, pushed and deleted.

use std::future::{IntoFuture, poll_fn};
use std::task::Poll;
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::IdleOutcome;
use coveo_push::{Items, LedgerStep, Operation, Pushed, RetryPolicy, SourceStatus};
use futures_util::FutureExt;

use super::support::{Corpus, SOURCE, World, corpus, counts, doc, push_all};

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_pushed_and_what_is_gone_is_deleted() {
    let world = World::new();
    let first = world.run(&corpus([("a://1", 1), ("a://2", 1), ("a://3", 1)])).await.into_result().unwrap();
    assert_eq!(counts(&first), [3, 0, 0, 0]);
    let changed = corpus([("a://1", 1), ("a://2", 2), ("a://4", 1)]);
    let second = world.run(&changed).await.into_result().unwrap();
    assert_eq!(counts(&second), [1, 1, 1, 1]);
    assert_eq!(world.held(), changed);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_which_nothing_changed_sends_nothing() {
    let world = World::new();
    let all = corpus([("a://1", 1), ("a://2", 1)]);
    world.run(&all).await.into_result().unwrap();
    world.fake.clear_requests();
    let report = world.run(&all).await.into_result().unwrap();
    assert_eq!(counts(&report), [0, 0, 2, 0]);
    assert_eq!(world.fake.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_source_is_incremental_from_the_first_commit_to_the_end() {
    let world = World::new();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    assert_eq!(world.fake.source(SOURCE).status(), None);
    run.add_or_update("a://1", &doc(1)).await.unwrap();
    run.flush().await.unwrap();
    assert_eq!(world.fake.source(SOURCE).status(), Some(SourceStatus::Incremental));
    run.finish().await.into_result().unwrap();
    assert_eq!(world.fake.source(SOURCE).status(), Some(SourceStatus::Idle));
    assert_eq!(world.calls(Operation::SetSourceStatus), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_a_run_could_not_set_to_idle_is_set_by_the_next_one() {
    let (world, all) = (World::new(), corpus([("a://1", 1)]));
    let status = || world.fake.source(SOURCE).status();
    world.fake.inject(Fault::on(Operation::SetSourceStatus).skip(1).status(403));
    let first = world.run(&all).await;
    assert!(matches!(first.idle, IdleOutcome::Failed(_)) && !first.is_complete(), "{first}");
    drop(first);
    assert_eq!(status(), Some(SourceStatus::Incremental));
    // Nothing changed meanwhile.
    let second = world.run(&all).await.into_result().unwrap();
    assert_eq!((counts(&second), status()), ([0, 0, 1, 0], Some(SourceStatus::Idle)));
    drop(second);
    world.fake.clear_requests();
    world.run(&all).await.into_result().unwrap();
    assert_eq!(world.fake.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_an_item_that_goes_back_to_its_recorded_version_is_pushed_behind_the_queued_one() {
    let world = World::new();
    world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
    for flushes in [false, true] {
        let ledger = world.ledger();
        let run = world.sync(&ledger).start().await.unwrap();
        run.add_or_update("a://1", &doc(1)).await.unwrap();
        if flushes {
            run.flush().await.unwrap();
        }
        assert!(run.add_or_update("a://1", &doc(0)).await.unwrap().is_queued());
        run.finish().await.into_result().unwrap();
        assert_eq!(world.held(), corpus([("a://1", 0)]), "flushes: {flushes}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(counts(&world.run(&corpus([("a://1", 0)])).await), [0, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_an_item_is_pushed_again_whenever_a_transaction_fails_around_its_commit() {
    // The transactions of a run: the batch is marked, and recorded.
    for (number, step) in [
        (0, LedgerStep::Before),
        (0, LedgerStep::Within),
        (0, LedgerStep::After),
        (1, LedgerStep::Before),
        (1, LedgerStep::Within),
        (1, LedgerStep::After),
    ] {
        let world = World::new();
        world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
        let ledger = world.ledger();
        let run = world.sync(&ledger).start().await.unwrap();
        let transactions = std::sync::atomic::AtomicU32::new(0);
        ledger.on_transaction(move |at| {
            let count = transactions.load(std::sync::atomic::Ordering::SeqCst);
            transactions.fetch_add(u32::from(at == LedgerStep::After), std::sync::atomic::Ordering::SeqCst);
            !(count > number || (count == number && at == step))
        });
        push_all(&run, &corpus([("a://1", 1)])).await;
        let report = run.finish().await;
        assert!(report.ledger_error.is_some(), "{number} {step:?}: {report}");
        // Without its mark a batch is not committed.
        assert_eq!(world.held(), corpus([("a://1", u32::from(number == 1))]), "{number} {step:?}");
        drop((report, ledger));
        tokio::time::sleep(Duration::from_secs(2)).await;
        // The source system went back meanwhile.
        world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
        assert_eq!(world.held(), corpus([("a://1", 0)]), "{number} {step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_an_item_that_goes_between_a_crash_and_the_next_run_is_deleted() {
    let world = World::new();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    // Accepted, and never recorded.
    let marked = std::sync::atomic::AtomicBool::new(false);
    ledger.on_transaction(move |at| {
        let was_marked = marked.load(std::sync::atomic::Ordering::SeqCst);
        marked.fetch_or(at == LedgerStep::After, std::sync::atomic::Ordering::SeqCst);
        !was_marked
    });
    push_all(&run, &corpus([("a://1", 1), ("a://2", 1)])).await;
    drop(run.finish().await);
    drop(ledger);
    assert_eq!(world.held().len(), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = world.run(&corpus([("a://2", 1)])).await.into_result().unwrap();
    assert_eq!((report.in_doubt_before, counts(&report)), (2, [0, 1, 0, 1]));
    assert_eq!(world.held(), corpus([("a://2", 1)]));
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_a_deletion_with_children_forgets_what_is_below() {
    let world = World::new();
    let all = corpus([("a://x/", 1), ("a://x/1", 1), ("a://x/2", 1), ("a://y", 1)]);
    world.run(&all).await.into_result().unwrap();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    // Before the deletion it is skipped; after it, it is pushed.
    assert_eq!(run.add_or_update("a://x/1", &doc(1)).await.unwrap(), Pushed::Unchanged);
    run.delete("a://x/").delete_children(true).await.unwrap();
    assert!(run.add_or_update("a://x/1", &doc(1)).await.unwrap().is_queued());
    assert_eq!(run.add_or_update("a://y", &doc(1)).await.unwrap(), Pushed::Unchanged);
    run.finish().await.into_result().unwrap();
    drop(ledger);
    assert_eq!(world.held(), corpus([("a://x/1", 1), ("a://y", 1)]));
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.run(&all).await.into_result().unwrap();
    assert_eq!(world.held(), all);
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_what_failed_is_pushed_by_the_next_run() {
    let world = World::new();
    world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
    for fault in [
        Fault::on(Operation::PushItemContainer).status(400).times(1),
        // Applied, and answered with an error.
        Fault::on(Operation::PushItemContainer).status(500).applied().always(),
        Fault::on(Operation::SetSourceStatus).status(403).times(1),
    ] {
        world.fake.inject(fault);
        let report = world.run(&corpus([("a://1", 1)])).await;
        assert!(!report.is_complete(), "{report}");
        drop(report);
        world.fake.clear_faults();
        world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
        assert_eq!(world.held(), corpus([("a://1", 0)]));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_a_failed_batch_that_is_pushed_again_by_its_owner_is_in_doubt() {
    let world = World::new();
    world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
    world.fake.inject(Fault::on(Operation::UploadToContainer).status(403).times(1));
    let mut report = world.run(&corpus([("a://1", 1)])).await;
    for failed in std::mem::take(&mut report.push.failed_batches) {
        failed.push_again().await.unwrap().unwrap();
    }
    drop(report);
    assert_eq!(world.held(), corpus([("a://1", 1)]));
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.run(&corpus([("a://1", 0)])).await.into_result().unwrap();
    assert_eq!(world.held(), corpus([("a://1", 0)]));
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_a_failed_batch_of_the_run_before_settles_nothing_of_the_next_run() {
    let world = World::new();
    let ledger = world.ledger();
    world.fake.inject(Fault::on(Operation::UploadToContainer).status(403).times(1));
    let run = world.sync(&ledger).start().await.unwrap();
    push_all(&run, &corpus([("a://1", 1)])).await;
    let failed = run.finish().await.push.failed_batches.remove(0);
    let run = world.sync(&ledger).start().await.unwrap();
    run.push_again(failed).await.unwrap();
    run.add_or_update("a://1", &doc(2)).await.unwrap();
    // The old batch is recorded while the new version is queued.
    while ledger.stats().unwrap().iter().all(|of| of.items == of.in_doubt) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(run.add_or_update("a://1", &doc(1)).await.unwrap().is_queued());
    run.finish().await.into_result().unwrap();
    assert_eq!(world.held(), corpus([("a://1", 1)]));
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_an_item_is_pushed_again_while_another_task_has_an_older_version_of_it_queued() {
    let world = World::new();
    let ledger = world.ledger();
    let small = |pusher: coveo_push::PusherBuilder<Items>| pusher.batch_bytes(1_024).concurrency(1);
    let run = world.sync(&ledger).pusher(small).start().await.unwrap();
    let full = |version| doc(version).metadata("filler", "x".repeat(600));
    let (other, first, second) = (full(0), full(1), full(2));
    for id in ["a://8", "a://9"] {
        run.add_or_update(id, &other).await.unwrap();
    }
    // It waits for room.
    let mut slow = run.add_or_update("a://1", &first).into_future();
    let is_waiting = poll_fn(|context| Poll::Ready(slow.poll_unpin(context).is_pending())).await;
    assert!(is_waiting);
    // Another task is faster: the first version comes into a batch behind the second one.
    let (fast, slow) = futures_util::future::join(run.add_or_update("a://1", &second).into_future(), slow).await;
    assert!(fast.unwrap().number() < slow.unwrap().number());
    while world.held().get("a://1") != Some(&2) || ledger.stats().unwrap()[0].in_doubt > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(run.add_or_update("a://1", &second).await.unwrap().is_queued());
    run.finish().await.into_result().unwrap();
    assert_eq!(world.held(), corpus([("a://1", 2), ("a://8", 0), ("a://9", 0)]));
}

#[tokio::test(start_paused = true)]
async fn one_file_keeps_two_services_apart() {
    let world = World::new();
    let other = FakePushApi::builder().organization("other-org").source(SOURCE).build();
    let all = corpus([("a://1", 1)]);
    world.run(&all).await.into_result().unwrap();
    let ledger = world.ledger();
    let run = other.client().items(SOURCE).sync(&ledger).start().await.unwrap();
    push_all(&run, &all).await;
    assert_eq!(counts(&run.finish().await.into_result().unwrap()), [1, 0, 0, 0]);
    assert_eq!(other.source(SOURCE).len(), 1);
    let stats = ledger.stats().unwrap();
    let found: Vec<_> = stats.iter().map(|of| (of.organization_id.as_str(), of.kind.as_str(), of.items)).collect();
    assert_eq!(found, [("my-org", "items", 1), ("other-org", "items", 1)]);
}

#[tokio::test(start_paused = true)]
async fn everything_is_pushed_again_when_it_is_asked_for_is_old_or_was_forgotten() {
    let world = World::new();
    let all = corpus([("a://1", 1), ("a://2", 1)]);
    world.run(&all).await.into_result().unwrap();
    for way in ["push_all", "renew_after", "forget"] {
        let ledger = world.ledger();
        let sync = match way {
            "push_all" => world.sync(&ledger).push_all(true),
            "renew_after" => world.sync(&ledger).renew_after(Duration::ZERO),
            _ => {
                ledger.forget(&world.items()).unwrap();
                world.sync(&ledger)
            }
        };
        let run = sync.start().await.unwrap();
        push_all(&run, &all).await;
        let report = run.finish().await.into_result().unwrap();
        assert_eq!((report.added + report.updated, report.unchanged), (2, 0), "{way}");
    }
    assert_eq!(counts(&world.run(&all).await), [0, 0, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_key_is_no_change_and_the_report_names_a_key_that_changes_everywhere() {
    let world = World::new();
    let crawl = async |at: u32, ignored: &[&str]| {
        let ledger = world.ledger();
        let run = world.sync(&ledger).ignore_keys(ignored.to_vec()).start().await.unwrap();
        for number in 0..1_100 {
            let doc = doc(1).metadata("crawledat", at);
            run.add_or_update(format!("a://{number}"), &doc).await.unwrap();
        }
        run.finish().await.into_result().unwrap()
    };
    crawl(1, &[]).await;
    let second = crawl(2, &[]).await;
    let mostly = second.mostly_changed.as_ref().unwrap();
    assert_eq!((mostly.different, mostly.compared, mostly.key.as_deref()), (1_100, 1_100, Some("crawledat")));
    assert!(second.to_string().contains("one of them in `crawledat`"), "{second}");
    crawl(3, &["crawledAt"]).await;
    assert_eq!(crawl(4, &["crawledAt"]).await.unchanged, 1_100);
}

#[tokio::test(start_paused = true)]
async fn a_report_names_a_key_when_more_than_nine_in_ten_of_a_thousand_items_differ() {
    let world = World::new();
    for (at, different, is_named) in [(1, 1_000, false), (2, 900, false), (3, 901, true)] {
        let ledger = world.ledger();
        let run = world.sync(&ledger).start().await.unwrap();
        for number in 0..1_000 {
            let at = if number < different { at } else { 1 };
            run.add_or_update(format!("a://{number}"), &doc(1).metadata("crawledat", at)).await.unwrap();
        }
        let report = run.finish().await.into_result().unwrap();
        assert_eq!(report.mostly_changed.is_some(), is_named, "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_item_that_is_pushed_twice_is_skipped_twice() {
    let (world, all) = (World::new(), corpus([("a://1", 1)]));
    world.run(&all).await.into_result().unwrap();
    world.fake.clear_requests();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    push_all(&run, &all).await;
    push_all(&run, &all).await;
    assert_eq!(counts(&run.finish().await.into_result().unwrap()), [0, 0, 2, 0]);
    assert_eq!(world.fake.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_recorded_in_a_run_is_skipped_when_it_comes_again_in_it() {
    let (world, all) = (World::new(), corpus([("a://1", 1)]));
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    push_all(&run, &all).await;
    run.flush().await.unwrap();
    push_all(&run, &all).await;
    assert_eq!(counts(&run.finish().await.into_result().unwrap()), [1, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_retries_of_a_run_are_those_of_the_calls_that_set_its_status() {
    for (retry, is_complete) in [(RetryPolicy::none(), false), (RetryPolicy::default(), true)] {
        let world = World::new();
        world.fake.inject(Fault::on(Operation::SetSourceStatus).status(503));
        let ledger = world.ledger();
        let run = world.sync(&ledger).pusher(|pusher| pusher.retry(retry)).start().await.unwrap();
        push_all(&run, &corpus([("a://1", 1)])).await;
        assert_eq!(run.finish().await.is_complete(), is_complete);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_records_what_was_accepted_and_sets_the_source_to_idle() {
    let world = World::new();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    push_all(&run, &corpus([("a://1", 1)])).await;
    run.flush().await.unwrap();
    run.add_or_update("a://2", &doc(1)).await.unwrap();
    drop(run);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.fake.source(SOURCE).status(), Some(SourceStatus::Idle));
    drop(ledger);
    let all: Corpus = corpus([("a://1", 1), ("a://2", 1)]);
    assert_eq!(counts(&world.run(&all).await.into_result().unwrap()), [1, 0, 1, 0]);
}
