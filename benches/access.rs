//! How long it takes to say whether somebody sees an item, in a graph of 100,000 identities.
//!
//! `cargo bench --bench access`, or with `-- --items 1000000 --rounds 7 --row simplified`, where an item
//! is one evaluation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "shared/measure.rs"]
mod measure;
#[expect(dead_code, reason = "the time of the processor is for benches with several threads")]
#[path = "pipeline/process.rs"]
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

    let mut table = Table::new(&["permissions", "ns each", "evaluations/s", "allowed", "denied", "unknown"]);
    let mut memory = Vec::new();
    for (name, make) in [
        ("simplified, 1 set of 6", simplified as fn(&mut Rng) -> Permissions),
        ("simplified, 3 sets of 6", three_sets),
        ("complete, 3 levels of 2 sets", complete),
        ("simplified, 1 set of 200", long),
    ] {
        if options.wants(name) {
            let mut rng = Rng::with_seed(7);
            let permissions: Vec<Permissions> = (0..PERMISSIONS).map(|_| make(&mut rng)).collect();
            evaluate(&viewers, &permissions, options.items / 10);
            memory.push(peak_memory());
            table.row(row(name, &options, &viewers, &permissions));
            memory.push(peak_memory());
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
    for memory in memory.chunks(2) {
        if let [Some(before), Some(after)] = memory {
            let (before, after) = (*before as f64 / 1e6, *after as f64 / 1e6);
            println!("peak memory after a tenth of the evaluations: {before:.1} MB, after all: {after:.1} MB");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
fn row(name: &str, options: &Options, viewers: &[Viewer], permissions: &[Permissions]) -> Vec<String> {
    let mut counts = [0; 3];
    let mut side = || seconds(|| counts = evaluate(viewers, permissions, options.items));
    let [time] = in_turn(options.rounds, [&mut side]);
    let items = options.items as f64;
    let share = |count: u64| format!("{:.0} %", count as f64 * 100.0 / items);
    let numbers = [format!("{:.0}", time * 1e9 / items), format!("{:.0}", items / time)];
    [name.to_owned()].into_iter().chain(numbers).chain(counts.map(share)).collect()
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

/// Users in about 10 groups each, groups within groups, and an address for every user.
fn fill(graph: &mut IdentityGraph) {
    let mut rng = Rng::with_seed(1);
    let mut provider = graph.identities(PROVIDER);
    for number in 0..GROUPS {
        let users = (0..USERS * 10 / GROUPS).map(|_| Identity::user(login(rng.usize(..USERS))));
        let mut body = IdentityBody::group(group(number)).members(users.collect::<Vec<_>>());
        if number > 0 {
            body = body.member(Identity::group(group(rng.usize(..number))));
        }
        provider.add_or_update(&body);
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
        ["Policy", "Site", "Page"].map(|name| PermissionLevel::new(name).set(set(rng, 6)).set(set(rng, 6))),
    )
}

fn long(rng: &mut Rng) -> Permissions {
    set(rng, 200).into()
}

/// A set that names so many groups, most of them large, and users, of whom it denies a tenth.
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
