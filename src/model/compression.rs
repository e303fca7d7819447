use super::words;

/// How the binary data of an item is compressed ([article 164](https://docs.coveo.com/en/164/)).
///
/// It goes into the query of a request for one item, and inside the item of a batch. When nothing
/// is said the service reads the data as [`ZLib`](Self::ZLib), so data that is not compressed has
/// to say [`Uncompressed`](Self::Uncompressed).
///
/// Read in any case, written in upper case (`ZLIB`), which is what the service's contract and the
/// clients known to work send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionType {
    /// The bytes as they are.
    Uncompressed,
    /// The DEFLATE algorithm.
    Deflate,
    /// GZip.
    GZip,
    /// LZMA.
    Lzma,
    /// ZLib, the service's default.
    ZLib,
}

words!(CompressionType: "compression type" {
    Uncompressed => "UNCOMPRESSED",
    Deflate => "DEFLATE",
    GZip => "GZIP",
    Lzma => "LZMA",
    ZLib => "ZLIB",
});
