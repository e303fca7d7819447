//! How long it takes to say whether somebody sees an item, in a graph of 100,000 identities.
//!
//! `cargo bench --bench access`, or with `-- --items 1000000 --rounds 7 --row simplified`, where an item
//! is one evaluation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[expect(dead_code, reason = "a trial is one by its numbers alone")]
#[path = "shared/measure.rs"]
mod measure;
#[expect(dead_code, reason = "the time of the processor is for benches with several threads")]
#[path = "shared/process.rs"]
mod process;

use std::hint::black_box;

use coveo_push::{
    Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity, PermissionLevel,
    PermissionSet, Permissions, Viewer,
};
use fastrand::Rng;

use self::measure::{Options, Table, in_turn, seconds};
use self::process::peak_memory;

const PROVIDER: &str = "My Security Identity Provider";
const EMAIL: &str = "Email Security Provider";

/// Each user is two identities: that of the provider, and the address that is an alias of it.
const USERS: usize = 45_000;
const GROUPS: usize = 10_000;
/// How many different permissions there are, and how many people are asked about.
const PERMISSIONS: usize = 10_000;
const VIEWERS: usize = 100;

#[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
fn main() {
    let options = Options::read(1_000_000, 7);
    let mut graph = IdentityGraph::new(PROVIDER);
    let build = seconds(|| fill(&mut graph));
    let mut viewers = Vec::with_capacity(VIEWERS);
    let find = seconds(|| viewers.extend((0..VIEWERS).map(|number| graph.viewer(address(number * (USERS / VIEWERS))))));
    let identities: usize = viewers.iter().map(|viewer| viewer.identities().count()).sum();

    let heads = ["permissions", "ns each", "evaluations/s", "allowed", "denied", "unknown", "MB at 1/10", "MB at end"];
    let mut table = Table::new(&heads);
    for (name, make) in [
        ("simplified, 1 set of 6", simplified as fn(&mut Rng) -> Permissions),
        ("simplified, 3 sets of 6", three_sets),
        ("complete, 3 levels of 2 sets", complete),
        ("simplified, 1 set of 200", long),
    ] {
        if options.wants(name) {
            let mut rng = Rng::with_seed(7);
            let permissions: Vec<Permissions> = (0..PERMISSIONS).map(|_| make(&mut rng)).collect();
            table.row(row(name, &options, &viewers, &permissions));
        }
    }

    println!(
        "{} identities, built in {:.0} ms; {VIEWERS} people looked up in {:.0} us each, who are {} identities each\n\
         {} evaluations, {} rounds, medians\n",
        2 * USERS + GROUPS,
        build * 1e3,
        find * 1e6 / VIEWERS as f64,
        identities / VIEWERS,
        options.items,
        options.rounds
    );
    table.print();
    println!("\nMB: the peak memory of the process, after a tenth of the evaluations of a row and after all of them.");
}

#[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
fn row(name: &str, options: &Options, viewers: &[Viewer], permissions: &[Permissions]) -> Vec<String> {
    let memory = || peak_memory().map_or("-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6));
    let mut counts = evaluate(viewers, permissions, options.items / 10);
    let at_a_tenth = memory();
    let mut side = || seconds(|| counts = evaluate(viewers, permissions, options.items));
    let [time] = in_turn(options.rounds, [&mut side]);
    let items = options.items as f64;
    let share = |count: u64| format!("{:.0} %", count as f64 * 100.0 / items);
    let numbers = [format!("{:.0}", time * 1e9 / items), format!("{:.0}", items / time)];
    let memory = [at_a_tenth, memory()];
    [name.to_owned()].into_iter().chain(numbers).chain(counts.map(share)).chain(memory).collect()
}

/// Asks of one person after the other about all permissions, as many times in all as asked for.
fn evaluate(viewers: &[Viewer], permissions: &[Permissions], times: u64) -> [u64; 3] {
    let mut counts = [0; 3];
    let pairs = viewers.iter().flat_map(|viewer| permissions.iter().map(move |permissions| (viewer, permissions)));
    for (viewer, permissions) in pairs.cycle().take(usize::try_from(times).unwrap()) {
        let access = black_box(permissions.evaluate(viewer));
        let is = [access.is_allowed(), access.is_denied(), access.is_unknown()];
        counts.iter_mut().zip(is).for_each(|(count, is)| *count += u64::from(is));
    }
    counts
}

/// Users in 10 groups each, each group in another one up to the one that has all, and an address for
/// every user.
fn fill(graph: &mut IdentityGraph) {
    let mut rng = Rng::with_seed(1);
    let mut members = vec![Vec::new(); GROUPS];
    for number in 1..GROUPS {
        members[rng.usize(..number)].push(Identity::group(group(number)));
    }
    for number in 0..USERS * 10 {
        members[rng.usize(..GROUPS)].push(Identity::user(login(number % USERS)));
    }
    let mut provider = graph.identities(PROVIDER);
    for (number, members) in members.into_iter().enumerate() {
        provider.add_or_update(&IdentityBody::group(group(number)).members(members));
    }
    for number in 0..USERS {
        let alias = MappedIdentity::user(mail(number)).provider(EMAIL);
        provider.add_or_update_alias(&MappedIdentityBody::user(login(number)).alias(alias));
    }
}

fn simplified(rng: &mut Rng) -> Permissions {
    set(rng, 6).into()
}

fn three_sets(rng: &mut Rng) -> Permissions {
    let first = PermissionSet::new().allow_anonymous(true);
    Permissions::simplified([first, set(rng, 6), set(rng, 6)])
}

fn complete(rng: &mut Rng) -> Permissions {
    Permissions::complete(
        ["Policy", "Site", "Page"]
            .map(|name| PermissionLevel::new(name).permission_set(set(rng, 6)).permission_set(set(rng, 6))),
    )
}

fn long(rng: &mut Rng) -> Permissions {
    set(rng, 200).into()
}

/// A set that names so many groups, those with most members among them, and users; it denies a tenth.
fn set(rng: &mut Rng, identities: usize) -> PermissionSet {
    let mut set = PermissionSet::new();
    for _ in 0..identities {
        let identity = match rng.u8(..10) {
            0..6 => PermissionIdentity::group(group(rng.usize(..GROUPS / 50))),
            6..8 => PermissionIdentity::user(login(rng.usize(..USERS))),
            _ => address(rng.usize(..USERS)),
        };
        set = if rng.u8(..10) == 0 { set.deny(identity) } else { set.allow(identity) };
    }
    set
}

fn address(number: usize) -> PermissionIdentity {
    PermissionIdentity::user(mail(number)).security_provider(EMAIL)
}

fn login(number: usize) -> String {
    format!("EXAMPLE\\user{number}")
}

fn mail(number: usize) -> String {
    format!("first.last{number}@example.com")
}

fn group(number: usize) -> String {
    format!("Department {number} of the company")
}
