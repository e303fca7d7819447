//! A batch: first while it is filled, then as the exact bytes of a file container.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use super::affects::Affects;
use super::destination::{Destination, List, ListKind, Repeated};
use super::journal::{Change, JournalEntry, Note};
use super::keys::{Fit, Key, Keys};
use crate::content::Uploaded;
use crate::preflight::KnownIdentities;

/// The buffers of a run's batches. Each is made once, at its full size, and filled again when its batch is done.
#[derive(Debug)]
pub(super) struct BufferPool {
    bytes: usize,
    most: usize,
    state: Mutex<Pooled>,
}

#[derive(Debug, Default)]
struct Pooled {
    free: Vec<Vec<u8>>,
    /// How many there are, those in use included.
    count: usize,
}

impl BufferPool {
    /// Buffers of so many bytes, of which `most` are kept.
    pub(super) fn new(bytes: usize, most: usize) -> Arc<Self> {
        Arc::new(Self { bytes, most, state: Mutex::default() })
    }

    fn take(self: &Arc<Self>) -> Buffer {
        let free = self.with(|state| {
            let free = state.free.pop();
            state.count += usize::from(free.is_none());
            free
        });
        let bytes = free.unwrap_or_else(|| Vec::with_capacity(self.bytes));
        Buffer { bytes, pool: Arc::clone(self) }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Pooled) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A buffer that returns to its pool.
struct Buffer {
    bytes: Vec<u8>,
    pool: Arc<BufferPool>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        // One that is too many is dropped when the pool is unlocked.
        let _too_many = self.pool.with(|state| {
            if state.count > self.pool.most {
                state.count -= 1;
                return Some(bytes);
            }
            state.free.push(bytes);
            None
        });
    }
}

/// A batch that is being filled. Its operations are in one buffer, in the order in which they were pushed.
pub(super) struct BatchBuilder {
    lists: &'static [List],
    buffer: Buffer,
    /// The number of its first operation in the run.
    first_number: u64,
    /// The first operation that was not replaced, or a replaced one before it.
    open_from: usize,
    /// How many bytes each list has, each operation with its comma; replaced operations are not counted.
    list_bytes: Vec<usize>,
    operations: Vec<Operation>,
    keys: Keys,
    contents: Vec<(usize, Uploaded)>,
    notes: Notes,
}

/// The notes of the operations, by their numbers; empty in a run without a journal.
type Notes = Vec<Option<Arc<Note>>>;

/// One operation: its list, the end of its bytes, which begin at the end of the operation before, and its number in
/// the run, counted from that of the first operation.
#[derive(Debug)]
struct Operation {
    list: u32,
    end: u32,
    number: u32,
}

/// The bytes of a file container, and what they hold. A clone shares both.
#[derive(Clone)]
pub(super) struct Batch {
    lists: &'static [List],
    bytes: Bytes,
    first_number: u64,
    operations: Arc<Vec<Operation>>,
    keys: Arc<Keys>,
    /// The operations whose content lies in a container.
    contents: Arc<[(usize, Uploaded)]>,
    notes: Arc<Notes>,
    /// Joined, they are the container's bytes.
    chunks: Arc<[Bytes]>,
}

impl Change {
    pub(super) fn of(kind: ListKind, affects: Affects) -> Self {
        match (kind, affects) {
            (ListKind::Upsert, Affects::Aliases) => Self::Aliases,
            (ListKind::Upsert, _) => Self::Whole,
            (ListKind::Patch, _) => Self::Part,
            (ListKind::Delete, Affects::Subtree) => Self::DeleteTree,
            (ListKind::Delete, Affects::Identity) => Self::DeleteIdentity,
            (ListKind::Delete, _) => Self::Delete,
        }
    }
}

/// Follows each operation in the buffer.
const COMMA: usize = 1;
/// Closes a list, and the container.
const END: usize = 1;

