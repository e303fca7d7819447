//! The lines of files, read on a separate thread while earlier lines are being pushed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::string::FromUtf8Error;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc::{self, Receiver, Sender};

/// How many bytes are read from a file at a time, and make a block.
const READ: usize = 64 * 1024;
/// How many blocks wait to be pushed.
const QUEUE: usize = 4;

/// Some lines of one file, one after another.
pub(crate) struct Block<T> {
    /// The file's name, shared by all of its blocks.
    pub(crate) name: Arc<str>,
    pub(crate) lines: Vec<T>,
}

/// Reads the files one after the other, or standard input without files, and converts each line. An
/// unreadable file is an error among the blocks; the other files are still read.
pub(crate) fn read<T: Send + 'static>(
    files: Vec<PathBuf>,
    make: impl Fn(Result<String, FromUtf8Error>) -> T + Send + 'static,
) -> Receiver<io::Result<Block<T>>> {
    let (sender, blocks) = mpsc::channel(QUEUE);
    // Not `spawn_blocking`: the runtime would wait for an idle standard input before it shuts down.
    thread::spawn(move || {
        if files.is_empty() {
            read_file("standard input", Ok(io::stdin().lock()), &make, &sender);
        }
        for path in files.iter().take_while(|_| !sender.is_closed()) {
            read_file(&path.display().to_string(), File::open(path), &make, &sender);
        }
    });
    blocks
}

fn read_file<T>(
    name: &str,
    file: io::Result<impl Read>,
    make: &impl Fn(Result<String, FromUtf8Error>) -> T,
    to: &Sender<io::Result<Block<T>>>,
) {
    if let Err(error) = file.and_then(|file| read_blocks(name, file, make, to)) {
        // The receiver is dropped when pushing has stopped.
        let _ = to.blocking_send(Err(io::Error::new(error.kind(), format!("{name}: {error}"))));
    }
}

fn read_blocks<T>(
    name: &str,
    file: impl Read,
    make: &impl Fn(Result<String, FromUtf8Error>) -> T,
    to: &Sender<io::Result<Block<T>>>,
) -> io::Result<()> {
    let name: Arc<str> = name.into();
    let mut file = BufReader::with_capacity(READ, file);
    if let Some(wrong) = is_not_lines(first(&mut file)?) {
        return Err(io::Error::new(ErrorKind::InvalidData, wrong));
    }
    let (mut lines, mut bytes, mut is_end) = (Vec::new(), 0, false);
    while !is_end {
        let mut line = Vec::new();
        is_end = file.read_until(b'\n', &mut line)? == 0;
        bytes += line.len();
        if !is_end {
            lines.push(make(String::from_utf8(line)));
        }
        // What standard input has at the moment does not wait for more.
        let has_line = memchr::memchr(b'\n', file.buffer()).is_some();
        if !lines.is_empty() && (bytes >= READ || !has_line) {
            let block = Block { name: Arc::clone(&name), lines: std::mem::take(&mut lines) };
            bytes = 0;
            if to.blocking_send(Ok(block)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
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

/// What can be read at first.
fn first(file: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = file.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    file.fill_buf()
}
