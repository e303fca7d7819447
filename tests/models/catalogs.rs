//! The models of catalogs.

use std::collections::BTreeMap;

use coveo_push::preflight::{limit, merge_batch, partial_update, update_batch};
use coveo_push::{BatchMergeBody, BatchUpdateBody, DocumentBody, Finding, MetadataValue, PartialUpdate, Rule};
use serde_json::{Value, json};

#[test]
fn every_partial_update_is_written_in_one_case_and_read_in_any() {
    let put = BTreeMap::from([("ca", 38.5)]);
    let table = [
        (PartialUpdate::array_append("p://1", "f", ["a", "b"]), "arrayAppend", json!(["a", "b"])),
        (PartialUpdate::array_remove("p://1", "f", [1, 2]), "arrayRemove", json!([1, 2])),
        (PartialUpdate::replace("p://1", "f", 28.0), "fieldValueReplace", json!(28.0)),
        (PartialUpdate::clear("p://1", "f"), "fieldValueReplace", Value::Null),
        (PartialUpdate::dictionary_put("p://1", "f", put), "dictionaryPut", json!({"ca": 38.5})),
        (PartialUpdate::dictionary_remove("p://1", "f", ["ca"]), "dictionaryRemove", json!(["ca"])),
    ];
    for (update, operator, value) in table {
        let written = json!({"documentId": "p://1", "operator": operator, "field": "f", "value": value});
        assert_eq!(serde_json::to_value(&update).unwrap(), written);
        let other = json!({"DOCUMENTID": "p://1", "Operator": operator.to_uppercase(), "field": "f", "value": value});
        for text in [written, other] {
            assert_eq!(serde_json::from_value::<PartialUpdate>(text).unwrap(), update);
        }
        assert!(partial_update(&update).is_empty());
    }
    let without_value = r#"{"documentId":"p://1","operator":"fieldValueReplace","field":"f"}"#;
    assert_eq!(serde_json::from_str::<PartialUpdate>(without_value).unwrap(), PartialUpdate::clear("p://1", "f"));
    let unknown = without_value.replace("fieldValueReplace", "upsert");
    assert!(
        serde_json::from_str::<PartialUpdate>(&unknown).unwrap_err().to_string().contains("unknown operator `upsert`")
    );
}

#[test]
fn a_partial_update_that_would_clear_a_field_by_mistake_or_change_a_property_is_refused() {
    let replace = |field: &str, value: MetadataValue| PartialUpdate::replace("p://1", field, value);
    let mut wrong_type = PartialUpdate::array_append("p://1", "f", ["a"]);
    wrong_type.value = Some("a".into());
    let table = [
        (replace("ec_price", f64::NAN.into()), Rule::NumberNotFinite),
        (replace("ec_price", vec![f64::INFINITY].into()), Rule::NumberNotFinite),
        (PartialUpdate::dictionary_put("p://1", "prices", [("ca", f64::NAN)]), Rule::NumberNotFinite),
        (replace("ec_price", MetadataValue::Null), Rule::PartialUpdate),
        (replace("", 1.into()), Rule::PartialUpdate),
        (replace("DocumentId", "p://2".into()), Rule::PartialUpdate),
        (replace("permissions", "x".into()), Rule::PartialUpdate),
        (replace("compressedBinaryData", "x".into()), Rule::PartialUpdate),
        (wrong_type, Rule::PartialUpdate),
        (PartialUpdate::clear("no uri", "f"), Rule::DocumentIdNotAUri),
    ];
    for (update, rule) in table {
        let rules: Vec<Rule> = partial_update(&update).iter().map(Finding::rule).collect();
        assert_eq!(rules, [rule], "{update:?}");
    }
}

#[test]
fn a_batch_of_updates_or_merges_has_the_lists_of_its_kind_and_is_read_back() {
    let item = || DocumentBody::new().object_type("Product").metadata("ec_price", 1.5);
    let clear = PartialUpdate::clear("p://2", "f");
    let updates = BatchUpdateBody::new().add_or_update("p://1", item()).partial_update(clear).delete("p://3");
    let written = json!({
        "addOrUpdate": [{"documentId": "p://1", "objecttype": "Product", "ec_price": 1.5}],
        "partialUpdate": [{"documentId": "p://2", "operator": "fieldValueReplace", "field": "f", "value": null}],
        "delete": [{"documentId": "p://3", "deleteChildren": false}],
    });
    assert_eq!(serde_json::to_value(&updates).unwrap(), written);
    assert_eq!(serde_json::from_value::<BatchUpdateBody>(written).unwrap(), updates);
    assert!(update_batch(&updates).is_empty());
    let merges = BatchMergeBody::new().add_or_merge("p://1", item());
    let written = json!({"addOrMerge": [{"documentId": "p://1", "objecttype": "Product", "ec_price": 1.5}]});
    assert_eq!(serde_json::to_value(&merges).unwrap(), written);
    assert_eq!(serde_json::from_value::<BatchMergeBody>(written).unwrap(), merges);
    assert!(merge_batch(&merges).is_empty());
}

#[test]
fn a_batch_of_a_catalog_is_held_to_its_rules() {
    let new = BatchUpdateBody::new;
    let clear = |id: &str, field: &str| PartialUpdate::clear(id, field);
    let item = DocumentBody::new;
    let large = DocumentBody::new().metadata("x", "y".repeat(limit::STREAM_ITEM_BYTES));
    let table = [
        (new(), Some(Rule::BatchEmpty)),
        (new().partial_update(clear("p://1", "a")).partial_update(clear("p://1", "b")), None),
        (new().partial_update(clear("p://1", "a")).partial_update(clear("p://1", "A")), Some(Rule::DocumentIdTwice)),
        (new().partial_update(clear("p://1", "a")).add_or_update("p://1", item()), Some(Rule::DocumentIdTwice)),
        (new().partial_update(clear("p://1", "a")).delete("p://1"), Some(Rule::DocumentIdTwice)),
        (new().add_or_update("p://1", large.clone()), Some(Rule::ItemTooLarge)),
    ];
    for (batch, rule) in table {
        assert_eq!(update_batch(&batch).first().map(Finding::rule), rule, "{batch:.200?}");
    }
    let new = BatchMergeBody::new;
    let twice = new().add_or_merge("p://1", item()).add_or_merge("p://1", item());
    let table = [
        (new(), Rule::BatchEmpty),
        (twice, Rule::DocumentIdTwice),
        (new().add_or_merge("p://1", large), Rule::ItemTooLarge),
    ];
    for (batch, rule) in table {
        assert_eq!(merge_batch(&batch)[0].rule(), rule);
    }
}
