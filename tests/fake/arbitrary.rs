//! Whatever comes, there is an answer; and what the preflight lets pass, the fake takes.

use coveo_push::fake::{DropReason, FakePushApi};
use coveo_push::{Preflight, RetryPolicy, preflight};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::cases::cases;
use super::support::{SOURCE, fake, raw_at};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn parts(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(of), 0..8).prop_map(|parts| parts.concat())
}

fn paths() -> impl Strategy<Value = String> {
    parts(&[
        "/push/v1",
        "/organizations",
        "/my-org",
        "/sources",
        "/my-source",
        "/documents",
        "/batch",
        "/olderthan",
        "/providers",
        "/My%20Provider",
        "/permissions",
        "/mappings",
        "/files",
        "/storage",
        "/status",
        "/",
        "%2F",
        "%",
    ])
}

fn well_formed_paths() -> impl Strategy<Value = String> {
    prop::sample::select(coveo_push::Operation::ALL).prop_map(|operation| {
        let path = operation.path().replace("{organizationId}", "my-org").replace("{sourceId}", SOURCE);
        format!("/push/v1{}", path.replace("{providerId}", "My%20Provider"))
    })
}

fn queries() -> impl Strategy<Value = String> {
    parts(&[
        "documentId=https://a",
        "orderingId=",
        "18446744073709551615",
        "-1",
        "&",
        "=",
        "queueDelay=",
        "2147483647",
        "fileId=x",
        "statusType=IDLE",
        "deleteChildren=true",
        "compressionType=",
        "ZLIB",
        "%",
        "+",
    ])
}

fn bodies() -> impl Strategy<Value = String> {
    parts(&[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"identity\"",
        "\"name\"",
        "\"type\"",
        "\"USER\"",
        "null",
        "1e999",
        "{\"identity\":{\"name\":\"a\",\"type\":\"user\"},\"mappings\":[]}",
        "\u{1f600}",
        "\\",
    ])
}

fn items() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "data",
        "Data",
        "title",
        "TITLE",
        "compressedBinaryData",
        "compressedBinaryDataFileId",
        "compressionType",
        "fileExtension",
        "parentId",
        "permissions",
        "Permissions",
        "documentId",
        "orderingId",
        "deleteChildren",
        "größe",
    ]);
    let values = prop::sample::select(vec![
        json!(null),
        json!("text"),
        json!("d29yZHM="),
        json!(".txt"),
        json!("GZIP"),
        json!(1),
        json!(["a", 1]),
        json!("https://example.com/a"),
        json!({"a": {"b": 1}}),
        json!([]),
        json!([{"allowAnonymous": true}]),
        json!([{"allowedPermissions": [{"identity": "", "identityType": "User"}]}]),
    ]);
    let entries = prop::collection::vec((keys, values), 0..6);
    entries.prop_map(|entries| {
        Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
    })
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn every_request_is_answered(
        method in prop::sample::select(vec!["GET", "PUT", "POST", "DELETE", "PATCH"]),
        path in prop_oneof![paths(), well_formed_paths()],
        query in queries(),
        body in bodies(),
    ) {
        let uri = format!("http://127.0.0.1:1{path}?{query}");
        prop_assume!(uri.parse::<http::Uri>().is_ok());
        let fake = fake();
        let request = raw_at(method, &uri).header("authorization", "Bearer fake-key").json(body).with_length();
        let got = run(request.send(&fake));
        prop_assert!(got.status() < 500, "{got:?}");
        prop_assert_eq!(fake.requests().len(), 1);
    }

    #[test]
    fn what_the_preflight_lets_pass_is_neither_refused_nor_dropped(
        id in prop::sample::select(vec!["https://example.com/a", "file://ü b", "no uri", "a://", ""]),
        item in items(),
    ) {
        let findings = preflight::item(id, &item);
        // What is in a container the preflight cannot know, and permissions are judged elsewhere.
        let others = ["compressedBinaryDataFileId", "permissions"];
        let has_others = others.iter().any(|key| {
            item.as_object().is_some_and(|item| item.keys().any(|known| known.eq_ignore_ascii_case(key)))
        });
        if has_others || !findings.is_empty() {
            return Ok(());
        }
        let fake = FakePushApi::builder().source(SOURCE).build();
        let client = fake.client_builder().preflight(Preflight::Off).retry(RetryPolicy::none()).build().unwrap();
        match run(async { client.items(SOURCE).add_or_update(id, &item).await }) {
            Ok(_) => {
                let dropped = fake.source(SOURCE).dropped();
                // Whether base64 stands for what its compression type says the preflight does not look at.
                let is_unreadable = dropped.iter().all(|dropped| dropped.reason() == DropReason::UnreadableData);
                prop_assert!(fake.source(SOURCE).item(id).is_some() || is_unreadable, "{dropped:?}");
            }
            // The call itself is stricter than the preflight about this one.
            Err(coveo_push::Error::Invalid(error)) => prop_assert!(error.to_string().contains("compression"), "{error}"),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
