//! Operations of a stream. Those that are at hand together are written one after another, and the run is locked
//! once to take them: tasks that push at the same time hand the memory of the run to each other less often.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_core::Stream;
use tokio::task::coop;

use super::keys::{Key, Scope};
use super::pushing::{Operation, Ready};
use super::report::PushError;
use super::run::{Run, Taking};
use super::segments::Parts;
use super::write::Write;
use crate::http::trace;
use crate::preflight::Finding;

/// Operations that were written and are to be taken, in their order.
pub(super) struct Group<'r> {
    run: &'r Arc<Run>,
    operations: Vec<Placed>,
    bytes: usize,
}

struct Placed {
    id: String,
    scope: Scope,
    list: usize,
    parts: Parts,
    warnings: Vec<Finding>,
}

impl<'r> Group<'r> {
    /// With so many operations, or bytes, it is taken in any case.
    const OPERATIONS: usize = 32;
    const BYTES: usize = 64 * 1024;

    pub(super) fn new(run: &'r Arc<Run>) -> Self {
        Self { run, operations: Vec::new(), bytes: 0 }
    }

    /// The next operation of a stream. While there is none, and at the end, those before it are taken.
    pub(super) async fn next<S: Stream>(&mut self, mut stream: Pin<&mut S>) -> Result<Option<S::Item>, PushError> {
        let at_hand = poll_fn(|context| Poll::Ready(stream.as_mut().poll_next(context))).await;
        if let Poll::Ready(Some(operation)) = at_hand {
            return Ok(Some(operation));
        }
        self.take().await?;
        match at_hand {
            Poll::Ready(end) => Ok(end),
            Poll::Pending => Ok(poll_fn(|context| stream.as_mut().poll_next(context)).await),
        }
    }

    /// Writes an operation once there is room for it.
    pub(super) async fn push<'a>(&mut self, write: impl Write<'a>) -> Result<(), PushError> {
        let run = self.run;
        // A stream is mostly ready: other tasks of its thread, uploads among them, get their turn.
        coop::consume_budget().await;
        loop {
            match run.may_write() {
                Some(may_write) => break may_write?,
                None => self.take().await?,
            }
            run.room().await;
        }
        let Operation { id, written } = Operation::place(run, &write);
        match written {
            Ok(Ready { parts, warnings, .. }) => {
                self.bytes += parts.len();
                let (id, scope, list) = (id.into_owned(), write.scope(), write.list());
                self.operations.push(Placed { id, scope, list, parts, warnings });
            }
            Err(findings) => drop(run.refuse(&id, findings)?),
        }
        if self.operations.len() >= Self::OPERATIONS || self.bytes >= Self::BYTES {
            self.take().await?;
        }
        Ok(())
    }

    /// Has the run take them all, which waits while there is no room.
    async fn take(&mut self) -> Result<(), PushError> {
        let Self { run, operations, bytes } = self;
        while !operations.is_empty() {
            let taking = operations.iter_mut().map(|Placed { id, scope, list, parts, warnings }| Taking {
                list: *list,
                key: Key::new(id, *scope, &run.hasher),
                parts,
                warnings,
            });
            let taken = run.take_all(taking)?;
            for Placed { warnings, .. } in operations.drain(..taken) {
                warnings.iter().for_each(|warning| trace::found(run.target.commit(), warning));
            }
            if !operations.is_empty() {
                run.room().await;
            }
        }
        *bytes = 0;
        Ok(())
    }
}
