//! Avro's binary encoding, written as the documents that driftline makes of it.
//!
//! What is written here is what `avro_source.py` reads; whatever is in any way unusual is left to it.

use crate::program::{Name, Words};
use crate::{double, json, varint};

/// Values in each other at most; what is nested further is left to Python.
const MAX_DEPTH: u32 = 64;
/// Powers of ten that double precision holds exactly are those up to 10^22.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Keys of a map that are looked at for duplicates by comparing each with each.
const MANY_KEYS: usize = 256;

enum Node {
    Null,
    Boolean,
    Long,
    Float,
    Double,
    String,
    Bytes,
    Fixed(usize),
    Date,
    Divided(i64),
    Decimal(usize),
    FixedDecimal { size: usize, scale: usize },
    Uuid,
    Enum(Vec<Name>),
    Union(Vec<usize>),
    Array(usize),
    Map(usize),
    Record(Vec<(Name, usize)>),
}

/// The reader of one schema, whose first node is the record itself.
pub struct Avro<'a> {
    nodes: Vec<Node>,
    names: &'a [u8],
}

impl<'a> Avro<'a> {
    pub fn new(mut words: Words, names: &'a [u8]) -> Option<Self> {
        let n = words.count()?;
        let nodes = (0..n)
            .map(|_| Node::new(&mut words, n))
            .collect::<Option<Vec<_>>>()?;
        (n > 0 && words.is_at_end()).then_some(Avro { nodes, names })
    }

    /// Writes a record; `None` where it is to be left to Python.
    pub fn document(&self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut at = 0;
        self.value(0, record, &mut at, out, 0)?;
        (at == record.len()).then_some(())
    }

    fn value(&self, node: usize, data: &[u8], at: &mut usize, out: &mut Vec<u8>, depth: u32) -> Option<()> {
        match &self.nodes[node] {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Boolean => match varint::bytes(data, at, 1)? {
                [0] => json::write_bool(out, false),
                [1] => json::write_bool(out, true),
                _ => return None,
            },
            Node::Long => json::write_signed(out, long(data, at)?),
            Node::Float => finite(double::write(
                out,
                f64::from(f32::from_le_bytes(varint::array(data, at)?)),
            ))?,
            Node::Double => finite(double::write(out, f64::from_le_bytes(varint::array(data, at)?)))?,
            Node::String => json::write_text(out, sized(data, at)?)?,
            Node::Bytes => json::write_base64(out, sized(data, at)?),
            Node::Fixed(size) => json::write_base64(out, varint::bytes(data, at, *size)?),
            Node::Date => json::write_date(out, long(data, at)?)?,
            Node::Divided(by) => json::write_signed(out, long(data, at)?.div_euclid(*by)),
            Node::Decimal(scale) => decimal(out, sized(data, at)?, *scale)?,
            Node::FixedDecimal { size, scale } => decimal(out, varint::bytes(data, at, *size)?, *scale)?,
            Node::Uuid => json::write_uuid(out, &varint::array(data, at)?),
            Node::Enum(symbols) => {
                let index = usize::try_from(long(data, at)?).ok()?;
                out.extend_from_slice(symbols.get(index)?.of(self.names));
            }
            Node::Union(branches) => {
                let index = *data.get(*at)?;
                *at += 1;
                if index & 1 == 1 {
                    return None;
                }
                let branch = *branches.get(usize::from(index >> 1))?;
                self.value(branch, data, at, out, below(depth)?)?;
            }
            Node::Array(items) => self.array(*items, data, at, out, below(depth)?)?,
            Node::Map(values) => self.map(*values, data, at, out, below(depth)?)?,
            Node::Record(fields) => {
                let depth = below(depth)?;
                for (key, field) in fields {
                    out.extend_from_slice(key.of(self.names));
                    self.value(*field, data, at, out, depth)?;
                }
                out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
            }
        }
        Some(())
    }

    fn array(&self, items: usize, data: &[u8], at: &mut usize, out: &mut Vec<u8>, depth: u32) -> Option<()> {
        let start = out.len();
        while let Some(n) = block(data, at)? {
            for _ in 0..n {
                out.push(b',');
                self.value(items, data, at, out, depth)?;
            }
        }
        close(out, start, b"[]");
        Some(())
    }

