//! A pass over JSON text that keeps nothing of it.
//!
//! Text that passes is valid JSON that every parser can read. Text that does not may still be valid, only in a
//! spelling that is rare: it is left to serde_json, which is slower and can say what is wrong.

use std::ops::Range;

use memchr::memchr2;

/// How many levels of arrays and objects there may be: few enough for every reader, and for the stack.
const DEPTH: usize = 64;
/// How many digits a number may have before its fraction, so that with an exponent of two digits it is
/// in the range of fractions of 64 bits.
const MOST_DIGITS: usize = 200;

/// Each method returns `None` where the text has something else. After [`word`](Self::word) and
/// [`key`](Self::key) the position is then unchanged; after the others it is undefined.
pub(super) struct Scanner<'a> {
    json: &'a [u8],
    /// Whether there is a control character anywhere: most items are written without line breaks, and have none.
    has_control: bool,
    pub(super) at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, has_control: has_control(json), at: 0 }
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

    /// One punctuation mark, and the white space behind it.
    fn mark(&mut self, mark: u8) -> Option<()> {
        if self.next()? != mark {
            return None;
        }
        self.at += 1;
        self.skip_white_space();
        Some(())
    }

    /// The parts between two marks, separated by commas.
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

    /// An object, with what reads an entry from its key on.
    pub(super) fn entries(&mut self, entry: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enclosed(*b"{}", entry)
    }

    /// A certain key, its quotes included, and what stands before its value. When it is another one the
    /// position is unchanged.
    #[inline]
    pub(super) fn key(&mut self, key: &[u8]) -> Option<()> {
        let start = self.at;
        let found = self.word(key).and_then(|()| {
            self.skip_white_space();
            self.mark(b':')
        });
        if found.is_none() {
            self.at = start;
        }
        found
    }

    /// An object, with what reads the value of an entry whose key is given.
    pub(super) fn object(&mut self, mut value: impl FnMut(&mut Self, Range<usize>) -> Option<()>) -> Option<()> {
        self.entries(|scanner| {
            let start = scanner.at;
            scanner.text()?;
            let key = start..scanner.at;
            scanner.skip_white_space();
            scanner.mark(b':')?;
            value(scanner, key)
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
                self.object(|scanner, _| scanner.value_within(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.list(|scanner| scanner.value_within(depth))
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    #[inline]
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
                b'u' => self.at += character(self.json.get(self.at + 1..)?)?,
                _ => return None,
            }
        }
        self.at += 1;
        Some(has_escapes)
    }

    /// Goes on to the next byte that ends a text or begins an escape.
    #[inline]
    fn plain_text(&mut self) -> Option<u8> {
        self.at += 1;
        let rest = self.json.get(self.at..)?;
        let length = memchr2(b'"', b'\\', rest)?;
        if self.has_control && has_control(rest.get(..length)?) {
            return None;
        }
        self.at += length;
        self.next()
    }

    /// The JSON between the quotes of a text that was read.
    pub(super) fn inside(&self, text: &Range<usize>) -> &'a [u8] {
        self.json.get(text.start + 1..text.end - 1).unwrap_or_default()
    }
}

fn has_control(text: &[u8]) -> bool {
    // All of it is looked at, which is faster than to stop at the first.
    text.iter().fold(false, |found, byte| found | (*byte < b' '))
}

/// The length of a character behind `\u`: four digits, or two halves with four digits each.
fn character(text: &[u8]) -> Option<usize> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let is_digits = |digits: &[u8; 4]| digits.iter().all(u8::is_ascii_hexdigit);
    let is_second = |digits: &[u8; 4]| matches!(digits, [b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..]);
    let length = if matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..]) {
        let second = rest.strip_prefix(br"\u")?.first_chunk()?;
        (is_second(second) && is_digits(second)).then_some(r"d83d\ude00".len())
    } else {
        (!is_second(digits)).then_some(digits.len())
    };
    length.filter(|_| is_digits(digits))
}
