//! Reading JSON that is spelled as most of it is, in one pass and without keeping any of it.
//!
//! What is taken here is in order in every respect. What is not may be so all the same: it is left to
//! serde_json and to the model, which are slower, know every spelling, and can say what is wrong.

use std::ops::Range;

use super::permissions::{self, Named};
use crate::model::document_keys::PERMISSIONS;
use crate::model::object::{Entry, Layout, plain_len};

/// What is known of an item all of whose values can be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanned {
    /// Whom its permissions name, where they were scanned.
    pub(super) permissions: Option<Named>,
}

/// Reads the object of an item, behind which there is nothing, and notes its entries.
pub(crate) fn item(json: &[u8], layout: &mut Layout) -> Option<Scanned> {
    layout.clear();
    let mut scan = Scan::new(json);
    let mut permissions = None;
    scan.object(|scan, key| {
        let start = scan.at;
        let is_permissions = scan.inside(&key) == PERMISSIONS.as_bytes();
        let named = if is_permissions { permissions::sets(scan) } else { None };
        if named.is_some() {
            permissions = named;
        } else {
            scan.at = start;
            scan.value()?;
        }
        layout.push(Entry { key, value: start..scan.at, is_permissions: false });
        Some(())
    })?;
    scan.is_at_end().then_some(Scanned { permissions })
}

/// Whether a value can be read.
pub(super) fn is_readable(json: &[u8]) -> bool {
    let mut scan = Scan::new(json);
    scan.value().is_some() && scan.is_at_end()
}

/// How many levels of arrays and objects there may be: few enough for every reader, and for the stack.
const DEPTH: usize = 64;
/// How many digits a number may have before its fraction, so that with an exponent of two digits it is
/// in the range of fractions of 64 bits.
const MOST_DIGITS: usize = 200;

/// `None` of each of its parts is that something else stands there; where the scan is then has no meaning.
pub(super) struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn next(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.next() {
            self.at += 1;
        }
    }

    /// Whether nothing is left but white space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_white_space();
        self.at == self.json.len()
    }

    /// One byte that has a meaning, and the white space behind it.
    fn mark(&mut self, mark: u8) -> Option<()> {
        if self.next()? != mark {
            return None;
        }
        self.at += 1;
        self.skip_white_space();
        Some(())
    }

    /// What stands between two marks, and has commas between its parts.
    fn enclosed(&mut self, [open, close]: [u8; 2], mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.mark(open)?;
        if self.next()? != close {
            part(self)?;
            self.skip_white_space();
            while self.mark(b',').is_some() {
                part(self)?;
                self.skip_white_space();
            }
        }
        if self.next()? != close {
            return None;
        }
        self.at += 1;
        Some(())
    }

    pub(super) fn list(&mut self, entry: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enclosed(*b"[]", entry)
    }

    /// An object, with what to read of an entry, whose key is given.
    pub(super) fn object(&mut self, mut entry: impl FnMut(&mut Self, Range<usize>) -> Option<()>) -> Option<()> {
        self.enclosed(*b"{}", |scan| {
            let start = scan.at;
            scan.text()?;
            let key = start..scan.at;
            scan.skip_white_space();
            scan.mark(b':')?;
            entry(scan, key)
        })
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Option<()> {
        self.value_within(DEPTH)
    }

    fn value_within(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.text().map(drop),
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object(|scan, _| scan.value_within(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.list(|scan| scan.value_within(depth))
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.json.get(self.at..)?.strip_prefix(word)?;
        self.at += word.len();
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.next().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.next()? == b'-');
        let first = self.next()?;
        let digits = self.digits();
        if digits == 0 || (digits > 1 && first == b'0') || digits > MOST_DIGITS {
            return None;
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if let Some(b'e' | b'E') = self.next() {
            self.at += 1;
            self.at += usize::from(matches!(self.next(), Some(b'+' | b'-')));
            if !matches!(self.digits(), 1 | 2) {
                return None;
            }
        }
        Some(())
    }

    /// A text, its quotes included, and whether it has escapes.
    #[inline]
    pub(super) fn text(&mut self) -> Option<bool> {
        if self.next()? != b'"' {
            return None;
        }
        let mut has_escapes = false;
        while self.plain_text()? == b'\\' {
            has_escapes = true;
            self.at += 1;
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' if self.json.get(self.at + 1..self.at + 5)?.iter().all(u8::is_ascii_hexdigit) => self.at += 4,
                _ => return None,
            }
        }
        self.at += 1;
        Some(has_escapes)
    }

    /// Goes on from the byte where the scan is to the next one that ends a text or begins an escape.
    fn plain_text(&mut self) -> Option<u8> {
        self.at += 1;
        self.at += plain_len(self.json.get(self.at..)?);
        self.next().filter(|byte| *byte >= b' ')
    }

    /// What stands between the quotes of a text that was read, as JSON.
    pub(super) fn inside(&self, text: &Range<usize>) -> &'a [u8] {
        self.json.get(text.start + 1..text.end - 1).unwrap_or_default()
    }
}
