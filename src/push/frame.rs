//! A batch as it is being filled: each operation is written once, straight to where it is sent
//! from, and the size is that of the bytes, not an estimate.

use std::hash::RandomState;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::keys::{Key, Keys};

/// The keys of the lists that a file container holds. The first list is always written.
pub(super) type Lists = &'static [&'static str];

/// A batch as it is being filled.
#[derive(Debug)]
pub(super) struct Frame {
    names: Lists,
    /// How many bytes a buffer may keep.
    most: usize,
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

/// An operation that was written and may still be taken back.
#[derive(Debug)]
#[must_use]
pub(super) struct Written {
    list: usize,
    /// The buffer's length before it, and before the comma in front of it.
    before: usize,
    start: usize,
    end: usize,
}

impl Written {
    /// How many bytes the operation has.
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
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

    /// The key of the list that each operation stands in.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'static str> {
        self.operations.iter().filter_map(|operation| self.names.get(operation.list).copied())
    }

    fn operation(&self, operation: &Operation) -> &[u8] {
        let range = operation.bytes.start as usize..operation.bytes.end as usize;
        self.chunks.get(operation.list).and_then(|chunk| chunk.get(range)).unwrap_or_default()
    }
}

fn head(list: usize, name: &str) -> String {
    let begin = if list == 0 { '{' } else { ',' };
    format!("{begin}\"{name}\":[")
}

impl Frame {
    /// Beyond the limit of a batch: room for the operation that goes over it, which is written
    /// before that is known.
    const SLACK: usize = 64 * 1024;

    /// A buffer for batches of that limit.
    pub(super) fn buffer(limit: usize) -> Vec<u8> {
        Vec::with_capacity(limit + Self::SLACK)
    }

    /// An empty batch, in a buffer that may have been used before.
    pub(super) fn new(names: Lists, mut first: Vec<u8>, limit: usize) -> Self {
        first.clear();
        let buffers = std::iter::once(first).chain(std::iter::repeat_with(Vec::new));
        let lists = names.iter().zip(buffers).enumerate().map(|(list, (name, mut buffer))| {
            buffer.extend_from_slice(head(list, name).as_bytes());
            List { buffer, operations: 0 }
        });
        let most = limit + Self::SLACK;
        Self { names, most, lists: lists.collect(), operations: Vec::new(), keys: Keys::default() }
    }

    /// Whether it was begun in less room than a batch takes.
    pub(super) fn is_cramped(&self) -> bool {
        self.lists.first().is_some_and(|list| list.buffer.capacity() + Self::SLACK < self.most)
    }

    /// Goes on in another buffer.
    pub(super) fn move_into(&mut self, mut buffer: Vec<u8>) {
        if let Some(first) = self.lists.first_mut() {
            buffer.clear();
            buffer.extend_from_slice(&first.buffer);
            first.buffer = buffer;
        }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether an operation about `key` has to go into a later batch.
    pub(super) fn conflicts(&self, key: Key<'_>, hasher: &RandomState) -> bool {
        self.keys.conflicts(key, hasher)
    }

    /// Writes an operation behind the others. When `write` fails, or panics, the batch is as it was.
    pub(super) fn write<E>(
        &mut self,
        list: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Written, E> {
        /// Cuts the buffer back to where it was, unless the operation is whole.
        struct Tail<'a> {
            buffer: &'a mut Vec<u8>,
            before: usize,
        }

        impl Drop for Tail<'_> {
            fn drop(&mut self) {
                self.buffer.truncate(self.before);
            }
        }

        let Some(List { buffer, operations }) = self.lists.get_mut(list) else {
            return Ok(Written { list, before: 0, start: 0, end: 0 });
        };
        let before = buffer.len();
        let tail = Tail { before, buffer };
        if *operations > 0 {
            tail.buffer.push(b',');
        }
        let start = tail.buffer.len();
        write(tail.buffer)?;
        let end = tail.buffer.len();
        let mut tail = tail;
        tail.before = end;
        Ok(Written { list, before, start, end })
    }

    /// How many bytes the container has with the operation that was written last.
    pub(super) fn sealed_len(&self, written: &Written) -> usize {
        const END: usize = 1;
        let is_there = |number: usize, list: &List| number == 0 || list.operations > 0 || number == written.list;
        let lists = self.lists.iter().enumerate().filter(|(number, list)| is_there(*number, list));
        lists.map(|(_, list)| list.buffer.len() + END).sum::<usize>() + END
    }

    /// How many bytes a container has that holds the operation alone.
    pub(super) fn sealed_len_alone(&self, written: &Written) -> usize {
        const END: usize = 1;
        let heads = self.names.iter().enumerate().filter(|(list, _)| *list == 0 || *list == written.list);
        heads.map(|(list, name)| head(list, name).len() + END).sum::<usize>() + written.len() + END
    }

    /// Makes the operation that was written last one of the batch.
    pub(super) fn keep(&mut self, written: &Written, key: Key<'_>, hasher: &RandomState) {
        if let Some(list) = self.lists.get_mut(written.list) {
            list.operations += 1;
        }
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.operations.push(Operation { list: written.list, bytes: offset(written.start)..offset(written.end) });
        self.keys.push(key, hasher);
    }

    /// Takes the operation that was written last out again, and gives back the memory that it took
    /// beyond that of a batch.
    pub(super) fn take_back(&mut self, written: &Written) {
        if let Some(list) = self.lists.get_mut(written.list) {
            list.buffer.truncate(written.before);
            list.buffer.shrink_to(self.most);
        }
    }

    /// Moves the operation that was written last into another batch.
    pub(super) fn move_to(&mut self, other: &mut Self, written: &Written) -> Written {
        let bytes = self.lists.get(written.list).and_then(|list| list.buffer.get(written.start..written.end));
        let bytes = bytes.unwrap_or_default();
        let moved = other.write::<std::convert::Infallible>(written.list, |buffer| {
            buffer.extend_from_slice(bytes);
            Ok(())
        });
        self.take_back(written);
        match moved {
            Ok(moved) => moved,
        }
    }

    /// Closes the batch: nothing is copied.
    pub(super) fn seal(self) -> Sealed {
        let Self { names, most: _, lists, operations, keys } = self;
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
