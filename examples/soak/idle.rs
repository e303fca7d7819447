//! Makes work on other threads a part of the seed: it goes on only while the runtime has nothing else to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Lets one transaction of a ledger through each time that the runtime is idle.
///
/// A transaction takes real time. Without the gate, the calls that the runtime makes meanwhile would depend on that time.
#[derive(Clone, Default)]
pub(crate) struct IdleGate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_idle: bool,
    /// The round is over: nobody waits any more.
    is_over: bool,
}

impl IdleGate {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let (state, changed) = &*self.0;
        change(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    /// Tells whether the runtime is idle.
    pub(crate) fn set_idle(&self, is_idle: bool) {
        self.change(|state| state.is_idle = is_idle);
    }

    /// Waits until the runtime is idle, or the process is dead, on another thread. Only the end of the work there wakes the
    /// runtime.
    pub(crate) fn pass(&self, process: &Process) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_closed = |state: &mut State| !state.is_idle && !state.is_over && !process.is_dead();
        let mut state = changed.wait_while(state, is_closed).unwrap_or_else(PoisonError::into_inner);
        state.is_idle = false;
    }

    /// Opens the gate for good when the guard is dropped, so that a runtime can end.
    pub(crate) fn guard(&self) -> impl Drop + use<> {
        struct Guard(IdleGate);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.change(|state| state.is_over = true);
            }
        }
        Guard(self.clone())
    }
}

/// Whether the process of a run is dead. From then on nothing is written into its ledger.
#[derive(Clone, Default)]
pub(crate) struct Process(Arc<AtomicBool>);

impl Process {
    pub(crate) fn is_dead(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Drops what belongs to the process. A drop waits for a transaction under way, which must not wait for the drop.
    pub(crate) fn die<T>(&self, gate: &IdleGate, with: T) {
        gate.change(|_| self.0.store(true, Ordering::SeqCst));
        drop(with);
    }
}
