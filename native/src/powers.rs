//! Powers of ten to 128 bits, rounded up, computed once.

use std::sync::OnceLock;

const LOWEST: i32 = -292;
const HIGHEST: i32 = 324;
/// Bits before the division by powers of ten: 10^292 has 970, and 128 must remain.
const BITS: usize = 1152;
const N: usize = (HIGHEST - LOWEST + 1) as usize;

/// The upper and the lower 64 bits; the first bit is always set.
pub type Power = (u64, u64);

/// Returns the powers of ten from 10^-292 to 10^324.
pub fn powers() -> &'static Powers {
    static POWERS: OnceLock<Powers> = OnceLock::new();
    POWERS.get_or_init(Powers::computed)
}

pub struct Powers([Power; N]);

impl Powers {
    #[inline]
    pub fn of(&self, exponent: i32) -> Power {
        self.0[(exponent - LOWEST) as usize]
    }

    fn computed() -> Self {
        let mut all = [(0, 0); N];
        let mut number = vec![0u32; BITS / 32 + 1]; // the lowest limb first
        number[0] = 1;
        for exponent in 0..=HIGHEST {
            all[(exponent - LOWEST) as usize] = leading(&number, false);
            let mut carry = 0u64;
            for limb in &mut number {
                carry += u64::from(*limb) * 10;
                *limb = carry as u32;
                carry >>= 32;
            }
        }
        number.fill(0);
        number[BITS / 32] = 1;
        for exponent in (LOWEST..0).rev() {
            let mut remainder = 0u64;
            for limb in number.iter_mut().rev() {
                remainder = remainder << 32 | u64::from(*limb);
                *limb = (remainder / 10) as u32;
                remainder %= 10;
            }
            all[(exponent - LOWEST) as usize] = leading(&number, true);
        }
        Powers(all)
    }
}

/// Returns the first 128 bits of a number, rounded up; `inexact` says that it was rounded down before.
fn leading(number: &[u32], inexact: bool) -> Power {
    let top = number.iter().rposition(|limb| *limb != 0).unwrap_or(0);
    let shift = number[top].leading_zeros();
    let limb = |back: usize| top.checked_sub(back).map_or(0, |i| number[i]);
    let mut bits = 0u128;
    for back in 0..4 {
        bits = bits << 32 | u128::from(limb(back));
    }
    let next = u128::from(limb(4));
    if shift > 0 {
        bits = bits << shift | next >> (32 - shift);
    }
    let rest = if shift > 0 { (next as u32) << shift } else { next as u32 };
    let below = rest != 0 || (5..=top).any(|back| limb(back) != 0);
    let rounded = bits + u128::from(inexact || below);
    ((rounded >> 64) as u64, rounded as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_powers() {
        assert_eq!(powers().of(0), (1 << 63, 0));
        assert_eq!(powers().of(1), (0xA000_0000_0000_0000, 0));
        assert_eq!(powers().of(LOWEST), (0xFF77_B1FC_BEBC_DC4F, 0x25E8_E89C_13BB_0F7B));
        assert_eq!(powers().of(-1), (0xCCCC_CCCC_CCCC_CCCC, 0xCCCC_CCCC_CCCC_CCCD));
    }
}
