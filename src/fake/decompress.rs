//! Decompresses data.

use std::io::{self, ErrorKind, Write};

use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use crate::model::CompressionType;

/// Checks that all of the data is compressed in this way.
pub(super) fn check(data: &[u8], compression: CompressionType) -> io::Result<()> {
    decompress(data, compression, &mut io::sink())
}

/// The decompressed data.
pub(super) fn all(data: &[u8], compression: CompressionType) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    decompress(data, compression, &mut all)?;
    Ok(all)
}

fn decompress(mut data: &[u8], compression: CompressionType, to: &mut impl Write) -> io::Result<()> {
    match compression {
        CompressionType::Uncompressed => to.write_all(data),
        CompressionType::Deflate => inflate(data, false, to),
        CompressionType::ZLib => inflate(data, true, to),
        CompressionType::GZip => {
            io::copy(&mut GzDecoder::new(&mut data), to)?;
            is_over(data)
        }
        CompressionType::Lzma => lzma(data, to),
    }
}

/// A loop of its own, because the readers of `flate2` accept a truncated stream.
fn inflate(mut data: &[u8], has_header: bool, to: &mut impl Write) -> io::Result<()> {
    let mut stream = Decompress::new(has_header);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(data, &mut buffer, FlushDecompress::None)?;
        let count = |from: u64, to: u64| usize::try_from(to - from).unwrap_or(usize::MAX);
        let (read, written) = (count(read, stream.total_in()), count(written, stream.total_out()));
        data = data.get(read..).unwrap_or_default();
        to.write_all(buffer.get(..written).unwrap_or_default())?;
        match status {
            Status::StreamEnd => return is_over(data),
            Status::Ok | Status::BufError if read == 0 && written == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            Status::Ok | Status::BufError => {}
        }
    }
}

#[cfg(feature = "lzma")]
fn lzma(mut data: &[u8], to: &mut impl Write) -> io::Result<()> {
    const MOST_MEMORY_KB: u32 = 256 * 1024;
    let mut reader = lzma_rust2::LzmaReader::new_mem_limit(&mut data, MOST_MEMORY_KB, None)?;
    io::copy(&mut reader, to)?;
    drop(reader);
    is_over(data)
}

#[cfg(not(feature = "lzma"))]
fn lzma(data: &[u8], to: &mut impl Write) -> io::Result<()> {
    to.write_all(data)
}

fn is_over(rest: &[u8]) -> io::Result<()> {
    if rest.is_empty() { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}
