//! The lines of files, read on a thread of its own while the lines before are being pushed.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::Utf8Error;
use std::sync::Arc;
use std::sync::mpsc as spare;
use std::thread;

use tokio::sync::mpsc;

/// How much is read at a time.
const BLOCK: usize = 512 * 1024;

/// Whole lines of one file.
pub(crate) struct Block {
    pub(crate) name: Arc<str>,
    text: Text,
    /// Where each line ends, its line end included.
    ends: Vec<usize>,
}

/// Lines that are text, or bytes of which some line is not.
enum Text {
    Utf8(String),
    Bytes(Vec<u8>),
}

impl Block {
    /// The lines in their order, with their ends found beforehand.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<&str, Utf8Error>> + Send {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let line = std::mem::replace(&mut start, *end)..*end;
            match &self.text {
                Text::Utf8(text) => Ok(text.get(line).unwrap_or_default()),
                Text::Bytes(bytes) => std::str::from_utf8(bytes.get(line).unwrap_or_default()),
            }
        })
    }
}

/// The blocks of some files, or of standard input without any.
pub(crate) struct Blocks {
    blocks: mpsc::Receiver<io::Result<Block>>,
    spare: spare::Sender<Vec<u8>>,
}

impl Blocks {
    pub(crate) fn read(files: Vec<PathBuf>) -> Self {
        let (sender, blocks) = mpsc::channel(2);
        let (spare, spares) = spare::channel();
        thread::spawn(move || {
            if let Err(error) = read_all(&files, &spares, &sender) {
                // Nobody is there to be told when the receiver is gone.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self { blocks, spare }
    }

    pub(crate) async fn next(&mut self) -> Option<io::Result<Block>> {
        self.blocks.recv().await
    }

    /// Gives the memory of a block back, to be read into again.
    pub(crate) fn done(&self, block: Block) {
        let buffer = match block.text {
            Text::Utf8(text) => text.into_bytes(),
            Text::Bytes(bytes) => bytes,
        };
        let _ = self.spare.send(buffer);
    }
}

type Blockwise = mpsc::Sender<io::Result<Block>>;

fn read_all(files: &[PathBuf], spares: &spare::Receiver<Vec<u8>>, to: &Blockwise) -> io::Result<()> {
    if files.is_empty() {
        return read_lines("standard input", io::stdin().lock(), spares, to);
    }
    for path in files {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(named)?;
        read_lines(&path.display().to_string(), file, spares, to).map_err(named)?;
    }
    Ok(())
}

fn read_lines(name: &str, mut file: impl Read, spares: &spare::Receiver<Vec<u8>>, to: &Blockwise) -> io::Result<()> {
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
        let block = Block::new(&name, bytes);
        if to.blocking_send(Ok(block)).is_err() || is_end {
            return Ok(());
        }
    }
}

impl Block {
    fn new(name: &Arc<str>, bytes: Vec<u8>) -> Self {
        let mut ends: Vec<usize> = memchr::memchr_iter(b'\n', &bytes).map(|end| end + 1).collect();
        if ends.last().copied().unwrap_or_default() < bytes.len() {
            ends.push(bytes.len());
        }
        let text = String::from_utf8(bytes).map_or_else(|error| Text::Bytes(error.into_bytes()), Text::Utf8);
        Self { name: Arc::clone(name), text, ends }
    }
}
