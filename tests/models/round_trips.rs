//! Every shape, with every key that it has.

use std::collections::BTreeMap;

use coveo_push::{
    BatchDocument, BatchDocumentBody, BatchIdentityBody, CompressionType, DeletedDocument, DocumentBody, FileContainer,
    Identity, IdentityBody, MappedIdentity, MappedIdentityBody, MetadataValue, OrderingId, PermanentId,
    PermissionIdentity, PermissionLevel, PermissionSet, Permissions,
};
use serde_json::json;

use super::{both_ways, read};

#[test]
fn a_document_has_its_data_beside_its_compression() {
    let forms = [
        (DocumentBody::new(), json!({})),
        (DocumentBody::text("wörds \"\\\n"), json!({"data": "wörds \"\\\n"})),
        (DocumentBody::inline("AAAA", None), json!({"compressedBinaryData": "AAAA"})),
        (
            DocumentBody::inline("AAAA", CompressionType::Uncompressed),
            json!({"compressedBinaryData": "AAAA", "compressionType": "UNCOMPRESSED"}),
        ),
        (
            DocumentBody::container("file-1", CompressionType::ZLib),
            json!({"compressedBinaryDataFileId": "file-1", "compressionType": "ZLIB"}),
        ),
    ];
    for (doc, json) in forms {
        both_ways(&doc, &json);
    }
}

#[test]
fn a_document_has_every_type_of_metadata() {
    let dictionary: BTreeMap<String, MetadataValue> =
        [("en".to_owned(), "shoe".into()), ("sizes".to_owned(), vec![41, 42].into())].into();
    let doc = DocumentBody::new()
        .metadata("text", "t")
        .metadata("whole", -3)
        .metadata("large", u64::MAX)
        .metadata("fraction", 1.5)
        .metadata("flag", true)
        .metadata("texts", vec!["a", "b"])
        .metadata("none", Vec::<String>::new())
        .metadata("names", dictionary);
    let json = json!({
        "text": "t",
        "whole": -3,
        "large": 18_446_744_073_709_551_615_u64,
        "fraction": 1.5,
        "flag": true,
        "texts": ["a", "b"],
        "none": [],
        "names": {"en": "shoe", "sizes": [41, 42]},
    });
    both_ways(&doc, &json);
}

#[test]
fn a_document_has_every_property_beside_its_metadata() {
    let doc = DocumentBody::text("w")
        .file_extension(".txt")
        .parent_id("https://p")
        .permissions(Permissions::public())
        .metadata("n", 1);
    let json = json!({
        "data": "w",
        "fileExtension": ".txt",
        "parentId": "https://p",
        "permissions": [{"allowAnonymous": true}],
        "n": 1,
    });
    both_ways(&doc, &json);
}

#[test]
fn the_setters_of_known_metadata_write_the_keys_that_the_service_knows() {
    let doc = DocumentBody::new()
        .title("a")
        .clickable_uri("b")
        .printable_uri("c")
        .author("d")
        .date("e")
        .modified_date(OrderingId::new(7))
        .permanent_id(PermanentId::new("g"))
        .language(["h", "i"])
        .file_name("j")
        .document_type("k")
        .source_type("l")
        .folding("m", "n", "o");
    let json = json!({
        "title": "a", "clickableUri": "b", "printableUri": "c", "author": "d", "date": "e", "modifiedDate": "1970-01-01T00:00:00.007Z",
        "permanentid": "g", "language": ["h", "i"], "filename": "j", "documenttype": "k", "sourcetype": "l",
        "foldingcollection": "m", "foldingchild": "n", "foldingparent": "o",
    });
    both_ways(&doc, &json);
}

#[test]
fn metadata_that_is_none_is_left_out() {
    let doc = DocumentBody::new().metadata("pages", None::<u32>).metadata("author", Some("asmith"));
    assert_eq!(serde_json::to_value(&doc).unwrap(), json!({"author": "asmith"}));
}

#[test]
fn an_html_page_says_that_it_is_one() {
    let json = json!({"data": "<p>words</p>", "fileExtension": ".html"});
    both_ways(&DocumentBody::html("<p>words</p>"), &json);
}

#[test]
fn permissions_are_made_of_a_list_of_sets_or_of_levels() {
    let set = || PermissionSet::new().allow(PermissionIdentity::user("a"));
    assert_eq!(Permissions::from(vec![set(), set()]), Permissions::simplified([set(), set()]));
    let level = || PermissionLevel::new("l").permission_set(set());
    assert_eq!(Permissions::from(vec![level()]), Permissions::complete([level()]));
}

#[test]
fn metadata_that_is_null_is_not_there() {
    assert_eq!(
        read::<DocumentBody>(&json!({"a": null, "data": null, "permissions": null})).unwrap(),
        DocumentBody::new()
    );
}

