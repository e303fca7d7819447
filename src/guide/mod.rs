//! The guide: one page for each task, with a program to copy. No code is in here.
//!
//! | Task | Page |
//! |---|---|
//! | Write a connector, from the first item to a scheduled run | [`first_connector`] |
//! | Create a source, its provider and its fields, and check the key | [`setting_up`] |
//! | Push thousands of items, with every one accounted for | [`many_items`] |
//! | Push single changes for months, from a service or a queue | [`daemons`] |
//! | Push everything again and delete the rest, safely | [`refresh`] |
//! | Push only what changed since the last run, through any crash | [`incremental`] |
//! | Feed a catalog of Coveo for Commerce, or a data collection | [`catalogs`] |
//! | Find out which accepted items are indexed, and why others are not | [`outcomes`] |
//! | Spread one refresh over many machines | [`many_machines`] |
//! | Push users and groups, and decide who sees an item | [`identities_and_permissions`] |
//! | Push HTML, text, a PDF, an attachment, a large file | [`content`] |
//! | Test a connector, with faults and with time | [`testing`] |
//! | Handle errors, retries, rate limits, outages and timeouts | [`errors_and_retries`] |
//! | Configure credentials, regions, proxies and settings files | [`configuration`] |
//! | Find the request behind a method, and its quota | [`operations`] |
//! | Know how fast a run is and how much memory it takes | [`speed`] |
//! | Read the promises of the crate | [`guarantees`] |
//! | Move from the Java, JavaScript or Python client | [`migrating`] |
//!
//! # Examples
//!
//! `cargo run --example NAME` in a checkout; in the published package with `--features test-util,ledger`.
//!
//! | Example | |
//! |---|---|
//! | `quickstart` | every kind of request once |
//! | `items`, `identities`, `sources`, `file_containers` | the requests of one resource |
//! | `setup` | an organization from nothing to an item, and back; or a source to keep |
//! | `refresh` | push everything again and delete the rest |
//! | `outcomes` | the outcomes of accepted items, and why some were dropped |
//! | `catalog` | a catalog of Coveo for Commerce: a refresh, changes of prices, a merge and a load |
//! | `sharded` | one refresh from many machines: a coordinator and its workers |
//! | `wiki` | a whole connector with a ledger, and its tests |
//! | `push_jsonl`, `push_directory` | tools for files, with a ledger if you like |
//! | `daemon` | a service that pushes single changes for months, with metrics and a stop by SIGTERM |
//! | `who_can_see` | a table of people and items, with reasons |
//! | `fake_server` | the fake service on a local port |
//! | `soak` | random runs with random faults, compared with a model (in the repository only) |

macro_rules! pages {
    ($($page:ident = $file:literal,)+) => {
        $(
            // Without the feature its types are not there to link to.
            #[cfg_attr(not(feature = "ledger"), allow(rustdoc::broken_intra_doc_links))]
            #[doc = include_str!($file)]
            pub mod $page {}
        )+
    };
}

pages! {
    first_connector = "first_connector.md",
    setting_up = "setting_up.md",
    many_items = "many_items.md",
    daemons = "daemons.md",
    refresh = "refresh.md",
    incremental = "incremental.md",
    catalogs = "catalogs.md",
    outcomes = "outcomes.md",
    many_machines = "many_machines.md",
    identities_and_permissions = "identities_and_permissions.md",
    content = "content.md",
    testing = "testing.md",
    errors_and_retries = "errors_and_retries.md",
    configuration = "configuration.md",
    operations = "operations.md",
    speed = "speed.md",
    guarantees = "guarantees.md",
    migrating = "migrating.md",
}
