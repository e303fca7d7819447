//! Uploads into a storage that verifies what the URL signs.

use std::collections::BTreeSet;
use std::error::Error as _;

use coveo_push::report::PushReport;
use coveo_push::transport::{Body, ByteStream};
use coveo_push::{BatchDocumentBody, CompressionType, Content, DocumentBody, Error, FileContainer, Items, Permissions};
use coveo_push_s3::{REQUIRED_HEADERS, SOURCE, Service, Upload};

fn document() -> DocumentBody {
    DocumentBody::text("words").permissions(Permissions::public())
}

async fn service() -> Service {
    Service::start().await.unwrap()
}

fn statuses(service: &Service) -> Vec<u16> {
    service.storage.uploads().iter().map(|upload| upload.status.as_u16()).collect()
}

/// Fails when an upload carries another header than it may, or lacks one.
#[track_caller]
fn carries_what_it_must_and_nothing_else(upload: &Upload, bytes: usize) {
    let names: BTreeSet<&str> = upload.headers.keys().map(http::HeaderName::as_str).collect();
    let expected = ["accept", "content-length", "content-type", "host", "user-agent", "x-amz-server-side-encryption"];
    assert!(names.is_subset(&BTreeSet::from(expected)), "{names:?}");
    assert!(!names.contains("authorization"));
    assert!(!names.contains("transfer-encoding"));
    assert_eq!(upload.headers["content-length"], bytes.to_string());
    for (name, value) in REQUIRED_HEADERS {
        assert_eq!(upload.headers.get_all(name).iter().collect::<Vec<_>>(), [value]);
    }
}

#[tokio::test]
async fn guarantee_4_an_upload_with_the_required_headers_its_length_and_no_key_is_accepted() {
    let service = service().await;
    for bytes in [&b"some bytes"[..], b"", &[7; 300_000]] {
        let stored = service.client().file_containers().store(bytes.to_vec()).await.unwrap();
        assert_eq!(service.storage.object(stored.file_id()).unwrap(), bytes);
        carries_what_it_must_and_nothing_else(service.storage.uploads().last().unwrap(), bytes.len());
    }
    assert_eq!(statuses(&service), [200, 200, 200]);
}

#[tokio::test]
async fn guarantee_4_a_stream_goes_out_with_its_length_and_not_in_chunks() {
    let service = service().await;
    let open = || -> ByteStream { Box::pin(Parts(vec!["bytes", " ", "some"])) };
    let stored = service.client().file_containers().store(Body::reopenable(10, open)).await.unwrap();
    assert_eq!(service.storage.object(stored.file_id()).unwrap(), b"some bytes");
    carries_what_it_must_and_nothing_else(&service.storage.uploads()[0], 10);
}

#[tokio::test]
async fn a_batch_gets_through_the_storage_whole() {
    let service = service().await;
    let batch = BatchDocumentBody::new()
        .add_or_update("https://example.com/a", document().title("é \u{1F980}"))
        .add_or_update("https://example.com/b", document());
    let pushed = service.client().items(SOURCE).push_batch(&batch).await.unwrap();
    assert_eq!(Some(service.storage.object(pushed.file_id().unwrap()).unwrap().len() as u64), pushed.bytes());
    let source = service.fake.source(SOURCE);
    assert_eq!(source.document_ids(), ["https://example.com/a", "https://example.com/b"]);
    assert_eq!(source.item("https://example.com/a").unwrap().title(), Some("é \u{1F980}"));
}

#[tokio::test]
async fn guarantee_4_an_upload_that_lacks_or_changes_a_required_header_is_refused() {
    let service = service().await;
    let good = service.storage.container("file");
    let with = |headers: Vec<(&str, &str)>| {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        FileContainer::new("file", good.upload_uri(), headers)
    };
    let [content_type, encryption] = REQUIRED_HEADERS;
    let bad = [
        with(vec![]),
        with(vec![content_type]),
        with(vec![encryption]),
        with(vec![content_type, (encryption.0, "aws:kms")]),
        with(vec![("content-type", "text/plain"), encryption]),
        FileContainer::new("file", good.upload_uri().replace("/file?", "/other?"), good.required_headers().clone()),
    ];
    for container in bad {
        let error = service.client().file_containers().upload(&container, "bytes").await.unwrap_err();
        let Error::Upload(refused) = &error else { panic!("{error}") };
        assert_eq!((refused.status().as_u16(), refused.code()), (403, Some("SignatureDoesNotMatch")), "{error}");
        shows_no_signature(&error, &container);
    }
    assert!(service.storage.object("file").is_none());
    service.client().file_containers().upload(&good, "bytes").await.unwrap();
}

