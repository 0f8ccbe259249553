//! The fields of records, by column: where they stand is a matter of the mapping, so a program says it.

use crate::program::Words;
use crate::reading::cursor::Cursor;
use crate::reading::objects::{Found, Member, Objects, Place};
use crate::reading::pack::Pack;

/// What a field may hold; the numbers are those of `src/driftline/native/record_reader.py`.
#[derive(Clone, Copy)]
enum Kind {
    /// A text of 1 to `most` bytes, or a whole number.
    Identifier,
    /// A text of 1 to `most` bytes.
    Name,
    /// A text of up to `most` bytes, or a whole number.
    Version,
    /// Milliseconds, or a date and time in UTC.
    Time,
    /// A text of up to `most` bytes, a number or a truth value.
    Class,
    /// A number, or an object or a list of numbers.
    Score,
    /// An object as it is written; null is none.
    Object,
    /// Any value as it is written.
    Raw,
    /// A text, a number or a truth value.
    Scalar,
    /// A number.
    Number,
}

#[derive(Clone, Copy)]
struct Field {
    kind: Kind,
    required: bool,
    most: usize,
}

/// Where the values of one field are written, and whether all so far are the same.
#[derive(Default)]
struct Column {
    pack: Pack,
    /// Where what is written for this record begins.
    start: usize,
    /// Where what was written for the first one ends.
    first: usize,
    varies: bool,
}

pub struct Records<'a> {
    objects: Objects<'a>,
    fields: Vec<Field>,
    columns: Vec<Column>,
    /// For texts with escapes.
    buffer: Vec<u8>,
}

impl<'a> Records<'a> {
    /// Reads a program: the number of fields, of each its kind, whether it is required and `most`; then the objects.
    pub fn new(mut words: Words<'a>) -> Option<Self> {
        let n = words.count()?;
        let fields = (0..n).map(|_| Field::new(&mut words)).collect::<Option<Vec<_>>>()?;
        let objects = Objects::new(&mut words, n)?;
        let columns = (0..n).map(|_| Column::default()).collect();
        words.is_at_end().then_some(Records { objects, fields, columns, buffer: Vec::new() })
    }

    /// Returns a list of the numbers of the records that are left to Python, then the columns: each of a value for every
    /// record, nothing for those that are left, or of one value that all share.
    pub fn columns(mut self, values: &'a [u8], lengths: &[u64]) -> Option<Vec<u8>> {
        let mut rest = values;
        let mut odd = Vec::new();
        for (row, length) in lengths.iter().enumerate() {
            let length = usize::try_from(*length).ok().filter(|length| *length <= rest.len())?;
            let (value, following) = rest.split_at(length);
            rest = following;
            if !self.row(value, row) {
                odd.push(row);
            }
        }
        self.packed(&odd, lengths.len())
    }

    fn packed(&self, odd: &[usize], n: usize) -> Option<Vec<u8>> {
        let size: usize = self.columns.iter().map(|column| column.pack.bytes.len() + 5).sum();
        let mut out = Pack { bytes: Vec::with_capacity(size + 9 * odd.len() + 10) };
        out.array(self.columns.len() + 1)?;
        out.array(odd.len())?;
        odd.iter().for_each(|row| out.whole(*row as i64));
        for column in &self.columns {
            let bytes = &column.pack.bytes;
            let same = n > 0 && !column.varies;
            out.array(if same { 1 } else { n })?;
            out.bytes.extend_from_slice(if same { &bytes[..column.first] } else { bytes });
        }
        Some(out.bytes)
    }

    /// Reads one record; whatever it says is forgotten where it is left to Python.
    fn row(&mut self, value: &'a [u8], row: usize) -> bool {
        for column in &mut self.columns {
            column.begin();
        }
        let read = self.record(value, row).is_some();
        for (number, column) in self.columns.iter_mut().enumerate() {
            let came = read && self.objects.came(number, row);
            column.end(row, came);
        }
        read
    }

    fn record(&mut self, value: &'a [u8], row: usize) -> Option<()> {
        if !value.is_ascii() {
            std::str::from_utf8(value).ok()?;
        }
        let mut cursor = Cursor::new(value);
        self.object(0, &mut cursor, row)?;
        let complete = (0..self.fields.len())
            .all(|number| !self.fields[number].required || self.objects.came(number, row));
        (cursor.is_at_end() && complete).then_some(())
    }

    fn object(&mut self, object: usize, cursor: &mut Cursor<'a>, row: usize) -> Option<()> {
        cursor.expect(b'{')?;
        if cursor.takes(b'}')? {
            return Some(());
        }
        let mut place = Place::default();
        loop {
            match self.objects.key(object, &mut place, cursor, row)? {
                Found::Other(_) => cursor.skip()?,
                Found::Known(Member::Field(number)) => self.field(number, cursor)?,
                Found::Known(Member::Object(within)) => {
                    if cursor.peek()? == b'n' {
                        cursor.null()?;
                    } else {
                        self.object(within, cursor, row)?;
                    }
                }
            }
            if cursor.takes(b'}')? {
                return Some(());
            }
            cursor.expect(b',')?;
        }
    }

