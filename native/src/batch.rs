//! A batch of records: cuts it into records, and writes a text for each.

use crate::avro::Avro;
use crate::program::Words;
use crate::protobuf::Protobuf;

const AVRO: u32 = 1;
const PROTOBUF: u32 = 2;
/// MessagePack's marks of an array and of a byte string whose lengths follow in four bytes.
const ARRAY: u8 = 0xdd;
const BYTES: u8 = 0xc6;
/// JSON is about so many times as long as the record.
const GROWTH: usize = 4;

/// What is longer than so many bytes, and so many times as long as the record, is left to Python: items that take no bytes
/// could otherwise fill the memory.
const MAX_TEXT: usize = 1 << 20;
const MAX_GROWTH: usize = 64;

/// Returns the length up to which a record may be written behind what there is.
pub fn limit(record: &[u8], out: &[u8]) -> usize {
    out.len() + MAX_TEXT + record.len() * MAX_GROWTH
}

/// Writes one record; `None` where it is to be left to Python.
trait Write {
    fn write(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()>;
}

impl Write for Avro<'_> {
    fn write(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.document(record, out)
    }
}

impl Write for Protobuf<'_> {
    fn write(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.document(record, out)
    }
}

/// Returns a list of texts, one for each record, empty where it is left to Python; `None` where the program makes no
/// sense.
///
/// The form is MessagePack's, an array of byte strings: Python has them apart in one call. Records that do not begin with
/// `prefix` are left to Python.
pub fn transcode(
    words: &[u32],
    names: &[u8],
    prefix: &[u8],
    values: &[u8],
    lengths: &[u64],
) -> Option<Vec<u8>> {
    let mut words = Words::new(words, names);
    match words.take()? {
        AVRO => texts(Avro::new(words, names)?, prefix, values, lengths),
        PROTOBUF => texts(Protobuf::new(words, names)?, prefix, values, lengths),
        _ => None,
    }
}

fn texts(mut writer: impl Write, prefix: &[u8], values: &[u8], lengths: &[u64]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity((values.len() + lengths.len()) * GROWTH);
    head(&mut out, ARRAY, lengths.len())?;
    let mut rest = values;
    for length in lengths {
        let length = usize::try_from(*length).ok().filter(|length| *length <= rest.len())?;
        let (value, following) = rest.split_at(length);
        rest = following;
        let place = out.len();
        head(&mut out, BYTES, 0)?;
        let start = out.len();
        if value.strip_prefix(prefix).and_then(|record| writer.write(record, &mut out)).is_none() {
            out.truncate(start);
        }
        let written = u32::try_from(out.len() - start).ok()?;
        out[place + 1..start].copy_from_slice(&written.to_be_bytes());
    }
    Some(out)
}

fn head(out: &mut Vec<u8>, kind: u8, n: usize) -> Option<()> {
    out.push(kind);
    out.extend_from_slice(&u32::try_from(n).ok()?.to_be_bytes());
    Some(())
}
