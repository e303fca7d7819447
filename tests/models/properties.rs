//! What holds for every value, and for every id in every place of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{
    ApiKey, CompressionType, DocumentBody, DocumentData, Error, Identity, IdentityBody, MetadataValue,
    PermissionIdentity, PermissionLevel, PermissionSet, Permissions, Preflight, PushClient, SecurityIdentityType,
};
use percent_encoding::percent_decode_str;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-zA-Z0-9 /%?#&=+.:@\\\\\"äöß]{0,12}"]
}

fn value() -> impl Strategy<Value = MetadataValue> {
    let leaf = prop_oneof![
        text().prop_map(MetadataValue::from),
        any::<i64>().prop_map(MetadataValue::from),
        any::<u64>().prop_map(MetadataValue::from),
        any::<bool>().prop_map(MetadataValue::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(MetadataValue::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            vec(or_null(inner.clone()), 0..4).prop_map(MetadataValue::Array),
            btree_map(text(), or_null(inner), 0..4).prop_map(MetadataValue::Dictionary),
        ]
    })
}

/// Within a value there may be nulls.
fn or_null(value: impl Strategy<Value = MetadataValue>) -> impl Strategy<Value = MetadataValue> {
    option::weighted(0.8, value).prop_map(|value| value.unwrap_or(MetadataValue::Null))
}

fn kind() -> impl Strategy<Value = SecurityIdentityType> {
    use SecurityIdentityType::{Group, Unknown, User, VirtualGroup};

    prop_oneof![Just(User), Just(Group), Just(VirtualGroup), Just(Unknown)]
}

fn compression() -> impl Strategy<Value = CompressionType> {
    use CompressionType::{Deflate, GZip, Lzma, Uncompressed, ZLib};

    prop_oneof![Just(Uncompressed), Just(Deflate), Just(GZip), Just(Lzma), Just(ZLib)]
}

fn data() -> impl Strategy<Value = DocumentData> {
    prop_oneof![
        text().prop_map(DocumentData::Text),
        (text(), option::of(compression())).prop_map(|(base64, compression)| DocumentData::inline(base64, compression)),
        (text(), option::of(compression()))
            .prop_map(|(file_id, compression)| DocumentData::container(file_id, compression)),
    ]
}

fn permission() -> impl Strategy<Value = PermissionIdentity> {
    (text(), kind(), option::of(text())).prop_map(|(name, kind, provider)| {
        // An empty name is the default provider's.
        provider
            .filter(|name| !name.is_empty())
            .into_iter()
            .fold(PermissionIdentity::new(name, kind), PermissionIdentity::security_provider)
    })
}

fn set() -> impl Strategy<Value = PermissionSet> {
    (any::<bool>(), vec(permission(), 0..3), vec(permission(), 0..3)).prop_map(|(anonymous, allowed, denied)| {
        PermissionSet::new().allow_anonymous(anonymous).allow_all(allowed).deny_all(denied)
    })
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let level = (option::of(text()), vec(set(), 0..3)).prop_map(|(name, sets)| {
        name.map_or_else(PermissionLevel::default, PermissionLevel::new).permission_sets(sets)
    });
    prop_oneof![
        vec(set(), 0..3).prop_map(Permissions::Simplified),
        // No level at all is written as no set at all is.
        vec(level, 1..3).prop_map(Permissions::Complete),
    ]
}

/// A key that no property of an item has.
fn metadata_key() -> impl Strategy<Value = String> {
    text().prop_map(|key| format!("m{key}"))
}

fn document() -> impl Strategy<Value = DocumentBody> {
    (
        option::of(data()),
        option::of(text()),
        option::of(text()),
        option::of(permissions()),
        vec((metadata_key(), value()), 0..6),
    )
        .prop_map(|(data, file_extension, parent_id, permissions, metadata)| {
            let mut doc = DocumentBody::new().metadata_all(metadata);
            (doc.data, doc.file_extension, doc.parent_id) = (data, file_extension, parent_id);
            doc.permissions = permissions;
            doc
        })
}

fn identity() -> impl Strategy<Value = Identity> {
    (text(), kind(), option::of(btree_map(text(), text(), 0..3))).prop_map(|(name, kind, additional_info)| {
        let mut identity = Identity::new(name, kind);
        identity.additional_info = additional_info;
        identity
    })
}

fn identity_body() -> impl Strategy<Value = IdentityBody> {
    (identity(), option::of(vec(identity(), 0..3)), option::of(vec(identity(), 0..3))).prop_map(
        |(identity, members, well_knowns)| {
            let mut body = IdentityBody::new(identity);
            (body.members, body.well_knowns) = (members, well_knowns);
            body
        },
    )
}

