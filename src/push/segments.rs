//! The memory of batches. An operation is written once, straight into it: at the end of a segment, which the
//! pushes of a thread fill one after another. So threads do not wait for each other while they write, and a
//! batch that takes an operation does not copy it.
//!
//! All segments are of one size and are filled to their end, so that none of them is ever useless: an operation
//! that is not known to fit is written elsewhere as soon as it does not, and then copied over the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::model::object::Buffer;

/// The memory of a run's batches.
#[derive(Debug)]
pub(super) struct Segments {
    lanes: [Alone<Mutex<Lane>>; Self::LANES],
    /// Segments to be filled again: fresh memory costs more than the bytes that go into it.
    free: Mutex<Vec<BytesMut>>,
    most_free: usize,
}

/// What is left of the segments that a thread fills, or one of a few, and of which list they are: the operations
/// of a list stand together, as they do in a batch.
type Lane = Vec<(usize, BytesMut)>;

/// What shares no cache line with anything else: threads that write to what stands beside it would take the
/// line from those that read it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Alone<T>(pub(super) T);

/// An operation in the memory of batches: in one segment, mostly.
#[derive(Debug, Default)]
pub(super) struct Parts {
    first: BytesMut,
    others: Vec<BytesMut>,
}

thread_local! {
    /// Which lane is this thread's.
    static LANE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % Segments::LANES
    };
}

impl Parts {
    fn push(&mut self, part: BytesMut) {
        if self.first.is_empty() {
            self.first = part;
        } else if !part.is_empty() {
            self.others.push(part);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.iter().map(BytesMut::len).sum()
    }

    fn iter(&self) -> impl Iterator<Item = &BytesMut> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl IntoIterator for Parts {
    type Item = BytesMut;
    type IntoIter = std::iter::Chain<std::iter::Once<BytesMut>, std::vec::IntoIter<BytesMut>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.others)
    }
}

/// What is in memory of its own.
impl From<&[&[u8]]> for Parts {
    fn from(bytes: &[&[u8]]) -> Self {
        Self { first: bytes.concat().as_slice().into(), others: Vec::new() }
    }
}

impl Segments {
    const LANES: usize = 16;
    const BYTES: usize = 64 * 1024;

    /// Memory for batches that have so many bytes in all.
    pub(super) fn new(bytes: usize) -> Self {
        Self { lanes: Default::default(), free: Mutex::default(), most_free: bytes.div_ceil(Self::BYTES) }
    }

    /// Room for an operation of that list.
    pub(super) fn begin(&self, list: usize) -> Buffer {
        Buffer::lent(self.rest(list))
    }

    /// Makes an operation of what was written, and of what comes behind it.
    pub(super) fn end(&self, list: usize, written: Buffer, behind: &[&[u8]]) -> Parts {
        let mut parts = Parts::default();
        let mut room = match written.into_parts() {
            Ok(room) => room,
            Err((bytes, mut room)) => {
                self.fill(&mut room, &bytes, &mut parts);
                room
            }
        };
        behind.iter().for_each(|bytes| self.fill(&mut room, bytes, &mut parts));
        parts.push(room.split());
        self.keep(list, room);
        parts
    }

    /// Gives back the room of an operation that there will not be.
    pub(super) fn give_back(&self, list: usize, written: Buffer) {
        let mut room = written.into_parts().unwrap_or_else(|(_, room)| room);
        room.clear();
        self.keep(list, room);
    }

    /// Takes back the memory of a batch that is done, where nothing else is in it any more.
    pub(super) fn reuse(&self, chunks: impl IntoIterator<Item = Bytes>) {
        for mut segment in chunks.into_iter().filter_map(|chunk| chunk.try_into_mut().ok()) {
            segment.clear();
            // It goes back to where the segment began, if it was one.
            let is_segment = segment.try_reclaim(Self::BYTES) && !segment.try_reclaim(Self::BYTES + 1);
            let mut free = lock(&self.free);
            if is_segment && free.len() < self.most_free {
                free.push(segment);
            }
        }
    }

    /// Appends bytes to a segment, and to others once it is full.
    fn fill(&self, room: &mut BytesMut, mut bytes: &[u8], parts: &mut Parts) {
        while let Some((now, later)) = bytes.split_at_checked(room.capacity() - room.len())
            && !later.is_empty()
        {
            room.extend_from_slice(now);
            parts.push(std::mem::replace(room, self.segment()));
            bytes = later;
        }
        room.extend_from_slice(bytes);
    }

    /// The rest of a segment of this thread, or a whole one.
    fn rest(&self, list: usize) -> BytesMut {
        let rest = {
            let mut lane = self.lane();
            let position = lane.iter().rposition(|(of, _)| *of == list);
            position.map(|position| lane.swap_remove(position).1)
        };
        rest.unwrap_or_else(|| self.segment())
    }

    fn keep(&self, list: usize, rest: BytesMut) {
        if rest.capacity() > 0 {
            self.lane().push((list, rest));
        }
    }

