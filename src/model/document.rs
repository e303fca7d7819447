use serde::de::Error as _;
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::any_case::deserialize_any_case;
use super::words::shortened;
use super::{CompressionType, DateTime, Metadata, MetadataValue, PermanentId, Permissions, document_keys as key};

/// An item to push: its data, its metadata and its permissions
/// ([articles 78](https://docs.coveo.com/en/78/), [73](https://docs.coveo.com/en/73/) and
/// [115](https://docs.coveo.com/en/115/)).
///
/// It does not include the item's URI, which is an argument of each call. A
/// [`BatchDocument`](super::BatchDocument) holds both.
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
/// It cannot be serialized when its metadata has a reserved key (`data`, `permissions`, `documentId`, …)
/// or contains a number that JSON cannot hold. The error names the key, and so does the finding when such
/// an item is sent.
///
/// Reading an item from JSON ignores its `documentId` and its `orderingId`, which are arguments of a call.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct DocumentBody {
    /// The data, in one of three forms. Optional: an item may have only metadata.
    pub data: Option<DocumentData>,
    /// The extension of the data's format, with a leading dot: `.html`. The indexing pipeline chooses by it how to
    /// read the data; without one it has to guess what compressed bytes or a text are.
    pub file_extension: Option<String>,
    /// The URI of the item that this item is an attachment of
    /// ([article 57](https://docs.coveo.com/en/57/)).
    pub parent_id: Option<String>,
    /// The users who may see the item. Never public by default: nothing is sent when unset.
    pub permissions: Option<Permissions>,
    /// The metadata, from which the service fills fields.
    pub metadata: Metadata,
}

/// The data of an item, in one of three forms ([article 73](https://docs.coveo.com/en/73/)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentData {
    /// Plain text (`data`), smaller than 5 MB.
    Text(String),
    /// Bytes inside the item (`compressedBinaryData`), smaller than 5 MB once encoded.
    #[non_exhaustive]
    Inline {
        /// The bytes, compressed or not, in standard base64.
        base64: String,
        /// How the bytes are compressed. The service's default is [`ZLib`](CompressionType::ZLib).
        compression: Option<CompressionType>,
    },
    /// Bytes that were uploaded to a file container (`compressedBinaryDataFileId`), not in base64
    /// ([article 69](https://docs.coveo.com/en/69/)).
    #[non_exhaustive]
    Container {
        /// The container's id.
        file_id: String,
        /// How the bytes are compressed. The service's default is [`ZLib`](CompressionType::ZLib).
        compression: Option<CompressionType>,
    },
}

impl DocumentData {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Bytes that are already in standard base64. With `None` as their compression, the service takes them
    /// for [`ZLib`](CompressionType::ZLib).
    pub fn inline(base64: impl Into<String>, compression: impl Into<Option<CompressionType>>) -> Self {
        Self::Inline { base64: base64.into(), compression: compression.into() }
    }

    /// Bytes that were uploaded to a file container. With `None` as their compression, the service takes
    /// them for [`ZLib`](CompressionType::ZLib).
    pub fn container(file_id: impl Into<String>, compression: impl Into<Option<CompressionType>>) -> Self {
        Self::Container { file_id: file_id.into(), compression: compression.into() }
    }

    /// How the data is compressed, if it says so.
    #[must_use]
    pub fn compression(&self) -> Option<CompressionType> {
        match self {
            Self::Text(_) => None,
            Self::Inline { compression, .. } | Self::Container { compression, .. } => *compression,
        }
    }

    /// The key of the data in JSON, and its value.
    fn entry(&self) -> (&'static str, &str) {
        match self {
            Self::Text(text) => (key::DATA, text),
            Self::Inline { base64, .. } => (key::COMPRESSED_BINARY_DATA, base64),
            Self::Container { file_id, .. } => (key::COMPRESSED_BINARY_DATA_FILE_ID, file_id),
        }
    }
}