#[test]
fn the_id_of_a_document_is_not_part_of_it() {
    let doc: DocumentBody = read(&json!({"documentId": "https://a", "orderingId": 3, "data": "w"})).unwrap();
    assert_eq!(doc, DocumentBody::text("w"));
}

#[test]
fn permissions_are_sets_or_levels_of_sets() {
    let set = PermissionSet::new()
        .allow(PermissionIdentity::group("g"))
        .allow(PermissionIdentity::virtual_group("v").security_provider("p"))
        .deny(PermissionIdentity::user("u"));
    let levels = [PermissionLevel::new("one").permission_set(PermissionSet::new()), PermissionLevel::default()];
    let models = [
        (
            Permissions::simplified([set]),
            json!([{
                "allowAnonymous": false,
                "allowedPermissions": [
                    {"identity": "g", "identityType": "Group"},
                    {"identity": "v", "identityType": "VirtualGroup", "securityProvider": "p"},
                ],
                "deniedPermissions": [{"identity": "u", "identityType": "User"}],
            }]),
        ),
        (Permissions::simplified([]), json!([])),
        (
            Permissions::complete(levels),
            json!([{"name": "one", "permissionSets": [{"allowAnonymous": false}]}, {"permissionSets": []}]),
        ),
    ];
    for (permissions, json) in models {
        both_ways(&permissions, &json);
    }
}

#[test]
fn an_absent_allow_anonymous_is_false() {
    let permissions: Permissions = read(&json!([{}])).unwrap();
    assert_eq!(permissions, Permissions::simplified([PermissionSet::new()]));
}

#[test]
fn a_batch_of_items_has_the_compression_inside_the_item() {
    let batch = BatchDocumentBody::new()
        .add_or_update("https://a", DocumentBody::inline("AAAA", CompressionType::GZip).metadata("n", 1))
        .add_or_update("https://b", DocumentBody::container("f", CompressionType::Lzma))
        .delete("https://c")
        .delete(DeletedDocument::new("https://d/").delete_children(true));
    let json = json!({
        "addOrUpdate": [
            {"documentId": "https://a", "n": 1, "compressedBinaryData": "AAAA", "compressionType": "GZIP"},
            {"documentId": "https://b", "compressedBinaryDataFileId": "f", "compressionType": "LZMA"},
        ],
        "delete": [
            {"documentId": "https://c", "deleteChildren": false},
            {"documentId": "https://d/", "deleteChildren": true},
        ],
    });
    both_ways(&batch, &json);
    assert_eq!((batch.len(), batch.is_empty()), (4, false));
}

#[test]
fn a_batch_of_nothing_is_an_empty_object() {
    both_ways(&BatchDocumentBody::new(), &json!({}));
    both_ways(&BatchIdentityBody::new(), &json!({}));
    assert!(BatchDocumentBody::new().is_empty() && BatchIdentityBody::new().is_empty());
}

#[test]
fn a_deleted_item_keeps_its_children_unless_told_otherwise() {
    let deleted: DeletedDocument = read(&json!({"documentId": "https://a"})).unwrap();
    assert_eq!(deleted, DeletedDocument::new("https://a"));
}

#[test]
fn an_identity_has_members_and_grants() {
    let body = IdentityBody::group("g")
        .member(Identity::user("u"))
        .members([Identity::virtual_group("v")])
        .well_known(Identity::group("w"))
        .well_knowns([Identity::new("x", coveo_push::SecurityIdentityType::Unknown)]);
    let json = json!({
        "identity": {"name": "g", "type": "GROUP"},
        "members": [{"name": "u", "type": "USER"}, {"name": "v", "type": "VIRTUAL_GROUP"}],
        "wellKnowns": [{"name": "w", "type": "GROUP"}, {"name": "x", "type": "UNKNOWN"}],
    });
    both_ways(&body, &json);
}

#[test]
fn lists_that_are_absent_and_empty_are_kept_apart() {
    let mut of_no_pairs = Identity::user("u");
    of_no_pairs.additional_info = Some(BTreeMap::new());
    let with_pair = Identity::user("u").additional_info("Key", "v").additional_info("Key", "w");
    let identities = [
        (Identity::user("u"), json!({"name": "u", "type": "USER"})),
        (of_no_pairs, json!({"name": "u", "type": "USER", "additionalInfo": {}})),
        (with_pair, json!({"name": "u", "type": "USER", "additionalInfo": {"Key": "w"}})),
    ];
    for (identity, json) in identities {
        both_ways(&identity, &json);
        both_ways(&IdentityBody::from(identity.clone()), &json!({"identity": json}));
        both_ways(
            &IdentityBody::from(identity).members([]).well_knowns([]),
            &json!({"identity": json, "members": [], "wellKnowns": []}),
        );
    }
}

