//! A batch as it is being filled. Its size is that of its bytes, not an estimate.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::keys::{Key, Keys, Size, about};
use super::segments::Parts;

/// The keys of the lists that a file container holds. The first list is always written.
pub(super) type Lists = &'static [&'static str];

/// A batch as it is being filled.
#[derive(Debug)]
pub(super) struct Frame {
    names: Lists,
    lists: Vec<List>,
    tables: Tables,
}

/// What is known of the operations of a batch. One that is done leaves its tables to another.
#[derive(Debug, Default)]
pub(super) struct Tables {
    operations: Vec<Operation>,
    parts: Vec<Part>,
    keys: Keys,
}

/// One list of the batch: its operations in the order in which they stand in memory, which is that of the
/// threads that wrote them. In a batch each id comes once, so that it does not matter.
#[derive(Debug, Default)]
struct List {
    chunks: Vec<Chunk>,
    /// How many bytes its operations have, each with the comma behind it.
    bytes: usize,
}

/// Operations that stand one behind another in one memory.
#[derive(Debug)]
struct Chunk {
    bytes: BytesMut,
    /// The chunk that has to come next, as the last operation goes on there.
    next: Option<usize>,
}

/// Where an operation stands: in which list, and in which parts.
#[derive(Debug)]
struct Operation {
    list: u32,
    parts: Range<u32>,
}

/// A part of an operation: in which chunk of its list, and where in it.
#[derive(Debug)]
struct Part {
    chunk: u32,
    bytes: Range<u32>,
}

/// A batch that is whole: the bytes of a file container, and what they are about.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    names: Lists,
    /// One after another they are the container's bytes.
    pub(super) chunks: Vec<Bytes>,
    contents: Arc<Contents>,
    pub(super) keys: Arc<Keys>,
}

/// What stands where in a batch.
#[derive(Debug)]
struct Contents {
    operations: Vec<Operation>,
    parts: Vec<Part>,
    /// For each list, where its chunks are among those of the batch.
    places: Vec<Vec<usize>>,
}

/// What comes behind an operation, which will stand in a list.
pub(super) const BEHIND: &[u8] = b",";

/// How many bytes an operation has, without what comes behind it.
pub(super) fn operation_len(operation: &Parts) -> usize {
    operation.len().saturating_sub(BEHIND.len())
}

impl Tables {
    /// Makes room for a batch of about that size, where there is less.
    pub(super) fn reserve(&mut self, size: Size) {
        if self.operations.capacity() < size.operations {
            self.operations.reserve_exact(about(size.operations));
            self.parts.reserve_exact(about(size.operations));
        }
        self.keys.reserve(size);
    }

    /// Gives back the room of batches that had much more.
    fn shrink(&mut self) {
        self.keys.shrink();
        if self.operations.capacity() / 2 > self.operations.len() {
            self.operations.shrink_to_fit();
        }
        if self.parts.capacity() / 2 > self.parts.len() {
            self.parts.shrink_to_fit();
        }
    }

    fn clear(&mut self) {
        self.operations.clear();
        self.parts.clear();
        self.keys.clear();
    }
}

impl Sealed {
    /// Takes a batch apart that is done: the memory that its bytes are in, and its tables, which are empty then.
    /// There are none where somebody has the batch still, or its keys.
    pub(super) fn into_memory(self) -> (Vec<Bytes>, Option<Tables>) {
        let Self { names: _, chunks, contents, keys } = self;
        let tables = Arc::into_inner(contents).zip(Arc::into_inner(keys)).map(|(contents, keys)| {
            let Contents { operations, parts, places: _ } = contents;
            let mut tables = Tables { operations, parts, keys };
            tables.clear();
            tables
        });
        (chunks, tables)
    }

