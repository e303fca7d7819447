//! The refresh of a catalog.

use std::collections::BTreeSet;
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault, FaultRates};
use coveo_push::report::{BoundarySource, DeletionOutcome, RefreshReport};
use coveo_push::{CatalogRefreshBuilder, Operation, RetryPolicy};
use proptest::prelude::*;
use serde_json::json;

use super::cases::cases;
use super::support::{CATALOG, DAY, block_on, fake, faults, ids, push_ids, requests_of, targets};

/// A refresh that pushes these, each in a batch of its own.
async fn refresh(builder: CatalogRefreshBuilder, ids: &[String]) -> RefreshReport {
    let run = builder.pusher(|pusher| pusher.batch_bytes(1_024)).start().await.unwrap();
    push_ids(run.pusher(), ids).await;
    run.finish().await
}

#[tokio::test(start_paused = true)]
async fn a_refresh_deletes_what_it_did_not_push_by_the_lowest_ordering_id_of_its_updates() {
    let fake = fake();
    let client = fake.client();
    for (catalog, source) in targets(&fake, &client) {
        refresh(catalog.refresh(), &ids(0..6)).await.into_result().unwrap();
        let report = refresh(catalog.refresh().queue_delay(Duration::ZERO), &ids(3..9)).await.into_result().unwrap();
        let boundary = report.boundary.unwrap();
        assert_eq!(
            (boundary.source, Some(boundary.ordering_id)),
            (BoundarySource::Updates, report.push.lowest_ordering_id)
        );
        assert_eq!(
            report.push.batch_samples.iter().filter_map(|batch| batch.ordering_id).min(),
            Some(boundary.ordering_id)
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(source.document_ids(), ids(3..9));
    }
    let operations: BTreeSet<_> = fake
        .requests()
        .iter()
        .filter_map(|request| request.operation())
        .collect::<Vec<_>>()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(!operations.contains("sources.set_status"), "no status is set on a catalog");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_finish_of_a_refresh_of_a_catalog_says_whether_the_deletion_was_sent() {
    for (fault, is_sent) in [
        (Fault::on(Operation::UploadToContainer).latency(Duration::from_secs(10)), false),
        (Fault::on(Operation::DeleteOldCatalogItems).late_answer(Duration::from_secs(10)), true),
    ] {
        let fake = fake();
        let catalog = fake.client().catalog(CATALOG);
        refresh(catalog.refresh(), &ids(0..3)).await.into_result().unwrap();
        tokio::time::sleep(DAY).await;
        fake.clear_requests();
        fake.inject(fault.clone());
        let run = catalog.refresh().pusher(|pusher| pusher.batch_bytes(1_024)).start().await.unwrap();
        push_ids(run.pusher(), &ids(2..4)).await;
        let sent = run.deletion_sent();
        assert!(!*sent.borrow(), "{fault:?}");
        assert!(tokio::time::timeout(Duration::from_secs(5), run.finish()).await.is_err(), "{fault:?}");
        tokio::time::sleep(DAY).await;
        assert_eq!(*sent.borrow(), is_sent, "{fault:?}");
        assert_eq!(requests_of(&fake, Operation::DeleteOldCatalogItems).len(), usize::from(is_sent), "{fault:?}");
        assert_eq!(fake.source(CATALOG).document_ids() == ids(2..4), is_sent, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_11_a_refresh_of_a_catalog_that_may_be_incomplete_deletes_nothing() {
    let update = || Fault::on(Operation::UpdateCatalog).skip(1);
    let table: [(&str, Option<Fault>, u64, usize); 6] = [
        ("failed", Some(update().status(400)), 0, 3),
        ("unsent", Some(update().status(403)), 0, 9),
        ("ordering-id-unknown", Some(update().body("{}")), 0, 3),
        ("ordering-id-unknown", Some(update().body(r#"{"orderingId":"soon"}"#)), 0, 3),
        ("too-few", None, 4, 3),
        ("nothing-pushed", None, 0, 0),
    ];
    for (code, fault, at_least, count) in table {
        let fake = fake();
        let client = fake.client();
        refresh(client.catalog(CATALOG).refresh(), &ids(50..52)).await.into_result().unwrap();
        fault.into_iter().for_each(|fault| fake.inject(fault));
        let builder = client.catalog(CATALOG).refresh().pusher(|pusher| pusher.concurrency(1));
        let builder = if at_least > 0 { builder.expect_at_least(at_least) } else { builder };
        let report = refresh(builder, &ids(0..count as u32)).await;
        let DeletionOutcome::Skipped(reason) = report.deletion else { panic!("{report}") };
        let is_failed = |code: &str| matches!(code, "failed" | "unsent");
        assert!(reason.code() == code || (is_failed(code) && is_failed(reason.code())), "{code}: {report}");
        tokio::time::sleep(DAY).await;
        assert!(ids(50..52).iter().all(|id| fake.source(CATALOG).item(id).is_some()), "{code}");
        assert!(report.into_result().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_a_catalog_that_is_refused_something_aborted_or_dropped_deletes_nothing() {
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    refresh(catalog.refresh(), &ids(0..1)).await.into_result().unwrap();
    let run = catalog.refresh().start().await.unwrap();
    let _ = run.pusher().add_or_update("no uri", &json!({})).await.unwrap();
    run.pusher().add_or_update("product://9", &json!({})).await.unwrap();
    let report = run.finish().await;
    assert!(matches!(&report.deletion, DeletionOutcome::Skipped(reason) if reason.code() == "refused"), "{report}");
    let run = catalog.refresh().start().await.unwrap();
    assert!(matches!(run.abort().await.deletion, DeletionOutcome::Skipped(_)));
    drop(catalog.refresh().start().await.unwrap());
    tokio::time::sleep(DAY).await;
    assert_eq!(requests_of(&fake, Operation::DeleteOldCatalogItems).len(), 1);
    assert_eq!(fake.source(CATALOG).len(), 2);
}

async fn run(first: u32, second: u32, rates: FaultRates, concurrency: usize, cut_after: Option<u64>) {
    let fake: FakePushApi = fake();
    let client = fake.client_builder().retry(RetryPolicy::default().max_attempts(3)).build().unwrap();
    let catalog = client.catalog(CATALOG);
    refresh(catalog.refresh(), &ids(0..10)).await.into_result().unwrap();
    tokio::time::sleep(DAY).await;
    fake.clear_requests();
    fake.inject_random(rates);
    let builder = catalog.refresh().pusher(|pusher| pusher.concurrency(concurrency));
    let pushed = ids(first..second);
    let refreshing = refresh(builder, &pushed);
    let after = Duration::from_millis(cut_after.unwrap_or(u64::MAX));
    let report = tokio::time::timeout(after, refreshing).await.ok();
    fake.clear_faults();
    tokio::time::sleep(DAY).await;
    let held: BTreeSet<String> = fake.source(CATALOG).document_ids().into_iter().collect();
    let all: BTreeSet<String> = pushed.iter().cloned().collect();
    match report.map(|report| report.deletion) {
        Some(DeletionOutcome::Accepted) => assert_eq!(held, all),
        Some(DeletionOutcome::Unknown(_)) | None => {
            let is_deleted = !requests_of(&fake, Operation::DeleteOldCatalogItems).is_empty();
            assert!(!is_deleted || held.is_superset(&all), "{held:?}");
        }
        Some(_) => assert!(ids(0..10).iter().all(|id| held.contains(id)), "{held:?}"),
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn guarantee_11_a_refresh_of_a_catalog_deletes_too_little_rather_than_too_much(
        first in 0..10_u32,
        count in 1..12_u32,
        rates in faults(),
        concurrency in 1..5_usize,
        cut_after in prop::option::weighted(0.3, 0..60_000_u64),
    ) {
        block_on(run(first, first + count, rates, concurrency, cut_after));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_in_a_catalog_that_may_have_been_applied_is_told_from_one_that_was_refused() {
    let deletion = || Fault::on(Operation::DeleteOldCatalogItems).always();
    for (fault, is_unknown) in [(deletion().reset_after(), true), (deletion().status(403), false)] {
        let fake = fake();
        fake.inject(fault);
        let catalog = fake.client().catalog(CATALOG);
        let report = refresh(catalog.refresh(), &ids(0..3)).await;
        match report.deletion {
            DeletionOutcome::Unknown(_) => assert!(is_unknown),
            DeletionOutcome::Failed(_) => assert!(!is_unknown),
            other => panic!("{other:?}"),
        }
    }
}
