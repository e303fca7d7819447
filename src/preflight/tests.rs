use std::collections::HashSet;

use serde::Serialize;
use serde_json::json;

use super::*;
use crate::model::{
    BatchDocumentBody, CompressionType, DeletedDocument, DocumentBody, MappedIdentity, PermissionIdentity,
    PermissionLevel, PermissionSet, Permissions,
};

const ID: &str = "https://example.com/a";

/// The rules that an item with a good id breaks.
fn broken<T: Serialize + ?Sized>(body: &T) -> Vec<Rule> {
    rules(&item(ID, body))
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    findings.iter().map(Finding::rule).collect()
}

fn of_permissions(permissions: Permissions) -> Vec<Rule> {
    broken(&DocumentBody::new().permissions(permissions))
}

#[test]
fn every_rule_has_a_code_of_its_own_that_a_log_can_hold() {
    let codes: HashSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
    assert_eq!(codes.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert!(rule.code().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{rule}");
        assert_eq!(rule.to_string(), rule.code());
    }
}

#[test]
fn the_rules_that_the_service_holds_in_silence_are_these() {
    let silent: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| rule.is_silent()).collect();
    assert_eq!(
        silent,
        [
            Rule::DocumentIdNotAUri,
            Rule::DocumentIdBlanks,
            Rule::DocumentIdTwice,
            Rule::NotBase64,
            Rule::NotCompressed,
            Rule::DateUnreadable,
            Rule::ItemTooLarge,
            Rule::TooManyPermissions,
            Rule::IdentityNameBlanks,
            Rule::PermissionIdentityEmpty,
            Rule::OrderingIdInFuture,
            Rule::PermissionsMissing,
            Rule::PermissionIdentityUnknown,
            Rule::IdentityMembersDiffer,
            Rule::WellKnownsDiffer,
        ]
    );
}

#[test]
fn an_item_with_all_that_it_may_have_breaks_no_rule() {
    let doc = DocumentBody::inline("H4sI", CompressionType::GZip)
        .file_extension(".txt")
        .parent_id("https://p")
        .permissions(Permissions::public())
        .metadata("n", 1);
    assert_eq!(broken(&doc), []);
    assert_eq!(broken(&DocumentBody::new()), []);
}

#[test]
fn a_document_id_that_is_empty_is_found() {
    assert_eq!(rules(&item("", &DocumentBody::new())), [Rule::DocumentIdEmpty]);
    assert_eq!(document_id("", Preflight::Off).unwrap().rule(), Rule::DocumentIdEmpty);
}

#[test]
fn a_document_id_that_is_no_uri_is_found() {
    for id in
        ["a", "example.com/a", "://a", "https:/a", "https:a", "1a://b", "a b://c", "https://", " https://a", "ä://b"]
    {
        assert_eq!(rules(&item(id, &DocumentBody::new())), [Rule::DocumentIdNotAUri], "{id}");
    }
}

#[test]
fn a_document_id_that_is_a_uri_is_not_found() {
    for id in ["https://a", "file:///c/d", "a+b-c.1://x", "H://x", "https://a b#c?d=é", "x:://y"] {
        let is_uri = id != "x:://y";
        assert_eq!(item(id, &DocumentBody::new()).is_empty(), is_uri, "{id}");
    }
}

#[test]
fn a_document_id_that_is_no_uri_is_not_looked_for_when_that_is_off() {
    assert_eq!(document_id("a", Preflight::Off), None);
    assert!(document_id("a", Preflight::Warn).is_some());
}

#[test]
fn a_document_id_in_the_item_that_is_another_is_found() {
    assert_eq!(broken(&json!({"documentId": "https://b"})), [Rule::DocumentIdMismatch]);
    assert_eq!(broken(&json!({"DocumentId": 3})), [Rule::DocumentIdMismatch]);
}

#[test]
fn a_document_id_in_the_item_that_is_the_same_or_null_is_not_found() {
    assert_eq!(broken(&json!({"DocumentID": ID})), []);
    assert_eq!(broken(&json!({"documentId": null})), []);
}

