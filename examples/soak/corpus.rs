//! The keys of a round: a tree of document ids, and the names of identities.

use std::collections::BTreeSet;

use fastrand::Rng;

/// Document ids that are parents and children of each other; some only share a prefix.
pub(crate) fn document_ids(rng: &mut Rng) -> Vec<String> {
    let most = one_of(rng, [8, 60, 400, 1_500]);
    let wide = rng.u32(2..14);
    let mut ids = BTreeSet::new();
    for _ in 0..most {
        let mut id = format!("soak://{}", rng.u32(..wide));
        for _ in 0..rng.u32(..4) {
            id += &format!("/{}", rng.u32(..wide));
        }
        if rng.u8(..10) == 0 {
            id += "/é \u{1f600}\"\\";
        }
        ids.insert(id);
    }
    ids.into_iter().collect()
}

/// The names of identities, as a failed batch has them.
pub(crate) fn identity_keys(rng: &mut Rng) -> Vec<String> {
    (0..rng.u32(2..60)).map(|number| format!("USER:person {number}")).collect()
}

/// The ids of the products of a catalog.
pub(crate) fn product_ids(rng: &mut Rng) -> Vec<String> {
    let most = one_of(rng, [4, 30, 300]);
    (0..rng.u32(2..most)).map(|number| format!("product://{number}")).collect()
}

/// Keys for the calls of some tasks, each its own.
pub(crate) fn own_keys(prefix: &str, rng: &mut Rng) -> Vec<Vec<String>> {
    let tasks = rng.usize(..5);
    (0..tasks).map(|task| (0..rng.u32(1..6)).map(|number| format!("{prefix}{task}/{number}")).collect()).collect()
}

/// One of them, each as likely as every other.
pub(crate) fn one_of<T: Copy, const N: usize>(rng: &mut Rng, all: [T; N]) -> T {
    #[expect(clippy::indexing_slicing, reason = "the index is below the length")]
    all[rng.usize(..N)]
}
