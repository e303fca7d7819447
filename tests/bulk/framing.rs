//! Guarantee 8: sizes are exact, and batches full.

use coveo_push::ItemPusher;
use proptest::prelude::*;

use super::cases::cases;
use super::support::{Held, Item, SOURCE, block_on, fake, held, number, pusher, uploads};

/// How many bytes a container has that holds these operations.
fn container(adds: &[String], deletes: &[String]) -> usize {
    let delete = if deletes.is_empty() { String::new() } else { format!(",\"delete\":[{}]", deletes.join(",")) };
    format!("{{\"addOrUpdate\":[{}]{delete}}}", adds.join(",")).len()
}

/// An item as it is written into a container.
fn written(id: &str, item: &Item) -> String {
    let text = serde_json::to_string(item).unwrap();
    format!("{{\"documentId\":\"{id}\",{}", text.strip_prefix('{').unwrap())
}

#[derive(Debug, Clone)]
struct Push {
    bytes: usize,
    is_delete: bool,
}

async fn push(pusher: &ItemPusher, n: usize, push: &Push) -> (String, bool) {
    let id = format!("a://ü/{n}");
    let item = Item::new(n as u64, push.bytes);
    let (json, pushed) = if push.is_delete {
        let json = serde_json::json!({"deleteChildren": false, "documentId": id});
        (json.to_string(), pusher.delete(&id).await.unwrap())
    } else {
        (written(&id, &item), pusher.add_or_update(&id, &item).await.unwrap())
    };
    (json, pushed.is_queued())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn guarantee_8_batches_are_full_and_never_over_the_limit(
        pushes in prop::collection::vec((0..1_500_usize, prop::bool::weighted(0.3)), 1..60),
        batch_bytes in 1_024..3_000_usize,
    ) {
        block_on(async {
            let fake = fake();
            let pusher = pusher(&fake).batch_bytes(batch_bytes).start();
            let (mut sizes, mut last) = (Vec::new(), (Vec::new(), Vec::new()));
            for (n, (bytes, is_delete)) in pushes.into_iter().enumerate() {
                let (json, is_taken) = push(&pusher, n, &Push { bytes, is_delete }).await;
                let alone = (vec![json.clone()], Vec::new());
                let alone = if is_delete { (alone.1, alone.0) } else { alone };
                assert_eq!(is_taken, container(&alone.0, &alone.1) <= batch_bytes);
                if !is_taken {
                    continue;
                }
                let mut next = last.clone();
                if is_delete { next.1.push(json) } else { next.0.push(json) }
                if container(&next.0, &next.1) > batch_bytes {
                    sizes.push(container(&last.0, &last.1));
                    next = alone;
                }
                last = next;
            }
            if last != Default::default() {
                sizes.push(container(&last.0, &last.1));
            }
            let report = pusher.finish().await.into_result().unwrap();
            let mut batches = report.batch_samples;
            batches.sort_by_key(|batch| batch.number);
            assert_eq!(batches.iter().map(|batch| batch.bytes as usize).collect::<Vec<_>>(), sizes);
            assert_eq!(report.totals.bytes_uploaded, sizes.iter().sum::<usize>() as u64);
            for upload in uploads(&fake) {
                assert!(!held(&upload.body).is_empty() && upload.body.len() <= batch_bytes);
            }
            assert!(fake.source(SOURCE).dropped().is_empty());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_8_an_item_that_fits_exactly_is_taken_and_one_byte_more_is_refused() {
    let fake = fake();
    let most = 2_000 - container(&[written("a://1", &Item::new(1, 0))], &[]);
    let pusher = pusher(&fake).batch_bytes(2_000).start();
    let pushed = pusher.add_or_update("a://1", &Item::new(1, most + 1)).await.unwrap();
    let refused = pushed.refused().unwrap();
    assert_eq!(refused.id(), "a://1");
    assert_eq!(refused.findings()[0].rule().code(), "container-too-large");
    assert!(refused.to_string().contains("2001 bytes"), "{refused}");
    assert!(pusher.add_or_update("a://1", &Item::new(1, most)).await.unwrap().is_queued());
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.refused, report.totals.bytes_uploaded), (1, 1, 2_000));
}

#[tokio::test(start_paused = true)]
async fn guarantee_8_the_order_cuts_a_batch_where_nothing_is_replaced() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(100_000).replace_queued(false).start();
    pusher.add_or_update("a://p/1", &Item::new(1, 1)).await.unwrap();
    pusher.add_or_update("a://p/2", &Item::new(2, 1)).await.unwrap();
    pusher.add_or_update("a://p/1", &Item::new(3, 1)).await.unwrap();
    pusher.delete("a://p/2").await.unwrap();
    pusher.delete("a://p/").delete_children(true).await.unwrap();
    pusher.delete("a://p/3").await.unwrap();
    pusher.delete("a://p/3").delete_children(true).await.unwrap();
    pusher.add_or_update("a://p", &Item::new(4, 1)).await.unwrap();
    let mut batches = pusher.finish().await.into_result().unwrap().batch_samples;
    batches.sort_by_key(|batch| batch.number);
    assert_eq!(batches.iter().map(|batch| batch.operations).collect::<Vec<_>>(), [2, 2, 1, 1, 2]);
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://p"]);
}

#[tokio::test(start_paused = true)]
async fn an_operation_replaces_an_earlier_one_of_its_batch_that_says_no_more() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(100_000).start();
    for n in 0..10 {
        pusher.add_or_update("a://hot", &Item::new(n, 1)).await.unwrap();
    }
    pusher.add_or_update("a://gone", &Item::new(1, 1)).await.unwrap();
    pusher.delete("a://gone").await.unwrap();
    pusher.delete("a://back").await.unwrap();
    pusher.add_or_update("a://back", &Item::new(7, 1)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.replaced), (14, 3, 11));
    assert_eq!((report.totals.batches_accepted, report.totals.deletions), (1, 1));
    let expected = [Held::Add("a://back".into(), 7), Held::Add("a://hot".into(), 9), Held::Delete("a://gone".into())];
    let mut held = held(&uploads(&fake)[0].body);
    held.sort();
    assert_eq!(held, expected);
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_a_deletion_with_children_replaces_nothing_and_is_not_replaced() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(100_000).start();
    pusher.add_or_update("a://p/1", &Item::new(1, 1)).await.unwrap();
    pusher.delete("a://p/").delete_children(true).await.unwrap();
    pusher.add_or_update("a://p/", &Item::new(2, 1)).await.unwrap();
    pusher.delete("a://p/").delete_children(true).await.unwrap();
    pusher.delete("a://p/").await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.replaced, report.totals.batches_accepted), (5, 0, 5));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_touches_one_id_many_times_is_a_few_batches() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(16_000).start();
    for n in 0..1_000 {
        pusher.add_or_update("a://hot", &Item::new(n, 50)).await.unwrap();
        pusher.add_or_update(format!("a://{n}"), &Item::new(n, 50)).await.unwrap();
    }
    let report = pusher.finish().await.into_result().unwrap();
    assert!(report.totals.batches_accepted < 20, "{report}");
    assert_eq!(report.totals.accepted + report.totals.replaced, 2_000);
    assert_eq!(number(&fake, "a://hot"), Some(999));
}

