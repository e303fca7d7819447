//! The calls of the Stream API: method, path, every header, body, and the decoded responses.

use std::time::Duration;

use coveo_push::{BatchMergeBody, BatchUpdateBody, Catalog, DocumentBody, Error, PartialUpdate, PushClient};
use http::StatusCode;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::support::{Service, required_headers};

const RECEIPT: &str = r#"{"orderingId":"1700000000123","requestId":"ab-1"}"#;

/// Each target, with the path of its stream.
fn targets(client: &PushClient) -> [(Catalog, &'static str); 2] {
    [
        (client.catalog("a/b c"), "/push/v1/organizations/my-org/sources/a%2Fb%20c/stream"),
        (client.data_collection("a/b c"), "/push/v1/organizations/my-org/data-collections/a%2Fb%20c/stream"),
    ]
}

fn container(service: &Service) -> Value {
    json!({
        "streamId": "t/1",
        "uploadUri": format!("{}/bucket/file-1", service.server.uri()),
        "fileId": "file-1",
        "requiredHeaders": required_headers(),
    })
}

#[tokio::test]
async fn every_call_of_the_stream_api_has_its_method_and_path_and_an_empty_object() {
    let service = Service::start().await;
    for (catalog, path) in targets(&service.client()) {
        service.always("POST", &format!("{path}/open"), answer(201, container(&service))).await;
        service.always("POST", &format!("{path}/t%2F1/chunk"), answer(200, container(&service))).await;
        let stream = catalog.open_stream().await.unwrap();
        assert_eq!((stream.stream_id(), stream.container().file_id()), ("t/1", "file-1"));
        assert_eq!(catalog.create_chunk(stream.stream_id()).await.unwrap(), *stream.container());
        let _ = catalog.close_stream(stream.stream_id()).await.unwrap();
        let _ = catalog.update_container("f&1").await.unwrap();
        let _ = catalog.merge_container("f&1").await.unwrap();
        let _ = catalog.delete_older_than(7).await.unwrap();
        let _ = catalog.delete_older_than(u64::from(u32::MAX)).queue_delay(Duration::from_secs(61)).await.unwrap();
    }
    let mut sent = service.sent().await.into_iter();
    for (_, path) in targets(&service.client()) {
        for (method, target) in [
            ("POST", "/open"),
            ("POST", "/t%2F1/chunk"),
            ("POST", "/t%2F1/close"),
            ("PUT", "/update?fileId=f%261"),
            ("PUT", "/merge?fileId=f%261"),
            ("POST", "/deleteolderthan/7"),
            ("POST", "/deleteolderthan/4294967295?queueDelay=2"),
        ] {
            sent.next().unwrap().is(method, &format!("{path}{target}"), Some(json!({})));
        }
    }
    assert_eq!(sent.len(), 0);
}

#[tokio::test]
async fn an_ordering_id_is_read_from_text_or_a_number_in_any_case_and_is_none_otherwise() {
    let table = [
        (RECEIPT, Some(1_700_000_000_123), Some("ab-1")),
        (r#"{"OrderingId":1700000000123,"RequestId":"ab-1"}"#, Some(1_700_000_000_123), Some("ab-1")),
        (r#"{"orderingId":"18446744073709551615"}"#, Some(u64::MAX), None),
        (r#"{"orderingId":"soon","requestId":7}"#, None, None),
        (r#"{"orderingId":-1,"requestId":"https://s3.example.com?X-Amz-Signature=5"}"#, None, None),
        (r#"{"orderingId":1.5}"#, None, None),
        (r#"{"orderingId":null}"#, None, None),
        ("null", None, None),
        ("", None, None),
    ];
    for (body, ordering_id, request_id) in table {
        let service = Service::start().await;
        let path = "/push/v1/organizations/my-org/sources/s/stream/update";
        let reply = ResponseTemplate::new(202).set_body_raw(body, "application/json");
        service.always("PUT", path, reply).await;
        let accepted = service.client().catalog("s").update_container("f").await.unwrap();
        assert_eq!(accepted.ordering_id().map(u64::from), ordering_id, "{body}");
        assert_eq!(accepted.request_id(), request_id, "{body}");
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_may_have_been_opened() {
    let service = Service::start().await;
    let path = "/push/v1/organizations/my-org/sources/s/stream/open";
    service.always("POST", path, answer(201, json!({"streamId": "t"}))).await;
    let error = service.client().catalog("s").open_stream().await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)) && error.may_have_been_applied(), "{error}");
}

#[tokio::test]
async fn ids_that_make_no_path_and_boundaries_in_the_future_are_refused() {
    let service = Service::start().await;
    let client = service.client();
    let errors = [
        client.catalog("").open_stream().await.map(drop).unwrap_err(),
        client.catalog("s").create_chunk("..").await.map(drop).unwrap_err(),
        client.catalog("s").close_stream("").await.map(drop).unwrap_err(),
        client.catalog("s").update_container(" ").await.map(drop).unwrap_err(),
        client.catalog("s").delete_older_than(u64::MAX).await.map(drop).unwrap_err(),
    ];
    for (error, rule) in errors.iter().zip(["path-segment", "path-segment", "path-segment", "file-id", "ordering-id"]) {
        assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains(rule), "{rule}: {error}");
    }
    assert!(service.sent().await.is_empty());
}

fn answer(status: u16, body: Value) -> ResponseTemplate {
    assert!(StatusCode::from_u16(status).is_ok());
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn a_batch_goes_into_a_container_of_its_own_and_is_pushed_by_its_id() {
    let service = Service::start().await;
    for (catalog, path) in targets(&service.client()) {
        let batch = BatchUpdateBody::new().partial_update(PartialUpdate::replace("p://1", "ec_price", 28.0));
        let merge = BatchMergeBody::new().add_or_merge("p://1", DocumentBody::new().metadata("ec_price", 28.0));
        let (update_json, merge_json) =
            (serde_json::to_string(&batch).unwrap(), serde_json::to_string(&merge).unwrap());
        let before = service.sent().await.len();
        let _ = catalog.update_batch(&batch).await.unwrap();
        let _ = catalog.update_batch_json(update_json.clone()).await.unwrap();
        let _ = catalog.merge_batch(&merge).await.unwrap();
        let _ = catalog.merge_batch_json(merge_json.clone()).await.unwrap();
        let sent = service.sent().await.split_off(before);
        let calls =
            [(&update_json, "update"), (&update_json, "update"), (&merge_json, "merge"), (&merge_json, "merge")];
        for (steps, (json, end)) in sent.chunks(3).zip(calls) {
            let [create, upload, commit] = steps else { panic!("{steps:?}") };
            assert_eq!((create.method.as_str(), upload.method.as_str()), ("POST", "PUT"));
            assert_eq!(upload.body, json.as_bytes());
            let file_id = upload.target.split(['/', '?']).nth(2).unwrap();
            commit.is("PUT", &format!("{path}/{end}?fileId={file_id}"), Some(json!({})));
        }
        for refused in [catalog.update_batch_json("{}"), catalog.merge_batch_json(update_json)] {
            assert!(matches!(refused.await, Err(Error::Invalid(_))));
        }
    }
}
