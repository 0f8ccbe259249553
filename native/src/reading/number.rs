//! Numbers in decimal notation to double precision, correctly rounded, and to whole numbers.
//!
//! Source of the fast way: W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990: a number of up to 53 bits
//! and a power of ten up to 10²² are both exact, so that one operation rounds once. All others are read by Rust's own
//! reader, which rounds correctly too (D. Lemire, "Number Parsing at a Gigabyte per Second", 2021).

/// Digits that surely fit in 64 bits.
const DIGITS: usize = 18;
const EXACT: u64 = 1 << 53;
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    pub value: f64,
    /// The number where it is written without a fraction and an exponent.
    pub whole: Option<i64>,
}

/// Returns the number at the beginning of a text, and its length.
///
/// `None` where there is none, for what JSON does not allow, for what is too large, and for whole numbers of more than 18
/// digits and minus zero, which are not the same in all readers.
#[inline]
pub fn number(text: &[u8]) -> Option<(Number, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut digits, n_whole) = run(text, start, 0);
    let mut at = start + n_whole;
    if n_whole == 0 || (n_whole > 1 && text[start] == b'0') {
        return None;
    }
    let mut exponent: i32 = 0;
    let mut n_digits = n_whole;
    let mut is_whole = true;
    if text.get(at) == Some(&b'.') {
        is_whole = false;
        let n;
        (digits, n) = run(text, at + 1, digits);
        if n == 0 {
            return None;
        }
        at += 1 + n;
        n_digits += n;
        exponent = -i32::try_from(n).ok()?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        is_whole = false;
        let (power, end) = power(text, at + 1)?;
        exponent = exponent.checked_add(power)?;
        at = end;
    }
    if is_whole {
        if n_whole > DIGITS || (negative && digits == 0) {
            return None;
        }
        let whole = if negative { -(digits as i64) } else { digits as i64 };
        return Some((Number { value: whole as f64, whole: Some(whole) }, at));
    }
    let value = if n_digits <= DIGITS && digits <= EXACT && exponent.unsigned_abs() < POWERS.len() as u32 {
        let power = POWERS[exponent.unsigned_abs() as usize];
        let size = if exponent < 0 { digits as f64 / power } else { digits as f64 * power };
        if negative {
            -size
        } else {
            size
        }
    } else {
        std::str::from_utf8(&text[..at]).ok()?.parse().ok()?
    };
    value.is_finite().then_some((Number { value, whole: None }, at))
}

/// Returns the length of the number at the beginning of a text, of any size.
#[inline]
pub fn length(text: &[u8]) -> Option<usize> {
    let start = usize::from(text.first() == Some(&b'-'));
    let mut at = digits(text, start)?;
    if text[start] == b'0' && at > start + 1 {
        return None;
    }
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let signed = usize::from(matches!(text.get(at + 1), Some(b'-' | b'+')));
        at = digits(text, at + 1 + signed)?;
    }
    Some(at)
}

/// Returns where digits end that begin at a place, one at least.
#[inline]
fn digits(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let n = n_digits(word(text, at));
        at += n;
        if n < WORD {
            return (at > start).then_some(at);
        }
    }
}

/// Returns the digits that begin at a place, behind others, as one number, and how many they are; of more than 18 in all
/// the number is of no use.
///
/// Eight at a time and without a jump that depends on how many there are, which nothing could predict.
#[inline]
fn run(text: &[u8], start: usize, before: u64) -> (u64, usize) {
    let (mut number, mut at) = (before, start);
    loop {
        let word = word(text, at);
        let n = n_digits(word);
        number = number.wrapping_mul(TENS[n]).wrapping_add(eight_digits(word, n));
        at += n;
        if n < WORD {
            return (number, at - start);
        }
    }
}

const WORD: usize = 8;
const TENS: [u64; WORD + 1] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

#[inline]
fn word(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0; WORD];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

/// Returns how many of the first bytes are digits.
#[inline]
fn n_digits(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let values = word ^ (ONES * u64::from(b'0'));
    let others = (values.wrapping_add(ONES * 0x76) | values) & (ONES * 0x80);
    others.trailing_zeros() as usize / 8 // a byte above the first that is none may be marked by its carry
}

/// Returns the number that the first `n` bytes are, digits all.
#[inline]
fn eight_digits(word: u64, n: usize) -> u64 {
    let digits = word.checked_shl(64 - 8 * n as u32).unwrap_or(0) & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// Returns the power of ten after an `e`, and where it ends; one of many digits is left to others.
fn power(text: &[u8], start: usize) -> Option<(i32, usize)> {
    const MOST: usize = 5;
    let negative = text.get(start) == Some(&b'-');
    let first = start + usize::from(matches!(text.get(start), Some(b'-' | b'+')));
    let (power, n) = run(text, first, 0);
    let power = i32::try_from(power).ok()?;
    (1..=MOST).contains(&n).then_some((if negative { -power } else { power }, first + n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<f64> {
        number(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(number, _)| number.value)
    }

    #[test]
    fn numbers_are_rounded_once() {
        for text in [
            "0.1",
            "10.0367",
            "-2.5e-8",
            "123456789012345678.5",
            "9007199254740993.0",
            "1e22",
            "1e23",
            "4.9e-324",
        ] {
            assert_eq!(value(text), text.parse().ok(), "{text}");
        }
        assert_eq!(value("17"), Some(17.0));
    }

    #[test]
    fn what_json_does_not_allow_is_left_alone() {
        for text in [
            "",
            "-",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e+",
            "1e400",
            "-0",
            "1234567890123456789",
            "1e999999999999",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
        for (text, end) in [
            ("-0.5e+3,", Some(7)),
            ("0]", Some(1)),
            ("1e400", Some(5)),
            ("01", None),
            ("1.", None),
            ("-", None),
        ] {
            assert_eq!(length(text.as_bytes()), end, "{text}");
        }
        assert!(value("-0.0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
    }
}
