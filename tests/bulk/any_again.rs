//! Random operations and faults in a run that pushes its failed batches again by itself.

use std::sync::atomic::{AtomicU32, Ordering};

use coveo_push::RetryPolicy;
use coveo_push::report::AfterFailure;
use proptest::prelude::*;

use super::cases::cases;
use super::model::Model;
use super::support::{Faults, Held, Item, SOURCE, block_on, fake, faults, ms, secs};

const IDS: [&str; 6] = ["a://p", "a://p/1", "a://p/1/x", "a://p/2", "a://q", "a://q/1"];

#[derive(Debug, Clone, Copy)]
enum What {
    Add,
    Delete,
    DeleteChildren,
}

/// Each step with its id, and with the time that passes after it.
type Step = (What, usize, u64);

async fn run(steps: Vec<Step>, faults: Faults, concurrency: usize, after: u64) {
    let fake = fake();
    let mut model = Model::of(&fake, IDS.map(str::to_owned));
    fake.inject_random(faults.rates());
    let given = AtomicU32::new(0);
    let again = move |failed| match given.fetch_add(1, Ordering::Relaxed) {
        // The delays differ, so that batches change places.
        time @ 0..100 => AfterFailure::Again(failed, ms(after * u64::from(time % 3))),
        _ => AfterFailure::Stop,
    };
    let client = fake.client();
    let builder = client.items(SOURCE).pusher().batch_bytes(1_024).concurrency(concurrency).linger(ms(100));
    let pusher = builder.retry(RetryPolicy::default().max_attempts(2)).on_failed_batch(again).start();
    for (n, (what, id, wait)) in (1..).zip(steps) {
        let id = IDS[id];
        let (pushed, operation) = match what {
            What::Add => (pusher.add_or_update(id, &Item::new(n, 300)).await, Held::Add(id.to_owned(), n)),
            What::Delete => (pusher.delete(id).await, Held::Delete(id.to_owned())),
            What::DeleteChildren => {
                (pusher.delete(id).delete_children(true).await, Held::DeleteChildren(id.to_owned()))
            }
        };
        if pushed.is_err() {
            break;
        }
        model.apply(&operation);
        tokio::time::sleep(ms(wait)).await;
    }
    let report = pusher.finish().await;
    let totals = report.totals;
    let sum = totals.accepted + totals.replaced + totals.failed + totals.refused + totals.unsent;
    assert_eq!(totals.pushed, sum, "{report}");
    let handed_back: usize = report.failed_batches.iter().map(|failed| failed.operations()).sum();
    if report.is_complete() {
        tokio::time::sleep(secs(86_400)).await;
        assert_eq!(model.difference(&fake), None, "{report}");
    } else if totals.unsent == 0 {
        // Each operation that was neither accepted nor replaced is handed back.
        assert!(handed_back as u64 <= totals.failed, "{report}");
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn guarantee_5_and_6_a_complete_report_of_a_run_that_pushes_failed_batches_again_lost_nothing(
        steps in prop::collection::vec(
            (
                prop::sample::select(vec![What::Add, What::Add, What::Add, What::Delete, What::DeleteChildren]),
                0..IDS.len(),
                0..3_000_u64,
            ),
            1..30,
        ),
        faults in faults(),
        concurrency in 1..5_usize,
        after in prop::sample::select(vec![0_u64, 500, 5_000]),
    ) {
        block_on(run(steps, faults, concurrency, after));
    }
}
