//! Operations that are made before they are pushed, and streams of them.

use coveo_push::{CatalogItem, CatalogOperation, DocumentBody, ItemOperation, PartialUpdate, PushError, Pushed, Rule};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::support::{CATALOG, fake, ids, items};

#[tokio::test(start_paused = true)]
async fn a_stream_of_updates_is_pushed_in_order() {
    let fake = fake();
    let updater = fake.client().catalog(CATALOG).updater().start();
    let item = |price: u32| CatalogItem::new("product://1", &json!({"price": price}));
    let operations: Vec<CatalogOperation> = vec![
        item(1).into(),
        PartialUpdate::replace("product://1", "price", 2).into(),
        ItemOperation::delete("product://1").into(),
        ItemOperation::add_or_update("product://2", &json!({"price": 1})).into(),
        PartialUpdate::replace("product://2", "price", 3).into(),
        ItemOperation::add_or_update_json(r#"{"price":5}"#).document_id("product://3").into(),
    ];
    assert_eq!(updater.push_stream(stream::iter(operations)).await.unwrap(), 6);
    // Each kind is taken as it is.
    updater.push(PartialUpdate::replace("product://3", "price", 6)).await.unwrap();
    updater.push(item(9)).await.unwrap();
    let partials = (7..9).map(|price| PartialUpdate::replace("product://3", "price", price));
    assert_eq!(updater.push_stream(stream::iter(partials)).await.unwrap(), 2);
    updater.finish().await.into_result().unwrap();
    let held: Vec<_> = items(&fake.source(CATALOG)).into_iter().map(|(id, item)| (id, item["price"].clone())).collect();
    let price = |number: u32, price: u32| (format!("product://{number}"), json!(price));
    assert_eq!(held, [price(1, 9), price(2, 3), price(3, 8)]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_items_feeds_a_refresh_a_load_and_a_run_of_merges() {
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    let shoe = DocumentBody::new().metadata("ec_name", "Shoe");
    let all = |range| stream::iter(ids(range)).map(|id| CatalogItem::new(id, &shoe));
    let refresh = catalog.refresh().start().await.unwrap();
    assert_eq!(refresh.pusher().push_stream(all(0..3)).await.unwrap(), 3);
    refresh.finish().await.into_result().unwrap();
    let load = catalog.load().start().await.unwrap();
    assert_eq!(load.pusher().push_stream(all(0..5)).await.unwrap(), 5);
    load.finish().await.into_result().unwrap();
    let merger = catalog.merger().start();
    let changes = [
        CatalogItem::new("product://00", &DocumentBody::new().metadata("ec_price", 2)),
        CatalogItem::json(r#"{"documentId":"product://01","ec_price":3}"#),
    ];
    assert_eq!(merger.push_stream(stream::iter(changes)).await.unwrap(), 2);
    merger.finish().await.into_result().unwrap();
    let held = items(&fake.source(CATALOG));
    assert_eq!(held.len(), 5);
    assert_eq!((&held["product://00"]["ec_price"], &held["product://01"]["ec_price"]), (&json!(2), &json!(3)));
    assert!(held.values().all(|item| item["ec_name"] == "Shoe"), "{held:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_ends_at_its_error_and_the_run_goes_on() {
    #[derive(Debug)]
    enum Failure {
        Read(&'static str),
        Push(PushError),
    }

    impl From<PushError> for Failure {
        fn from(error: PushError) -> Self {
            Self::Push(error)
        }
    }

    let fake = fake();
    let updater = fake.client().catalog(CATALOG).updater().start();
    let item = |id: &str| Ok(ItemOperation::add_or_update(id, &json!({})));
    let pages = [item("product://1"), Err(Failure::Read("page 2")), item("product://3")];
    let read = updater.try_push_stream(stream::iter(pages)).await.unwrap_err();
    assert!(matches!(read, Failure::Read("page 2")), "{read:?}");
    let Pushed::Refused(refused) = updater.push(ItemOperation::delete("no uri")).await.unwrap() else { panic!() };
    assert_eq!(refused.findings()[0].rule(), Rule::DocumentIdNotAUri);
    let _ = updater.abort().await;
    let stopped = updater.try_push_stream(stream::iter([item("product://4")])).await.unwrap_err();
    assert!(matches!(stopped, Failure::Push(PushError::Stopped(_))), "{stopped:?}");
}
