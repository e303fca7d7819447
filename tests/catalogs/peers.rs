//! What other clients of the Stream API have lost for their users.

use std::collections::BTreeSet;

use coveo_push::Operation;
use coveo_push::fake::Fault;
use coveo_push::report::LoadOutcome;
use serde_json::json;

use super::support::{CATALOG, DAY, fake, ids, push_ids, requests_of, targets};

#[tokio::test(start_paused = true)]
async fn every_batch_goes_into_a_container_of_its_own_by_one_upload() {
    // One client uploaded all batches into one container, and only the last one arrived.
    let fake = fake();
    let client = fake.client();
    for (catalog, source) in targets(&fake, &client) {
        fake.clear_requests();
        let refresh = catalog.refresh().pusher(|pusher| pusher.batch_bytes(1_024)).start().await.unwrap();
        push_ids(refresh.pusher(), &ids(0..10)).await;
        let report = refresh.finish().await.into_result().unwrap();
        let load = catalog.load().pusher(|pusher| pusher.batch_bytes(1_024)).start().await.unwrap();
        push_ids(load.pusher(), &ids(0..10)).await;
        load.finish().await.into_result().unwrap();
        let uploads = requests_of(&fake, Operation::UploadToContainer);
        let containers: BTreeSet<_> = uploads.iter().map(|upload| upload.path().to_owned()).collect();
        assert_eq!((uploads.len(), containers.len()), (20, 20));
        // Each has the ordering id of its own response, the first among them.
        let stamps: BTreeSet<_> = report.push.batch_samples.iter().map(|batch| batch.ordering_id.unwrap()).collect();
        assert_eq!((stamps.len(), stamps.first().copied()), (10, report.push.lowest_ordering_id));
        assert_eq!(source.document_ids(), ids(0..10));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_12_a_stream_is_not_closed_after_an_upload_that_failed() {
    // Two clients closed it, and the service deleted everything that was in the lost batch.
    for fault in
        [Fault::on(Operation::UploadToContainer).status(403), Fault::on(Operation::UploadToContainer).status(400)]
    {
        let fake = fake();
        let catalog = fake.client().catalog(CATALOG);
        let updater = catalog.updater().start();
        for id in ids(0..3) {
            updater.add_or_update(id, &json!({})).await.unwrap();
        }
        updater.finish().await.into_result().unwrap();
        fake.inject(fault.skip(2).always());
        let load = catalog.load().pusher(|pusher| pusher.batch_bytes(1_024).on_failed_batch(|_| ()));
        let load = load.start().await.unwrap();
        push_ids(load.pusher(), &ids(0..6)).await;
        let report = load.finish().await;
        assert!(matches!(&report.outcome, LoadOutcome::NotClosed(reason) if reason.code() == "failed"), "{report}");
        tokio::time::sleep(DAY).await;
        assert!(requests_of(&fake, Operation::CloseStream).is_empty());
        assert_eq!(fake.source(CATALOG).document_ids(), ids(0..3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_leaves_an_open_load_alone() {
    // One client closed an open stream before it deleted an item, and so published half of a load.
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    let updater = catalog.updater().start();
    for id in ids(0..3) {
        updater.add_or_update(id, &json!({})).await.unwrap();
    }
    updater.flush().await.unwrap();
    let load = catalog.load().start().await.unwrap();
    push_ids(load.pusher(), &ids(0..1)).await;
    load.pusher().flush().await.unwrap();
    updater.delete("product://02").await.unwrap();
    updater.finish().await.into_result().unwrap();
    tokio::time::sleep(DAY / 48).await;
    assert!(requests_of(&fake, Operation::CloseStream).is_empty());
    assert_eq!(fake.source(CATALOG).document_ids(), ids(0..2));
    push_ids(load.pusher(), &ids(1..2)).await;
    load.finish().await.into_result().unwrap();
    tokio::time::sleep(DAY).await;
    assert_eq!(fake.source(CATALOG).document_ids(), ids(0..2));
}

#[tokio::test(start_paused = true)]
async fn a_container_whose_upload_failed_is_not_pushed() {
    // One client did not look at the response of the storage, and pushed empty containers.
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).status(403));
    let updater = fake.client().catalog(CATALOG).updater().batch_bytes(1_024).concurrency(1).on_failed_batch(|_| ());
    let updater = updater.start();
    for id in ids(0..3) {
        updater.add_or_update(id, &json!({"filler": "x".repeat(700)})).await.unwrap();
    }
    let report = updater.finish().await;
    assert_eq!((report.totals.failed, report.totals.accepted), (1, 2));
    assert_eq!(requests_of(&fake, Operation::UpdateCatalog).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_expired_is_replaced_by_a_fresh_one() {
    // No client looks for it.
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    fake.inject(Fault::on(Operation::UploadToContainer).expired());
    let updater = catalog.updater().start();
    updater.add_or_update("product://00", &json!({})).await.unwrap();
    updater.finish().await.into_result().unwrap();
    assert_eq!(fake.source(CATALOG).document_ids(), ids(0..1));
    fake.inject(Fault::on(Operation::UploadToContainer).expired());
    let load = catalog.load().start().await.unwrap();
    push_ids(load.pusher(), &ids(0..2)).await;
    load.finish().await.into_result().unwrap();
    assert_eq!(requests_of(&fake, Operation::CreateStreamChunk).len(), 1);
    assert_eq!(fake.source(CATALOG).document_ids(), ids(0..2));
}

#[tokio::test(start_paused = true)]
async fn guarantee_12_an_empty_load_is_not_closed() {
    // With one client an empty folder was an empty load, which deletes everything.
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    let updater = catalog.updater().start();
    updater.add_or_update("product://00", &json!({})).await.unwrap();
    updater.finish().await.into_result().unwrap();
    fake.clear_requests();
    let report = catalog.load().expect_at_least(0).start().await.unwrap().finish().await;
    assert!(report.into_result().unwrap_err().to_string().contains("the index is unchanged"));
    assert!(fake.requests().is_empty());
}