#[tokio::test(start_paused = true)]
async fn guarantee_8_buffers_that_are_used_again_hold_nothing_of_before() {
    let fake = coveo_push::fake::FakePushApi::builder().source(SOURCE).keep_request_bodies(false).build();
    let pusher = pusher(&fake).concurrency(2).batch_bytes(2_000).start();
    for n in 0..300_u64 {
        // A second list makes the fake copy the bytes, so that the buffer comes free.
        pusher.delete(format!("b://{n}")).await.unwrap();
        pusher.add_or_update(format!("a://{n}"), &Item::new(n, (n as usize * 37) % 1_500)).await.unwrap();
    }
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, fake.source(SOURCE).len()), (600, 300));
    for item in fake.source(SOURCE).items() {
        let n = item.metadata("n").unwrap().as_u64().unwrap();
        assert_eq!((item.document_id(), item.data().unwrap().len()), (&*format!("a://{n}"), (n as usize * 37) % 1_500));
    }
}

#[tokio::test(start_paused = true)]
async fn many_deletions_with_children_fail_or_are_accepted_each_for_itself() {
    let fake = fake();
    // So many that comparing each with every other one would take minutes. A failed batch that later ones supersede,
    // and then nothing but deletions.
    fake.inject(coveo_push::fake::Fault::on(coveo_push::Operation::PushItemContainer).status(412));
    let pusher = pusher(&fake).batch_bytes(16 << 20).on_failed_batch(|_| {}).start();
    for n in 0..20_000 {
        pusher.delete(format!("a://folder/{n:06}")).delete_children(true).await.unwrap();
    }
    pusher.flush().await.unwrap();
    for n in 0..40_000 {
        pusher.delete(format!("a://folder/{n:06}")).delete_children(true).await.unwrap();
    }
    let report = pusher.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed), (40_000, 20_000));
}
