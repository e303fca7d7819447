//! What the fake decompresses is what went in.

use coveo_push::bytes::Bytes;
use coveo_push::fake::Fault;
use coveo_push::{CompressionType, Content, DocumentBody, Operation};

use super::support::{
    End, Folder, ID, LARGEST_INLINE, Pieces, TYPES, fake, noise, push, pushed, pusher, requests_of, words,
};

/// The same content from each source.
fn from_all_sources(folder: &Folder, content: &Bytes) -> [(&'static str, Content); 3] {
    [
        ("bytes", Content::bytes(content.clone())),
        ("file", Content::file(folder.file("content", content))),
        ("reader", Content::reader(Pieces::new(content.clone(), 100_003, End::Ends))),
    ]
}

async fn comes_back(content: &Bytes, compression: CompressionType, is_inline: bool) {
    let folder = Folder::new();
    for (source, given) in from_all_sources(&folder, content) {
        let fake = fake();
        push(&fake, given.compression(compression).level(1)).await.unwrap();
        let item = pushed(&fake, ID);
        assert!(item.content().unwrap() == content, "{source}, {compression}");
        assert_eq!(item.compression_type(), Some(compression));
        assert_eq!(item.file_id().is_none(), is_inline, "{source}, {compression}");
    }
    for (source, given) in from_all_sources(&folder, content) {
        let fake = fake();
        let run = pusher(&fake).start();
        let doc = DocumentBody::new();
        assert!(
            run.add_or_update(ID, &doc).content(given.compression(compression).level(1)).await.unwrap().is_queued()
        );
        run.finish().await.into_result().unwrap();
        let item = pushed(&fake, ID);
        assert!(item.content().unwrap() == content, "{source}, {compression}, in a batch");
        assert_eq!(item.compression_type(), Some(compression));
        assert_eq!(item.file_id().is_none(), is_inline, "{source}, {compression}, in a batch");
    }
}

#[tokio::test]
async fn small_content_of_each_type_comes_back_from_each_source_in_the_item() {
    for compression in TYPES {
        comes_back(&words(200_000), compression, true).await;
    }
}

#[tokio::test]
async fn large_content_of_each_type_comes_back_from_each_source_through_a_container() {
    // LZMA takes long for so much.
    for compression in TYPES.into_iter().filter(|compression| *compression != CompressionType::Lzma) {
        comes_back(&noise(3_800_000), compression, false).await;
    }
}

#[tokio::test]
async fn lzma_comes_back_through_a_container() {
    let fake = fake();
    let run = pusher(&fake).batch_bytes(1_024).start();
    let content = Content::bytes(noise(20_000)).compression(CompressionType::Lzma);
    run.add_or_update(ID, &DocumentBody::new()).content(content).await.unwrap();
    run.finish().await.into_result().unwrap();
    let item = pushed(&fake, ID);
    assert_eq!((item.compression_type(), item.file_id().is_some()), (Some(CompressionType::Lzma), true));
    assert_eq!(item.content().unwrap(), noise(20_000));
}

#[tokio::test]
async fn empty_content_of_each_type_comes_back_from_each_source() {
    for compression in TYPES {
        comes_back(&Bytes::new(), compression, true).await;
    }
}

#[tokio::test]
async fn one_byte_decides_between_the_item_and_a_container() {
    for (bytes, is_inline) in [(LARGEST_INLINE - 1, true), (LARGEST_INLINE, true), (LARGEST_INLINE + 1, false)] {
        comes_back(&noise(bytes), CompressionType::Uncompressed, is_inline).await;
    }
}

#[tokio::test]
async fn the_size_that_decides_is_that_after_compression() {
    let fake = fake();
    push(&fake, Content::bytes(words(20_000_000))).await.unwrap();
    let item = pushed(&fake, ID);
    assert_eq!(item.compression_type(), Some(CompressionType::ZLib));
    assert!(item.file_id().is_none() && item.content().unwrap() == words(20_000_000));
}

#[tokio::test]
async fn text_comes_back_as_data_until_it_is_too_long_for_that() {
    let text = |bytes: usize| "ö\n".repeat(bytes / 4);
    for (bytes, is_data) in [(100, true), (4_999_996, true), (5_000_000, false)] {
        let fake = fake();
        // Each pair is four bytes of JSON: a letter of two, and a line end of two.
        push(&fake, Content::text(text(bytes))).await.unwrap();
        let item = pushed(&fake, ID);
        assert_eq!(item.data().is_some(), is_data, "{bytes}");
        assert!(item.content().unwrap() == text(bytes));
    }
}

#[tokio::test]
async fn text_is_compressed_where_that_is_asked_for() {
    let fake = fake();
    push(&fake, Content::text("words").compression(CompressionType::GZip)).await.unwrap();
    let item = pushed(&fake, ID);
    assert_eq!((item.data(), item.compression_type()), (None, Some(CompressionType::GZip)));
    assert_eq!(item.content().unwrap(), "words");
}

#[tokio::test]
async fn an_upload_that_fails_is_sent_again_as_a_whole() {
    let folder = Folder::new();
    let content = noise(9_000_000);
    for compression in [CompressionType::Uncompressed, CompressionType::ZLib] {
        for (source, given) in from_all_sources(&folder, &content) {
            let fake = fake();
            fake.inject(Fault::on(Operation::UploadToContainer).status(503));
            fake.inject(Fault::on(Operation::UploadToContainer).reset_before());
            push(&fake, given.compression(compression).level(1)).await.unwrap();
            let uploads = requests_of(&fake, Operation::UploadToContainer);
            assert_eq!(uploads.len(), 3, "{source}, {compression}");
            assert!(uploads.iter().all(|upload| upload.body() == uploads[0].body()));
            assert!(pushed(&fake, ID).content().unwrap() == content);
        }
    }
}
