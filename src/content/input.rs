//! Content as the caller gives it: text, bytes, a file or a reader.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::compress::HIGHEST_LEVEL;
use super::source::Reader;
use crate::model::CompressionType;

/// The content of an item, as a program has it: text, bytes, a file or a reader.
///
/// It is given to the call that pushes the item ([`AddOrUpdateItem::content`]), which compresses it
/// and puts it where its size belongs:
///
/// | Content | goes as | |
/// |---|---|---|
/// | text under 5 MB whose compression was not set | `data` | as it is |
/// | whose base64 is under 5 MB | `compressedBinaryData` | in the item |
/// | anything larger, up to 256 MB compressed | `compressedBinaryDataFileId` | through a file container |
///
/// The 5 MB are 5,000,000 bytes of base64 (3,749,997 of content, once compressed), and of JSON for
/// text. What would not fit into the request, or into a batch, goes through a container as well.
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
/// Content that is compressed already, by its first bytes or the extension of its file (archives,
/// images, video, office documents), is sent as it is. Everything else is compressed as
/// [`ZLib`](CompressionType::ZLib) at level 6. [`compression`](Self::compression) and
/// [`level`](Self::level) say otherwise.
///
/// What each type means to the service is documented by its name alone
/// ([article 164](https://docs.coveo.com/en/164/)). This crate writes:
///
/// | Type | is written as | |
/// |---|---|---|
/// | `ZLib` | RFC 1950 | the service's default |
/// | `GZip` | RFC 1952 | |
/// | `Deflate` | RFC 1951, without a header | no source says that no header is meant |
/// | `Lzma` | `.lzma` ("LZMA alone"), its end marked | feature `lzma`; no source says that not `.xz` is meant |
///
/// Where the service wants another form, compress the content yourself and say so with
/// [`precompressed`](Self::precompressed).
///
/// # Memory
///
/// Reading a file, compressing and writing happen on tokio's threads for blocking work, none of which is
/// kept while a reader is waited for. What is up to 3.75 MB compressed is in memory; what grows beyond
/// that goes into a temporary file without a name, which the system removes when the upload is over or
/// given up, and also when the program is killed. A file that is sent as it is, and is larger than that,
/// is read while it is uploaded. So memory does not depend on the size of the content, but for
/// [`bytes`](Self::bytes) and [`text`](Self::text), which are there already. A compressor takes 0.3 MB; LZMA takes 10 times its dictionary, 100 MB at level 6.
///
/// [`AddOrUpdateItem::content`]: crate::AddOrUpdateItem::content
#[must_use = "content is pushed once a call has it"]
pub struct Content {
    pub(super) source: Source,
    pub(super) compression: Compression,
    pub(super) level: Option<u32>,
    pub(super) temp_dir: Option<PathBuf>,
}

/// Where content comes from.
pub(super) enum Source {
    Text(String),
    Bytes(Bytes),
    File(PathBuf),
    Reader(Reader),
}

/// How content is to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// In the usual way, unless it is compressed already.
    Usual,
    /// In this way, whatever it is.
    Asked(CompressionType),
    /// It is compressed in this way already.
    Precompressed(CompressionType),
}

impl Content {
    /// Text. Under 5 MB it goes into the item as it is, unless a [`compression`](Self::compression)
    /// is set.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Source::Text(text.into()))
    }

    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Bytes(bytes.into()))
    }

    /// The bytes of a file, which is opened when the call is awaited.
    ///
    /// The item's `fileExtension` is that of the path, unless the item has one. A file that is sent as
    /// it is and changes during the upload fails the call; one that vanishes after it was opened is
    /// sent all the same.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::File(path.into()))
    }

    /// All that a reader gives, such as the body of a download. It is read to its end before anything
    /// is sent, so that the length is known and a failed upload can be sent again.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::new(Source::Reader(Box::pin(reader)))
    }

    fn new(source: Source) -> Self {
        Self { source, compression: Compression::Usual, level: None, temp_dir: None }
    }

    /// Compresses in this way, also what is compressed already. Default:
    /// [`ZLib`](CompressionType::ZLib), and nothing for what is compressed already.
    pub fn compression(mut self, compression: CompressionType) -> Self {
        self.compression = Compression::Asked(compression);
        self
    }

    /// Says that the content is already compressed in this way. It is sent as it is, and the service
    /// decompresses it. The item's `fileExtension` is then that of the decompressed content: set it on
    /// the item when the file's own is one such as `.gz`.
    pub fn precompressed(mut self, compression: CompressionType) -> Self {
        self.compression = Compression::Precompressed(compression);
        self
    }

    /// How hard to compress: from 0, not at all or hardly, to 9. Default: 6, for every type.
    pub fn level(mut self, level: u32) -> Self {
        self.level = Some(level.min(HIGHEST_LEVEL));
        self
    }

    /// The folder for a temporary file, up to 256 MB of it. Default: [`std::env::temp_dir`], which on
    /// some systems is in memory.
    pub fn temp_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.temp_dir = Some(folder.into());
        self
    }

    /// The extension of its file, with its dot, where that can be one.
    pub(crate) fn file_extension(&self) -> Option<String> {
        let Source::File(path) = &self.source else { return None };
        let extension = path.extension()?.to_str()?;
        let is_one = !extension.is_empty() && !extension.contains(char::is_whitespace) && !extension.contains('\\');
        is_one.then(|| format!(".{extension}"))
    }
}

impl Source {
    /// What a person reads in an error.
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
        let Self { source, compression, level, temp_dir: _ } = self;
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