#[test]
fn what_is_no_object_is_found() {
    assert_eq!(broken("text"), [Rule::NotAnObject]);
    assert_eq!(broken(&[1]), [Rule::NotAnObject]);
    assert_eq!(broken(&json!(null)), [Rule::NotAnObject]);
}

#[test]
fn a_key_that_comes_twice_in_any_case_is_found() {
    assert_eq!(broken(&json!({"title": 1, "Title": 2})), [Rule::DuplicateKey]);
    assert_eq!(broken(&json!({"größe": 1, "GRÖßE": 2})), [Rule::DuplicateKey]);
    assert_eq!(broken(&json!({"a\"b": 1, "A\"B": 2})), [Rule::DuplicateKey]);
    let raw = serde_json::value::RawValue::from_string(r#"{"a":1,"a":2}"#.to_owned()).unwrap();
    assert_eq!(broken(&raw), [Rule::DuplicateKey]);
}

#[test]
fn a_finding_is_told_in_one_line_whatever_the_key() {
    let long = "x".repeat(100_000);
    for key in ["a\u{7f}b", "a\\nb", long.as_str()] {
        let json = format!(r#"{{"{key}":"\ud800","{key}":1,"permissions":{{"{key}":2}}}}"#);
        let findings = item("https://a", serde_json::value::RawValue::from_string(json).unwrap().as_ref());
        for finding in &findings {
            let line = finding.to_string();
            assert!(!line.contains(char::is_control) && line.len() < 500, "{line:?}");
        }
        assert!(findings.len() > 1, "{findings:?}");
    }
}

#[test]
fn a_key_that_comes_twice_is_found_among_many() {
    let many = |last: &str| {
        let mut keys: serde_json::Map<_, _> = (0..30).map(|n| (format!("key{n}"), json!(n))).collect();
        keys.insert(last.to_owned(), json!(0));
        broken(&keys)
    };
    assert_eq!(many("KEY7"), [Rule::DuplicateKey]);
    assert_eq!(many("other"), []);
}

#[test]
fn keys_that_differ_are_not_found() {
    assert_eq!(broken(&json!({"title": {"a": 1, "A": 2}, "titles": 2, "": 3})), []);
}

#[test]
fn a_metadata_key_that_is_reserved_is_found() {
    assert_eq!(broken(&DocumentBody::new().metadata("Data", "x")), [Rule::ReservedKey]);
    assert_eq!(broken(&DocumentBody::new().metadata("datum", "x")), []);
}

#[test]
fn a_number_that_json_cannot_hold_is_found() {
    assert_eq!(broken(&DocumentBody::new().metadata("n", f64::NAN)), [Rule::NumberNotFinite]);
    assert_eq!(broken(&DocumentBody::new().metadata("n", vec![f64::INFINITY])), [Rule::NumberNotFinite]);
    assert_eq!(broken(&DocumentBody::new().metadata("n", f64::MAX)), []);
}

#[test]
fn more_than_one_form_of_data_is_found() {
    assert_eq!(broken(&json!({"data": "a", "compressedBinaryData": "eJwDAA=="})), [Rule::SeveralData]);
    assert_eq!(broken(&json!({"Data": "a", "compressedBinaryDataFileId": "f"})), [Rule::SeveralData]);
    assert_eq!(
        broken(&json!({"compressedBinaryData": "eJwDAA==", "compressedBinaryDataFileId": "f"})),
        [Rule::SeveralData]
    );
}

#[test]
fn a_form_of_data_that_is_null_is_none() {
    let item =
        json!({"data": null, "compressedBinaryData": null, "compressedBinaryDataFileId": "f", "compressionType": null});
    assert_eq!(broken(&item), []);
}

#[test]
fn a_file_extension_that_is_none_is_found() {
    for extension in [json!("txt"), json!("."), json!(""), json!(". t"), json!(".a/b"), json!(".a\\b"), json!(3)] {
        assert_eq!(broken(&json!({"fileExtension": extension})), [Rule::FileExtension], "{extension}");
    }
}

#[test]
fn a_file_extension_with_its_dot_is_not_found() {
    for extension in [json!(".txt"), json!(".tar.gz"), json!(".PDF"), json!(null)] {
        assert_eq!(broken(&json!({"fileExtension": extension})), [], "{extension}");
    }
}

#[test]
fn data_is_found_from_its_limit_on() {
    let of = |length: usize| broken(&DocumentBody::text("x".repeat(length)));
    assert_eq!(of(limit::DATA_BYTES - 1), []);
    assert_eq!(of(limit::DATA_BYTES), [Rule::DataTooLarge]);
    assert_eq!(of(limit::DATA_BYTES + 1), [Rule::DataTooLarge]);
}

#[test]
fn inline_bytes_are_found_from_their_limit_on_as_they_are_encoded() {
    let of = |length: usize| broken(&DocumentBody::inline("A".repeat(length), CompressionType::Deflate));
    assert_eq!(of(limit::DATA_BYTES - 4), []);
    assert_eq!(of(limit::DATA_BYTES), [Rule::DataTooLarge]);
}

#[test]
fn data_is_counted_as_the_bytes_that_are_sent() {
    assert_eq!(broken(&DocumentBody::text("ü".repeat(limit::DATA_BYTES / 2))), [Rule::DataTooLarge]);
    assert_eq!(broken(&DocumentBody::text("\n".repeat(limit::DATA_BYTES / 2))), [Rule::DataTooLarge]);
}

#[test]
fn a_request_is_found_above_its_limit() {
    assert_eq!(request_size(limit::REQUEST_BYTES - 1, "i"), None);
    assert_eq!(request_size(limit::REQUEST_BYTES, "i"), None);
    assert_eq!(request_size(limit::REQUEST_BYTES + 1, "i").unwrap().rule(), Rule::RequestTooLarge);
}

#[test]
fn an_upload_is_found_above_its_limit() {
    assert_eq!(container_size(limit::CONTAINER_BYTES - 1, "i"), None);
    assert_eq!(container_size(limit::CONTAINER_BYTES, "i"), None);
    assert_eq!(container_size(limit::CONTAINER_BYTES + 1, "i").unwrap().rule(), Rule::ContainerTooLarge);
}

#[test]
fn a_batch_of_nothing_is_found() {
    assert_eq!(rules(&batch(&BatchDocumentBody::new())), [Rule::BatchEmpty]);
    assert_eq!(rules(&identity_batch(&BatchIdentityBody::new())), [Rule::BatchEmpty]);
    assert_eq!(batch(&BatchDocumentBody::new().delete(ID)), []);
    assert_eq!(identity_batch(&BatchIdentityBody::new().delete(Identity::user("u"))), []);
}

#[test]
fn an_identity_without_a_name_is_found_wherever_it_stands() {
    let nobody = || Identity::user("");
    let found = [
        identity(&IdentityBody::user("")),
        identity(&IdentityBody::group("g").member(Identity::user("u")).member(nobody())),
        identity(&IdentityBody::group("g").well_known(nobody())),
        alias(&MappedIdentityBody::user("")),
        alias(&MappedIdentityBody::user("u").alias(MappedIdentity::user(""))),
        alias(&MappedIdentityBody::user("u").well_known(nobody())),
        identity(&IdentityBody::user(" \n")),
        identity_batch(&BatchIdentityBody::new().add_or_update(IdentityBody::user(""))),
        identity_batch(&BatchIdentityBody::new().add_or_update_alias(MappedIdentityBody::user(""))),
        identity_batch(&BatchIdentityBody::new().delete(nobody())),
    ];
    for findings in found {
        assert_eq!(rules(&findings), [Rule::IdentityNameEmpty]);
    }
}

#[test]
fn identities_with_names_are_not_found() {
    let user = || Identity::user("u");
    let member = IdentityBody::group("g").member(user()).well_known(user());
    let mapping = MappedIdentityBody::user("u").alias(MappedIdentity::user("a")).well_known(user());
    assert_eq!(
        identity_batch(&BatchIdentityBody::new().add_or_update(member).add_or_update_alias(mapping).delete(user())),
        []
    );
}

#[test]
fn a_compression_type_that_is_none_is_found() {
    assert_eq!(broken(&json!({"compressionType": "brotli"})), [Rule::CompressionType]);
    assert_eq!(broken(&json!({"CompressionType": 3})), [Rule::CompressionType]);
    assert_eq!(broken(&json!({"compressionType": "gzip"})), []);
}

#[test]
fn an_id_that_stands_in_a_batch_twice_is_found() {
    let doc = DocumentBody::new;
    let twice = [
        BatchDocumentBody::new().add_or_update(ID, doc()).add_or_update(ID, doc()),
        BatchDocumentBody::new().add_or_update(ID, doc()).delete(ID),
        BatchDocumentBody::new().delete(ID).delete(ID),
    ];
    for twice in twice {
        let findings = batch(&twice);
        assert_eq!((rules(&findings), findings[0].item()), (vec![Rule::DocumentIdTwice], ID));
    }
    let once = BatchDocumentBody::new().add_or_update(ID, doc()).delete("https://example.com/b");
    assert_eq!(batch(&once), []);
}

#[test]
fn an_id_below_one_that_is_deleted_with_its_children_is_found() {
    let below = BatchDocumentBody::new()
        .add_or_update("https://a/b/c", DocumentBody::new())
        .delete("https://a/b/d")
        .delete("https://a/c")
        .delete(DeletedDocument::new("https://a/b/").delete_children(true));
    let findings = batch(&below);
    assert_eq!(rules(&findings), [Rule::DocumentIdTwice; 2]);
    assert_eq!([findings[0].item(), findings[1].item()], ["https://a/b/c", "https://a/b/d"]);
}

#[test]
fn an_id_below_one_that_is_deleted_alone_is_not_found() {
    let apart = BatchDocumentBody::new()
        .delete("https://a/")
        .delete("https://a/b")
        .delete(DeletedDocument::new("https://b/").delete_children(true));
    assert_eq!(batch(&apart), []);
}

#[test]
fn what_is_found_in_an_item_of_a_batch_is_found_in_the_batch() {
    let mut mixed = BatchDocumentBody::new().add_or_update("no uri", DocumentBody::new().file_extension("txt"));
    mixed.delete.push(DeletedDocument::new(""));
    assert_eq!(rules(&batch(&mixed)), [Rule::DocumentIdNotAUri, Rule::FileExtension, Rule::DocumentIdEmpty]);
}

#[test]
fn inline_bytes_that_are_not_base64_are_found() {
    for text in ["AAA", "AA==A", "A A=", "-_8=", "AAAA\n", "é"] {
        assert_eq!(broken(&json!({"compressedBinaryData": text})), [Rule::NotBase64], "{text}");
    }
    for text in ["", "AAAA", "AA==", "+/8="] {
        let item = json!({"compressedBinaryData": text, "compressionType": "UNCOMPRESSED"});
        assert_eq!(broken(&item), [], "{text}");
    }
}

#[test]
fn inline_bytes_that_begin_unlike_their_compression_type_are_found() {
    let none: &[u8] = b"";
    let lzma = b"\x5D\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
    for (compression, bytes, is_found) in [
        (None, b"\x78\x9C\x03\0".as_slice(), false),
        (None, b"words", true),
        (Some("ZLIB"), none, true),
        (Some("zlib"), b"\x78\x01", false),
        (Some("ZLIB"), b"\x78\x02", true),
        (Some("GZIP"), b"\x1F\x8B\x08", false),
        (Some("GZIP"), b"\x78\x9C", true),
        (Some("LZMA"), lzma, false),
        (Some("LZMA"), b"\xFD7zXZ\0 and more", true),
        (Some("DEFLATE"), b"words", false),
        (Some("DEFLATE"), none, true),
        (Some("UNCOMPRESSED"), none, false),
    ] {
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let item = json!({"compressedBinaryData": base64, "compressionType": compression});
        assert_eq!(broken(&item), if is_found { vec![Rule::NotCompressed] } else { vec![] }, "{item}");
    }
}

#[test]
fn a_value_that_is_not_text_is_found_where_the_models_have_text() {
    for item in [
        json!({"data": 5}),
        json!({"Data": {}}),
        json!({"parentId": 5}),
        json!({"PARENTID": ["https://a"]}),
        json!({"compressedBinaryData": true}),
    ] {
        assert_eq!(broken(&item), [Rule::NotText], "{item}");
        assert!(serde_json::from_value::<DocumentBody>(item).is_err());
    }
}

#[test]
fn a_file_id_that_no_container_has_is_found() {
    for id in [json!(""), json!(" "), json!("x\ny"), json!("x".repeat(2 << 20)), json!(5)] {
        assert_eq!(broken(&json!({"compressedBinaryDataFileId": id})), [Rule::FileId]);
    }
    assert_eq!(broken(&json!({"compressedBinaryDataFileId": "7c62ac1a-4d02-4d8b-ae27-6b29f0a5cd2d"})), []);
}

#[test]
fn a_date_that_cannot_be_read_is_found() {
    for date in ["yesterday", "", "2020-03-10T14:15:25.774-03:0", "0001-01-01T00:00:00Z"] {
        assert_eq!(broken(&DocumentBody::new().date(date)), [Rule::DateUnreadable], "{date}");
        assert_eq!(broken(&json!({"ModifiedDate": date})), [Rule::DateUnreadable], "{date}");
    }
    let doc = DocumentBody::new().date(SystemTime::now()).modified_date(OrderingId::new(1_510_143_521_666));
    assert_eq!(broken(&doc.metadata("createddate", "yesterday")), []);
    for date in [json!(1_510_143_521_666_u64), json!(true), json!(["2017-11-08"]), json!({})] {
        assert_eq!(broken(&json!({"date": date})), [Rule::DateUnreadable], "{date}");
    }
    assert_eq!(broken(&json!({"date": null})), []);
}

#[test]
fn a_document_id_with_blanks_at_its_end_or_control_characters_is_found() {
    for id in ["https://a ", "https://a\u{a0}", "https://a\n", "https://a\0b"] {
        assert_eq!(rules(&item(id, &DocumentBody::new())), [Rule::DocumentIdBlanks], "{id:?}");
        assert_eq!(broken(&DocumentBody::new().parent_id(id)), [Rule::DocumentIdBlanks], "{id:?}");
    }
    assert_eq!(broken(&DocumentBody::new().parent_id(" https://a")), [Rule::DocumentIdBlanks]);
}

#[test]
fn a_document_id_that_is_too_long_is_found() {
    let of = |length: usize| document_id(&format!("a://{}", "b".repeat(length - 4)), Preflight::Off);
    assert_eq!(of(limit::DOCUMENT_ID_BYTES), None);
    assert_eq!(of(limit::DOCUMENT_ID_BYTES + 1).unwrap().rule(), Rule::DocumentIdTooLong);
}

#[test]
fn a_name_with_blanks_around_it_or_control_characters_is_found() {
    for name in [" a", "a\n", "a\tb", "a\u{2003}"] {
        let found = [
            identity(&IdentityBody::user(name)),
            alias(&MappedIdentityBody::user("u").alias(MappedIdentity::user(name))),
            identity_batch(&BatchIdentityBody::new().delete(Identity::user(name))),
        ];
        for findings in found {
            assert_eq!(rules(&findings), [Rule::IdentityNameBlanks], "{name:?}");
        }
    }
    for name in ["a ", "a\n", "a\tb", "a\u{a0}", "\u{2003}a", "a\u{85}b"] {
        let set = PermissionSet::new().allow(PermissionIdentity::user(name));
        assert_eq!(of_permissions(set.into()), [Rule::IdentityNameBlanks], "{name:?}");
    }
    assert_eq!(identity(&IdentityBody::user("a b")), []);
}

#[test]
fn a_provider_with_blanks_around_its_name_or_control_characters_is_found() {
    for (provider, is_found) in
        [(" ", true), ("p ", true), ("p\nq", true), ("\u{a0}p", true), ("", false), ("p q", false)]
    {
        let found = if is_found { vec![Rule::IdentityNameBlanks] } else { vec![] };
        let permission = PermissionIdentity::user("u").security_provider(provider);
        assert_eq!(of_permissions(PermissionSet::new().deny(permission.clone()).into()), found, "{provider:?}");
        let level = PermissionLevel::new("l").permission_set(PermissionSet::new().allow(permission));
        assert_eq!(of_permissions(Permissions::complete([level])), found, "{provider:?}");
        let aliased = MappedIdentityBody::user("u").alias(MappedIdentity::user("v").provider(provider));
        assert_eq!(rules(&alias(&aliased)), found, "{provider:?}");
        assert_eq!(rules(&identity_batch(&BatchIdentityBody::new().add_or_update_alias(aliased))), found);
    }
}

#[test]
fn a_batch_of_text_with_a_list_twice_is_found_by_its_name() {
    const LISTS: &[&str] = &["addOrUpdate", "delete"];
    for (batch, twice) in [
        (r#"{"addOrUpdate":[{}],"addOrUpdate":[]}"#, "addOrUpdate"),
        (r#"{"addOrUpdate":[],"delete":[{}],"ADDORUPDATE":[{}]}"#, "ADDORUPDATE"),
        (r#"{"delete":null,"delete":[{}]}"#, "delete"),
    ] {
        let findings = batch_text(batch.as_bytes(), LISTS);
        assert_eq!(rules(&findings), [Rule::DuplicateKey], "{batch}");
        assert!(findings[0].message().contains(&format!("the list `{twice}` twice")), "{}", findings[0]);
    }
    assert_eq!(batch_text(br#"{"addOrUpdate":[{}],"delete":[{}]}"#, LISTS), []);
}

#[test]
fn deletions_with_children_below_each_other_are_found_once_each() {
    let id = |n: usize| format!("a://b/{}", "c/".repeat(n));
    let batch = (0..2_000)
        .fold(BatchDocumentBody::new(), |batch, n| batch.delete(DeletedDocument::new(id(n)).delete_children(true)));
    let findings = batch_ids(&batch);
    assert_eq!(findings.len(), 1_999);
    assert!(findings.iter().all(|finding| finding.message().len() < 200));
}

#[test]
fn permissions_are_found_above_their_number_over_all_sets_and_levels() {
    let sets = |count: usize| {
        let (allowed, denied) = (count / 2, count - count / 2);
        let some = |count: usize| (0..count).map(|n| PermissionIdentity::user(n.to_string()));
        [
            PermissionSet { allowed_permissions: some(allowed).collect(), ..PermissionSet::new() },
            PermissionSet { denied_permissions: some(denied).collect(), ..PermissionSet::new() },
        ]
    };
    for (count, found) in [(4_999, vec![]), (5_000, vec![]), (5_001, vec![Rule::TooManyPermissions])] {
        assert_eq!(of_permissions(Permissions::simplified(sets(count))), found);
        let levels = sets(count).map(|set| PermissionLevel::new("l").permission_set(set));
        assert_eq!(of_permissions(Permissions::complete(levels)), found);
    }
}

#[test]
fn a_permission_that_names_nobody_is_found() {
    let nobody = PermissionIdentity::user("");
    assert_eq!(of_permissions(PermissionSet::new().allow(nobody.clone()).into()), [Rule::PermissionIdentityEmpty]);
    assert_eq!(
        of_permissions(Permissions::complete([
            PermissionLevel::new("l").permission_set(PermissionSet::new().deny(nobody))
        ])),
        [Rule::PermissionIdentityEmpty]
    );
    assert_eq!(of_permissions(PermissionSet::new().allow(PermissionIdentity::user("u")).into()), []);
}

#[test]
fn a_permission_that_names_nobody_is_found_however_it_is_spelled() {
    let odd = json!({"permissions": [{"AllowedPermissions": [{"Identity": "", "IdentityType": "User"}]}]});
    assert_eq!(broken(&odd), [Rule::PermissionIdentityEmpty]);
    let spaced = r#"{"permissions": [{"allowedPermissions": [{"identity" : "", "identityType": "User"}]}]}"#;
    let spaced = serde_json::value::RawValue::from_string(spaced.to_owned()).unwrap();
    assert_eq!(broken(&spaced), [Rule::PermissionIdentityEmpty]);
    let other = json!({"permissions": [{"allowedPermissions": [
        {"identity": "u", "identityType": "User", "securityProvider": ""},
    ]}]});
    assert_eq!(broken(&other), []);
}

#[test]
fn an_ordering_id_is_found_two_seconds_ahead_of_the_service_or_five_minutes_ahead_of_here() {
    let [here, there] = [1_000_000, 9_000_000].map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms));
    for (id, there, found) in [
        (0, Some(there), None),
        (9_002_000, Some(there), None),
        (9_002_001, Some(there), Some(Rule::OrderingIdAhead)),
        (u64::MAX, Some(there), Some(Rule::OrderingIdAhead)),
        (1_300_000, None, None),
        (1_300_001, None, Some(Rule::OrderingIdInFuture)),
    ] {
        let finding = older_than(OrderingId::new(id), there, here);
        assert_eq!(finding.map(|finding| finding.rule()), found, "{id}");
    }
}

#[test]
fn advice_is_never_refused() {
    let found = || vec![Finding::new("i", Rule::ChildrenPrefixWithoutSlash, "m")];
    for (switch, warnings) in [(Preflight::Refuse, found()), (Preflight::Warn, found()), (Preflight::Off, vec![])] {
        assert_eq!(judge(found(), switch), Ok(warnings));
    }
}

#[test]
fn a_deletion_with_children_whose_prefix_takes_neighbours_is_found() {
    let rules_of = |id, children| rules(&deletion(id, children, Preflight::Refuse));
    assert_eq!(rules_of("https://a/old", true), [Rule::ChildrenPrefixWithoutSlash]);
    assert_eq!(rules_of("https://a/old/", true), []);
    assert_eq!(rules_of("https://a/old", false), []);
    let refused = deletion("old/", true, Preflight::Refuse);
    assert!(refused[0].message().starts_with("the service accepts the deletion and ignores it"), "{}", refused[0]);
}

#[test]
fn one_fault_is_one_finding_in_plain_words_with_its_place() {
    for (json, told) in [
        (r#"{"documentId":5}"#, "the item says that its documentId is 5; write it as text, between quotes"),
        (r#"{"documentId":"https://b"}"#, "the item itself says that its documentId is `https://b`; give one of them"),
        (
            r#"{"documentId":"\ud800"}"#,
            "the value of `documentId` cannot be read: an escape such as `\\ud800` is one half of a character, and the \
             other half is missing, at line 1, column 22",
        ),
        (
            r#"{"n":1e999}"#,
            "the value of `n` cannot be read: the number is out of the range of fractions of 64 bits, at \
            line 1, column 10",
        ),
        (
            r#"{"permissions":{"a":1}}"#,
            "its permissions are neither permission sets nor levels of them: there is an object in place of a list, at \
             line 1, column 16",
        ),
        (
            r#"{"compressedBinaryDataFileId":{"a":5}}"#,
            "`compressedBinaryDataFileId` is {\"a\":5}; write it as text, between quotes",
        ),
        (r#"{"date":5}"#, "`date` is 5; write it as `2017-11-08T12:18:41Z`"),
        (
            r#"{"date":"\ud800"}"#,
            "the value of `date` cannot be read: an escape such as `\\ud800` is one half of a character, and the \
             other half is missing, at line 1, column 16",
        ),
        (
            r#"{"compressionType":7}"#,
            "`compressionType`: there is the number `7` in place of text, at line 1, column 20",
        ),
        (
            r#"{"compressedBinaryData":"YW\nJj"}"#,
            "compressedBinaryData is not standard base64: it has line breaks or blanks; write it without any",
        ),
        (
            r#"{"compressedBinaryData":"_-8="}"#,
            "compressedBinaryData is not standard base64: it is in the URL-safe alphabet; use the one with `+` and `/`",
        ),
        (
            r#"{"compressedBinaryData":"YQ"}"#,
            "compressedBinaryData is not standard base64: its padding is missing; end it with `=`, so that its length is a \
             multiple of 4",
        ),
        (
            r#"{"compressedBinaryData":"Y$=="}"#,
            "compressedBinaryData is not standard base64: it has other characters or is cut off; encode the bytes",
        ),
    ] {
        let findings = written_item(ID, &ItemText::read(json.into()).unwrap(), Preflight::Refuse);
        let messages: Vec<_> = findings.iter().map(Finding::message).collect();
        assert_eq!(messages, [told], "{json}");
    }
}

#[test]
fn what_is_silent_follows_the_switch_and_what_is_answered_is_always_refused() {
    for rule in Rule::ALL.iter().filter(|rule| !rule.is_advice()) {
        let found = || vec![Finding::new("i", *rule, "m")];
        assert_eq!(judge(found(), Preflight::Refuse), Err(found()), "{rule}");
        let (warn, off) = if rule.is_silent() { (Ok(found()), Ok(vec![])) } else { (Err(found()), Err(found())) };
        assert_eq!(judge(found(), Preflight::Warn), warn, "{rule}");
        assert_eq!(judge(found(), Preflight::Off), off, "{rule}");
    }
}

#[test]
fn nothing_found_is_nothing_to_judge() {
    for switch in [Preflight::Refuse, Preflight::Warn, Preflight::Off] {
        assert_eq!(judge(vec![], switch), Ok(vec![]));
    }
}

#[test]
fn a_refusal_holds_what_is_refused_and_no_warning() {
    let silent = Finding::new("i", Rule::NotBase64, "m");
    let loud = Finding::new("i", Rule::FileExtension, "m");
    let both = || vec![silent.clone(), loud.clone()];
    assert_eq!(judge(both(), Preflight::Refuse), Err(both()));
    assert_eq!(judge(both(), Preflight::Warn), Err(vec![loud.clone()]));
    assert_eq!(judge(both(), Preflight::Off), Err(vec![loud.clone()]));
}

#[test]
fn a_finding_is_one_line_that_ends_however_long_its_item_is() {
    let finding = Finding::new(format!("a\nb{}", "x".repeat(1000)), Rule::NotBase64, "encode it");
    let line = finding.to_string();
    assert!(line.starts_with("`a bxxx") && line.ends_with("…`: encode it [not-base64]"), "{line}");
    assert!(line.chars().count() < 350 && !line.contains('\n'));
}

#[test]
fn what_is_silent_is_not_looked_for_when_that_is_off() {
    let item = json!({
        "compressedBinaryData": "not base64",
        "permissions": [{"allowedPermissions": [{"identity": "", "identityType": "User"}]}],
    });
    let item = ItemText::write(&item).unwrap();
    assert_eq!(written_item("no uri", &item, Preflight::Off), []);
    assert_eq!(written_item("no uri", &item, Preflight::Warn).len(), 3);
}

#[test]
fn an_item_of_a_catalog_is_found_above_its_limit_with_the_id_that_is_put_into_it() {
    for id in ["i", "product://a-longer-\"one\""] {
        for (more, is_found) in [(0, false), (1, true)] {
            let whole = |text: &str| json!({ "documentId": id, "a": text }).to_string();
            let text = "x".repeat(limit::STREAM_ITEM_BYTES - whole("").len() + more);
            for json in [whole(&text), json!({ "a": text }).to_string()] {
                let item = ItemText::read(json.as_str().into()).unwrap();
                assert_eq!(stream::stream_item_size(id, &item, Preflight::Refuse).is_some(), is_found, "{id} {more}");
            }
        }
    }
}
