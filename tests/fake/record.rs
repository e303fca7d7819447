//! The requests that the fake got.

use coveo_push::fake::FakePushApi;
use coveo_push::{DocumentBody, Operation, SourceStatus};

use super::support::{SOURCE, fake, once, raw};

#[tokio::test]
async fn a_request_is_recorded_as_it_came() {
    let fake = fake();
    let push = once(&fake).items(SOURCE).add_or_update("https://a/ü?x=1&y", &DocumentBody::text("words"));
    let _ = push.ordering_id(7).await.unwrap();
    let [request] = fake.requests().try_into().unwrap();
    assert_eq!(request.operation(), Some(Operation::AddOrUpdateItem));
    assert_eq!(request.method(), "PUT");
    assert_eq!(request.path(), "/push/v1/organizations/my-org/sources/my-source/documents");
    let pairs = [("documentId", "https://a/ü?x=1&y"), ("orderingId", "7")];
    assert_eq!(request.query(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(request.parameter("orderingId"), Some("7"));
    assert_eq!(request.headers()["authorization"], "Bearer fake-key");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.body(), r#"{"data":"words"}"#);
    assert_eq!(request.status().unwrap(), 202);
}

#[tokio::test]
async fn requests_are_recorded_in_order_refused_ones_too() {
    let fake = fake();
    let _ = raw("GET", "/nothing").send(&fake).await;
    let _ = once(&fake).file_containers().store("{}").await.unwrap();
    let _ = once(&fake).sources().set_status("other", SourceStatus::Idle).await;
    let seen: Vec<_> = fake.requests().iter().map(|it| (it.operation(), it.status().unwrap().as_u16())).collect();
    let expected = [
        (None, 404),
        (Some(Operation::CreateFileContainer), 201),
        (Some(Operation::UploadToContainer), 200),
        (Some(Operation::SetSourceStatus), 412),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn neither_a_key_nor_a_signature_is_in_the_debug_output() {
    let fake = FakePushApi::builder().api_key("very-secret").source(SOURCE).build();
    let container = once(&fake).file_containers().store("{}").await.unwrap();
    let (_, signature) = container.upload_uri().split_once("X-Amz-Signature=").unwrap();
    let _ = once(&fake).items(SOURCE).push_container(container.file_id()).await.unwrap();
    let builder = FakePushApi::builder().api_key("very-secret");
    let text = format!("{:?} {fake:?} {:?} {:?} {builder:?}", fake.requests(), fake.source(SOURCE), fake.client());
    assert!(!text.contains("very-secret") && !text.contains(signature), "{text}");
    assert!(text.contains("Sensitive"), "{text}");
}

#[tokio::test]
async fn requests_can_be_forgotten_even_while_one_is_on_its_way() {
    let fake = fake();
    fake.inject(coveo_push::fake::Fault::on(Operation::SetSourceStatus).latency(std::time::Duration::from_millis(5)));
    let sources = once(&fake).sources();
    let on_its_way = tokio::spawn(async move { sources.set_status(SOURCE, SourceStatus::Idle).await.map(|_| ()) });
    while fake.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    fake.clear_requests();
    let _ = once(&fake).items(SOURCE).delete("https://a").await.unwrap();
    on_its_way.await.unwrap().unwrap();
    let [request] = fake.requests().try_into().unwrap();
    assert_eq!((request.operation(), request.status().unwrap().as_u16()), (Some(Operation::DeleteItem), 202));
}

#[tokio::test]
async fn bodies_are_left_out_when_the_fake_is_told_so() {
    let fake = FakePushApi::builder().source(SOURCE).keep_request_bodies(false).build();
    let _ = once(&fake).items(SOURCE).add_or_update("https://a", &DocumentBody::text("words")).await.unwrap();
    assert!(fake.requests()[0].body().is_empty());
    assert_eq!(fake.source(SOURCE).len(), 1);
}
