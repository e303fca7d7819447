//! The injected faults of a fake.

use super::effect::Effect;
use super::fault::Fault;
use super::query::Pairs;
use super::random::{FaultRates, RandomFaults};
use crate::operation::Operation;

#[derive(Debug, Default)]
pub(super) struct Faults {
    injected: Vec<Fault>,
    random: Option<RandomFaults>,
}

impl Faults {
    pub(super) fn inject(&mut self, fault: Fault) {
        if !fault.is_over() {
            self.injected.push(fault);
        }
    }

    pub(super) fn inject_random(&mut self, rates: FaultRates) {
        self.random = Some(RandomFaults::new(rates));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many injected faults have not run out.
    pub(super) fn left(&self) -> usize {
        self.injected.len()
    }

    /// The effect on the next call of an operation.
    pub(super) fn next(&mut self, operation: Option<Operation>, query: &Pairs) -> Effect {
        let effect = self.injected.iter_mut().find_map(|fault| fault.apply(operation, query));
        self.injected.retain(|fault| !fault.is_over());
        effect.or_else(|| self.random.as_mut().map(|random| random.next(operation))).unwrap_or_default()
    }
}
