//! The memory of batches. An operation is written once, straight into it: at the end of a segment, which the
//! pushes of a thread fill one after another. So threads do not wait for each other while they write, and a
//! batch that takes an operation does not copy it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// The memory of a run's batches.
#[derive(Debug)]
pub(super) struct Segments {
    /// The segments that a thread fills, or one of a few.
    lanes: [Alone<Mutex<Vec<Rest>>>; Self::LANES],
    /// Segments to be filled again: fresh memory costs more than the bytes that go into it.
    free: Mutex<Vec<BytesMut>>,
    most_free: usize,
}

/// What shares no cache line with anything else: threads that write to what stands beside it would take the
/// line from those that read it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Alone<T>(pub(super) T);

/// What is left of a segment.
#[derive(Debug)]
struct Rest {
    /// The operations of one list stand together, as they do in a batch.
    list: usize,
    buffer: BytesMut,
    /// How many bytes the operation had that was written before.
    last: usize,
}

thread_local! {
    /// Which lane is this thread's.
    static LANE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % Segments::LANES
    };
}

impl Segments {
    /// How many threads have segments of their own.
    pub(super) const LANES: usize = 16;
    /// How many bytes a segment has, unless operations are larger.
    const BYTES: usize = 256 * 1024;
    /// What is left of a segment when it has fewer bytes is not worth beginning an operation.
    const FEW: usize = 1024;

    /// Memory for batches that have so many bytes in all.
    pub(super) fn new(bytes: usize) -> Self {
        Self { lanes: Default::default(), free: Mutex::default(), most_free: bytes.div_ceil(Self::BYTES) }
    }

    /// Room for an operation of that list. An operation that turns out to be larger moves to memory of its own.
    pub(super) fn begin(&self, list: usize) -> BytesMut {
        let rest = {
            let mut lane = self.lane();
            let position = lane.iter().rposition(|rest| rest.list == list);
            position.map(|position| lane.swap_remove(position))
        };
        let Some(Rest { mut buffer, last, .. }) = rest else { return self.segment(Self::BYTES) };
        let expected = Self::FEW.max(last + last / 4);
        let fresh = Self::BYTES.max(expected);
        if buffer.capacity() >= expected || buffer.try_reclaim(fresh) { buffer } else { self.segment(fresh) }
    }

    /// Takes the operation that was written off its segment, and leaves the rest to the next one.
    pub(super) fn end(&self, list: usize, mut buffer: BytesMut) -> BytesMut {
        let written = buffer.split();
        self.lane().push(Rest { list, buffer, last: written.len() });
        written
    }

    /// Takes back the memory of a batch that is done, where nothing else is in it any more.
    pub(super) fn reuse(&self, chunks: impl IntoIterator<Item = Bytes>) {
        let mut free = lock(&self.free);
        for mut segment in chunks.into_iter().filter_map(|chunk| chunk.try_into_mut().ok()) {
            segment.clear();
            let is_usual = segment.try_reclaim(Self::BYTES) && segment.capacity() < 2 * Self::BYTES;
            if is_usual && free.len() < self.most_free {
                free.push(segment);
            }
        }
    }

    fn segment(&self, bytes: usize) -> BytesMut {
        let free = if bytes > Self::BYTES { None } else { lock(&self.free).pop() };
        free.unwrap_or_else(|| BytesMut::with_capacity(bytes))
    }

    fn lane(&self) -> MutexGuard<'_, Vec<Rest>> {
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

    fn write(segments: &Segments, list: usize, bytes: usize) -> BytesMut {
        let mut buffer = segments.begin(list);
        buffer.extend_from_slice(&vec![b'x'; bytes]);
        segments.end(list, buffer)
    }

    /// Whether one stands behind the other in the same segment.
    fn is_behind(one: &BytesMut, other: &BytesMut) -> bool {
        one.as_ptr_range().end == other.as_ptr()
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
        assert_eq!((&segments.end(0, outer)[..], &inner[..]), (&b"outer"[..], &[b'x'; 10][..]));
    }

    #[test]
    fn an_operation_of_any_size_is_written() {
        let segments = Segments::new(1 << 20);
        for bytes in [0, 1, Segments::BYTES - 2, 1, 1, 3 * Segments::BYTES, 10, 2 * Segments::BYTES, 0, 5_000] {
            assert_eq!(write(&segments, 0, bytes).len(), bytes);
        }
    }

    #[test]
    fn guarantee_7_the_memory_of_a_batch_that_is_done_is_filled_again() {
        let segments = Segments::new(4 * Segments::BYTES);
        // Two are more than a segment.
        let fill = || (0..3).map(|_| write(&segments, 0, Segments::BYTES / 4 * 3).freeze()).collect::<Vec<_>>();
        let batch = fill();
        let memory: Vec<_> = batch.iter().map(|chunk| chunk.as_ptr()).collect();
        segments.reuse(batch);
        assert!(fill().iter().all(|chunk| memory.contains(&chunk.as_ptr())));
    }

    #[test]
    fn guarantee_7_memory_that_another_batch_is_in_is_not_taken_back() {
        let segments = Segments::new(1 << 20);
        let [first, second] = [10, 20].map(|bytes| write(&segments, 0, bytes).freeze());
        segments.reuse([first]);
        assert!(lock(&segments.free).is_empty());
        assert_eq!(&second[..], [b'x'; 20]);
    }

    #[test]
    fn guarantee_7_no_more_memory_is_kept_than_batches_need_and_no_large_one() {
        let segments = Segments::new(Segments::BYTES);
        let own = |bytes| BytesMut::zeroed(bytes).freeze();
        segments.reuse([own(Segments::BYTES), own(Segments::BYTES)]);
        assert_eq!(lock(&segments.free).len(), 1);
        lock(&segments.free).clear();
        segments.reuse([own(2 * Segments::BYTES), own(Segments::BYTES / 2)]);
        assert!(lock(&segments.free).is_empty());
    }
}
