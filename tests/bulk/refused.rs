//! What is refused leaves no trace, and the run goes on.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use coveo_push::{DocumentBody, ItemPusher, Permissions, Pushed};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::support::{Item, SOURCE, block_on, fake, pusher};

/// Writes half of itself, and panics.
struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("data", &"x".repeat(5_000))?;
        panic!("a serialiser panics");
    }
}

#[test]
fn guarantee_5_an_item_whose_serialiser_panics_leaves_no_trace() {
    block_on(async {
        let fake = fake();
        let pusher = pusher(&fake).batch_bytes(10_000).start();
        for n in 0..20_u64 {
            let panicked = {
                let mut push = Box::pin(pusher.add_or_update("a://panics", &Panics).into_future());
                let poll = AssertUnwindSafe(|context: &mut std::task::Context<'_>| push.as_mut().poll(context));
                std::panic::catch_unwind(AssertUnwindSafe(|| {
                    let AssertUnwindSafe(mut poll) = poll;
                    poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
                }))
                .is_err()
            };
            assert!(panicked);
            pusher.add_or_update(format!("a://{n}"), &Item::new(n, 900)).await.unwrap();
        }
        let report = pusher.finish().await.into_result().unwrap();
        assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.refused), (20, 20, 0));
        assert_eq!(fake.source(SOURCE).len(), 20);
    });
}

async fn rule(pushed: Result<Pushed, coveo_push::PushError>) -> &'static str {
    pushed.unwrap().refused().map_or("taken", |refused| refused.findings()[0].rule().code())
}

async fn json_rule(pusher: &ItemPusher, text: &str) -> &'static str {
    rule(pusher.add_or_update_json(text).document_id("a://1").await).await
}

