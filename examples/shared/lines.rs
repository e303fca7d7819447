//! The lines of files, read on a thread of its own while the lines before are being pushed.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::{self, Utf8Error};
use std::sync::Arc;
use std::sync::mpsc as spare;
use std::{mem, thread};

use tokio::sync::mpsc;

/// How much is read at a time.
const BLOCK: usize = 256 * 1024;

/// Whole lines of one file. Its memory is read into again once it is dropped.
pub(crate) struct Block {
    name: Arc<str>,
    bytes: Vec<u8>,
    spare: spare::Sender<Vec<u8>>,
}

impl Block {
    /// The file's name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The lines in their order, with their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<&str, Utf8Error>> {
        // All at once is faster than line by line, and mostly all is well.
        let text = str::from_utf8(&self.bytes).ok();
        let ends = memchr::memchr_iter(b'\n', &self.bytes).map(|end| end + 1);
        let has_rest = self.bytes.last().is_some_and(|last| *last != b'\n');
        let mut start = 0;
        ends.chain(has_rest.then_some(self.bytes.len())).map(move |end| {
            let line = mem::replace(&mut start, end)..end;
            match text {
                Some(text) => Ok(text.get(line).unwrap_or_default()),
                None => str::from_utf8(self.bytes.get(line).unwrap_or_default()),
            }
        })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // Nobody is there to have it when all is read.
        let _ = self.spare.send(mem::take(&mut self.bytes));
    }
}

/// The blocks of some files, or of standard input without any.
pub(crate) struct Blocks(mpsc::Receiver<io::Result<Block>>);

impl Blocks {
    pub(crate) fn read(files: Vec<PathBuf>) -> Self {
        let (sender, blocks) = mpsc::channel(1);
        thread::spawn(move || {
            if let Err(error) = read_all(&files, &sender) {
                // Nobody is there to be told when the receiver is gone.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self(blocks)
    }

    pub(crate) async fn next(&mut self) -> Option<io::Result<Block>> {
        self.0.recv().await
    }
}

type Blockwise = mpsc::Sender<io::Result<Block>>;
type Spare = (spare::Sender<Vec<u8>>, spare::Receiver<Vec<u8>>);

fn read_all(files: &[PathBuf], to: &Blockwise) -> io::Result<()> {
    let spare = spare::channel();
    if files.is_empty() {
        return read_lines("standard input", io::stdin().lock(), &spare, to);
    }
    for path in files {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(named)?;
        read_lines(&path.display().to_string(), file, &spare, to).map_err(named)?;
    }
    Ok(())
}

fn read_lines(name: &str, mut file: impl Read, (spare, spares): &Spare, to: &Blockwise) -> io::Result<()> {
    let name: Arc<str> = name.into();
    let mut part_of_line = Vec::new();
    loop {
        let mut bytes = spares.try_recv().unwrap_or_default();
        bytes.clear();
        bytes.reserve(2 * BLOCK);
        bytes.append(&mut part_of_line);
        let is_end = (&mut file).take(BLOCK as u64).read_to_end(&mut bytes)? < BLOCK;
        if !is_end {
            // The last line goes on in the next block, and may be all there is.
            let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1);
            part_of_line = bytes.split_off(whole);
        }
        let block = Block { name: Arc::clone(&name), bytes, spare: spare.clone() };
        if to.blocking_send(Ok(block)).is_err() || is_end {
            return Ok(());
        }
    }
}
