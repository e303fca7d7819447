//! A batch as it is being filled. Its size is that of its bytes, not an estimate.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::keys::{Key, Keys, Size};
use super::segments::Segments;

/// The keys of the lists that a file container holds. The first list is always written.
pub(super) type Lists = &'static [&'static str];

/// A batch as it is being filled.
#[derive(Debug)]
pub(super) struct Frame {
    names: Lists,
    lists: Vec<List>,
    operations: Vec<Operation>,
    keys: Keys,
}

/// One list of the batch: its operations in the order in which they stand in memory, which is that of the
/// threads that wrote them. In a batch each id comes once, so that it does not matter.
#[derive(Debug, Default)]
struct List {
    chunks: Vec<BytesMut>,
    /// How many bytes its operations have, each with the comma behind it.
    bytes: usize,
}

/// Where an operation stands: in which list, in which chunk of that list, and where in it.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    list: usize,
    chunk: usize,
    bytes: Range<u32>,
}

/// A batch that is whole: the bytes of a file container, and what they are about.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    names: Lists,
    /// One after another they are the container's bytes.
    pub(super) chunks: Vec<Bytes>,
    /// Which chunk is the first with operations of each list.
    first_chunks: Arc<[usize]>,
    operations: Arc<[Operation]>,
    pub(super) keys: Arc<Keys>,
}

/// Ends an operation that was written: it will stand in a list.
pub(super) fn end_operation(buffer: &mut BytesMut) {
    buffer.extend_from_slice(b",");
}

/// How many bytes an operation has, without what ends it.
pub(super) fn operation_len(operation: &[u8]) -> usize {
    operation.len().saturating_sub(COMMA)
}

impl Sealed {
    /// How many bytes the container has.
    pub(super) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// The bytes of a container that has only the operations that are not left out.
    pub(super) fn without(&self, is_left_out: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (list, name) in self.names.iter().enumerate() {
            let operations = self.operations.iter().enumerate();
            let mut kept =
                operations.filter(|(number, operation)| operation.list == list && !is_left_out(*number)).peekable();
            if list > 0 && kept.peek().is_none() {
                continue;
            }
            bytes.extend_from_slice(head(list, name).as_bytes());
            let start = bytes.len();
            for (_, operation) in kept {
                if bytes.len() > start {
                    bytes.push(b',');
                }
                bytes.extend_from_slice(self.operation(operation));
            }
            bytes.push(b']');
        }
        bytes.push(b'}');
        bytes
    }

    /// How many of its operations delete: those of the last list.
    pub(super) fn deletions(&self) -> u64 {
        self.operations.iter().filter(|operation| operation.list + 1 == self.names.len()).count() as u64
    }

    /// The key of the list that each operation stands in.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'static str> {
        self.operations.iter().filter_map(|operation| self.names.get(operation.list).copied())
    }

    fn operation(&self, Operation { list, chunk, bytes }: &Operation) -> &[u8] {
        let chunk = self.first_chunks.get(*list).and_then(|first| self.chunks.get(first + chunk));
        chunk.and_then(|chunk| chunk.get(bytes.start as usize..bytes.end as usize)).unwrap_or_default()
    }
}

/// How many bytes close a list, and how many the container.
const END: usize = 1;
/// How many bytes there are between two operations.
const COMMA: usize = 1;

/// How many bytes a container has that holds one operation alone.
pub(super) fn sealed_len_alone(names: Lists, list: usize, bytes: usize) -> usize {
    let heads = names.iter().enumerate().filter(|(number, _)| *number == 0 || *number == list);
    heads.map(|(_, name)| head_len(name) + END).sum::<usize>() + bytes + END
}

/// The bytes of a container that holds one operation alone.
pub(super) fn alone(names: Lists, list: usize, operation: &[u8]) -> Vec<u8> {
    let heads = names.iter().enumerate().filter(|(number, _)| *number == 0 || *number == list);
    let mut bytes = Vec::new();
    for (number, name) in heads {
        bytes.extend_from_slice(head(number, name).as_bytes());
        bytes.extend_from_slice(if number == list { operation } else { &[] });
        bytes.push(b']');
    }
    bytes.push(b'}');
    bytes
}

fn head_len(name: &str) -> usize {
    r#"{"":["#.len() + name.len()
}

fn head(list: usize, name: &str) -> String {
    let begin = if list == 0 { '{' } else { ',' };
    format!("{begin}\"{name}\":[")
}

impl Frame {
    /// In how many of the last chunks of a list the one is looked for that an operation stands behind.
    const NEAR: usize = Segments::LANES;

