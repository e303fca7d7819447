//! JSON text as its caller has it, perhaps with a byte order mark or in UTF-16, and why it is invalid.

use serde::de::DeserializeOwned;
use serde_json::Error;

use super::explain::explain;
use crate::finding::{Finding, Rule};
use crate::model::document_keys as key;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why a value or a text is not the JSON of an item.
#[derive(Debug, Clone)]
pub(crate) struct InvalidText {
    rule: Rule,
    message: String,
}

impl InvalidText {
    /// Names the encoding where that is the reason.
    pub(super) fn new(text: &[u8], error: &Error) -> Self {
        let message = match text {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => {
                "the text is UTF-16; encode it as UTF-8".to_owned()
            }
            _ if is_at_mark(text, error) => {
                let (line, column) = (error.line(), error.column());
                format!("there is a byte order mark inside the text, at line {line}, column {column}; take it out")
            }
            _ => explain(error, text, 0),
        };
        Self { rule: Rule::NotAnObject, message }
    }

    pub(crate) fn finding(self, document_id: &str) -> Finding {
        Finding::new(document_id, self.rule, self.message)
    }
}

/// The value cannot be written as JSON.
impl From<Error> for InvalidText {
    fn from(error: Error) -> Self {
        // serde lets an error of a model carry text only.
        let message = error.to_string();
        let rule = if message.ends_with(key::IS_RESERVED) {
            Rule::ReservedKey
        } else if message.ends_with(key::IS_NOT_FINITE) {
            Rule::NumberNotFinite
        } else {
            Rule::NotAnObject
        };
        Self { rule, message }
    }
}

/// Reads a model.
pub(crate) fn read_model<T: DeserializeOwned>(text: &[u8]) -> Result<T, InvalidText> {
    let text = without_mark(text);
    serde_json::from_slice(text).map_err(|error| InvalidText::new(text, &error))
}

/// The text without a byte order mark at its start.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Whether the parser stopped at a byte order mark.
fn is_at_mark(text: &[u8], error: &Error) -> bool {
    let line = text.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
    let rest = line.and_then(|line| line.get(error.column().saturating_sub(1)..));
    rest.is_some_and(|rest| rest.starts_with(BYTE_ORDER_MARK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IdentityBody;
    use crate::preflight::ItemText;

    const GROUP: &str = r#"{"identity":{"name":"g","type":"GROUP"}}"#;

    #[test]
    fn a_byte_order_mark_at_the_start_is_skipped() {
        assert_eq!(ItemText::read("\u{feff} {\"a\":1}\n".into()).unwrap().json(), br#"{"a":1}"#);
        let group = format!("\u{feff}{GROUP}");
        assert_eq!(read_model::<IdentityBody>(group.as_bytes()).unwrap(), IdentityBody::group("g"));
    }

    #[test]
    fn only_the_white_space_of_json_around_an_item_is_left_out() {
        for around in [" ", "\t\r\n ", "\u{c}", "\u{b}", "\u{a0}", "\0", "\u{c}\n"] {
            let text = format!("{around}{{\"a\":1}}{around}");
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(ItemText::read(text.as_str().into()).is_ok(), is_json, "{text:?}");
            let owned = ItemText::read(text.into());
            assert!(owned.map_or(!is_json, |item| item.json() == br#"{"a":1}"#), "{around:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_elsewhere_and_utf_16_are_named() {
        let message = |text: &str| ItemText::read(text.into()).unwrap_err().message;
        for text in ["\u{feff}\u{feff}{}", " \u{feff}{}", "{\"a\":\n\u{feff}1}", "{}\u{feff}"] {
            let place = message(text).replace("there is a byte order mark inside the text, at line ", "");
            assert!(place.ends_with("; take it out") && place.starts_with(char::is_numeric), "{}", message(text));
        }
        assert!(!message("{\"\u{feff}\":x}").contains("byte order mark"));
        assert!(ItemText::read("{\"\u{feff}\":\"\u{feff}\"}".into()).is_ok());
        for encode in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in [GROUP.to_owned(), format!("\u{feff}{GROUP}")] {
                let bytes: Vec<u8> = text.encode_utf16().flat_map(encode).collect();
                assert!(read_model::<IdentityBody>(&bytes).unwrap_err().message.contains("UTF-16"));
            }
        }
        assert!(message("{\0\"\0").contains("UTF-16"));
    }
}
