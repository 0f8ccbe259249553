//! Avro's binary encoding, written as the documents that driftline makes of it.
//!
//! What is written here is what `avro_source.py` reads; whatever is in any way unusual is left to it.

use std::cell::Cell;

use crate::batch::limit;
use crate::decimal::{self, MAX_SCALE};
use crate::keys::Keys;
use crate::program::{Name, Words};
use crate::{double, json, varint};

/// Values in each other at most; what is nested further is left to Python.
const MAX_DEPTH: u32 = 64;
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
    Map(usize, Cell<Keys>),
    Record(Vec<(Name, usize)>),
}

/// The reader of one schema, whose first node is the record itself.
pub struct Avro<'a> {
    nodes: Vec<Node>,
    names: &'a [u8],
    /// How long the text may become that is being written.
    limit: usize,
}

impl<'a> Avro<'a> {
    pub fn new(mut words: Words, names: &'a [u8]) -> Option<Self> {
        let n = words.count()?;
        let nodes = (0..n).map(|_| Node::new(&mut words, n)).collect::<Option<Vec<_>>>()?;
        (n > 0 && words.is_at_end()).then_some(Avro { nodes, names, limit: 0 })
    }

    /// Writes a record; `None` where it is to be left to Python.
    pub fn document(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.limit = limit(record, out);
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
            Node::Float => double::write(out, f64::from(f32::from_le_bytes(varint::array(data, at)?)))?,
            Node::Double => double::write(out, f64::from_le_bytes(varint::array(data, at)?))?,
            Node::String => {
                let text = sized(data, at)?;
                json::write_text(out, data, *at - text.len(), *at)?;
            }
            Node::Bytes => json::write_base64(out, sized(data, at)?),
            Node::Fixed(size) => json::write_base64(out, varint::bytes(data, at, *size)?),
            Node::Date => json::write_date(out, long(data, at)?)?,
            Node::Divided(by) => json::write_signed(out, long(data, at)?.div_euclid(*by)),
            Node::Decimal(scale) => decimal::write(out, sized(data, at)?, *scale)?,
            Node::FixedDecimal { size, scale } => {
                decimal::write(out, varint::bytes(data, at, *size)?, *scale)?
            }
            Node::Uuid => json::write_uuid(out, &varint::array(data, at)?),
            Node::Enum(symbols) => {
                let index = usize::try_from(long(data, at)?).ok()?;
                symbols.get(index)?.write(self.names, out);
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
            Node::Map(values, keys) => {
                // Maps of the same type within this one begin without keys.
                let mut known = keys.take();
                self.map(*values, &mut known, data, at, out, below(depth)?)?;
                keys.set(known);
            }
            Node::Record(fields) => {
                let depth = below(depth)?;
                for (key, field) in fields {
                    key.write(self.names, out);
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
                if out.len() > self.limit {
                    return None;
                }
            }
        }
        json::close(out, start, b"[]");
        Some(())
    }

    fn map(
        &self,
        values: usize,
        keys: &mut Keys,
        data: &[u8],
        at: &mut usize,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Option<()> {
        let start = out.len();
        keys.begin();
        while let Some(n) = block(data, at)? {
            for _ in 0..n {
                keys.take(data, at, out)?;
                self.value(values, data, at, out, depth)?;
                if out.len() > self.limit {
                    return None;
                }
            }
        }
        json::close(out, start, b"{}");
        keys.all_differ().then_some(())
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
            10 => Node::Decimal(words.index(MAX_SCALE + 1)?),
            11 => Node::FixedDecimal { size: words.take()? as usize, scale: words.index(MAX_SCALE + 1)? },
            12 => Node::Uuid,
            13 => Node::Enum((0..words.count()?).map(|_| words.name()).collect::<Option<_>>()?),
            14 => Node::Union((0..words.count()?).map(|_| words.index(n)).collect::<Option<_>>()?),
            15 => Node::Array(words.index(n)?),
            16 => Node::Map(words.index(n)?, Cell::default()),
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
