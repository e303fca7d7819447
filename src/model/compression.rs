use std::fmt;

use serde::{Serialize, Serializer};

use super::any_case::words_any_case;

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

words_any_case!(CompressionType: "compression type" {
    "uncompressed" => Uncompressed,
    "deflate" => Deflate,
    "gzip" => GZip,
    "lzma" => Lzma,
    "zlib" => ZLib,
});

impl CompressionType {
    /// The word that goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uncompressed => "UNCOMPRESSED",
            Self::Deflate => "DEFLATE",
            Self::GZip => "GZIP",
            Self::Lzma => "LZMA",
            Self::ZLib => "ZLIB",
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for CompressionType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
