//! The keys of maps: that none is there twice, and that those of the map before are known, which most maps repeat.

use crate::json::{self, extend, SHORT};
use crate::varint;

/// So many are compared each with each.
const FEW: usize = 64;
const SEED: u64 = 0x243F_6A88_85A3_08D3;
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// A key that was read.
struct Key {
    hash: u64,
    /// Where its bytes end, with their number before them.
    raw: usize,
    /// Where what is written for it ends.
    text: usize,
}

/// Reads the keys of one map after the other; what it writes does not depend on the maps before.
#[derive(Default)]
pub struct Keys {
    keys: Vec<Key>,
    raw: Vec<u8>,
    /// `SHORT` bytes more than there are keys for.
    text: Vec<u8>,
    /// How many of the keys have come in the map that is being read.
    n: usize,
    /// How many of the keys are known to differ.
    n_different: usize,
}

impl Keys {
    /// Begins a map.
    pub fn begin(&mut self) {
        self.n = 0;
    }

    /// Reads a key with its number of bytes before it, and writes it between a comma and a colon.
    #[inline]
    pub fn take(&mut self, data: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Option<()> {
        if let Some(key) = self.keys.get(self.n) {
            let (raw, text) = self.begins(self.n);
            if data[*at..].starts_with(&self.raw[raw..key.raw]) {
                *at += key.raw - raw;
                extend::<SHORT>(out, &self.text[text..], key.text - text);
                self.n += 1;
                return Some(());
            }
        }
        self.learn(data, at, out)
    }

    /// Returns where a key's bytes begin, and where what is written for it does.
    #[inline]
    fn begins(&self, number: usize) -> (usize, usize) {
        match number.checked_sub(1) {
            Some(before) => (self.keys[before].raw, self.keys[before].text),
            None => (0, 0),
        }
    }

    /// Reads a key that is another one than in the map before; none that follow there are known from here on.
    fn learn(&mut self, data: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Option<()> {
        let (start, start_of_text) = (*at, out.len());
        let length = usize::try_from(varint::zigzag(varint::take(data, at)?)).ok()?;
        let key = varint::bytes(data, at, length)?;
        out.push(b',');
        json::write_text(out, data, *at - length, *at)?;
        out.push(b':');
        let (raw, text) = self.begins(self.n);
        self.keys.truncate(self.n);
        self.raw.truncate(raw);
        self.text.truncate(text);
        self.raw.extend_from_slice(&data[start..*at]);
        self.text.extend_from_slice(&out[start_of_text..]);
        self.keys.push(Key { hash: hash(key), raw: self.raw.len(), text: self.text.len() });
        self.text.extend_from_slice(&[0; SHORT]);
        self.n_different = self.n_different.min(self.n);
        self.n += 1;
        Some(())
    }

    /// Whether no two keys of the map are the same; two that only have the same hash count as the same.
    pub fn all_differ(&mut self) -> bool {
        if self.n <= self.n_different {
            return true;
        }
        let differ = if self.n > FEW {
            let mut hashes: Vec<u64> = self.keys.iter().map(|key| key.hash).collect();
            hashes.sort_unstable();
            hashes.windows(2).all(|pair| pair[0] != pair[1])
        } else {
            let before = |number: usize| &self.keys[..number];
            (self.n_different..self.n)
                .all(|number| before(number).iter().all(|key| key.hash != self.keys[number].hash))
        };
        if differ {
            self.n_different = self.n;
        }
        differ
    }
}

/// Returns a number that differs for most keys, above all in its high bits.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    let mut hash = SEED ^ key.len() as u64;
    for chunk in key.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(bytes)).wrapping_mul(FACTOR);
    }
    hash
}
