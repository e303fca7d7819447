use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CompressionType, Metadata, MetadataValue, PermanentId, Permissions};

/// The keys of an item that are not metadata.
pub(crate) mod key {
    pub(crate) const DATA: &str = "data";
    pub(crate) const COMPRESSED_BINARY_DATA: &str = "compressedBinaryData";
    pub(crate) const COMPRESSED_BINARY_DATA_FILE_ID: &str = "compressedBinaryDataFileId";
    pub(crate) const COMPRESSION_TYPE: &str = "compressionType";
    pub(crate) const DOCUMENT_ID: &str = "documentId";
    pub(crate) const FILE_EXTENSION: &str = "fileExtension";
    pub(crate) const ORDERING_ID: &str = "orderingId";
    pub(crate) const PARENT_ID: &str = "parentId";
    pub(crate) const PERMISSIONS: &str = "permissions";

    /// How the error ends that a reserved metadata key causes when it is written.
    pub(crate) const IS_RESERVED: &str = "is reserved for a property of the item; choose another metadata key";
    /// How the error ends that a number causes that JSON has no form for.
    pub(crate) const IS_NOT_FINITE: &str = "is a number that JSON cannot hold";

    /// What no metadata key may be called, in any case.
    pub(crate) const RESERVED: [&str; 9] = [
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

    /// The property of an item that a key names, in any case.
    pub(crate) fn property(key: &[u8]) -> Option<&'static str> {
        /// A bit for each length that a property has: most keys are metadata, and of another one.
        const LENGTHS: u32 = {
            let mut bits = 0;
            let mut rest: &[&str] = &RESERVED;
            while let [first, others @ ..] = rest {
                bits |= 1 << first.len();
                rest = others;
            }
            bits
        };
        let has_length = u32::try_from(key.len()).ok().and_then(|length| LENGTHS.checked_shr(length));
        if has_length.is_none_or(|bits| bits & 1 == 0) {
            return None;
        }
        RESERVED.into_iter().find(|known| key.eq_ignore_ascii_case(known.as_bytes()))
    }
}

/// An item to push: its data, its metadata, its permissions
/// ([articles 78](https://docs.coveo.com/en/78/), [73](https://docs.coveo.com/en/73/) and
/// [115](https://docs.coveo.com/en/115/)).
///
/// The item's URI is not part of it: it is an argument of the call, and a
/// [`BatchDocument`](super::BatchDocument) has it beside the body.
///
/// ```
/// use coveo_push::{DocumentBody, Permissions};
///
/// let doc = DocumentBody::text("words people will search for")
///     .title("My document")
///     .file_extension(".txt")
///     .metadata("pages", 12)
///     .permissions(Permissions::public());
/// # let _ = doc;
/// ```
///
/// Writing one whose metadata has a reserved key (`data`, `permissions`, `documentId`, …) or a
/// number that JSON cannot hold is an error; sending one names the key first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentBody {
    /// The data: at most one of the three forms; an item may have metadata alone.
    pub data: Option<DocumentData>,
    /// The extension of the data's format, with its leading dot: `.html`.
    pub file_extension: Option<String>,
    /// The URI of the item that this one is an attachment of
    /// ([article 57](https://docs.coveo.com/en/57/)).
    pub parent_id: Option<String>,
    /// Who may see the item. Left out when unset, never public by default.
    pub permissions: Option<Permissions>,
    /// What fields are filled from.
    pub metadata: Metadata,
}

/// The data of an item, in one of the three forms that exclude each other
/// ([article 73](https://docs.coveo.com/en/73/)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentData {
    /// Text as it is (`data`), less than 5 MB.
    Text(String),
    /// Bytes in the item itself (`compressedBinaryData`), less than 5 MB once encoded.
    Inline {
        /// The bytes, compressed or not, in standard base64.
        base64: String,
        /// How they are compressed; the service's default is
        /// [`ZLib`](CompressionType::ZLib).
        compression: Option<CompressionType>,
    },
    /// Bytes that were uploaded into a file container (`compressedBinaryDataFileId`), as they are
    /// and not in base64 ([article 69](https://docs.coveo.com/en/69/)).
    Container {
        /// The container's id.
        file_id: String,
        /// How they are compressed; the service's default is
        /// [`ZLib`](CompressionType::ZLib).
        compression: Option<CompressionType>,
    },
}

impl DocumentData {
    /// How the data is compressed, where that was said.
    #[must_use]
    pub fn compression(&self) -> Option<CompressionType> {
        match self {
            Self::Text(_) => None,
            Self::Inline { compression, .. } | Self::Container { compression, .. } => *compression,
        }
    }
}