impl BatchBuilder {
    pub(super) fn new(lists: &'static [List], pool: &Arc<BufferPool>) -> Self {
        Self {
            lists,
            buffer: pool.take(),
            first_number: 0,
            open_from: 0,
            list_bytes: vec![0; lists.len()],
            operations: Vec::new(),
            keys: Keys::default(),
            contents: Vec::new(),
            notes: Notes::new(),
        }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// How an operation of a list fits in with the others.
    pub(super) fn fit(&self, list: usize, key: Key<'_>) -> Fit {
        let replaces = |list: usize| self.lists.get(list).is_some_and(|list| list.repeated == Repeated::Replaces);
        let of_earlier =
            |number: usize| self.operations.get(number).is_some_and(|earlier| replaces(earlier.list as usize));
        match self.keys.fit(key) {
            Fit::Covers if !replaces(list) || !self.keys.covered(key).all(of_earlier) => Fit::Conflicts,
            fit => fit,
        }
    }

    /// How many bytes the batch takes with one more operation of `bytes` bytes in that list. Replaced operations
    /// take up memory and count.
    pub(super) fn len_with(&self, list: usize, bytes: usize) -> usize {
        let lists = self.lists.iter().zip(&self.list_bytes).enumerate();
        let holds_some = |number: usize, there: usize| there > 0 || number == list;
        // No comma follows the last operation of a list. That of the new one is not counted.
        let commas = lists.clone().filter(|(number, (_, there))| holds_some(*number, **there)).count() - 1;
        let written = lists.filter(|(number, (_, there))| *number == 0 || holds_some(*number, **there));
        let heads: usize = written.map(|(_, (list, _))| head_len(list) + END).sum();
        heads + self.buffer.bytes.len() - commas * COMMA + bytes + END
    }

    /// Adds an operation, which is `parts` one after another, in place of those that its key covers; returns how many.
    /// Its number in the run is above those of the operations before.
    pub(super) fn push(&mut self, list: usize, parts: [&[u8]; 2], key: Key<'_>, number: u64) -> u64 {
        if self.operations.is_empty() {
            self.first_number = number;
        }
        let number = number.saturating_sub(self.first_number);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let Self { buffer: Buffer { bytes, .. }, list_bytes, operations, keys, .. } = self;
        let replaced = keys.replace(key);
        for number in &replaced {
            let start = number.checked_sub(1).and_then(|before| operations.get(before)).map_or(0, |before| before.end);
            if let Some(Operation { list, end, .. }) = operations.get(*number)
                && let Some(there) = list_bytes.get_mut(*list as usize)
            {
                *there -= (end - start) as usize;
            }
        }
        let start = bytes.len();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes.push(b',');
        if let Some(there) = list_bytes.get_mut(list) {
            *there += bytes.len() - start;
        }
        operations.push(Operation { list: small(list), end: small(bytes.len()), number });
        keys.push(key);
        while self.keys.get(self.open_from).is_none() && self.open_from < self.operations.len() {
            self.open_from += 1;
        }
        replaced.len() as u64
    }

    /// Takes note that the content of the last operation lies in a container.
    pub(super) fn with_content(&mut self, content: Option<Uploaded>) {
        let last = self.operations.len().saturating_sub(1);
        self.contents.extend(content.map(|content| (last, content)));
    }

    /// Keeps the note of the last operation.
    pub(super) fn with_note(&mut self, note: Option<&Arc<Note>>) {
        if let Some(note) = note {
            self.notes.resize(self.operations.len().saturating_sub(1), None);
            self.notes.push(Some(Arc::clone(note)));
        }
    }

    /// The lowest number of an operation that was not replaced.
    pub(super) fn open_from(&self) -> u64 {
        self.first_number + self.operations.get(self.open_from).map_or(0, |operation| operation.number.into())
    }

    /// Gives its operations other numbers, from this one on.
    pub(super) fn renumber(&mut self, first: u64) {
        self.first_number = first;
    }

    /// Ends the batch: nothing is copied.
    pub(super) fn seal(self) -> Batch {
        let Self { lists, buffer, first_number, operations, keys, contents, notes, .. } = self;
        let bytes = Bytes::from_owner(buffer);
        let chunks = chunks(lists, &bytes, &operations, |number| keys.get(number).is_some()).into();
        let (operations, keys, contents) = (Arc::new(operations), Arc::new(keys), contents.into());
        Batch { lists, bytes, first_number, operations, keys, contents, notes: Arc::new(notes), chunks }
    }
}

/// A batch has less than 4 GiB.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The kept operations of a list: where their bytes are, without the comma.
fn of_list(
    operations: &[Operation],
    list: usize,
    is_kept: impl Fn(usize) -> bool,
) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(0).chain(operations.iter().map(|operation| operation.end as usize));
    let numbered = operations.iter().zip(starts).enumerate();
    numbered
        .filter(move |(number, (operation, _))| operation.list as usize == list && is_kept(*number))
        .map(|(_, (operation, start))| start..operation.end as usize - COMMA)
}