    /// An empty batch, with room for keys of that size.
    pub(super) fn new(names: Lists, keys: Size) -> Self {
        let lists = names.iter().map(|_| List::default()).collect();
        let operations = Vec::with_capacity(keys.operations);
        Self { names, lists, operations, keys: Keys::with_room(keys) }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// How many bytes the container has with one more operation in that list, of `bytes` bytes with what ends it.
    pub(super) fn sealed_len_with(&self, list: usize, bytes: usize) -> usize {
        let lists = self.names.iter().zip(&self.lists).enumerate().map(|(number, (name, there))| {
            let bytes = there.bytes + if number == list { bytes } else { 0 };
            if number > 0 && bytes == 0 { 0 } else { head_len(name) + bytes.saturating_sub(COMMA) + END }
        });
        lists.sum::<usize>() + END
    }

    /// Adds an operation. Where it was written behind one of this batch, they become one chunk.
    pub(super) fn add(&mut self, list: usize, operation: BytesMut, key: Key<'_>) {
        let Some(List { chunks, bytes }) = self.lists.get_mut(list) else { return };
        let len = operation_len(&operation);
        *bytes += operation.len();
        let mut near = chunks.iter_mut().enumerate().rev().take(Self::NEAR);
        let (chunk, start) = match near.find(|(_, chunk)| chunk.as_ptr_range().end == operation.as_ptr()) {
            Some((number, chunk)) => {
                let start = chunk.len();
                // They stand in one memory: nothing is copied.
                chunk.unsplit(operation);
                (number, start)
            }
            None => {
                chunks.push(operation);
                (chunks.len() - 1, 0)
            }
        };
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.operations.push(Operation { list, chunk, bytes: offset(start)..offset(start + len) });
        self.keys.push(key);
    }

    /// Closes the batch: nothing is copied.
    pub(super) fn seal(self) -> Sealed {
        let Self { names, lists, operations, mut keys } = self;
        keys.shrink();
        let (mut chunks, mut first_chunks) = (Vec::new(), Vec::new());
        for (number, (name, mut list)) in names.iter().zip(lists).enumerate() {
            if number > 0 && list.chunks.is_empty() {
                first_chunks.push(0);
                continue;
            }
            if number > 0 {
                chunks.push(Bytes::from_static(b"]"));
            }
            chunks.push(Bytes::from(head(number, name)));
            first_chunks.push(chunks.len());
            if let Some(last) = list.chunks.last_mut() {
                last.truncate(operation_len(last));
            }
            chunks.extend(list.chunks.into_iter().map(BytesMut::freeze));
        }
        chunks.push(Bytes::from_static(b"]}"));
        Sealed { names, chunks, first_chunks: first_chunks.into(), operations: operations.into(), keys: Arc::new(keys) }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::super::keys::Scope;
    use super::*;

    const NAMES: Lists = &["a", "b", "c"];

    fn filled(operations: &[(usize, &str)]) -> Frame {
        let mut frame = Frame::new(NAMES, Size::default());
        for (list, text) in operations {
            let mut operation = BytesMut::from(*text);
            end_operation(&mut operation);
            frame.add(*list, operation, Key::new(text, Scope::Main, &RandomState::new()));
        }
        frame
    }

    #[test]
    fn a_batch_has_its_first_list_and_those_that_hold_something() {
        for (operations, expected) in [
            (vec![(0, "1"), (0, "23")], r#"{"a":[1,23]}"#),
            (vec![(1, "1")], r#"{"a":[],"b":[1]}"#),
            (vec![(2, "1"), (0, "2"), (2, "3")], r#"{"a":[2],"c":[1,3]}"#),
        ] {
            assert_eq!(filled(&operations).seal().chunks.concat(), expected.as_bytes());
        }
    }

    #[test]
    fn operations_of_one_thread_become_one_chunk_of_each_list() {
        let mut threads = [0, 1].map(|_| BytesMut::with_capacity(100));
        let mut frame = Frame::new(NAMES, Size::default());
        for (thread, text) in [(0, "1"), (1, "2"), (0, "3"), (1, "4")] {
            threads[thread].extend_from_slice(text.as_bytes());
            end_operation(&mut threads[thread]);
            let operation = threads[thread].split();
            frame.add(0, operation, Key::new(text, Scope::Main, &RandomState::new()));
        }
        let sealed = frame.seal();
        assert_eq!(sealed.chunks, [r#"{"a":["#, "1,3,", "2,4", "]}"]);
        assert_eq!(sealed.without(|_| false), br#"{"a":[1,2,3,4]}"#, "in the order in which they were taken");
    }

    #[test]
    fn guarantee_8_the_size_with_one_more_operation_is_that_of_the_bytes() {
        let lists = || 0..NAMES.len();
        for (first, second, third) in lists().flat_map(|a| lists().flat_map(move |b| lists().map(move |c| (a, b, c)))) {
            let mut operations = Vec::new();
            for operation in [(first, "1"), (second, "22"), (third, "333")] {
                let expected = filled(&operations).sealed_len_with(operation.0, operation.1.len() + COMMA);
                operations.push(operation);
                assert_eq!(filled(&operations).seal().len(), expected as u64, "{operations:?}");
            }
            assert_eq!(filled(&[(first, "1")]).seal().len(), sealed_len_alone(NAMES, first, 1) as u64);
        }
    }

    #[test]
    fn what_is_left_out_leaves_no_trace() {
        let sealed = filled(&[(0, "1"), (1, "2"), (0, "3")]).seal();
        assert_eq!(sealed.without(|number| number == 0), br#"{"a":[3],"b":[2]}"#);
        assert_eq!(sealed.without(|number| number == 1), br#"{"a":[1,3]}"#);
        assert_eq!(sealed.without(|_| false), sealed.chunks.concat());
    }
}
