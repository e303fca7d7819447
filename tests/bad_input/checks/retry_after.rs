//! Any value of `Retry-After`.

use std::time::Duration;

use coveo_push::{ApiKey, PushClient};
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::{Answering, block_on};

/// How late the second attempt may begin, by default.
const DEADLINE: Duration = Duration::from_secs(120);

/// An answer of 429 with that value, over and over.
pub(crate) fn check(value: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(value) else { return };
    let mut transport = Answering::new(StatusCode::TOO_MANY_REQUESTS);
    transport.headers.insert("retry-after", header);
    let builder = PushClient::builder("my-org", ApiKey::new("key")).transport(transport);
    let client = builder.random(|| 0.5).build().unwrap();
    block_on(async {
        let begin = Instant::now();
        let error = client.items("s").push_container("f").await.unwrap_err();
        let (took, asked) = (begin.elapsed(), error.retry_after());
        assert!(took <= DEADLINE, "{took:?}");
        let line = error.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");

        let text = value.trim_ascii();
        if (1..16).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) {
            let seconds = text.iter().fold(0, |seconds, digit| seconds * 10 + u64::from(digit - b'0'));
            assert_eq!(asked, Some(Duration::from_secs(seconds)), "{line}");
        }
        // Each further attempt waited for as long as it was asked to.
        let waits = error.attempts() - 1;
        assert!(asked.is_none_or(|asked| took >= asked.saturating_mul(waits)), "{asked:?} {waits} {took:?}");
        assert!(asked.is_none_or(|asked| asked > DEADLINE) || waits > 0, "{asked:?} and no retry");
    });
}
