//! Reading JSON keys in any case.
//!
//! Clients in the field write `allowAnonymous` and `AllowAnonymous`, and the service takes both; a
//! model written by any of them must be readable here. Derived implementations match keys
//! exactly, so the models use this macro instead.

/// Implements `Deserialize` for a struct whose keys are matched without regard to ASCII case.
///
/// A field marked `required` must be there; one marked `optional` takes its default when it is
/// absent or `null`. Keys the model does not know are passed over.
macro_rules! deserialize_any_case {
    ($model:ident { $($field:ident: $need:ident $($key:literal)|+),+ $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $model {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Read;

                impl<'de> serde::de::Visitor<'de> for Read {
                    type Value = $model;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("the JSON object of `", stringify!($model), "`"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        $(let mut $field = None;)+
                        while let Some(key) = map.next_key::<String>()? {
                            $(if $(key.eq_ignore_ascii_case($key))||+ {
                                if $field.is_some() {
                                    return Err(serde::de::Error::custom(format_args!("the key `{key}` comes twice")));
                                }
                                $field = Some(deserialize_any_case!(@read $need map));
                                continue;
                            })+
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                        Ok($model { $($field: deserialize_any_case!(@take $need $field $($key)|+),)+ })
                    }
                }

                deserializer.deserialize_map(Read)
            }
        }
    };
    (@read required $map:ident) => { $map.next_value()? };
    (@read optional $map:ident) => { $map.next_value::<Option<_>>()? };
    (@take required $field:ident $key:literal $(| $other:literal)*) => {
        match $field {
            Some(value) => value,
            None => return Err(serde::de::Error::missing_field($key)),
        }
    };
    (@take optional $field:ident $key:literal $(| $other:literal)*) => {
        $field.flatten().unwrap_or_default()
    };
}

pub(super) use deserialize_any_case;
