//! Content on the wire: its length, its compression, and nothing of a key.

use std::io::Read;

use coveo_push::{CompressionType, Content, DocumentBody};
use flate2::read::ZlibDecoder;
use wiremock::ResponseTemplate;

use super::support::{DOCUMENTS, FILES, Reply, Service, Socket, builder};

const ID: &str = "https://example.com/a";

/// What is too large for an item even when it is compressed.
fn noise() -> Vec<u8> {
    let mut noise = vec![0; 4_000_000];
    fastrand::Rng::with_seed(7).fill(&mut noise);
    noise
}

#[tokio::test]
async fn large_content_takes_three_requests_and_says_its_compression_in_the_last() {
    let service = Service::start().await;
    let call = service.client().items("my-source").add_or_update(ID, &DocumentBody::new());
    call.content(Content::bytes(noise())).await.unwrap();
    let [create, upload, item] = service.sent().await.try_into().unwrap();
    create.is("POST", &format!("{FILES}?useVirtualHostedStyleUrl=true"), None);
    let mut content = Vec::new();
    ZlibDecoder::new(&*upload.body).read_to_end(&mut content).unwrap();
    assert!(content == noise());
    assert_eq!(upload.header("content-length").unwrap(), upload.body.len().to_string());
    assert_eq!((upload.header("transfer-encoding"), upload.header("authorization")), (None, None));
    let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fexample.com%2Fa&compressionType=ZLIB");
    item.is("PUT", &target, Some(serde_json::json!({"compressedBinaryDataFileId": "file-1"})));
}

#[tokio::test]
async fn a_file_goes_over_the_socket_with_its_length_and_not_in_chunks() {
    let socket = Socket::start([Reply::answer("200 OK", "")]).await;
    let service = Service::start().await;
    let uri = format!("{}/bucket/file-9", socket.host);
    let container = serde_json::json!({"uploadUri": uri, "fileId": "file-9", "requiredHeaders": {}});
    service.always("POST", FILES, ResponseTemplate::new(201).set_body_json(container)).await;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a.pdf");
    std::fs::write(&path, noise()).unwrap();
    let call =
        builder(&service.server.uri()).build().unwrap().items("my-source").add_or_update(ID, &DocumentBody::new());
    call.content(Content::file(path).compression(CompressionType::Uncompressed)).await.unwrap();
    let [head] = socket.heads().try_into().unwrap();
    let head = head.to_lowercase();
    assert!(head.contains("\r\ncontent-length: 4000000"), "{head}");
    assert!(!head.contains("transfer-encoding") && !head.contains("authorization"), "{head}");
    assert!(socket.bodies() == [noise()]);
    let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fexample.com%2Fa&compressionType=UNCOMPRESSED");
    let json = serde_json::json!({"compressedBinaryDataFileId": "file-9", "fileExtension": ".pdf"});
    service.sent().await.last().unwrap().is("PUT", &target, Some(json));
}

#[tokio::test]
async fn a_spooled_upload_that_is_tried_again_goes_over_the_socket_as_a_whole() {
    let service = Service::start().await;
    let broken = [ResponseTemplate::new(503), ResponseTemplate::new(500)];
    service.first("PUT", "/bucket/file-1", broken).await;
    let call = service.client().items("my-source").add_or_update(ID, &DocumentBody::new());
    call.content(Content::bytes(noise()).compression(CompressionType::GZip)).await.unwrap();
    let sent = service.sent().await;
    let uploads: Vec<_> = sent.iter().filter(|sent| sent.target.starts_with("/bucket/")).collect();
    assert_eq!(uploads.len(), 3);
    for upload in uploads {
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(&*upload.body).read_to_end(&mut content).unwrap();
        assert!(content == noise());
        assert_eq!(upload.header("content-length").unwrap(), upload.body.len().to_string());
    }
}

#[tokio::test]
async fn content_in_the_item_says_its_compression_in_the_query() {
    for compression in ["DEFLATE", "GZIP", "LZMA", "UNCOMPRESSED", "ZLIB"] {
        let service = Service::start().await;
        let call = service.client().items("my-source").add_or_update(ID, &DocumentBody::new());
        call.content(Content::bytes("words").precompressed(compression.parse().unwrap())).await.unwrap();
        let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fexample.com%2Fa&compressionType={compression}");
        let json = serde_json::json!({"compressedBinaryData": "d29yZHM="});
        service.only().await.is("PUT", &target, Some(json));
    }
}
