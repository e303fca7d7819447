//! Whatever the fake drops in silence, the outcomes tell it with its reason.

use coveo_push::fake::{DropReason, FakePushApi};
use coveo_push::report::PushReport;
use coveo_push::{
    BatchMergeBody, BatchUpdateBody, DocumentBody, Outcome, PartialUpdate, PermissionIdentity, PermissionSet,
    Permissions, Preflight, PushClient,
};
use serde_json::json;

use super::support::{doc, secs};

const ID: &str = "https://example.com/bad";

/// Does what the service drops for this reason, in the source or catalog.
async fn drop_one(client: &PushClient, reason: DropReason, source: &str) {
    let items = client.items(source);
    let catalog = client.catalog(source);
    let permissions = |names: Vec<String>| {
        let set = names.into_iter().fold(PermissionSet::new(), |set, name| set.allow(PermissionIdentity::user(name)));
        DocumentBody::text("words").permissions(Permissions::from(set))
    };
    let item = |json: serde_json::Value| items.add_or_update(ID, &json);
    match reason {
        DropReason::DocumentIdNotAUri => drop(items.add_or_update("no uri", &doc()).await.unwrap()),
        DropReason::StaleOrderingId => {
            let _ = items.add_or_update(ID, &doc()).ordering_id(9).await.unwrap();
            let _ = items.add_or_update(ID, &doc()).ordering_id(8).await.unwrap();
        }
        DropReason::BeforeFutureDelete => {
            let _ = items.delete_older_than(u64::MAX).own_ordering_scheme(true).await.unwrap();
            let _ = items.add_or_update(ID, &doc()).await.unwrap();
        }
        DropReason::TooManyPermissions => {
            let names = (0..5_001).map(|number| format!("{number}@example.com")).collect();
            let _ = items.add_or_update(ID, &permissions(names)).await.unwrap();
        }
        DropReason::MissingPermissions => drop(item(json!({"data": "words"})).await.unwrap()),
        DropReason::UnknownIdentity => {
            let _ = items.add_or_update(ID, &permissions(vec!["nobody".to_owned()])).await.unwrap();
        }
        DropReason::ItemTooLarge => {
            let large = json!({"addOrUpdate": [{"documentId": ID, "data": "x".repeat(3_200_000)}]});
            let container = client.file_containers().store(large.to_string()).await.unwrap();
            let _ = catalog.update_container(container.file_id()).await.unwrap();
        }
        DropReason::UnknownItem => {
            let batch = BatchUpdateBody::new().partial_update(PartialUpdate::replace(ID, "ec_price", 1.0));
            let _ = catalog.update_batch(&batch).await.unwrap();
        }
        DropReason::InvalidPartialUpdate => {
            let batch = json!({"addOrUpdate": [{"documentId": ID, "list": "text"}], "partialUpdate": [
                {"documentId": ID, "operator": "arrayAppend", "field": "list", "value": ["x"]}]});
            let container = client.file_containers().store(batch.to_string()).await.unwrap();
            let _ = catalog.update_container(container.file_id()).await.unwrap();
        }
        DropReason::MergeWithoutCatalog => {
            let batch = BatchMergeBody::new().add_or_merge(ID, DocumentBody::new());
            let _ = catalog.merge_batch(&batch).await.unwrap();
        }
        DropReason::UnknownContainer => {
            let _ = item(json!({"compressedBinaryDataFileId": "unknown"})).await.unwrap();
        }
        DropReason::UnknownCompressionType | DropReason::DataTooLarge => {
            let item = match reason {
                DropReason::DataTooLarge => json!({"documentId": ID, "data": "x".repeat(5_000_000)}),
                _ => json!({"documentId": ID, "compressedBinaryData": "AAAA", "compressionType": "brotli"}),
            };
            let _ = items.push_batch_json(json!({"addOrUpdate": [item]}).to_string()).await.unwrap();
        }
        DropReason::UnreadableData => drop(item(json!({"compressedBinaryData": "!!"})).await.unwrap()),
        DropReason::RejectedInPipeline => drop(item(json!({"title": "reject me"})).await.unwrap()),
        other => panic!("{other:?} is not tested"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_reason_for_which_the_fake_drops_is_told() {
    #[rustfmt::skip]
    let table = [
        (DropReason::DocumentIdNotAUri,      "open",    "failed at VALIDATION"),
        (DropReason::StaleOrderingId,        "open",    "skipped"),
        (DropReason::BeforeFutureDelete,     "open",    "failed at CONSUMING"),
        (DropReason::TooManyPermissions,     "open",    "failed at VALIDATION"),
        (DropReason::MissingPermissions,     "secured", "failed at VALIDATION"),
        (DropReason::UnknownIdentity,        "secured", "failed at VALIDATION"),
        (DropReason::ItemTooLarge,           "catalog", "failed at STREAMING_EXTENSION"),
        (DropReason::UnknownItem,            "catalog", "failed at STREAMING_EXTENSION"),
        (DropReason::InvalidPartialUpdate,   "catalog", "failed at STREAMING_EXTENSION"),
        (DropReason::MergeWithoutCatalog,    "loose",   "skipped"),
        (DropReason::UnknownContainer,       "open",    "failed at PROCESSING"),
        (DropReason::UnknownCompressionType, "open",    "failed at PROCESSING"),
        (DropReason::DataTooLarge,           "open",    "failed at VALIDATION"),
        (DropReason::UnreadableData,         "open",    "failed at PROCESSING"),
        (DropReason::RejectedInPipeline,     "open",    "failed at EXTENSION"),
    ];
    for (reason, source, told) in table {
        let fake = FakePushApi::builder().source("open").secured_source("secured").provider("My Provider");
        let fake = fake.catalog_source("catalog").unconfigured_catalog_source("loose").build();
        fake.reject_in_pipeline(|item| {
            (item.title()? == "reject me").then(|| DropReason::RejectedInPipeline.to_string())
        });
        let client = fake.client_builder().preflight(Preflight::Off).build().unwrap();
        drop_one(&client, reason, source).await;
        let dropped: Vec<_> = fake.source(source).dropped().iter().map(|dropped| dropped.reason()).collect();
        assert_eq!(dropped, [reason]);

        let report = PushReport::default();
        let report = of_source(report, &fake, source);
        let outcomes = report.outcomes(&client).wait(secs(0)).await.unwrap();
        let all: Vec<String> = outcomes.told.iter().map(|item| item.outcome.to_string()).collect();
        assert_eq!(all, [format!("{told}: {reason}")]);
        assert_eq!(outcomes.dropped(), 1, "{outcomes}");
        assert!(outcomes.to_string().contains(&reason.to_string()), "{outcomes}");
        assert!(!matches!(outcomes.told[0].outcome, Outcome::Indexed));
    }
}

/// A report of a run into that source, a moment ago.
fn of_source(mut report: PushReport, fake: &FakePushApi, source: &str) -> PushReport {
    use coveo_push::report::RunTarget;

    let is_catalog = matches!(source, "catalog" | "loose");
    let id = source.to_owned();
    report.target = Some(if is_catalog { RunTarget::Catalog(id) } else { RunTarget::Source(id) });
    report.totals.accepted = 1;
    report.totals.batches_accepted = 1;
    report.first_accepted = Some(fake.now() - secs(1));
    report
}
