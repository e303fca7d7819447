//! What the crate is held against: threads that write batches to sockets, and do nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::sink::Connection;

const BEGIN: &[u8] = b"{\"addOrUpdate\":[";
const END: &[u8] = b"]}";

/// Pushes batches that were made beforehand, over and over, until so many were pushed: the limit of
/// this machine.
pub(crate) fn push_batches(port: u16, uploads: usize, batches: &[Vec<u8>], repeat: usize) {
    let next = AtomicU64::new(0);
    on_threads(uploads, || {
        let mut connection = Connection::to(port).unwrap();
        while let Ok(number) = usize::try_from(next.fetch_add(1, Ordering::Relaxed))
            && number < batches.len() * repeat
        {
            push(&mut connection, &batches[number % batches.len()]);
        }
    });
}

/// Writes items and pushes them, as a program does that does no more than it must: each thread fills
/// a buffer of its own, and uploads it.
pub(crate) fn push_items(
    port: u16,
    uploads: usize,
    batch_bytes: usize,
    items: u64,
    write: impl Fn(&mut Vec<u8>, u64) + Sync,
) {
    let next = AtomicU64::new(0);
    on_threads(uploads, || {
        let mut connection = Connection::to(port).unwrap();
        let mut buffer = Vec::with_capacity(batch_bytes);
        loop {
            let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < items);
            if fill(&mut buffer, batch_bytes, take, &write) == 0 {
                break;
            }
            push(&mut connection, &buffer);
        }
    });
}

/// The inside of batches, as [`push_batches`] takes them.
pub(crate) fn batches(batch_bytes: usize, items: u64, write: impl Fn(&mut Vec<u8>, u64)) -> Vec<Vec<u8>> {
    let mut numbers = 0..items;
    let mut batches = Vec::new();
    loop {
        let mut buffer = Vec::with_capacity(batch_bytes);
        if fill(&mut buffer, batch_bytes, || numbers.next(), &write) == 0 {
            return batches;
        }
        batches.push(buffer);
    }
}

fn fill(
    buffer: &mut Vec<u8>,
    batch_bytes: usize,
    mut next: impl FnMut() -> Option<u64>,
    write: &impl Fn(&mut Vec<u8>, u64),
) -> u64 {
    /// More than an item has.
    const ROOM: usize = 8 << 10;
    buffer.clear();
    let mut items = 0;
    while buffer.len() + ROOM < batch_bytes
        && let Some(number) = next()
    {
        if items > 0 {
            buffer.push(b',');
        }
        write(buffer, number);
        items += 1;
    }
    items
}

fn push(connection: &mut Connection, items: &[u8]) {
    const ORGANIZATION: &str = "/push/v1/organizations/organization";
    let container = connection.call(&format!("POST {ORGANIZATION}/files"), &[]).unwrap();
    let container: serde_json::Value = serde_json::from_str(&container).unwrap();
    let file = container["fileId"].as_str().unwrap();
    connection.call(&format!("PUT /storage/{file}"), &[BEGIN, items, END]).unwrap();
    connection.call(&format!("PUT {ORGANIZATION}/sources/source/documents/batch?fileId={file}"), &[]).unwrap();
}

fn on_threads(threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(&work);
        }
    });
}
