//! Content as the caller gives it: text, bytes, a file or a reader.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::compress::HIGHEST_LEVEL;
use super::source::{Reader, Stamp};
use crate::model::CompressionType;

/// The content of an item: text, bytes, a file or a reader.
///
/// Give it to the call that pushes the item ([`AddOrUpdateItem::content`]). The call compresses it and places
/// it by its size:
///
/// | Content | Property | Place |
/// |---|---|---|
/// | text under 5 MB, without a set compression | `data` | in the item, uncompressed |
/// | base64 under 5 MB | `compressedBinaryData` | in the item |
/// | anything larger, up to 4 GB before and 256 MB after compression | `compressedBinaryDataFileId` | in a file container |
///
/// 5 MB are 5,000,000 bytes of base64 (3,749,997 bytes of compressed content), or of JSON for text. Content
/// that does not fit into the request or the batch also goes into a file container.
///
/// ```
/// # async fn example(items: coveo_push::Items, doc: coveo_push::DocumentBody) -> Result<(), coveo_push::Error> {
/// use coveo_push::{CompressionType, Content};
///
/// items.add_or_update("file:///manuals/a.pdf", &doc).content(Content::file("/manuals/a.pdf")).await?;
///
/// let page = Content::bytes("<h1>Hello</h1>").compression(CompressionType::GZip).level(9);
/// items.add_or_update("https://example.com/hello", &doc).content(page).await?;
/// # Ok(()) }
/// ```
///
/// # Compression
///
/// Compressed content is sent without another compression. Its first bytes or the extension of its file tell
/// (archives, images, video, office documents). Everything else is compressed as
/// [`ZLib`](CompressionType::ZLib) at level 6. Change that with [`compression`](Self::compression) and
/// [`level`](Self::level).
///
/// The service documents only the names of its compression types
/// ([article 164](https://docs.coveo.com/en/164/)). This crate writes:
///
/// | Type | Format | |
/// |---|---|---|
/// | `ZLib` | RFC 1950 | the service's default |
/// | `GZip` | RFC 1952 | |
/// | `Deflate` | RFC 1951, without a header | the documentation does not mention the header |
/// | `Lzma` | `.lzma` ("LZMA alone"), with an end marker | feature `lzma`; the documentation does not exclude `.xz` |
///
/// If the service expects another format, compress the content yourself and use
/// [`precompressed`](Self::precompressed).
///
/// # Memory
///
/// Reading files, compressing and writing happen on tokio's blocking threads. No blocking thread waits for a
/// reader. Content stays in memory up to 3.75 MB compressed. Larger content goes into a temporary file without
/// a name, which the system removes after the upload, and also if the program is killed. A larger file that is
/// sent without compression is read during the upload. So memory does not depend on the size of the content,
/// except for [`bytes`](Self::bytes) and [`text`](Self::text), which are in memory already. A compressor needs
/// 0.3 MB. LZMA needs 10 times its dictionary: 100 MB at level 6.
///
/// [`AddOrUpdateItem::content`]: crate::request::AddOrUpdateItem::content
#[must_use = "content is pushed by the call that takes it"]
pub struct Content {
    pub(super) source: Source,
    pub(super) compression: Compression,
    pub(super) level: Option<u32>,
    pub(super) temp_dir: Option<PathBuf>,
    /// The state that its file must have.
    pub(super) expected: Option<Stamp>,
    pub(super) watcher: Option<Arc<dyn ReadBytes>>,
}

/// Is given the bytes of a content as they are read for the upload, before they are compressed.
pub(crate) trait ReadBytes: Send + Sync {
    /// The content is read from its start, for the first time or again.
    fn restart(&self);

    fn read(&self, bytes: &[u8]);
}

/// Where content comes from.
pub(super) enum Source {
    Text(String),
    Bytes(Bytes),
    File(PathBuf),
    Reader(Reader),
}

/// Bytes that can be read more than once.
#[cfg(feature = "ledger")]
pub(crate) enum KnownBytes<'a> {
    Memory(&'a [u8]),
    File(&'a Path),
}

/// The compression of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// The default one, unless the content is compressed.
    Usual,
    /// This one, for any content.
    Asked(CompressionType),
    /// None: the content is already compressed in this way.
    Precompressed(CompressionType),
}

