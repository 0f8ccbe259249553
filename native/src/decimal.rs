//! Decimals: a whole number of any size, and where its point stands.

use crate::double;

/// Digits behind the point at most: double precision holds powers of ten exactly up to 10^22.
pub const MAX_SCALE: usize = 22;

const POWERS_OF_TEN: [f64; MAX_SCALE + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Writes the number nearest to a decimal, where one division of exact numbers gives it.
pub fn write(out: &mut Vec<u8>, unscaled: &[u8], scale: usize) -> Option<()> {
    const EXACT: i64 = 1 << 53;
    let negative = unscaled.first().is_some_and(|byte| *byte >= 0x80);
    if unscaled.len() > 8 {
        return None;
    }
    let number =
        unscaled.iter().fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i64::from(*byte));
    if !(-EXACT..=EXACT).contains(&number) {
        return None;
    }
    double::write(out, number as f64 / POWERS_OF_TEN.get(scale)?)
}
