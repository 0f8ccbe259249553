//! Whether a map has a key twice: which of the values counts is left to Python.

/// So many are compared each with each.
const FEW: usize = 64;
const SEED: u64 = 0x243F_6A88_85A3_08D3;
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Hashes of the keys of one map.
#[derive(Default)]
pub struct Keys(Vec<u64>);

impl Keys {
    #[inline]
    pub fn add(&mut self, key: &[u8]) {
        let mut hash = SEED ^ key.len() as u64;
        for chunk in key.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(bytes)).wrapping_mul(FACTOR);
        }
        self.0.push(hash);
    }

    /// Whether no two keys are the same; two that only have the same hash count as the same.
    pub fn all_differ(mut self) -> bool {
        if self.0.len() > FEW {
            self.0.sort_unstable();
            return self.0.windows(2).all(|pair| pair[0] != pair[1]);
        }
        self.0.iter().enumerate().all(|(number, key)| self.0[..number].iter().all(|other| other != key))
    }
}