/// The bytes of a container with the operations that are kept: parts of the buffer, between heads and ends.
fn chunks(lists: &[List], bytes: &Bytes, operations: &[Operation], is_kept: impl Fn(usize) -> bool) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    for (number, list) in lists.iter().enumerate() {
        let mut kept = of_list(operations, number, &is_kept).peekable();
        if number > 0 && kept.peek().is_none() {
            continue;
        }
        chunks.push(Bytes::from(head(number, list)));
        while let Some(Range { start, mut end }) = kept.next() {
            // The neighbours that are kept go along, with the commas between them.
            while let Some(next) = kept.next_if(|next| next.start == end + COMMA) {
                end = next.end;
            }
            let with_comma = end + if kept.peek().is_some() { COMMA } else { 0 };
            chunks.push(bytes.slice(start..with_comma));
        }
        chunks.push(Bytes::from_static(b"]"));
    }
    chunks.push(Bytes::from_static(b"}"));
    chunks
}

fn head_len(list: &List) -> usize {
    r#"{"":["#.len() + list.key.len()
}

fn head(number: usize, list: &List) -> String {
    let first = if number == 0 { '{' } else { ',' };
    format!("{first}\"{}\":[", list.key)
}

/// How many bytes a container has that holds one operation of `bytes` bytes.
pub(super) fn single_len(lists: &[List], list: usize, bytes: usize) -> usize {
    let heads = lists.iter().enumerate().filter(|(number, _)| *number == 0 || *number == list);
    heads.map(|(_, list)| head_len(list) + END).sum::<usize>() + bytes + END
}

/// A batch of one operation, in a buffer of its own.
pub(super) fn single(
    lists: &'static [List],
    list: usize,
    operation: &[u8],
    key: Key<'_>,
    number: u64,
    content: Option<Uploaded>,
) -> Batch {
    let mut batch = BatchBuilder::new(lists, &BufferPool::new(operation.len() + COMMA, 0));
    batch.push(list, [operation, &[]], key, number);
    batch.with_content(content);
    batch.seal()
}

