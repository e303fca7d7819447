//! Reads content, compresses it on blocking threads, and decides where it goes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::compress::{self, Encoder};
use super::detect;
use super::input::{Compression, Content, ReadBytes, Source};
use super::prepared_body::PreparedBody;
use super::source::{self, CHUNK, ReadWatch, Reader, Stamp, Watched, fill, read_chunk};
use super::spool::{Spool, Spooled, TooLarge};
use super::uploaded::{ContentFile, Uploaded};
use crate::finding::{Finding, Rule};
use crate::kernel::wait;
use crate::model::{CompressionType, document_keys as key};
use crate::preflight::{self, limit};

/// The most bytes whose base64 fits into an item. Up to this size, content stays in memory.
const MOST_INLINE: usize = (limit::DATA_BYTES - 1) / 4 * 3;
/// More than the bytes of the keys around the data, and of its compression type.
const KEYS: usize = 64;
/// The most bytes that are read, before they are compressed: 4 GB.
const MOST_READ: u64 = 4_000_000_000;
/// How long content may give nothing, unless the call has a timeout of its own.
const SILENCE: Duration = Duration::from_secs(60);

/// Prepared content, and where it goes.
#[derive(Clone)]
pub(crate) enum Prepared {
    /// Into the item, as this property with this JSON.
    Inline { property: &'static str, json: Vec<u8>, compression: Option<CompressionType> },
    /// Into a file container.
    Container {
        content: PreparedBody,
        compression: CompressionType,
        /// From where it can be read again.
        file: Option<Box<ContentFile>>,
    },
}

impl Prepared {
    /// Whether all bytes were read. A large file that is sent uncompressed is read during the upload.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Inline { .. } => true,
            Self::Container { content, .. } => !content.is_read_by_the_upload(),
        }
    }
}

/// Why content cannot be pushed.
enum ContentError {
    Read(io::Error),
    Write(io::Error),
    /// With its size, if that is known.
    TooLarge(Option<u64>),
    /// It has more bytes than are read, before they are compressed.
    TooLong,
    /// It gave nothing for so long.
    Silent(Duration),
    /// The file was written to while it was read.
    Changed,
}

impl Content {
    /// Prepares the content for an item that has `room` for this many more bytes. Content may give nothing for a
    /// minute, or for the `timeout`.
    pub(crate) async fn prepare(
        self,
        document_id: &str,
        room: usize,
        timeout: Option<Duration>,
    ) -> Result<Prepared, Finding> {
        let Self { source, compression, level, temp_dir, expected, watcher } = self;
        if let Compression::Asked(asked) = compression
            && !compress::is_available(asked)
        {
            let message = format!("this program cannot compress as {asked}: it was built without the feature `lzma`");
            return Err(Finding::new(document_id, Rule::CompressionType, message));
        }
        let name = source.name();
        // Dropped with this future, so that the blocking thread stops.
        let waits = Arc::new(ReadWatch::default());
        let watch = Arc::downgrade(&waits);
        let silence = wait::bounded(timeout.unwrap_or(SILENCE));
        let path = source.path().map(ToOwned::to_owned);
        let preparation = Preparation { path, compression, level, temp_dir, room, watch, watcher };
        preparation.restarted();
        let prepared = match source {
            Source::Text(text) => {
                if let Some(data) = preparation.as_data(&text) {
                    return Ok(data);
                }
                done(spawn_blocking(move || preparation.bytes(text.into()))).await
            }
            Source::Bytes(bytes) => done(spawn_blocking(move || preparation.bytes(bytes))).await,
            Source::File(path) => {
                let work = move || {
                    let file = source::open(&path).map_err(ContentError::Read)?;
                    preparation.file(path, file, expected.as_ref())
                };
                let prepared = waits.within(silence, Box::pin(done(spawn_blocking(work)))).await;
                prepared.unwrap_or(Err(ContentError::Silent(silence)))
            }
            Source::Reader(reader) => preparation.reader(reader, silence).await,
        };
        drop(waits);
        prepared.map_err(|error| error.finding(document_id, &name))
    }
}

