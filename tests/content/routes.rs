//! Which property of which request content goes into.

use coveo_push::fake::Fault;
use coveo_push::{CompressionType, Content, DocumentBody, Operation, Pushed, RetryPolicy};
use serde::Serialize;
use serde_json::{Value, json};

use super::support::{Folder, ID, LARGEST_INLINE, SOURCE, fake, noise, push, pushed, requests_of, rule, words};

#[tokio::test]
async fn what_goes_into_the_item_takes_one_request_with_its_compression_in_the_query() {
    let fake = fake();
    push(&fake, Content::bytes("words").compression(CompressionType::Uncompressed)).await.unwrap();
    let [request] = fake.requests().try_into().unwrap();
    let json: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(json, json!({"compressedBinaryData": "d29yZHM="}));
    assert_eq!(request.parameter("compressionType"), Some("UNCOMPRESSED"));
}

#[tokio::test]
async fn what_goes_through_a_container_is_there_as_raw_bytes_before_the_item_is_pushed() {
    let fake = fake();
    let content = noise(LARGEST_INLINE + 1);
    push(&fake, Content::bytes(content.clone()).compression(CompressionType::Uncompressed)).await.unwrap();
    let operations: Vec<_> = fake.requests().iter().map(|request| request.operation().unwrap()).collect();
    let expected = [Operation::CreateFileContainer, Operation::UploadToContainer, Operation::AddOrUpdateItem];
    assert_eq!(operations, expected);
    let [_, upload, request] = fake.requests().try_into().unwrap();
    assert!(upload.body() == &content);
    let file_id = upload.path().rsplit('/').next().unwrap();
    let json: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(json, json!({"compressedBinaryDataFileId": file_id}));
    assert_eq!(request.parameter("compressionType"), Some("UNCOMPRESSED"));
}

#[tokio::test]
async fn in_a_batch_the_compression_stands_in_the_item() {
    let fake = fake();
    let run = fake.client().items(SOURCE).pusher().start();
    let doc = DocumentBody::new().title("A");
    let content = Content::bytes("words").compression(CompressionType::Uncompressed);
    run.add_or_update(ID, &doc).content(content).await.unwrap();
    run.finish().await.into_result().unwrap();
    let [upload] = requests_of(&fake, Operation::UploadToContainer).try_into().unwrap();
    let item = json!({
        "documentId": ID, "title": "A", "compressedBinaryData": "d29yZHM=", "compressionType": "UNCOMPRESSED",
    });
    assert_eq!(serde_json::from_slice::<Value>(upload.body()).unwrap(), json!({"addOrUpdate": [item]}));
}

#[tokio::test]
async fn what_does_not_fit_beside_the_rest_of_the_item_goes_through_a_container() {
    for (title, is_inline) in [(900_000, true), (1_100_000, false)] {
        let fake = fake();
        let doc = DocumentBody::new().title("x".repeat(title));
        let content = Content::bytes(noise(LARGEST_INLINE)).compression(CompressionType::Uncompressed);
        fake.client().items(SOURCE).add_or_update(ID, &doc).content(content).await.unwrap();
        assert_eq!(pushed(&fake, ID).file_id().is_none(), is_inline, "{title}");
    }
}

#[tokio::test]
async fn what_does_not_fit_into_a_batch_goes_through_a_container() {
    for (batch_bytes, is_inline) in [(200_000, true), (100_000, false)] {
        let fake = fake();
        let run = fake.client().items(SOURCE).pusher().batch_bytes(batch_bytes).start();
        let content = Content::bytes(noise(100_000)).compression(CompressionType::Uncompressed);
        run.add_or_update(ID, &DocumentBody::new()).content(content).await.unwrap();
        run.finish().await.into_result().unwrap();
        assert_eq!(pushed(&fake, ID).file_id().is_none(), is_inline, "{batch_bytes}");
        assert!(pushed(&fake, ID).content().unwrap() == noise(100_000));
    }
}

#[tokio::test]
async fn what_does_not_fit_into_a_batch_with_the_name_of_its_container_is_refused_before_the_upload() {
    let content = || Content::bytes(noise(2_000)).compression(CompressionType::Uncompressed);
    // To the byte: the smallest title with which it does not fit, and the one before it.
    let mut fits_alone = false;
    for title in 800..1_024 {
        let fake = fake();
        let run = fake.client().items(SOURCE).pusher().batch_bytes(1_024).start();
        let doc = DocumentBody::new().title("x".repeat(title));
        let pushed = run.add_or_update(ID, &doc).content(content()).await.unwrap();
        let report = run.finish().await.into_result().unwrap();
        if pushed.is_queued() {
            fits_alone = report.batch_samples[0].bytes == 1_024;
            continue;
        }
        assert!(fits_alone, "{title}");
        assert!(fake.requests().is_empty(), "{title}: {:?}", fake.requests());
        let Pushed::Refused(refused) = pushed else { panic!() };
        let [finding] = refused.findings() else { panic!() };
        assert_eq!(finding.rule().code(), "container-too-large");
        // It was pushed as content.
        assert!(!finding.message().contains("push its data as content"), "{finding}");
        assert!(finding.message().contains("less metadata"), "{finding}");
    }
    assert!(fits_alone);
}

