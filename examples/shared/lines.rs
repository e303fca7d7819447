//! The lines of files, read on a thread of its own while the lines before are being pushed.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as spare;
use std::thread;

use tokio::sync::mpsc;

/// How much is read at a time.
const BLOCK: usize = 512 * 1024;

/// Whole lines of one file.
pub(crate) struct Block {
    pub(crate) name: Arc<str>,
    pub(crate) lines: Text,
}

/// Lines that are text, or bytes of which some line is not.
pub(crate) enum Text {
    Utf8(String),
    Bytes(Vec<u8>),
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
        let buffer = match block.lines {
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
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            part_of_line = bytes.split_off(whole);
        }
        let block = Block { name: Arc::clone(&name), lines: Text::of(bytes) };
        if to.blocking_send(Ok(block)).is_err() || is_end {
            return Ok(());
        }
    }
}

impl Text {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Utf8)
    }
}
