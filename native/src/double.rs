//! Writes numbers in double precision with as few digits as tell them from all others, in the form of Python's `repr`.
//!
//! Source: R. Giulietti, "The Schubfach way to render doubles", 2020.

use crate::json::{decimal_digits, extend, write_unsigned, DIGITS};
use crate::powers::powers;

const MANTISSA: u64 = (1 << 52) - 1;
/// Below this many places before the point, and above that many zeros behind it, there is no exponent.
const PLACES: i32 = 16;
const ZEROS: i32 = -3;

/// Writes a number; `None` where it is none, or infinite.
#[inline]
pub fn write(out: &mut Vec<u8>, number: f64) -> Option<()> {
    if !number.is_finite() {
        return None;
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    if number == 0.0 {
        out.extend_from_slice(b"0.0");
        return Some(());
    }
    let (digits, exponent) = few_decimals(number.abs()).unwrap_or_else(|| shortest(number.to_bits()));
    let (digits, exponent) = without_zeros(digits, exponent);
    write_decimal(out, digits, exponent);
    Some(())
}

/// Writes `digits` times ten to the power of `exponent`.
fn write_decimal(out: &mut Vec<u8>, digits: u64, exponent: i32) {
    let mut buffer = [0; 2 * DIGITS];
    let start = decimal_digits(&mut buffer, digits);
    let n = DIGITS - start;
    let point = n as i32 + exponent;
    if (ZEROS..=PLACES).contains(&point) {
        let whole = usize::try_from(point).unwrap_or(0).min(n);
        if point <= 0 {
            out.extend_from_slice(&b"0.000"[..(2 - point) as usize]);
        } else {
            extend::<DIGITS>(out, &buffer[start..], whole);
            if exponent >= 0 {
                out.extend_from_slice(&b"0000000000000000"[..exponent as usize]);
                out.extend_from_slice(b".0");
                return;
            }
            out.push(b'.');
        }
        extend::<DIGITS>(out, &buffer[start + whole..], n - whole);
        return;
    }
    out.push(buffer[start]);
    if n > 1 {
        out.push(b'.');
        out.extend_from_slice(&buffer[start + 1..DIGITS]);
    }
    let power = point - 1;
    out.extend_from_slice(if power < 0 { b"e-" } else { b"e+" });
    if power.abs() < 10 {
        out.push(b'0');
    }
    write_unsigned(out, u64::from(power.unsigned_abs()));
}

/// Returns the digits of a number with at most four decimals, as most that people round have.
///
/// No two decimals of at most 15 digits are the same in double precision, so one that is equal is the shortest.
#[inline]
fn few_decimals(number: f64) -> Option<(u64, i32)> {
    const POWER: f64 = 1e4;
    const FIFTEEN_DIGITS: f64 = 1e15;
    let scaled = number * POWER;
    if scaled >= FIFTEEN_DIGITS {
        return None;
    }
    let digits = (scaled + 0.5) as u64;
    (digits > 0 && digits as f64 / POWER == number).then_some((digits, -4))
}

#[inline]
fn without_zeros(digits: u64, exponent: i32) -> (u64, i32) {
    if digits % 10 == 0 {
        without_some_zeros(digits, exponent)
    } else {
        (digits, exponent)
    }
}

fn without_some_zeros(mut digits: u64, mut exponent: i32) -> (u64, i32) {
    for (power, zeros) in [(100_000_000, 8), (10_000, 4), (100, 2), (10, 1)] {
        while digits % power == 0 {
            digits /= power;
            exponent += zeros;
        }
    }
    (digits, exponent)
}

/// Returns the digits and the exponent of ten of a number that is finite and not zero; its sign does not matter.
fn shortest(bits: u64) -> (u64, i32) {
    let (fraction, biased) = (bits & MANTISSA, (bits >> 52 & 0x7ff) as i32);
    let (c, q) = if biased == 0 { (fraction, -1074) } else { (fraction | (MANTISSA + 1), biased - 1075) };
    if (-52..=0).contains(&q) && c.trailing_zeros() as i32 >= -q {
        return (c >> -q, 0); // a whole number
    }
    let odd = c & 1;
    let closer = fraction == 0 && biased > 1; // the next number below is nearer than the next one above
    let k = (q * 1_262_611 - if closer { 524_031 } else { 0 }) >> 22;
    let h = q + ((-k * 1_741_647) >> 19) + 1;
    let power = powers().of(-k);
    let lower = round_to_odd(power, (4 * c - 2 + u64::from(closer)) << h) + odd;
    let middle = round_to_odd(power, (4 * c) << h);
    let upper = round_to_odd(power, (4 * c + 2) << h) - odd;
    let s = middle / 4;
    if s >= 10 {
        let tens = s / 10;
        let (below, above) = (lower <= 40 * tens, 40 * tens + 40 <= upper);
        if below != above {
            return (tens + u64::from(above), k + 1);
        }
    }
    let (below, above) = (lower <= 4 * s, 4 * s + 4 <= upper);
    if below != above {
        return (s + u64::from(above), k);
    }
    let half = 4 * s + 2;
    (s + u64::from(middle > half || (middle == half && s & 1 == 1)), k)
}

#[inline]
fn round_to_odd((high, low): (u64, u64), factor: u64) -> u64 {
    let below = u128::from(low) * u128::from(factor);
    let product = u128::from(high) * u128::from(factor) + (below >> 64);
    (product >> 64) as u64 | u64::from(product as u64 > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: f64) -> String {
        let mut out = Vec::new();
        write(&mut out, number).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms_are_those_of_python() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-12.5, "-12.5"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1_234_567_890_123_456.0, "1234567890123456.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (1e23, "1e+23"),
            (f64::from(0.1f32), "0.10000000149011612"),
        ] {
            assert_eq!(text(number), expected);
        }
        assert!(write(&mut Vec::new(), f64::NAN).is_none());
        assert!(write(&mut Vec::new(), f64::INFINITY).is_none());
    }

    /// The standard library's `{:e}` is the oracle of the digits, except that of two which are equally near it takes
    /// the greater, and Python the even one: Python's tests have these.
    #[test]
    fn digits_are_the_shortest() {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let check = |number: f64| {
            let (digits, exponent) = shortest(number.to_bits());
            let (digits, exponent) = without_zeros(digits, exponent);
            if let Some((few, exponent_of_few)) = few_decimals(number.abs()) {
                assert_eq!(without_zeros(few, exponent_of_few), (digits, exponent));
            }
            let (expected, power) = format!("{:e}", number.abs())
                .split_once('e')
                .map(|(digits, power)| (digits.replace('.', ""), power.parse::<i32>().unwrap()))
                .unwrap();
            let exact = format!("{:.40e}", number.abs()).replace('.', "");
            let is_tie = exact.split_once('e').is_some_and(|(all, _)| {
                all.get(expected.len()..)
                    .is_some_and(|rest| rest.starts_with('5') && rest[1..].bytes().all(|b| b == b'0'))
            }) && digits % 2 == 0
                && expected.parse() == Ok(digits + 1);
            let expected = if is_tie { digits.to_string() } else { expected };
            assert_eq!(
                (digits.to_string(), digits.to_string().len() as i32 + exponent - 1),
                (expected, power)
            );
        };
        for _ in 0..200_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let number = f64::from_bits(state);
            if number.is_finite() && number != 0.0 {
                check(number);
            }
            check((state % 1_000_003) as f64 / 10_000.0 + 0.0001);
        }
        for biased in 1..2047u64 {
            for fraction in [0, 1, MANTISSA] {
                check(f64::from_bits(biased << 52 | fraction));
            }
        }
    }
}
