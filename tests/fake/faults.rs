//! Faults.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault, FaultRates};
use coveo_push::transport::SendErrorKind;
use coveo_push::{BatchDocumentBody, DocumentBody, Error, Operation, PushClient, RetryPolicy, SourceStatus};
use tokio::time::{Instant, timeout};

use super::support::{SOURCE, fake, once, raw, refused};

const PUSH: Operation = Operation::AddOrUpdateItem;

/// Pushes an item with a client that tries once.
async fn push(fake: &FakePushApi) -> Result<(), Error> {
    once(fake).items(SOURCE).add_or_update("https://a", &DocumentBody::new()).await.map(|_| ())
}

fn kind(error: &Error) -> Option<SendErrorKind> {
    match error {
        Error::Transport(error) => Some(error.kind()),
        _ => None,
    }
}

fn statuses(fake: &FakePushApi) -> Vec<Option<u16>> {
    fake.requests().iter().map(|request| Some(request.status()?.as_u16())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_fault_ends_one_call_with_or_without_its_work() {
    use SendErrorKind::{Connect, Disconnected, Timeout};

    let lost = Some(None);
    let answered = |status| Some(Some(status));
    #[rustfmt::skip]
    let table = [
        // the fault, the kind of the error, whether the work is done, the recorded status
        (Fault::on(PUSH).status(503),                              None,               false, answered(503)),
        (Fault::on(PUSH).applied().status(504),                    None,               true,  answered(504)),
        (Fault::on(PUSH).reset_before(),                           Some(Disconnected), false, lost),
        (Fault::on(PUSH).reset_after(),                            Some(Disconnected), true,  lost),
        (Fault::on(PUSH).no_connection(),                          Some(Connect),      false, None),
        (Fault::on(PUSH).late_answer(Duration::from_secs(60)),     Some(Timeout),      true,  lost),
        (Fault::on(PUSH).hang(),                                   Some(Timeout),      false, lost),
    ];
    for (fault, expected, is_done, recorded) in table {
        let fake = fake();
        fake.inject(fault.clone());
        let error = push(&fake).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{fault:?}: {error}");
        assert_eq!(error.may_have_been_applied(), expected != Some(Connect), "{fault:?}");
        assert_eq!(fake.source(SOURCE).len(), usize::from(is_done), "{fault:?}");
        assert_eq!(statuses(&fake), Vec::from_iter(recorded), "{fault:?}");
        push(&fake).await.unwrap();
    }
}

#[tokio::test]
async fn a_fault_of_one_operation_leaves_the_others_alone() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500));
    let _ = once(&fake).sources().set_status(SOURCE, SourceStatus::Idle).await.unwrap();
    assert_eq!(fake.faults_left(), 1);
    push(&fake).await.unwrap_err();
    assert_eq!(fake.faults_left(), 0);
}

#[tokio::test]
async fn a_fault_of_any_operation_happens_to_the_next_call_whatever_it_is() {
    let fake = fake();
    fake.inject(Fault::on_any().status(500).skip(1));
    let error = once(&fake).file_containers().store("{}").await.unwrap_err();
    assert!(matches!(error, Error::Upload(_)), "{error}");
}

#[tokio::test]
async fn a_fault_skips_and_repeats_as_told() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).skip(1).times(2));
    for is_ok in [true, false, false, true] {
        assert_eq!(push(&fake).await.is_ok(), is_ok);
    }
}

#[tokio::test]
async fn faults_happen_one_after_another_in_the_order_in_which_they_were_injected() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500));
    fake.inject(Fault::on(PUSH).status(503).times(0));
    fake.inject(Fault::on_any().status(502));
    for expected in [500, 502] {
        assert_eq!(push(&fake).await.unwrap_err().status().unwrap().as_u16(), expected);
    }
    push(&fake).await.unwrap();
}