    #[inline]
    fn field(&mut self, number: usize, cursor: &mut Cursor<'a>) -> Option<()> {
        let field = self.fields[number];
        let out = &mut self.columns[number].pack;
        let byte = cursor.peek()?;
        if byte == b'n' && !matches!(field.kind, Kind::Object | Kind::Raw) {
            cursor.null()?;
            out.nil();
            return (!field.required).then_some(());
        }
        match (field.kind, byte) {
            (Kind::Identifier | Kind::Version, b'-' | b'0'..=b'9') => out.whole(cursor.number()?.whole?),
            (Kind::Identifier | Kind::Name, b'"') => {
                let text = cursor.text(&mut self.buffer)?;
                (1..=field.most).contains(&text.len()).then(|| out.text(text))??;
            }
            (Kind::Version | Kind::Class | Kind::Scalar, b'"') => {
                let text = cursor.text(&mut self.buffer)?;
                (text.len() <= field.most).then(|| out.text(text))??;
            }
            (Kind::Class | Kind::Scalar, b't' | b'f') => out.truth(cursor.truth()?),
            (Kind::Class | Kind::Scalar, b'-' | b'0'..=b'9') => {
                let found = cursor.number()?;
                match found.whole {
                    Some(whole) => out.whole(whole),
                    None => out.float(found.value),
                }
            }
            (Kind::Time, b'"') => out.whole(moment(cursor.plain_text()?)?),
            (Kind::Time, _) => out.whole(cursor.number()?.whole?),
            (Kind::Score, b'{') => probabilities(cursor, out, &mut self.buffer)?,
            (Kind::Score, b'[') => numbers(cursor, out)?,
            (Kind::Score | Kind::Number, b'-' | b'0'..=b'9') => out.float(cursor.number()?.value),
            (Kind::Object, b'n') => {
                cursor.null()?;
                out.binary(&[])?;
            }
            (Kind::Object, b'{') | (Kind::Raw, _) => {
                let start = cursor.at();
                cursor.skip()?;
                out.binary(cursor.since(start))?;
            }
            _ => return None,
        }
        Some(())
    }
}

impl Field {
    fn new(words: &mut Words) -> Option<Self> {
        let kind = match words.take()? {
            0 => Kind::Identifier,
            1 => Kind::Name,
            2 => Kind::Version,
            3 => Kind::Time,
            4 => Kind::Class,
            5 => Kind::Score,
            6 => Kind::Object,
            7 => Kind::Raw,
            8 => Kind::Scalar,
            9 => Kind::Number,
            _ => return None,
        };
        Some(Field { kind, required: words.take()? != 0, most: words.take()? as usize })
    }
}

impl Column {
    #[inline]
    fn begin(&mut self) {
        self.start = self.pack.bytes.len();
    }

    /// Ends a record, of which something may have been written; nothing counts where the field did not come.
    #[inline]
    fn end(&mut self, row: usize, came: bool) {
        if !came {
            self.pack.bytes.truncate(self.start);
            self.pack.nil();
        }
        if row == 0 {
            self.first = self.pack.bytes.len();
        } else if !self.varies {
            self.varies = self.pack.bytes[self.start..] != self.pack.bytes[..self.first];
        }
    }
}

/// Reads an object of numbers by text.
fn probabilities(cursor: &mut Cursor, out: &mut Pack, buffer: &mut Vec<u8>) -> Option<()> {
    const MOST: usize = 64;
    cursor.expect(b'{')?;
    let place = out.map();
    let mut keys: Vec<Vec<u8>> = Vec::new();
    if cursor.takes(b'}')? {
        return Some(());
    }
    loop {
        let text = cursor.text(buffer)?;
        if keys.len() == MOST || keys.iter().any(|key| key == text) {
            return None;
        }
        keys.push(text.to_vec());
        out.text(text)?;
        cursor.expect(b':')?;
        out.float(cursor.number()?.value);
        if cursor.takes(b'}')? {
            out.count(place, keys.len() as u32);
            return Some(());
        }
        cursor.expect(b',')?;
    }
}

fn numbers(cursor: &mut Cursor, out: &mut Pack) -> Option<()> {
    cursor.expect(b'[')?;
    let place = out.list();
    if cursor.takes(b']')? {
        return Some(());
    }
    let mut n = 0;
    loop {
        out.float(cursor.number()?.value);
        n += 1;
        if cursor.takes(b']')? {
            out.count(place, n);
            return Some(());
        }
        cursor.expect(b',')?;
    }
}

/// Returns the milliseconds since 1970 of a moment such as `2026-03-01T12:00:00.250Z`.
///
/// Of other forms, of more than three decimals, which have to be rounded, and of days that there are not, there is none.
fn moment(text: &[u8]) -> Option<i64> {
    let (date, rest) = (text.get(..19)?, text.get(19..)?);
    for (place, byte) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if date[place] != byte {
            return None;
        }
    }
    let part = |start: usize, end: usize| decimal(&date[start..end]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let zone = rest.strip_suffix(b"Z").or_else(|| rest.strip_suffix(b"+00:00"))?;
    let ms = match zone {
        [] => 0,
        [b'.', digits @ ..] if (1..=3).contains(&digits.len()) => {
            decimal(digits)? * [100, 10, 1][digits.len() - 1]
        }
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let longest = *days.get(usize::try_from(month - 1).ok()?)?;
    if year < 1000 || !(1..=longest).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

fn decimal(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2021, `days_from_civil`, for years from 1 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_milliseconds() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-03-01T12:00:00.25Z", 1_772_366_400_250),
            ("2024-02-29T23:59:59.999+00:00", 1_709_251_199_999),
        ] {
            assert_eq!(moment(text.as_bytes()), Some(ms), "{text}");
        }
        for text in ["2026-02-29T00:00:00Z", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00:00.1234Z"]
        {
            assert_eq!(moment(text.as_bytes()), None, "{text}");
        }
    }
}