impl Uploaded {
    /// Reads and compresses it again; `None` where it cannot be read again.
    pub(crate) async fn prepare_again(&self, document_id: &str) -> Option<Result<Prepared, Finding>> {
        let ContentFile { path, compression, level, temp_dir, stamp } = self.file.clone()?;
        let content = Content { compression, level, temp_dir, expected: Some(stamp), ..Content::file(path) };
        // Without room in the item it goes into a container again.
        Some(content.prepare(document_id, 0, None).await)
    }
}

/// Waits for the work of a blocking thread.
async fn done<T>(work: JoinHandle<Result<T, ContentError>>) -> Result<T, ContentError> {
    work.await.unwrap_or_else(|gone| Err(ContentError::Read(io::Error::other(gone))))
}

struct Preparation {
    path: Option<PathBuf>,
    compression: Compression,
    level: Option<u32>,
    temp_dir: Option<PathBuf>,
    room: usize,
    watch: Weak<ReadWatch>,
    watcher: Option<Arc<dyn ReadBytes>>,
}

impl Preparation {
    fn restarted(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.restart();
        }
    }

    /// The watcher of the content sees these bytes.
    fn has_read(&self, bytes: &[u8]) {
        if let Some(watcher) = &self.watcher {
            watcher.read(bytes);
        }
    }

    /// Text that goes into the item without compression. `None` if it is too large.
    fn as_data(&self, text: &str) -> Option<Prepared> {
        const QUOTES: usize = 2;
        if self.compression != Compression::Usual || text.len() >= limit::DATA_BYTES {
            return None;
        }
        let json = serde_json::to_vec(text).ok()?;
        let fits = json.len() - QUOTES < limit::DATA_BYTES && json.len() + KEYS <= self.room;
        if !fits {
            return None;
        }
        self.has_read(text.as_bytes());
        Some(Prepared::Inline { property: key::DATA, json, compression: None })
    }

    fn bytes(self, bytes: Bytes) -> Result<Prepared, ContentError> {
        let (method, compression_type) = self.decide(&bytes);
        if method != CompressionType::Uncompressed {
            return self.stream(&*bytes);
        }
        let length = bytes.len() as u64;
        if length > limit::CONTAINER_BYTES {
            return Err(ContentError::TooLarge(Some(length)));
        }
        self.has_read(&bytes);
        Ok(self.place(PreparedBody::Memory(bytes), compression_type))
    }

    fn file(self, path: PathBuf, mut file: File, expected: Option<&Stamp>) -> Result<Prepared, ContentError> {
        let metadata = file.metadata().map_err(ContentError::Read)?;
        let (length, stamp) = (metadata.len(), Stamp::of(&metadata));
        if length > MOST_READ {
            return Err(ContentError::TooLong);
        }
        if expected.is_some_and(|expected| *expected != stamp) {
            return Err(ContentError::Changed);
        }
        let (level, temp_dir) = (self.level, self.temp_dir.clone());
        let again = ContentFile { path, compression: self.compression, level, temp_dir, stamp: stamp.clone() };
        let mut head = [0; detect::HEAD];
        let count = fill(&mut file, &mut head).map_err(ContentError::Read)?;
        let head = head.get(..count).unwrap_or_default();
        let (method, compression_type) = self.decide(head);
        if method == CompressionType::Uncompressed && length > MOST_INLINE as u64 {
            if length > limit::CONTAINER_BYTES {
                return Err(ContentError::TooLarge(Some(length)));
            }
            let content = PreparedBody::shared(file, length, stamp, self.watcher);
            return Ok(Prepared::Container { content, compression: compression_type, file: Some(Box::new(again)) });
        }
        let prepared = self.stream(head.chain(&file))?;
        let now = file.metadata().map_err(ContentError::Read)?;
        if Stamp::of(&now) != stamp {
            return Err(ContentError::Changed);
        }
        Ok(match prepared {
            Prepared::Container { content, compression, file: _ } => {
                Prepared::Container { content, compression, file: Some(Box::new(again)) }
            }
            inline @ Prepared::Inline { .. } => inline,
        })
    }

    fn stream(self, from: impl Read) -> Result<Prepared, ContentError> {
        let mut from = Watched::new(from, &self.watch);
        let mut buffer = vec![0; CHUNK];
        let mut count = fill(&mut from, &mut buffer).map_err(ContentError::Read)?;
        let mut compressor = self.start(buffer.get(..count).unwrap_or_default())?;
        while count > 0 {
            count = fill(&mut from, &mut buffer).map_err(ContentError::Read)?;
            compressor.write(buffer.get(..count).unwrap_or_default())?;
        }
        compressor.finish()
    }

    /// Compresses the bytes of a reader. No blocking thread waits for the reader, because the reader may need
    /// one itself, as the file of an async runtime does, and their number is limited.
    async fn reader(self, mut reader: Reader, silence: Duration) -> Result<Prepared, ContentError> {
        let mut read = async || match read_chunk(&mut reader, silence).await {
            Ok(chunk) => chunk.ok_or(ContentError::Silent(silence)),
            Err(error) => Err(ContentError::Read(error)),
        };
        let mut chunk = read().await?;
        let mut is_last = chunk.len() < CHUNK;
        let mut work = spawn_blocking(move || self.start(&chunk));
        while !is_last {
            // Reads this chunk while the previous one is compressed.
            let next = read().await;
            let mut compressor = done(work).await?;
            chunk = next?;
            is_last = chunk.len() < CHUNK;
            work = spawn_blocking(move || compressor.write(&chunk).map(|()| compressor));
        }
        let compressor = done(work).await?;
        done(spawn_blocking(move || compressor.finish())).await
    }

    /// Starts to compress content with these first bytes.
    fn start(self, head: &[u8]) -> Result<Compressor, ContentError> {
        let (method, compression_type) = self.decide(head);
        let spool = Spool::new(MOST_INLINE, self.temp_dir.as_deref());
        let encoder = Encoder::new(method, self.level, spool).map_err(ContentError::write)?;
        let mut compressor = Compressor { preparation: self, encoder, compression_type, read: 0 };
        compressor.write(head)?;
        Ok(compressor)
    }

    /// How to compress content with these first bytes, and the compression type of the result.
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

    fn place(self, content: PreparedBody, compression: CompressionType) -> Prepared {
        match &content {
            PreparedBody::Memory(bytes)
                if bytes.len() <= MOST_INLINE && bytes.len().div_ceil(3) * 4 + KEYS <= self.room =>
            {
                let mut json = String::with_capacity(bytes.len().div_ceil(3) * 4 + 2);
                json.push('"');
                STANDARD.encode_string(bytes, &mut json);
                json.push('"');
                let (property, json) = (key::COMPRESSED_BINARY_DATA, json.into_bytes());
                Prepared::Inline { property, json, compression: Some(compression) }
            }
            PreparedBody::Memory(_) | PreparedBody::File(_) => Prepared::Container { content, compression, file: None },
        }
    }
}

