//! Detects compressed content, which would only grow.

use std::path::Path;

/// The number of first bytes that are needed.
pub(super) const HEAD: usize = 12;

/// Extensions of compressed files, sorted.
const EXTENSIONS: [&str; 50] = [
    "7z", "aac", "avif", "br", "bz2", "cab", "docm", "docx", "dotx", "ear", "epub", "flac", "gif", "gz", "heic", "jar",
    "jpeg", "jpg", "lz4", "lzma", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "odp", "ods", "odt", "ogg", "opus", "png",
    "pptm", "pptx", "rar", "tgz", "vsdx", "war", "webm", "webp", "whl", "wmv", "woff", "woff2", "xlsb", "xlsm", "xlsx",
    "xz", "zip", "zst",
];

/// The first bytes of compressed formats, each at an offset.
const MAGIC: [(usize, &[u8]); 22] = [
    (0, b"PK\x03\x04"),           // zip, office documents, jar, epub
    (0, b"PK\x05\x06"),           // an empty zip
    (0, b"\x1F\x8B"),             // gzip
    (0, b"BZh"),                  // bzip2
    (0, b"\xFD7zXZ\x00"),         // xz
    (0, b"7z\xBC\xAF\x27\x1C"),   // 7z
    (0, b"\x28\xB5\x2F\xFD"),     // zstd
    (0, b"\x04\x22\x4D\x18"),     // lz4
    (0, b"Rar!\x1A\x07"),         // rar
    (0, b"MSCF\x00\x00\x00\x00"), // cab
    (0, b"\x89PNG\r\n\x1A\n"),    // png
    (0, b"\xFF\xD8\xFF"),         // jpeg
    (0, b"GIF87a"),               // gif
    (0, b"GIF89a"),               // gif
    (8, b"WEBP"),                 // webp
    (4, b"ftyp"),                 // mp4, mov, heic, avif
    (0, b"\x1A\x45\xDF\xA3"),     // mkv, webm
    (0, b"OggS"),                 // ogg, opus
    (0, b"fLaC"),                 // flac
    (0, b"ID3"),                  // mp3
    (0, b"wOFF"),                 // woff
    (0, b"wOF2"),                 // woff2
];

/// Whether content is compressed, by the extension of its path or by its first bytes.
pub(super) fn is_compressed(path: Option<&Path>, head: &[u8]) -> bool {
    let extension = path.and_then(Path::extension).map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.binary_search(&&*extension).is_ok())
        || MAGIC.iter().any(|(at, magic)| head.get(*at..).is_some_and(|head| head.starts_with(magic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extensions_are_sorted_for_the_search() {
        assert!(EXTENSIONS.is_sorted());
    }

    #[test]
    fn the_head_is_long_enough_for_every_magic() {
        assert!(MAGIC.iter().all(|(at, magic)| at + magic.len() <= HEAD));
    }

    #[test]
    fn an_extension_decides_in_any_case() {
        for (path, is) in [("a.zip", true), ("b/A.JPG", true), ("a.tar.gz", true), ("a.txt", false), ("zip", false)] {
            assert_eq!(is_compressed(Some(Path::new(path)), b"words"), is, "{path}");
        }
    }

    #[test]
    fn the_first_bytes_decide_with_any_name() {
        let all: [(&[u8], bool); 8] = [
            (b"PK\x03\x04\x14\x00", true),
            (b"\x89PNG\r\n\x1A\n", true),
            (b"RIFF\x10\x00\x00\x00WEBPVP8 ", true),
            (b"\x00\x00\x00\x20ftypisom", true),
            (b"%PDF-1.7", false),
            (b"PK", false),
            (b"<html>", false),
            (b"", false),
        ];
        for (head, is) in all {
            assert_eq!(is_compressed(None, head), is, "{head:?}");
            assert_eq!(is_compressed(Some(Path::new("a.txt")), head), is, "{head:?}");
        }
    }
}