#[tokio::test]
async fn a_fault_for_always_ends_when_faults_are_cleared() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).always());
    for _ in 0..3 {
        push(&fake).await.unwrap_err();
    }
    fake.clear_faults();
    push(&fake).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_told_in_seconds_or_as_a_date_by_the_service_s_clock() {
    let fake = fake();
    let wait = Duration::from_millis(29_500);
    fake.inject(Fault::on(PUSH).status(429).retry_after(wait));
    let error = push(&fake).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited(_)), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    fake.inject(Fault::on(Operation::CreateFileContainer).status(429).retry_after_date(Duration::from_secs(30)));
    let got = raw("POST", "/files").with_length().send(&fake).await;
    let seconds = |name| httpdate::parse_http_date(got.header(name).unwrap()).unwrap();
    assert_eq!(seconds("retry-after").duration_since(seconds("date")).unwrap(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_retries_waits_as_long_as_it_was_told() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(429).retry_after(Duration::from_secs(30)));
    let _ = fake.client().items(SOURCE).add_or_update("https://a", &DocumentBody::new()).await.unwrap();
    let [first, second] = fake.requests().try_into().unwrap();
    assert!(second.received_after() - first.received_after() >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn with_latency_who_stops_waiting_has_done_nothing() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).latency(Duration::from_secs(2)).times(2));
    let began = Instant::now();
    assert!(timeout(Duration::from_millis(1_999), push(&fake)).await.is_err());
    assert!(fake.source(SOURCE).is_empty());
    push(&fake).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(3_999));
    assert_eq!(statuses(&fake), [None, Some(202)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_only_by_its_timeout() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).hang());
    let began = Instant::now();
    push(&fake).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn a_container_that_expires_stays_expired_and_a_fresh_one_is_taken() {
    for (fault, status) in [
        (Fault::on(Operation::UploadToContainer).expired(), 403),
        (Fault::on(Operation::UploadToContainer).expired_token(), 400),
    ] {
        let fake = fake();
        fake.inject(fault);
        let batch = BatchDocumentBody::new().add_or_update("https://a", DocumentBody::new());
        let _ = fake.client().items(SOURCE).push_batch(&batch).await.unwrap();
        assert_eq!(statuses(&fake), [201, status, 201, 200, 202].map(Some));
        assert_eq!((fake.containers().created, fake.containers().filled), (2, 1));
    }
}

#[tokio::test]
async fn a_container_that_expires_before_it_is_pushed_is_refused() {
    let fake = fake();
    let client = once(&fake);
    let container = client.file_containers().store("{}").await.unwrap();
    fake.inject(Fault::on(Operation::PushItemContainer).expired());
    let error = client.items(SOURCE).push_container(container.file_id()).await.unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "INVALID_PARAMETER");
}

#[tokio::test]
async fn a_faulty_answer_looks_like_one_of_the_service_or_of_its_storage() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(429));
    let got = raw("POST", "/files").with_length().send(&fake).await;
    assert_eq!(got.refusal(), refused(429, "TOO_MANY_REQUESTS"));
    fake.inject(Fault::on(Operation::CreateFileContainer).status(504));
    let got = raw("POST", "/files").with_length().send(&fake).await;
    assert_eq!(got.refusal(), refused(504, "no code"));
    fake.inject(Fault::on(Operation::UploadToContainer).status(503));
    let error = once(&fake).file_containers().store("{}").await.unwrap_err();
    let Error::Upload(error) = error else { panic!("{error}") };
    assert_eq!((error.status().as_u16(), error.code()), (503, Some("SlowDown")));
}

#[tokio::test]
async fn code_body_and_headers_of_an_answer_can_be_set() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(429).error_code("TOO_MANY_DOCUMENTS_DAILY"));
    assert_eq!(push(&fake).await.unwrap_err().code().unwrap().as_str(), "TOO_MANY_DOCUMENTS_DAILY");
    fake.inject(Fault::on(PUSH).status(502).body("<html>Bad Gateway</html>").header("Content-Type", "text/html"));
    let error = push(&fake).await.unwrap_err();
    assert_eq!(error.api().unwrap().body(), "<html>Bad Gateway</html>");
}

#[tokio::test]
async fn a_fault_without_an_end_leaves_work_and_status_and_changes_the_rest() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).body("no container"));
    let error = once(&fake).file_containers().create().await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error}");
    assert_eq!(fake.containers().created, 1);
}

#[tokio::test]
async fn a_date_can_be_left_out_or_be_none() {
    let fake = fake();
    let date = async |fault: Option<Fault>| {
        fault.into_iter().for_each(|fault| fake.inject(fault));
        let push = once(&fake).items(SOURCE).add_or_update("https://a", &DocumentBody::new());
        push.await.unwrap().server_time()
    };
    assert!(date(None).await.is_some());
    assert_eq!(date(Some(Fault::on(PUSH).without_date())).await, None);
    assert_eq!(date(Some(Fault::on(PUSH).date("garbage"))).await, None);
    assert!(date(Some(Fault::on(PUSH).date("Sun, 06 Nov 1994 08:49:37 GMT"))).await.is_some());
}

