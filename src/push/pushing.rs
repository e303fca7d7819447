//! One push: an operation on its way into a batch.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::frame;
use super::keys::Key;
use super::report::{PushError, Pushed};
use super::run::{Run, Taking};
use super::scratch::{Scratch, Write, Written};
use crate::http::{BoxFuture, trace};
use crate::preflight::{Finding, Rule};

/// Waits for room, writes the operation, and has the run take it. It is written once there is room,
/// and apart from the batch; taking it awaits nothing. So a push that is dropped has taken its
/// operation whole or not at all.
pub(super) struct Pushing<'a, W> {
    run: &'a Arc<Run>,
    operation: W,
    written: Option<(Scratch, Written<'a>)>,
    /// Waits for room, where there was none.
    room: Option<BoxFuture<'a, ()>>,
    unfinished: Unfinished<'a>,
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
        Self { run, operation, written: None, room: None, unfinished: Unfinished::new(run) }
    }

    /// Goes on as far as there is room; `None` when there is none.
    fn go_on(&mut self) -> Option<Result<Pushed, PushError>> {
        if self.written.is_none() {
            match self.run.may_write()? {
                Ok(()) => {}
                Err(stopped) => return Some(Err(stopped)),
            }
            let mut scratch = self.run.scratches.get();
            match self.write(&mut scratch) {
                Ok(written) => self.written = Some((scratch, written)),
                Err(findings) => {
                    let refused = self.run.refuse(&scratch.id, findings);
                    self.run.scratches.put_back(scratch);
                    return Some(Ok(refused));
                }
            }
        }
        let (scratch, written) = self.written.as_ref()?;
        let key = Key::new(&scratch.id, self.operation.scope(), &self.run.hasher);
        let parts = [scratch.buffer.as_slice(), written.tail];
        let taken = self.run.take(&Taking { list: self.operation.list(), key, parts, warnings: &written.warnings })?;
        if let Some((scratch, _)) = self.written.take() {
            self.run.scratches.put_back(scratch);
        }
        Some(taken.map(|()| Pushed::Taken))
    }

    fn write(&self, scratch: &mut Scratch) -> Result<Written<'a>, Vec<Finding>> {
        let written = self.operation.write(scratch)?;
        let bytes = scratch.buffer.len() + written.tail.len();
        let alone = frame::sealed_len_alone(self.run.target.lists(), self.operation.list(), bytes);
        let most = self.run.settings.batch_bytes;
        if alone > most {
            let message = format!(
                "it makes a batch of {alone} bytes and a batch may have {most}; upload its data into a file container"
            );
            return Err(vec![Finding::new(&scratch.id, Rule::ContainerTooLarge, message)]);
        }
        for warning in &written.warnings {
            trace::found(self.run.target.commit(), warning);
        }
        Ok(written)
    }
}

impl<'a, W: Write<'a> + Unpin> Future for Pushing<'a, W> {
    type Output = Result<Pushed, PushError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Some(room) = &mut this.room {
                ready!(room.as_mut().poll(context));
            }
            this.room = None;
            if let Some(done) = this.go_on() {
                this.unfinished.done();
                return Poll::Ready(done);
            }
            this.room = Some(Box::pin(this.run.room()));
        }
    }
}
