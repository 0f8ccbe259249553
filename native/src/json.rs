//! Writes JSON as Python's `json.dumps(..., separators=(",", ":"))` does, byte for byte.

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";
const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether a byte stands for itself in a text.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Digits of a number of 64 bits at most.
pub const DIGITS: usize = 20;
/// Bytes that are copied at once, without a call, where a text is short and so many can be read.
pub const SHORT: usize = 32;

/// Adds the first `n` bytes of a text.
#[inline]
pub fn extend<const N: usize>(out: &mut Vec<u8>, text: &[u8], n: usize) {
    match text.first_chunk::<N>() {
        Some(chunk) if n <= N => {
            let end = out.len() + n;
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&text[..n]),
    }
}

#[inline]
pub fn write_unsigned(out: &mut Vec<u8>, number: u64) {
    let mut buffer = [0; 2 * DIGITS];
    let start = decimal_digits(&mut buffer, number);
    extend::<DIGITS>(out, &buffer[start..], DIGITS - start);
}

/// Writes the digits of a number into the first half of a buffer, up to its end, and returns where they begin.
#[inline]
pub fn decimal_digits(digits: &mut [u8; 2 * DIGITS], mut number: u64) -> usize {
    let mut at = DIGITS;
    while number >= 100 {
        let pair = (number % 100) as usize * 2;
        number /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if number >= 10 {
        let pair = number as usize * 2;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    at
}

#[inline]
pub fn write_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    write_unsigned(out, number.unsigned_abs());
}

pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Writes the text between two positions; `None` where the bytes are no UTF-8.
#[inline]
pub fn write_text(out: &mut Vec<u8>, data: &[u8], start: usize, end: usize) -> Option<()> {
    let text = data.get(start..end)?;
    out.push(b'"');
    if text.iter().all(|byte| PLAIN[usize::from(*byte)]) {
        extend::<SHORT>(out, &data[start..], text.len());
    } else {
        write_escaped(out, std::str::from_utf8(text).ok()?);
    }
    out.push(b'"');
    Some(())
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            ' '..='~' => out.push(character as u8),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(b"\\u");
                    out.extend([12, 8, 4, 0].map(|shift| HEX[usize::from(*unit >> shift & 0xf)]));
                }
            }
        }
    }
}

/// Writes bytes as a text in base64.
pub fn write_base64(out: &mut Vec<u8>, data: &[u8]) {
    out.push(b'"');
    for chunk in data.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let sextets = [18, 12, 6, 0].map(|shift| BASE64[(bits >> shift & 0x3f) as usize]);
        out.extend_from_slice(&sextets[..=chunk.len()]);
        out.extend_from_slice(&b"=="[..3 - chunk.len()]);
    }
    out.push(b'"');
}

/// Writes a UUID of 16 bytes.
pub fn write_uuid(out: &mut Vec<u8>, data: &[u8; 16]) {
    out.push(b'"');
    for (number, byte) in data.iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 0xf].map(|digit| HEX[usize::from(digit)]));
    }
    out.push(b'"');
}

/// Writes the date that is so many days after 1970-01-01; `None` outside the years 1 to 9999.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2021, `civil_from_days`.
pub fn write_date(out: &mut Vec<u8>, days: i64) -> Option<()> {
    const FIRST: i64 = -719_162;
    const LAST: i64 = 2_932_896;
    if !(FIRST..=LAST).contains(&days) {
        return None;
    }
    let shifted = days + 719_468; // from 0000-03-01, so that the leap day is the last one of a year
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    out.extend_from_slice(format!("\"{year:04}-{month:02}-{day:02}\"").as_bytes());
    Some(())
}

/// Puts the brackets around items of which each has a comma before it.
pub fn close(out: &mut Vec<u8>, start: usize, brackets: &[u8; 2]) {
    if out.len() == start {
        out.push(brackets[0]);
    } else {
        out[start] = brackets[0];
    }
    out.push(brackets[1]);
}
