//! The service's limits ([article 63](https://docs.coveo.com/en/63/)). Where it says MB and not
//! whether 1,000,000 or 1,048,576 bytes are meant, the smaller reading is taken.

/// The longest document id in bytes. The service publishes no number; a longer one does not fit into every URL.
pub const DOCUMENT_ID_BYTES: usize = 20_000;
/// The largest request for one item, identity or alias, in bytes: 6 MB.
pub const REQUEST_BYTES: usize = 6_000_000;
/// The data inside an item is smaller than this many bytes: 5 MB.
pub const DATA_BYTES: usize = 5_000_000;
/// The largest item of a catalog, in bytes: 3 MB.
pub const STREAM_ITEM_BYTES: usize = 3_000_000;
/// The largest upload into a file container, in bytes: 256 MB.
pub const CONTAINER_BYTES: u64 = 256_000_000;
/// The most permissions that an item may have, over all its sets.
pub const PERMISSIONS: usize = 5_000;
