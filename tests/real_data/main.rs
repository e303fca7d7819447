//! Data in the shapes that connectors send: pushed as text and through the models, with the same outcome.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use coveo_push::fake::{FakeItem, FakePushApi};
use coveo_push::{
    BatchDocument, BatchDocumentBody, BatchIdentityBody, BatchMergeBody, BatchUpdateBody, Catalog, CompressionType,
    Content, DocumentBody, ItemOperation, Items, Pushed,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const SOURCE: &str = "my-source";
const CATALOG: &str = "my-catalog";
const PROVIDER: &str = "My Provider";

fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).catalog_source(CATALOG).provider(PROVIDER).build()
}

fn catalog(fake: &FakePushApi) -> Catalog {
    fake.client().catalog(CATALOG)
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
    let (updater, merger) = (catalog(text).updater().start(), catalog(model).merger().start());
    let (mut documents, mut updates) = (BatchDocumentBody::new(), BatchUpdateBody::new());
    let lines: Vec<&str> = include_str!("items.jsonl").lines().collect();
    for line in &lines {
        let _ = items(text).add_or_update_json(*line).await.unwrap();
        let document: BatchDocument = serde_json::from_str(line).unwrap();
        let _ = items(model).add_or_update(document.document_id.as_str(), &document.body).await.unwrap();
        for pushed in [
            pusher.add_or_update_json(*line).await,
            updater.add_or_update_json(*line).await,
            merger.add_or_merge(document.document_id.as_str(), &document.body).await,
        ] {
            assert!(pushed.unwrap().is_queued(), "{line}");
        }
        documents.add_or_update.push(document.clone());
        updates.add_or_update.push(document);
    }
    pusher.finish().await.into_result().unwrap();
    updater.finish().await.into_result().unwrap();
    merger.finish().await.into_result().unwrap();
    let _ = items(batch).push_batch(&documents).await.unwrap();
    let _ = catalog(batch).update_batch(&updates).await.unwrap();
    let all = |fake: &FakePushApi, source: &str| fake.source(source).items().iter().map(known).collect::<Vec<_>>();
    let expected = all(text, SOURCE);
    assert_eq!(expected.len(), lines.len());
    for (fake, source) in
        [(model, SOURCE), (bulk, SOURCE), (batch, SOURCE), (text, CATALOG), (model, CATALOG), (batch, CATALOG)]
    {
        for (expected, other) in expected.iter().zip(all(fake, source)) {
            assert_eq!(*expected, other);
        }
    }
}

