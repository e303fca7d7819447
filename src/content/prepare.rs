//! Reads content, compresses it on threads for blocking work, and finds out where it belongs.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::compress::{self, Encoder};
use super::detect;
use super::held::Held;
use super::input::{Compression, Content, Source};
use super::source::{CHUNK, Reader, Watched, fill, read_chunk};
use super::spool::{Spool, Spooled, TooLarge};
use crate::finding::{Finding, Rule};
use crate::model::{CompressionType, document_keys as key};
use crate::preflight::{self, limit};

/// The most bytes whose base64 may stand in an item. What is not more is kept in memory.
const MOST_INLINE: usize = (limit::DATA_BYTES - 1) / 4 * 3;
/// More than the keys around the data take, and how it is compressed.
const KEYS: usize = 64;

/// Content that is ready, and where it belongs.
#[derive(Clone)]
pub(crate) enum Prepared {
    /// In the item, as this property with this JSON.
    Inline { property: &'static str, json: Vec<u8>, compression: Option<CompressionType> },
    /// In a file container.
    Container { content: Held, compression: CompressionType },
}

/// Why content cannot be pushed.
enum Unusable {
    Read(io::Error),
    Write(io::Error),
    /// With its size, where all of it was seen.
    TooLarge(Option<u64>),
}

impl Content {
    /// Makes it ready to be sent in an item in which there is `room` for so many bytes more.
    pub(crate) async fn prepare(self, document_id: &str, room: usize) -> Result<Prepared, Finding> {
        let Self { source, compression, level, temp_dir } = self;
        if let Compression::Asked(asked) = compression
            && !compress::is_available(asked)
        {
            let message = format!("this program cannot compress as {asked}: it was built without the feature `lzma`");
            return Err(Finding::new(document_id, Rule::CompressionType, message));
        }
        let name = source.name();
        // Held as long as somebody waits.
        let waits = Arc::new(());
        let waiting = Arc::downgrade(&waits);
        let path = source.path().map(ToOwned::to_owned);
        let job = Job { path, compression, level, temp_dir, room, waiting };
        let prepared = match source {
            Source::Text(text) => {
                if let Some(data) = job.as_data(&text) {
                    return Ok(data);
                }
                done(spawn_blocking(move || job.bytes(text.into()))).await
            }
            Source::Bytes(bytes) => done(spawn_blocking(move || job.bytes(bytes))).await,
            Source::File(path) => {
                done(spawn_blocking(move || job.file(File::open(path).map_err(Unusable::Read)?))).await
            }
            Source::Reader(reader) => job.reader(reader).await,
        };
        drop(waits);
        prepared.map_err(|unusable| unusable.finding(document_id, &name))
    }
}

/// Waits for work on another thread.
async fn done<T>(work: JoinHandle<Result<T, Unusable>>) -> Result<T, Unusable> {
    work.await.unwrap_or_else(|gone| Err(Unusable::Read(io::Error::other(gone))))
}

struct Job {
    path: Option<PathBuf>,
    compression: Compression,
    level: Option<u32>,
    temp_dir: Option<PathBuf>,
    room: usize,
    waiting: Weak<()>,
}

impl Job {
    /// Text that goes into the item as it is.
    fn as_data(&self, text: &str) -> Option<Prepared> {
        const QUOTES: usize = 2;
        if self.compression != Compression::Usual || text.len() >= limit::DATA_BYTES {
            return None;
        }
        let json = serde_json::to_vec(text).ok()?;
        let fits = json.len() - QUOTES < limit::DATA_BYTES && json.len() + KEYS <= self.room;
        fits.then_some(Prepared::Inline { property: key::DATA, json, compression: None })
    }

    fn bytes(self, bytes: Bytes) -> Result<Prepared, Unusable> {
        let (to_do, said) = self.decide(&bytes);
        if to_do != CompressionType::Uncompressed {
            return self.stream(&*bytes);
        }
        let length = bytes.len() as u64;
        if length > limit::CONTAINER_BYTES {
            return Err(Unusable::TooLarge(Some(length)));
        }
        Ok(self.place(Held::Memory(bytes), said))
    }

    fn file(self, mut file: File) -> Result<Prepared, Unusable> {
        let metadata = file.metadata().map_err(Unusable::Read)?;
        let mut head = [0; detect::HEAD];
        let count = fill(&mut file, &mut head).map_err(Unusable::Read)?;
        let head = head.get(..count).unwrap_or_default();
        let (to_do, said) = self.decide(head);
        let is_sent_as_it_is = to_do == CompressionType::Uncompressed;
        // What is no file of its own, such as a pipe, has no length and can be read once.
        if is_sent_as_it_is && metadata.is_file() && metadata.len() > MOST_INLINE as u64 {
            if metadata.len() > limit::CONTAINER_BYTES {
                return Err(Unusable::TooLarge(Some(metadata.len())));
            }
            return Ok(Prepared::Container { content: Held::shared(file, &metadata), compression: said });
        }
        self.stream(head.chain(file))
    }

