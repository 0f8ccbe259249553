//! Reads JSON (RFC 8259) value by value from bytes that are UTF-8; `None` is for what Python has to look at.

use crate::reading::number::{length, number, Number};

/// Objects and arrays within each other, up to which values are skipped.
const DEPTH: u32 = 64;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

#[derive(Clone)]
pub struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Cursor { data, at: 0 }
    }

    /// Returns how far it has come.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns what was read since a place.
    #[inline]
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.at]
    }

    /// Returns the next byte that is no space, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.data.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes a byte that must come next, after spaces.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Takes a byte if it comes next, after spaces.
    #[inline]
    pub fn takes(&mut self, byte: u8) -> Option<bool> {
        let comes = self.peek()? == byte;
        self.at += usize::from(comes);
        Some(comes)
    }

    /// Whether nothing but spaces is left.
    #[inline]
    pub fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes a text that comes next if it is this one, with its quotes; nothing happens otherwise.
    #[inline]
    pub fn takes_text(&mut self, text: &[u8]) -> bool {
        let rest = &self.data[self.at..];
        let end = text.len() + 1;
        let same = rest.len() > end && rest[end] == b'"' && &rest[1..end] == text && rest[0] == b'"';
        self.at += if same { end + 1 } else { 0 };
        same
    }

    /// Takes a text and returns what stands between its quotes, as it is written; `None` where it has escapes.
    #[inline]
    pub fn plain_text(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        self.at = self.unescaped(start)?;
        if self.data[self.at] != b'"' {
            return None;
        }
        self.at += 1;
        Some(&self.data[start..self.at - 1])
    }

    /// Takes a text and returns it; one with escapes is written into `buffer`.
    #[inline]
    pub fn text<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        self.expect(b'"')?;
        let start = self.at;
        self.at = self.unescaped(start)?;
        if self.data[self.at] == b'"' {
            self.at += 1;
            return Some(&self.data[start..self.at - 1]);
        }
        self.at = start;
        self.escaped(buffer)?;
        Some(buffer)
    }

    /// Returns where the next quote, backslash or control character stands, of which the last is an error.
    #[inline]
    fn unescaped(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while let Some(bytes) = self.data.get(at..at + 8) {
            let word = u64::from_le_bytes(bytes.try_into().ok()?);
            let quote = word ^ (ONES * u64::from(b'"'));
            let slash = word ^ (ONES * u64::from(b'\\'));
            let found = (quote.wrapping_sub(ONES) & !quote)
                | (slash.wrapping_sub(ONES) & !slash)
                | (word.wrapping_sub(ONES * 0x20) & !word);
            let found = found & HIGH;
            if found != 0 {
                at += found.trailing_zeros() as usize / 8; // bytes above the first may be marked by its carry
                return (self.data[at] >= 0x20).then_some(at);
            }
            at += 8;
        }
        loop {
            match *self.data.get(at)? {
                b'"' | b'\\' => return Some(at),
                ..=0x1f => return None,
                _ => at += 1,
            }
        }
    }

    /// Writes a text with escapes into a buffer.
    fn escaped(&mut self, buffer: &mut Vec<u8>) -> Option<()> {
        buffer.clear();
        loop {
            let stop = self.unescaped(self.at)?;
            buffer.extend_from_slice(&self.data[self.at..stop]);
            self.at = stop + 1;
            if self.data[stop] == b'"' {
                return Some(());
            }
            let character = self.escape()?;
            buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Takes a text that nobody asks for.
    #[inline]
    fn skip_text(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            self.at = self.unescaped(self.at)? + 1;
            if self.data[self.at - 1] == b'"' {
                return Some(());
            }
            self.escape()?;
        }
    }

    /// Returns the character that is meant by what follows a backslash; half a surrogate pair is none.
    fn escape(&mut self) -> Option<char> {
        let byte = *self.data.get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.character(),
            _ => return None,
        })
    }

    fn character(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if !(0xd800..0xe000).contains(&unit) {
            return char::from_u32(unit);
        }
        if self.data.get(self.at..self.at + 2)? != b"\\u" {
            return None;
        }
        self.at += 2;
        let low = self.unit()?;
        if unit >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
            return None;
        }
        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.data.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }

    #[inline]
    pub fn number(&mut self) -> Option<Number> {
        self.peek()?;
        let (number, length) = number(&self.data[self.at..])?;
        self.at += length;
        Some(number)
    }

    #[inline]
    pub fn null(&mut self) -> Option<()> {
        self.word(b"null")
    }

    #[inline]
    pub fn truth(&mut self) -> Option<bool> {
        if self.peek()? == b't' {
            self.word(b"true").map(|()| true)
        } else {
            self.word(b"false").map(|()| false)
        }
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.data[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// Takes any value.
    #[inline]
    pub fn skip(&mut self) -> Option<()> {
        self.skip_within(DEPTH)
    }

    fn skip_within(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'"' => self.skip_text(),
            b'{' => self.skip_object(depth.checked_sub(1)?),
            b'[' => self.skip_array(depth.checked_sub(1)?),
            b'n' => self.null(),
            b't' | b'f' => self.truth().map(drop),
            _ => {
                self.at += length(&self.data[self.at..])?;
                Some(())
            }
        }
    }

    fn skip_object(&mut self, depth: u32) -> Option<()> {
        self.at += 1;
        if self.takes(b'}')? {
            return Some(());
        }
        loop {
            self.skip_text()?;
            self.expect(b':')?;
            self.skip_within(depth)?;
            if self.takes(b'}')? {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    fn skip_array(&mut self, depth: u32) -> Option<()> {
        self.at += 1;
        if self.takes(b']')? {
            return Some(());
        }
        loop {
            self.skip_within(depth)?;
            if self.takes(b']')? {
                return Some(());
            }
            self.expect(b',')?;
        }
    }
}
