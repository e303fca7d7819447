//! The public API of `coveo-push`, as a text that a reviewer sees change: `public-api.txt`.

use std::env;

/// Names the JSON that rustdoc has written.
const JSON: &str = "RUSTDOC_JSON";

/// `UPDATE_SNAPSHOTS=yes` writes the snapshot instead.
#[test]
fn the_public_api_is_that_of_the_snapshot() {
    let json = env::var_os(JSON).unwrap_or_else(|| panic!("{JSON} is not set; `.ci/public-api` does that"));
    public_api::Builder::from_rustdoc_json(json)
        // Those every type has. `tests/surface.rs` holds the auto traits.
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .unwrap()
        .assert_eq_or_update("public-api.txt");
}
