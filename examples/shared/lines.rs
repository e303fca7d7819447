//! The lines of files, read on a separate thread while earlier lines are being pushed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::str::{self, Utf8Error};
use std::string::FromUtf8Error;
use std::sync::Arc;
use std::{mem, thread};

use tokio::sync::mpsc::{self, Receiver, Sender};

/// How many bytes are read at a time: few enough to stay in the processor's cache until they are pushed.
const BLOCK: usize = 128 * 1024;
/// How many blocks wait to be pushed.
const QUEUE: usize = 2;

/// Whole lines of one file.
pub(crate) struct Block {
    /// The file's name, shared by all of its blocks.
    pub(crate) name: Arc<str>,
    /// The reading thread checks whether all of it is UTF-8.
    text: Result<String, FromUtf8Error>,
}

impl Block {
    /// The lines in order, each with its line break.
    pub(crate) fn lines(&self) -> Box<dyn Iterator<Item = Result<&str, Utf8Error>> + Send + '_> {
        match &self.text {
            Ok(text) => Box::new(text.split_inclusive('\n').map(Ok)),
            Err(error) => Box::new(error.as_bytes().split_inclusive(|byte| *byte == b'\n').map(str::from_utf8)),
        }
    }
}

/// Reads the files one after the other, or standard input if there are none. An unreadable file is an error
/// among the blocks; the other files are still read.
pub(crate) fn read(files: Vec<PathBuf>) -> Receiver<io::Result<Block>> {
    let (sender, blocks) = mpsc::channel(QUEUE);
    // Not `spawn_blocking`: the runtime would wait for an idle standard input before it shuts down.
    thread::spawn(move || {
        if files.is_empty() {
            read_file("standard input", Ok(io::stdin().lock()), &sender);
        }
        for path in files.iter().take_while(|_| !sender.is_closed()) {
            read_file(&path.display().to_string(), File::open(path), &sender);
        }
    });
    blocks
}

fn read_file(name: &str, file: io::Result<impl Read>, to: &Sender<io::Result<Block>>) {
    if let Err(error) = file.and_then(|file| read_blocks(name, file, to)) {
        // The receiver is dropped when pushing has stopped.
        let _ = to.blocking_send(Err(io::Error::new(error.kind(), format!("{name}: {error}"))));
    }
}

/// Sends the whole lines of each read: a full block of a file, or what standard input has at the moment.
fn read_blocks(name: &str, file: impl Read, to: &Sender<io::Result<Block>>) -> io::Result<()> {
    let name: Arc<str> = name.into();
    let mut file = BufReader::with_capacity(BLOCK, file);
    let mut bytes = Vec::new();
    let mut is_start = true;
    loop {
        let read = match file.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if mem::take(&mut is_start) && matches!(read, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]) {
            return Err(io::Error::new(ErrorKind::InvalidData, "the text is UTF-16; encode it as UTF-8"));
        }
        let (length, is_end) = (read.len(), read.is_empty());
        let (lines, start_of_line) = read.split_at(memchr::memrchr(b'\n', read).map_or(0, |at| at + 1));
        bytes.extend_from_slice(lines);
        if is_end || !lines.is_empty() {
            let block = Block { name: Arc::clone(&name), text: String::from_utf8(mem::take(&mut bytes)) };
            if to.blocking_send(Ok(block)).is_err() || is_end {
                return Ok(());
            }
        }
        bytes.extend_from_slice(start_of_line);
        file.consume(length);
    }
}
