//! Numbers where some crate of the build has turned on serde_json's `arbitrary_precision`, with which numbers are
//! text inside, and a reader that does not expect it sees an object.

#![allow(clippy::unwrap_used, missing_docs)]

use coveo_push::fake::FakePushApi;
use coveo_push::{BatchDocumentBody, DocumentBody, MetadataValue, OrderingId, Rule, preflight};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const ID: &str = "https://example.com/a";
const LONG: &str = "123456789012345678901234567890";

/// A wrapper that serde reads by way of its own buffer.
#[derive(Debug, Serialize, Deserialize)]
struct Wrapped {
    #[serde(flatten)]
    doc: DocumentBody,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Doc(DocumentBody),
}

/// The item after a push of each kind.
async fn pushed<T: Serialize + Sync>(item: &T) -> Vec<String> {
    let fake = FakePushApi::builder().source("s").build();
    let items = fake.client().items("s");
    let json = serde_json::to_string(item).unwrap();
    let mut seen = Vec::new();
    let mut see = || seen.push(fake.source("s").item(ID).unwrap().json().to_string());
    items.add_or_update(ID, item).await.unwrap();
    see();
    items.add_or_update_json(json.clone()).document_id(ID).await.unwrap();
    see();
    for is_text in [false, true] {
        let pusher = items.pusher().start();
        let _ = match is_text {
            false => pusher.add_or_update(ID, item).await.unwrap(),
            true => pusher.add_or_update_json(json.as_str()).document_id(ID).await.unwrap(),
        };
        pusher.finish().await.into_result().unwrap();
        see();
    }
    seen
}

#[tokio::test]
async fn a_price_is_the_number_that_was_written_however_it_is_read_and_pushed() {
    const ITEM: &str = r#"{"price":14.99}"#;
    let doc: DocumentBody = serde_json::from_str(ITEM).unwrap();
    let from_value: DocumentBody = serde_json::from_value(serde_json::from_str(ITEM).unwrap()).unwrap();
    assert_eq!((doc.metadata.get("price"), &from_value), (Some(&MetadataValue::Float(14.99)), &doc));
    let wrapped: Wrapped = serde_json::from_str(ITEM).unwrap();
    let either: Either = serde_json::from_str(ITEM).unwrap();
    let value: Value = serde_json::from_str(ITEM).unwrap();
    for seen in [pushed(&doc).await, pushed(&wrapped).await, pushed(&either).await, pushed(&value).await] {
        assert_eq!(seen, [ITEM; 4]);
    }
    let batch = BatchDocumentBody::new().add_or_update(ID, doc);
    let read: BatchDocumentBody = serde_json::from_slice(&serde_json::to_vec(&batch).unwrap()).unwrap();
    assert_eq!(read, batch);
}

#[tokio::test]
async fn every_kind_of_number_stays_what_it_is() {
    let item = r#"{"a":[0,-1,9223372036854775807],"b":{"c":18446744073709551615},"d":-0.25,"e":null}"#;
    let doc: DocumentBody = serde_json::from_str(item).unwrap();
    let expected = item.replace(r#","e":null"#, "");
    assert_eq!(serde_json::to_string(&doc).unwrap(), expected);
    assert_eq!(pushed(&doc).await, [expected.as_str(); 4]);
}

#[tokio::test]
async fn an_integer_of_more_than_64_bits_is_refused_in_a_model_and_kept_in_text() {
    let item = format!(r#"{{"serial":{LONG}}}"#);
    let value: Value = serde_json::from_str(&item).unwrap();
    for error in [
        serde_json::from_str::<DocumentBody>(&item).unwrap_err(),
        serde_json::from_value::<DocumentBody>(value.clone()).unwrap_err(),
        MetadataValue::try_from(value["serial"].clone()).unwrap_err(),
    ] {
        assert!(error.to_string().contains(&format!("the integer {LONG} has more than 64 bits")), "{error}");
    }
    assert!(serde_json::from_str::<Either>(&item).is_err());
    assert_eq!(pushed(&value).await, [item.as_str(); 4]);
}

#[test]
fn a_number_that_no_fraction_of_64_bits_can_hold_is_found() {
    for number in ["1e999", "-1E400", &"9".repeat(400)] {
        let value: Value = serde_json::from_str(&format!(r#"{{"n":[{number}]}}"#)).unwrap();
        let rules: Vec<_> = preflight::item(ID, &value).iter().map(|finding| finding.rule()).collect();
        assert_eq!(rules, [Rule::ValueUnreadable], "{number}");
    }
}

#[test]
fn an_ordering_id_is_read_from_a_number_and_from_text() {
    for json in ["18446744073709551615", r#""18446744073709551615""#] {
        assert_eq!(serde_json::from_str::<OrderingId>(json).unwrap().get(), u64::MAX);
        assert_eq!(serde_json::from_value::<OrderingId>(serde_json::from_str(json).unwrap()).unwrap().get(), u64::MAX);
    }
    for json in [json!(-1), json!(1.5), json!(null)] {
        assert!(serde_json::from_value::<OrderingId>(json).is_err());
    }
}
