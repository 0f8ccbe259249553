//! Columns of values as MessagePack, which Python has apart in one call.

const ARRAY: u8 = 0xdd;
const TEXT: u8 = 0xdb;
const BYTES: u8 = 0xc6;
const MAP: u8 = 0xdf;
const NIL: u8 = 0xc0;
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;
const FLOAT: u8 = 0xcb;
const WHOLE: u8 = 0xd3;

/// What is written of values one after the other.
#[derive(Default)]
pub struct Pack {
    pub bytes: Vec<u8>,
}

impl Pack {
    #[inline]
    pub fn nil(&mut self) {
        self.bytes.push(NIL);
    }

    #[inline]
    pub fn truth(&mut self, value: bool) {
        self.bytes.push(if value { TRUE } else { FALSE });
    }

    #[inline]
    pub fn whole(&mut self, value: i64) {
        self.bytes.push(WHOLE);
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub fn float(&mut self, value: f64) {
        self.bytes.push(FLOAT);
        self.bytes.extend_from_slice(&value.to_bits().to_be_bytes());
    }

    /// Writes a text that is UTF-8; `None` where it is too long.
    #[inline]
    pub fn text(&mut self, text: &[u8]) -> Option<()> {
        self.head(TEXT, text.len())?;
        self.bytes.extend_from_slice(text);
        Some(())
    }

    #[inline]
    pub fn binary(&mut self, data: &[u8]) -> Option<()> {
        self.head(BYTES, data.len())?;
        self.bytes.extend_from_slice(data);
        Some(())
    }

    /// Begins an array of `n` values, which follow.
    #[inline]
    pub fn array(&mut self, n: usize) -> Option<()> {
        self.head(ARRAY, n)
    }

    /// Begins a map of so many pairs as [`Pack::pairs`] says afterwards, and returns where that is written.
    pub fn map(&mut self) -> usize {
        self.bytes.extend_from_slice(&[MAP, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    pub fn list(&mut self) -> usize {
        self.bytes.extend_from_slice(&[ARRAY, 0, 0, 0, 0]);
        self.bytes.len() - 4
    }

    /// Says how many values follow a place.
    pub fn count(&mut self, place: usize, n: u32) {
        self.bytes[place..place + 4].copy_from_slice(&n.to_be_bytes());
    }

    #[inline]
    fn head(&mut self, kind: u8, n: usize) -> Option<()> {
        let n = u32::try_from(n).ok()?.to_be_bytes();
        self.bytes.extend_from_slice(&[kind, n[0], n[1], n[2], n[3]]);
        Some(())
    }
}
