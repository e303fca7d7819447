//! Prepared content: its length is known, and it can be sent more than once.

use std::fs::File;
use std::future::poll_fn;
use std::io::{Read, Seek, SeekFrom};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};

use super::input::ReadBytes;
use super::source::{CHUNK, Stamp};
use crate::error::{BoxError, Error};
use crate::finding::{Finding, Rule};
use crate::kernel::body::Body;

/// Prepared content in memory or in a file. Cloning it copies no bytes.
#[derive(Clone)]
pub(crate) enum PreparedBody {
    Memory(Bytes),
    File(Arc<OpenFile>),
}

/// A file that stays open, even if it is renamed or removed.
pub(crate) struct OpenFile {
    file: Mutex<File>,
    length: u64,
    /// Its state when its length was read. `None` if no other program can write to it.
    stamp: Option<Stamp>,
    failure: OnceLock<ReadFailure>,
    has_failed: Notify,
    watcher: Option<Arc<dyn ReadBytes>>,
}

/// Why an opened file cannot be sent.
#[derive(Debug, Clone)]
pub(super) struct ReadFailure {
    rule: Rule,
    message: String,
}

impl ReadFailure {
    fn unreadable(error: &impl std::fmt::Display) -> Self {
        let message = format!("the file could not be read while it was uploaded: {error}");
        Self { rule: Rule::ContentUnreadable, message }
    }

    pub(super) fn finding(self, document_id: &str) -> Finding {
        Finding::new(document_id, self.rule, self.message)
    }

    fn changed() -> Self {
        let message = "the file changed while it was uploaded; push it again when it no longer changes".to_owned();
        Self { rule: Rule::ContentChanged, message }
    }
}

impl PreparedBody {
    /// A temporary file, which no other program can change.
    pub(super) fn temporary(file: File, length: u64) -> Self {
        Self::file(file, length, None, None)
    }

    /// A file that other programs may change.
    pub(super) fn shared(file: File, length: u64, stamp: Stamp, watcher: Option<Arc<dyn ReadBytes>>) -> Self {
        Self::file(file, length, Some(stamp), watcher)
    }

    fn file(file: File, length: u64, stamp: Option<Stamp>, watcher: Option<Arc<dyn ReadBytes>>) -> Self {
        let (file, failure, has_failed) = (Mutex::new(file), OnceLock::new(), Notify::new());
        Self::File(Arc::new(OpenFile { file, length, stamp, failure, has_failed, watcher }))
    }

    /// Whether its bytes are read while they are uploaded.
    pub(super) fn is_read_by_the_upload(&self) -> bool {
        matches!(self, Self::File(file) if file.stamp.is_some())
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }

    pub(super) fn body(&self) -> Body {
        match self {
            Self::Memory(bytes) => Body::from(bytes.clone()),
            Self::File(file) => {
                let file = Arc::clone(file);
                Body::reopenable(file.length, move || Box::pin(Reading::new(Arc::clone(&file))))
            }
        }
    }

    /// Waits for an upload of the [`body`](Self::body). If the file cannot be read or has changed, this fails
    /// at once, because a retry would not help.
    pub(super) async fn uploading<T>(
        &self,
        upload: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, ReadFailure> {
        let Self::File(file) = self else { return Ok(upload.await) };
        let mut upload = pin!(upload);
        let mut has_failed = pin!(file.has_failed.notified());
        poll_fn(|context| {
            let uploaded = upload.as_mut().poll(context);
            // Polled only to be woken.
            let _ = has_failed.as_mut().poll(context);
            match file.failure.get() {
                Some(failure) if !matches!(uploaded, Poll::Ready(Ok(_))) => Poll::Ready(Err(failure.clone())),
                _ => uploaded.map(Ok),
            }
        })
        .await
    }
}

impl OpenFile {
    /// Reads up to a chunk from `offset` on.
    fn read(&self, offset: u64) -> Result<Bytes, ReadFailure> {
        let left = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(CHUNK)];
        // The attempts share one file position, so each read seeks first.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        // Checked after the read, so that the bytes are from before any change. A file that has grown
        // would still give the expected number of bytes.
        if let Some(stamp) = &self.stamp {
            let metadata = file.metadata().map_err(|error| ReadFailure::unreadable(&error))?;
            if Stamp::of(&metadata) != *stamp {
                return Err(ReadFailure::changed());
            }
        }
        read.map_err(|error| ReadFailure::unreadable(&error))?;
        Ok(bytes.into())
    }
}

/// The stream of one attempt. It reads the file in chunks on blocking threads.
struct Reading {
    file: Arc<OpenFile>,
    offset: u64,
    reading: Option<JoinHandle<Result<Bytes, ReadFailure>>>,
}

impl Reading {
    fn new(file: Arc<OpenFile>) -> Self {
        Self { file, offset: 0, reading: None }
    }
}

impl Stream for Reading {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { file, offset, reading } = &mut *self;
        if *offset >= file.length {
            return Poll::Ready(None);
        }
        let start = || {
            let (file, offset) = (Arc::clone(file), *offset);
            spawn_blocking(move || file.read(offset))
        };
        let read = ready!(Pin::new(reading.get_or_insert_with(start)).poll(context));
        *reading = None;
        let read = read.unwrap_or_else(|error| Err(ReadFailure::unreadable(&error)));
        Poll::Ready(Some(match read {
            Ok(bytes) => {
                if let Some(watcher) = &file.watcher {
                    // Each attempt reads the file from its start.
                    if *offset == 0 {
                        watcher.restart();
                    }
                    watcher.read(&bytes);
                }
                *offset += bytes.len() as u64;
                Ok(bytes)
            }
            Err(failure) => {
                *offset = file.length;
                let error = failure.message.clone().into();
                // Keeps the first failure.
                let _ = file.failure.set(failure);
                file.has_failed.notify_one();
                Err(error)
            }
        }))
    }
}
