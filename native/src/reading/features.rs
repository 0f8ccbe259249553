//! The features of events, by column: numbers, and the bins of categories.

use std::collections::HashMap;

use crate::program::Words;
use crate::reading::cursor::Cursor;
use crate::reading::number::number;
use crate::reading::objects::{Found, Member, Objects, Place};
use crate::reading::pack::Pack;
use crate::reading::table::Table;

/// Names of unknown features that one event may have; one with more is left to Python.
const UNKNOWN: usize = 8;
/// Names of unknown features of a batch; events with further ones are left to Python.
const UNKNOWN_NAMES: usize = 64;
/// Events of a block.
const BLOCK: usize = 32;
/// Digits of a whole number that is written as one with a fraction of zero.
const EXACT: usize = 15;

/// What a field may hold; the numbers are those of `src/driftline/native/feature_reader.py`.
enum Kind<'a> {
    /// A number.
    Number { column: usize, texts: bool, truths: bool },
    /// A category: the bins of texts, and of numbers and truth values as they are written.
    Category { column: usize, unlisted: u32, texts: Table<'a>, words: Table<'a> },
    /// Anything, which nobody looks at.
    Ignored,
}

/// Where n events are written to, of which those of a batch stand from `start` on.
pub struct Cells<'c> {
    /// Of c columns, shape (c, n).
    pub numbers: &'c mut [f64],
    /// Of k columns, shape (k, n).
    pub bins: &'c mut [i64],
    /// 1 for events that are left to Python, shape (n,).
    pub odd: &'c mut [u8],
    pub start: usize,
}

/// A few events, which stay in the processor's cache until they are written to their columns.
struct Block {
    numbers: Vec<f64>,
    bins: Vec<i64>,
}

pub struct Features<'a> {
    objects: Objects<'a>,
    kinds: Vec<Kind<'a>>,
    /// Of each category column, the events with a category that the column does not list, and its name.
    unlisted: Vec<Pairs>,
    block: Block,
    n_numbers: usize,
    /// What an event without a category has.
    missing: i64,
    /// The events that have each unknown feature.
    unknown: HashMap<&'a [u8], Vec<u64>>,
    /// Names of unknown features of the event that is being read.
    names: Vec<&'a [u8]>,
    buffer: Vec<u8>,
}

/// Numbers of events, each with a text.
#[derive(Default)]
struct Pairs {
    n: usize,
    /// Where the last pair begins, unless it was taken back.
    last: Option<usize>,
    pack: Pack,
}

impl<'a> Features<'a> {
    /// Reads a program: what stands for no category, less one and turned; the number of fields; of each its kind; of a number its column and what it is read from beside
    /// numbers (1 texts, 2 truth values); of a category its column, the bin of what is not listed, the bins of texts, and
    /// those of words; then the objects.
    pub fn new(mut words: Words<'a>) -> Option<Self> {
        let missing = -1 - i64::from(words.take()?);
        let n = words.count()?;
        let kinds = (0..n).map(|_| Kind::new(&mut words)).collect::<Option<Vec<_>>>()?;
        let objects = Objects::new(&mut words, n)?;
        let columns = |of: fn(&Kind) -> Option<usize>| {
            let mut columns: Vec<_> = kinds.iter().filter_map(of).collect();
            columns.sort_unstable();
            columns.iter().copied().eq(0..columns.len()).then_some(columns.len())
        };
        let n_numbers = columns(|kind| match kind {
            Kind::Number { column, .. } => Some(*column),
            _ => None,
        })?;
        let n_categories = columns(|kind| match kind {
            Kind::Category { column, .. } => Some(*column),
            _ => None,
        })?;
        words.is_at_end().then(|| Features {
            objects,
            kinds,
            unlisted: (0..n_categories).map(|_| Pairs::default()).collect(),
            block: Block { numbers: vec![0.0; n_numbers * BLOCK], bins: vec![0; n_categories * BLOCK] },
            n_numbers,
            missing,
            unknown: HashMap::new(),
            names: Vec::new(),
            buffer: Vec::new(),
        })
    }

