//! Reading JSON keys in any case.
//!
//! Some clients write `allowAnonymous`, others `AllowAnonymous`, and the service accepts both. The models
//! read the JSON of all these clients. Derived implementations match keys exactly, so the models use this
//! macro instead.

/// Implements `Deserialize` for a struct and ignores the ASCII case of the keys.
///
/// A `required` field must be present. An `optional` field has its default when it is absent or `null`. A
/// key is a literal or a constant. Other keys are ignored, or go into the [`Metadata`](super::Metadata)
/// behind `..`.
macro_rules! deserialize_any_case {
    ($model:ident { $($field:ident: $need:ident $($($key:tt)::+)|+),+ $(, ..$rest:ident)? $(,)? }) => {
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
                        let twice = |key: &str| serde::de::Error::custom(format_args!("the key `{key}` comes twice"));
                        $(let mut $field = None;)+
                        $(let mut $rest = super::Metadata::new();)?
                        while let Some(key) = map.next_key::<String>()? {
                            $(if $(key.eq_ignore_ascii_case($($key)::+))||+ {
                                if $field.is_some() {
                                    return Err(twice(&key));
                                }
                                $field = Some(deserialize_any_case!(@read $need map));
                                continue;
                            })+
                            deserialize_any_case!(@other map key twice $($rest)?);
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
    (@read required $map:ident) => { $map.next_value()? };
    (@read optional $map:ident) => { $map.next_value::<Option<_>>()? };
    (@other $map:ident $key:ident $twice:ident) => { $map.next_value::<serde::de::IgnoredAny>()? };
    (@other $map:ident $key:ident $twice:ident $rest:ident) => {
        if let Some(value) = $map.next_value::<Option<super::MetadataValue>>()? {
            if $rest.contains_key(&$key) {
                return Err($twice(&$key));
            }
            $rest.insert($key, value);
        }
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
