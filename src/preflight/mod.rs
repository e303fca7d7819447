//! The rules that the service holds items and identities to, checked before anything is sent.
//!
//! Some of them the service answers with an error. Others it does not: it accepts the request with
//! 202 and then drops the item, and nobody is told ([article 63](https://docs.coveo.com/en/63/)).
//! Data that cannot be sent is always refused; data that would be dropped follows the [`Preflight`] switch
//! of the client.
//!
//! What only a whole run can see, such as a group that is pushed twice with other members, is looked for
//! where a run is told to: [`PusherBuilder`](crate::PusherBuilder).
//!
//! The functions here are those that the calls use, for a dry run:
//!
//! ```
//! use coveo_push::{DocumentBody, Rule, preflight};
//!
//! let findings = preflight::item("no uri", &DocumentBody::text("…"));
//! assert_eq!(findings[0].rule(), Rule::DocumentIdNotAUri);
//! ```

mod explain;
mod item_text;
mod items;
mod json_text;
pub mod limit;
mod permissions;
mod platform;
pub(crate) mod run;
mod scanner;
mod stream;
mod values;

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::finding::{Finding, Preflight, Rule};
use crate::model::words::{has_blanks, shortened};
use crate::model::{BatchIdentityBody, Identity, IdentityBody, MappedIdentityBody, OrderingId};

pub(crate) use item_text::{ItemText, text_of};
#[cfg(test)]
pub(crate) use items::document_id;
use items::{BLANKS, empty_batch};
pub use items::{batch, item};
pub(crate) use items::{batch_ids, children_prefix, deletion, file_id, own_id, written_item};
pub(crate) use json_text::{InvalidText, read_model, without_mark};
pub(crate) use platform::{field_name, required_name};
pub(crate) use run::{KnownIdentities, RunValidation, SeenIdentity};
pub(crate) use stream::{checked_merge_batch, checked_partial_update, checked_update_batch, stream_item_size};
pub use stream::{merge_batch, partial_update, update_batch};

/// What of the findings is refused under a switch, or else the warnings that are left.
pub(crate) fn judge(findings: Vec<Finding>, switch: Preflight) -> Result<Vec<Finding>, Vec<Finding>> {
    let is_refused = |finding: &Finding| {
        let rule = finding.rule();
        !rule.is_advice() && (!rule.is_silent() || switch == Preflight::Refuse)
    };
    if findings.iter().any(is_refused) {
        return Err(findings.into_iter().filter(is_refused).collect());
    }
    Ok(if switch == Preflight::Off { Vec::new() } else { findings })
}

/// The findings about the JSON of a batch that has these lists. Its operations are not looked at.
pub(crate) fn batch_text(batch: &[u8], lists: &[&str]) -> Vec<Finding> {
    let ListsOfBatch(parsed) = match serde_json::from_slice(batch) {
        Ok(parsed) => parsed,
        Err(error) => return vec![InvalidText::new(batch, &error).finding("batch")],
    };
    let is_list = |key: &str| lists.iter().any(|list| key.eq_ignore_ascii_case(list));
    if let Some((key, _)) = parsed.iter().find(|(key, _)| !is_list(key)) {
        let message = format!("unknown list `{}`; expected one of {}", shortened(key), lists.join(", "));
        return vec![Finding::new("batch", Rule::UnknownList, message)];
    }
    let mut is_empty = true;
    let mut seen: Vec<String> = Vec::new();
    for (key, list) in parsed {
        if seen.iter().any(|earlier| earlier.eq_ignore_ascii_case(&key)) {
            let message = format!("the batch has the list `{key}` twice; join the two lists");
            return vec![Finding::new("batch", Rule::DuplicateKey, message)];
        }
        match serde_json::from_str::<Option<Vec<IgnoredAny>>>(list.get()) {
            Ok(list) => is_empty &= list.is_none_or(|list| list.is_empty()),
            Err(_) => {
                return vec![Finding::new("batch", Rule::NotAnObject, format!("`{key}` is not a list of operations"))];
            }
        }
        seen.push(key);
    }
    is_empty.then(empty_batch).into_iter().collect()
}

/// The lists of a batch as they are written: one that comes twice is there twice.
struct ListsOfBatch<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for ListsOfBatch<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists;

        impl<'de> Visitor<'de> for Lists {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a batch (a JSON object)")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut lists = Vec::new();
                while let Some(list) = map.next_entry()? {
                    lists.push(list);
                }
                Ok(lists)
            }
        }

        deserializer.deserialize_map(Lists).map(Self)
    }
}

/// The findings about a security identity.
#[must_use]
pub fn identity(body: &IdentityBody) -> Vec<Finding> {
    let IdentityBody { identity, members, well_knowns } = body;
    names(identity, [members, well_knowns].into_iter().flatten().flatten().map(|member| &member.name))
}

