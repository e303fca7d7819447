//! The form of single values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::item_text::text_of;
use crate::model::CompressionType;

/// `scheme://` and something behind it.
pub(super) fn is_uri(id: &str) -> bool {
    id.split_once(':').is_some_and(|(scheme, rest)| {
        rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty())
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// Whether a value is this text.
pub(super) fn is_text_of(json: &[u8], expected: &str) -> bool {
    text_of(json).is_some_and(|text| text == expected)
}

/// The bytes of standard base64.
pub(super) fn decoded(json: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(&*text_of(json)?).ok()
}

/// Whether bytes begin like compressed ones.
pub(super) fn begins_like(bytes: &[u8], compression: CompressionType) -> bool {
    match (compression, bytes) {
        (CompressionType::Uncompressed, _) => true,
        // It has no first bytes of its own.
        (CompressionType::Deflate, _) => !bytes.is_empty(),
        (CompressionType::ZLib, [first @ 0..0x80, second, ..]) => {
            first & 0x0F == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0
        }
        (CompressionType::GZip, [0x1F, 0x8B, ..]) => true,
        // Three small numbers in one byte, then two sizes.
        (CompressionType::Lzma, [0..225, rest @ ..]) => rest.len() >= 12,
        (CompressionType::ZLib | CompressionType::GZip | CompressionType::Lzma, _) => false,
    }
}

pub(super) fn is_extension(json: &[u8]) -> bool {
    let is_other = |c: char| c.is_whitespace() || matches!(c, '/' | '\\');
    text_of(json)
        .is_some_and(|text| text.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && !rest.contains(is_other)))
}
