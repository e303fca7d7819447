use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde::ser::SerializeSeq;
use serde_json::json;

use super::*;
use crate::model::{PermissionLevel, PermissionSet, Permissions};

/// What a value is written as, with what stood in the buffer before.
fn written<T: Serialize + ?Sized>(id: Option<&str>, value: &T) -> Result<(String, Layout), String> {
    let mut buffer = Buffer::from("before");
    let mut layout = Layout::default();
    let result = write(&mut buffer, &mut layout, id, value);
    let text = String::from_utf8(buffer.to_vec()).unwrap();
    let text = text.strip_prefix("before").unwrap().to_owned();
    match result {
        Ok(()) => Ok((text, layout)),
        Err(error) => {
            assert_eq!(text, "", "the buffer is not as it was");
            Err(match error {
                ObjectError::Serialize(error) => error.to_string(),
                ObjectError::OtherDocumentId(id) => format!("other id {id}"),
            })
        }
    }
}

#[track_caller]
fn is<T: Serialize + ?Sized>(value: &T, json: &str) {
    let (text, layout) = written(None, value).unwrap();
    assert_eq!(text, json);
    let offset = "before".len();
    let whole = format!("before{text}");
    let mut pairs = Vec::new();
    for entry in layout.entries() {
        assert!(entry.key.start > offset);
        let part = |range: &Range<usize>| whole.get(range.clone()).unwrap();
        pairs.push(format!("{}:{}", part(&entry.key), part(&entry.value)));
    }
    assert_eq!(format!("{{{}}}", pairs.join(",")), json);
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[derive(Serialize)]
struct Plain<'a> {
    a: u8,
    b: Option<&'a str>,
}

#[derive(Serialize)]
struct Flat<'a> {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<&'a str, u8>,
}

#[derive(Serialize)]
struct Wrapped<T>(T);

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Page { title: &'static str },
}

#[derive(Serialize)]
enum Outside {
    New(u8),
    Fields { a: u8 },
    Two(u8, u8),
    Unit,
}

struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it failed"))
    }
}

