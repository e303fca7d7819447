//! Keys and words are read in any case and written in one.

use coveo_push::{
    BatchDocumentBody, BatchIdentityBody, CompressionType, DocumentBody, FileContainer, Identity, IdentityBody,
    MappedIdentityBody, PermissionIdentity, Permissions, SecurityIdentityType, SourceStatus,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::read;

/// The JSON with every key changed, but for those below `additionalInfo` and the metadata.
fn with_keys(json: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match json {
        Value::Object(object) => object.iter().map(|(key, value)| (change(key), with_keys(value, change))).collect(),
        Value::Array(values) => values.iter().map(|value| with_keys(value, change)).collect(),
        other => other.clone(),
    }
}

fn odd_case(key: &str) -> String {
    let flip = |(at, c): (usize, char)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    key.chars().enumerate().map(flip).collect()
}

fn first_upper(key: &str) -> String {
    let (first, rest) = key.split_at(1);
    first.to_uppercase() + rest
}

type Reread = fn(&Value) -> Value;

fn reread<T: Serialize + DeserializeOwned>(json: &Value) -> Value {
    serde_json::to_value(read::<T>(json).unwrap()).unwrap()
}

#[test]
fn the_keys_of_every_model_are_read_in_any_case() {
    let models: [(Reread, Value); 7] = [
        (
            reread::<DocumentBody>,
            json!({
                "compressedBinaryData": "AAAA",
                "compressionType": "LZMA",
                "fileExtension": ".txt",
                "parentId": "https://p",
                "permissions": [{
                    "allowAnonymous": true,
                    "allowedPermissions": [{"identity": "u", "identityType": "User", "securityProvider": "p"}],
                    "deniedPermissions": [{"identity": "g", "identityType": "Group"}],
                }],
            }),
        ),
        (reread::<DocumentBody>, json!({"data": "w"})),
        (reread::<DocumentBody>, json!({"compressedBinaryDataFileId": "f"})),
        (reread::<Permissions>, json!([{"name": "n", "permissionSets": [{"allowAnonymous": true}]}])),
        (
            reread::<BatchDocumentBody>,
            json!({
                "addOrUpdate": [{"documentId": "https://a", "data": "w"}],
                "delete": [{"documentId": "https://b", "deleteChildren": true}],
            }),
        ),
        (
            reread::<BatchIdentityBody>,
            json!({
                "members": [{
                    "identity": {"name": "g", "type": "GROUP"},
                    "members": [{"name": "u", "type": "USER"}],
                    "wellKnowns": [],
                }],
                "mappings": [{
                    "identity": {"name": "u", "type": "USER", "additionalInfo": {}},
                    "mappings": [{"name": "a", "type": "USER", "provider": "p", "additionalInfo": {}}],
                }],
                "deleted": [{"identity": {"name": "d", "type": "USER"}}],
            }),
        ),
        (reread::<FileContainer>, json!({"uploadUri": "u", "fileId": "f", "requiredHeaders": {}})),
    ];
    let cases: [fn(&str) -> String; 4] = [first_upper, odd_case, str::to_lowercase, str::to_uppercase];
    for (reread, json) in models {
        for case in cases {
            assert_eq!(reread(&with_keys(&json, &case)), json);
        }
    }
}

#[test]
fn metadata_and_additional_info_keep_the_case_of_their_keys() {
    let doc: DocumentBody = read(&json!({"Größe": 1, "aB": 2})).unwrap();
    assert_eq!(serde_json::to_value(doc).unwrap(), json!({"Größe": 1, "aB": 2}));
    let identity: Identity = read(&json!({"name": "u", "type": "user", "ADDITIONALINFO": {"aB": "c"}})).unwrap();
    assert_eq!(serde_json::to_value(identity).unwrap()["additionalInfo"], json!({"aB": "c"}));
}

#[test]
fn an_old_spelling_of_allow_anonymous_is_read() {
    let permissions: Permissions = read(&json!([{"AllowedAnonymous": true}])).unwrap();
    assert_eq!(permissions, Permissions::public());
}

#[test]
fn identity_types_are_read_in_any_case_and_written_as_each_place_wants_them() {
    let words = [
        (SecurityIdentityType::User, ["User", "USER", "user", "uSER"], "User", "USER"),
        (SecurityIdentityType::Group, ["Group", "GROUP", "group", "gROUP"], "Group", "GROUP"),
        (
            SecurityIdentityType::VirtualGroup,
            ["VirtualGroup", "VIRTUAL_GROUP", "virtualgroup", "Virtual_Group"],
            "VirtualGroup",
            "VIRTUAL_GROUP",
        ),
        (SecurityIdentityType::Unknown, ["Unknown", "UNKNOWN", "unknown", "unKnown"], "Unknown", "UNKNOWN"),
    ];
    for (kind, spellings, in_permission, in_identity) in words {
        for word in spellings {
            let permission: PermissionIdentity = read(&json!({"identity": "n", "identityType": word})).unwrap();
            assert_eq!(permission, PermissionIdentity::new("n", kind));
            assert_eq!(serde_json::to_value(permission).unwrap()["identityType"], in_permission);
            let identity: Identity = read(&json!({"name": "n", "type": word})).unwrap();
            assert_eq!(identity, Identity::new("n", kind));
            assert_eq!(serde_json::to_value(identity).unwrap()["type"], in_identity);
            assert_eq!(word.parse(), Ok(kind));
        }
    }
}

#[test]
fn compression_types_are_read_in_any_case_and_written_in_upper_case() {
    let words = [
        ("Uncompressed", CompressionType::Uncompressed, "UNCOMPRESSED"),
        ("deflate", CompressionType::Deflate, "DEFLATE"),
        ("GZip", CompressionType::GZip, "GZIP"),
        ("LZMA", CompressionType::Lzma, "LZMA"),
        ("ZLib", CompressionType::ZLib, "ZLIB"),
    ];
    for (word, compression, written) in words {
        for word in [word.to_owned(), word.to_lowercase(), word.to_uppercase()] {
            assert_eq!(read::<CompressionType>(&json!(word)).unwrap(), compression);
        }
        assert_eq!(serde_json::to_value(compression).unwrap(), written);
    }
}

#[test]
fn source_statuses_are_read_in_any_case_and_written_in_upper_case() {
    for word in ["REBUILD", "Rebuild", "refresh", "Incremental", "idle"] {
        let status: SourceStatus = read(&json!(word)).unwrap();
        assert_eq!(serde_json::to_value(status).unwrap(), word.to_uppercase());
    }
}

#[test]
fn bodies_written_by_other_clients_are_read() {
    let identity: IdentityBody = read(&json!({
        "Identity": {"Name": "g", "Type": "GROUP", "AdditionalInfo": {}},
        "Members": [],
        "WellKnowns": [],
        "Result": {"result": "Success"},
    }))
    .unwrap();
    assert_eq!(identity.identity.name, "g");
    let alias: MappedIdentityBody =
        read(&json!({"Identity": {"Name": "u", "Type": "USER"}, "Mappings": [{"Name": "a", "Type": "USER"}]})).unwrap();
    assert_eq!(alias.mappings[0].name, "a");
    let permissions: Permissions = read(&json!([{
        "Name": "l",
        "PermissionSets": [{
            "AllowAnonymous": false,
            "AllowedPermissions": [{"Identity": "u", "IdentityType": "USER", "AdditionalInfo": {}}],
        }],
    }]))
    .unwrap();
    assert_eq!(permissions.identities().count(), 1);
}
