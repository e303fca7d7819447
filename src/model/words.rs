//! Enums that are one word in JSON, in settings and on screen.

/// A word that names no value of an enum, such as `brotli` for a
/// [`CompressionType`](crate::CompressionType).
///
/// It is the error of every enum that is parsed from one word. `?` turns it into an
/// [`Error::Config`](crate::Error::Config).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{word}`; expected one of {}", expected.join(", "))]
pub struct ParseEnumError {
    what: &'static str,
    word: String,
    expected: &'static [&'static str],
}

impl ParseEnumError {
    pub(crate) fn new(what: &'static str, word: &str, expected: &'static [&'static str]) -> Self {
        Self { what, word: shortened(word), expected }
    }
}

/// A count with its words, which differ for one and for many.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The text in one line of at most so many characters: control characters become spaces.
pub(crate) fn line_of(longest: usize, text: &str) -> String {
    let mut line: String = text.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

/// An id or a text of the service, as part of a message.
pub(crate) fn one_line(text: &str) -> String {
    line_of(300, text)
}

/// A key or a value, as part of a message.
pub(crate) fn shortened(text: &str) -> String {
    line_of(40, text)
}

/// Whether a text has blanks around it, or control characters.
pub(crate) fn has_blanks(text: &str) -> bool {
    text.trim().len() < text.len() || text.contains(char::is_control)
}

/// Implements `FromStr` and `Deserialize` for an enum. ASCII case, underscores and surrounding white space
/// are ignored.
macro_rules! parse_words {
    ($name:ident: $what:literal { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl std::str::FromStr for $name {
            type Err = $crate::model::ParseEnumError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let plain = text.trim().replace('_', "");
                $(if plain.eq_ignore_ascii_case($word) {
                    return Ok(Self::$variant);
                })+
                Err($crate::model::ParseEnumError::new($what, text, &[$($word),+]))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Implements `as_str`, `Display`, `Serialize`, `FromStr` and `Deserialize` for an enum. It is written
/// as the given word, and parsed in any case.
macro_rules! words {
    ($name:ident: $what:literal { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// The value as one word, as it is written in JSON and in settings.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        $crate::model::words::write_words!($name);

        $crate::model::words::parse_words!($name: $what { $($variant => $word),+ });
    };
}

/// Implements `Display` and `Serialize` by `as_str`.
macro_rules! write_words {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

/// Implements `as_str`, `Display`, `From`, `Serialize` and `Deserialize` for an enum of the service's words that may get
/// more: an unknown word is kept in its variant `Other(String)`. Words are read in any case.
macro_rules! open_words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// The word as the service writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                $(if word.eq_ignore_ascii_case($word) {
                    return Self::$variant;
                })+
                Self::Other(word.to_owned())
            }
        }

        $crate::model::words::write_words!($name);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(&*word))
            }
        }
    };
}

pub(crate) use open_words;
pub(crate) use parse_words;
pub(crate) use words;
pub(crate) use write_words;

#[cfg(test)]
mod tests {
    use crate::CompressionType;

    #[test]
    fn an_unknown_word_is_shown_in_one_short_line() {
        let table = [
            ("brotli", "brotli".to_owned()),
            ("a\nb", "a b".to_owned()),
            (&"x".repeat(40), "x".repeat(40)),
            (&"ü".repeat(41), format!("{}…", "ü".repeat(40))),
        ];
        for (word, shown) in table {
            let message = word.parse::<CompressionType>().unwrap_err().to_string();
            let words = "UNCOMPRESSED, DEFLATE, GZIP, LZMA, ZLIB";
            assert_eq!(message, format!("unknown compression type `{shown}`; expected one of {words}"));
        }
    }
}
