//! Data in the shapes that connectors send: pushed as text and through the models, with the same outcome.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use coveo_push::fake::{FakeItem, FakePushApi};
use coveo_push::{BatchDocument, BatchDocumentBody, BatchIdentityBody, Items};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const SOURCE: &str = "my-source";
const PROVIDER: &str = "My Provider";

fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).provider(PROVIDER).build()
}

fn items(fake: &FakePushApi) -> Items {
    fake.client().items(SOURCE)
}

/// All that the service knows of an item, with its keys in one case.
fn known(item: &FakeItem) -> Value {
    let mut properties: Map<String, Value> =
        item.json().as_object().unwrap().iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect();
    // A null says nothing, and the case of permissions may be any.
    properties.retain(|_, value| !value.is_null());
    properties.insert("permissions".to_owned(), json!(item.permissions()));
    json!([item.document_id(), properties, item.compression_type(), item.content().map(|bytes| bytes.to_vec())])
}

#[tokio::test]
async fn an_item_is_the_same_as_text_and_as_a_model_alone_and_in_a_run() {
    let [text, model, bulk, batch] = &[fake(), fake(), fake(), fake()];
    let pusher = items(bulk).pusher().start();
    let mut documents = BatchDocumentBody::new();
    let lines: Vec<&str> = include_str!("items.jsonl").lines().collect();
    for line in &lines {
        let _ = items(text).add_or_update_json(*line).await.unwrap();
        let document: BatchDocument = serde_json::from_str(line).unwrap();
        let _ = items(model).add_or_update(document.document_id.as_str(), &document.body).await.unwrap();
        assert!(pusher.add_or_update_json(*line).await.unwrap().is_queued(), "{line}");
        documents.add_or_update.push(document);
    }
    pusher.finish().await.into_result().unwrap();
    let _ = items(batch).push_batch(&documents).await.unwrap();
    let all = |fake: &FakePushApi| fake.source(SOURCE).items().iter().map(known).collect::<Vec<_>>();
    let expected = all(text);
    assert_eq!(expected.len(), lines.len());
    for other in [model, bulk, batch] {
        for (expected, other) in expected.iter().zip(all(other)) {
            assert_eq!(*expected, other);
        }
    }
}

#[tokio::test]
async fn an_item_that_would_be_dropped_or_cost_its_batch_is_refused_by_its_rule() {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        rule: &'a str,
        #[serde(borrow)]
        item: &'a RawValue,
    }

    let fake = fake();
    let pusher = items(&fake).pusher().start();
    for line in include_str!("refused.jsonl").lines() {
        let Line { rule, item } = serde_json::from_str(line).unwrap();
        let alone = items(&fake).add_or_update_json(item.get()).await.unwrap_err().to_string();
        let pushed = pusher.add_or_update_json(item.get()).await.unwrap();
        let in_run = pushed.refused().expect(line).to_string();
        assert!([alone, in_run].iter().all(|error| error.contains(&format!("[{rule}]"))), "{line}");
        // The models cannot read it, or it is refused likewise.
        if let Ok(document) = serde_json::from_str::<BatchDocument>(item.get()) {
            let error = items(&fake).add_or_update(&*document.document_id, &document.body).await.unwrap_err();
            assert!(error.to_string().contains(&format!("[{rule}]")), "{line}: {error}");
        }
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_batch_of_identities_is_the_same_as_text_and_as_a_model() {
    let json = include_str!("identities.json");
    let batch: BatchIdentityBody = serde_json::from_str(json).unwrap();
    let [text, model] = [fake(), fake()];
    let _ = text.client().identities(PROVIDER).push_batch_json(format!("\u{feff}{json}")).await.unwrap();
    let _ = model.client().identities(PROVIDER).push_batch(&batch).await.unwrap();
    let all = |fake: &FakePushApi| {
        let identities = fake.provider(PROVIDER).identities();
        let known = identities.iter().map(|it| json!([it.identity(), it.members(), it.well_knowns(), it.aliases()]));
        known.collect::<Vec<_>>()
    };
    assert_eq!(all(&text), all(&model));
    assert_eq!(all(&text).len(), 4);
}

#[tokio::test]
async fn a_batch_whose_lists_are_not_those_of_its_kind_is_refused_by_their_names() {
    let fake = fake();
    for (list, json) in [
        ("objects", r#"{"objects":[{"documentId":"a://b"}]}"#),
        ("partialUpdate", r#"{"partialUpdate":[]}"#),
        ("members", r#"{"members":[1]}"#),
        ("addOrUpdates", r#"{"addOrUpdates":[],"delete":[{"documentId":"a://b"}]}"#),
        ("documentId", r#"{"documentId":"a://b"}"#),
    ] {
        let error = items(&fake).push_batch_json(json).await.unwrap_err().to_string();
        assert!(error.contains(&format!("unknown list `{list}`")), "{error}");
        let error = serde_json::from_str::<BatchDocumentBody>(json).unwrap_err().to_string();
        assert!(error.contains(&format!("unknown key `{list}`")), "{error}");
    }
    assert!(fake.requests().is_empty());
}