/// Compresses content in chunks.
struct Compressor {
    preparation: Preparation,
    encoder: Encoder<Spool>,
    compression_type: CompressionType,
    read: u64,
}

impl Compressor {
    fn write(&mut self, chunk: &[u8]) -> Result<(), ContentError> {
        self.read += chunk.len() as u64;
        if self.read > MOST_READ {
            return Err(ContentError::TooLong);
        }
        self.preparation.has_read(chunk);
        self.encoder.write_all(chunk).map_err(ContentError::write)
    }

    fn finish(self) -> Result<Prepared, ContentError> {
        let content = match self.encoder.finish().map_err(ContentError::write)?.finish() {
            Spooled::Memory(bytes) => PreparedBody::Memory(bytes),
            Spooled::File(file, length) => PreparedBody::temporary(file, length),
        };
        Ok(self.preparation.place(content, self.compression_type))
    }
}

impl ContentError {
    /// An error while compressed bytes are written.
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
            Self::TooLong => Finding::new(
                document_id,
                Rule::ContainerTooLarge,
                format!("{name} has more than 4 GB before compression; index a part of it, or only its metadata"),
            ),
            Self::Silent(silence) => unreadable(format!("{name} gave nothing for {} s", silence.as_secs_f64())),
            Self::Changed => Finding::new(
                document_id,
                Rule::ContentChanged,
                format!("{name} changed while it was read; push it again when it no longer changes"),
            ),
        }
    }
}