#[tokio::test]
async fn an_integer_of_any_length_is_pushed_to_the_last_digit_as_text_and_refused_in_a_model() {
    const LINE: &str = include_str!("long_integer.jsonl");
    const LONG: &str = "123456789012345678901234567890";
    let fake = fake();
    let _ = items(&fake).add_or_update_json(LINE).await.unwrap();
    let (pusher, updater) = (items(&fake).pusher().start(), catalog(&fake).updater().start());
    let operation = ItemOperation::add_or_update_json(LINE.replace("/long", "/operation"));
    assert!(pusher.add_or_update_json(LINE).await.unwrap().is_queued());
    assert!(pusher.push(operation).await.unwrap().is_queued());
    assert!(updater.add_or_update_json(LINE).await.unwrap().is_queued());
    pusher.finish().await.into_result().unwrap();
    updater.finish().await.into_result().unwrap();
    let sent: Vec<String> =
        fake.requests().iter().map(|request| String::from_utf8_lossy(request.body()).into_owned()).collect();
    let kept = sent.iter().map(|body| body.matches(&format!(r#""serial":{LONG},"all":[-{LONG}]"#)).count());
    assert_eq!(kept.sum::<usize>(), 4, "{sent:?}");
    let error = serde_json::from_str::<BatchDocument>(LINE).unwrap_err().to_string();
    assert!(error.starts_with(&format!("`serial`: the integer {LONG} has more than 64 bits")), "{error}");
}

#[tokio::test]
async fn text_is_sent_without_a_compression_type_in_every_way() {
    let fake = fake();
    let item = json!({"data": "words", "CompressionType": "zlib"});
    let no_data = json!({"compressionType": "gzip"});
    let _ = items(&fake).add_or_update("a://1", &item).await.unwrap();
    let call = items(&fake).add_or_update("a://2", &DocumentBody::new()).compression_type(CompressionType::ZLib);
    let _ = call.content(Content::text("words")).await.unwrap();
    let (pusher, updater, merger) =
        (items(&fake).pusher().start(), catalog(&fake).updater().start(), catalog(&fake).merger().start());
    for pushed in [
        pusher.add_or_update("a://3", &item).await,
        pusher.add_or_update_json(item.to_string()).document_id("a://4").await,
        pusher.push(ItemOperation::add_or_update("a://5", &item)).await,
        pusher.add_or_update("a://6", &no_data).content(Content::text("words")).await,
        updater.add_or_update("a://7", &item).await,
        merger.add_or_merge("a://8", &item).await,
    ] {
        assert!(pushed.unwrap().is_queued());
    }
    pusher.finish().await.into_result().unwrap();
    updater.finish().await.into_result().unwrap();
    merger.finish().await.into_result().unwrap();
    let requests = fake.requests();
    let bodies: String =
        requests.iter().map(|request| String::from_utf8_lossy(request.body()).to_lowercase()).collect();
    assert_eq!(bodies.matches(r#""data":"words""#).count(), 8, "{bodies}");
    assert!(!bodies.contains("compressiontype"), "{bodies}");
    assert!(requests.iter().all(|request| request.parameter("compressionType").is_none()));
}

#[tokio::test]
async fn an_item_that_would_be_dropped_or_cost_its_batch_is_refused_by_its_rule_in_every_way() {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        rule: &'a str,
        #[serde(borrow)]
        item: &'a RawValue,
    }

    let fake = fake();
    let (pusher, updater, merger) =
        (items(&fake).pusher().start(), catalog(&fake).updater().start(), catalog(&fake).merger().start());
    let refused = |pushed: Pushed| pushed.refused().map(ToString::to_string).unwrap_or_default();
    for line in include_str!("refused.jsonl").lines() {
        let Line { rule, item } = serde_json::from_str(line).unwrap();
        let json = item.get();
        let value: Value = serde_json::from_str(json).unwrap();
        let id = value["documentId"].as_str().unwrap();
        let mut errors = vec![
            items(&fake).add_or_update_json(json).await.unwrap_err().to_string(),
            refused(pusher.add_or_update_json(json).await.unwrap()),
            refused(pusher.push(ItemOperation::add_or_update_json(json)).await.unwrap()),
            refused(updater.add_or_update_json(json).await.unwrap()),
            refused(merger.add_or_merge_json(json).await.unwrap()),
            refused(merger.add_or_merge(id, &item).await.unwrap()),
        ];
        // The models cannot read it, or it is refused likewise.
        if let Ok(BatchDocument { document_id: id, body, .. }) = serde_json::from_str(json) {
            let batch = BatchDocumentBody::new().add_or_update(&*id, body.clone());
            let updates = BatchUpdateBody::new().add_or_update(&*id, body.clone());
            let merges = BatchMergeBody::new().add_or_merge(&*id, body.clone());
            errors.extend([
                items(&fake).add_or_update(&*id, &body).await.unwrap_err().to_string(),
                items(&fake).push_batch(&batch).await.unwrap_err().to_string(),
                catalog(&fake).update_batch(&updates).await.unwrap_err().to_string(),
                catalog(&fake).merge_batch(&merges).await.unwrap_err().to_string(),
                refused(pusher.add_or_update(id, &body).await.unwrap()),
            ]);
        }
        for error in errors {
            assert!(error.contains(&format!("[{rule}]")) && !error.contains("more finding"), "{line}: {error}");
        }
    }
    drop((pusher, updater, merger));
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
    fn read<T: DeserializeOwned>(json: &str) -> Result<(), String> {
        serde_json::from_str::<T>(json).map(drop).map_err(|error| error.to_string())
    }

    let fake = fake();
    let (client, catalog) = (fake.client(), catalog(&fake));
    for (list, json) in [
        ("objects", r#"{"objects":[{"documentId":"a://b"}]}"#),
        ("partialUpdate", r#"{"partialUpdate":[]}"#),
        ("members", r#"{"members":[1]}"#),
        ("addOrUpdates", r#"{"addOrUpdates":[],"delete":[{"documentId":"a://b"}]}"#),
        ("addOrMerge", r#"{"addOrMerge":[{"documentId":"a://b"}]}"#),
        ("documentId", r#"{"documentId":"a://b"}"#),
    ] {
        let identities = client.identities(PROVIDER);
        for (own_list, pushed, read) in [
            ("addOrUpdate", items(&fake).push_batch_json(json).await, read::<BatchDocumentBody>(json)),
            ("members", identities.push_batch_json(json).await, read::<BatchIdentityBody>(json)),
            ("partialUpdate", catalog.update_batch_json(json).await, read::<BatchUpdateBody>(json)),
            ("addOrMerge", catalog.merge_batch_json(json).await, read::<BatchMergeBody>(json)),
        ] {
            if list == own_list {
                continue;
            }
            let (pushed, read) = (pushed.unwrap_err().to_string(), read.unwrap_err());
            // Which of several unknown keys is named is up to their order.
            let is_named = |error: &str, what| {
                let names = ["delete", list].map(|name| format!("unknown {what} `{name}`; expected one of "));
                names.iter().any(|name| error.contains(name))
            };
            assert!(is_named(&pushed, "list") && pushed.ends_with("[unknown-list]"), "{own_list}: {pushed}");
            assert!(is_named(&read, "key"), "{own_list}: {read}");
        }
    }
}
