//! Arbitrary bytes, and texts that begin well: what has to hold of them is in `checks`.

use proptest::prelude::*;

use super::cases::cases;
use super::checks;

/// Bytes, and parts that mean something where they stand.
fn any_of(parts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        6 => prop::sample::select(parts).prop_map(|part| part.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => any::<String>().prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

const ANSWER: [&str; 30] = [
    "200\n",
    "201\n",
    "202\n",
    "307\n",
    "400\n",
    "401\n",
    "408\n",
    "429\n",
    "500\n",
    "retry-after: 9\n",
    "date: Sun, 06 Nov 1994 08:49:37 GMT\n",
    "x-amz-request-id: A\n",
    "\n",
    "\n\n",
    "{",
    "}",
    "\"errorCode\":",
    "\"message\":",
    "\"kanary-5f0a\"",
    "\"uploadUri\":",
    "\"https://s3.example.com/f?X-Amz-Signature=1\"",
    ",",
    "\"http://127.0.0.1/\"",
    "\"fileId\":\"f\"",
    "\"requiredHeaders\":{}",
    "{\"a\":\"b\\r\\nc\"}",
    "<Code>AccessDenied</Code>",
    "<RequestId>",
    "</RequestId>",
    "https:\\/\\/a\\/?b",
];
/// A container, but for what stands in these places of it.
const URIS: [&str; 18] = [
    "https://",
    "http://",
    "HTTPS://",
    "ftp://",
    "//",
    "s3.example.com",
    "127.0.0.1",
    "[::1]",
    "localhost",
    "@",
    "user:word",
    ":80",
    "/f",
    "?X-Amz-Signature=1",
    "#x",
    "\\\\",
    "%40",
    "127.0.0.1.example.com",
];
const HEADERS: [&str; 16] = [
    "Authorization",
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "x-amz-meta-a",
    "X-AMZ-META-A",
    "Content-Type",
    " ",
    "\\r\\n",
    "\\n",
    "\\u0000",
    ":",
    "é",
    "a",
    "Expect",
];
const RETRY_AFTER: [&str; 14] =
    ["1", "9", "0", "120", "-", "+", ".", "e", "inf", "nan", " ", "Sun, 06 Nov 1994 08:49:37 GMT", "9999", "GMT"];
const URL: [&str; 22] = [
    "https://",
    "http://",
    "api.cloud.coveo.com",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "user:word@",
    ":8080",
    "/push/v1",
    "/organizations/",
    "/sources/",
    "my-org",
    "my-source",
    "%20",
    "%2F",
    "%FF",
    "?a",
    "#b",
    "/",
    "..",
    "\\",
    "hipaa",
];
const LINES: [&str; 30] = [
    "\n+a://1\t",
    "\n+a://2\t",
    "\n=\t",
    "\n-a://1",
    "\n-a://2",
    "\n/a://",
    "\n/a://1",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"A\"",
    "\"documentId\"",
    "\"a://1\"",
    "1",
    "-1.5e3",
    "true",
    "null",
    "\\u00e9",
    "\\",
    "\"",
    " ",
    "{}",
    "{\"a\":1}",
    "{\"documentId\":\"a://1\"}",
    "{\"documentid\":\"a://2\",\"b\":[]}",
    "{\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\":[{\"b\":\" \"}]}",
];
const JSON: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "12",
    "1.5",
    "\"a\"",
    "\"Data\":\"x\"",
    "\"data\":null",
    "\"compressedBinaryData\":\"\"",
    "\"compressionType\":\"gzip\"",
    "\"permissions\":[]",
    "\"identity\":",
    "{\"name\":\"a\",\"type\":\"user\"}",
    "\"identity\":\"a\",\"identityType\":\"group\"",
    "\"members\":[]",
    "\"mappings\":[]",
    "\"wellKnowns\":[]",
    "\"deleted\":[]",
    "\"addOrUpdate\":[",
    "\"delete\":[",
    "{\"documentId\":\"a\"}",
    "\"permissionSets\":[",
    "{\"allowAnonymous\":true}",
    "\"allowedPermissions\":[",
    "\"uploadUri\":\"u\",\"fileId\":\"f\"",
    "\"requiredHeaders\":{}",
    "\"documentId\":\"a\"",
    "\"fileExtension\":\".a\"",
    "\"parentId\":\"a\"",
];
const STREAM_ANSWERS: [&str; 26] = [
    "200\n",
    "201\n\n",
    "202\n\n",
    "202\n\n{\"orderingId\":1718728552000,\"requestId\":\"r-1\"}",
    "202\n\n{\"orderingId\":\"1718728552001\"}",
    "\n----\n",
    "\n----\n202\n\n",
    "429\n",
    "500\n",
    "retry-after: 1\n",
    "content-type: text/html\n",
    "\n",
    "{",
    "}",
    ",",
    "\"orderingId\":",
    "\"ORDERINGID\":",
    "\"streamId\":\"t\"",
    "\"fileId\":\"f\",\"uploadUri\":\"https://a/f\"",
    "\"requestId\":\"kanary-5f0a\"",
    "1",
    "-1",
    "1e3",
    "\" 7 \"",
    "18446744073709551616",
    "null",
];
/// Bodies of answers of the logs and of the platform.
const PAGES: [&str; 18] = [
    r#"{"results":{"COMPLETED":3},"tasks":{"INDEXING":3}}"#,
    r#"{"results":{"ERROR":18446744073709551615,"WARNING":1,"COMPLETED":1},"tasks":{"INDEXING":3}}"#,
    r#"{"documentLogEntries":[],"hasNextPage":true}"#,
    r#"{"sourceModels":[{"id":"s","name":"wiki"},{"id":"t"}],"totalPages":2}"#,
    r#"{"items":[{"name":"wikitags","type":"STRING"},{"name":"b"}],"totalPages":2}"#,
    r#"{"id":"s","name":"wiki","sourceType":"PUSH","sourceVisibility":"SECURED","x":[1.5,-0.0,18446744073709551615]}"#,
    r#"{"id":"s","information":{"sourceStatus":{"type":"IDLE"},"numberOfDocuments":-1},"x":null}"#,
    r#"{"id":"p","name":"a","statistics":{},"referencedBy":[{"id":"s","type":"SOURCE"}],"x":{"":""}}"#,
    r#"{"name":"a","state":"IN_ERROR","lastUpdateDate":1718728552000,"x":1}"#,
    r#"{"name":"a","state":"UP_TO_DATE","lastUpdateDate":"soon"}"#,
    r#"[{"name":"a","state":"IN_ERROR"}]"#,
    r#"{"content":{"numberOfSourcesLimit":{"limit":1,"actualCount":2}},"paused":true,"x":{}}"#,
    r#"{"approved":true,"id":"kanary-5f0a","name":"kanary-5f0a"}"#,
    r#"{"id":12345678901234567890123,"name":"a"}"#,
    r#"{"id":"a","name":null,"x":12345678901234567890123}"#,
    r#"{"id":"a","name":"a","x":1e999}"#,
    r#"{"id":"a","id":"b","name":"a","name":"kanary-5f0a""#,
    "null",
];
const HEADS: [&str; 6] = ["200\n\n", "200\n\n", "200\n\n", "201\n\n", "429\nretry-after: 1\n\n", "404\n\n"];
const CHANGES: [&str; 20] = [
    "\n~{\"documentId\":\"a://1\",\"operator\":\"arrayAppend\",\"field\":\"f\",\"value\":[1,\"b\"]}",
    "\n~{\"DOCUMENTID\":\"a://1\",\"Operator\":\"FIELDVALUEREPLACE\",\"field\":\"f\",\"value\":",
    "\n~{\"documentId\":\"a://2\",\"operator\":\"dictionaryPut\",\"field\":\"g\",\"value\":{\"a\":1.5}}",
    "\n*a://1\t",
    "\n*a://2\t{\"a\":null}",
    "\n+a://1\t",
    "\n-a://1",
    "\n/a://",
    "\n=\t{\"documentId\":\"a://3\"}",
    "\n~",
    "{\"partialUpdate\":[",
    "{\"addOrMerge\":[",
    "]}",
    "{\"documentId\":\"a\"}",
    "{}",
    "null",
    "}",
    "18446744073709551615",
    "0.1",
    "\"x\"",
];
/// Of a ticket or a report.
const REPORTED: [&str; 24] = [
    r#"{"is_finished":false}"#,
    r#"{"attempt":1}"#,
    r#"{"index":1}"#,
    r#"{"run":1}"#,
    r#"{"workers":4294967295}"#,
    r#"{"workers":0}"#,
    r#"{"target":"x"}"#,
    r#"{"family":"catalog"}"#,
    r#"{"boundary":null}"#,
    r#"{"push":{"accepted":0}}"#,
    r#"{"push":{"accepted":2}}"#,
    r#"{"push":{"accepted":18446744073709551615,"replaced":1,"pushed":0}}"#,
    r#"{"push":{"refused":1,"pushed":2}}"#,
    r#"{"push":{"failed":1}}"#,
    r#"{"push":{"unsent":1}}"#,
    r#"{"push":{"cancelled":1}}"#,
    r#"{"push":{"without_permissions":1}}"#,
    r#"{"push":{"first_accepted":18446744073709551615}}"#,
    r#"{"push":{"last_accepted":-1}}"#,
    r#"{"push":{"lowest_ordering_id":null}}"#,
    r#"{"push":{"lowest_ordering_id":"7"}}"#,
    r#"{"push":{"throttled":1e300}}"#,
    r#"{"push":{"elapsed":-1.5}}"#,
    r#"{"push":{}}"#,
];
const KEYS: [&str; 12] = [
    "a",
    "A",
    "\\u0061",
    "\\ud83d",
    "documentId",
    "DOCUMENTID",
    "data",
    "permissions",
    "compressionType",
    "fileExtension",
    "é",
    "b",
];
const VALUES: [&str; 14] = [
    "1",
    "-0",
    "1e999",
    "12345678901234567890123",
    "null",
    "true",
    "\"a://1\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"gzip\"",
    "[{\"allowedPermissions\":[{\"identity\":\"u\",\"identityType\":\"USER\",\"securityProvider\":\"\"}]}]",
    "{\"a\":1,\"a\":2}",
    "[]]",
    "[[{\"a\":[null]}]]",
];

/// Answers one after the other, each with one of the bodies.
fn answers(bodies: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let answer = (prop::sample::select(&HEADS[..]), bodies).prop_map(|(head, body)| format!("{head}{body}"));
    prop::collection::vec(answer, 1..5).prop_map(|answers| answers.join("\n----\n").into_bytes())
}

fn page() -> impl Strategy<Value = String> {
    prop::sample::select(&PAGES[..]).prop_map(str::to_owned)
}

/// The counts of the logs, and then entries.
fn logged() -> impl Strategy<Value = Vec<u8>> {
    let words = |words: &'static [&'static str]| prop::sample::select(words);
    let tasks = words(&["INDEXING", "INDEXING", "Indexing", "PROCESSING", "NEW"]);
    let operations = words(&["ADD", "ADD", "UPDATE", "DELETE", "DELETE_AND_CHILDREN", "BATCH_FILE", "NEW", ""]);
    let results = words(&["COMPLETED", "COMPLETED", "completed", "ERROR", "WARNING", "SKIPPED", "NEW"]);
    let entry = (words(&["a://1", "a://2", "a://3", "A://1"]), tasks, operations, results);
    let entry = entry.prop_map(|(id, task, operation, result)| {
        format!(
            r#"{{"id":"{id}","task":"{task}","operation":"{operation}","result":"{result}","datetime":1,"sourceId":"s"}}"#
        )
    });
    let entries = prop::collection::vec(entry, 0..6).prop_map(|entries| {
        let counts = r#"{"results":{"ERROR":1,"COMPLETED":3},"tasks":{"INDEXING":3}}"#;
        let page = format!("200\n\n{{\"documentLogEntries\":[{}]}}", entries.join(","));
        format!("200\n\n{counts}\n----\n{page}\n----\n{page}\n----\n200\n\n{counts}").into_bytes()
    });
    prop_oneof![2 => entries, 1 => answers(page())]
}

