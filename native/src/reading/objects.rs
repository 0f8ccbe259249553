//! The members of objects, one within the other, that are looked for; their order is guessed from the object before.

use crate::program::Words;
use crate::reading::cursor::Cursor;
use crate::reading::table::Table;

/// What stands under a key that is looked for.
#[derive(Clone, Copy)]
pub enum Member {
    /// A field, by number.
    Field(usize),
    /// An object with further fields, by number.
    Object(usize),
}

/// What a key stands for.
pub enum Found<'a> {
    Known(Member),
    Other(&'a [u8]),
}

struct Object<'a> {
    keys: Vec<(&'a [u8], Member)>,
    table: Table<'a>,
    /// Number of the key that last came after each key; before them, of the one that last came first.
    next: Vec<u32>,
}

/// Which key of an object came last, for the guess at the next one.
#[derive(Default, Clone, Copy)]
pub struct Place(usize);

pub struct Objects<'a> {
    objects: Vec<Object<'a>>,
    /// In which row each field, and behind them each object, came last, counted from 1.
    rows: Vec<usize>,
    n_fields: usize,
}

impl<'a> Objects<'a> {
    /// Reads the objects of a program: the number of objects; of each, of which the first is the record, the number of
    /// keys; of each key its name, 0 for a field or 1 for an object, and the number of that.
    pub fn new(words: &mut Words<'a>, n_fields: usize) -> Option<Self> {
        let n = words.count()?;
        let objects = (0..n).map(|_| Object::new(words, n, n_fields)).collect::<Option<Vec<_>>>()?;
        (n > 0).then(|| Objects { objects, rows: vec![0; n_fields + n], n_fields })
    }

    /// Takes the next key of an object with its colon; `None` where it has escapes, or came before in this row.
    #[inline]
    pub fn key(
        &mut self,
        object: usize,
        place: &mut Place,
        cursor: &mut Cursor<'a>,
        row: usize,
    ) -> Option<Found<'a>> {
        let Object { keys, table, next } = &mut self.objects[object];
        cursor.peek()?;
        let guess = next[place.0] as usize;
        let number = match keys.get(guess) {
            Some((key, _)) if cursor.takes_text(key) => guess,
            _ => {
                let text = cursor.plain_text()?;
                match table.get(text) {
                    Some(number) => {
                        next[place.0] = number;
                        number as usize
                    }
                    None => {
                        cursor.expect(b':')?;
                        return Some(Found::Other(text));
                    }
                }
            }
        };
        cursor.expect(b':')?;
        *place = Place(number + 1);
        let member = keys[number].1;
        let last = match member {
            Member::Field(field) => &mut self.rows[field],
            Member::Object(object) => &mut self.rows[self.n_fields + object],
        };
        (std::mem::replace(last, row + 1) != row + 1).then_some(Found::Known(member))
    }

    /// Whether a field came in a row.
    #[inline]
    pub fn came(&self, field: usize, row: usize) -> bool {
        self.rows[field] == row + 1
    }
}

impl<'a> Object<'a> {
    fn new(words: &mut Words<'a>, n_objects: usize, n_fields: usize) -> Option<Self> {
        let n = words.count()?;
        let mut keys = Vec::with_capacity(n);
        for _ in 0..n {
            let name = words.text()?;
            keys.push((
                name,
                match words.take()? {
                    0 => Member::Field(words.index(n_fields)?),
                    1 => Member::Object(words.index(n_objects)?),
                    _ => return None,
                },
            ));
        }
        let table = Table::new(keys.iter().map(|(name, _)| *name).zip(0..).collect());
        Some(Object { next: (0..=n as u32).collect(), keys, table })
    }
}
