//! The refresh of a catalog that workers on other machines push.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{BoundarySource, DeletionOutcome, WorkerReport};
use coveo_push::{CatalogItems, Operation, RefreshTicket};

use super::support::{CATALOG, DAY, fake, ids, push_ids, requests_of, targets};

async fn worker(fake: &FakePushApi, ticket: &RefreshTicket<CatalogItems>, index: u32) -> WorkerReport {
    let ticket = serde_json::from_str(&serde_json::to_string(ticket).unwrap()).unwrap();
    let worker = fake.client().join(&ticket, index).pusher(|pusher| pusher.batch_bytes(1_024)).start().unwrap();
    push_ids(&worker, &ids(index * 10..index * 10 + 3)).await;
    serde_json::from_str(&serde_json::to_string(&worker.finish().await).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn workers_refresh_a_catalog_by_the_lowest_ordering_id_of_all() {
    let fake = fake();
    let client = fake.client();
    for (catalog, source) in targets(&fake, &client) {
        let updater = catalog.updater().start();
        updater.add_or_update("product://99", &serde_json::json!({})).await.unwrap();
        updater.finish().await.into_result().unwrap();
        let mut run = catalog.refresh().expect_at_least(9).start().await.unwrap();
        let ticket = run.ticket(3);
        let mut reports = Vec::new();
        // The last worker is the first to push.
        for index in [2, 0, 1] {
            reports.push(worker(&fake, &ticket, index).await);
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let lowest = reports[0].push.lowest_ordering_id;
        reports.sort_by_key(|report| report.index);
        let report = run.finish_with(&reports).await.into_result().unwrap();
        let boundary = report.boundary.unwrap();
        assert_eq!((boundary.source, Some(boundary.ordering_id)), (BoundarySource::Updates, lowest));
        tokio::time::sleep(DAY).await;
        assert_eq!(source.document_ids(), ids((0..3).chain(10..13).chain(20..23)));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_11_a_catalog_keeps_everything_when_a_worker_is_missing_or_its_ordering_id_unknown() {
    for (is_missing, expected) in [(true, "report-missing"), (false, "ordering-id-unknown")] {
        let fake = fake();
        let catalog = fake.client().catalog(CATALOG);
        let updater = catalog.updater().start();
        updater.add_or_update("product://99", &serde_json::json!({})).await.unwrap();
        updater.finish().await.into_result().unwrap();
        let mut run = catalog.refresh().start().await.unwrap();
        let ticket = run.ticket(2);
        let mut reports = vec![worker(&fake, &ticket, 0).await];
        if !is_missing {
            fake.inject(Fault::on(Operation::UpdateCatalog).skip(1).body("{}"));
            reports.push(worker(&fake, &ticket, 1).await);
        }
        let report = run.finish_with(&reports).await;
        assert!(matches!(&report.deletion, DeletionOutcome::Skipped(why) if why.code() == expected), "{report}");
        tokio::time::sleep(DAY).await;
        assert!(fake.source(CATALOG).item("product://99").is_some());
        assert!(requests_of(&fake, Operation::DeleteOldCatalogItems).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn workers_divide_the_calls_of_a_catalog_among_them() {
    // Of 250 calls in five minutes each of five workers makes 50, which is 25 batches.
    let fake = fake();
    let mut run = fake.client().catalog(CATALOG).refresh().start().await.unwrap();
    let ticket = run.ticket(5);
    for (share, minutes) in [(None, 5), (Some((1, 1)), 0)] {
        let begin = tokio::time::Instant::now();
        let join = fake.client().join(&ticket, 0).pusher(|pusher| {
            let pusher = pusher.batch_bytes(1_024);
            if let Some((part, of)) = share { pusher.share_of_calls(part, of) } else { pusher }
        });
        let worker = join.start().unwrap();
        push_ids(&worker, &ids(0..45)).await;
        assert!(worker.finish().await.is_complete());
        assert_eq!(begin.elapsed().as_secs() / 60, minutes);
    }
    run.abort().await;
}
