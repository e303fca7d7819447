//! One request from its coming in to its answer, the same behind both doors.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::fault::End;
use super::state::{Delayed, State, Task};
use crate::error::{BoxError, SendErrorKind};

/// The state of a fake, which its handles and doors share.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<Mutex<State>>);

/// Neither keys nor what is held: that is asked for by name.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what is held now.
    pub(super) fn look<T>(&self, at: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.settle();
        at(&mut state)
    }

    /// Answers a request, or breaks the connection as the kind of the error says.
    ///
    /// The work is done in one step that nothing can interrupt: a future that is dropped has done
    /// all of it or nothing.
    pub(super) async fn exchange(
        &self,
        parts: Parts,
        origin: &str,
        body: impl Future<Output = Result<Bytes, BoxError>>,
    ) -> Result<Response<Bytes>, (SendErrorKind, BoxError)> {
        let (call, number) = {
            let mut state = self.lock();
            let call = state.arrive(parts);
            let comes = call.effect.end != End::NoConnection;
            let number = comes.then(|| state.record.begin(Arc::clone(&call.head)));
            (Arc::new(call), number)
        };
        let Some(number) = number else {
            wait(call.effect.latency).await;
            return Err((SendErrorKind::Connect, "the fake refuses the connection".into()));
        };
        let body = body.await.map_err(|error| (SendErrorKind::Disconnected, error))?;
        self.lock().record.body(number, &body);
        wait(call.effect.latency).await;
        let answer = {
            let mut state = self.lock();
            state.settle();
            if let Some(by) = call.effect.applied_later {
                let due = state.clock.elapsed().saturating_add(by);
                let task = Task::Carry { call: Arc::clone(&call), body: body.clone(), origin: origin.to_owned() };
                state.delayed.push(Delayed { due, task });
            }
            let is_done = call.effect.is_applied || call.effect.end == End::Answered;
            let answer = is_done.then(|| state.work(&call, &body, origin));
            match call.effect.end {
                End::Answered => answer,
                End::Status(status) => Some(state.faulty_answer(&call, status)),
                End::NoConnection | End::Reset => None,
            }
        };
        wait(call.effect.late_answer).await;
        match answer {
            Some(answer) => Ok(self.lock().finish(answer, &call.effect.touches, number)),
            None => Err((SendErrorKind::Disconnected, "the fake broke the connection".into())),
        }
    }
}

async fn wait(time: Option<Duration>) {
    match time {
        None | Some(Duration::ZERO) => {}
        // For ever: a timer would end at some time, and at once where time is paused.
        Some(Duration::MAX) => std::future::pending().await,
        Some(time) => tokio::time::sleep(time).await,
    }
}