/// The reports of both workers, and changes of them.
fn reported() -> impl Strategy<Value = Vec<u8>> {
    let whose = prop::sample::select(&["0", "1", "0", "1", "t"][..]);
    let change = (whose, prop::option::of(prop::sample::select(&REPORTED[..])));
    let change = change.prop_map(|(whose, change)| match change {
        Some(change) => format!("{whose}\t{change}"),
        None => whose.to_owned(),
    });
    let changes = (any::<[bool; 2]>(), prop::collection::vec(change, 0..4));
    changes.prop_map(|([first, second], mut changes)| {
        changes.extend(first.then(|| "0".to_owned()));
        changes.extend(second.then(|| "1".to_owned()));
        changes.join("\n").into_bytes()
    })
}

/// The text of an object, or nearly.
fn object() -> impl Strategy<Value = Vec<u8>> {
    let entry = (prop::sample::select(&KEYS[..]), prop::sample::select(&VALUES[..]));
    let entry = entry.prop_map(|(key, value)| format!("\"{key}\":{value}"));
    prop::collection::vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(", ")).into_bytes())
}

fn text(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    any_of(parts).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_answer_is_a_success_or_an_error_that_tells_it_and_shows_no_secret(answer in any_of(&ANSWER)) {
        checks::answers::check(&answer);
    }

    #[test]
    fn whatever_a_container_asks_for_bytes_go_to_https_with_headers_that_are_its_own(
        uri in text(&URIS), name in text(&HEADERS), value in text(&HEADERS),
    ) {
        let container = format!(
            "201\n\n{{\"uploadUri\":\"{uri}\",\"fileId\":\"f\",\"requiredHeaders\":{{\"{name}\":\"{value}\"}}}}"
        );
        checks::answers::check(container.as_bytes());
    }

    #[test]
    fn any_retry_after_is_waited_for_within_the_deadline_or_ends_the_call(value in any_of(&RETRY_AFTER)) {
        checks::retry_after::check(&value);
    }

    #[test]
    fn any_url_is_refused_or_names_a_place_where_a_key_is_safe(url in text(&URL)) {
        checks::push_api_url::check(&url);
    }

    #[test]
    fn any_operations_are_refused_or_stand_in_batches_as_they_were_pushed(lines in any_of(&LINES)) {
        checks::framing::check(&lines);
    }

    #[test]
    fn any_text_is_no_item_or_is_sent_as_the_value_that_it_has(text in prop_oneof![object(), any_of(&LINES)]) {
        checks::item_text::check(&text);
    }

    #[test]
    fn any_json_is_no_model_or_is_kept_by_it(json in any_of(&JSON)) {
        checks::models::check(&json);
    }

    #[test]
    fn any_permissions_in_any_graph_are_evaluated_by_the_rules(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        checks::permissions::check(&bytes);
    }
}