#[tokio::test]
async fn no_more_of_an_answer_is_read_than_the_limit_says() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).body(vec![b'x'; 3 << 20]));
    let got = raw("POST", "/files").with_length().send(&fake).await;
    assert_eq!(got.text().len(), 1 << 20);
}

/// What became of a hundred pushes, and after how long, under faults by chance.
async fn by_chance(seed: u64) -> (Vec<Option<u16>>, Duration, u64) {
    let fake = fake();
    fake.inject_random(
        FaultRates::seeded(seed)
            .throttled(0.1)
            .throttled_for(0.05, Duration::from_secs(2))
            .status(503, 0.2)
            .no_connection(0.05)
            .hang(0.05)
            .reset_before(0.05)
            .reset_after(0.05)
            .expired(0.1)
            .expired_token(0.1)
            .latency(Duration::ZERO..=Duration::from_millis(100))
            .late_answer(Duration::from_millis(5)..=Duration::from_millis(10)),
    );
    let patient = RetryPolicy::default().max_attempts(20).deadline(Duration::from_secs(3_600));
    let client: PushClient = fake.client_builder().retry(patient).random(|| 0.5).build().unwrap();
    let began = Instant::now();
    let mut failed = 0;
    for number in 0..50 {
        let batch = BatchDocumentBody::new().add_or_update(format!("https://{number}"), DocumentBody::new());
        failed += u64::from(client.items(SOURCE).push_batch(&batch).await.is_err());
    }
    fake.clear_faults();
    (statuses(&fake), began.elapsed(), failed)
}

#[tokio::test(start_paused = true)]
async fn faults_by_chance_are_the_same_for_the_same_seed() {
    let (one, again, other) = (by_chance(1).await, by_chance(1).await, by_chance(2).await);
    assert_eq!(one, again);
    assert_ne!(one.0, other.0);
    for status in [None, Some(429), Some(503), Some(403), Some(400), Some(201), Some(202)] {
        assert!(one.0.contains(&status), "{status:?} in {:?}", one.0);
    }
}

#[tokio::test]
async fn faults_by_chance_end_when_they_are_cleared() {
    let fake = fake();
    fake.inject_random(FaultRates::seeded(0).status(500, 1.0));
    push(&fake).await.unwrap_err();
    fake.clear_faults();
    push(&fake).await.unwrap();
}

#[tokio::test]
async fn a_fault_may_be_for_the_calls_with_a_parameter_alone() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).parameter("documentId", "https://b").status(500).always());
    push(&fake).await.unwrap();
    let items = once(&fake).items(SOURCE);
    let _ = items.add_or_update("https://b", &DocumentBody::new()).await.unwrap_err();
    push(&fake).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_held_back_gets_through_after_its_retry() {
    let fake = fake();
    let items = once(&fake).items(SOURCE);
    let update = |text: &str| items.add_or_update("https://a", &DocumentBody::text(text));
    let held = || fake.source(SOURCE).item("https://a").map(|item| item.data().map(str::to_owned));
    fake.inject(Fault::on(PUSH).reset_before().applied_later(Duration::from_secs(10)));
    let _ = update("late").await.unwrap_err();
    assert_eq!(held(), None);
    let _ = update("new").await.unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(held().flatten().as_deref(), Some("late"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_twice_with_an_ordering_id_does_not_undo_what_came_between() {
    let fake = fake();
    let items = once(&fake).items(SOURCE);
    let update = |text: &str, id: u64| items.add_or_update("https://a", &DocumentBody::text(text)).ordering_id(id);
    fake.inject(Fault::on(PUSH).applied_later(Duration::from_secs(10)));
    let _ = update("old", 1).await.unwrap();
    let _ = update("new", 2).await.unwrap();
    fake.pass_time(Duration::from_secs(10));
    assert_eq!(fake.source(SOURCE).item("https://a").unwrap().data(), Some("new"));
    assert_eq!(fake.source(SOURCE).dropped().len(), 1);
}
