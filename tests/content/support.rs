//! What the tests of content have in common.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakeItem, FakePushApi, RecordedRequest};
use coveo_push::request::AddOrUpdateItemWithContent;
use coveo_push::{CompressionType, Content, DocumentBody, Error, Items, Operation, PusherBuilder, RetryPolicy};
use tempfile::TempDir;
use tokio::io::{AsyncRead, ReadBuf};

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const ID: &str = "https://example.com/a";
/// The largest content that goes into the item: its base64 has 4,999,996 bytes, and may have 4,999,999.
pub(crate) const LARGEST_INLINE: usize = 3_749_997;

pub(crate) const TYPES: [CompressionType; 5] = [
    CompressionType::Uncompressed,
    CompressionType::Deflate,
    CompressionType::GZip,
    CompressionType::Lzma,
    CompressionType::ZLib,
];

pub(crate) fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).build()
}

/// A call that pushes an item with nothing but content.
pub(crate) fn push(fake: &FakePushApi, content: Content) -> AddOrUpdateItemWithContent {
    let policy = RetryPolicy::default().base_delay(Duration::from_millis(1));
    let client = fake.client_builder().retry(policy).build().unwrap();
    client.items(SOURCE).add_or_update(ID, &DocumentBody::new()).content(content)
}

/// Pushes it and returns the item that the fake holds.
#[track_caller]
pub(crate) fn pushed(fake: &FakePushApi, id: &str) -> FakeItem {
    let source = fake.source(SOURCE);
    source.item(id).unwrap_or_else(|| panic!("{:?}", source.dropped()))
}

/// A run of one upload at a time that tries again at once.
pub(crate) fn pusher(fake: &FakePushApi) -> PusherBuilder<Items> {
    let policy = RetryPolicy::default().base_delay(Duration::from_millis(1));
    fake.client().items(SOURCE).pusher().concurrency(1).retry(policy)
}

pub(crate) fn requests_of(fake: &FakePushApi, operation: Operation) -> Vec<RecordedRequest> {
    fake.requests().into_iter().filter(|request| request.operation() == Some(operation)).collect()
}

/// The code of the one rule that is broken.
#[track_caller]
pub(crate) fn rule(error: &Error) -> &'static str {
    match error {
        Error::Invalid(invalid) if invalid.findings().len() == 1 => invalid.findings()[0].rule().code(),
        other => panic!("{other}"),
    }
}

/// Bytes that no compressor makes smaller, the same in every run.
pub(crate) fn noise(bytes: usize) -> Bytes {
    let mut noise = vec![0; bytes];
    fastrand::Rng::with_seed(7).fill(&mut noise);
    noise.into()
}

/// Text that every compressor makes smaller, and that is in no way the same throughout.
pub(crate) fn words(bytes: usize) -> Bytes {
    let mut words = String::with_capacity(bytes + 100);
    for number in 0.. {
        if words.len() >= bytes {
            break;
        }
        words += &format!("line {number} of many that are much alike\n");
    }
    Bytes::from(words).slice(..bytes)
}

/// A folder of the test's own, and what of it is left.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// How many files there are in it, with a name or, where the system tells, open without one.
    pub(crate) fn files(&self) -> usize {
        // Removed ones keep the path they had, or are called by a number in it.
        let is_here = |link: PathBuf| link.starts_with(self.0.path());
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let open = open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).filter(|link| is_here(link.clone()));
        std::fs::read_dir(self.0.path()).unwrap().count() + open.count()
    }

    /// Waits until it is empty.
    pub(crate) async fn is_emptied(&self) {
        for _ in 0..1_000 {
            if self.files() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} files are left", self.files());
    }
}

/// Gives bytes in pieces of a few, and then ends, fails, or goes on for ever.
pub(crate) struct Pieces {
    bytes: Bytes,
    size: usize,
    end: End,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    Ends,
    Fails,
    Hangs,
}

impl Pieces {
    pub(crate) fn new(bytes: Bytes, size: usize, end: End) -> Self {
        Self { bytes, size, end }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = self.size.min(self.bytes.len()).min(buffer.remaining());
        if count == 0 {
            return match self.end {
                End::Ends => Poll::Ready(Ok(())),
                End::Fails => Poll::Ready(Err(io::Error::other("the line went dead"))),
                End::Hangs => Poll::Pending,
            };
        }
        buffer.put_slice(&self.bytes.split_to(count));
        Poll::Ready(Ok(()))
    }
}
