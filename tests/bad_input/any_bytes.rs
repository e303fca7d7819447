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

fn text(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    any_of(parts).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

proptest! {
    #![proptest_config(cases(1_000))]

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
    fn any_json_is_no_model_or_is_kept_by_it(json in any_of(&JSON)) {
        checks::models::check(&json);
    }

    #[test]
    fn any_permissions_in_any_graph_are_evaluated_by_the_rules(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        checks::permissions::check(&bytes);
    }
}