#[tokio::test]
async fn guarantee_4_an_expired_url_is_replaced_by_a_fresh_container() {
    let service = service().await;
    service.expire_next(1);
    let batch = BatchDocumentBody::new().add_or_update("https://example.com/a", document());
    let pushed = service.client().items(SOURCE).push_batch(&batch).await.unwrap();
    assert_eq!((statuses(&service), service.created()), (vec![403, 200], 2));
    let [expired, fresh] = &service.storage.uploads()[..] else { panic!("two uploads") };
    assert_ne!(expired.uri, fresh.uri);
    assert!(fresh.uri.path().ends_with(pushed.file_id().unwrap()));
    for upload in [expired, fresh] {
        carries_what_it_must_and_nothing_else(upload, pushed.bytes().unwrap().try_into().unwrap());
    }
    assert_eq!(service.fake.source(SOURCE).document_ids(), ["https://example.com/a"]);
}

#[tokio::test]
async fn guarantee_4_a_url_that_has_expired_again_is_an_error() {
    let service = service().await;
    service.expire_next(2);
    let error = service.client().file_containers().store("bytes").await.unwrap_err();
    let Error::Upload(refused) = &error else { panic!("{error}") };
    assert_eq!((refused.status().as_u16(), refused.code()), (403, Some("AccessDenied")), "{error}");
    assert_eq!((statuses(&service), service.created()), (vec![403, 403], 2));
}

#[tokio::test]
async fn guarantee_4_a_bulk_run_replaces_the_containers_that_have_expired() {
    let service = service().await;
    service.expire_next(2);
    let report = push_many(&service.client().items(SOURCE), 200).await;
    assert_eq!(report.into_result().unwrap().totals.accepted, 200);
    assert_eq!(service.fake.source(SOURCE).len(), 200);
    let refused = statuses(&service).into_iter().filter(|status| *status == 403).count();
    assert_eq!(refused, 2);
    for upload in service.storage.uploads() {
        let bytes = upload.headers["content-length"].to_str().unwrap().parse().unwrap();
        carries_what_it_must_and_nothing_else(&upload, bytes);
    }
}

#[tokio::test]
async fn guarantee_4_content_from_a_file_or_a_reader_goes_out_with_its_length_and_again_when_the_url_has_expired() {
    // Too large for an item; what is pushed as it is goes from the file into the upload.
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let reader = || tokio::io::AsyncReadExt::take(tokio::io::repeat(7), bytes.len() as u64);
    let contents = [
        (Content::file(file.path()), bytes.clone()),
        (Content::reader(reader()).compression(CompressionType::Uncompressed), vec![7; bytes.len()]),
    ];
    for (content, expected) in contents {
        let service = service().await;
        service.expire_next(1);
        let doc = DocumentBody::new().permissions(Permissions::public());
        let call = service.client().items(SOURCE).add_or_update("https://example.com/a", &doc).content(content);
        let _ = call.await.unwrap();

        assert_eq!((statuses(&service), service.created()), (vec![403, 200], 2));
        for upload in service.storage.uploads() {
            carries_what_it_must_and_nothing_else(&upload, expected.len());
        }
        let item = service.fake.source(SOURCE).item("https://example.com/a").unwrap();
        assert!(service.storage.object(item.file_id().unwrap()).unwrap() == expected);
        assert!(item.content().unwrap() == expected);
    }
}

async fn push_many(items: &Items, documents: usize) -> PushReport {
    let pusher = items.pusher().batch_bytes(2_000).concurrency(3).start();
    for number in 0..documents {
        let _ = pusher.add_or_update(format!("https://example.com/{number}"), &document()).await.unwrap();
    }
    pusher.finish().await
}

/// Fails when an error tells what signs the URL.
#[track_caller]
fn shows_no_signature(error: &Error, container: &FileContainer) {
    let (_, signature) = container.upload_uri().split_once("X-Amz-Signature=").unwrap();
    let mut shown = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!("{cause:?} {cause}");
        source = cause.source();
    }
    assert!(!shown.contains(signature), "{shown}");
}

/// Text that comes in parts, the last first.
struct Parts(Vec<&'static str>);

impl futures_core::Stream for Parts {
    type Item = Result<coveo_push::bytes::Bytes, coveo_push::BoxError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop().map(|part| Ok(part.into())))
    }
}