/// The findings about a security identity and its aliases.
#[must_use]
pub fn alias(body: &MappedIdentityBody) -> Vec<Finding> {
    let MappedIdentityBody { identity, mappings, well_knowns } = body;
    let aliases = mappings.iter().map(|alias| &alias.name);
    let mut findings = names(identity, aliases.chain(well_knowns.iter().flatten().map(|granted| &granted.name)));
    let providers = mappings.iter().filter_map(|alias| alias.provider.as_deref());
    if findings.is_empty()
        && let Some(provider) = providers.into_iter().find(|provider| has_blanks(provider))
    {
        let message = format!("the provider {:?} {BLANKS}", shortened(provider));
        findings.push(Finding::new(&identity.name, Rule::IdentityNameBlanks, message));
    }
    findings
}

/// The findings about a batch of security identities.
#[must_use]
pub fn identity_batch(batch: &BatchIdentityBody) -> Vec<Finding> {
    let mut findings = Vec::new();
    if batch.is_empty() {
        findings.push(empty_batch());
    }
    findings.extend(batch.members.iter().flat_map(identity));
    findings.extend(batch.mappings.iter().flat_map(alias));
    findings.extend(batch.deleted.iter().flat_map(|deleted| names(deleted, [])));
    findings
}

pub(crate) fn names<'a>(identity: &'a Identity, others: impl IntoIterator<Item = &'a String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, name) in std::iter::once(&identity.name).chain(others).enumerate() {
        if name.trim().is_empty() {
            let message = match number {
                0 => "a security identity has no name; give it the one its provider knows",
                _ => "a member, an alias or a granted identity has no name; leave it out or name it",
            };
            return vec![Finding::new(&identity.name, Rule::IdentityNameEmpty, message)];
        }
        if findings.is_empty() && has_blanks(name) {
            let message = format!("the name {:?} {BLANKS}", shortened(name));
            findings.push(Finding::new(&identity.name, Rule::IdentityNameBlanks, message));
        }
    }
    findings
}

/// A duration as the service counts it: a part of a minute is a whole one.
pub(crate) fn minutes(delay: Duration) -> u128 {
    const MINUTE: u128 = 60_000_000_000;
    delay.as_nanos().div_ceil(MINUTE)
}

/// The findings about the delay of a deletion.
pub(crate) fn queue_delay(delay: Duration) -> Option<Finding> {
    let (minutes, most) = (minutes(delay), i32::MAX);
    let message = || format!("the service takes at most {most} minutes; the default is 15");
    (minutes > most as u128).then(|| Finding::new(format!("{minutes} minutes"), Rule::QueueDelay, message()))
}

/// The findings about the size of a request for one item, identity or alias.
pub(crate) fn request_size(bytes: usize, item: &str) -> Option<Finding> {
    let most = limit::REQUEST_BYTES;
    let message = || format!("the request has {bytes} bytes and the service takes {most}; push it in a batch");
    (bytes > most).then(|| Finding::new(item, Rule::RequestTooLarge, message()))
}

/// The findings about the size of an upload.
pub(crate) fn container_size(bytes: u64, item: &str) -> Option<Finding> {
    let most = limit::CONTAINER_BYTES;
    let message = || format!("the upload has {bytes} bytes and a file container takes {most}; cut it into parts");
    (bytes > most).then(|| Finding::new(item, Rule::ContainerTooLarge, message()))
}

/// The findings about content that does not fit into a container, with its size where it was read to its end.
pub(crate) fn content_too_large(document_id: &str, name: &str, bytes: Option<u64>) -> Finding {
    let most = limit::CONTAINER_BYTES;
    let size = bytes.map_or(format!("more than {most} bytes once compressed"), |bytes| format!("{bytes} bytes"));
    let message = format!("{name} has {size} and a file container takes {most}; cut it, or push a part of it");
    Finding::new(document_id, Rule::ContainerTooLarge, message)
}

/// The findings about the boundary of a delete-older-than.
pub(crate) fn older_than(id: OrderingId, there: Option<SystemTime>, here: SystemTime) -> Option<Finding> {
    let (rule, clock, latest) = match there {
        Some(there) => (Rule::OrderingIdAhead, "service's", there + Duration::from_secs(2)),
        None => (Rule::OrderingIdInFuture, "local", here + Duration::from_secs(300)),
    };
    let message = format!(
        "this ordering id is ahead of the {clock} clock, read as milliseconds since 1970, and the service would ignore \
         all that is pushed until then; take an earlier one, or set `own_ordering_scheme`"
    );
    (id > OrderingId::from_time(latest)).then(|| Finding::new(id.to_string(), rule, message))
}

#[cfg(test)]
mod tests;
