//! The compressors, one for each type of the service.

use std::io::{self, Write};
#[cfg(feature = "lzma")]
use std::io::{BufWriter, IntoInnerError};

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
#[cfg(feature = "lzma")]
use lzma_rust2::{LzmaOptions, LzmaWriter};

use crate::model::CompressionType;

/// The highest level that all types support.
pub(super) const HIGHEST_LEVEL: u32 = 9;
const USUAL_LEVEL: u32 = 6;

/// Whether this build supports a compression type.
pub(super) fn is_available(compression: CompressionType) -> bool {
    cfg!(feature = "lzma") || compression != CompressionType::Lzma
}

/// Compresses written bytes, and writes the result to `W`.
pub(super) enum Encoder<W: Write> {
    Uncompressed(W),
    Deflate(DeflateEncoder<W>),
    GZip(GzEncoder<W>),
    ZLib(ZlibEncoder<W>),
    /// With a buffer, because it writes single bytes.
    #[cfg(feature = "lzma")]
    Lzma(Box<LzmaWriter<BufWriter<W>>>),
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(compression: CompressionType, level: Option<u32>, to: W) -> io::Result<Self> {
        let number = level.unwrap_or(USUAL_LEVEL);
        let level = flate2::Compression::new(number);
        Ok(match compression {
            CompressionType::Uncompressed => Self::Uncompressed(to),
            CompressionType::Deflate => Self::Deflate(DeflateEncoder::new(to, level)),
            CompressionType::GZip => Self::GZip(GzEncoder::new(to, level)),
            CompressionType::ZLib => Self::ZLib(ZlibEncoder::new(to, level)),
            #[cfg(feature = "lzma")]
            CompressionType::Lzma => {
                // Without a length, but with a marker at its end.
                let options = LzmaOptions::with_preset(number);
                Self::Lzma(Box::new(LzmaWriter::new_use_header(BufWriter::new(to), &options, None)?))
            }
            #[cfg(not(feature = "lzma"))]
            CompressionType::Lzma => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    /// Writes the remaining bytes and returns `W`.
    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::Uncompressed(to) => Ok(to),
            Self::Deflate(encoder) => encoder.finish(),
            Self::GZip(encoder) => encoder.finish(),
            Self::ZLib(encoder) => encoder.finish(),
            #[cfg(feature = "lzma")]
            Self::Lzma(encoder) => encoder.finish()?.into_inner().map_err(IntoInnerError::into_error),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Uncompressed(to) => to.write(bytes),
            Self::Deflate(encoder) => encoder.write(bytes),
            Self::GZip(encoder) => encoder.write(bytes),
            Self::ZLib(encoder) => encoder.write(bytes),
            #[cfg(feature = "lzma")]
            Self::Lzma(encoder) => encoder.write(bytes),
        }
    }

    /// Does nothing: the compressors keep bytes back until the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
