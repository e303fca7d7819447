//! What is no model, and what no model may be written as.

use std::collections::BTreeMap;

use coveo_push::{
    BatchDocument, BatchDocumentBody, BatchIdentityBody, CompressionType, DeletedDocument, DocumentBody, FileContainer,
    Finding, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, MetadataValue, OrderingId, PermissionIdentity,
    PermissionLevel, PermissionSet, Permissions, Rule, SourceStatus, preflight,
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Why the text is not read as this model.
#[track_caller]
fn why_not<T: DeserializeOwned>(json: &str) -> String {
    match serde_json::from_str::<T>(json) {
        Ok(_) => panic!("{json} was read"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn two_forms_of_data_are_refused() {
    for json in [
        r#"{"data":"a","compressedBinaryData":"AAAA"}"#,
        r#"{"data":"a","compressedBinaryDataFileId":"f"}"#,
        r#"{"compressedBinaryData":"AAAA","compressedBinaryDataFileId":"f"}"#,
    ] {
        assert!(why_not::<DocumentBody>(json).contains("keep one"));
    }
}

#[test]
fn a_form_of_data_that_is_null_is_none() {
    let doc: DocumentBody =
        serde_json::from_str(r#"{"data":null,"compressedBinaryData":"AAAA","compressedBinaryDataFileId":null}"#)
            .unwrap();
    assert!(matches!(doc.data, Some(coveo_push::DocumentData::Inline { .. })));
}

#[test]
fn a_key_that_comes_twice_is_refused_whatever_its_case() {
    for json in [
        r#"{"title":"a","title":"b"}"#,
        r#"{"title":"a","TITLE":"b"}"#,
        r#"{"Größe":1,"GRÖßE":2}"#,
        r#"{"data":"a","Data":"b"}"#,
        r#"{"fileExtension":".a","FileExtension":".b"}"#,
        r#"{"permissions":[],"Permissions":[]}"#,
    ] {
        assert!(why_not::<DocumentBody>(json).contains("twice"), "{json}");
    }
    assert!(why_not::<BatchDocument>(r#"{"documentId":"a","DocumentId":"b"}"#).contains("twice"));
    assert!(why_not::<Identity>(r#"{"name":"a","Name":"b","type":"USER"}"#).contains("twice"));
    assert!(why_not::<Permissions>(r#"[{"allowAnonymous":true,"AllowAnonymous":false}]"#).contains("twice"));
    assert!(why_not::<Permissions>(r#"[{"allowAnonymous":true,"allowedAnonymous":false}]"#).contains("twice"));
}

#[test]
fn sets_and_levels_in_one_list_of_permissions_are_refused() {
    let json = r#"[{"allowAnonymous":true},{"permissionSets":[]}]"#;
    assert!(why_not::<Permissions>(json).contains("not both"));
}

#[test]
fn a_level_with_permissions_of_its_own_is_refused() {
    for json in [
        r#"[{"permissionSets":[],"allowAnonymous":true}]"#,
        r#"[{"permissionSets":[],"allowedPermissions":[{"identity":"u","identityType":"User"}]}]"#,
        r#"[{"deniedPermissions":[{"identity":"u","identityType":"User"}],"permissionSets":[]}]"#,
    ] {
        assert!(why_not::<Permissions>(json).contains("not both"), "{json}");
    }
}

#[test]
fn a_level_whose_own_permissions_say_nothing_is_a_level() {
    let json = r#"[{"permissionSets":[],"allowAnonymous":false,"allowedPermissions":[],"deniedPermissions":null}]"#;
    assert!(matches!(serde_json::from_str(json).unwrap(), Permissions::Complete(levels) if levels.len() == 1));
}

#[test]
fn a_key_whose_value_would_be_lost_is_refused_by_name() {
    const USER: &str = r#"{"name":"a","type":"USER"}"#;
    let with = |body: &str| body.replace("USER", USER);
    let errors = [
        ("addOrUpdates", why_not::<BatchDocumentBody>(r#"{"addOrUpdates":[],"delete":[{"documentId":"a://b"}]}"#)),
        ("objects", why_not::<BatchDocumentBody>(r#"{"objects":[]}"#)),
        ("documentId", why_not::<BatchDocumentBody>(r#"{"documentId":"a://b","data":"words"}"#)),
        ("children", why_not::<DeletedDocument>(r#"{"documentId":"a://b","children":true}"#)),
        ("groups", why_not::<BatchIdentityBody>(r#"{"groups":[]}"#)),
        ("provider", why_not::<Identity>(r#"{"name":"a","type":"USER","provider":"p"}"#)),
        ("member", why_not::<IdentityBody>(&with(r#"{"identity":USER,"member":[]}"#))),
        ("aliases", why_not::<MappedIdentityBody>(&with(r#"{"identity":USER,"aliases":[]}"#))),
        ("securityProvider", why_not::<MappedIdentity>(r#"{"name":"a","type":"USER","securityProvider":"p"}"#)),
        ("deniedPermission", why_not::<Permissions>(r#"[{"allowAnonymous":true,"deniedPermission":[]}]"#)),
        ("allowedPermission", why_not::<PermissionSet>(r#"{"allowedPermission":[]}"#)),
        ("permissionSet", why_not::<PermissionLevel>(r#"{"permissionSet":[]}"#)),
        ("provider", why_not::<PermissionIdentity>(r#"{"identity":"a","identityType":"User","provider":"p"}"#)),
    ];
    for (key, error) in errors {
        assert!(error.contains(&format!("unknown key `{key}`; expected one of ")), "{error}");
    }
}

#[test]
fn a_key_that_other_clients_send_and_that_says_nothing_is_passed_over() {
    let permission = r#"{"identity":"a","identityType":"User","AdditionalInfo":{}}"#;
    assert_eq!(serde_json::from_str::<PermissionIdentity>(permission).unwrap(), PermissionIdentity::user("a"));
    let body = r#"{"identity":{"name":"a","type":"USER"},"Result":{"result":"Success"}}"#;
    assert_eq!(serde_json::from_str::<IdentityBody>(body).unwrap(), IdentityBody::user("a"));
    assert_eq!(serde_json::from_str::<MappedIdentityBody>(body).unwrap(), MappedIdentityBody::user("a"));
}

#[test]
fn a_level_without_permission_sets_is_refused() {
    for json in [r#"[{"name":"Owners"}]"#, r#"[{"name":"Owners","allowAnonymous":true}]"#] {
        assert!(why_not::<Permissions>(json).contains("a permission level needs `permissionSets`"), "{json}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_refused_with_its_key() {
    let errors = [
        (why_not::<DocumentBody>(r#"{"data":5}"#), "`data`: invalid type: integer `5`"),
        (why_not::<DocumentBody>(r#"{"title":"a","parentId":{}}"#), "`parentId`: invalid type: map"),
        (
            why_not::<DocumentBody>(
                r#"{"permissions":[{"allowedPermissions":[{"identity":"a","identityType":"x"}]}]}"#,
            ),
            "`permissions`: `allowedPermissions`: `identityType`: unknown security identity type `x`",
        ),
        (why_not::<IdentityBody>(r#"{"identity":{"name":1,"type":"USER"}}"#), "`identity`: `name`: invalid type"),
    ];
    for (error, start) in errors {
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn an_unknown_word_is_refused_by_name() {
    let words = [
        (why_not::<Identity>(r#"{"name":"a","type":"PERSON"}"#), "unknown security identity type `PERSON`"),
        (why_not::<PermissionIdentity>(r#"{"identity":"a","identityType":""}"#), "unknown security identity type ``"),
        (why_not::<CompressionType>(r#""brotli""#), "unknown compression type `brotli`"),
        (why_not::<SourceStatus>(r#""rescan""#), "unknown source status `rescan`"),
    ];
    for (error, message) in words {
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn what_a_model_needs_is_named_when_it_is_absent() {
    assert!(why_not::<Identity>(r#"{"type":"USER"}"#).contains("`name`"));
    assert!(why_not::<Identity>(r#"{"name":"a"}"#).contains("`type`"));
    assert!(why_not::<IdentityBody>("{}").contains("`identity`"));
    assert!(why_not::<BatchDocument>(r#"{"data":"a"}"#).contains("`documentId`"));
    assert!(why_not::<FileContainer>(r#"{"fileId":"f"}"#).contains("`uploadUri`"));
    assert!(why_not::<FileContainer>(r#"{"uploadUri":"u"}"#).contains("`fileId`"));
}

#[test]
fn a_deleted_identity_without_its_wrapper_is_refused() {
    let error = why_not::<BatchIdentityBody>(r#"{"deleted":[{"name":"a","type":"USER"}]}"#);
    assert!(error.starts_with("`deleted`: unknown key `name`; expected one of identity"), "{error}");
}

#[test]
fn what_is_no_unsigned_number_is_no_ordering_id() {
    for json in ["-1", "1.5", "18446744073709551616", r#""x""#, r#""-1""#, r#""""#, "null", "[]"] {
        let _ = why_not::<OrderingId>(json);
    }
}

#[test]
fn an_item_is_an_object_and_its_properties_have_their_types() {
    for json in ["[]", r#""x""#, r#"{"data":1}"#, r#"{"fileExtension":[]}"#, r#"{"permissions":{}}"#] {
        let _ = why_not::<DocumentBody>(json);
    }
}

#[test]
fn a_metadata_key_that_is_reserved_cannot_be_written_in_any_case() {
    for key in [
        "data",
        "Data",
        "compressedBinaryData",
        "COMPRESSEDBINARYDATA",
        "compressedBinaryDataFileId",
        "compressionType",
        "documentid",
        "fileExtension",
        "orderingID",
        "parentId",
        "permissions",
    ] {
        let error = serde_json::to_string(&DocumentBody::new().metadata(key, "x")).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}` is reserved")), "{error}");
        assert!(serde_json::to_string(&BatchDocument::new("https://a", DocumentBody::new().metadata(key, 1))).is_err());
    }
}

#[test]
fn a_number_that_json_cannot_hold_is_refused_with_its_key_at_any_depth() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let dictionary = BTreeMap::from([("ca".to_owned(), MetadataValue::from(vec![1.0, number]))]);
        for value in [number.into(), vec![0.5, number].into(), dictionary.into()] {
            let value: MetadataValue = value;
            let doc = DocumentBody::new().metadata("pages", 1.5).metadata("price", value);
            let message = format!("`price` contains {number}, which JSON cannot hold");
            let error = serde_json::to_string(&doc).unwrap_err().to_string();
            assert!(error.starts_with(&message), "{error}");
            let findings = preflight::item("https://a", &doc);
            assert_eq!(findings.iter().map(Finding::rule).collect::<Vec<_>>(), [Rule::NumberNotFinite]);
            assert!(findings[0].message().starts_with(&message), "{findings:?}");
        }
    }
}

#[test]
fn an_integer_of_more_than_64_bits_is_refused_with_its_key_and_no_other_number_loses_a_digit() {
    for number in ["18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"] {
        for value in [number.to_owned(), format!("[1, {number}]"), format!(r#"{{"a": {number}}}"#)] {
            let error = why_not::<DocumentBody>(&format!(r#"{{"title":"t","serial":{value}}}"#));
            assert!(error.starts_with(&format!("`serial`: the integer {number} has more than 64 bits")), "{error}");
        }
    }
    for number in ["18446744073709551615", "-9223372036854775808", "0.1", "1e+30", "14.99"] {
        let doc: DocumentBody = serde_json::from_str(&format!(r#"{{"serial":{number}}}"#)).unwrap();
        // How an exponent is spelled is up to serde_json.
        let written = serde_json::to_string(&doc).unwrap().replace("1e30", "1e+30");
        assert_eq!(written, format!(r#"{{"serial":{number}}}"#));
    }
}

#[test]
fn a_number_beyond_64_bits_is_read_as_a_fraction() {
    let doc: DocumentBody = serde_json::from_value(json!({"n": 1e30})).unwrap();
    assert_eq!(doc.metadata.get("n"), Some(&1e30.into()));
}