    /// Reads the features of a batch of events into cells.
    ///
    /// Returns for each category column its unlisted categories, and then the unknown features.
    pub fn read(mut self, values: &'a [u8], lengths: &[u64], cells: &mut Cells) -> Option<Vec<u8>> {
        let n = cells.odd.len();
        let fits = cells.numbers.len() == n * self.n_numbers && cells.bins.len() == n * self.unlisted.len();
        if !fits || cells.start.checked_add(lengths.len())? > n {
            return None;
        }
        let mut rest = values;
        let mut first = cells.start;
        for lengths in lengths.chunks(BLOCK) {
            self.block.numbers.fill(f64::NAN);
            self.block.bins.fill(self.missing);
            for (row, length) in lengths.iter().enumerate() {
                let length = usize::try_from(*length).ok().filter(|length| *length <= rest.len())?;
                let (value, following) = rest.split_at(length);
                rest = following;
                if !value.is_empty() && !self.row(value, first, row) {
                    cells.odd[first + row] = 1;
                }
            }
            copy(&self.block.numbers, cells.numbers, n, first, lengths.len());
            copy(&self.block.bins, cells.bins, n, first, lengths.len());
            first += lengths.len();
        }
        self.packed()
    }

    fn packed(&self) -> Option<Vec<u8>> {
        let mut out = Pack::default();
        out.array(self.unlisted.len() + 1)?;
        for pairs in &self.unlisted {
            out.array(pairs.n)?;
            out.bytes.extend_from_slice(&pairs.pack.bytes);
        }
        let mut names: Vec<_> = self.unknown.iter().filter(|(_, rows)| !rows.is_empty()).collect();
        names.sort_unstable();
        out.array(names.len())?;
        for (name, rows) in names {
            out.array(2)?;
            out.text(name)?;
            out.binary(&rows.iter().flat_map(|row| row.to_le_bytes()).collect::<Vec<_>>())?;
        }
        Some(out.bytes)
    }

    /// Reads the event of a row of the block that begins with the event `first`; what was noted of it is forgotten where
    /// it is left to Python.
    fn row(&mut self, value: &'a [u8], first: usize, row: usize) -> bool {
        self.names.clear();
        if self.event(value, first, row).is_none() || !self.note_unknown(first + row) {
            for pairs in &mut self.unlisted {
                pairs.forget((first + row) as i64);
            }
            return false;
        }
        true
    }

    fn note_unknown(&mut self, row: usize) -> bool {
        if self.names.is_empty() {
            return true;
        }
        let n_new = self.names.iter().filter(|name| !self.unknown.contains_key(*name)).count();
        if self.names.len() > UNKNOWN || self.unknown.len() + n_new > UNKNOWN_NAMES {
            return false;
        }
        self.names.sort_unstable();
        if self.names.windows(2).any(|pair| pair[0] == pair[1]) {
            return false;
        }
        for name in &self.names {
            self.unknown.entry(name).or_default().push(row as u64);
        }
        true
    }

    fn event(&mut self, value: &'a [u8], first: usize, row: usize) -> Option<()> {
        if !value.is_ascii() {
            std::str::from_utf8(value).ok()?;
        }
        let mut cursor = Cursor::new(value);
        self.object(0, &mut cursor, first, row)?;
        cursor.is_at_end().then_some(())
    }

    fn object(&mut self, object: usize, cursor: &mut Cursor<'a>, first: usize, row: usize) -> Option<()> {
        cursor.expect(b'{')?;
        if cursor.takes(b'}')? {
            return Some(());
        }
        let mut place = Place::default();
        loop {
            match self.objects.key(object, &mut place, cursor, first + row)? {
                Found::Known(Member::Field(number)) => self.field(number, cursor, first, row)?,
                Found::Known(Member::Object(within)) => {
                    if cursor.peek()? == b'n' {
                        cursor.null()?;
                    } else {
                        self.object(within, cursor, first, row)?;
                    }
                }
                Found::Other(name) => {
                    // an object would be opened, and a name with a dot may be within another
                    if object != 0 || name.contains(&b'.') || cursor.peek()? == b'{' {
                        return None;
                    }
                    cursor.skip()?;
                    self.names.push(name);
                }
            }
            if cursor.takes(b'}')? {
                return Some(());
            }
            cursor.expect(b',')?;
        }
    }