proptest! {
    #[test]
    fn every_document_is_read_as_it_was_written(doc in document()) {
        let json = serde_json::to_string(&doc).unwrap();
        prop_assert_eq!(serde_json::from_str::<DocumentBody>(&json).unwrap(), doc);
    }

    #[test]
    fn every_set_of_permissions_is_read_as_it_was_written(permissions in permissions()) {
        let json = serde_json::to_string(&permissions).unwrap();
        prop_assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), permissions);
    }

    #[test]
    fn every_identity_is_read_as_it_was_written(body in identity_body()) {
        let json = serde_json::to_string(&body).unwrap();
        prop_assert_eq!(serde_json::from_str::<IdentityBody>(&json).unwrap(), body);
    }

    #[test]
    fn no_document_has_a_key_twice(doc in document()) {
        let json = serde_json::to_string(&doc).unwrap();
        let mut seen = BTreeMap::new();
        for key in serde_json::from_str::<serde_json::Map<_, _>>(&json).unwrap().keys() {
            prop_assert!(seen.insert(key.to_lowercase(), ()).is_none(), "{}", key);
        }
    }
}

/// Accepts everything and keeps the URIs.
#[derive(Clone, Default)]
struct Capturing(Arc<Mutex<Vec<http::Uri>>>);

impl Transport for Capturing {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        self.0.lock().unwrap().push(request.uri().clone());
        Box::pin(async { Ok(http::Response::builder().status(202).body(Bytes::new()).unwrap()) })
    }
}

fn client(organization: &str, transport: &Capturing) -> Result<PushClient, Error> {
    let builder = PushClient::builder(organization, ApiKey::new("key")).preflight(Preflight::Off);
    builder.transport(transport.clone()).build()
}

fn wait_for<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// The segments of the path, as they were before they were encoded.
fn segments(uri: &http::Uri) -> Vec<String> {
    // As an HTTP client reads it, which takes steps in the path.
    let url = url::Url::parse(&uri.to_string()).unwrap();
    let decode = |segment| percent_decode_str(segment).decode_utf8().unwrap().into_owned();
    url.path_segments().unwrap().map(decode).collect()
}

fn is_refused(id: &str) -> bool {
    matches!(id, "" | "." | "..")
}

proptest! {
    #[test]
    fn no_organization_or_source_leaves_its_place_in_the_path(organization in text(), source in text(), id in text()) {
        let transport = Capturing::default();
        let (organization, source) = (organization.trim(), source.trim());
        prop_assume!(!organization.is_empty() && !id.is_empty());
        let client = client(&format!(" {organization}"), &transport).unwrap();
        let sent = wait_for(client.items(format!("{source}\n")).delete(id.as_str()).into_future());
        if is_refused(organization) || is_refused(source) {
            prop_assert!(matches!(sent, Err(Error::Invalid(_))));
            return Ok(());
        }
        prop_assert!(sent.is_ok());
        let uri = transport.0.lock().unwrap().remove(0);
        let expected = ["push", "v1", "organizations", organization, "sources", source, "documents"];
        prop_assert_eq!(segments(&uri), expected);
        // The id is the whole value of the only parameter, also for those who read `+` as a space.
        let query: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap().as_bytes()).into_owned().collect();
        prop_assert_eq!(query, [("documentId".to_owned(), id)]);
    }

    #[test]
    fn no_provider_leaves_its_place_in_the_path(provider in text(), file in "[!-~äöß]{1,12}") {
        let transport = Capturing::default();
        let client = client("org", &transport).unwrap();
        let provider = provider.trim();
        let sent = wait_for(client.identities(format!(" {provider}")).push_container(&file).into_future());
        if is_refused(provider) {
            prop_assert!(matches!(sent, Err(Error::Invalid(_))));
            return Ok(());
        }
        let uri = transport.0.lock().unwrap().remove(0);
        let expected = ["push", "v1", "organizations", "org", "providers", provider, "permissions", "batch"];
        prop_assert_eq!(segments(&uri), expected);
        let query: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap().as_bytes()).into_owned().collect();
        prop_assert_eq!(query, [("fileId".to_owned(), file)]);
    }
}

#[test]
fn an_id_that_no_encoding_keeps_in_its_place_is_refused() {
    let transport = Capturing::default();
    for id in ["", ".", ".."] {
        let sent = wait_for(client("org", &transport).unwrap().items(id).push_container("f").into_future());
        assert!(matches!(sent, Err(Error::Invalid(_))), "{id}");
    }
    for id in [".", ".."] {
        let sent = wait_for(client(id, &transport).unwrap().items("s").push_container("f").into_future());
        assert!(matches!(sent, Err(Error::Invalid(_))), "{id}");
    }
    assert!(matches!(client("", &transport), Err(Error::Config(_))));
    assert!(transport.0.lock().unwrap().is_empty());
}

#[test]
fn a_document_without_an_id_is_refused_even_when_nothing_is_looked_for() {
    let transport = Capturing::default();
    let sent = wait_for(client("org", &transport).unwrap().items("s").delete("").into_future());
    assert!(matches!(sent, Err(Error::Invalid(_))));
    assert!(transport.0.lock().unwrap().is_empty());
}
