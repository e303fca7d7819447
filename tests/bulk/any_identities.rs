//! Random operations on security identities, random faults.

use std::collections::{BTreeMap, BTreeSet};

use coveo_push::fake::{FakePushApi, FaultRates};
use coveo_push::report::{FailedBatch, PushReport};
use coveo_push::{
    Identity, IdentityBody, IdentityPusher, MappedIdentity, MappedIdentityBody, PushError, Pushed, RetryPolicy,
    SecurityIdentityType,
};
use proptest::prelude::*;
use serde_json::Value;

use super::cases::cases;
use super::support::{Faults, Handed, PROVIDER, block_on, faults, ms, push_again, uploads};

const NAMES: [&str; 6] = ["ann", "bob", "cy", "dee", "eve", "fay"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Members,
    Mappings,
    Deleted,
}

impl List {
    /// Whether an operation of this list replaces an earlier one of that.
    fn replaces(self, earlier: Self) -> bool {
        self == earlier || self == Self::Deleted || earlier == Self::Deleted
    }
}

/// An operation: its list, the name, and a number of its own, which a deletion has none of.
type Operation = (List, &'static str, u64);

#[derive(Debug, Clone)]
struct Case {
    steps: Vec<(List, usize, usize)>,
    wait: u64,
    batch_bytes: usize,
    concurrency: usize,
    linger: u64,
    attempts: u32,
    has_handler: bool,
    refuses_second_commit: bool,
    is_aborted: bool,
    faults: Faults,
    /// Whether operations replace earlier ones of their batch.
    replaces: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let list = prop::sample::select(vec![List::Members, List::Members, List::Mappings, List::Mappings, List::Deleted]);
    let steps = prop::collection::vec((list, 0..NAMES.len(), 0..600_usize), 1..40);
    let settings = (1_024..3_000_usize, 1..5_usize, prop::sample::select(vec![0_u64, 700, 86_400_000]), 0..1_000_u64);
    let others = (prop::sample::select(vec![1_u32, 2, 5]), any::<[bool; 3]>(), prop::bool::weighted(0.2));
    (steps, settings, others, faults()).prop_map(|(steps, settings, others, faults)| {
        let (batch_bytes, concurrency, linger, wait) = settings;
        let (attempts, [has_handler, refuses_second_commit, replaces], is_aborted) = others;
        Case {
            steps,
            wait,
            batch_bytes,
            concurrency,
            linger,
            attempts,
            has_handler,
            refuses_second_commit,
            is_aborted,
            faults,
            replaces,
        }
    })
}

/// The numbers of the members and of the aliases, and whether the identity is disabled.
type State = Option<(Option<u64>, Option<u64>, bool)>;

#[derive(Debug, Clone)]
struct Model(BTreeMap<&'static str, BTreeSet<State>>);

impl Model {
    fn new() -> Self {
        Self(NAMES.iter().map(|name| (*name, BTreeSet::from([None]))).collect())
    }

    fn carry_out(&mut self, (list, name, n): Operation, perhaps: bool) {
        let states = self.0.get_mut(name).unwrap();
        let after = states.iter().map(|state| match (list, state) {
            (List::Members, before) => Some((Some(n), before.and_then(|before| before.1), false)),
            (List::Mappings, before) => Some((before.and_then(|before| before.0), Some(n), false)),
            (List::Deleted, before) => {
                Some((before.and_then(|before| before.0), before.and_then(|before| before.1), true))
            }
        });
        let after: BTreeSet<State> = after.collect();
        if !perhaps {
            states.clear();
        }
        states.extend(after);
    }

    fn found(fake: &FakePushApi, name: &str) -> State {
        let identity = fake.provider(PROVIDER).identity(name, SecurityIdentityType::User)?;
        let members = identity.members().first().map(|member| number(&member.name));
        Some((members, identity.aliases().first().map(|alias| number(&alias.name)), identity.is_disabled()))
    }

    fn check(&self, fake: &FakePushApi) {
        for (name, states) in &self.0 {
            let found = Self::found(fake, name);
            assert!(states.contains(&found), "{name} is {found:?} and should be one of {states:?}");
        }
    }
}

fn number(name: &str) -> u64 {
    name.split_once('-').unwrap().0.parse().unwrap()
}

async fn push(pusher: &IdentityPusher, (list, name, n): Operation, bytes: usize) -> Result<Pushed, PushError> {
    let other = format!("{n}-{}", "x".repeat(bytes));
    match list {
        List::Members => pusher.add_or_update(&IdentityBody::user(name).member(Identity::user(other))).await,
        List::Mappings => {
            pusher.add_or_update_alias(&MappedIdentityBody::user(name).alias(MappedIdentity::user(other))).await
        }
        List::Deleted => pusher.delete(&Identity::user(name)).await,
    }
}

/// What a container holds; a panic where it breaks a rule.
fn held(body: &[u8]) -> BTreeSet<(List, String)> {
    let json: Value = serde_json::from_slice(body).unwrap();
    let mut held = BTreeSet::new();
    for (key, entries) in json.as_object().unwrap() {
        let list = match key.as_str() {
            "members" => List::Members,
            "mappings" => List::Mappings,
            "deleted" => List::Deleted,
            other => panic!("{other}"),
        };
        for entry in entries.as_array().unwrap() {
            let name = entry["identity"]["name"].as_str().unwrap().to_owned();
            assert!(!held.iter().any(|(other, known): &(List, String)| *known == name && list.replaces(*other)));
            held.insert((list, name));
        }
    }
    held
}

async fn run(case: &Case, fake: &FakePushApi) -> (Vec<Operation>, PushReport, Vec<FailedBatch>) {
    fake.inject_random(case.faults.rates());
    let handed = Handed::default();
    let client = fake.client();
    let mut builder = client
        .identities(PROVIDER)
        .pusher()
        .batch_bytes(case.batch_bytes)
        .concurrency(case.concurrency)
        .linger(ms(case.linger))
        .throttle_patience(ms(300_000))
        .replace_queued(case.replaces)
        .retry(RetryPolicy::default().max_attempts(case.attempts));
    if case.has_handler {
        builder = builder.on_failed_batch(handed.handler());
    }
    let pusher = builder.start();
    let mut taken = Vec::new();
    for (n, (list, name, bytes)) in (1..).zip(&case.steps) {
        let operation = (*list, NAMES[*name], n);
        match push(&pusher, operation, *bytes).await {
            Ok(pushed) => assert!(pushed.is_queued()),
            Err(_) => break,
        }
        taken.push(operation);
        tokio::time::sleep(ms(case.wait)).await;
    }
    assert!(!push(&pusher, (List::Deleted, "", 0), 0).await.is_ok_and(|pushed| pushed.is_queued()));
    let mut report = if case.is_aborted { pusher.abort().await } else { pusher.finish().await };
    let mut failed = handed.take();
    failed.append(&mut report.failed_batches);
    failed.sort_by_key(FailedBatch::number);
    (taken, report, failed)
}

async fn check(case: &Case) {
    let fake = FakePushApi::builder().provider(PROVIDER).refuse_second_commit(case.refuses_second_commit).build();
    let (taken, report, failed) = run(case, &fake).await;
    assert_eq!(report.totals.pushed, taken.len() as u64 + report.totals.refused);
    assert_eq!(
        report.totals.pushed,
        report.totals.accepted
            + report.totals.replaced
            + report.totals.failed
            + report.totals.refused
            + report.totals.unsent
    );
    if case.replaces {
        return check_end(case, &fake, &taken, &failed).await;
    }

    let accepted = report.batch_samples.iter().map(|batch| (batch.number, batch.operations as usize, None));
    let mut batches: Vec<_> =
        accepted.chain(failed.iter().map(|batch| (batch.number(), batch.operations(), Some(batch)))).collect();
    batches.sort_by_key(|(number, ..)| *number);
    let mut rest = taken.as_slice();
    let mut model = Model::new();
    let mut parts = Vec::new();
    for (_, operations, batch) in batches {
        let (part, others) = rest.split_at(operations);
        rest = others;
        if let Some(batch) = batch {
            assert!(batch.ids().eq(part.iter().map(|(_, name, _)| format!("USER:{name}"))));
        }
        if batch.is_none_or(FailedBatch::may_have_been_applied) {
            part.iter().for_each(|operation| model.carry_out(*operation, batch.is_some()));
        }
        parts.push((part, batch));
    }
    assert_eq!(rest, []);
    model.check(&fake);
    for upload in uploads(&fake) {
        assert!(upload.body.len() <= case.batch_bytes && !held(&upload.body).is_empty());
    }

    fake.inject_random(FaultRates::seeded(0));
    tokio::time::sleep(ms(300_000)).await;
    for (at, (part, batch)) in parts.iter().enumerate() {
        let Some(batch) = batch else { continue };
        let left = held(&batch.to_body());
        for operation @ (list, name, _) in *part {
            let replaces = |later: &Operation| later.1 == *name && later.0.replaces(*list);
            let mut later = parts[at + 1..].iter();
            if left.contains(&(*list, (*name).to_owned())) {
                assert!(!later.any(|(part, failed)| failed.is_none() && part.iter().any(replaces)), "{operation:?}");
                model.carry_out(*operation, false);
            } else {
                assert!(later.any(|(part, _)| part.iter().any(replaces)), "{operation:?}");
                // Members or aliases alone do not say that an identity is deleted.
                let conflicts = batch.to_conflicting_ids().contains(&&*format!("USER:{name}"));
                assert!(!conflicts || *list == List::Deleted, "{operation:?}");
            }
        }
        assert_eq!(push_again(batch).await, !left.is_empty());
    }
    model.check(&fake);
}

/// Some operations are in no batch, as later ones replaced them: in the end all is as if each had been applied. Only of
/// a disabled identity nothing else is compared: its deletion stands for the operations that it replaced.
async fn check_end(case: &Case, fake: &FakePushApi, taken: &[Operation], failed: &[FailedBatch]) {
    for upload in uploads(fake) {
        assert!(upload.body.len() <= case.batch_bytes && !held(&upload.body).is_empty());
    }
    fake.inject_random(FaultRates::seeded(0));
    tokio::time::sleep(ms(300_000)).await;
    for batch in failed {
        push_again(batch).await;
    }
    let mut model = Model::new();
    taken.iter().for_each(|operation| model.carry_out(*operation, false));
    for (name, states) in &model.0 {
        let state = states.first().copied().unwrap();
        let is_deleted = |state: State| state.is_some_and(|(.., is_disabled)| is_disabled);
        let found = Model::found(fake, name);
        let was_deleted = taken.iter().any(|(list, other, _)| *list == List::Deleted && other == name);
        match state {
            _ if is_deleted(state) => assert!(is_deleted(found), "{name} is {found:?}"),
            // What was pushed before a deletion may be gone.
            Some((members, aliases, _)) if was_deleted => {
                let (members_found, aliases_found, is_disabled) = found.unwrap();
                assert!(!is_disabled, "{name}");
                let last = |list| {
                    taken
                        .iter()
                        .rev()
                        .take_while(|(list, other, _)| *list != List::Deleted || other != name)
                        .any(|(other_list, other, _)| *other_list == list && other == name)
                };
                assert!(!last(List::Members) || members == members_found, "{name}");
                assert!(!last(List::Mappings) || aliases == aliases_found, "{name}");
            }
            _ => assert_eq!(found, state, "{name}"),
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn guarantee_5_and_6_nothing_is_lost_and_the_order_of_identities_holds_whatever_goes_wrong(case in case()) {
        block_on(check(&case));
    }
}