    #[inline]
    fn field(&mut self, number: usize, cursor: &mut Cursor<'a>, first: usize, row: usize) -> Option<()> {
        let byte = cursor.peek()?;
        match &self.kinds[number] {
            Kind::Ignored => return cursor.skip(),
            _ if byte == b'n' => return cursor.null(),
            Kind::Number { column, texts, truths } => {
                self.block.numbers[column * BLOCK + row] = match byte {
                    b'-' | b'0'..=b'9' => cursor.number()?.value,
                    b'"' if *texts => written(cursor.plain_text()?)?,
                    b't' | b'f' if *truths => f64::from(u8::from(cursor.truth()?)),
                    _ => return None,
                };
            }
            Kind::Category { column, unlisted, texts, words } => {
                let (text, found) = match byte {
                    b'"' => {
                        let text = cursor.text(&mut self.buffer)?;
                        (text, texts.get(text))
                    }
                    b't' | b'f' => {
                        let start = cursor.at();
                        cursor.truth()?;
                        let found = words.get(cursor.since(start))?; // what is not listed is known as 0 or 1
                        (&[][..], Some(found))
                    }
                    _ => {
                        let start = cursor.at();
                        let whole = cursor.number()?.whole;
                        let word = whole_word(cursor.since(start), whole)?;
                        (word, words.get(word))
                    }
                };
                self.block.bins[column * BLOCK + row] = i64::from(found.unwrap_or(*unlisted));
                if found.is_none() {
                    self.unlisted[*column].add((first + row) as i64, text)?;
                }
            }
        }
        Some(())
    }
}

impl<'a> Kind<'a> {
    fn new(words: &mut Words<'a>) -> Option<Self> {
        Some(match words.take()? {
            0 => {
                let (column, from) = (words.take()? as usize, words.take()?);
                Kind::Number { column, texts: from & 1 != 0, truths: from & 2 != 0 }
            }
            1 => {
                let (column, unlisted) = (words.take()? as usize, words.take()?);
                Kind::Category { column, unlisted, texts: table(words)?, words: table(words)? }
            }
            2 => Kind::Ignored,
            _ => return None,
        })
    }
}

fn table<'a>(words: &mut Words<'a>) -> Option<Table<'a>> {
    let n = words.count()?;
    let entries =
        (0..n).map(|_| Some((words.text()?, words.take()?))).collect::<Option<Vec<(&'a [u8], u32)>>>()?;
    Some(Table::new(entries))
}

impl Pairs {
    /// Where the number of the event stands in a pair, behind the marks of an array and of a whole number.
    const NUMBER: std::ops::Range<usize> = 6..14;

    fn add(&mut self, row: i64, text: &[u8]) -> Option<()> {
        let start = self.pack.bytes.len();
        self.pack.array(2)?;
        self.pack.whole(row);
        self.pack.text(text)?;
        self.n += 1;
        self.last = Some(start);
        Some(())
    }

    /// Takes the last pair back if it is of an event.
    fn forget(&mut self, row: i64) {
        let Some(last) = self.last else { return };
        if self.pack.bytes[last..][Self::NUMBER] == row.to_be_bytes() {
            self.pack.bytes.truncate(last);
            self.n -= 1;
            self.last = None;
        }
    }
}

/// Writes the first n events of a block, column by column, to the events from `first` on of all.
fn copy<T: Copy>(block: &[T], all: &mut [T], n_all: usize, first: usize, n: usize) {
    for (column, values) in block.chunks(BLOCK).enumerate() {
        let start = column * n_all + first;
        all[start..start + n].copy_from_slice(&values[..n]);
    }
}

/// Returns the number that is written in a text, all of it.
fn written(text: &[u8]) -> Option<f64> {
    let (found, length) = number(text)?;
    (length == text.len()).then_some(found.value)
}

/// Returns a whole number as it is written, also of one with a fraction of zero.
fn whole_word(word: &[u8], whole: Option<i64>) -> Option<&[u8]> {
    if whole.is_some() {
        return Some(word);
    }
    let digits = word.strip_suffix(b".0")?;
    let plain = digits.len() <= EXACT && digits.iter().all(u8::is_ascii_digit);
    plain.then_some(digits)
}
