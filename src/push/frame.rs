//! A batch as it is being filled. Its size is that of its bytes, not an estimate.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::keys::{Key, Keys, Size};

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

/// One list of the batch, with its key before it: `{"addOrUpdate":[…`.
#[derive(Debug)]
struct List {
    buffer: Vec<u8>,
    operations: usize,
}

/// Where an operation stands: in which list, and where in its buffer.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    list: usize,
    bytes: Range<u32>,
}

/// A batch that is whole: the bytes of a file container, and what they are about.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    names: Lists,
    /// One after another they are the container's bytes; one a list.
    pub(super) chunks: Vec<Bytes>,
    operations: Arc<[Operation]>,
    pub(super) keys: Arc<Keys>,
}

impl Sealed {
    /// How many bytes the container has.
    pub(super) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// The bytes of a container that has only the operations that are not left out: of
    /// all of them, the bytes as they were to be sent.
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

    fn operation(&self, operation: &Operation) -> &[u8] {
        let range = operation.bytes.start as usize..operation.bytes.end as usize;
        self.chunks.get(operation.list).and_then(|chunk| chunk.get(range)).unwrap_or_default()
    }
}

/// How many bytes close a list, and how many the container.
const END: usize = 1;

/// How many bytes a container has that holds one operation alone.
pub(super) fn sealed_len_alone(names: Lists, list: usize, bytes: usize) -> usize {
    let heads = names.iter().enumerate().filter(|(number, _)| *number == 0 || *number == list);
    heads.map(|(_, name)| r#"{"":["#.len() + name.len() + END).sum::<usize>() + bytes + END
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

fn head(list: usize, name: &str) -> String {
    let begin = if list == 0 { '{' } else { ',' };
    format!("{begin}\"{name}\":[")
}

impl Frame {
    /// An empty batch, with room for keys of that size. A buffer that may have been used before is for the
    /// list of its first operation, which is mostly that of all of them.
    pub(super) fn new(names: Lists, mut buffer: Vec<u8>, first: usize, keys: Size) -> Self {
        buffer.clear();
        let lists = names.iter().enumerate().map(|(list, name)| {
            let mut buffer = if list == first { std::mem::take(&mut buffer) } else { Vec::new() };
            buffer.extend_from_slice(head(list, name).as_bytes());
            List { buffer, operations: 0 }
        });
        let operations = Vec::with_capacity(keys.operations);
        Self { names, lists: lists.collect(), operations, keys: Keys::with_room(keys) }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// How many bytes the container has with one more operation, of `bytes` bytes, in that list.
    pub(super) fn sealed_len_with(&self, list: usize, bytes: usize) -> usize {
        let is_there = |number: usize, list: &List, of: usize| number == 0 || list.operations > 0 || number == of;
        let lists = self.lists.iter().enumerate().filter(|(number, there)| is_there(*number, there, list));
        let comma = self.lists.get(list).is_some_and(|list| list.operations > 0);
        lists.map(|(_, list)| list.buffer.len() + END).sum::<usize>() + usize::from(comma) + bytes + END
    }

    /// Adds an operation behind the others, its bytes in two parts.
    pub(super) fn add(&mut self, list: usize, parts: [&[u8]; 2], key: Key<'_>) {
        let Some(List { buffer, operations }) = self.lists.get_mut(list) else { return };
        if *operations > 0 {
            buffer.push(b',');
        }
        let start = buffer.len();
        parts.iter().for_each(|part| buffer.extend_from_slice(part));
        *operations += 1;
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.operations.push(Operation { list, bytes: offset(start)..offset(buffer.len()) });
        self.keys.push(key);
    }

    /// Closes the batch: nothing is copied.
    pub(super) fn seal(self) -> Sealed {
        let Self { names, lists, operations, mut keys } = self;
        keys.shrink();
        let is_there = |number: usize, list: &List| number == 0 || list.operations > 0;
        let last = lists.iter().enumerate().rposition(|(number, list)| is_there(number, list)).unwrap_or(0);
        let close = |(number, mut list): (usize, List)| {
            if !is_there(number, &list) {
                return Bytes::new();
            }
            list.buffer.extend_from_slice(if number == last { b"]}" } else { b"]" });
            Bytes::from(list.buffer)
        };
        let chunks = lists.into_iter().enumerate().map(close).collect();
        Sealed { names, chunks, operations: operations.into(), keys: Arc::new(keys) }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::super::keys::Scope;
    use super::*;

    const NAMES: Lists = &["a", "b", "c"];

    fn filled(operations: &[(usize, &str)]) -> Frame {
        let mut frame = Frame::new(
            NAMES,
            b"of an earlier batch".to_vec(),
            operations.first().map_or(0, |(list, _)| *list),
            Size::default(),
        );
        for (list, text) in operations {
            let (head, tail) = text.as_bytes().split_at(text.len() / 2);
            frame.add(*list, [head, tail], Key::new(text, Scope::Main, &RandomState::new()));
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
    fn guarantee_7_a_buffer_is_used_again_for_the_list_of_the_first_operation() {
        for list in 0..NAMES.len() {
            let mut frame = Frame::new(NAMES, Vec::with_capacity(1_000), list, Size::default());
            frame.add(list, [&[b'1'; 900], &[]], Key::new("", Scope::Main, &RandomState::new()));
            let capacities: Vec<usize> = frame.lists.iter().map(|list| list.buffer.capacity()).collect();
            assert!(capacities.iter().enumerate().all(|(number, bytes)| (*bytes == 1_000) == (number == list)));
        }
    }

    #[test]
    fn guarantee_8_the_size_with_one_more_operation_is_that_of_the_bytes() {
        let lists = || 0..NAMES.len();
        for (first, second, third) in lists().flat_map(|a| lists().flat_map(move |b| lists().map(move |c| (a, b, c)))) {
            let mut operations = Vec::new();
            for operation in [(first, "1"), (second, "22"), (third, "333")] {
                let expected = filled(&operations).sealed_len_with(operation.0, operation.1.len());
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