impl Batch {
    /// How many bytes the container has.
    pub(super) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// The container's bytes, in parts.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Bytes> {
        self.chunks.iter().cloned()
    }

    /// It was accepted: adds the identities to the known ones.
    pub(super) fn learn(&self, at: &Destination, known: Option<&KnownIdentities>) {
        at.learn(known, self.kept().map(|(_, list, json)| (list, json)));
    }

    /// The number of one of its operations in the run.
    pub(super) fn number_of(&self, operation: usize) -> u64 {
        self.first_number + self.operations.get(operation).map_or(0, |operation| operation.number.into())
    }

    /// The lowest number of an operation that was not replaced.
    pub(super) fn open_from(&self) -> u64 {
        self.keys.iter().next().map_or(self.first_number, |(operation, _)| self.number_of(operation))
    }

    /// The container's bytes with only the operations that are kept, in parts.
    pub(super) fn chunks_of(&self, is_kept: impl Fn(usize) -> bool) -> Vec<Bytes> {
        chunks(self.lists, &self.bytes, &self.operations, |number| self.keys.get(number).is_some() && is_kept(number))
    }

    pub(super) fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The note of an operation.
    pub(super) fn note(&self, operation: usize) -> Option<&Arc<Note>> {
        self.notes.get(operation)?.as_ref()
    }

    /// The operations that were not replaced, as a journal has them.
    pub(super) fn entries(&self) -> impl Iterator<Item = JournalEntry<'_>> {
        self.keys.iter().filter_map(|(number, key)| {
            let list = self.lists.get(self.operations.get(number)?.list as usize)?;
            let change = Change::of(list.kind, key.affects);
            Some(JournalEntry { id: key.text, change, note: self.note(number).map(|note| &**note) })
        })
    }

    /// A batch of its one operation with other JSON.
    pub(super) fn with_single(&self, operation: &[u8], content: Option<Uploaded>) -> Self {
        let list = self.operations.first().map_or(0, |first| first.list as usize);
        match self.keys.get(0) {
            Some(key) => single(self.lists, list, operation, key, self.first_number, content),
            None => self.clone(),
        }
    }

    /// The operations whose content lies in a container, by their numbers, without replaced ones.
    pub(super) fn contents(&self) -> impl Iterator<Item = (usize, &Uploaded)> {
        let contents = self.contents.iter().map(|(number, content)| (*number, content));
        contents.filter(|(number, _)| self.keys.get(*number).is_some())
    }

    /// The content of an operation that lies in a container.
    pub(super) fn content(&self, number: usize) -> Option<&Uploaded> {
        let at = self.contents.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.contents.get(at).map(|(_, content)| content)
    }

    /// Until when it may be pushed because of the content that it refers to.
    pub(super) fn latest_push(&self) -> Option<Instant> {
        self.contents().map(|(_, content)| content.latest_push()).min()
    }

    /// The operations that were not replaced: the number of each, its list, and its JSON.
    pub(super) fn kept(&self) -> impl Iterator<Item = (usize, usize, &[u8])> {
        let starts = std::iter::once(0).chain(self.operations.iter().map(|operation| operation.end as usize));
        let all = self.operations.iter().zip(starts).enumerate();
        all.filter(|(number, _)| self.keys.get(*number).is_some()).filter_map(|(number, (operation, start))| {
            Some((number, operation.list as usize, self.bytes.get(start..operation.end as usize - COMMA)?))
        })
    }

    /// The keys of its operations, with the kinds of their lists.
    pub(super) fn keys_with_kinds(&self) -> impl Iterator<Item = (Key<'_>, ListKind)> {
        self.keys.iter().filter_map(|(number, key)| {
            let list = self.operations.get(number)?.list;
            Some((key, self.lists.get(list as usize)?.kind))
        })
    }

    /// How many of its operations delete.
    pub(super) fn deletions(&self) -> u64 {
        let deletes = |number: &usize| self.lists.get(*number).is_some_and(|list| list.kind == ListKind::Delete);
        let lists = (0..self.lists.len()).filter(deletes);
        lists.map(|list| of_list(&self.operations, list, |number| self.keys.get(number).is_some()).count() as u64).sum()
    }

    /// The lists that it can hold.
    pub(super) fn lists_of(&self) -> &'static [List] {
        self.lists
    }

    /// The same batch, whose content of these operations cannot be read again.
    pub(super) fn without_files(&self, numbers: &BTreeSet<usize>) -> Self {
        let mut contents = self.contents.to_vec();
        contents
            .iter_mut()
            .filter(|(number, _)| numbers.contains(number))
            .for_each(|(_, content)| content.forget_file());
        Self { contents: contents.into(), ..self.clone() }
    }

    /// Each operation with the key of its list, in the order in which they were pushed.
    pub(super) fn lists(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let kept = self.operations.iter().enumerate().filter(|(number, _)| self.keys.get(*number).is_some());
        kept.filter_map(|(number, operation)| Some((number, self.lists.get(operation.list as usize)?.key)))
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("operations", &self.keys().len()).field("bytes", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use proptest::prelude::*;

    use super::*;

    const fn list(key: &'static str, kind: ListKind) -> List {
        List { key, kind, repeated: Repeated::Replaces }
    }

    const LISTS: &[List] = &[list("a", ListKind::Upsert), list("b", ListKind::Upsert), list("c", ListKind::Delete)];

    /// A batch of operations, each with its list, its id and its JSON.
    fn filled(operations: &[(usize, &str, &str)]) -> BatchBuilder {
        let hasher = RandomState::new();
        let mut batch = BatchBuilder::new(LISTS, &BufferPool::new(1024, 2));
        for (list, id, json) in operations {
            batch.push(*list, [json.as_bytes(), b""], Key::new(id, Affects::Item, &hasher), 1);
        }
        batch
    }

    fn text(batch: &Batch) -> String {
        String::from_utf8(batch.chunks().flatten().collect()).unwrap()
    }

    #[test]
    fn a_pool_keeps_its_most_and_forgets_buffers_beyond_once_they_are_free() {
        let pool = BufferPool::new(16, 2);
        for _ in 0..2 {
            let taken: Vec<Buffer> = (0..5).map(|_| pool.take()).collect();
            assert_eq!(pool.with(|state| (state.count, state.free.len())), (5, 0));
            drop(taken);
            assert_eq!(pool.with(|state| (state.count, state.free.len())), (2, 2));
        }
    }

    #[test]
    fn a_batch_has_its_first_list_and_those_that_hold_something() {
        for (operations, expected) in [
            (vec![(0, "x", "1"), (0, "y", "23")], r#"{"a":[1,23]}"#),
            (vec![(1, "x", "1")], r#"{"a":[],"b":[1]}"#),
            (vec![(2, "x", "1"), (0, "y", "2"), (2, "z", "3"), (0, "u", "4")], r#"{"a":[2,4],"c":[1,3]}"#),
            (vec![(0, "x", "1"), (0, "y", "2"), (0, "x", "3")], r#"{"a":[2,3]}"#),
            (vec![(0, "x", "1"), (0, "y", "2"), (2, "y", "3")], r#"{"a":[1],"c":[3]}"#),
            (vec![(1, "x", "1"), (2, "x", "2")], r#"{"a":[],"c":[2]}"#),
        ] {
            assert_eq!(text(&filled(&operations).seal()), expected, "{operations:?}");
        }
    }

    #[test]
    fn an_operation_replaces_and_is_replaced_only_where_its_list_allows_it() {
        const LISTS: &[List] =
            &[list("a", ListKind::Upsert), List { repeated: Repeated::Cuts, ..list("b", ListKind::Upsert) }];
        let hasher = RandomState::new();
        for (earlier, later, fit) in
            [(0, 0, Fit::Covers), (0, 1, Fit::Conflicts), (1, 0, Fit::Conflicts), (1, 1, Fit::Conflicts)]
        {
            let mut batch = BatchBuilder::new(LISTS, &BufferPool::new(1024, 2));
            let key = Key::new("x", Affects::Item, &hasher);
            batch.push(earlier, [b"1", b""], key, 1);
            assert_eq!(batch.fit(later, key), fit, "{later} after {earlier}");
            assert_eq!(batch.fit(later, Key::new("y", Affects::Item, &hasher)), Fit::New);
        }
    }

    #[test]
    fn operations_that_follow_each_other_are_one_chunk() {
        let batch = filled(&[(0, "x", "1"), (0, "y", "2"), (1, "z", "3"), (0, "u", "4")]).seal();
        let chunks: Vec<Bytes> = batch.chunks().collect();
        assert_eq!(chunks, [r#"{"a":["#, "1,2,", "4", "]", r#","b":["#, "3", "]", "}"]);
    }

    #[test]
    fn operations_that_are_left_out_leave_no_trace() {
        let batch = filled(&[(0, "x", "1"), (1, "y", "2"), (0, "z", "3")]).seal();
        for (left_out, expected) in [(0, r#"{"a":[3],"b":[2]}"#), (1, r#"{"a":[1,3]}"#), (2, r#"{"a":[1],"b":[2]}"#)] {
            assert_eq!(batch.chunks_of(|number| number != left_out).concat(), expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn guarantee_8_the_size_is_that_of_the_bytes_and_replaced_ones_count_while_it_is_filled(
            operations in prop::collection::vec((0..3_usize, "[a-e]", "[0-9]{1,5}"), 1..20),
        ) {
            let hasher = RandomState::new();
            let mut batch = BatchBuilder::new(LISTS, &BufferPool::new(1024, 2));
            let mut last = Vec::new();
            for (list, id, json) in &operations {
                let expected = batch.len_with(*list, json.len());
                batch.push(*list, [json.as_bytes(), b""], Key::new(id, Affects::Item, &hasher), 1);
                last.retain(|(_, other, _)| *other != id);
                last.push((*list, id, json));
                let sealed: usize = chunks(LISTS, &Bytes::copy_from_slice(&batch.buffer.bytes), &batch.operations, |number| batch.keys.get(number).is_some())
                    .iter()
                    .map(Bytes::len)
                    .sum();
                prop_assert!(sealed <= expected);
                prop_assert!(last.len() < batch.operations.len() || sealed == expected);
                prop_assert!(single_len(LISTS, *list, json.len()) <= expected);
            }
            let batch = batch.seal();
            let list = |number| {
                let kept = last.iter().filter(|(list, ..)| *list == number).map(|(.., json)| json.as_str());
                kept.collect::<Vec<_>>().join(",")
            };
            let other = |number: usize, key: &str| {
                let kept = list(number);
                if kept.is_empty() { kept } else { format!(",\"{key}\":[{kept}]") }
            };
            prop_assert_eq!(text(&batch), format!("{{\"a\":[{}]{}{}}}", list(0), other(1, "b"), other(2, "c")));
            prop_assert_eq!(batch.keys().len(), last.len());
            prop_assert_eq!(batch.deletions(), last.iter().filter(|(list, ..)| *list == 2).count() as u64);
        }
    }
}
