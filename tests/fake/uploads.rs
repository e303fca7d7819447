//! The storage behind the file containers.

use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::{Error, FileContainer};

use super::support::{Raw, SOURCE, fake, once, raw, raw_at, refused};

async fn container(fake: &FakePushApi) -> FileContainer {
    once(fake).file_containers().create().await.unwrap()
}

/// An upload as the container asks for it.
fn upload(container: &FileContainer) -> Raw {
    let mut request = raw_at("PUT", container.upload_uri()).bytes("{}").with_length();
    for (name, value) in container.required_headers() {
        request = request.header(name, value);
    }
    request
}

#[tokio::test]
async fn a_container_tells_where_and_with_which_headers_to_upload() {
    let container = container(&fake()).await;
    assert_eq!(container.file_id().len(), 36);
    let (before, after) = container.upload_uri().split_once(container.file_id()).unwrap();
    assert_eq!(before, "http://127.0.0.1:1/storage/");
    assert!(after.starts_with("?X-Amz-Expires=3600&X-Amz-Signature="), "{after}");
    let headers: Vec<_> = container.required_headers().iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = [("Content-Type", "application/octet-stream"), ("x-amz-server-side-encryption", "AES256")];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn an_upload_as_asked_for_is_stored() {
    let fake = fake();
    let got = upload(&container(&fake).await).send(&fake).await;
    assert_eq!((got.status(), got.text()), (200, ""));
    assert_eq!((fake.containers().created, fake.containers().filled), (1, 1));
}

#[tokio::test]
async fn an_upload_that_was_not_signed_so_is_refused() {
    let fake = fake();
    let container = container(&fake).await;
    let upload = || upload(&container);
    for (why, request, status, code) in [
        ("no content type", upload().without("content-type"), 403, "SignatureDoesNotMatch"),
        (
            "another content type",
            upload().without("content-type").header("content-type", "application/json"),
            403,
            "SignatureDoesNotMatch",
        ),
        ("no encryption", upload().without("x-amz-server-side-encryption"), 403, "SignatureDoesNotMatch"),
        (
            "another encryption",
            upload().without("x-amz-server-side-encryption").header("x-amz-server-side-encryption", "aws:kms"),
            403,
            "SignatureDoesNotMatch",
        ),
        ("another Amazon header", upload().header("x-amz-acl", "public-read"), 403, "AccessDenied"),
        ("a key", upload().header("authorization", "Bearer fake-key"), 400, "InvalidArgument"),
        ("no length", upload().without("content-length"), 411, "MissingContentLength"),
    ] {
        let got = request.send(&fake).await;
        assert_eq!(got.refusal(), refused(status, code), "{why}");
        assert_eq!(got.header("content-type"), Some("application/xml"), "{why}");
    }
}

#[tokio::test]
async fn an_upload_with_another_signature_is_refused() {
    let fake = fake();
    let (one, two) = (container(&fake).await, container(&fake).await);
    let (_, signature) = two.upload_uri().split_once('?').unwrap();
    let (path, _) = one.upload_uri().split_once('?').unwrap();
    for uri in [path.to_owned(), format!("{path}?{signature}"), path.replace(one.file_id(), "unknown")] {
        let got = raw_at("PUT", &uri).bytes("{}").with_length().send(&fake).await;
        assert_eq!(got.refusal(), refused(403, "SignatureDoesNotMatch"));
    }
}

#[tokio::test]
async fn an_upload_over_256_mb_is_too_large() {
    let fake = fake();
    let bytes = coveo_push::bytes::Bytes::from(vec![0; 256_000_001]);
    let container = container(&fake).await;
    let largest = upload(&container).without("content-length").bytes(bytes.slice(1..)).with_length();
    assert_eq!(largest.send(&fake).await.status(), 200);
    let larger = upload(&container).without("content-length").bytes(bytes).with_length();
    assert_eq!(larger.send(&fake).await.refusal(), refused(413, "EntityTooLarge"));
}

#[tokio::test]
async fn the_storage_takes_nothing_but_uploads() {
    let fake = fake();
    let got = raw_at("GET", container(&fake).await.upload_uri()).send(&fake).await;
    assert_eq!((got.refusal(), got.header("allow")), (refused(405, "MethodNotAllowed"), Some("PUT")));
}

#[tokio::test(start_paused = true)]
async fn a_container_expires_after_its_lifetime_for_uploads_and_for_pushes() {
    let fake = FakePushApi::builder().source(SOURCE).container_lifetime(Duration::from_secs(60)).build();
    let container = container(&fake).await;
    assert!(container.upload_uri().contains("X-Amz-Expires=60&"));
    assert_eq!(upload(&container).send(&fake).await.status(), 200);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(upload(&container).send(&fake).await.refusal(), refused(403, "AccessDenied"));
    let push = raw("PUT", &format!("/sources/{SOURCE}/documents/batch?fileId={}", container.file_id())).with_length();
    assert_eq!(push.send(&fake).await.refusal(), refused(412, "INVALID_PARAMETER"));
}

#[tokio::test]
async fn the_storage_repeats_a_signature_and_the_client_does_not() {
    let fake = fake();
    let made = container(&fake).await;
    let (_, signature) = made.upload_uri().split_once("X-Amz-Signature=").unwrap();
    let got = upload(&made).without("content-type").send(&fake).await;
    assert!(got.text().contains(signature));

    let none = FileContainer::new(made.file_id(), made.upload_uri(), []);
    let error = once(&fake).file_containers().upload(&none, "{}").await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains(signature));
    let Error::Upload(error) = error else { panic!("{error}") };
    assert_eq!(error.code(), Some("SignatureDoesNotMatch"));
    assert_eq!(error.request_id(), Some("FAKE0123456789AB"));
}
