//! The query parameters of a request and their values.

use std::str::FromStr;

use super::response::Refusal;
use crate::model::OrderingId;

/// The decoded pairs of a query, in order.
pub(super) type Pairs = Vec<(String, String)>;

pub(super) fn pairs(query: Option<&str>) -> Pairs {
    query.map_or_else(Vec::new, |query| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

/// A parameter; an empty one counts as absent.
pub(super) fn get<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

pub(super) fn required<'a>(pairs: &'a Pairs, name: &str) -> Result<&'a str, Refusal> {
    get(pairs, name).ok_or_else(|| Refusal::missing_parameter(name))
}

pub(super) fn parsed<T: FromStr>(pairs: &Pairs, name: &str) -> Result<Option<T>, Refusal> {
    get(pairs, name)
        .map(|value| {
            let refuse = |_| Refusal::invalid_parameter(format!("'{value}' is not a valid value for '{name}'."));
            value.parse().map_err(refuse)
        })
        .transpose()
}

pub(super) fn parsed_required<T: FromStr>(pairs: &Pairs, name: &str) -> Result<T, Refusal> {
    parsed(pairs, name)?.ok_or_else(|| Refusal::missing_parameter(name))
}

/// True or false, in any case.
pub(super) fn flag(pairs: &Pairs, name: &str) -> Result<Option<bool>, Refusal> {
    let lower = |value: &str| (name.to_owned(), value.to_ascii_lowercase());
    parsed(&get(pairs, name).map(lower).into_iter().collect(), name)
}

pub(super) fn ordering_id(pairs: &Pairs) -> Result<Option<OrderingId>, Refusal> {
    parsed(pairs, "orderingId")
}
