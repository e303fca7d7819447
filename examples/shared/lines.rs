//! The lines of files, read on a thread of its own while the lines before are being pushed.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::{self, Utf8Error};
use std::sync::Arc;
use std::sync::mpsc as buffers;
use std::{mem, thread};

use tokio::sync::mpsc;

/// How much is read at a time.
const BLOCK: usize = 128 * 1024;

/// Whole lines of one file.
pub(crate) struct Block {
    name: Arc<str>,
    /// The lines, and whatever was there before them.
    buffer: Buffer,
    /// Where the lines end.
    end: usize,
}

impl Block {
    /// The file's name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The lines in their order, with their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<&str, Utf8Error>> {
        let bytes = self.buffer.bytes.get(..self.end).unwrap_or_default();
        // All at once is faster than line by line, and mostly all is well.
        let text = simdutf8::basic::from_utf8(bytes).ok();
        let ends = memchr::memchr_iter(b'\n', bytes).map(|end| end + 1);
        let has_rest = bytes.last().is_some_and(|last| *last != b'\n');
        let mut start = 0;
        ends.chain(has_rest.then_some(bytes.len())).map(move |end| {
            let line = mem::replace(&mut start, end)..end;
            match text {
                Some(text) => Ok(text.get(line).unwrap_or_default()),
                None => str::from_utf8(bytes.get(line).unwrap_or_default()),
            }
        })
    }
}

/// Memory to read into, and once it is dropped to read into again.
struct Buffer {
    bytes: Vec<u8>,
    home: buffers::Sender<Vec<u8>>,
}

impl Buffer {
    /// One that had to grow for a long line is not kept.
    const MOST: usize = 8 * BLOCK;
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = mem::take(&mut self.bytes);
        if bytes.capacity() > Self::MOST {
            bytes = Vec::new();
        }
        // Nobody is there to have it when all is read.
        let _ = self.home.send(bytes);
    }
}

/// The buffers that nothing is in.
struct Buffers {
    free: buffers::Receiver<Vec<u8>>,
    home: buffers::Sender<Vec<u8>>,
}

impl Buffers {
    fn new(number: usize) -> Self {
        let (home, free) = buffers::channel();
        for _ in 0..number {
            // Its other end is here.
            let _ = home.send(Vec::new());
        }
        Self { free, home }
    }

    /// Waits until there is one.
    fn next(&self) -> Buffer {
        Buffer { bytes: self.free.recv().unwrap_or_default(), home: self.home.clone() }
    }
}

/// The blocks of some files, or of standard input without any.
pub(crate) struct Blocks(mpsc::Receiver<io::Result<Block>>);

impl Blocks {
    /// Reads blocks, of which there are no more than `most` at a time: at least two, as one is read while another
    /// waits to be taken.
    pub(crate) fn read(files: Vec<PathBuf>, most: usize) -> Self {
        let (sender, blocks) = mpsc::channel(1);
        thread::spawn(move || read_all(&files, &Buffers::new(most), &sender));
        Self(blocks)
    }

    pub(crate) async fn next(&mut self) -> Option<io::Result<Block>> {
        self.0.recv().await
    }
}

type Blockwise = mpsc::Sender<io::Result<Block>>;

/// Reads one file after the other. One that cannot be read does not keep the others from it.
fn read_all(files: &[PathBuf], buffers: &Buffers, to: &Blockwise) {
    let tell = |name: &str, read: io::Result<()>| {
        if let Err(error) = read {
            let named = io::Error::new(error.kind(), format!("{name}: {error}"));
            // Nobody is there to be told when the receiver is gone.
            let _ = to.blocking_send(Err(named));
        }
    };
    if files.is_empty() {
        let name = "standard input";
        tell(name, read_lines(name, io::stdin().lock(), buffers, to));
    }
    for path in files.iter().take_while(|_| !to.is_closed()) {
        let name = path.display().to_string();
        tell(&name, File::open(path).and_then(|file| read_lines(&name, file, buffers, to)));
    }
}

/// Hands over the whole lines of what each read returns: of a file that is a full block, and of
/// standard input what was written so far.
fn read_lines(name: &str, mut file: impl Read, buffers: &Buffers, to: &Blockwise) -> io::Result<()> {
    let name: Arc<str> = name.into();
    let mut buffer = buffers.next();
    let mut filled = 0;
    loop {
        let Buffer { bytes, .. } = &mut buffer;
        let room = filled..filled + BLOCK;
        // It is never shortened: what was filled with zeros once is not filled again.
        bytes.resize(bytes.len().max(room.end), 0);
        let read = match file.read(bytes.get_mut(room).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let fresh = filled..filled + read;
        filled = fresh.end;
        let is_end = read == 0;
        let last_end = memchr::memrchr(b'\n', bytes.get(fresh.clone()).unwrap_or_default());
        let end = match last_end {
            _ if is_end => filled,
            Some(last) => fresh.start + last + 1,
            None => continue,
        };
        // The last line goes on in the next block.
        let part_of_line = bytes.get(end..filled).unwrap_or_default();
        let mut next = buffers.next();
        filled = part_of_line.len();
        next.bytes.resize(next.bytes.len().max(filled), 0);
        next.bytes.get_mut(..filled).unwrap_or_default().copy_from_slice(part_of_line);
        let block = Block { name: Arc::clone(&name), buffer: mem::replace(&mut buffer, next), end };
        if to.blocking_send(Ok(block)).is_err() || is_end {
            return Ok(());
        }
    }
}
