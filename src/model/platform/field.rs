use std::fmt;

use serde_json::Map;

use super::object::object_model;
use crate::model::words::{one_line, open_words};

/// The type of the values of a field ([article 1833](https://docs.coveo.com/en/1833/)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldType {
    /// Text.
    String,
    /// An integer of 32 bits.
    Long,
    /// An integer of 64 bits.
    Long64,
    /// A fraction.
    Double,
    /// A date and time.
    Date,
    /// A vector.
    Vector,
    /// A word that is not documented.
    Other(String),
}

open_words!(FieldType {
    String => "STRING",
    Long => "LONG",
    Long64 => "LONG_64",
    Double => "DOUBLE",
    Date => "DATE",
    Vector => "VECTOR",
});

object_model! {
    /// A field of the organization ([article 1833](https://docs.coveo.com/en/1833/)). The metadata of a pushed item with
    /// the same name fills it; metadata without a field is lost.
    ///
    /// The name starts with a letter, has only lower-case letters, digits and `_`, and at most 255 characters.
    ///
    /// ```
    /// use coveo_push::platform::{FieldModel, FieldType};
    ///
    /// let tags = FieldModel::string("wikitags").multi_value_facet(true);
    /// let pages = FieldModel::new("wikipages", FieldType::Long64).sort(true);
    /// # let _ = (tags, pages);
    /// ```
    FieldModel needs ["name"]
}

impl FieldModel {
    /// A field of any type.
    pub fn new(name: impl Into<String>, field_type: FieldType) -> Self {
        Self(Map::new()).set("name", name.into()).set("type", field_type.as_str())
    }

    /// A field of text.
    pub fn string(name: impl Into<String>) -> Self {
        Self::new(name, FieldType::String)
    }

    /// A field of dates.
    pub fn date(name: impl Into<String>) -> Self {
        Self::new(name, FieldType::Date)
    }

    /// Whether searches can be narrowed by its value.
    #[must_use]
    pub fn facet(self, facet: bool) -> Self {
        self.set("facet", facet)
    }

    /// Whether searches can be narrowed by each of its values.
    #[must_use]
    pub fn multi_value_facet(self, facet: bool) -> Self {
        self.set("multiValueFacet", facet)
    }

    /// Whether results can be sorted by it.
    #[must_use]
    pub fn sort(self, sort: bool) -> Self {
        self.set("sort", sort)
    }

    /// A description for people.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        self.set("description", description.into())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    /// The type of its values.
    #[must_use]
    pub fn field_type(&self) -> Option<FieldType> {
        self.text("type").map(FieldType::from)
    }
}

/// The result for one field of [`Platform::create_fields`](crate::Platform::create_fields).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldResult {
    name: String,
    outcome: FieldOutcome,
}

/// Whether the organization has a field now: [`FieldResult::outcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldOutcome {
    /// It was created.
    Created,
    /// It was there before, with the same type.
    Exists,
    /// It was there before, with another type. Values that do not fit that type are lost.
    ExistsAs(FieldType),
    /// The service refused to create it, for this reason.
    Failed(String),
    /// The service did not say. Ask again later.
    Unknown,
}

impl FieldResult {
    pub(crate) fn new(name: impl Into<String>, outcome: FieldOutcome) -> Self {
        Self { name: name.into(), outcome }
    }

    /// The name of the field.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its result.
    #[must_use]
    pub fn outcome(&self) -> &FieldOutcome {
        &self.outcome
    }

    /// Whether the organization has the field, with the wanted type.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.outcome, FieldOutcome::Created | FieldOutcome::Exists)
    }
}

impl fmt::Display for FieldResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", one_line(&self.name), self.outcome)
    }
}

impl fmt::Display for FieldOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("created"),
            Self::Exists => f.write_str("exists"),
            Self::ExistsAs(other) => write!(f, "exists with the type {}", one_line(other.as_str())),
            Self::Failed(reason) => write!(f, "failed: {}", one_line(reason)),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_one_line_whatever_the_service_says() {
        let failed = FieldOutcome::Failed("not\nallowed".to_owned());
        let result = FieldResult { name: "a\nb".to_owned(), outcome: failed };
        assert_eq!(result.to_string(), "a b: failed: not allowed");
    }
}