    fn segment(&self) -> BytesMut {
        lock(&self.free).pop().unwrap_or_else(|| BytesMut::with_capacity(Self::BYTES))
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        let [first, ..] = &self.lanes;
        lock(&self.lanes.get(LANE.with(|lane| *lane)).unwrap_or(first).0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(segments: &Segments, list: usize, bytes: usize) -> Parts {
        let mut buffer = segments.begin(list);
        buffer.extend_from_slice(&vec![b'x'; bytes]);
        segments.end(list, buffer, &[b","])
    }

    /// Whether one stands behind the other in the same segment.
    fn is_behind(one: &Parts, other: &Parts) -> bool {
        one.first.as_ptr_range().end == other.first.as_ptr()
    }

    fn chunks(operations: impl IntoIterator<Item = Parts>) -> Vec<Bytes> {
        operations.into_iter().flatten().map(BytesMut::freeze).collect()
    }

    #[test]
    fn operations_of_a_thread_and_a_list_stand_one_behind_another() {
        let segments = Segments::new(1 << 20);
        let [a, b, c, d] = [(0, 10), (1, 20), (0, 30), (1, 40)].map(|(list, bytes)| write(&segments, list, bytes));
        assert!(is_behind(&a, &c) && is_behind(&b, &d));
        assert!(!is_behind(&a, &b) && !is_behind(&b, &c));
    }

    #[test]
    fn an_operation_that_is_written_during_another_one_has_a_segment_of_its_own() {
        let segments = Segments::new(1 << 20);
        let mut outer = segments.begin(0);
        outer.extend_from_slice(b"out");
        let inner = write(&segments, 0, 10);
        outer.extend_from_slice(b"er");
        assert_eq!(chunks([segments.end(0, outer, &[])]), ["outer"]);
        assert_eq!(chunks([inner]), ["xxxxxxxxxx,"]);
    }

    #[test]
    fn an_operation_of_any_size_is_whole() {
        let segments = Segments::new(1 << 20);
        for bytes in [1, Segments::BYTES - 2, 1, 0, 3 * Segments::BYTES, 10, 2 * Segments::BYTES - 7, 5_000] {
            let mut buffer = segments.begin(0);
            let text: Vec<u8> = (0..bytes).map(|at| b'a' + u8::try_from(at % 23).unwrap()).collect();
            let (head, tail) = text.split_at(bytes / 3);
            buffer.extend_from_slice(head);
            let operation = segments.end(0, buffer, &[tail, b","]);
            assert_eq!(operation.len(), bytes + 1);
            assert_eq!(chunks([operation]).concat(), [&text[..], b","].concat());
        }
    }

    #[test]
    fn guarantee_7_segments_are_filled_to_their_end_whatever_the_sizes_of_operations() {
        let segments = Segments::new(1 << 20);
        let sizes = [100_000, 3, 70_000, 200_000, 1, 65_536, 50_000];
        let operations: Vec<_> = (0..100).flat_map(|_| sizes).map(|bytes| write(&segments, 0, bytes)).collect();
        let bytes: usize = operations.iter().map(Parts::len).sum();
        let all = chunks(operations);
        let firsts = all.iter().filter(|chunk| !all.iter().any(|other| other.as_ptr_range().end == chunk.as_ptr()));
        assert_eq!(firsts.count(), bytes.div_ceil(Segments::BYTES));
    }

    #[test]
    fn guarantee_7_the_room_of_an_operation_that_is_refused_is_filled_by_the_next() {
        let segments = Segments::new(1 << 20);
        let before = write(&segments, 0, 10);
        for bytes in [1_000, 10 << 20] {
            let mut refused = segments.begin(0);
            refused.extend_from_slice(&vec![b'x'; bytes]);
            segments.give_back(0, refused);
        }
        assert!(is_behind(&before, &write(&segments, 0, 10)));
    }

    #[test]
    fn guarantee_7_the_memory_of_a_batch_that_is_done_is_filled_again() {
        let segments = Segments::new(8 * Segments::BYTES);
        // They end with their segments, so that nothing is left of them.
        let fill = || chunks((0..2).map(|_| write(&segments, 0, 2 * Segments::BYTES - 1)));
        let batch = fill();
        let memory: Vec<_> = batch.iter().map(|chunk| chunk.as_ptr()).collect();
        segments.reuse(batch);
        assert!(fill().iter().all(|chunk| memory.contains(&chunk.as_ptr())));
    }

    #[test]
    fn guarantee_7_memory_that_another_batch_is_in_is_not_taken_back() {
        let segments = Segments::new(1 << 20);
        let [first, second] = [10, 20].map(|bytes| chunks([write(&segments, 0, bytes)]));
        segments.reuse(first);
        assert!(lock(&segments.free).is_empty());
        assert_eq!(second.concat(), [&[b'x'; 20][..], b","].concat());
    }

    #[test]
    fn guarantee_7_no_more_memory_is_kept_than_batches_need_and_none_but_segments() {
        let segments = Segments::new(Segments::BYTES);
        let own = |bytes| BytesMut::zeroed(bytes).freeze();
        segments.reuse([own(Segments::BYTES), own(Segments::BYTES)]);
        assert_eq!(lock(&segments.free).len(), 1);
        lock(&segments.free).clear();
        let tail_of_a_large_one = own(10 * Segments::BYTES).split_off(9 * Segments::BYTES);
        segments.reuse([tail_of_a_large_one, own(2 * Segments::BYTES), own(Segments::BYTES / 2)]);
        assert!(lock(&segments.free).is_empty());
    }
}
