//! Sides that are measured in turn, medians, and a table.

use std::time::{Duration, Instant};

/// What the command line asks for: `cargo bench --bench NAME -- --items N --rounds N --row TEXT`.
pub(crate) struct Options {
    pub(crate) items: u64,
    pub(crate) rounds: usize,
    /// Whether it is just to be seen that it works.
    pub(crate) is_trial: bool,
    row: String,
}

impl Options {
    /// cargo passes `--bench` to a bench. Without it, as in `cargo test --benches`, little is pushed:
    /// that is a trial.
    pub(crate) fn read(items: u64, rounds: usize) -> Self {
        const FEW_ITEMS: u64 = 1_000;
        let arguments: Vec<String> = std::env::args().collect();
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            Some(arguments.get(at + 1).unwrap_or_else(|| panic!("{name} needs a value")))
        };
        let number = |name: &str| {
            let number = value(name)?.parse::<u64>().ok().filter(|number| *number > 0);
            Some(number.unwrap_or_else(|| panic!("{name} needs a number")))
        };
        let is_trial = arguments.iter().all(|argument| argument != "--bench");
        let (items, rounds) = if is_trial { (FEW_ITEMS, 1) } else { (items, rounds) };
        Self {
            items: number("--items").unwrap_or(items),
            rounds: number("--rounds").map_or(rounds, |rounds| usize::try_from(rounds).unwrap()),
            is_trial,
            row: value("--row").cloned().unwrap_or_default(),
        }
    }

    /// Whether to measure the rows of this name: all are measured unless a part of a name is given.
    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.row)
    }
}

/// Measures the sides in turn, each round beginning with another one, and returns each side's
/// median. A round before the first is not counted. The rounds end early when they take long.
pub(crate) fn in_turn<const N: usize>(rounds: usize, sides: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    const FEWEST: usize = 3;
    const LONG: Duration = Duration::from_secs(8);
    let begin = Instant::now();
    let mut measured = [const { Vec::<f64>::new() }; N];
    for round in 0..=rounds {
        for turn in 0..N {
            let side = (round + turn) % N;
            let seconds = sides[side]();
            if round > 0 {
                measured[side].push(seconds);
            }
        }
        if round >= FEWEST && begin.elapsed() > LONG {
            break;
        }
    }
    measured.map(median)
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len().is_multiple_of(2) { f64::midpoint(numbers[middle - 1], numbers[middle]) } else { numbers[middle] }
}

pub(crate) fn seconds(of: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    of();
    begin.elapsed().as_secs_f64()
}

/// Lines of cells: the first cell of each to the left, the others to the right.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self(vec![heads.iter().map(|head| (*head).to_owned()).collect()])
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let cells = |column: usize| self.0.iter().filter_map(move |row| row.get(column));
        let widths: Vec<usize> =
            (0..columns).map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
        for row in &self.0 {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line += &if column == 0 { format!("{cell:<width$}") } else { format!("   {cell:>width$}") };
            }
            println!("{}", line.trim_end());
        }
    }
}
