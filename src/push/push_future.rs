//! One push: the future of it, and its account when it is dropped.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::account::Account;
use super::intake::Intake;
use super::report::{PushError, Pushed, RunStopped};
use crate::kernel::BoxFuture;

/// The future of one push.
///
/// It counts against the budget that tokio gives a task, so that a loop of pushes lets others of its
/// thread run: it may be pending for a moment although there is room.
#[must_use = "futures do nothing unless you await them"]
pub struct PushFuture<'a> {
    /// Gone once it has returned.
    push: Option<BoxFuture<'a, Result<Pushed, PushError>>>,
    guard: CancelGuard<'a>,
}

impl<'a> PushFuture<'a> {
    pub(super) fn new(intake: &'a Intake, push: impl Future<Output = Result<Pushed, PushError>> + Send + 'a) -> Self {
        Self { push: Some(Box::pin(push)), guard: CancelGuard::new(intake) }
    }
}

impl Future for PushFuture<'_> {
    type Output = Result<Pushed, PushError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(push) = &mut self.push else {
            let message = "this push has returned before, and is polled once more";
            return Poll::Ready(Err(PushError::Stopped(RunStopped::new(message))));
        };
        let pushed = std::task::ready!(push.as_mut().poll(context));
        self.push = None;
        self.guard.done();
        Poll::Ready(pushed)
    }
}

impl fmt::Debug for PushFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushFuture").field("is_done", &self.push.is_none()).finish_non_exhaustive()
    }
}

/// Pushes all operations of a stream, and counts it as cancelled when it is dropped before its end.
pub(super) fn push_all<
    T: Send,
    O: Send,
    E: From<PushError> + Send,
    P: Future<Output = Result<Pushed, PushError>> + Send,
>(
    intake: &Intake,
    stream: impl Stream<Item = T> + Send,
    operation: impl Fn(T) -> Result<O, E> + Send,
    push: impl Fn(O) -> P + Send,
) -> impl Future<Output = Result<u64, E>> + Send {
    // Made now, and not when the future is first polled: one that is dropped before counts as cancelled.
    let mut guard = CancelGuard::new(intake);
    async move {
        let mut stream = pin!(stream);
        let mut pushed = 0;
        while let Some(next) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let operation = operation(next).inspect_err(|_| guard.done())?;
            push(operation).await?;
            pushed += 1;
        }
        guard.done();
        Ok(pushed)
    }
}

/// Counts a push, or a stream, as cancelled when it is dropped before it is done.
pub(super) struct CancelGuard<'a> {
    account: &'a Account,
    is_done: bool,
}

impl<'a> CancelGuard<'a> {
    pub(super) fn new(intake: &'a Intake) -> Self {
        Self { account: &intake.account, is_done: false }
    }

    pub(super) fn done(&mut self) {
        self.is_done = true;
    }
}

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.account.cancelled();
        }
    }
}
