//! The rules of the platform API.

use crate::finding::{Finding, Rule};

/// The largest length of a field's name.
const FIELD_NAME: usize = 255;

/// Checks a name that has to be there.
pub(crate) fn required_name(name: &str, what: &str) -> Option<Finding> {
    name.trim().is_empty().then(|| Finding::new(name, Rule::NameEmpty, format!("{what} is empty")))
}

/// Checks the name of a field.
pub(crate) fn field_name(name: &str) -> Option<Finding> {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_name = name.starts_with(is_letter)
        && name.len() <= FIELD_NAME
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit() || c == '_');
    let message = "the name of a field starts with a lower-case letter, and has only such letters, digits and `_`, up to \
                   255 characters";
    (!is_name).then(|| Finding::new(name, Rule::FieldName, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_name_is_checked() {
        for name in ["a", "wikitags", "a_1", &"a".repeat(255)] {
            assert_eq!(field_name(name), None, "{name}");
        }
        for name in ["", "A", "1a", "_a", "a-b", "a b", "ä", "aB", &"a".repeat(256)] {
            assert_eq!(field_name(name).map(|finding| finding.rule()), Some(Rule::FieldName), "{name}");
        }
    }
}
