//! Numbers of variable length, as Avro and Protobuf write them, and numbers of fixed width.

/// Reads a number and moves past it; `None` where it does not end, or has more than 64 bits.
#[inline]
pub fn take(data: &[u8], at: &mut usize) -> Option<u64> {
    let first = *data.get(*at)?;
    *at += 1;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    rest(data, at, u64::from(first & 0x7f))
}

fn rest(data: &[u8], at: &mut usize, mut value: u64) -> Option<u64> {
    for shift in (7..=63).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Returns the signed number that a zigzag number stands for.
#[inline]
pub fn zigzag(raw: u64) -> i64 {
    ((raw >> 1) as i64) ^ -((raw & 1) as i64)
}

/// Takes `n` bytes.
#[inline]
pub fn bytes<'a>(data: &'a [u8], at: &mut usize, n: usize) -> Option<&'a [u8]> {
    let taken = data.get(*at..at.checked_add(n)?)?;
    *at += n;
    Some(taken)
}

/// Takes `N` bytes.
#[inline]
pub fn array<const N: usize>(data: &[u8], at: &mut usize) -> Option<[u8; N]> {
    bytes(data, at, N)?.try_into().ok()
}
