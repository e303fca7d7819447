//! Pushes random items, identities and catalogs, syncs, sharded refreshes and outcomes through random faults, and
//! compares what the fake service then holds and tells with a model: as long as it is told to.
//!
//! ```sh
//! cargo run --release --example soak -- --minutes 10 --seed 7
//! ```
//!
//! Time is paused: a round of some hours takes milliseconds. All that happens comes from the seed, and
//! a mismatch is printed with the command that makes it again. Five kinds of rounds take turns.

#[path = "soak/bulk.rs"]
mod bulk;
#[path = "soak/catalogs.rs"]
mod catalogs;
#[path = "soak/corpus.rs"]
mod corpus;
#[path = "../tests/shared/cut_off.rs"]
mod cut_off;
#[path = "soak/faults.rs"]
mod faults;
#[path = "soak/figures.rs"]
mod figures;
#[path = "soak/identities.rs"]
mod identities;
#[path = "soak/idle.rs"]
mod idle;
#[path = "soak/items.rs"]
mod items;
#[path = "soak/kind.rs"]
mod kind;
#[path = "soak/merges.rs"]
mod merges;
#[path = "soak/model.rs"]
mod model;
#[path = "soak/outcomes.rs"]
mod outcomes;
#[path = "soak/plan.rs"]
mod plan;
#[path = "soak/products.rs"]
mod products;
#[path = "soak/pushes.rs"]
mod pushes;
#[path = "soak/round.rs"]
mod round;
#[path = "soak/running.rs"]
mod running;
#[path = "soak/settle.rs"]
mod settle;
#[path = "soak/sharded.rs"]
mod sharded;
#[path = "soak/single.rs"]
mod single;
#[path = "soak/synced.rs"]
mod synced;
#[path = "soak/syncs.rs"]
mod syncs;
#[path = "soak/updates.rs"]
mod updates;
#[path = "soak/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::figures::Figures;

/// How often the figures of a long run are printed.
const BETWEEN_FIGURES: Duration = Duration::from_secs(60);

/// Random operations through random faults, against a model.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long, in minutes of real time; without it as many rounds as `--rounds` says.
    #[arg(long)]
    minutes: Option<u64>,
    /// How many rounds.
    #[arg(long, default_value_t = 40)]
    rounds: u64,
    /// What everything is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first round.
    #[arg(long, default_value_t = 1)]
    first: u64,
}

fn main() -> ExitCode {
    let Arguments { minutes, rounds, seed, first } = Arguments::parse();
    println!("seed {seed}");
    let begin = Instant::now();
    let mut figures = Figures::default();
    let mut printed = begin;
    for round in first.. {
        let is_over = match minutes {
            Some(minutes) => begin.elapsed() >= Duration::from_secs(minutes * 60),
            None => round - first >= rounds,
        };
        if is_over {
            break;
        }
        // What panics is a finding like any other: it is printed with its round.
        match catch_unwind(AssertUnwindSafe(|| round::run(seed, round, &mut figures))) {
            Ok(Ok(())) => {}
            Ok(Err(mismatch)) => return failed(seed, round, &mismatch),
            Err(_) => return failed(seed, round, "a panic, printed above"),
        }
        if printed.elapsed() >= BETWEEN_FIGURES {
            printed = Instant::now();
            println!("after {} s: {figures}", begin.elapsed().as_secs());
        }
    }
    println!("{figures}\nin {} s", begin.elapsed().as_secs());
    ExitCode::SUCCESS
}

fn failed(seed: u64, round: u64, why: &str) -> ExitCode {
    eprintln!("seed {seed}, round {round}: {why}");
    eprintln!("again: cargo run --release --example soak -- --seed {seed} --first {round} --rounds 1");
    ExitCode::FAILURE
}
