//! The lines of files, read on a separate thread while earlier lines are being pushed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc::{self, Receiver, Sender};

/// How many bytes are read from a file at a time, and make a block.
const READ: usize = 64 * 1024;
/// How many blocks wait to be pushed.
const QUEUE: usize = 4;

/// Whole lines of one file, one after another.
pub(crate) struct Block {
    /// The file's name, shared by all of its blocks.
    pub(crate) name: Arc<str>,
    text: Vec<u8>,
}

impl Block {
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.text.as_slice();
        std::iter::from_fn(move || {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            rest.split_off(..end).filter(|line| !line.is_empty())
        })
    }
}

/// Reads the files one after the other, or standard input without files. An unreadable file is an error among the
/// blocks; the other files are still read.
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

fn read_blocks(name: &str, file: impl Read, to: &Sender<io::Result<Block>>) -> io::Result<()> {
    let name: Arc<str> = name.into();
    let mut file = BufReader::with_capacity(READ, file);
    if let Some(wrong) = is_not_lines(next(&mut file)?) {
        return Err(io::Error::new(ErrorKind::InvalidData, wrong));
    }
    let mut text = Vec::new();
    loop {
        // What standard input has at the moment does not wait for more.
        let read = next(&mut file)?;
        let (length, is_end) = (read.len(), read.is_empty());
        let (lines, next_line) = read.split_at(memchr::memrchr(b'\n', read).map_or(0, |at| at + 1));
        text.extend_from_slice(lines);
        if !text.is_empty() && (is_end || !lines.is_empty()) {
            let block = Block { name: Arc::clone(&name), text: std::mem::take(&mut text) };
            if to.blocking_send(Ok(block)).is_err() {
                return Ok(());
            }
        }
        if is_end {
            return Ok(());
        }
        text.extend_from_slice(next_line);
        file.consume(length);
    }
}

/// Why a file that begins like this is not one of JSON lines.
fn is_not_lines(first: &[u8]) -> Option<&'static str> {
    if matches!(first, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]) {
        return Some("the text is UTF-16; encode it as UTF-8");
    }
    let text = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    match line {
        [b'[', ..] => Some("this is one JSON array; write one item a line, as `jq -c '.[]'` does"),
        [b'{'] if text.len() > line.len() => {
            Some("one item takes several lines; write one item a line, as `jq -c .` does")
        }
        _ => None,
    }
}

/// What can be read next; nothing at the end.
fn next(file: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = file.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    file.fill_buf()
}
