//! One push: an operation on its way into a batch.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::task::coop;

use super::frame;
use super::keys::Key;
use super::report::{PushError, Pushed};
use super::run::{Run, Taking};
use super::write::{Draft, Reader, Write};
use crate::http::{BoxFuture, trace};
use crate::preflight::Finding;

/// Waits for room, writes the operation, and has the run take it. It is written once there is room,
/// unless it was prepared, and apart from the batch; taking it awaits nothing. So a push that is
/// dropped has taken its operation whole or not at all.
pub(super) struct Pushing<'a, W> {
    run: &'a Arc<Run>,
    operation: W,
    written: Option<Written<'a>>,
    /// Waits for room, where there was none.
    room: Option<BoxFuture<'a, ()>>,
    unfinished: Unfinished<'a>,
}

/// An operation that was written.
struct Written<'a> {
    id: Cow<'a, str>,
    bytes: BytesMut,
    /// What may keep the service from taking it and was let through, or why it is refused.
    findings: Result<Vec<Finding>, Vec<Finding>>,
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
    pub(super) fn new(run: &'a Arc<Run>, operation: W) -> Self {
        Self::from_parts(run, operation, Unfinished::new(run))
    }

    /// What it was made from, to go on in another way.
    pub(super) fn into_parts(self) -> (&'a Arc<Run>, W, Unfinished<'a>) {
        (self.run, self.operation, self.unfinished)
    }

    /// A push that was begun in another way.
    pub(super) fn from_parts(run: &'a Arc<Run>, operation: W, unfinished: Unfinished<'a>) -> Self {
        Self { run, operation, written: None, room: None, unfinished }
    }

    /// Writes the operation now.
    pub(super) fn prepare(&mut self) {
        let (segments, list) = (&self.run.segments, self.operation.list());
        let mut draft = Draft { id: Cow::default(), buffer: segments.begin(list) };
        let written = Reader::lend(|reader| self.operation.write(&mut draft, reader));
        let Draft { id, mut buffer } = draft;
        let findings = written.and_then(|warnings| {
            let fits = self.run.fits(list, &id, buffer.len(), self.operation.remedy());
            fits.map(|()| warnings).map_err(|finding| vec![finding])
        });
        match findings {
            Ok(_) => frame::end_operation(&mut buffer),
            Err(_) => buffer.clear(),
        }
        self.written = Some(Written { id, bytes: segments.end(list, buffer), findings });
    }

    /// Goes on as far as there is room; `None` when there is none.
    fn go_on(&mut self) -> Option<Result<Pushed, PushError>> {
        let run = self.run;
        if self.written.is_none() {
            if let Err(stopped) = run.may_write()? {
                return Some(Err(stopped));
            }
            self.prepare();
        }
        let Written { id, bytes, findings } = self.written.as_mut()?;
        Some(match findings {
            Ok(warnings) => {
                let key = Key::new(id, self.operation.scope(), &run.hasher);
                let taken = run.take(Taking { list: self.operation.list(), key, bytes, warnings })?;
                if taken.is_ok() {
                    warnings.iter().for_each(|warning| trace::found(run.target.commit(), warning));
                }
                taken.map(|()| Pushed::Taken)
            }
            Err(findings) => run.refuse(id, std::mem::take(findings)),
        })
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
