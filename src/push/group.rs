//! Operations of a stream. Those that are at hand together are written one after another, and the run is locked
//! once to take them: tasks that push at the same time hand the memory of the run to each other less often.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use tokio::task::coop;
use tokio::time::Instant;

use super::keys::{Key, Scope};
use super::pushing::{Operation, Ready, Unfinished};
use super::report::PushError;
use super::run::{Run, Taking};
use super::segments::Parts;
use super::write::Write;
use crate::finding::Finding;
use crate::kernel::trace;

/// Operations that were written and are to be taken, in their order. There are some only while the stream has
/// more at hand, or while there is no room for them.
pub(super) struct Group<'r> {
    run: &'r Arc<Run>,
    operations: Vec<Placed<'r>>,
    bytes: usize,
    begin: Instant,
}

struct Placed<'r> {
    id: String,
    scope: Scope,
    list: usize,
    parts: Parts,
    warnings: Vec<Finding>,
    unfinished: Unfinished<'r>,
}

impl<'r> Group<'r> {
    /// With so many operations, or bytes, or after so long, it is taken in any case.
    const OPERATIONS: usize = 32;
    const BYTES: usize = 64 * 1024;
    const TIME: Duration = Duration::from_millis(10);

    pub(super) fn new(run: &'r Arc<Run>) -> Self {
        Self { run, operations: Vec::new(), bytes: 0, begin: Instant::now() }
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
        let mut unfinished = Unfinished::new(run);
        self.let_others_run().await?;
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
                if self.operations.is_empty() {
                    (self.bytes, self.begin) = (0, Instant::now());
                }
                self.bytes += parts.len();
                let (id, scope, list) = (id.into_owned(), write.scope(), write.list());
                self.operations.push(Placed { id, scope, list, parts, warnings, unfinished });
            }
            Err(findings) => {
                run.refuse(&id, findings)?;
                unfinished.done();
            }
        }
        let is_full = self.operations.len() >= Self::OPERATIONS || self.bytes >= Self::BYTES;
        if is_full || self.begin.elapsed() >= Self::TIME {
            self.take().await?;
        }
        Ok(())
    }

    /// A stream is mostly ready: other tasks of its thread, uploads among them, get their turn. Whoever leaves the
    /// stream then has everything taken that was read of it.
    async fn let_others_run(&mut self) -> Result<(), PushError> {
        let mut turn = pin!(coop::consume_budget());
        if poll_fn(|context| Poll::Ready(turn.as_mut().poll(context))).await.is_pending() {
            self.take().await?;
            turn.await;
        }
        Ok(())
    }

    /// Has the run take them all, which waits while there is no room.
    async fn take(&mut self) -> Result<(), PushError> {
        let Self { run, operations, .. } = self;
        while !operations.is_empty() {
            let taking = operations.iter_mut().map(|Placed { id, scope, list, parts, warnings, .. }| Taking {
                list: *list,
                key: Key::new(id, *scope, &run.hasher),
                parts,
                warnings,
            });
            // The ids are hashed before the run is locked.
            let taking: Vec<_> = taking.collect();
            let taken = run.take_all(taking)?;
            for Placed { warnings, mut unfinished, .. } in operations.drain(..taken) {
                warnings.iter().for_each(|warning| trace::found(run.target.commit(), warning));
                unfinished.done();
            }
            if !operations.is_empty() {
                run.room().await;
            }
        }
        Ok(())
    }
}
