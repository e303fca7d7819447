use serde_json::{Value, json};

use super::object::object_model;

/// A security identity provider to create: [`Platform::create_provider`](crate::Platform::create_provider).
///
/// It is of the type `EXPANDED`, which takes pushes, and its users are found by their e-mail addresses in the
/// `Email Security Provider`.
///
/// ```
/// use coveo_push::platform::NewSecurityProvider;
///
/// let provider = NewSecurityProvider::for_source("Wiki users", "source-id").display_name("The users of the wiki");
/// # let _ = provider;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecurityProvider {
    id: String,
    display_name: Option<String>,
    source_id: String,
    case_sensitive: bool,
}

impl NewSecurityProvider {
    /// A provider for the permissions of a source. Its id can never be changed; it may contain spaces.
    pub fn for_source(id: impl Into<String>, source_id: impl Into<String>) -> Self {
        Self { id: id.into(), display_name: None, source_id: source_id.into(), case_sensitive: false }
    }

    /// The name that the administration console shows. Default: the id.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// Whether `asmith` and `ASMITH` are two identities. Default: no.
    #[must_use]
    pub fn case_sensitive(mut self, case_sensitive: bool) -> Self {
        self.case_sensitive = case_sensitive;
        self
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The source whose permissions name its identities.
    #[must_use]
    pub fn source_id(&self) -> &str {
        &self.source_id
    }

    pub(crate) fn to_json(&self) -> Value {
        let email = "Email Security Provider";
        json!({
            "id": self.id,
            "displayName": self.display_name.as_deref().unwrap_or(&self.id),
            "type": "EXPANDED",
            "nodeRequired": false,
            "caseSensitive": self.case_sensitive,
            "referencedBy": [reference(&self.source_id)],
            "cascadingSecurityProviders": {"EmailSecurityProvider": {"id": email, "name": email, "type": "EMAIL"}},
        })
    }
}

fn reference(source_id: &str) -> Value {
    json!({"id": source_id, "type": "SOURCE"})
}

object_model! {
    /// A security identity provider as the platform has it ([article 85](https://docs.coveo.com/en/85/)). It holds every
    /// key that the service wrote.
    SecurityProviderModel needs ["id"]
}

impl SecurityProviderModel {
    /// The id, for [`PushClient::identities`](crate::PushClient::identities).
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// The name that the administration console shows.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        self.text("displayName")
    }

    /// The type. It is `EXPANDED` for a provider that takes pushes.
    #[must_use]
    pub fn provider_type(&self) -> Option<&str> {
        self.text("type")
    }

    /// The ids of the sources whose permissions name its identities.
    pub fn source_ids(&self) -> impl Iterator<Item = &str> {
        let references = self.get("referencedBy").and_then(Value::as_array).into_iter().flatten();
        references.filter(|reference| is_source(reference)).filter_map(|reference| reference.get("id")?.as_str())
    }

    /// How many of its identities are in error, as the service counted them last.
    #[must_use]
    pub fn identities_in_error(&self) -> Option<u64> {
        self.get("statistics")?.get("numberOfEntitiesInError")?.as_u64()
    }

    /// The same provider for one more source.
    pub(crate) fn with_source(mut self, source_id: &str) -> Self {
        let references = self.0.entry("referencedBy").or_insert_with(|| Value::Array(Vec::new()));
        match references {
            Value::Array(references) => references.push(reference(source_id)),
            other => *other = Value::Array(vec![reference(source_id)]),
        }
        self
    }
}

fn is_source(reference: &Value) -> bool {
    reference.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("SOURCE"))
}
