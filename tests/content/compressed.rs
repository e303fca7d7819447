//! What is compressed, and how.

use coveo_push::bytes::Bytes;
use coveo_push::{CompressionType, Content};

use super::support::{Folder, ID, TYPES, fake, push, pushed, words};

async fn pushed_as(content: Content) -> (CompressionType, Bytes) {
    let fake = fake();
    push(&fake, content).await.unwrap();
    let item = pushed(&fake, ID);
    (item.compression_type().unwrap(), item.compressed_content().unwrap())
}

/// An empty zip, with words behind it.
fn zip() -> Bytes {
    [b"PK\x05\x06".as_slice(), &[0; 18], &words(1_000)].concat().into()
}

#[tokio::test]
async fn content_is_compressed_as_zlib_unless_it_says_otherwise() {
    let (compression, bytes) = pushed_as(Content::bytes(words(1_000))).await;
    assert_eq!(compression, CompressionType::ZLib);
    assert!(bytes.len() < 1_000);
}

#[tokio::test]
async fn what_is_compressed_already_is_sent_as_it_is() {
    let folder = Folder::new();
    let by_its_name = folder.file("a.DOCX", &words(1_000));
    let by_its_bytes = folder.file("a.txt", &zip());
    for (content, expected) in [
        (Content::bytes(zip()), zip()),
        (Content::reader(std::io::Cursor::new(zip())), zip()),
        (Content::file(by_its_name), words(1_000)),
        (Content::file(by_its_bytes), zip()),
    ] {
        assert_eq!(pushed_as(content).await, (CompressionType::Uncompressed, expected));
    }
}

#[tokio::test]
async fn what_is_compressed_already_is_compressed_again_when_asked() {
    for compression in TYPES {
        let fake = fake();
        push(&fake, Content::bytes(zip()).compression(compression)).await.unwrap();
        let item = pushed(&fake, ID);
        assert_eq!((item.compression_type(), item.content()), (Some(compression), Some(zip())));
        let is_smaller = item.compressed_content().unwrap().len() < zip().len();
        assert_eq!(is_smaller, compression != CompressionType::Uncompressed);
    }
}

#[tokio::test]
async fn what_the_caller_has_compressed_is_sent_as_it_is_for_the_service_to_undo() {
    for compression in TYPES {
        let (_, bytes) = pushed_as(Content::bytes(words(1_000)).compression(compression)).await;
        let fake = fake();
        push(&fake, Content::bytes(bytes.clone()).precompressed(compression)).await.unwrap();
        let item = pushed(&fake, ID);
        assert_eq!((item.compression_type(), item.compressed_content()), (Some(compression), Some(bytes)));
        assert_eq!(item.content().unwrap(), words(1_000));
    }
}

#[tokio::test]
async fn a_level_makes_a_difference_and_is_6_by_default_and_9_at_most() {
    for compression in TYPES {
        let content = |level| Content::bytes(words(300_000)).compression(compression).level(level);
        let (_, fast) = pushed_as(content(1)).await;
        let (_, best) = pushed_as(content(9)).await;
        let by_default = Content::bytes(words(300_000)).compression(compression);
        let is_compressed = compression != CompressionType::Uncompressed;
        assert_eq!(best != fast, is_compressed, "{compression}");
        assert_eq!(pushed_as(content(1_000)).await.1, best);
        assert_eq!(pushed_as(content(6)).await, pushed_as(by_default).await);
    }
}

#[tokio::test]
async fn each_type_is_written_in_the_form_that_its_documentation_says() {
    let head = |bytes: &Bytes| bytes.iter().take(3).copied().collect::<Vec<_>>();
    for (compression, begins) in [
        (CompressionType::ZLib, &[0x78][..]),
        (CompressionType::GZip, &[0x1F, 0x8B, 8]),
        (CompressionType::Lzma, &[0x5D, 0, 0]),
    ] {
        let (_, bytes) = pushed_as(Content::bytes(words(1_000)).compression(compression)).await;
        assert!(bytes.starts_with(begins), "{compression}: {:?}", head(&bytes));
    }
    let (_, deflated) = pushed_as(Content::bytes(words(1_000)).compression(CompressionType::Deflate)).await;
    let (_, zlib) = pushed_as(Content::bytes(words(1_000))).await;
    // The same stream, without the two bytes before it and the four behind it.
    assert_eq!(deflated, zlib.slice(2..zlib.len() - 4));
}