impl DocumentBody {
    /// An item with no data: metadata alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An item whose data is text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::with_data(DocumentData::Text(text.into()))
    }

    /// An item whose data is bytes that are in standard base64 already.
    pub fn inline(base64: impl Into<String>, compression: CompressionType) -> Self {
        Self::with_data(DocumentData::Inline { base64: base64.into(), compression: Some(compression) })
    }

    /// An item whose data was uploaded into a file container.
    pub fn container(file_id: impl Into<String>, compression: CompressionType) -> Self {
        Self::with_data(DocumentData::Container { file_id: file_id.into(), compression: Some(compression) })
    }

    fn with_data(data: DocumentData) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// The extension of the data's format, with its leading dot: `.html`.
    #[must_use]
    pub fn file_extension(mut self, extension: impl Into<String>) -> Self {
        self.file_extension = Some(extension.into());
        self
    }

    /// The URI of the item that this one is an attachment of
    /// ([article 57](https://docs.coveo.com/en/57/)). Folding in results is told by
    /// [`folding`](Self::folding).
    #[must_use]
    pub fn parent_id(mut self, uri: impl Into<String>) -> Self {
        self.parent_id = Some(uri.into());
        self
    }

    /// Who may see the item.
    #[must_use]
    pub fn permissions(mut self, permissions: impl Into<Permissions>) -> Self {
        self.permissions = Some(permissions.into());
        self
    }

    /// Sets a metadata value; one of the same key, in any case, is replaced.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.metadata.insert(key, value);
        self
    }

    /// Sets a metadata value where there is one, as [`metadata`](Self::metadata) does; without one nothing is
    /// changed.
    ///
    /// ```
    /// use coveo_push::DocumentBody;
    ///
    /// let (pages, reviewer): (Option<u32>, Option<&str>) = (Some(12), None);
    /// let doc = DocumentBody::text("words").metadata_opt("pages", pages).metadata_opt("reviewer", reviewer);
    /// assert_eq!(doc.metadata.len(), 1);
    /// ```
    #[must_use]
    pub fn metadata_opt(self, key: impl Into<String>, value: Option<impl Into<MetadataValue>>) -> Self {
        match value {
            Some(value) => self.metadata(key, value),
            None => self,
        }
    }

    /// The title shown in results (`title`).
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        self.metadata("title", title.into())
    }

    /// Where a click on the result leads (`clickableUri`), when that is not the item's URI.
    #[must_use]
    pub fn clickable_uri(self, uri: impl Into<String>) -> Self {
        self.metadata("clickableUri", uri.into())
    }

    /// The URI to show to people (`printableUri`).
    #[must_use]
    pub fn printable_uri(self, uri: impl Into<String>) -> Self {
        self.metadata("printableUri", uri.into())
    }

    /// Who wrote it (`author`).
    #[must_use]
    pub fn author(self, author: impl Into<String>) -> Self {
        self.metadata("author", author.into())
    }

    /// Its date (`date`), best as ISO 8601 in UTC: `2017-11-08T12:18:41.666Z`. That is how `jiff`'s
    /// `Timestamp` prints, and what `to_rfc3339` of a `chrono::DateTime<Utc>` gives.
    #[must_use]
    pub fn date(self, date: impl Into<String>) -> Self {
        self.metadata("date", date.into())
    }

    /// When it was last changed (`modifiedDate`), best as ISO 8601 in UTC.
    #[must_use]
    pub fn modified_date(self, date: impl Into<String>) -> Self {
        self.metadata("modifiedDate", date.into())
    }

    /// What tells that it is the same item when its URI changes (`permanentid`).
    #[must_use]
    pub fn permanent_id(self, id: impl Into<PermanentId>) -> Self {
        self.metadata("permanentid", id.into().as_str())
    }

    /// The language or languages it is written in (`language`).
    #[must_use]
    pub fn language(self, languages: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let languages: Vec<String> = languages.into_iter().map(Into::into).collect();
        self.metadata("language", languages)
    }

    /// The name of the file it comes from (`filename`).
    #[must_use]
    pub fn file_name(self, name: impl Into<String>) -> Self {
        self.metadata("filename", name.into())
    }

    /// The kind of document it is (`documenttype`).
    #[must_use]
    pub fn document_type(self, kind: impl Into<String>) -> Self {
        self.metadata("documenttype", kind.into())
    }

    /// The kind of source it comes from (`sourcetype`).
    #[must_use]
    pub fn source_type(self, kind: impl Into<String>) -> Self {
        self.metadata("sourcetype", kind.into())
    }

    /// The collection in which results are folded together (`foldingcollection`), such as a
    /// conversation, and the key of this item's children (`foldingchild`) and of its parent
    /// (`foldingparent`) in it ([article 1884](https://docs.coveo.com/en/1884/)).
    #[must_use]
    pub fn folding(self, collection: impl Into<String>, child: impl Into<String>, parent: impl Into<String>) -> Self {
        self.metadata("foldingcollection", collection.into())
            .metadata("foldingchild", child.into())
            .metadata("foldingparent", parent.into())
    }

    /// How many keys [`serialize_entries`](Self::serialize_entries) writes.
    pub(super) fn entry_count(&self) -> usize {
        self.metadata.len()
            + self.data.as_ref().map_or(0, |data| 1 + usize::from(data.compression().is_some()))
            + usize::from(self.file_extension.is_some())
            + usize::from(self.parent_id.is_some())
            + usize::from(self.permissions.is_some())
    }

    pub(super) fn serialize_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (key, value) in self.metadata.iter() {
            if key::RESERVED.iter().any(|reserved| key.eq_ignore_ascii_case(reserved)) {
                return Err(M::Error::custom(format_args!("`{key}` {}", key::IS_RESERVED)));
            }
            map.serialize_entry(key, value)?;
        }
        match &self.data {
            None => {}
            Some(DocumentData::Text(text)) => map.serialize_entry(key::DATA, text)?,
            Some(DocumentData::Inline { base64, .. }) => {
                map.serialize_entry(key::COMPRESSED_BINARY_DATA, base64)?;
            }
            Some(DocumentData::Container { file_id, .. }) => {
                map.serialize_entry(key::COMPRESSED_BINARY_DATA_FILE_ID, file_id)?;
            }
        }
        if let Some(compression) = self.data.as_ref().and_then(DocumentData::compression) {
            map.serialize_entry(key::COMPRESSION_TYPE, &compression)?;
        }
        if let Some(extension) = &self.file_extension {
            map.serialize_entry(key::FILE_EXTENSION, extension)?;
        }
        if let Some(parent) = &self.parent_id {
            map.serialize_entry(key::PARENT_ID, parent)?;
        }
        if let Some(permissions) = &self.permissions {
            map.serialize_entry(key::PERMISSIONS, permissions)?;
        }
        Ok(())
    }
}

