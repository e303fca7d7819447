use super::words::words;

/// How the binary data of an item is compressed ([article 164](https://docs.coveo.com/en/164/)).
///
/// A request for one item has it in its query, and a batch has it inside the item. When it is absent, the
/// service takes the data for [`ZLib`](Self::ZLib). Data that is not compressed must therefore say
/// [`Uncompressed`](Self::Uncompressed).
///
/// It is read in any case and written in upper case (`ZLIB`), as in the service's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionType {
    /// Not compressed.
    Uncompressed,
    /// The DEFLATE algorithm.
    Deflate,
    /// GZip.
    GZip,
    /// LZMA.
    Lzma,
    /// ZLib: the service's default.
    ZLib,
}

words!(CompressionType: "compression type" {
    Uncompressed => "UNCOMPRESSED",
    Deflate => "DEFLATE",
    GZip => "GZIP",
    Lzma => "LZMA",
    ZLib => "ZLIB",
});
