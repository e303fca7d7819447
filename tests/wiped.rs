//! No copy of the key that this crate makes stays in memory. It reads the memory of its own process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};

use coveo_push::bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{ApiKey, DocumentBody, PushClient, http};
use futures_util::future::join_all;
use tokio::sync::Barrier;

const LENGTH: usize = 64;

/// The key, byte by byte, so that the test itself has no copy of it.
fn byte(at: usize) -> u8 {
    b'a' + (black_box(at) * 11 + at / 7 + 3) as u8 % 26
}

/// The key as the text that a caller gives away, with blanks around it.
fn text() -> String {
    let mut text = String::with_capacity(LENGTH + 2);
    text.push(' ');
    text.extend((0..LENGTH).map(|at| char::from(byte(at))));
    text.push('\n');
    text
}

/// Reads the memory of this process. It allocates nothing while it reads, which could hide what is to be found.
struct Memory {
    maps: String,
    buffer: Vec<u8>,
}

impl Memory {
    const PART: usize = 1 << 20;

    fn new() -> Self {
        Self { maps: String::with_capacity(Self::PART), buffer: vec![0; Self::PART + LENGTH] }
    }

    /// Whether the second half of the key is somewhere in the memory that can be written to. The allocator writes into
    /// the first bytes of freed memory.
    fn has_key(&mut self) -> bool {
        let Self { maps, buffer } = self;
        maps.clear();
        File::open("/proc/self/maps").unwrap().read_to_string(maps).unwrap();
        let mut memory = File::open("/proc/self/mem").unwrap();
        for map in maps.lines().filter(|map| map.contains(" rw")) {
            let (range, _) = map.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
            for at in (start..end).step_by(Self::PART) {
                let most = usize::try_from(end - at).unwrap().min(buffer.len());
                // Some parts of it cannot be read.
                let is_read = memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read_exact(&mut buffer[..most]));
                let is_it = |part: &[u8]| part.iter().enumerate().all(|(n, found)| *found == byte(LENGTH / 2 + n));
                let found = is_read.is_ok() && buffer[..most].windows(LENGTH / 2).any(is_it);
                // What was found is not to be found again in here.
                buffer.fill(0);
                if found {
                    return true;
                }
            }
        }
        false
    }
}

const CALLS: usize = 20;

/// Accepts everything once there are so many requests, and keeps nothing.
struct Yes(Barrier);

impl Transport for Yes {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            assert!(request.headers().contains_key("authorization"));
            self.0.wait().await;
            drop(request);
            let mut response = http::Response::new(Bytes::from_static(b"{}"));
            *response.status_mut() = http::StatusCode::ACCEPTED;
            Ok(response)
        })
    }
}

#[tokio::test]
async fn guarantee_10_the_copies_of_the_key_that_this_crate_makes_are_wiped() {
    let mut memory = Memory::new();
    assert!(!memory.has_key());
    let transport = Yes(Barrier::new(CALLS));
    let client = PushClient::builder("my-org", ApiKey::new(text())).transport(transport).build().unwrap();
    assert!(memory.has_key());
    let items = client.items("s");
    let doc = DocumentBody::text("words");
    let calls = (0..CALLS).map(|n| items.add_or_update(format!("https://example.com/{n}"), &doc).into_future());
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    drop((items, client));
    assert!(!memory.has_key());
}