#[test]
fn a_struct_is_written_field_by_field() {
    is(&Plain { a: 1, b: None }, r#"{"a":1,"b":null}"#);
    is(&Plain { a: 1, b: Some("\"\\") }, r#"{"a":1,"b":"\"\\"}"#);
}

#[test]
fn a_map_is_written_entry_by_entry() {
    is(&BTreeMap::from([("a", 1), ("b", 2)]), r#"{"a":1,"b":2}"#);
    is(&BTreeMap::<&str, u8>::new(), "{}");
    is(&json!({"a": {"b": [1, null]}}), r#"{"a":{"b":[1,null]}}"#);
}

#[test]
fn a_map_whose_keys_are_numbers_has_them_as_text() {
    is(&BTreeMap::from([(1, "a"), (20, "b")]), r#"{"1":"a","20":"b"}"#);
    is(&BTreeMap::from([(true, 1)]), r#"{"true":1}"#);
    is(&BTreeMap::from([('c', 1)]), r#"{"c":1}"#);
}

#[test]
fn a_flattened_struct_is_written_as_one_object() {
    is(&Flat { a: 1, rest: BTreeMap::from([("b", 2), ("c", 3)]) }, r#"{"a":1,"b":2,"c":3}"#);
}

#[test]
fn json_text_is_written_entry_by_entry_and_in_its_order() {
    is(&raw(r#" { "b" : [ 1, 2 ] , "a": "x" } "#), r#"{"b":[ 1, 2 ],"a":"x"}"#);
    is(&raw("{}"), "{}");
}

#[test]
fn json_text_with_a_key_twice_keeps_both_to_be_seen() {
    is(&raw(r#"{"a":1,"a":2}"#), r#"{"a":1,"a":2}"#);
}

#[test]
fn what_wraps_an_object_is_written_as_the_object() {
    is(&Wrapped(Plain { a: 1, b: None }), r#"{"a":1,"b":null}"#);
    is(&Some(Plain { a: 1, b: None }), r#"{"a":1,"b":null}"#);
    is(&Box::new(&Plain { a: 1, b: None }), r#"{"a":1,"b":null}"#);
}

#[test]
fn an_enum_with_its_tag_inside_is_an_object() {
    is(&Tagged::Page { title: "t" }, r#"{"kind":"Page","title":"t"}"#);
}

#[test]
fn an_enum_that_names_its_variant_outside_of_one_value_is_an_object() {
    is(&Outside::New(1), r#"{"New":1}"#);
}

#[test]
fn what_is_no_object_is_refused_by_what_it_is() {
    let refused = [
        (written(None, &1).unwrap_err(), "a number"),
        (written(None, &1.5).unwrap_err(), "a number"),
        (written(None, "text").unwrap_err(), "text"),
        (written(None, &'c').unwrap_err(), "text"),
        (written(None, &true).unwrap_err(), "a boolean"),
        (written(None, &()).unwrap_err(), "nothing"),
        (written(None, &None::<u8>).unwrap_err(), "nothing"),
        (written(None, &[1, 2]).unwrap_err(), "an array"),
        (written(None, &vec![Plain { a: 1, b: None }]).unwrap_err(), "an array"),
        (written(None, &(1, 2)).unwrap_err(), "an array"),
        (written(None, &json!([1])).unwrap_err(), "an array"),
        (written(None, &Outside::Fields { a: 1 }).unwrap_err(), "its variant outside"),
        (written(None, &Outside::Two(1, 2)).unwrap_err(), "its variant outside"),
        (written(None, &Outside::Unit).unwrap_err(), "text"),
    ];
    for (message, what) in refused {
        assert!(message.starts_with("an item must be a JSON object and not ") && message.ends_with(what), "{message}");
    }
    assert!(written(None, &raw("[1]")).unwrap_err().contains("must be a JSON object"));
}

#[test]
fn a_key_that_is_no_text_is_refused() {
    assert!(written(None, &BTreeMap::from([((1, 2), 3)])).unwrap_err().contains("not text"));
    assert!(written(None, &BTreeMap::from([(None::<u8>, 3)])).unwrap_err().contains("not text"));
}

#[test]
fn a_value_that_fails_leaves_the_buffer_as_it_was() {
    assert_eq!(written(None, &Failing).unwrap_err(), "it failed");
    assert_eq!(written(Some("https://a"), &BTreeMap::from([("a", Failing)])).unwrap_err(), "it failed");
    assert_eq!(written(None, &json!({"a": 1, "b": 2})).unwrap().0, r#"{"a":1,"b":2}"#);
}

#[test]
fn the_object_begins_with_the_id_it_is_written_with() {
    assert_eq!(written(Some("a\"b"), &json!({"x": 1})).unwrap().0, r#"{"documentId":"a\"b","x":1}"#);
    assert_eq!(written(Some("a"), &json!({})).unwrap().0, r#"{"documentId":"a"}"#);
}

#[test]
fn an_id_that_the_object_repeats_in_any_case_stands_there_once() {
    for (key, after) in [("documentId", ""), ("DocumentID", r#","z":1"#)] {
        let value = raw(&format!(r#"{{"{key}":"a"{after}}}"#));
        let (text, layout) = written(Some("a"), &value).unwrap();
        assert_eq!(text, format!(r#"{{"documentId":"a"{after}}}"#));
        assert_eq!(layout.entries().len(), 1 + usize::from(!after.is_empty()));
    }
    let between = raw(r#"{"x":1,"documentid":"a","y":2}"#);
    assert_eq!(written(Some("a"), &between).unwrap().0, r#"{"documentId":"a","x":1,"y":2}"#);
}

#[test]
fn an_id_that_the_object_spells_in_another_way_is_the_same() {
    let item = raw(r#"{"documentId":"https:\/\/\u0061","b":1}"#);
    assert_eq!(written(Some("https://a"), &item).unwrap().0, r#"{"documentId":"https://a","b":1}"#);
}

#[test]
fn an_id_that_is_null_is_none() {
    assert_eq!(written(Some("a"), &json!({"documentId": null, "x": 1})).unwrap().0, r#"{"documentId":"a","x":1}"#);
}

#[test]
fn another_id_in_the_object_is_an_error_that_names_it() {
    assert_eq!(written(Some("a"), &json!({"documentId": "b"})).unwrap_err(), r#"other id "b""#);
    assert_eq!(written(Some("a"), &json!({"DOCUMENTID": 3})).unwrap_err(), "other id 3");
}

#[test]
fn without_an_id_that_of_the_object_stays() {
    is(&json!({"documentId": "b"}), r#"{"documentId":"b"}"#);
}

/// Holds the layout against what stands in the buffer.
fn holds(buffer: &[u8], layout: &Layout) {
    let text = |range: &Range<usize>| std::str::from_utf8(&buffer[range.clone()]).unwrap();
    let entries: Vec<_> =
        layout.entries().iter().map(|entry| format!("{}:{}", text(&entry.key), text(&entry.value))).collect();
    assert_eq!(format!("{{{}}}", entries.join(",")).as_bytes(), &buffer[buffer.len() - entries.join(",").len() - 2..]);
}

#[test]
fn an_entry_is_taken_out_with_its_comma_wherever_it_stands() {
    let cases = [
        (r#"{"k":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"a":2,"K":1,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"a":2,"b":3,"k":1}"#, r#"{"a":2,"b":3}"#),
        (r#"{"k":1}"#, "{}"),
    ];
    for (before, after) in cases {
        let mut buffer = Buffer::default();
        let mut layout = Layout::default();
        write(&mut buffer, &mut layout, None, &raw(before)).unwrap();
        assert_eq!(take_out(&mut buffer, &mut layout, "k"), Some(b"1".to_vec()));
        assert_eq!(*buffer, *after.as_bytes());
        holds(&buffer, &layout);
    }
}

#[test]
fn an_entry_that_is_not_there_is_not_taken_out() {
    let mut buffer = Buffer::default();
    let mut layout = Layout::default();
    write(&mut buffer, &mut layout, None, &json!({"kk": 1, "a": "k"})).unwrap();
    assert_eq!(take_out(&mut buffer, &mut layout, "k"), None);
    assert_eq!(*buffer, *br#"{"a":"k","kk":1}"#);
}

#[test]
fn an_entry_is_put_at_the_end_in_place_of_one_of_that_key() {
    let cases = [
        ("{}", r#"{"k":9}"#),
        (r#"{"a":2}"#, r#"{"a":2,"k":9}"#),
        (r#"{"K":1,"a":2}"#, r#"{"a":2,"k":9}"#),
        (r#"{"a":2,"k":null}"#, r#"{"a":2,"k":9}"#),
        (r#"{"k":1}"#, r#"{"k":9}"#),
    ];
    for (before, after) in cases {
        let mut buffer = Buffer::from("of another item");
        let mut layout = Layout::default();
        write(&mut buffer, &mut layout, None, &raw(before)).unwrap();
        put(&mut buffer, &mut layout, "k", b"9");
        assert_eq!(*buffer, *[b"of another item", after.as_bytes()].concat());
        holds(&buffer, &layout);
    }
}

#[test]
fn the_value_of_an_entry_is_found_in_any_case_unless_it_is_null() {
    let mut buffer = Buffer::default();
    let mut layout = Layout::default();
    write(&mut buffer, &mut layout, None, &json!({"a": null, "B": "x"})).unwrap();
    assert_eq!(get(&buffer, &layout, "a"), None);
    assert_eq!(get(&buffer, &layout, "b"), Some(&br#""x""#[..]));
    assert_eq!(get(&buffer, &layout, "c"), None);
}

#[test]
fn a_layout_that_is_used_again_holds_the_last_object_alone() {
    let mut buffer = Buffer::default();
    let mut layout = Layout::default();
    write(&mut buffer, &mut layout, None, &json!({"a": 1, "b": 2})).unwrap();
    write(&mut buffer, &mut layout, None, &json!({"c": 3})).unwrap();
    assert_eq!(layout.entries().len(), 1);
    assert_eq!(&buffer[layout.entries()[0].key.clone()], br#""c""#);
}

#[test]
fn permissions_that_the_model_writes_are_known_by_their_type() {
    #[derive(Serialize)]
    struct Wrapped(Option<Permissions>);
    #[derive(Serialize)]
    struct Page {
        permissions: Wrapped,
        other: [Permissions; 1],
        raw: Box<RawValue>,
        none: Option<Permissions>,
    }

    let simplified = Permissions::public();
    let complete = Permissions::complete([PermissionLevel::new("a").permission_set(PermissionSet::new())]);
    for permissions in [simplified, complete] {
        let json = serde_json::to_string(&permissions).unwrap();
        let other = [permissions.clone()];
        let page = Page { permissions: Wrapped(Some(permissions)), other, raw: raw(&json), none: None };
        let (text, layout) = written(None, &page).unwrap();
        assert_eq!(text, format!(r#"{{"permissions":{json},"other":[{json}],"raw":{json},"none":null}}"#));
        let known: Vec<_> = layout.entries().iter().map(|entry| entry.written_by).collect();
        assert_eq!(known, [WrittenBy::Permissions, WrittenBy::Type, WrittenBy::Another, WrittenBy::Type]);
    }
}

#[test]
fn a_number_of_any_precision_is_text_in_hand() {
    /// What serde_json passes of a number when it keeps all of its digits.
    struct Number(&'static str);

    impl Serialize for Number {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            const NUMBER: &str = "$serde_json::private::Number";
            let mut number = serializer.serialize_struct(NUMBER, 1)?;
            number.serialize_field(NUMBER, self.0)?;
            number.end()
        }
    }

    let numbers = BTreeMap::from([("a", vec![Number("1.50"), Number("1e999")])]);
    let (text, layout) = written(None, &numbers).unwrap();
    assert_eq!((text.as_str(), layout.entries()[0].written_by), (r#"{"a":[1.50,1e999]}"#, WrittenBy::Another));
}

#[test]
fn what_a_type_writes_can_be_read_unless_text_in_hand_is_in_it_or_it_is_very_deep() {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Value {
        Number(f64),
        Shown(#[serde(serialize_with = "shown")] u8),
        List(Vec<Value>),
        Object { raw: Box<RawValue> },
        Raw(Box<RawValue>),
    }

    fn shown<S: Serializer>(value: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    let deep = |levels| (1..levels).fold(Value::List(vec![]), |value, _| Value::List(vec![value]));
    for (value, expected) in [
        (Value::Number(1e300), WrittenBy::Type),
        (Value::Shown(1), WrittenBy::Type),
        (deep(64), WrittenBy::Type),
        (deep(65), WrittenBy::Another),
        (Value::List(vec![deep(40), deep(40)]), WrittenBy::Type),
        (Value::Object { raw: raw("1e999") }, WrittenBy::Another),
        (Value::List(vec![Value::Raw(raw("1e999")), Value::Number(1.0)]), WrittenBy::Another),
        (Value::Raw(raw("1e999")), WrittenBy::Another),
    ] {
        let (_, layout) = written(None, &BTreeMap::from([("a", value)])).unwrap();
        assert_eq!(layout.entries()[0].written_by, expected);
    }
}

#[test]
fn a_type_whose_keys_and_values_do_not_come_in_pairs_is_an_error() {
    struct Calls(&'static str);

    impl Serialize for Calls {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for call in self.0.chars() {
                if call == 'k' { map.serialize_key("a")? } else { map.serialize_value(&1)? }
            }
            map.end()
        }
    }

    assert_eq!(written(Some("i"), &Calls("kv")).unwrap().0, r#"{"documentId":"i","a":1}"#);
    for calls in ["k", "kk", "v", "kvv", "kvk"] {
        for error in [written(Some("i"), &Calls(calls)), written(None, &BTreeMap::from([("nested", Calls(calls))]))] {
            let error = error.unwrap_err();
            assert!(error.contains("no value") || error.contains("no key"), "{calls}: {error}");
        }
    }
}

#[test]
fn a_type_that_passes_over_the_error_of_a_part_is_an_error() {
    /// A list, or a map, that does not mind when one of its parts fails.
    struct PassesOver<T> {
        is_list: bool,
        part: T,
    }

    impl<T: Serialize> Serialize for PassesOver<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.is_list {
                let mut list = serializer.serialize_seq(None)?;
                let _ = list.serialize_element(&self.part);
                return list.end();
            }
            let mut map = serializer.serialize_map(None)?;
            let _ = map.serialize_entry("a", &self.part);
            let _ = map.serialize_entry(&[1], &1);
            map.end()
        }
    }

    let failing = |is_list| PassesOver { is_list, part: (1, Failing) };
    for error in [
        written(Some("i"), &failing(false)),
        written(Some("i"), &BTreeMap::from([("list", failing(true))])),
        written(Some("i"), &BTreeMap::from([("map", failing(false))])),
        written(Some("i"), &PassesOver { is_list: false, part: 1 }),
        written(Some("i"), &BTreeMap::from([("keys", PassesOver { is_list: false, part: 1 })])),
    ] {
        let error = error.unwrap_err();
        assert!(error.contains("passed over") || error.contains("no value"), "{error}");
    }
}