    /// How many bytes the container has.
    pub(super) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// The bytes of a container that has only the operations that are not left out.
    pub(super) fn without(&self, is_left_out: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (list, name) in self.names.iter().enumerate() {
            let operations = self.contents.operations.iter().enumerate();
            let mut kept =
                operations.filter(|(number, operation)| operation.list() == list && !is_left_out(*number)).peekable();
            if list > 0 && kept.peek().is_none() {
                continue;
            }
            bytes.extend_from_slice(head(list, name).as_bytes());
            let start = bytes.len();
            for (_, operation) in kept {
                if bytes.len() > start {
                    bytes.push(b',');
                }
                self.parts(operation).for_each(|part| bytes.extend_from_slice(part));
            }
            bytes.push(b']');
        }
        bytes.push(b'}');
        bytes
    }

    /// How many of its operations delete: those of the last list.
    pub(super) fn deletions(&self) -> u64 {
        self.contents.operations.iter().filter(|operation| operation.list() + 1 == self.names.len()).count() as u64
    }

    /// The key of the list that each operation stands in.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'static str> {
        self.contents.operations.iter().filter_map(|operation| self.names.get(operation.list()).copied())
    }

    fn parts(&self, operation: &Operation) -> impl Iterator<Item = &[u8]> {
        let Contents { parts, places, .. } = &*self.contents;
        let parts = parts.get(range(&operation.parts)).unwrap_or_default().iter();
        let place = |chunk: u32| places.get(operation.list())?.get(chunk as usize);
        parts.filter_map(move |part| self.chunks.get(*place(part.chunk)?)?.get(range(&part.bytes)))
    }
}

impl Operation {
    fn list(&self) -> usize {
        self.list as usize
    }
}

/// A batch has less than 4 GiB.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// How many bytes close a list, and how many the container.
const END: usize = 1;

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
    /// An empty batch, with empty tables.
    pub(super) fn new(names: Lists, tables: Tables) -> Self {
        Self { names, lists: names.iter().map(|_| List::default()).collect(), tables }
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.tables.keys
    }

    /// How many bytes the container has with one more operation in that list, of `bytes` bytes with what is
    /// behind it.
    pub(super) fn sealed_len_with(&self, list: usize, bytes: usize) -> usize {
        let lists = self.names.iter().zip(&self.lists).enumerate().map(|(number, (name, there))| {
            let bytes = there.bytes + if number == list { bytes } else { 0 };
            if number > 0 && bytes == 0 { 0 } else { head_len(name) + bytes.saturating_sub(BEHIND.len()) + END }
        });
        lists.sum::<usize>() + END
    }

    /// Adds an operation. Where it was written behind one of this batch, they become one chunk.
    pub(super) fn add(&mut self, list: usize, operation: Parts, key: Key<'_>) {
        let Some(there) = self.lists.get_mut(list) else { return };
        let Tables { operations, parts, keys } = &mut self.tables;
        let first = small(parts.len());
        let mut before = None;
        for part in operation {
            let (chunk, bytes) = there.add(part, before);
            before = Some(chunk);
            parts.push(Part { chunk: small(chunk), bytes });
        }
        if let Some(last) = parts.last_mut() {
            last.bytes.end = last.bytes.end.saturating_sub(small(BEHIND.len()));
        }
        operations.push(Operation { list: small(list), parts: first..small(parts.len()) });
        keys.push(key);
    }

    /// Closes the batch: nothing is copied.
    pub(super) fn seal(self) -> Sealed {
        let Self { names, lists, mut tables } = self;
        tables.shrink();
        let mut chunks = Vec::new();
        let mut places = Vec::new();
        for (number, (name, list)) in names.iter().zip(lists).enumerate() {
            let mut place = Vec::new();
            if number == 0 || !list.chunks.is_empty() {
                if number > 0 {
                    chunks.push(Bytes::from_static(b"]"));
                }
                chunks.push(Bytes::from(head(number, name)));
                place = list.close(&mut chunks);
            }
            places.push(place);
        }
        chunks.push(Bytes::from_static(b"]}"));
        let Tables { operations, parts, keys } = tables;
        let contents = Contents { operations, parts, places };
        Sealed { names, chunks, contents: Arc::new(contents), keys: Arc::new(keys) }
    }
}