#[tokio::test(start_paused = true)]
async fn a_document_id_in_json_text_must_be_the_one_it_is_pushed_with() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    assert_eq!(json_rule(&pusher, r#"{"documentId":"a://2"}"#).await, "document-id-mismatch");
    assert_eq!(json_rule(&pusher, r#"{"DOCUMENTID":"a://2"}"#).await, "document-id-mismatch");
    assert_eq!(json_rule(&pusher, r#"{"documentId":1}"#).await, "document-id-mismatch");
    assert_eq!(json_rule(&pusher, r#"{"documentId":null,"DocumentId":"a://1"}"#).await, "duplicate-key");
    assert_eq!(json_rule(&pusher, r#"{"documentId":null,"n":1}"#).await, "taken");
    assert_eq!(json_rule(&pusher, r#"{"document\u0049d":"a://2"}"#).await, "document-id-mismatch");
    assert_eq!(json_rule(&pusher, r#"{"documentId":"a://1","document\u0049d":"a://1"}"#).await, "duplicate-key");
    assert_eq!(json_rule(&pusher, r#"{"documentId":"a://1","DocumentId":"a://1"}"#).await, "duplicate-key");
    assert_eq!(json_rule(&pusher, r#"{"documentId":"a:\/\/1","n":1}"#).await, "taken");
    assert_eq!(json_rule(&pusher, r#"{"DocumentID":"a://1","n":2}"#).await, "taken");
    assert_eq!(json_rule(&pusher, r#"{"\u006e":3}"#).await, "taken");
    assert_eq!(json_rule(&pusher, " \n{ } \t").await, "taken");
    let with_id = async |pusher: &ItemPusher, text: &str| rule(pusher.add_or_update_json(text).await).await;
    assert_eq!(with_id(&pusher, r#"{"n":1}"#).await, "document-id-empty");
    assert_eq!(with_id(&pusher, r#"{"documentId":""}"#).await, "document-id-empty");
    assert_eq!(with_id(&pusher, r#"{"documentId":null}"#).await, "document-id-empty");
    assert_eq!(with_id(&pusher, r#"{"documentId":7}"#).await, "document-id-mismatch");
    assert_eq!(with_id(&pusher, r#"{"documentId":"a://3","documentid":"a://3"}"#).await, "duplicate-key");
    assert_eq!(with_id(&pusher, r#"{"n":1,"documentID":"a:\u002f/4"}"#).await, "taken");
    pusher.finish().await.into_result().unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://1", "a://4"]);
    assert!(fake.source(SOURCE).dropped().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_document_id_in_a_typed_item_must_be_the_one_it_is_pushed_with() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let push = async |item: Value| rule(pusher.add_or_update("a://1", &item).await).await;
    assert_eq!(push(json!({"documentId": "a://2"})).await, "document-id-mismatch");
    assert_eq!(push(json!({"documentID": "a://2"})).await, "document-id-mismatch");
    assert_eq!(push(json!({"documentId": 1})).await, "document-id-mismatch");
    assert_eq!(push(json!({"n": 1, "DOCUMENTID": "a://1"})).await, "taken");
    assert_eq!(push(json!({"n": 1, "documentId": "a://1", "z": 1})).await, "taken");
    assert_eq!(push(json!(["no object"])).await, "not-an-object");
    assert_eq!(push(json!("no object")).await, "not-an-object");
    pusher.finish().await.into_result().unwrap();
    let item = fake.source(SOURCE).item("a://1").unwrap();
    assert_eq!(*item.json(), json!({"n": 1, "z": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_twice_is_refused_whatever_its_case() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    for text in [r#"{"a":1,"A":2}"#, r#"{"a":1,"b":2,"a":3}"#, r#"{"a":1,"\u0041":2}"#, r#"{"ü":1,"Ü":2}"#] {
        assert_eq!(json_rule(&pusher, text).await, "duplicate-key", "{text}");
    }
    let typed = BTreeMap::from([("author", 1), ("Author", 2)]);
    assert_eq!(rule(pusher.add_or_update("a://1", &typed).await).await, "duplicate-key");
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.refused, report.totals.api_calls), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn refused_items_are_counted_sampled_and_told_to_the_handler() {
    let fake = fake();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let on_refused = move |refused: &coveo_push::report::Refused| telling.lock().unwrap().push(refused.id().to_owned());
    let pusher = pusher(&fake).on_refused(on_refused).start();
    for n in 0..250 {
        let doc = DocumentBody::text("words");
        assert!(!pusher.add_or_update(format!("no uri {n}"), &doc).await.unwrap().is_queued());
    }
    assert!(!pusher.delete("").await.unwrap().is_queued());
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.refused), (251, 251));
    assert_eq!(report.refused_samples.len(), 100);
    assert_eq!(report.refused_samples[99].id(), "no uri 99");
    assert_eq!(told.lock().unwrap().len(), 251);
}

#[tokio::test(start_paused = true)]
async fn a_refused_item_cuts_no_batch() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(10_000).start();
    for n in 0..5 {
        pusher.add_or_update(format!("a://{n}"), &Item::new(n, 900)).await.unwrap();
        assert!(!pusher.add_or_update("a://big", &Item::new(n, 20_000)).await.unwrap().is_queued());
        assert!(!pusher.add_or_update_json(r#"{"n":1,"N":2}"#).document_id("a://0").await.unwrap().is_queued());
    }
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.batch_samples.len(), report.totals.accepted, report.totals.refused), (1, 5, 10));
}

#[tokio::test(start_paused = true)]
async fn json_text_with_a_value_that_cannot_be_read_is_refused_and_spoils_no_batch() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    assert_eq!(json_rule(&pusher, r#"{"n":1e999}"#).await, "value-unreadable");
    assert_eq!(json_rule(&pusher, r#"{"list":[{"n":-1.5E3111}]}"#).await, "value-unreadable");
    let deep = format!("{{\"list\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert_eq!(json_rule(&pusher, &deep).await, "value-unreadable");
    for half in [
        r#"{"n":"\ud800"}"#,
        r#"{"n":["\udc00",1e5]}"#,
        r#"{"n":{"\ud800\u0041":1}}"#,
        r#"{"permissions":[{"allowedPermissions":[{"identity":"\ud800","identityType":"User"}]}]}"#,
    ] {
        assert_eq!(json_rule(&pusher, half).await, "value-unreadable", "{half}");
    }
    assert_eq!(json_rule(&pusher, r#"{"\ud800":1}"#).await, "not-an-object");
    assert_eq!(json_rule(&pusher, r#"{"n":1e308,"\ud83d\ude00":"\ud83d\ude00"}"#).await, "taken");
    pusher.finish().await.into_result().unwrap();
    assert!(fake.source(SOURCE).item("a://1").is_some());
}

#[tokio::test(start_paused = true)]
async fn permissions_that_are_none_are_refused_and_spoil_no_batch() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    for permissions in [
        "1.5",
        "\"public\"",
        r#"{"allowAnonymous":true}"#,
        "[1]",
        r#"[{"allowAnonymous":"yes"}]"#,
        r#"[{"allowedPermissions":[{"identity":"a","identityType":"Robot"}]}]"#,
        r#"[{"allowAnonymous":true},{"permissionSets":[]}]"#,
    ] {
        let text = format!("{{\"permissions\":{permissions}}}");
        assert_eq!(json_rule(&pusher, &text).await, "permissions-unreadable", "{permissions}");
    }
    assert_eq!(json_rule(&pusher, r#"{"permissions":null}"#).await, "taken");
    assert_eq!(json_rule(&pusher, r#"{"permissions":[{"allowAnonymous":true}]}"#).await, "taken");
    pusher.finish().await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn permissions_in_another_field_say_nothing_of_those_of_the_item() {
    #[derive(Serialize)]
    struct Page {
        permissions: Value,
        acl: Permissions,
    }

    let fake = fake();
    let pusher = pusher(&fake).start();
    let page = Page { permissions: json!([1]), acl: Permissions::public() };
    let Pushed::Refused(refused) = pusher.add_or_update("a://1", &page).await.unwrap() else { panic!("it is taken") };
    assert_eq!(refused.findings()[0].rule().code(), "permissions-unreadable");
}
