//! What the crate sends and what its fake answers, against the service's machine-readable contract.
//!
//! The contract is no part of this repository: the variable `PUSH_API_CONTRACT` names the file, which
//! is Swagger 2.0 in YAML. Without it the crate and its fake are checked against the table in `facts.rs`, and the
//! other tests say that they were skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "helpers of tests are tests, too"
)]

mod answers;
mod calls;
mod checker;
mod contract;
mod differences;
mod exchanges;
mod facts;
mod log_facts;
mod platform;
mod requests;
mod schema;

use std::env;
use std::fs;
use std::io::{self, Write};

use coveo_push::{Operation, Region};

use contract::Contract;
use differences::DELIBERATE;
use facts::FACTS;
use schema::{Found, Names};

/// Names the file.
const FILE: &str = "PUSH_API_CONTRACT";

/// The contract, where there is one.
fn contract() -> Option<Contract> {
    match env::var_os(FILE) {
        Some(file) => Some(Contract::parse(&fs::read_to_string(&file).unwrap())),
        None => {
            // Not by `println`, which nobody sees of a test that passes.
            let line = format!("SKIPPED: {FILE} is not set, so nothing is held against the contract\n");
            let _ = io::stderr().write_all(line.as_bytes());
            None
        }
    }
}

/// The operations that the two have, in both directions.
fn operations(contract: &Contract) -> Found {
    let mut found = Found::default();
    if contract.base_url() != Region::UsEast.base_url() {
        found.differs("*", format!("the base URL is {}", contract.base_url()));
    }
    let is_lacking = |operation: &Operation| contract.call(*operation).is_none();
    for operation in Operation::ALL.iter().copied().filter(facts::is_of_the_contract).filter(is_lacking) {
        found.differs(operation.name(), "is no operation of the contract");
    }
    for (path, calls) in &contract.paths {
        for (method, call) in calls {
            let is_known = Operation::ALL
                .iter()
                .any(|known| known.path() == path && known.method().as_str().eq_ignore_ascii_case(method));
            if !is_known {
                found.differs(&call.tags.join(", "), "is no operation of the crate");
            }
        }
    }
    found
}

fn is_row(row: &(&str, &str, &str), (place, what): &(String, String)) -> bool {
    (row.0 == place || row.0 == "*") && row.1 == what
}

#[track_caller]
fn has_no_other_than_the_deliberate(differences: &Names) {
    let others: Vec<String> = differences
        .iter()
        .filter(|difference| !DELIBERATE.iter().any(|row| is_row(row, difference)))
        .map(|(place, what)| format!("{place}: {what}"))
        .collect();
    assert!(others.is_empty(), "this differs from the contract:\n{}", others.join("\n"));
}

#[tokio::test]
async fn the_crate_sends_nothing_that_the_contract_does_not_know_and_all_that_it_requires() {
    let Some(contract) = contract() else { return };
    has_no_other_than_the_deliberate(&requests::check(&contract, &calls::every_call().await).differences);
}

#[tokio::test]
async fn every_parameter_property_and_word_of_the_contract_can_be_sent() {
    let Some(contract) = contract() else { return };
    let sent = requests::check(&contract, &calls::every_call().await);
    has_no_other_than_the_deliberate(&requests::unsent(&contract, &sent).differences);
}

#[tokio::test]
async fn the_fake_answers_what_the_contract_declares() {
    let Some(contract) = contract() else { return };
    let exchanges = calls::every_call().await;
    has_no_other_than_the_deliberate(&answers::check(&contract, &exchanges).differences);
    let refusals = answers::refusals(&contract, &exchanges).await;
    has_no_other_than_the_deliberate(&answers::check(&contract, &refusals).differences);
}

#[tokio::test]
async fn the_fake_can_be_made_to_answer_every_error_that_the_contract_declares() {
    let Some(contract) = contract() else { return };
    let refusals = answers::refusals(&contract, &calls::every_call().await).await;
    for &operation in Operation::ALL {
        let Some(call) = contract.call(operation) else { continue };
        for status in call.responses.keys().filter(|status| status.starts_with(['4', '5'])) {
            let is_answer = |exchange: &&exchanges::Exchange| {
                exchange.request.operation() == Some(operation) && exchange.answer.status().as_str() == status
            };
            assert!(
                refusals.iter().any(|exchange| is_answer(&exchange)),
                "{operation} is never answered with {status}"
            );
        }
    }
}

#[test]
fn every_operation_of_the_contract_is_one_of_the_crate_and_the_other_way_round() {
    let Some(contract) = contract() else { return };
    has_no_other_than_the_deliberate(&operations(&contract).differences);
}

#[tokio::test]
async fn what_differs_on_purpose_still_differs() {
    let Some(contract) = contract() else { return };
    let exchanges = calls::every_call().await;
    let sent = requests::check(&contract, &exchanges);
    let mut all = requests::unsent(&contract, &sent).differences;
    all.extend(sent.differences);
    all.extend(answers::check(&contract, &exchanges).differences);
    all.extend(answers::check(&contract, &answers::refusals(&contract, &exchanges).await).differences);
    all.extend(operations(&contract).differences);
    for row in &DELIBERATE {
        assert!(all.iter().any(|difference| is_row(row, difference)), "{}: {} no longer differs", row.0, row.1);
    }
}

#[test]
fn the_table_of_facts_has_each_operation_of_the_push_and_stream_api_once() {
    let known: std::collections::HashSet<_> = FACTS.iter().map(facts::Fact::operation).collect();
    assert_eq!((known.len(), FACTS.len()), (23, 23));
}

#[test]
fn the_table_of_facts_is_that_of_the_contract() {
    let Some(contract) = contract() else { return };
    let differences: Vec<_> = FACTS.iter().flat_map(|fact| fact.against(&contract)).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    let calls: usize = contract.paths.values().map(|calls| calls.len()).sum();
    assert_eq!(calls, FACTS.len());
}

#[tokio::test]
async fn the_crate_sends_and_its_fake_answers_what_the_table_of_facts_says() {
    let exchanges = calls::every_call().await;
    let differences: Vec<_> = FACTS.iter().flat_map(|fact| fact.against_exchanges(&exchanges)).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    for fact in FACTS {
        let is_success = |it: &&exchanges::Exchange| {
            it.request.operation() == Some(fact.operation()) && it.answer.status() == fact.success()
        };
        assert!(exchanges.iter().any(|it| is_success(&it)), "{} is never answered with its success", fact.operation());
    }
}

#[tokio::test]
async fn the_fake_wants_a_content_type_where_the_table_of_facts_says() {
    let operations: Vec<_> = FACTS.iter().map(facts::Fact::operation).collect();
    let refused = answers::refused_without_content_type(&operations, &calls::every_call().await).await;
    let expected: Vec<_> = FACTS.iter().filter(|fact| fact.consumes_json()).map(facts::Fact::operation).collect();
    assert_eq!(refused, expected);
}
