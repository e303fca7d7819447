//! One push: an operation on its way into a batch.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop;

use super::frame::BEHIND;
use super::keys::Key;
use super::report::{PushError, Pushed};
use super::run::{Run, Taking};
use super::segments::Parts;
use super::write::{Draft, Reader, Write, Written};
use crate::finding::Finding;
use crate::kernel::{BoxFuture, trace};
use crate::model::object::Buffer;

/// Waits for room, writes the operation, and has the run take it. It is written once there is room,
/// unless it was prepared, and apart from the batch; taking it awaits nothing. So a push that is
/// dropped has taken its operation whole or not at all.
pub(super) struct Pushing<'a, W> {
    run: &'a Arc<Run>,
    write: W,
    operation: Option<Operation<'a>>,
    /// Waits for room, where there was none.
    room: Option<BoxFuture<'a, ()>>,
    unfinished: Unfinished<'a>,
}

/// An operation that was written, or why it is refused.
pub(super) struct Operation<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) written: Result<Ready<'a>, Vec<Finding>>,
}

/// An operation that a batch may take.
pub(super) struct Ready<'a> {
    /// What was prepared is outside the memory of batches at first: nobody knows when it will be awaited. What is
    /// in hand is not copied.
    prepared: Option<(Box<[u8]>, &'a [u8])>,
    pub(super) parts: Parts,
    pub(super) warnings: Vec<Finding>,
}

impl<'a> Operation<'a> {
    /// Writes the operation where a batch can take it.
    pub(super) fn place(run: &Run, write: &impl Write<'a>) -> Self {
        let (segments, list) = (&run.segments, write.list());
        Self::write(run, write, |written, Written { tail, warnings }| {
            let parts = segments.end(list, written, &[tail, BEHIND]);
            Ready { prepared: None, parts, warnings }
        })
    }

    /// Writes the operation outside the memory of batches.
    fn prepare(run: &Run, write: &impl Write<'a>) -> Self {
        let (segments, list) = (&run.segments, write.list());
        Self::write(run, write, |written, Written { tail, warnings }| {
            let prepared = Some((Box::from(&*written), tail));
            segments.give_back(list, written);
            Ready { prepared, parts: Parts::default(), warnings }
        })
    }

    fn write(run: &Run, write: &impl Write<'a>, keep: impl FnOnce(Buffer, Written<'a>) -> Ready<'a>) -> Self {
        let (segments, list) = (&run.segments, write.list());
        let mut draft = Draft { id: Cow::default(), buffer: segments.begin(list) };
        let written = Reader::lend(|reader| write.write(&mut draft, reader));
        let Draft { id, buffer } = draft;
        let fitting = written.and_then(|written| {
            let fits = run.fits(list, &id, buffer.len() + written.tail.len(), write.remedy());
            fits.map(|()| written).map_err(|finding| vec![finding])
        });
        let written = match fitting {
            Ok(written) => Ok(keep(buffer, written)),
            Err(findings) => {
                segments.give_back(list, buffer);
                Err(findings)
            }
        };
        Self { id, written }
    }
}

/// Something that was to be pushed, and counts as cancelled when it is dropped before that.
pub(super) struct Unfinished<'a> {
    run: &'a Run,
    is_done: bool,
}

impl<'a> Unfinished<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self { run, is_done: false }
    }

    pub(super) fn done(&mut self) {
        self.is_done = true;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.run.cancelled();
        }
    }
}

impl<'a, W: Write<'a>> Pushing<'a, W> {
    pub(super) fn new(run: &'a Arc<Run>, write: W) -> Self {
        Self::from_parts(run, write, Unfinished::new(run))
    }

    /// What it was made from, to go on in another way.
    pub(super) fn into_parts(self) -> (&'a Arc<Run>, W, Unfinished<'a>) {
        (self.run, self.write, self.unfinished)
    }

    /// A push that was begun in another way.
    pub(super) fn from_parts(run: &'a Arc<Run>, write: W, unfinished: Unfinished<'a>) -> Self {
        Self { run, write, operation: None, room: None, unfinished }
    }

    /// Writes the operation now.
    pub(super) fn prepare(&mut self) {
        self.operation = Some(Operation::prepare(self.run, &self.write));
    }

    /// Goes on as far as there is room; `None` when there is none.
    fn go_on(&mut self) -> Option<Result<Pushed, PushError>> {
        let (run, list) = (self.run, self.write.list());
        if self.operation.is_none() {
            if let Err(stopped) = run.may_write()? {
                return Some(Err(stopped));
            }
            self.operation = Some(Operation::place(run, &self.write));
        }
        let Operation { id, written } = self.operation.as_mut()?;
        let Ready { prepared, parts, warnings } = match written {
            Ok(ready) => ready,
            Err(findings) => return Some(run.refuse(id, std::mem::take(findings))),
        };
        if prepared.is_some()
            && let Err(stopped) = run.may_write()?
        {
            return Some(Err(stopped));
        }
        if let Some((own, tail)) = prepared.take() {
            *parts = run.segments.end(list, run.segments.begin(list), &[&own, tail, BEHIND]);
        }
        let key = Key::new(id, self.write.scope(), &run.hasher);
        let taken = run.take(Taking { list, key, parts, warnings })?;
        if taken.is_ok() {
            warnings.iter().for_each(|warning| trace::found(run.target.commit(), warning));
        }
        Some(taken.map(|()| Pushed::Taken))
    }
}

impl<'a, W: Write<'a> + Unpin> Future for Pushing<'a, W> {
    type Output = Result<Pushed, PushError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.unfinished.is_done {
            // It has returned: polled once more it must not push once more.
            return Poll::Pending;
        }
        loop {
            if let Some(room) = &mut this.room {
                ready!(room.as_mut().poll(context));
            }
            this.room = None;
            // A loop of pushes is mostly ready: other tasks of its thread, uploads among them, get their turn.
            ready!(pin!(coop::consume_budget()).poll(context));
            if let Some(done) = this.go_on() {
                this.unfinished.done();
                return Poll::Ready(done);
            }
            this.room = Some(Box::pin(this.run.room()));
        }
    }
}
