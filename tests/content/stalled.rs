//! Content that gives nothing: it fails its item after a while, and keeps no other item waiting.

use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::{Content, DocumentBody, Pushed};
use tokio::time::{Instant, timeout};

use super::support::{End, ID, LARGEST_INLINE, Pieces, SOURCE, fake, noise, push, pusher, rule};

const MINUTE: Duration = Duration::from_secs(60);

/// Content that gives some bytes, and then nothing.
fn stalled(bytes: usize) -> Content {
    Content::reader(Pieces::new(noise(bytes), 50_000, End::Hangs))
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_a_reader_that_gives_nothing_for_60_seconds_ends_its_call() {
    for bytes in [0, 10, 1_000_000] {
        let (fake, begin) = (fake(), Instant::now());
        let error = push(&fake, stalled(bytes)).await.unwrap_err();
        assert_eq!((rule(&error), begin.elapsed()), ("content-unreadable", MINUTE));
        assert!(error.to_string().contains("the reader gave nothing for 60 s"), "{error}");
        assert!(fake.requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_the_timeout_of_a_call_ends_it_when_its_reader_gives_nothing_for_that_long() {
    let begin = Instant::now();
    let error = push(&fake(), stalled(10)).timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((rule(&error), begin.elapsed()), ("content-unreadable", Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_may_take_any_time_as_long_as_it_gives_something() {
    let (reader, mut writer) = tokio::io::duplex(10);
    let fake = fake();
    let slow = async {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_secs(59)).await;
            tokio::io::AsyncWriteExt::write_all(&mut writer, b"x").await.unwrap();
        }
        drop(writer);
    };
    let (pushed, ()) = tokio::join!(push(&fake, Content::reader(reader)).into_future(), slow);
    pushed.unwrap();
    assert_eq!(fake.source(SOURCE).item(ID).unwrap().content(), Some(Bytes::from("x".repeat(100))));
}

#[tokio::test(start_paused = true)]
async fn stalled_readers_never_delay_a_plain_item_and_other_contents_for_a_minute_at_most() {
    let fake = fake();
    let run = pusher(&fake).concurrency(2).linger(Duration::ZERO).start();
    let doc = DocumentBody::new();
    let begin = Instant::now();
    let stalls = async {
        let [one, two] = ["a://1", "a://2"].map(|id| run.add_or_update(id, &doc).content(stalled(10)).into_future());
        for pushed in <[_; 2]>::from(tokio::join!(one, two)) {
            let Pushed::Refused(refused) = pushed.unwrap() else { panic!() };
            assert_eq!(refused.findings()[0].rule().code(), "content-unreadable");
        }
        begin.elapsed()
    };
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        timeout(Duration::from_secs(5), run.add_or_update("a://plain", &doc)).await.unwrap().unwrap();
        timeout(Duration::from_secs(5), run.flush()).await.unwrap().unwrap();
        let content = Content::bytes(noise(LARGEST_INLINE + 1));
        run.add_or_update("a://content", &doc).content(content).await.unwrap();
        begin.elapsed()
    };
    let (stalls, others) = tokio::join!(stalls, others);
    assert_eq!(stalls, MINUTE);
    assert!(others >= MINUTE && others < MINUTE + Duration::from_secs(1), "{others:?}");
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.refused), (2, 2));
}
