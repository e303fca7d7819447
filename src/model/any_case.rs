//! Reading JSON keys in any case.
//!
//! Some clients write `allowAnonymous`, others `AllowAnonymous`, and the service accepts both. The models
//! read the JSON of all these clients. Derived implementations match keys exactly, so the models use this
//! macro instead.

use serde::de::Error;

use super::words::shortened;

/// The error about the value of a key, with the key.
pub(super) fn at_key<E: Error>(key: &str, error: E) -> E {
    E::custom(format_args!("`{}`: {error}", shortened(key)))
}

/// The error about a key that a model does not have: its value would be lost.
pub(super) fn unknown_key<E: Error>(key: &str, known: &[&str]) -> E {
    E::custom(format_args!("unknown key `{}`; expected one of {}", shortened(key), known.join(", ")))
}

/// Implements `Deserialize` for a struct and ignores the ASCII case of the keys.
///
/// A `required` field must be present. An `optional` field has its default when it is absent or `null`. A
/// key is a literal or a constant. Another key is an error, because its value would be lost, unless it is one
/// of those that are `ignored` (`_` for any), or there is a [`Metadata`](super::Metadata) for it behind `..`.
macro_rules! deserialize_any_case {
    ($model:ident $(, ignored $ignored:tt)? {
        $($field:ident: $need:ident $($($key:tt)::+)|+),+ $(, ..$rest:ident)? $(,)?
    }) => {
        impl<'de> serde::Deserialize<'de> for $model {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Read;

                impl<'de> serde::de::Visitor<'de> for Read {
                    type Value = $model;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let twice = |key: &str| serde::de::Error::custom(format_args!("the key `{}` comes twice", $crate::model::words::shortened(key)));
                        $(let mut $field = None;)+
                        $(let mut $rest = super::Metadata::new();)?
                        while let Some(key) = map.next_key::<String>()? {
                            $(if $(key.eq_ignore_ascii_case($($key)::+))||+ {
                                if $field.is_some() {
                                    return Err(twice(&key));
                                }
                                $field = Some(deserialize_any_case!(@read $need map key));
                                continue;
                            })+
                            deserialize_any_case!(@other map key twice
                                $(rest $rest)? $(ignored $ignored)? [$($($($key)::+),+),+]);
                        }
                        Ok($model {
                            $($field: deserialize_any_case!(@take $need $field $($($key)::+)|+),)+
                            $($rest,)?
                        })
                    }
                }

                deserializer.deserialize_map(Read)
            }
        }
    };
    (@read required $map:ident $key:ident) => {
        $map.next_value().map_err(|error| super::any_case::at_key(&$key, error))?
    };
    (@read optional $map:ident $key:ident) => {
        $map.next_value::<Option<_>>().map_err(|error| super::any_case::at_key(&$key, error))?
    };
    (@other $map:ident $key:ident $twice:ident rest $rest:ident $known:tt) => {
        let value: Option<super::MetadataValue> = deserialize_any_case!(@read optional $map $key);
        if let Some(value) = value {
            if $rest.contains_key(&$key) {
                return Err($twice(&$key));
            }
            $rest.insert($key, value);
        }
    };
    (@other $map:ident $key:ident $twice:ident ignored _ $known:tt) => {
        $map.next_value::<serde::de::IgnoredAny>()?
    };
    (@other $map:ident $key:ident $twice:ident ignored $ignored:literal $known:tt) => {
        if !$key.eq_ignore_ascii_case($ignored) {
            return Err(super::any_case::unknown_key(&$key, &$known));
        }
        $map.next_value::<serde::de::IgnoredAny>()?;
    };
    (@other $map:ident $key:ident $twice:ident $known:tt) => {
        return Err(super::any_case::unknown_key(&$key, &$known))
    };
    (@take required $field:ident $($key:tt)::+ $(| $($other:tt)::+)*) => {
        match $field {
            Some(value) => value,
            None => return Err(serde::de::Error::missing_field($($key)::+)),
        }
    };
    (@take optional $field:ident $($key:tt)::+ $(| $($other:tt)::+)*) => {
        $field.flatten().unwrap_or_default()
    };
}

pub(super) use deserialize_any_case;
