//! Content that is ready: how long it is is known, and it can be sent more than once.

use std::fs::{File, Metadata};
use std::future::poll_fn;
use std::io::{Read, Seek, SeekFrom};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};

use super::source::CHUNK;
use crate::error::{BoxError, Error};
use crate::finding::{Finding, Rule};
use crate::kernel::body::Body;

/// Content that is ready, in memory or in a file. Cloning it copies no bytes.
#[derive(Clone)]
pub(crate) enum Held {
    Memory(Bytes),
    File(Arc<HeldFile>),
}

/// A file that is open, and stays so: it may lose its name meanwhile.
pub(crate) struct HeldFile {
    file: Mutex<File>,
    length: u64,
    /// What it was when its length was read; nothing where nobody else can write into it.
    stamp: Option<Stamp>,
    broken: OnceLock<Broken>,
    is_broken: Notify,
}

#[derive(PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Why a file cannot be sent, although it could be opened.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    rule: Rule,
    message: String,
}

impl Broken {
    fn unreadable(error: &impl std::fmt::Display) -> Self {
        let message = format!("the file could not be read while it was uploaded: {error}");
        Self { rule: Rule::ContentUnreadable, message }
    }

    pub(super) fn finding(self, document_id: &str) -> Finding {
        Finding::new(document_id, self.rule, self.message)
    }

    fn changed() -> Self {
        let message = "the file changed while it was uploaded; push it again when it is at rest".to_owned();
        Self { rule: Rule::ContentChanged, message }
    }
}

impl Held {
    /// A temporary file, which is nobody else's.
    pub(super) fn temporary(file: File, length: u64) -> Self {
        Self::file(file, length, None)
    }

    /// A file that others may change.
    pub(super) fn shared(file: File, metadata: &Metadata) -> Self {
        Self::file(file, metadata.len(), Some(Stamp::of(metadata)))
    }

    fn file(file: File, length: u64, stamp: Option<Stamp>) -> Self {
        let (file, broken, is_broken) = (Mutex::new(file), OnceLock::new(), Notify::new());
        Self::File(Arc::new(HeldFile { file, length, stamp, broken, is_broken }))
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

    /// Waits for an upload of the [`body`](Self::body). It ends at once, with an error of its own, when
    /// the file turns out to be another one: trying again would not help.
    pub(super) async fn uploading<T>(
        &self,
        upload: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, Broken> {
        let Self::File(file) = self else { return Ok(upload.await) };
        let mut upload = pin!(upload);
        let mut is_broken = pin!(file.is_broken.notified());
        poll_fn(|context| {
            let uploaded = upload.as_mut().poll(context);
            // Asked for the waking alone.
            let _ = is_broken.as_mut().poll(context);
            match file.broken.get() {
                Some(broken) if !matches!(uploaded, Poll::Ready(Ok(_))) => Poll::Ready(Err(broken.clone())),
                _ => uploaded.map(Ok),
            }
        })
        .await
    }
}

impl HeldFile {
    /// Reads up to a chunk from there on.
    fn read(&self, offset: u64) -> Result<Bytes, Broken> {
        let left = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(CHUNK)];
        // Each attempt has a place of its own, and the file has one: found anew for each read.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        // Looked at last: what was read before is what the file held then. A file that has become
        // longer would still give as many bytes as it was said to have.
        if let Some(stamp) = &self.stamp {
            let metadata = file.metadata().map_err(|error| Broken::unreadable(&error))?;
            if Stamp::of(&metadata) != *stamp {
                return Err(Broken::changed());
            }
        }
        read.map_err(|error| Broken::unreadable(&error))?;
        Ok(bytes.into())
    }
}

/// One attempt's way through the file, a chunk at a time, read where it blocks nobody.
struct Reading {
    file: Arc<HeldFile>,
    offset: u64,
    reading: Option<JoinHandle<Result<Bytes, Broken>>>,
}

impl Reading {
    fn new(file: Arc<HeldFile>) -> Self {
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
        let begin = || {
            let (file, offset) = (Arc::clone(file), *offset);
            spawn_blocking(move || file.read(offset))
        };
        let read = ready!(Pin::new(reading.get_or_insert_with(begin)).poll(context));
        *reading = None;
        let read = read.unwrap_or_else(|error| Err(Broken::unreadable(&error)));
        Poll::Ready(Some(match read {
            Ok(bytes) => {
                *offset += bytes.len() as u64;
                Ok(bytes)
            }
            Err(broken) => {
                *offset = file.length;
                let error = broken.message.clone().into();
                // The first one says what happened.
                let _ = file.broken.set(broken);
                file.is_broken.notify_one();
                Err(error)
            }
        }))
    }
}