impl DocumentBody {
    /// An item without data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An item whose data is text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new().data(DocumentData::text(text))
    }

    /// An item whose data is an HTML page: the text, and the file extension `.html`, without which the service does
    /// not know that the text is HTML.
    pub fn html(html: impl Into<String>) -> Self {
        Self::text(html).file_extension(".html")
    }

    /// An item whose data is bytes, as [`DocumentData::inline`] takes them.
    pub fn inline(base64: impl Into<String>, compression: impl Into<Option<CompressionType>>) -> Self {
        Self::new().data(DocumentData::inline(base64, compression))
    }

    /// An item whose data was uploaded to a file container, as [`DocumentData::container`] takes it.
    pub fn container(file_id: impl Into<String>, compression: impl Into<Option<CompressionType>>) -> Self {
        Self::new().data(DocumentData::container(file_id, compression))
    }

    /// Sets the data.
    #[must_use]
    pub fn data(mut self, data: DocumentData) -> Self {
        self.data = Some(data);
        self
    }

    /// The extension of the data's format, with a leading dot: `.html`. The indexing pipeline chooses by it how to
    /// read the data; without one it has to guess what compressed bytes or a text are.
    #[must_use]
    pub fn file_extension(mut self, extension: impl Into<String>) -> Self {
        self.file_extension = Some(extension.into());
        self
    }

    /// The URI of the item that this item is an attachment of
    /// ([article 57](https://docs.coveo.com/en/57/)). For folding in search results, see
    /// [`folding`](Self::folding).
    #[must_use]
    pub fn parent_id(mut self, uri: impl Into<String>) -> Self {
        self.parent_id = Some(uri.into());
        self
    }

    /// The users who may see the item.
    #[must_use]
    pub fn permissions(mut self, permissions: impl Into<Permissions>) -> Self {
        self.permissions = Some(permissions.into());
        self
    }

    /// Sets a metadata value. It replaces the value of the same key in any case.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.metadata.insert(key, value);
        self
    }

    /// Sets a metadata value if there is one; `None` changes nothing.
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

    /// Sets several metadata values, as [`metadata`](Self::metadata) does.
    #[must_use]
    pub fn metadata_all<K: Into<String>, V: Into<MetadataValue>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.metadata.extend(pairs);
        self
    }

    /// The date (`date`).
    #[must_use]
    pub fn date(self, date: impl Into<DateTime>) -> Self {
        self.metadata("date", date.into())
    }

    /// The date of the last change (`modifiedDate`).
    #[must_use]
    pub fn modified_date(self, date: impl Into<DateTime>) -> Self {
        self.metadata("modifiedDate", date.into())
    }

    /// A stable id, which stays when the item's URI changes (`permanentid`).
    #[must_use]
    pub fn permanent_id(self, id: impl Into<PermanentId>) -> Self {
        self.metadata("permanentid", id.into().as_str())
    }

    /// The kind of an item of a catalog (`objecttype`): `Product`, `Variant`, `Availability`, or another one of the
    /// catalog configuration.
    #[must_use]
    pub fn object_type(self, object_type: impl Into<String>) -> Self {
        self.metadata("objecttype", object_type.into())
    }

    /// The languages in which the item is written (`language`).
    #[must_use]
    pub fn language(self, languages: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let languages: Vec<String> = languages.into_iter().map(Into::into).collect();
        self.metadata("language", languages)
    }

    /// Folds the item into a collection of search results, such as a conversation
    /// ([article 1884](https://docs.coveo.com/en/1884/)): the name of the collection
    /// (`foldingcollection`), the key of the item's children (`foldingchild`) and the key of its parent
    /// (`foldingparent`).
    #[must_use]
    pub fn folding(self, collection: impl Into<String>, child: impl Into<String>, parent: impl Into<String>) -> Self {
        self.metadata("foldingcollection", collection.into())
            .metadata("foldingchild", child.into())
            .metadata("foldingparent", parent.into())
    }

    pub(super) fn serialize_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self { data, file_extension, parent_id, permissions, metadata } = self;
        for (key, value) in metadata {
            if key::property(key.as_bytes()).is_some() {
                return Err(M::Error::custom(format_args!("`{key}` {}", key::IS_RESERVED)));
            }
            if let Some(number) = value.not_finite() {
                let key = shortened(key);
                return Err(M::Error::custom(format_args!("`{key}` contains {number}, {}", key::IS_NOT_FINITE)));
            }
            if *value != MetadataValue::Null {
                map.serialize_entry(key, value)?;
            }
        }
        if let Some((key, value)) = data.as_ref().map(DocumentData::entry) {
            map.serialize_entry(key, value)?;
        }
        write(map, key::COMPRESSION_TYPE, data.as_ref().and_then(DocumentData::compression).as_ref())?;
        write(map, key::FILE_EXTENSION, file_extension.as_ref())?;
        write(map, key::PARENT_ID, parent_id.as_ref())?;
        write(map, key::PERMISSIONS, permissions.as_ref())
    }
}