// Each case of these has runs of its own.
proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn no_answer_of_the_stream_api_becomes_an_ordering_id_that_it_does_not_have(answers in any_of(&STREAM_ANSWERS)) {
        checks::stream_answers::check(&answers);
    }

    #[test]
    fn nothing_is_indexed_of_which_the_logs_do_not_say_so(answers in logged()) {
        checks::logs::check(&answers);
    }

    #[test]
    fn any_answer_of_the_platform_is_an_error_or_kept_with_all_of_its_keys(answers in answers(page())) {
        checks::platform::check(&answers);
    }

    #[test]
    fn any_partial_updates_and_merges_are_refused_or_in_batches_as_they_were_pushed(lines in any_of(&CHANGES)) {
        checks::partial_updates::check(&lines);
    }

    #[test]
    fn guarantee_11_no_reports_delete_anything_but_one_complete_report_of_each_worker(lines in reported()) {
        checks::tickets::check(&lines);
    }
}

/// A fuzz target: its name, and what has to hold.
type Target = (&'static str, fn(&[u8]));

/// What the fuzz targets begin with.
#[test]
fn the_seeds_hold() {
    let checks: [Target; 12] = [
        ("answers", checks::answers::check),
        ("framing", checks::framing::check),
        ("item_text", checks::item_text::check),
        ("logs", checks::logs::check),
        ("models", checks::models::check),
        ("partial_updates", checks::partial_updates::check),
        ("permissions", checks::permissions::check),
        ("platform", checks::platform::check),
        ("push_api_url", |seed| checks::push_api_url::check(std::str::from_utf8(seed).unwrap())),
        ("retry_after", checks::retry_after::check),
        ("stream_answers", checks::stream_answers::check),
        ("tickets", checks::tickets::check),
    ];
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, check) in checks {
        let seeds: Vec<_> = std::fs::read_dir(seeds.join(target)).unwrap().map(|seed| seed.unwrap().path()).collect();
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            println!("{}", seed.display());
            check(&std::fs::read(&seed).unwrap());
        }
    }
}