    fn map(&self, values: usize, data: &[u8], at: &mut usize, out: &mut Vec<u8>, depth: u32) -> Option<()> {
        let start = out.len();
        let mut keys: Vec<&[u8]> = Vec::new();
        while let Some(n) = block(data, at)? {
            for _ in 0..n {
                let key = sized(data, at)?;
                keys.push(key);
                out.push(b',');
                json::write_text(out, key)?;
                out.push(b':');
                self.value(values, data, at, out, depth)?;
            }
        }
        close(out, start, b"{}");
        all_differ(&mut keys).then_some(())
    }
}

impl Node {
    fn new(words: &mut Words, n: usize) -> Option<Self> {
        Some(match words.take()? {
            0 => Node::Null,
            1 => Node::Boolean,
            2 => Node::Long,
            3 => Node::Float,
            4 => Node::Double,
            5 => Node::String,
            6 => Node::Bytes,
            7 => Node::Fixed(words.take()? as usize),
            8 => Node::Date,
            9 => Node::Divided(i64::from(words.take()?).max(1)),
            10 => Node::Decimal(words.index(POWERS_OF_TEN.len())?),
            11 => Node::FixedDecimal {
                size: words.take()? as usize,
                scale: words.index(POWERS_OF_TEN.len())?,
            },
            12 => Node::Uuid,
            13 => Node::Enum((0..words.count()?).map(|_| words.name()).collect::<Option<_>>()?),
            14 => Node::Union(
                (0..words.count()?)
                    .map(|_| words.index(n))
                    .collect::<Option<_>>()?,
            ),
            15 => Node::Array(words.index(n)?),
            16 => Node::Map(words.index(n)?),
            17 => {
                let fields = (0..words.count()?).map(|_| Some((words.name()?, words.index(n)?)));
                Node::Record(fields.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

fn below(depth: u32) -> Option<u32> {
    (depth < MAX_DEPTH).then_some(depth + 1)
}

fn finite(written: bool) -> Option<()> {
    written.then_some(())
}

#[inline]
fn long(data: &[u8], at: &mut usize) -> Option<i64> {
    varint::take(data, at).map(varint::zigzag)
}

/// Takes bytes behind their number.
#[inline]
fn sized<'a>(data: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let n = usize::try_from(long(data, at)?).ok()?;
    varint::bytes(data, at, n)
}

/// Takes the number of items in the next block of an array or a map; `Some(None)` behind the last block.
///
/// More items than bytes are possible, if items take none: they are left to Python.
fn block(data: &[u8], at: &mut usize) -> Option<Option<usize>> {
    let n = long(data, at)?;
    if n == 0 {
        return Some(None);
    }
    if n < 0 {
        varint::take(data, at)?; // the block's bytes
    }
    let n = usize::try_from(n.unsigned_abs()).ok()?;
    (n <= data.len() - *at).then_some(Some(n))
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

/// Whether no two keys of a map are the same: which of the values counts is left to Python.
pub fn all_differ(keys: &mut [&[u8]]) -> bool {
    if keys.len() > MANY_KEYS {
        keys.sort_unstable();
        return keys.windows(2).all(|pair| pair[0] != pair[1]);
    }
    keys.iter()
        .enumerate()
        .all(|(number, key)| !keys[..number].contains(key))
}

/// Writes the number nearest to a decimal, where one division of exact numbers gives it.
pub fn decimal(out: &mut Vec<u8>, unscaled: &[u8], scale: usize) -> Option<()> {
    const EXACT: i64 = 1 << 53;
    let negative = unscaled.first().is_some_and(|byte| *byte >= 0x80);
    if unscaled.len() > 8 {
        return None;
    }
    let number = unscaled
        .iter()
        .fold(if negative { -1 } else { 0 }, |number, byte| {
            number << 8 | i64::from(*byte)
        });
    if !(-EXACT..=EXACT).contains(&number) {
        return None;
    }
    finite(double::write(out, number as f64 / POWERS_OF_TEN[scale]))
}