    fn stream(self, from: impl Read) -> Result<Prepared, Unusable> {
        let mut from = Watched { from, waiting: Weak::clone(&self.waiting) };
        let mut buffer = vec![0; CHUNK];
        let mut count = fill(&mut from, &mut buffer).map_err(Unusable::Read)?;
        let mut packing = self.begin(buffer.get(..count).unwrap_or_default())?;
        while count > 0 {
            count = fill(&mut from, &mut buffer).map_err(Unusable::Read)?;
            packing.write(buffer.get(..count).unwrap_or_default())?;
        }
        packing.finish()
    }

    /// Compresses what a reader gives. No thread is kept while the reader is waited for: it may need one
    /// itself, as the file of an async runtime does, and there are only so many.
    async fn reader(self, mut reader: Reader) -> Result<Prepared, Unusable> {
        let mut chunk = read_chunk(&mut reader).await.map_err(Unusable::Read)?;
        let mut is_last = chunk.len() < CHUNK;
        let mut work = spawn_blocking(move || self.begin(&chunk));
        while !is_last {
            // Read while the one before it is compressed.
            let next = read_chunk(&mut reader).await;
            let mut packing = done(work).await?;
            chunk = next.map_err(Unusable::Read)?;
            is_last = chunk.len() < CHUNK;
            work = spawn_blocking(move || packing.write(&chunk).map(|()| packing));
        }
        let packing = done(work).await?;
        done(spawn_blocking(move || packing.finish())).await
    }

    /// Begins to compress what begins with these bytes.
    fn begin(self, head: &[u8]) -> Result<Packing, Unusable> {
        let (to_do, said) = self.decide(head);
        let spool = Spool::new(MOST_INLINE, self.temp_dir.as_deref());
        let encoder = Encoder::new(to_do, self.level, spool).map_err(Unusable::write)?;
        let mut packing = Packing { job: self, encoder, said };
        packing.write(head)?;
        Ok(packing)
    }

    /// How to compress what begins with these bytes, and how it is compressed then.
    fn decide(&self, head: &[u8]) -> (CompressionType, CompressionType) {
        match self.compression {
            Compression::Precompressed(compression) => (CompressionType::Uncompressed, compression),
            Compression::Asked(asked) => (asked, asked),
            Compression::Usual if detect::is_compressed(self.path.as_deref(), head) => {
                (CompressionType::Uncompressed, CompressionType::Uncompressed)
            }
            Compression::Usual => (CompressionType::ZLib, CompressionType::ZLib),
        }
    }

    fn place(self, content: Held, compression: CompressionType) -> Prepared {
        match &content {
            Held::Memory(bytes) if bytes.len() <= MOST_INLINE && bytes.len().div_ceil(3) * 4 + KEYS <= self.room => {
                let mut json = String::with_capacity(bytes.len().div_ceil(3) * 4 + 2);
                json.push('"');
                STANDARD.encode_string(bytes, &mut json);
                json.push('"');
                let (property, json) = (key::COMPRESSED_BINARY_DATA, json.into_bytes());
                Prepared::Inline { property, json, compression: Some(compression) }
            }
            Held::Memory(_) | Held::File(_) => Prepared::Container { content, compression },
        }
    }
}

/// Content that is being compressed, a chunk at a time.
struct Packing {
    job: Job,
    encoder: Encoder<Spool>,
    said: CompressionType,
}

impl Packing {
    fn write(&mut self, chunk: &[u8]) -> Result<(), Unusable> {
        self.encoder.write_all(chunk).map_err(Unusable::write)
    }

    fn finish(self) -> Result<Prepared, Unusable> {
        let content = match self.encoder.finish().map_err(Unusable::write)?.finish() {
            Spooled::Memory(bytes) => Held::Memory(bytes),
            Spooled::File(file, length) => Held::temporary(file, length),
        };
        Ok(self.job.place(content, self.said))
    }
}

impl Unusable {
    /// What goes wrong where compressed bytes are written to.
    fn write(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|error| error.is::<TooLarge>()) {
            Self::TooLarge(None)
        } else {
            Self::Write(error)
        }
    }

    fn finding(&self, document_id: &str, name: &str) -> Finding {
        let unreadable = |message| Finding::new(document_id, Rule::ContentUnreadable, message);
        match self {
            Self::Read(error) => unreadable(format!("{name} cannot be read: {error}")),
            Self::Write(error) => unreadable(format!(
                "{name} does not fit into memory, and its temporary file cannot be written: {error}"
            )),
            Self::TooLarge(size) => preflight::content_too_large(document_id, name, *size),
        }
    }
}
