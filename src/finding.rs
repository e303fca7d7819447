//! A finding: which item breaks which rule of the service, and what to do about it.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::words::{counted, line_of, one_line, shortened, words};

/// What to do about data that the service would accept and then drop.
///
/// As text it is `refuse`, `warn` or `off`, in any case: on a command line, or in a file of settings by
/// serde.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preflight {
    /// It is refused with [`Error::Invalid`](crate::Error::Invalid), and not sent.
    #[default]
    Refuse,
    /// It is sent, and the findings come with the success
    /// ([`Accepted::warnings`](crate::Accepted::warnings)), or in the report of a bulk run
    /// ([`Progress::warned`](crate::report::Progress::warned)), and as tracing events.
    Warn,
    /// It is sent, and not looked for.
    Off,
}

words!(Preflight: "preflight" {
    Refuse => "refuse",
    Warn => "warn",
    Off => "off",
});

macro_rules! rules {
    (
        answered { $($(#[$answered_doc:meta])+ $answered:ident = $answered_code:literal,)+ }
        silent { $($(#[$silent_doc:meta])+ $silent:ident = $silent_code:literal,)+ }
        advice { $($(#[$advice_doc:meta])+ $advice:ident = $advice_code:literal,)+ }
    ) => {
        /// A rule of the service, with a code that does not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$answered_doc])+ $answered,)+
            $($(#[$silent_doc])+ $silent,)+
            $($(#[$advice_doc])+ $advice,)+
        }

        impl Rule {
            pub(crate) const ALL: &[Self] = &[$(Self::$answered,)+ $(Self::$silent,)+ $(Self::$advice,)+];

            /// The code of the rule, for logs and for tests; it does not change.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$answered => $answered_code,)+
                    $(Self::$silent => $silent_code,)+
                    $(Self::$advice => $advice_code,)+
                }
            }

            /// Whether the service would respond with 202 and then drop data that breaks the rule. These rules
            /// follow the [`Preflight`](crate::Preflight) switch; the others always apply.
            #[must_use]
            pub fn is_silent(self) -> bool {
                matches!(self, $(Self::$silent)|+)
            }

            /// Whether it is only advice: what breaks it may be meant. It is sent under any switch, and told as a
            /// warning unless the switch is off.
            #[must_use]
            pub fn is_advice(self) -> bool {
                matches!(self, $(Self::$advice)|+)
            }
        }
    };
}

rules! {
    answered {
        /// A document id is there.
        DocumentIdEmpty = "document-id-empty",
        /// A `documentId` in the item is the one the item is pushed with.
        DocumentIdMismatch = "document-id-mismatch",
        /// The item can be written as JSON, and is an object.
        NotAnObject = "not-an-object",
        /// A document id fits into a URL: it has at most
        /// [`limit::DOCUMENT_ID_BYTES`](crate::preflight::limit::DOCUMENT_ID_BYTES).
        DocumentIdTooLong = "document-id-too-long",
        /// No key of an item comes twice, in whatever case, and no list of a batch: the service refuses the whole batch.
        DuplicateKey = "duplicate-key",
        /// No metadata key is called like a property of the item.
        ReservedKey = "reserved-key",
        /// Every number is one that JSON can hold.
        NumberNotFinite = "number-not-finite",
        /// Every value can be read: its numbers are within the range of fractions of 64 bits, and it is not
        /// nested more than 124 times. JSON allows more; what the service cannot read costs the whole batch.
        ValueUnreadable = "value-unreadable",
        /// `data`, `compressedBinaryData` and `parentId` are text.
        NotText = "not-text",
        /// The id of a file container is text without blanks, as the service gave it.
        FileId = "file-id",
        /// `permissions` is a list, of sets or of levels, in the form of [`Permissions`](crate::Permissions). What
        /// cannot be read as that would cost the whole batch.
        PermissionsUnreadable = "permissions-unreadable",
        /// An item has at most one of `data`, `compressedBinaryData`, `compressedBinaryDataFileId`.
        SeveralData = "several-data",
        /// `fileExtension` begins with a dot.
        FileExtension = "file-extension",
        /// The data inside an item is smaller than [`limit::DATA_BYTES`](crate::preflight::limit::DATA_BYTES).
        DataTooLarge = "data-too-large",
        /// A request is not larger than [`limit::REQUEST_BYTES`](crate::preflight::limit::REQUEST_BYTES).
        RequestTooLarge = "request-too-large",
        /// An upload is not larger than [`limit::CONTAINER_BYTES`](crate::preflight::limit::CONTAINER_BYTES).
        ContainerTooLarge = "container-too-large",
        /// Content can be read to its end.
        ContentUnreadable = "content-unreadable",
        /// A file is the same while it is uploaded.
        ContentChanged = "content-changed",
        /// The content of an item is in its file container when the service carries out the batch.
        ContentExpired = "content-expired",
        /// An operation of a failed batch that is pushed again undoes no later operation.
        OperationConflict = "operation-conflict",
        /// A batch holds something.
        BatchEmpty = "batch-empty",
        /// A batch has only the lists of its kind: `addOrUpdate` and `delete`, or `members`, `mappings` and
        /// `deleted`. Another list would have no effect.
        UnknownList = "unknown-list",
        /// A security identity has a name, which is not blank.
        IdentityNameEmpty = "identity-name-empty",
        /// An id that stands in a path is there and is not `.` or `..`, which no encoding keeps apart
        /// from a step in the path.
        PathSegment = "path-segment",
        /// A compression type is one that the service knows and this program has, and is said once.
        CompressionType = "compression-type",
        /// A delete-older-than has an id that is not more than two seconds ahead of the service's clock. Else the
        /// service ignores all pushes until then.
        OrderingIdAhead = "ordering-id-ahead",
        /// A partial update names a field that is not a property of the item, and has a value that its operator
        /// takes. Null is not one: [`PartialUpdate::clear`](crate::PartialUpdate::clear) says that.
        PartialUpdate = "partial-update",
        /// A queue delay is at most [`i32::MAX`] minutes.
        QueueDelay = "queue-delay",
        /// The name of a source, and the id of a provider, are there.
        NameEmpty = "name-empty",
        /// The name of a field starts with a lower-case letter, has only such letters, digits and `_`, and at most 255
        /// characters.
        FieldName = "field-name",
        /// A source with the name of a new one has its type and its visibility.
        SourceDiffers = "source-differs",
        /// An upload goes to an https URI without user info, and its headers are valid.
        UploadTarget = "upload-target",
    }
    silent {
        /// A document id is a URI of the form `scheme://…`. Else the item is dropped.
        DocumentIdNotAUri = "document-id-not-a-uri",
        /// A document id, and the `parentId` of an item, has no blanks around it and no control characters. Else it
        /// names another item for a system that trims it.
        DocumentIdBlanks = "document-id-blanks",
        /// A document id stands in a batch once, and not below one that is deleted with its children.
        /// Else it is not known which of them the service takes last.
        DocumentIdTwice = "document-id-twice",
        /// `compressedBinaryData` is standard base64. Else the item's data is not read.
        NotBase64 = "not-base64",
        /// `compressedBinaryData` begins like data of its compression type, which is ZLIB where the item does not
        /// say it. Else the item is dropped.
        NotCompressed = "not-compressed",
        /// `date` and `modifiedDate` are text in the form of RFC 3339, such as `2017-11-08T12:18:41.666Z`, or as much
        /// of it as a date. The year is not below 1000. Else the field stays empty.
        DateUnreadable = "date-unreadable",
        /// An item of a catalog has at most
        /// [`limit::STREAM_ITEM_BYTES`](crate::preflight::limit::STREAM_ITEM_BYTES). Whether the service drops a
        /// larger one or answers with an error is not documented.
        ItemTooLarge = "item-too-large",
        /// An item has at most [`limit::PERMISSIONS`](crate::preflight::limit::PERMISSIONS) permissions. Else it is dropped.
        TooManyPermissions = "too-many-permissions",
        /// The name of an identity, or of its provider, has no blanks around it and no control characters. Else it is
        /// another one than the one without them.
        IdentityNameBlanks = "identity-name-blanks",
        /// A permission names an identity. Else the item is dropped.
        PermissionIdentityEmpty = "permission-identity-empty",
        /// A delete-older-than has an id that is not more than five minutes ahead of the local clock. Looked for
        /// while no response has told the service's clock.
        OrderingIdInFuture = "ordering-id-in-future",
        /// An item of a secured source says who may see it. Else it is dropped. Looked for where a run is
        /// [told](crate::PusherBuilder::secured) that the source is secured.
        PermissionsMissing = "permissions-missing",
        /// A permission names an identity that a provider knows. Else the item is dropped. Looked for where
        /// a run is [told](crate::KnownIdentities) who is known.
        PermissionIdentityUnknown = "permission-identity-unknown",
        /// An identity has the same members whenever it is pushed in one run. Else those of the earlier
        /// push are removed from it. Looked for where a run
        /// [compares](crate::PusherBuilder::compare_identities) them.
        IdentityMembersDiffer = "identity-members-differ",
        /// An identity has the same `wellKnowns` whenever it or its aliases are pushed in one run. Else it
        /// loses what it is granted. Looked for likewise.
        WellKnownsDiffer = "well-knowns-differ",
    }
    advice {
        /// The id of a deletion with children ends with `/`. Else it also takes the neighbours whose id begins like
        /// it: `https://example.com/old` takes `https://example.com/older`.
        ChildrenPrefixWithoutSlash = "children-prefix-without-slash",
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// As its code.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        let rule = Self::ALL.iter().find(|rule| rule.code() == code);
        rule.copied().ok_or_else(|| D::Error::custom(format_args!("unknown rule `{}`", shortened(&code))))
    }
}

/// A rule that something breaks: what, which rule, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    item: String,
    rule: Rule,
    message: String,
}

impl Finding {
    pub(crate) fn new(item: impl Into<String>, rule: Rule, message: impl Into<String>) -> Self {
        Self { item: item.into(), rule, message: line_of(1_000, &message.into()) }
    }

    /// What breaks the rule: a document id, the name of an identity, a parameter.
    #[must_use]
    pub fn item(&self) -> &str {
        &self.item
    }

    /// The rule.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The problem and its solution, in one line for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { item, rule, message } = self;
        if !item.is_empty() {
            write!(f, "`{}`: ", one_line(item))?;
        }
        write!(f, "{message} [{rule}]")
    }
}

/// Writes the first of some findings, and how many more there are.
pub(crate) fn first_of(findings: &[Finding], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some((first, others)) = findings.split_first() else { return f.write_str("invalid") };
    write!(f, "{first}")?;
    match others.len() {
        0 => Ok(()),
        more => write!(f, " (and {})", counted(more as u64, "more finding", "more findings")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_read_from_its_word_and_written_as_it() {
        for (switch, word) in [(Preflight::Refuse, "refuse"), (Preflight::Warn, "warn"), (Preflight::Off, "off")] {
            assert_eq!(switch.to_string(), word);
            assert_eq!(serde_json::to_value(switch).unwrap(), word);
            assert_eq!(serde_json::from_value::<Preflight>(word.to_uppercase().into()).unwrap(), switch);
        }
        let error = "on".parse::<Preflight>().unwrap_err();
        assert_eq!(error.to_string(), "unknown preflight `on`; expected one of refuse, warn, off");
    }
}
