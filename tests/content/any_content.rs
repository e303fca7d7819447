//! Any bytes, any type, any route come back equal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::FaultRates;
use coveo_push::{CompressionType, Content, DocumentBody};
use proptest::prelude::*;
use tokio::task::JoinSet;

use super::cases::cases;
use super::support::{End, Folder, ID, Pieces, SOURCE, TYPES, fake, noise, push, pushed, words};

#[derive(Debug, Clone)]
enum Form {
    Noise(usize),
    Words(usize),
    Bytes(Vec<u8>),
}

impl Form {
    fn bytes(&self) -> Bytes {
        match self {
            Self::Noise(bytes) => noise(*bytes),
            Self::Words(bytes) => words(*bytes),
            Self::Bytes(bytes) => bytes.clone().into(),
        }
    }
}

fn forms() -> impl Strategy<Value = Form> {
    prop_oneof![
        (0_usize..5_000_000).prop_map(Form::Noise),
        (0_usize..5_000_000).prop_map(Form::Words),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Form::Bytes),
    ]
}

#[derive(Debug, Clone, Copy)]
enum From {
    Bytes,
    File,
    Reader(usize),
}

fn sources() -> impl Strategy<Value = From> {
    prop_oneof![Just(From::Bytes), Just(From::File), (1_usize..200_000).prop_map(From::Reader)]
}

fn compressions() -> impl Strategy<Value = Option<CompressionType>> {
    prop::option::of(prop::sample::select(TYPES.to_vec()))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn guarantee_5_items_with_content_are_each_accounted_for_once_whatever_goes_wrong(
        sizes in prop::collection::vec(0_usize..6_000, 1..20),
        concurrency in 1_usize..4,
        goes_on in any::<bool>(),
        rates in (0.0..0.3, 0.0..0.2, 0.0..0.2, 0.0..0.2, any::<u64>()),
    ) {
        let (status, reset, expired, hang, seed) = rates;
        let rates = FaultRates::seeded(seed).status(500, status).status(403, status / 4.0).reset_after(reset);
        run(async {
            let fake = fake();
            fake.inject_random(rates.expired(expired).hang(hang / 4.0).latency(Duration::ZERO..=Duration::from_secs(1)));
            let handed = Arc::new(Mutex::new(Vec::new()));
            let builder = fake.client().items(SOURCE).pusher().concurrency(concurrency).batch_bytes(2_048);
            let handler = Arc::clone(&handed);
            let builder = match goes_on {
                true => builder.on_failed_batch(move |failed| handler.lock().unwrap().push(failed)),
                false => builder,
            };
            let pusher = Arc::new(builder.start());
            let mut tasks = JoinSet::new();
            for (n, size) in sizes.iter().copied().enumerate() {
                let pusher = Arc::clone(&pusher);
                tasks.spawn(async move {
                    let doc = DocumentBody::new().title("A");
                    // Above a thousand bytes or so it does not fit into a batch.
                    let content = Content::bytes(noise(size)).compression(CompressionType::Uncompressed);
                    pusher.add_or_update(format!("a://{n}"), &doc).content(content).await.is_ok()
                });
            }
            let taken = tasks.join_all().await.into_iter().filter(|is_taken| *is_taken).count() as u64;
            let mut report = Arc::into_inner(pusher).unwrap().finish().await;
            assert_eq!(report.totals.pushed, taken);
            assert_eq!(report.totals.pushed, report.totals.accepted + report.totals.failed + report.totals.refused + report.totals.unsent);
            let mut failed = std::mem::take(&mut report.failed_batches);
            failed.append(&mut handed.lock().unwrap());
            assert_eq!(failed.iter().map(|failed| failed.operations() as u64).sum::<u64>(), report.totals.failed + report.totals.unsent);
            // What was handed back goes through when nothing goes wrong any more, content and all.
            fake.clear_faults();
            tokio::time::sleep(Duration::from_secs(600)).await;
            for failed in failed {
                failed.push_again().await.unwrap();
            }
            assert!(fake.source(SOURCE).dropped().is_empty());
            assert_eq!(fake.source(SOURCE).len() as u64, taken);
            for item in fake.source(SOURCE).items() {
                let n: usize = item.document_id().strip_prefix("a://").unwrap().parse().unwrap();
                assert!(item.content().unwrap() == noise(sizes[n]));
            }
        });
    }

    #[test]
    fn any_bytes_of_any_type_by_any_route_come_back_equal(
        form in forms(),
        source in sources(),
        compression in compressions(),
        batch_bytes in prop::option::of(prop::sample::select(vec![1_024, 100_000, 16_000_000])),
        seed in any::<u64>(),
    ) {
        // LZMA is slow.
        let most = if compression == Some(CompressionType::Lzma) { 300_000 } else { usize::MAX };
        let bytes = form.bytes();
        let bytes = bytes.slice(..bytes.len().min(most));
        let folder = Folder::new();
        let content = match source {
            From::Bytes => Content::bytes(bytes.clone()),
            From::File => Content::file(folder.file("content", &bytes)),
            From::Reader(size) => {
                Content::reader(Pieces::new(bytes.clone(), size.max(bytes.len() / 1_000), End::Ends))
            }
        };
        let content = content.level(1);
        let content = match compression {
            Some(compression) => content.compression(compression),
            None => content,
        };
        run(async {
            let fake = fake();
            fake.inject_random(FaultRates::seeded(seed).status(503, 0.1).reset_after(0.05).expired(0.05));
            let doc = DocumentBody::new().title("A");
            match batch_bytes {
                None => {
                    if push(&fake, content).await.is_err() {
                        return;
                    }
                }
                Some(batch_bytes) => {
                    let pusher = fake.client().items(SOURCE).pusher().batch_bytes(batch_bytes).start();
                    if pusher.add_or_update(ID, &doc).content(content).await.is_err() {
                        return;
                    }
                    let mut report = pusher.finish().await;
                    assert_eq!(report.totals.pushed, report.totals.accepted + report.totals.failed + report.totals.refused + report.totals.unsent);
                    for failed in std::mem::take(&mut report.failed_batches) {
                        fake.clear_faults();
                        tokio::time::sleep(Duration::from_secs(600)).await;
                        failed.push_again().await.unwrap();
                    }
                }
            }
            assert!(pushed(&fake, ID).content().unwrap() == bytes);
        });
    }
}
