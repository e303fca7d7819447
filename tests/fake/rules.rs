//! What the API refuses, and how.

use coveo_push::fake::FakePushApi;
use coveo_push::{BatchDocumentBody, Body, DocumentBody};

use super::support::{PROVIDER, Raw, SOURCE, fake, once, raw, raw_at, refused};

const ITEM: &str = "/sources/my-source/documents?documentId=https%3A%2F%2Fexample.com%2Fa";

async fn refusal(request: Raw) -> (u16, String) {
    request.send(&fake()).await.refusal()
}

#[tokio::test]
async fn a_call_without_a_key_is_refused() {
    assert_eq!(refusal(raw("DELETE", ITEM).without("authorization")).await, refused(401, "UNAUTHORIZED"));
}

#[tokio::test]
async fn a_key_that_is_unknown_or_no_bearer_is_refused() {
    for key in ["Bearer other-key", "fake-key", "Basic fake-key", "Bearer "] {
        let request = raw("DELETE", ITEM).without("authorization").header("authorization", key);
        assert_eq!(refusal(request).await, refused(401, "INVALID_TOKEN"), "{key}");
    }
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
async fn an_unknown_organization_is_not_found() {
    let request = raw_at("DELETE", "http://127.0.0.1:1/push/v1/organizations/other/sources/my-source/documents")
        .header("authorization", "Bearer fake-key");
    assert_eq!(refusal(request).await, refused(404, "ORGANIZATION_NOT_FOUND"));
}

#[tokio::test]
async fn an_unknown_source_is_a_failed_precondition() {
    let requests = [
        raw("POST", "/sources/other/status?statusType=IDLE").with_length(),
        raw("PUT", "/sources/other/documents?documentId=a://b").json("{}"),
        raw("DELETE", "/sources/other/documents?documentId=a://b"),
        raw("PUT", "/sources/other/documents/batch?fileId=x").with_length(),
        raw("DELETE", "/sources/other/documents/olderthan?orderingId=1"),
    ];
    for request in requests {
        assert_eq!(refusal(request).await, refused(412, "SOURCE_DOES_NOT_EXIST"));
    }
}

#[tokio::test]
async fn an_unknown_provider_is_not_found() {
    let requests = [
        raw("PUT", "/providers/other/permissions").json(r#"{"identity":{"name":"a","type":"USER"}}"#),
        raw("PUT", "/providers/other/mappings").json(r#"{"identity":{"name":"a","type":"USER"},"mappings":[]}"#),
        raw("DELETE", "/providers/other/permissions").json(r#"{"identity":{"name":"a","type":"USER"}}"#),
        raw("PUT", "/providers/other/permissions/batch?fileId=x").with_length(),
        raw("DELETE", "/providers/other/permissions/olderthan?orderingId=1"),
    ];
    for request in requests {
        assert_eq!(refusal(request).await, refused(404, "no code"));
    }
}

#[tokio::test]
async fn a_required_parameter_that_is_missing_or_empty_is_refused() {
    let requests = [
        raw("POST", "/sources/my-source/status").with_length(),
        raw("PUT", "/sources/my-source/documents").json("{}"),
        raw("DELETE", "/sources/my-source/documents?documentId="),
        raw("PUT", "/sources/my-source/documents/batch").with_length(),
        raw("DELETE", "/sources/my-source/documents/olderthan"),
        raw("PUT", "/providers/My%20Provider/permissions/batch").with_length(),
        raw("DELETE", "/providers/My%20Provider/permissions/olderthan?queueDelay=0"),
    ];
    for request in requests {
        assert_eq!(refusal(request).await, refused(412, "MISSING_PARAMETER"));
    }
}

#[tokio::test]
async fn a_parameter_with_a_value_that_the_service_does_not_take_is_refused() {
    let requests = [
        raw("POST", "/sources/my-source/status?statusType=RESCAN").with_length(),
        raw("PUT", &format!("{ITEM}&orderingId=-1")).json("{}"),
        raw("PUT", &format!("{ITEM}&orderingId=18446744073709551616")).json("{}"),
        raw("PUT", &format!("{ITEM}&compressionType=ZIP")).json("{}"),
        raw("DELETE", &format!("{ITEM}&deleteChildren=yes")),
        raw("DELETE", "/sources/my-source/documents/olderthan?orderingId=1&queueDelay=-1"),
        raw("DELETE", "/sources/my-source/documents/olderthan?orderingId=1&queueDelay=2147483648"),
        raw("DELETE", "/providers/My%20Provider/permissions/olderthan?orderingId=x"),
        raw("POST", "/files?useVirtualHostedStyleUrl=perhaps").with_length(),
    ];
    for request in requests {
        assert_eq!(refusal(request).await, refused(412, "INVALID_PARAMETER"));
    }
}

#[tokio::test]
async fn the_largest_ordering_id_is_taken() {
    let request = raw("PUT", &format!("{ITEM}&orderingId=18446744073709551615")).json("{}");
    let fake = fake();
    assert_eq!(request.send(&fake).await.status(), 202);
    assert_eq!(fake.source(SOURCE).items()[0].ordering_id().get(), u64::MAX);
}

#[tokio::test]
async fn a_body_that_is_not_said_to_be_json_is_refused() {
    let untyped = raw("PUT", ITEM).bytes("{}");
    assert_eq!(refusal(untyped).await, refused(415, "UNSUPPORTED_MEDIA_TYPE"));
    let text = raw("PUT", ITEM).header("content-type", "text/plain").bytes("{}");
    assert_eq!(refusal(text).await, refused(415, "UNSUPPORTED_MEDIA_TYPE"));
    let with_charset = raw("PUT", ITEM).header("content-type", "Application/JSON; charset=utf-8").bytes("{}");
    assert_eq!(with_charset.send(&fake()).await.status(), 202);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    for body in ["", "{", "[]", "\"text\"", "null", "{}{}"] {
        assert_eq!(refusal(raw("PUT", ITEM).json(body).with_length()).await, refused(400, "INVALID_JSON"), "{body}");
    }
}

#[tokio::test]
async fn a_key_that_comes_twice_in_whatever_case_is_refused() {
    for body in [r#"{"a":1,"a":2}"#, r#"{"author":"x","Author":"y"}"#, r#"{"GRÖSSE":1,"größe":2,"grösse":3}"#] {
        assert_eq!(refusal(raw("PUT", ITEM).json(body)).await, refused(400, "INVALID_JSON"), "{body}");
    }
}

#[tokio::test]
async fn an_item_with_another_document_id_than_the_query_is_refused() {
    let request = raw("PUT", ITEM).json(r#"{"documentId":"https://example.com/b"}"#);
    assert_eq!(refusal(request).await, refused(400, "INVALID_JSON"));
    let same = raw("PUT", ITEM).json(r#"{"documentId":"https://example.com/a"}"#);
    assert_eq!(same.send(&fake()).await.status(), 202);
}

#[tokio::test]
async fn an_identity_without_a_name_or_of_no_known_type_is_refused() {
    for body in [r#"{"identity":{"type":"USER"}}"#, r#"{"identity":{"name":"a","type":"ROBOT"}}"#, "{}"] {
        let request = raw("PUT", "/providers/My%20Provider/permissions").json(body);
        assert_eq!(refusal(request).await, refused(400, "INVALID_JSON"), "{body}");
    }
}

#[tokio::test]
async fn a_request_over_6_mb_is_too_large() {
    let body = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    assert_eq!(raw("PUT", ITEM).json(body(6_000_000)).send(&fake()).await.status(), 202);
    assert_eq!(refusal(raw("PUT", ITEM).json(body(6_000_001))).await, refused(413, "no code"));
}

#[tokio::test]
async fn data_of_5_mb_in_an_item_is_too_large() {
    for key in ["data", "compressedBinaryData"] {
        let body = |bytes: usize| format!(r#"{{"{key}":"{}"}}"#, "x".repeat(bytes));
        assert_eq!(raw("PUT", ITEM).json(body(4_999_999)).send(&fake()).await.status(), 202);
        assert_eq!(refusal(raw("PUT", ITEM).json(body(5_000_000))).await, refused(413, "no code"));
    }
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
async fn a_path_that_the_api_does_not_have_is_not_found() {
    for path in ["/sources/my-source/document", "/sources/my-source", "/files/x", "/sources/my-source/documents/"] {
        assert_eq!(refusal(raw("PUT", path).with_length()).await, refused(404, "no code"), "{path}");
    }
    let other_base = raw_at("POST", "http://127.0.0.1:1/v1/organizations/my-org/files").with_length();
    assert_eq!(refusal(other_base).await, refused(404, "no code"));
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
async fn a_put_or_post_with_neither_body_nor_length_is_refused() {
    assert_eq!(raw("POST", "/files").send(&fake()).await.status(), 411);
    assert_eq!(raw("PUT", "/sources/my-source/documents/batch?fileId=x").send(&fake()).await.status(), 411);
    assert_eq!(raw("DELETE", ITEM).send(&fake()).await.status(), 202);
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
    let open = || -> coveo_push::ByteStream { Box::pin(Chunks(vec!["}", ":1", "\"a\"", "{"])) };
    let body = Body::reopenable(7, open);
    let request = http::Request::put(format!("{}/organizations/my-org{ITEM}", fake.base_url()))
        .header("authorization", "Bearer fake-key")
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let answer = coveo_push::Transport::send(&fake, request).await.unwrap();
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