impl Serialize for DocumentBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entry_count()))?;
        self.serialize_entries(&mut map)?;
        map.end()
    }
}

/// Reads the JSON of an item. A `documentId` or `orderingId` among its keys is passed over: they
/// are arguments of a call, and [`BatchDocument`](super::BatchDocument) keeps the former.
impl<'de> Deserialize<'de> for DocumentBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DocumentWithId::deserialize(deserializer).map(|with_id| with_id.body)
    }
}

/// An item as it stands in JSON: the body, and the id where there is one.
pub(super) struct DocumentWithId {
    pub(super) document_id: Option<String>,
    pub(super) body: DocumentBody,
}

impl<'de> Deserialize<'de> for DocumentWithId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = DocumentWithId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the JSON object of an item")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DocumentWithId, A::Error> {
                let mut document_id = None;
                let mut compression_type = None;
                let mut metadata = Vec::new();
                let mut body = DocumentBody::default();
                while let Some(name) = map.next_key::<String>()? {
                    let is = |known: &str| name.eq_ignore_ascii_case(known);
                    if is(key::DATA) {
                        set(&mut body.data, &name, map.next_value::<Option<_>>()?.map(DocumentData::Text))?;
                    } else if is(key::COMPRESSED_BINARY_DATA) {
                        let inline = |base64| DocumentData::Inline { base64, compression: None };
                        set(&mut body.data, &name, map.next_value::<Option<_>>()?.map(inline))?;
                    } else if is(key::COMPRESSED_BINARY_DATA_FILE_ID) {
                        let container = |file_id| DocumentData::Container { file_id, compression: None };
                        set(&mut body.data, &name, map.next_value::<Option<_>>()?.map(container))?;
                    } else if is(key::COMPRESSION_TYPE) {
                        set(&mut compression_type, &name, map.next_value()?)?;
                    } else if is(key::FILE_EXTENSION) {
                        set(&mut body.file_extension, &name, map.next_value()?)?;
                    } else if is(key::PARENT_ID) {
                        set(&mut body.parent_id, &name, map.next_value()?)?;
                    } else if is(key::PERMISSIONS) {
                        set(&mut body.permissions, &name, map.next_value()?)?;
                    } else if is(key::DOCUMENT_ID) {
                        set(&mut document_id, &name, map.next_value()?)?;
                    } else if is(key::ORDERING_ID) {
                        map.next_value::<IgnoredAny>()?;
                    } else if let Some(value) = map.next_value::<Option<MetadataValue>>()? {
                        metadata.push((name, value));
                    }
                }
                if let Some(name) = body.metadata.set_all(metadata) {
                    return Err(A::Error::custom(format_args!("the key `{name}` comes twice")));
                }
                if let Some(DocumentData::Inline { compression, .. } | DocumentData::Container { compression, .. }) =
                    &mut body.data
                {
                    *compression = compression_type;
                }
                Ok(DocumentWithId { document_id, body })
            }
        }

        fn set<T, E: serde::de::Error>(slot: &mut Option<T>, name: &str, value: Option<T>) -> Result<(), E> {
            if slot.is_some() && value.is_some() {
                return Err(E::custom(format_args!("`{name}` comes twice, or beside another form of data")));
            }
            *slot = value.or(slot.take());
            Ok(())
        }

        deserializer.deserialize_map(Read)
    }
}
