//! Guarantee 10: the API key goes to the Push API alone, and neither it nor a presigned URL comes up anywhere.

use std::error::Error as _;

use coveo_push::Rule;
use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{BatchDocumentBody, DocumentBody, Error};

use super::support::{COMMIT, CREATE, PUSH, SOURCE, UPLOAD, client, fake, push};

const KEY: &str = "fake-key";

/// Everything that an error says of itself and its causes.
fn all_of(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n{cause}\n{cause:?}"));
        source = cause.source();
    }
    text
}

/// The signatures of the upload URIs that were used.
fn signatures(fake: &FakePushApi) -> Vec<String> {
    let requests = fake.requests();
    requests.iter().filter_map(|request| request.parameter("X-Amz-Signature").map(str::to_owned)).collect()
}

#[tokio::test(start_paused = true)]
async fn guarantee_10_no_request_to_the_storage_has_the_key() {
    let fake = fake();
    let client = client(&fake, 1.0);
    fake.inject(Fault::on(UPLOAD).status(503));
    fake.inject(Fault::on(UPLOAD).reset_before());
    fake.inject(Fault::on(UPLOAD).expired());
    let batch = BatchDocumentBody::new().add_or_update("https://example.com/a", DocumentBody::text("words"));
    let _ = client.items(SOURCE).push_batch(&batch).await.unwrap();
    client.file_containers().store("bytes").await.unwrap();
    let requests = fake.requests();
    let (uploads, calls): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.operation() == Some(UPLOAD));
    assert_eq!((uploads.len(), calls.len()), (5, 4));
    for upload in uploads {
        assert!(!upload.headers().contains_key("authorization"));
        let has_key = |text: &[u8]| text.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!upload.headers().values().any(|value| has_key(value.as_bytes())));
        assert!(!upload.query().iter().any(|(_, value)| value.contains(KEY)) && !upload.path().contains(KEY));
        assert!(!has_key(upload.body()));
    }
    for call in calls {
        assert_eq!(call.headers()["authorization"], format!("Bearer {KEY}").as_str());
        assert!(call.headers()["authorization"].is_sensitive());
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_10_no_error_of_an_upload_has_the_signature() {
    let faults = [
        Fault::on(UPLOAD).status(403),
        Fault::on(UPLOAD).status(400),
        Fault::on(UPLOAD).status(503),
        Fault::on(UPLOAD).reset_before(),
        Fault::on(UPLOAD).no_connection(),
        Fault::on(UPLOAD).hang(),
        Fault::on(UPLOAD).expired_token(),
    ];
    for fault in faults {
        let fake = fake();
        let client = client(&fake, 1.0);
        let container = client.file_containers().create().await.unwrap();
        let signature = container.upload_uri().split_once("X-Amz-Signature=").unwrap().1.to_owned();
        fake.inject(fault.clone().always());
        let upload = client.file_containers().upload(&container, "bytes");
        assert!(!format!("{upload:?} {upload:#?} {container:?}").contains(&signature));
        let text = all_of(&upload.await.unwrap_err());
        assert!(!text.contains(&signature) && !text.contains("X-Amz"), "{fault:?}: {text}");
        assert!(signatures(&fake).iter().all(|used| *used == signature));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_10_an_answer_that_repeats_the_key_is_redacted() {
    let body = format!(r#"{{"errorCode":"NO_{KEY}","message":"Bearer {KEY} is not known"}}"#);
    for status in [400, 401, 403, 404, 409, 412, 413, 415, 429, 500] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(status).body(body.clone()).always());
        let error = push(&client(&fake, 1.0)).await.unwrap_err();
        let api = error.api().unwrap();
        let text = format!("{} {} {:?} {:?}", all_of(&error), api.body(), api.message(), api.code());
        assert!(!text.contains(KEY), "{text}");
        assert!(api.body().contains("is not known"));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_10_a_container_that_cannot_be_read_does_not_show_its_uri() {
    let fake = fake();
    let body =
        format!(r#"{{"uploadUri":"https://storage.example.com/a?X-Amz-Signature=secret","fileId":5,"note":"{KEY}"}}"#);
    fake.inject(Fault::on(CREATE).body(body));
    let error = client(&fake, 1.0).file_containers().create().await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error:?}") };
    let text = format!("{} {}", all_of(&error), decode.body());
    assert!(!text.contains("secret") && !text.contains(KEY), "{text}");
    assert_eq!(decode.path(), "fileId");
}

#[tokio::test(start_paused = true)]
async fn guarantee_10_nothing_is_uploaded_to_a_place_that_is_not_safe() {
    for uri in ["http://storage.example.com/a", "https://user:word@storage.example.com/a", "ftp://127.0.0.1/a", "/a"] {
        let fake = fake();
        let body = format!(r#"{{"uploadUri":"{uri}","fileId":"id","requiredHeaders":{{}}}}"#);
        fake.inject(Fault::on(CREATE).body(body));
        let error = client(&fake, 1.0).file_containers().store("bytes").await.unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(invalid) if invalid.findings()[0].rule() == Rule::UploadTarget),
            "{uri}"
        );
        assert!(!all_of(&error).contains("word"), "{error}");
        assert_eq!(fake.requests().len(), 1, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_10_nothing_that_is_handed_out_shows_the_key() {
    let fake = fake();
    let client = client(&fake, 1.0);
    let (items, containers) = (client.items(SOURCE), client.file_containers());
    let call = push(&client);
    let shown = format!("{client:?} {items:?} {containers:?} {call:?} {:?}", fake.client_builder());
    assert!(!shown.contains(KEY), "{shown}");
    fake.inject(Fault::on(COMMIT).status(401));
    let error = client.items(SOURCE).push_container("id").await.unwrap_err();
    assert!(!all_of(&error).contains(KEY));
    let shown = format!("{:?} {fake:?}", fake.requests());
    assert!(!shown.contains(KEY), "{shown}");
}
