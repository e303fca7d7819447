//! What the README says in tables is what the code says.

use coveo_push::Operation;

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_has_every_operation_with_its_request_and_its_article() {
    for &operation in Operation::ALL {
        let name = operation.name();
        let (handle, method) = name.split_once('.').unwrap();
        let of = match handle {
            "items" => "s",
            "identities" => "p",
            _ => "",
        };
        let path = operation.path();
        let request = match operation {
            Operation::UploadToContainer => format!("`{}` to the URI of the container", operation.method()),
            _ => format!("`{} {path}`", operation.method())
                .replace("{organizationId}", "{o}")
                .replace("{sourceId}", "{s}")
                .replace("{providerId}", "{p}"),
        };
        let article = operation.article();
        let row =
            format!("| `{handle}({of}).{method}` | {request} | [{article}](https://docs.coveo.com/en/{article}/) |");
        assert!(README.contains(&row), "the README lacks the row\n{row}");
    }
}

#[test]
fn the_readme_names_the_minimum_rust_version_of_the_manifest() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    assert!(README.contains(&format!("## Minimum Rust version\n\n{version},")));
}