#[test]
fn a_null_within_metadata_is_kept_and_a_key_that_is_null_is_left_out() {
    let json = json!({"tags": ["a", null, "b"], "price": {"ca": null, "us": 9.99}, "pages": null});
    let doc: DocumentBody = read(&json).unwrap();
    assert_eq!(
        serde_json::to_value(&doc).unwrap(),
        json!({"tags": ["a", null, "b"], "price": {"ca": null, "us": 9.99}})
    );
    assert_eq!(doc.metadata.get("pages"), None);
}

#[test]
fn an_alias_has_a_provider_and_additional_info() {
    let body = MappedIdentityBody::user("u")
        .alias(MappedIdentity::user("a").provider("p").additional_info("k", "v"))
        .alias(MappedIdentity::group("b"))
        .well_known(Identity::group("w"));
    let json = json!({
        "identity": {"name": "u", "type": "USER"},
        "mappings": [
            {"name": "a", "type": "USER", "provider": "p", "additionalInfo": {"k": "v"}},
            {"name": "b", "type": "GROUP"},
        ],
        "wellKnowns": [{"name": "w", "type": "GROUP"}],
    });
    both_ways(&body, &json);
    both_ways(&MappedIdentityBody::group("g"), &json!({"identity": {"name": "g", "type": "GROUP"}, "mappings": []}));
}

#[test]
fn an_identity_with_aliases_may_have_none_and_be_granted_identities_only() {
    let granted = json!([{"name": "w", "type": "GROUP"}]);
    for json in [
        json!({"identity": {"name": "u", "type": "USER"}}),
        json!({"identity": {"name": "u", "type": "USER"}, "mappings": null}),
    ] {
        assert_eq!(read::<MappedIdentityBody>(&json).unwrap(), MappedIdentityBody::user("u"));
    }
    let json = json!({"identity": {"name": "u", "type": "USER"}, "wellKnowns": granted});
    let body = MappedIdentityBody::user("u").well_known(Identity::group("w"));
    assert_eq!(read::<MappedIdentityBody>(&json).unwrap(), body);
}

#[test]
fn a_batch_of_identities_wraps_those_that_it_deletes() {
    let batch = BatchIdentityBody::new()
        .add_or_update(IdentityBody::group("g").member(Identity::user("u")))
        .add_or_update_alias(MappedIdentityBody::user("u").alias(MappedIdentity::user("a")))
        .delete(Identity::user("d").additional_info("k", "v"));
    let json = json!({
        "members": [{"identity": {"name": "g", "type": "GROUP"}, "members": [{"name": "u", "type": "USER"}]}],
        "mappings": [{"identity": {"name": "u", "type": "USER"}, "mappings": [{"name": "a", "type": "USER"}]}],
        "deleted": [{"identity": {"name": "d", "type": "USER", "additionalInfo": {"k": "v"}}}],
    });
    both_ways(&batch, &json);
    assert_eq!(batch.len(), 3);
}

#[test]
fn a_container_has_its_headers_as_they_are() {
    let headers = [("X-Amz-Thing".to_owned(), "AES256".to_owned())];
    let container = FileContainer::new("f", "https://s3/b?sig", headers);
    let json = json!({"uploadUri": "https://s3/b?sig", "fileId": "f", "requiredHeaders": {"X-Amz-Thing": "AES256"}});
    both_ways(&container, &json);
    assert_eq!(container.required_headers()["X-Amz-Thing"], "AES256");
}

#[test]
fn a_container_may_have_no_headers_and_other_keys() {
    let container: FileContainer = read(&json!({"uploadUri": "u", "fileId": "f", "new": {"a": 1}})).unwrap();
    assert!(container.required_headers().is_empty());
}

#[test]
fn an_ordering_id_is_a_number_beyond_63_bits_and_is_read_from_text_too() {
    for id in [0, 1, i64::MAX as u64 + 1, u64::MAX] {
        both_ways(&OrderingId::new(id), &json!(id));
        assert_eq!(read::<OrderingId>(&json!(id.to_string())).unwrap().get(), id);
        assert_eq!(format!(" {id} ").parse::<OrderingId>().unwrap().get(), id);
    }
}

#[test]
fn an_ordering_id_of_a_time_is_its_milliseconds() {
    use std::time::{Duration, UNIX_EPOCH};

    assert_eq!(OrderingId::from_time(UNIX_EPOCH + Duration::from_micros(1_234_567)).get(), 1_234);
    assert_eq!(OrderingId::from_time(UNIX_EPOCH - Duration::from_secs(1)).get(), 0);
}

#[test]
fn a_document_in_a_batch_reads_its_id_wherever_it_stands() {
    let entry: BatchDocument = read(&json!({"data": "w", "documentId": "https://a"})).unwrap();
    assert_eq!(entry, BatchDocument::new("https://a", DocumentBody::text("w")));
}
