//! A future that is cut off at one of its awaits.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls a future so many times, and then not any more.
pub(crate) struct CutOff<F> {
    pub(crate) future: F,
    pub(crate) polls: usize,
}

impl<F: Future + Unpin> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        let polled = Pin::new(&mut self.future).poll(context).map(Some);
        if polled.is_pending() && self.polls == 0 {
            // Does not wait for the next poll, so that the run stops exactly here.
            return Poll::Ready(None);
        }
        polled
    }
}
