//! The form of single values.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

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

/// The bytes of standard base64, or the problem.
pub(super) fn decoded(json: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = text_of(json).unwrap_or_default();
    STANDARD.decode(&*text).map_err(|_| {
        if text.contains(char::is_whitespace) {
            "it has line breaks or blanks; write it without any"
        } else if text.contains(['-', '_']) {
            "it is in the URL-safe alphabet; use the one with `+` and `/`"
        } else if !text.contains('=') && STANDARD_NO_PAD.decode(&*text).is_ok() {
            "its padding is missing; end it with `=`, so that its length is a multiple of 4"
        } else {
            "it has other characters or is cut off; encode the bytes"
        }
    })
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
