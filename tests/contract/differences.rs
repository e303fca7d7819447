//! Where the crate and its fake differ from the contract on purpose.

/// Each with the place, what differs there, and why. One that no longer does fails a test.
///
/// The place is an operation of the crate, or a definition or a tag of the contract, or `*` for all of
/// them.
#[rustfmt::skip]
pub(crate) const DELIBERATE: [(&str, &str, &str); 14] = [
    ("items.add_or_update", "`orderingId` is out of its range: 18446744073709551615",
     "ordering ids above i64::MAX are in use with the service: other products count in nanoseconds or ticks"),
    ("DocumentBody", "`*` is of the type number and not string", METADATA),
    ("DocumentBody", "`*` is of the type boolean and not string", METADATA),
    ("DocumentBody", "`*` is of the type array and not string", METADATA),
    ("DocumentBody", "`*` is of the type object and not string", METADATA),
    ("PermissionSetsModel", "`name` is unknown", LEVELS),
    ("PermissionSetsModel", "`permissionSets` is unknown", LEVELS),
    ("IdentityBody", "`Result` is never sent", RESULT),
    ("MappedIdentityBody", "`Result` is never sent", RESULT),
    ("items.push_container", "an entry of `delete` has no definition",
     "batches go into the storage, so the contract has none; article 90 has this list"),
    ("file_containers.upload", "is no operation of the contract",
     "it goes to Amazon S3, by a URI that the service hands out"),
    ("*", "has a body",
     "the documentation of the Stream API sends an empty object with each call"),
    ("*", "is answered with 411",
     "the fake does as gateways do with a PUT or POST that does not say how long it is"),
    ("*", "is answered with 413",
     "article 63 has it for what is too large"),
];

const METADATA: &str = "the contract says itself that other types than its string are taken";
const LEVELS: &str = "the contract has the simplified model alone, and names the article of the complete one";
const RESULT: &str = "what became of an update; a request has no use for it";