impl Content {
    /// Text. Under 5 MB it goes into the item uncompressed, unless a [`compression`](Self::compression) is set.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Source::Text(text.into()))
    }

    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Bytes(bytes.into()))
    }

    /// The bytes of a regular file. The call opens it when it is awaited. For a pipe or a device, use
    /// [`reader`](Self::reader).
    ///
    /// The item's `fileExtension` is that of the path, unless the item has one. If the size or the time of the file
    /// changes while it is read, the call fails. If it is removed after it was opened, it is still sent.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::File(path.into()))
    }

    /// All bytes of a reader, such as the body of a download. It is read to its end before anything is sent,
    /// because the length must be known and a failed upload must be sent again.
    ///
    /// A reader that gives nothing for 60 s fails the call, or for as long as the `.timeout(..)` of the call.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::new(Source::Reader(Box::pin(reader)))
    }

    fn new(source: Source) -> Self {
        Self { source, compression: Compression::Usual, level: None, temp_dir: None, expected: None, watcher: None }
    }

    /// Compresses in this way, also if the content is compressed. Default: [`ZLib`](CompressionType::ZLib),
    /// and none for compressed content.
    pub fn compression(mut self, compression: CompressionType) -> Self {
        self.compression = Compression::Asked(compression);
        self
    }

    /// The content is already compressed in this way. It is sent without another compression, and the service
    /// decompresses it. The item's `fileExtension` must be that of the decompressed content: set it on the item
    /// if the file has one such as `.gz`.
    pub fn precompressed(mut self, compression: CompressionType) -> Self {
        self.compression = Compression::Precompressed(compression);
        self
    }

    /// The level of compression, from 0 (little or none) to 9. Higher values count as 9. Default: 6, for every
    /// type.
    pub fn level(mut self, level: u32) -> Self {
        self.level = Some(level.min(HIGHEST_LEVEL));
        self
    }

    /// The folder for a temporary file of up to 256 MB. Default: [`std::env::temp_dir`], which is in memory on
    /// some systems.
    pub fn temp_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.temp_dir = Some(folder.into());
        self
    }

    /// The bytes that can be read before the upload reads them; `None` for a reader.
    #[cfg(feature = "ledger")]
    pub(crate) fn known_bytes(&self) -> Option<KnownBytes<'_>> {
        match &self.source {
            Source::Text(text) => Some(KnownBytes::Memory(text.as_bytes())),
            Source::Bytes(bytes) => Some(KnownBytes::Memory(bytes)),
            Source::File(path) => Some(KnownBytes::File(path)),
            Source::Reader(_) => None,
        }
    }

    /// Gives all bytes that are read to `watcher`, too.
    pub(crate) fn watch(&mut self, watcher: Arc<dyn ReadBytes>) {
        self.watcher = Some(watcher);
    }

    /// The valid extension of its file, with the dot.
    pub(crate) fn file_extension(&self) -> Option<String> {
        let Source::File(path) = &self.source else { return None };
        let extension = path.extension()?.to_str()?;
        let is_one = !extension.is_empty() && !extension.contains(char::is_whitespace) && !extension.contains('\\');
        is_one.then(|| format!(".{extension}"))
    }
}

impl Source {
    /// The name in error messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Text(_) | Self::Bytes(_) => "the content".to_owned(),
            Self::File(path) => format!("the file {}", path.display()),
            Self::Reader(_) => "the reader".to_owned(),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) | Self::Bytes(_) | Self::Reader(_) => None,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, compression, level, temp_dir: _, expected: _, watcher: _ } = self;
        let source = match source {
            Source::Text(text) => format!("text of {} bytes", text.len()),
            Source::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Source::File(_) | Source::Reader(_) => source.name(),
        };
        f.debug_struct("Content")
            .field("source", &format_args!("{source}"))
            .field("compression", compression)
            .field("level", level)
            .finish()
    }
}
