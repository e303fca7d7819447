//! The keys of an item that are not metadata, and how two errors about metadata end.

pub(crate) const DATA: &str = "data";
pub(crate) const COMPRESSED_BINARY_DATA: &str = "compressedBinaryData";
pub(crate) const COMPRESSED_BINARY_DATA_FILE_ID: &str = "compressedBinaryDataFileId";
pub(crate) const COMPRESSION_TYPE: &str = "compressionType";
pub(crate) const DOCUMENT_ID: &str = "documentId";
pub(crate) const FILE_EXTENSION: &str = "fileExtension";
pub(crate) const ORDERING_ID: &str = "orderingId";
pub(crate) const PARENT_ID: &str = "parentId";
pub(crate) const PERMISSIONS: &str = "permissions";

/// Two keys of metadata that are read, in lower case.
pub(crate) const DATE: &str = "date";
pub(crate) const MODIFIED_DATE: &str = "modifieddate";

/// No metadata key may be one of these, in any case.
const RESERVED: [&str; 9] = [
    DATA,
    COMPRESSED_BINARY_DATA,
    COMPRESSED_BINARY_DATA_FILE_ID,
    COMPRESSION_TYPE,
    DOCUMENT_ID,
    FILE_EXTENSION,
    ORDERING_ID,
    PARENT_ID,
    PERMISSIONS,
];

/// How the error about a reserved metadata key ends.
pub(crate) const IS_RESERVED: &str = "is reserved for a property of the item; choose another metadata key";
/// How the error about NaN or an infinite number ends.
pub(crate) const IS_NOT_FINITE: &str = "which JSON cannot hold; use a finite number, or leave the key out";

/// The property of an item, or the date, that a key names, in any case.
pub(crate) fn known(key: &[u8]) -> Option<&'static str> {
    property(key).or_else(|| [DATE, MODIFIED_DATE].into_iter().find(|date| key.eq_ignore_ascii_case(date.as_bytes())))
}

/// The property of an item that a key names, in any case.
pub(crate) fn property(key: &[u8]) -> Option<&'static str> {
    RESERVED.into_iter().find(|known| key.eq_ignore_ascii_case(known.as_bytes()))
}
