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
use crate::http::{BoxFuture, trace};
use crate::model::object::Buffer;
use crate::preflight::Finding;

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

/// An operation that was written.
struct Operation<'a> {
    id: Cow<'a, str>,
    bytes: Bytes<'a>,
    /// What may keep the service from taking it and was let through, or why it is refused.
    findings: Result<Vec<Finding>, Vec<Finding>>,
}

enum Bytes<'a> {
    /// Where a batch can take them.
    Placed(Parts),
    /// Prepared, and outside the memory of batches: nobody knows when it will be awaited. What is in hand is not
    /// copied.
    Apart(Box<[u8]>, &'a [u8]),
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
        let (segments, list) = (&self.run.segments, self.write.list());
        self.operation = Some(self.written(|written, tail| {
            let own = Box::from(&*written);
            segments.give_back(list, written);
            Bytes::Apart(own, tail)
        }));
    }

    /// Writes the operation where a batch can take it.
    fn place(&self) -> Operation<'a> {
        let (segments, list) = (&self.run.segments, self.write.list());
        self.written(|written, tail| Bytes::Placed(segments.end(list, written, &[tail, BEHIND])))
    }

    fn written(&self, keep: impl FnOnce(Buffer, &'a [u8]) -> Bytes<'a>) -> Operation<'a> {
        let (segments, list) = (&self.run.segments, self.write.list());
        let mut draft = Draft { id: Cow::default(), buffer: segments.begin(list) };
        let written = Reader::lend(|reader| self.write.write(&mut draft, reader));
        let Draft { id, buffer } = draft;
        let fitting = written.and_then(|written| {
            let fits = self.run.fits(list, &id, buffer.len() + written.tail.len(), self.write.remedy());
            fits.map(|()| written).map_err(|finding| vec![finding])
        });
        match fitting {
            Ok(Written { tail, warnings }) => Operation { id, bytes: keep(buffer, tail), findings: Ok(warnings) },
            Err(findings) => {
                segments.give_back(list, buffer);
                Operation { id, bytes: Bytes::Apart(Box::default(), &[]), findings: Err(findings) }
            }
        }
    }

    /// Goes on as far as there is room; `None` when there is none.
    fn go_on(&mut self) -> Option<Result<Pushed, PushError>> {
        let (run, list) = (self.run, self.write.list());
        if self.operation.is_none() {
            if let Err(stopped) = run.may_write()? {
                return Some(Err(stopped));
            }
            self.operation = Some(self.place());
        }
        let Operation { id, bytes, findings } = self.operation.as_mut()?;
        let warnings = match findings {
            Ok(warnings) => warnings,
            Err(findings) => return Some(run.refuse(id, std::mem::take(findings))),
        };
        let parts = match bytes {
            Bytes::Placed(parts) => parts,
            Bytes::Apart(own, tail) => {
                if let Err(stopped) = run.may_write()? {
                    return Some(Err(stopped));
                }
                *bytes = Bytes::Placed(run.segments.end(list, run.segments.begin(list), &[own, tail, BEHIND]));
                let Bytes::Placed(parts) = bytes else { return None };
                parts
            }
        };
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
