//! The requests that the API refuses.

use coveo_push::fake::FakePushApi;
use coveo_push::transport::Body;
use coveo_push::{BatchDocumentBody, DocumentBody};

use super::support::{PROVIDER, Raw, SOURCE, fake, once, raw, raw_at, refused};

const ITEM: &str = "/sources/my-source/documents?documentId=https%3A%2F%2Fexample.com%2Fa";

/// An item of this many bytes.
fn item_of(bytes: usize) -> String {
    format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8))
}

/// An item with this many bytes of data.
fn item_with(key: &str, bytes: usize) -> String {
    format!(r#"{{"{key}":"{}"}}"#, "x".repeat(bytes))
}

fn with_key(key: &str) -> Raw {
    raw("DELETE", ITEM).without("authorization").header("authorization", key)
}

fn identity(method: &str, path: &str, body: &str) -> Raw {
    raw(method, &format!("/providers/{path}")).json(body.to_owned())
}

#[tokio::test]
async fn a_refused_request_has_its_status_and_code() {
    const USER: &str = r#"{"identity":{"name":"a","type":"USER"},"mappings":[]}"#;
    let at = |method: &str, path: &str| raw_at(method, &format!("http://127.0.0.1:1{path}"));
    let delete = |path: &str| raw("DELETE", path);
    let empty = |method: &str, path: &str| raw(method, path).with_length();
    let put = |body: &str| raw("PUT", ITEM).json(body.to_owned()).with_length();
    let put_with = |query: &str| raw("PUT", &format!("{ITEM}{query}")).json("{}");
    let large = |key: &str| raw("PUT", ITEM).json(item_with(key, 5_000_000));
    #[rustfmt::skip]
    let table: [(&str, u16, &str, Vec<Raw>); 18] = [
        ("no key", 401, "UNAUTHORIZED", vec![delete(ITEM).without("authorization")]),
        ("an unknown key, or not a bearer token", 401, "INVALID_TOKEN",
            ["Bearer other-key", "fake-key", "Basic fake-key", "Bearer "].map(with_key).into()),
        ("an unknown organization", 404, "ORGANIZATION_NOT_FOUND", vec![
            at("DELETE", "/push/v1/organizations/other/sources/my-source/documents")
                .header("authorization", "Bearer fake-key"),
        ]),
        ("an unknown source", 412, "SOURCE_DOES_NOT_EXIST", vec![
            empty("POST", "/sources/other/status?statusType=IDLE"),
            raw("PUT", "/sources/other/documents?documentId=a://b").json("{}"),
            delete("/sources/other/documents?documentId=a://b"),
            empty("PUT", "/sources/other/documents/batch?fileId=x"),
            delete("/sources/other/documents/olderthan?orderingId=1"),
        ]),
        ("an unknown provider", 404, "no code", vec![
            identity("PUT", "other/permissions", USER),
            identity("PUT", "other/mappings", USER),
            identity("DELETE", "other/permissions", USER),
            empty("PUT", "/providers/other/permissions/batch?fileId=x"),
            delete("/providers/other/permissions/olderthan?orderingId=1"),
        ]),
        ("a missing or empty parameter", 412, "MISSING_PARAMETER", vec![
            empty("POST", "/sources/my-source/status"),
            raw("PUT", "/sources/my-source/documents").json("{}"),
            delete("/sources/my-source/documents?documentId="),
            empty("PUT", "/sources/my-source/documents/batch"),
            delete("/sources/my-source/documents/olderthan"),
            empty("PUT", "/providers/My%20Provider/permissions/batch"),
            delete("/providers/My%20Provider/permissions/olderthan?queueDelay=0"),
        ]),
        ("an invalid parameter", 412, "INVALID_PARAMETER", vec![
            empty("POST", "/sources/my-source/status?statusType=RESCAN"),
            put_with("&orderingId=-1"),
            put_with("&orderingId=18446744073709551616"),
            put_with("&compressionType=ZIP"),
            delete(&format!("{ITEM}&deleteChildren=yes")),
            delete("/sources/my-source/documents/olderthan?orderingId=1&queueDelay=-1"),
            delete("/sources/my-source/documents/olderthan?orderingId=1&queueDelay=2147483648"),
            delete("/providers/My%20Provider/permissions/olderthan?orderingId=x"),
            empty("POST", "/files?useVirtualHostedStyleUrl=perhaps"),
        ]),
        ("a body without the content type of JSON", 415, "UNSUPPORTED_MEDIA_TYPE",
            vec![put("{}").without("content-type"), put("{}").header("content-type", "text/plain")]),
        ("no body and no content type where the contract declares one", 415, "UNSUPPORTED_MEDIA_TYPE", vec![
            empty("PUT", "/sources/my-source/documents/batch?fileId=x").without("content-type"),
            delete("/sources/my-source/documents/olderthan?orderingId=1").without("content-type"),
            empty("PUT", "/providers/My%20Provider/permissions/batch?fileId=x").without("content-type"),
        ]),
        ("a body that is not a JSON object", 400, "INVALID_JSON",
            ["", "{", "[]", "\"text\"", "null", "{}{}"].map(put).into()),
        ("a duplicate key, in any case", 400, "INVALID_JSON",
            [r#"{"a":1,"a":2}"#, r#"{"author":"x","Author":"y"}"#, r#"{"GRÖSSE":1,"größe":2,"grösse":3}"#]
                .map(put).into()),
        ("another document id than in the query", 400, "INVALID_JSON",
            vec![put(r#"{"documentId":"https://example.com/b"}"#)]),
        ("an identity without a name or with an unknown type", 400, "INVALID_JSON",
            [r#"{"identity":{"type":"USER"}}"#, r#"{"identity":{"name":"a","type":"ROBOT"}}"#, "{}"]
                .map(|body| identity("PUT", "My%20Provider/permissions", body)).into()),
        ("a request over 6 MB", 413, "no code", vec![raw("PUT", ITEM).json(item_of(6_000_001))]),
        ("data of 5 MB in an item", 413, "no code", ["data", "compressedBinaryData"].map(large).into()),
        ("an unknown path", 404, "no code",
            ["/sources/my-source/document", "/sources/my-source", "/files/x", "/sources/my-source/documents/"]
                .map(|path| empty("PUT", path)).into()),
        ("another base path", 404, "no code", vec![at("POST", "/v1/organizations/my-org/files").with_length()]),
        ("neither a body nor a length", 411, "no code",
            vec![raw("POST", "/files"), raw("PUT", "/sources/my-source/documents/batch?fileId=x")]),
    ];
    for (why, status, code, requests) in table {
        for (number, request) in requests.into_iter().enumerate() {
            let refusal = request.send(&fake()).await.refusal();
            assert_eq!(refusal, refused(status, code), "{why}, request {number}");
        }
    }
}

#[tokio::test]
async fn a_request_within_the_limits_is_accepted() {
    for (why, request) in [
        (
            "a charset in the content type",
            raw("PUT", ITEM).header("content-type", "Application/JSON; charset=utf-8").bytes("{}"),
        ),
        ("the document id of the query", raw("PUT", ITEM).json(r#"{"documentId":"https://example.com/a"}"#)),
        ("6 MB", raw("PUT", ITEM).json(item_of(6_000_000))),
        ("text under 5 MB", raw("PUT", ITEM).json(item_with("data", 4_999_999))),
        ("base64 under 5 MB", raw("PUT", ITEM).json(item_with("compressedBinaryData", 4_999_999))),
        ("a DELETE without a length", raw("DELETE", ITEM)),
        ("no content type where the contract declares none", raw("DELETE", ITEM).without("content-type")),
    ] {
        assert_eq!(request.send(&fake()).await.status(), 202, "{why}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_true_or_false_may_be_so_in_any_case() {
    for word in ["true", "True", "TRUE", "false", "False", "FALSE"] {
        let deletion = raw("DELETE", &format!("{ITEM}&deleteChildren={word}")).send(&fake()).await;
        let container = raw("POST", &format!("/files?useVirtualHostedStyleUrl={word}")).with_length();
        assert_eq!((deletion.status(), container.send(&fake()).await.status()), (202, 201), "{word}");
    }
    let fake = fake();
    for id in ["https://example.com/a", "https://example.com/a/b"] {
        let _ = once(&fake).items(SOURCE).add_or_update(id, &DocumentBody::new()).await.unwrap();
    }
    assert_eq!(raw("DELETE", &format!("{ITEM}&deleteChildren=True")).send(&fake).await.status(), 202);
    assert!(fake.source(SOURCE).is_empty());
}

#[tokio::test]
async fn aliases_may_be_left_out_where_identities_are_granted() {
    let body = r#"{"identity":{"name":"a","type":"USER"},"wellKnowns":[{"name":"w","type":"GROUP"}]}"#;
    let fake = fake();
    assert_eq!(identity("PUT", "My%20Provider/mappings", body).send(&fake).await.status(), 202);
    assert_eq!(fake.provider(PROVIDER).identities()[0].well_knowns().len(), 1);
}

#[tokio::test]
async fn every_key_that_was_given_is_taken_until_it_is_revoked() {
    let fake = FakePushApi::builder().source(SOURCE).api_key("one").api_key("two").build();
    let status = async |key: &str| {
        let request = raw("DELETE", ITEM).without("authorization").header("authorization", &format!("Bearer {key}"));
        request.send(&fake).await.status()
    };
    assert_eq!((status("one").await, status("two").await, status("fake-key").await), (202, 202, 401));
    fake.revoke_key("one");
    fake.allow_key("three");
    assert_eq!((status("one").await, status("two").await, status("three").await), (401, 202, 202));
}

#[tokio::test]
async fn the_largest_ordering_id_is_taken() {
    let request = raw("PUT", &format!("{ITEM}&orderingId=18446744073709551615")).json("{}");
    let fake = fake();
    assert_eq!(request.send(&fake).await.status(), 202);
    assert_eq!(fake.source(SOURCE).items()[0].ordering_id().get(), u64::MAX);
}

#[tokio::test]
async fn a_container_that_is_unknown_or_was_never_filled_cannot_be_pushed() {
    let fake = fake();
    let client = once(&fake);
    let empty = client.file_containers().create().await.unwrap();
    for file_id in ["unknown", empty.file_id()] {
        let items = client.items(SOURCE).push_container(file_id).await.unwrap_err();
        assert_eq!((items.status().unwrap().as_u16(), items.code().unwrap().as_str()), (412, "INVALID_PARAMETER"));
        let identities = client.identities(PROVIDER).push_container(file_id).await.unwrap_err();
        assert_eq!(identities.code().unwrap().as_str(), "INVALID_PARAMETER");
    }
}

#[tokio::test]
async fn a_container_can_be_pushed_twice_unless_the_fake_is_told_otherwise() {
    for refuses in [false, true] {
        let fake = FakePushApi::builder().source(SOURCE).refuse_second_commit(refuses).build();
        let client = once(&fake);
        let batch = br#"{"addOrUpdate":[{"documentId":"https://example.com/a"}]}"#.to_vec();
        let container = client.file_containers().store(batch).await.unwrap();
        let _ = client.items(SOURCE).push_container(container.file_id()).await.unwrap();
        let again = client.items(SOURCE).push_container(container.file_id()).await;
        assert_eq!(again.is_err(), refuses);
        assert_eq!(fake.source(SOURCE).len(), 1);
        assert_eq!(fake.containers().committed, 1);
    }
}

#[tokio::test]
async fn one_bad_item_refuses_the_whole_batch() {
    let batches = [
        "no json",
        "[]",
        r#"{"addOrUpdate":[{"documentId":"https://example.com/a"},{"data":"no id"}]}"#,
        r#"{"addOrUpdate":[{"documentId":"https://example.com/a","author":1,"AUTHOR":2}]}"#,
        r#"{"addOrUpdate":[{"documentId":"https://example.com/a","permissions":12}]}"#,
        r#"{"addOrUpdate":[{"documentId":"https://example.com/a"}],"delete":[{}]}"#,
        r#"{"addOrUpdate":[{"documentId":"https://example.com/a"}],"AddOrUpdate":[]}"#,
    ];
    for batch in batches {
        let fake = fake();
        let client = once(&fake);
        let container = client.file_containers().store(batch).await.unwrap();
        let error = client.items(SOURCE).push_container(container.file_id()).await.unwrap_err();
        assert_eq!(
            (error.status().unwrap().as_u16(), error.code().unwrap().as_str()),
            (400, "INVALID_JSON"),
            "{batch}"
        );
        assert!(fake.source(SOURCE).is_empty(), "{batch}");
        assert_eq!(fake.containers().committed, 0);
    }
}

#[tokio::test]
async fn a_batch_is_read_with_its_keys_in_any_case() {
    let fake = fake();
    let client = once(&fake);
    let batch = r#"{"AddOrUpdate":[{"DocumentId":"https://example.com/a","CompressionType":"gzip"}],"DELETE":null}"#;
    let container = client.file_containers().store(batch).await.unwrap();
    let _ = client.items(SOURCE).push_container(container.file_id()).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://example.com/a"]);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_refused_with_those_it_takes() {
    let got = raw("GET", ITEM).send(&fake()).await;
    assert_eq!(got.status(), 405);
    assert_eq!(got.header("allow"), Some("PUT, DELETE"));
    let got = raw("PUT", "/files").with_length().send(&fake()).await;
    assert_eq!((got.status(), got.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn an_id_may_hold_what_stands_for_something_in_a_path() {
    let fake = FakePushApi::builder().source("a/b c%?#ü").build();
    let items = once(&fake).items("a/b c%?#ü");
    let id = "https://example.com/?q=1+1&r=%20#top ü";
    let _ = items.add_or_update(id, &DocumentBody::new()).await.unwrap();
    assert_eq!(fake.source("a/b c%?#ü").document_ids(), [id]);
}

#[tokio::test]
async fn a_success_has_the_status_of_the_contract() {
    let fake = fake();
    let batch = BatchDocumentBody::new().add_or_update("https://example.com/a", DocumentBody::new());
    let _ = once(&fake).items(SOURCE).push_batch(&batch).await.unwrap();
    let requests = [
        (raw("POST", "/sources/my-source/status?statusType=idle").with_length(), 201),
        (raw("PUT", ITEM).json("{}"), 202),
        (raw("DELETE", ITEM).json("{}"), 202),
        (raw("DELETE", "/sources/my-source/documents/olderthan?orderingId=1"), 202),
        (raw("POST", "/files").json("{}"), 201),
    ];
    for (request, status) in requests {
        assert_eq!(request.send(&fake).await.status(), status);
    }
    let statuses: Vec<_> = fake.requests().iter().take(3).map(|it| it.status().unwrap().as_u16()).collect();
    assert_eq!(statuses, [201, 200, 202]);
}

#[tokio::test]
async fn every_answer_has_a_date() {
    let fake = fake();
    for request in [raw("POST", "/files").with_length(), raw("GET", "/nothing"), raw("PUT", ITEM)] {
        let date = request.send(&fake).await.header("date").unwrap().to_owned();
        assert!(date.ends_with(" GMT"), "{date}");
    }
}

#[tokio::test]
async fn a_body_that_is_a_stream_is_read_to_its_end() {
    let fake = fake();
    let open = || -> coveo_push::transport::ByteStream { Box::pin(Chunks(vec!["}", ":1", "\"a\"", "{"])) };
    let body = Body::reopenable(7, open);
    let request = http::Request::put(format!("{}/organizations/my-org{ITEM}", fake.base_url()))
        .header("authorization", "Bearer fake-key")
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let answer = coveo_push::transport::Transport::send(&fake, request).await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(fake.requests()[0].body(), r#"{"a":1}"#);
}

/// Text that comes in parts, the last first.
struct Chunks(Vec<&'static str>);

impl futures_core::Stream for Chunks {
    type Item = Result<coveo_push::bytes::Bytes, coveo_push::BoxError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop().map(|part| Ok(part.into())))
    }
}