impl List {
    /// In how many of the last chunks the one is looked for that an operation stands behind: threads take turns.
    const NEAR: usize = 64;

    /// Adds a part of an operation, which goes on from one that is in the chunk `before`, and says where it is.
    fn add(&mut self, part: BytesMut, before: Option<usize>) -> (usize, Range<u32>) {
        let len = part.len();
        self.bytes += len;
        let last = self.chunks.len();
        if let Some(chunk) = before.and_then(|before| self.chunks.get_mut(before)) {
            chunk.next = Some(last);
        } else {
            let mut near = self.chunks.iter_mut().enumerate().rev().take(Self::NEAR);
            let is_before = |chunk: &Chunk| chunk.next.is_none() && chunk.bytes.as_ptr_range().end == part.as_ptr();
            if let Some((number, chunk)) = near.find(|(_, chunk)| is_before(chunk)) {
                let start = chunk.bytes.len();
                // They stand in one memory: nothing is copied.
                chunk.bytes.unsplit(part);
                return (number, small(start)..small(start + len));
            }
        }
        self.chunks.push(Chunk { bytes: part, next: None });
        (last, 0..small(len))
    }

    /// Puts its chunks behind the others of the batch, and returns where each is.
    fn close(self, chunks: &mut Vec<Bytes>) -> Vec<usize> {
        let mut places = vec![usize::MAX; self.chunks.len()];
        let mut open: Vec<Option<Chunk>> = self.chunks.into_iter().map(Some).collect();
        for first in 0..open.len() {
            // What goes on elsewhere takes what comes next along.
            let mut next = Some(first);
            while let Some(number) = next
                && let Some(Chunk { bytes, next: after }) = open.get_mut(number).and_then(Option::take)
            {
                if let Some(place) = places.get_mut(number) {
                    *place = chunks.len();
                }
                chunks.push(bytes.freeze());
                next = after;
            }
        }
        if let Some(last) = chunks.last_mut().filter(|_| !places.is_empty()) {
            last.truncate(last.len().saturating_sub(BEHIND.len()));
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::super::keys::Scope;
    use super::super::segments::Segments;
    use super::*;

    const NAMES: Lists = &["a", "b", "c"];

    fn filled(operations: &[(usize, &str)]) -> Frame {
        let mut frame = Frame::new(NAMES, Tables::default());
        for (list, text) in operations {
            let operation = Parts::from(&[text.as_bytes(), BEHIND][..]);
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
    fn operations_of_one_segment_become_one_chunk() {
        let segments = [(); 2].map(|()| Segments::new(0));
        let mut frame = Frame::new(NAMES, Tables::default());
        for (segment, text) in [(0, "1"), (1, "2"), (0, "3"), (1, "4")] {
            let operation = segments[segment].end(0, segments[segment].begin(0), &[text.as_bytes(), BEHIND]);
            frame.add(0, operation, Key::new(text, Scope::Main, &RandomState::new()));
        }
        let sealed = frame.seal();
        assert_eq!(sealed.chunks, [r#"{"a":["#, "1,3,", "2,4", "]}"]);
        assert_eq!(sealed.without(|_| false), br#"{"a":[1,2,3,4]}"#, "in the order in which they were taken");
    }

    #[test]
    fn an_operation_that_goes_on_in_another_segment_is_not_torn_apart_by_others() {
        let segments = [(); 2].map(|()| Segments::new(0));
        let mut frame = Frame::new(NAMES, Tables::default());
        let texts: Vec<String> = (1..=9).map(|number| number.to_string().repeat(70_000)).collect();
        for (number, text) in texts.iter().enumerate() {
            let segments = &segments[number % 2];
            let operation = segments.end(0, segments.begin(0), &[text.as_bytes(), BEHIND]);
            frame.add(0, operation, Key::new(text, Scope::Main, &RandomState::new()));
        }
        let sealed = frame.seal();
        let order = [0, 2, 4, 6, 8, 1, 3, 5, 7].map(|number| texts[number].as_str());
        assert_eq!(sealed.chunks.concat(), format!("{{\"a\":[{}]}}", order.join(",")).as_bytes());
        assert_eq!(sealed.without(|_| false), format!("{{\"a\":[{}]}}", texts.join(",")).as_bytes());
    }

    #[test]
    fn operations_that_stand_in_several_segments_are_whole() {
        let segments = Segments::new(0);
        let mut frame = Frame::new(NAMES, Tables::default());
        let texts = [1, 100_000, 300_000, 65_533, 65_536, 5].map(|len| "1".repeat(len));
        for text in &texts {
            let operation = segments.end(0, segments.begin(0), &[text.as_bytes(), BEHIND]);
            frame.add(0, operation, Key::new(text, Scope::Main, &RandomState::new()));
        }
        let sealed = frame.seal();
        assert_eq!(sealed.chunks.concat(), format!("{{\"a\":[{}]}}", texts.join(",")).as_bytes());
        for (kept, text) in texts.iter().enumerate() {
            assert_eq!(sealed.without(|number| number != kept), format!("{{\"a\":[{text}]}}").as_bytes());
        }
    }

    #[test]
    fn guarantee_8_the_size_with_one_more_operation_is_that_of_the_bytes() {
        let lists = || 0..NAMES.len();
        for (first, second, third) in lists().flat_map(|a| lists().flat_map(move |b| lists().map(move |c| (a, b, c)))) {
            let mut operations = Vec::new();
            for operation in [(first, "1"), (second, "22"), (third, "333")] {
                let expected = filled(&operations).sealed_len_with(operation.0, operation.1.len() + BEHIND.len());
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

    #[test]
    fn a_batch_is_filled_into_the_tables_of_another_as_into_new_ones() {
        let texts = ["1", "2", "3"].map(|text| (0, text));
        let tables = filled(&texts).seal().into_memory().1.unwrap();
        assert_eq!((tables.operations.len(), tables.parts.len(), tables.keys.len()), (0, 0, 0));
        assert!(tables.operations.capacity() >= 3 && tables.parts.capacity() >= 3);
        let mut frame = Frame::new(NAMES, tables);
        frame.add(0, Parts::from(&[b"4", BEHIND][..]), Key::new("4", Scope::Main, &RandomState::new()));
        let sealed = frame.seal();
        assert_eq!(sealed.without(|_| false), br#"{"a":[4]}"#);
        assert_eq!(sealed.keys.iter().map(|key| key.text).collect::<Vec<_>>(), ["4"]);
    }

    #[test]
    fn guarantee_7_a_batch_keeps_no_room_for_many_more_operations_than_it_has() {
        let mut tables = filled(&vec![(0, "1"); 100]).seal().into_memory().1.unwrap();
        tables.reserve(Size::default());
        assert!(tables.operations.capacity() >= 100);
        let mut frame = Frame::new(NAMES, tables);
        frame.add(0, Parts::from(&[b"4", BEHIND][..]), Key::new("4", Scope::Main, &RandomState::new()));
        let tables = frame.seal().into_memory().1.unwrap();
        assert!(tables.operations.capacity() < 10 && tables.parts.capacity() < 10);
    }

    #[test]
    fn tables_have_room_for_a_batch_of_the_size_that_is_expected() {
        let size = filled(&vec![(0, "1"); 100]).keys().size();
        let mut tables = Tables::default();
        tables.reserve(size);
        assert!(tables.operations.capacity() >= 100 && tables.parts.capacity() >= 100);
    }

    #[test]
    fn a_batch_that_somebody_has_still_keeps_its_tables() {
        let sealed = filled(&[(0, "1"), (0, "2")]).seal();
        assert!(sealed.clone().into_memory().1.is_none());
        assert_eq!(sealed.without(|_| false), br#"{"a":[1,2]}"#);
        assert_eq!(sealed.keys.len(), 2);
    }
}