fn write<M: SerializeMap>(map: &mut M, key: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

macro_rules! metadata_setters {
    ($($(#[$doc:meta])+ $name:ident => $key:literal),+ $(,)?) => {
        impl DocumentBody {
            $($(#[$doc])+
            #[must_use]
            pub fn $name(self, $name: impl Into<String>) -> Self {
                self.metadata($key, $name.into())
            })+
        }
    };
}

metadata_setters! {
    /// The title in search results (`title`).
    title => "title",
    /// The target of a click on a search result (`clickableUri`), when it differs from the item's URI.
    clickable_uri => "clickableUri",
    /// The URI that people see (`printableUri`).
    printable_uri => "printableUri",
    /// The author (`author`).
    author => "author",
    /// The name of the file (`filename`).
    file_name => "filename",
    /// The kind of document (`documenttype`).
    document_type => "documenttype",
    /// The kind of source (`sourcetype`).
    source_type => "sourcetype",
}

impl Serialize for DocumentBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_entries(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for DocumentBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize_with_id(deserializer).map(|(_, body)| body)
    }
}

/// The JSON of an item.
struct Wire {
    document_id: Option<String>,
    data: Option<String>,
    inline: Option<String>,
    file_id: Option<String>,
    compression: Option<CompressionType>,
    file_extension: Option<String>,
    parent_id: Option<String>,
    permissions: Option<Permissions>,
    metadata: Metadata,
}

deserialize_any_case!(Wire {
    document_id: optional key::DOCUMENT_ID,
    data: optional key::DATA,
    inline: optional key::COMPRESSED_BINARY_DATA,
    file_id: optional key::COMPRESSED_BINARY_DATA_FILE_ID,
    compression: optional key::COMPRESSION_TYPE,
    file_extension: optional key::FILE_EXTENSION,
    parent_id: optional key::PARENT_ID,
    permissions: optional key::PERMISSIONS,
    ..metadata,
});

impl DocumentBody {
    /// Reads an item and its `documentId`, if it has one.
    pub(super) fn deserialize_with_id<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<(Option<String>, Self), D::Error> {
        let Wire {
            document_id,
            data,
            inline,
            file_id,
            compression,
            file_extension,
            parent_id,
            permissions,
            mut metadata,
        } = Wire::deserialize(deserializer)?;
        let mut forms = [
            data.map(DocumentData::text),
            inline.map(|base64| DocumentData::inline(base64, compression)),
            file_id.map(|file_id| DocumentData::container(file_id, compression)),
        ]
        .into_iter()
        .flatten();
        let data = forms.next();
        if forms.next().is_some() {
            return Err(D::Error::custom(
                "an item has one of data, compressedBinaryData and compressedBinaryDataFileId; keep one",
            ));
        }
        metadata.remove(key::ORDERING_ID);
        Ok((document_id, Self { data, file_extension, parent_id, permissions, metadata }))
    }
}
