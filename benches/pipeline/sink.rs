//! A Push API and a storage on a port of this machine, for as much data as comes: it throws the bytes
//! away and counts the items. It is a process of its own, so that what the client needs can be told
//! apart.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::AddAssign;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use memchr::memmem::Finder;

/// The argument with which this program is the sink; the latency in milliseconds comes after it.
pub(crate) const ARGUMENT: &str = "sink";

/// What was pushed: how many items, a number made of theirs, and the bytes of their containers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    items: u64,
    mark: u64,
    pub(crate) bytes: u64,
}

impl Count {
    /// Fails unless these items were counted.
    pub(crate) fn assert_is(self, numbers: impl Iterator<Item = u64>) {
        let mut all = Self { bytes: self.bytes, ..Self::default() };
        numbers.for_each(|number| all.item(number));
        assert_eq!(self, all, "items were lost, or came twice");
    }

    /// Counts the item with this number.
    fn item(&mut self, number: u64) {
        self.items += 1;
        // One that is lost and another one that comes twice do not make up for each other.
        let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.mark = self.mark.wrapping_add(mixed ^ (mixed >> 29));
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.mark = self.mark.wrapping_add(other.mark);
        self.bytes += other.bytes;
    }
}

/// The sink, from the outside. It ends with this program.
pub(crate) struct Sink {
    child: Child,
    pub(crate) port: u16,
}

impl Sink {
    /// Starts this program again as a sink that answers each call after a while.
    pub(crate) fn start(latency: Duration) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([ARGUMENT, &latency.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { port: port.trim().parse().unwrap(), child }
    }

    /// What was pushed since this was last asked.
    pub(crate) fn count(&self) -> Count {
        let answer = Connection::to(self.port).unwrap().call("GET /count", &[]).unwrap();
        let numbers: Vec<u64> = answer.split(' ').map(|number| number.parse().unwrap()).collect();
        Count { items: numbers[0], mark: numbers[1], bytes: numbers[2] }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[derive(Default)]
struct State {
    files: HashMap<String, Count>,
    last_file: u64,
    accepted: Count,
}

/// Is the sink, until the program that started it has ended.
pub(crate) fn serve(latency: Duration) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    println!("{port}");
    let state = Arc::new(Mutex::new(State::default()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = Connection::new(stream.unwrap()).unwrap();
            let state = Arc::clone(&state);
            // A connection that breaks is the client's: it will miss its answer.
            thread::spawn(move || while answer(&mut connection, port, latency, &state).is_ok() {});
        }
    });
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn answer(connection: &mut Connection, port: u16, latency: Duration, state: &Mutex<State>) -> io::Result<()> {
    let head = connection.head()?;
    let count = connection.count(head.content_length)?;
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    if path != "/count" {
        thread::sleep(latency);
    }
    let mut state = state.lock().unwrap();
    let (status, answer) = match (head.method.as_str(), path) {
        ("GET", "/count") => {
            let Count { items, mark, bytes } = std::mem::take(&mut state.accepted);
            (200, format!("{items} {mark} {bytes}"))
        }
        ("POST", path) if path.ends_with("/files") => {
            state.last_file += 1;
            let file = state.last_file;
            let headers = r#"{"x-amz-server-side-encryption":"AES256","Content-Type":"application/octet-stream"}"#;
            let upload = format!("http://127.0.0.1:{port}/storage/{file}");
            (201, format!(r#"{{"uploadUri":"{upload}","fileId":"{file}","requiredHeaders":{headers}}}"#))
        }
        ("PUT", path) if path.starts_with("/storage/") => {
            state.files.insert(path.replacen("/storage/", "", 1), count);
            (200, String::new())
        }
        ("PUT", path) if path.ends_with("/documents/batch") => {
            let file = query.split('&').find_map(|pair| pair.strip_prefix("fileId=")).unwrap_or_default();
            match state.files.remove(file) {
                Some(count) => {
                    state.accepted += count;
                    (202, "{}".to_owned())
                }
                None => (412, String::new()),
            }
        }
        _ => (404, String::new()),
    };
    drop(state);
    let length = answer.len();
    connection.send(&format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n\r\n{answer}"), &[])
}

/// A connection of HTTP/1.1, as either end of it: as little as the sink and the yardsticks need.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What was read and not yet used stands here in the buffer.
    begin: usize,
    end: usize,
    document_id: Finder<'static>,
}

struct Head {
    /// Of an answer the version.
    method: String,
    /// Of an answer the status.
    target: String,
    content_length: u64,
}

impl Connection {
    pub(crate) fn to(port: u16) -> io::Result<Self> {
        Self::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)
    }

    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let document_id = Finder::new(b"\"documentId\":\"");
        Ok(Self { stream, buffer: vec![0; 256 << 10], begin: 0, end: 0, document_id })
    }

    /// Sends a request, and returns the body of its answer, which must be a success.
    pub(crate) fn call(&mut self, method_and_target: &str, body: &[&[u8]]) -> io::Result<String> {
        let length: usize = body.iter().map(|part| part.len()).sum();
        let head = format!(
            "{method_and_target} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer key\r\ncontent-length: {length}\r\n\r\n"
        );
        self.send(&head, body)?;
        let head = self.head()?;
        assert!(head.target.starts_with('2'), "{method_and_target}: {}", head.target);
        let mut answer = String::new();
        while (answer.len() as u64) < head.content_length {
            if self.unused().is_empty() {
                self.fill()?;
            }
            answer += std::str::from_utf8(self.unused()).map_err(io::Error::other)?;
            self.begin = self.end;
        }
        Ok(answer)
    }

    fn send(&mut self, head: &str, body: &[&[u8]]) -> io::Result<()> {
        self.stream.write_all(head.as_bytes())?;
        body.iter().try_for_each(|part| self.stream.write_all(part))
    }

    fn unused(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// Reads more.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        match self.stream.read(&mut self.buffer[self.end..])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }

    fn head(&mut self) -> io::Result<Head> {
        const END: &[u8] = b"\r\n\r\n";
        let length = loop {
            match memchr::memmem::find(self.unused(), END) {
                Some(at) => break at + END.len(),
                None => self.fill()?,
            }
        };
        let text = String::from_utf8_lossy(&self.unused()[..length]).to_ascii_lowercase();
        let content_length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        // The words of the first line, in the case they have.
        let first = String::from_utf8_lossy(self.unused()).lines().next().unwrap_or_default().to_owned();
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.begin += length;
        Ok(Head { method, target, content_length: content_length.unwrap_or(0) })
    }

    /// Reads a body and counts the items in it. A document id ends with the item's number.
    fn count(&mut self, length: u64) -> io::Result<Count> {
        let mut count = Count { bytes: length, ..Count::default() };
        let mut left = length;
        loop {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.begin);
            let body = &self.buffer[self.begin..self.begin + here];
            let mut used = 0;
            // The id that the end cuts in two is looked for again when more is there.
            let rest = loop {
                let Some(at) = self.document_id.find(&body[used..]) else {
                    break here.saturating_sub(self.document_id.needle().len() - 1).max(used);
                };
                let id = used + at + self.document_id.needle().len();
                let Some(id_length) = memchr::memchr(b'"', &body[id..]) else { break used + at };
                let digits = body[id..id + id_length].rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                count.item(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
                used = id + id_length;
            };
            if here as u64 == left {
                self.begin += here;
                return Ok(count);
            }
            self.begin += rest;
            left -= rest as u64;
            self.fill()?;
        }
    }
}
