//! The errors of a JSON parser, in plain words and with their place.

use serde_json::Error;

use crate::model::words::shortened;

/// Why `text` cannot be read, with the place. `error` is about the part of it that begins at `start`.
pub(super) fn explain(error: &Error, text: &[u8], start: usize) -> String {
    let message = error.to_string();
    let what = in_plain_words(message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what));
    let before = text.get(..start).unwrap_or_default();
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let column = match error.line() {
        // It knows no place.
        0 => return what,
        1 => before.len() - line_start + error.column().max(1),
        _ => error.column().max(1),
    };
    let line = memchr::memchr_iter(b'\n', before).count() + error.line();
    format!("{what}, at line {line}, column {column}")
}

fn in_plain_words(what: &str) -> String {
    let types = what.split_once("invalid type: ");
    if let Some((path, (found, expected))) =
        types.and_then(|(path, types)| Some((path, types.split_once(", expected ")?)))
    {
        return format!("{path}there is {} in place of {}", type_name(found), type_name(expected));
    }
    let reason = match what {
        "expected ident" | "expected value" | "key must be a string" => "this is not JSON",
        "trailing characters" => "something follows behind the JSON",
        "trailing comma" => "nothing follows the comma",
        "number out of range" => "the number is out of the range of fractions of 64 bits",
        "recursion limit exceeded" => "it is nested too deep",
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "an escape such as `\\ud800` is one half of a character, and the other half is missing"
        }
        _ if what.starts_with("EOF while parsing") => "the JSON ends too early",
        _ if what.starts_with("control character") => "there is a line break or other control character inside a text",
        _ => return what.replace("missing field `", "there is no `"),
    };
    reason.to_owned()
}

fn type_name(name: &str) -> String {
    match name {
        "sequence" | "a sequence" => "a list".to_owned(),
        "map" | "a map" => "an object".to_owned(),
        "a string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "null" | "unit value" => "null".to_owned(),
        _ => {
            let kinds = [
                ("integer ", "the number "),
                ("floating point ", "the number "),
                ("string ", "the text "),
                ("boolean ", ""),
            ];
            let named = kinds
                .into_iter()
                .find_map(|(theirs, ours)| Some(format!("{ours}{}", shortened(name.strip_prefix(theirs)?))));
            named.unwrap_or_else(|| name.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Permissions;

    #[test]
    fn an_error_is_told_in_plain_words_with_its_place_in_the_whole_text() {
        let error = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap_err();
        for (json, told) in [
            ("no item", "this is not JSON, at line 1, column 2"),
            (r#"{"a":"#, "the JSON ends too early, at line 1, column 5"),
            (r#"{"a":1} {"#, "something follows behind the JSON, at line 1, column 9"),
            ("[1,\n]", "nothing follows the comma, at line 2, column 1"),
        ] {
            assert_eq!(explain(&error(json), json.as_bytes(), 0), told);
        }
        let text = "{\"title\":\"t\",\n \"permissions\":[{\"allowedPermissions\":5}]}";
        let start = text.find('[').unwrap();
        let error = serde_json::from_str::<Permissions>(text.get(start..text.len() - 1).unwrap()).unwrap_err();
        let told = explain(&error, text.as_bytes(), start);
        assert_eq!(told, "`allowedPermissions`: there is the number `5` in place of a list, at line 2, column 39");
    }
}