#[tokio::test]
async fn what_does_not_fit_into_a_request_with_the_name_of_its_container_is_refused_before_the_upload() {
    let fake = fake();
    // The service takes 6,000,000 bytes: the braces and the title of the first leave too few of them.
    let call = |title| fake.client().items(SOURCE).add_or_update(ID, &DocumentBody::new().title("x".repeat(title)));
    let content = || Content::bytes(noise(2_000)).compression(CompressionType::Uncompressed);
    let error = call(5_999_950).content(content()).await.unwrap_err();
    assert_eq!(rule(&error), "request-too-large");
    assert!(fake.requests().is_empty());
    call(5_999_900).content(content()).await.unwrap();
    assert!(pushed(&fake, ID).file_id().is_some());
}

#[tokio::test]
async fn the_file_extension_is_that_of_the_path_unless_the_item_has_one() {
    #[derive(Serialize)]
    struct Page {
        #[serde(rename = "fileExtension")]
        file_extension: Option<&'static str>,
        data: Option<&'static str>,
    }

    let folder = Folder::new();
    for (name, own, expected) in [
        ("a.PDF", None, Some(".PDF")),
        ("a.tar.gz", None, Some(".gz")),
        ("a.txt", Some(".html"), Some(".html")),
        ("a", None, None),
        (".profile", None, None),
        ("a.b c", None, None),
    ] {
        let path = folder.file(name, b"words");
        let fake = fake();
        // What is null in the item is as good as not there, and does not come twice.
        let page = Page { file_extension: own, data: None };
        fake.client().items(SOURCE).add_or_update(ID, &page).content(Content::file(path)).await.unwrap();
        let item = pushed(&fake, ID);
        assert_eq!(item.file_extension(), expected, "{name}");
        assert_eq!(item.content().unwrap(), "words");
    }
}

#[tokio::test]
async fn an_item_that_has_data_itself_is_refused_whatever_its_form() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    for doc in [
        DocumentBody::text("words"),
        DocumentBody::inline("d29yZHM=", CompressionType::Uncompressed),
        DocumentBody::container("file", CompressionType::ZLib),
    ] {
        let error = items.add_or_update(ID, &doc).content(Content::bytes("other words")).await.unwrap_err();
        assert_eq!(rule(&error), "several-data");
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn an_item_that_breaks_a_rule_is_refused_before_its_content_is_looked_at() {
    let fake = fake();
    let call = fake.client().items(SOURCE).add_or_update("no uri", &DocumentBody::new());
    let error = call.content(Content::file("/no/such/file")).await.unwrap_err();
    assert_eq!(rule(&error), "document-id-not-a-uri");
}

#[tokio::test]
async fn setters_hold_on_either_side_of_the_content() {
    let fake = fake();
    let call = || fake.client().items(SOURCE).add_or_update(ID, &DocumentBody::new());
    call().ordering_id(7).content(Content::bytes("a")).await.unwrap();
    assert_eq!(pushed(&fake, ID).ordering_id().get(), 7);
    call().content(Content::bytes("b")).ordering_id(8).await.unwrap();
    assert_eq!(pushed(&fake, ID).ordering_id().get(), 8);
    for early in [true, false] {
        fake.inject(Fault::on(Operation::AddOrUpdateItem).status(503));
        let once = RetryPolicy::none();
        let error = match early {
            true => call().retry(once).content(Content::bytes("c")).await.unwrap_err(),
            false => call().content(Content::bytes("c")).retry(once).await.unwrap_err(),
        };
        assert_eq!(error.attempts(), 1);
    }
}

#[tokio::test]
async fn json_text_in_a_run_takes_content_whether_its_id_is_in_it_or_not() {
    let fake = fake();
    let run = fake.client().items(SOURCE).pusher().start();
    let content = || Content::bytes(words(100));
    assert!(
        run.add_or_update_json(r#"{"title":"1","data":null}"#)
            .document_id("a://1")
            .content(content())
            .await
            .unwrap()
            .is_queued()
    );
    assert!(run.add_or_update_json("{}").document_id("a://2").content(content()).await.unwrap().is_queued());
    let with_id = r#" {"DATA":null, "documentId":"a://3", "title" : "3"} "#;
    assert!(run.add_or_update_json(with_id).content(content()).await.unwrap().is_queued());
    assert!(
        !run.add_or_update_json(r#"{"data":"x"}"#).document_id("a://4").content(content()).await.unwrap().is_queued()
    );
    assert!(!run.add_or_update_json("[]").document_id("a://5").content(content()).await.unwrap().is_queued());
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.refused), (3, 2));
    for (id, title) in [("a://1", Some("1")), ("a://2", None), ("a://3", Some("3"))] {
        let item = pushed(&fake, id);
        assert_eq!((item.title(), item.content()), (title, Some(words(100))));
    }
}
