//! The types of a program: messages, their fields, and enums.

use crate::json;
use crate::program::{Name, Words};

/// Numbers of fields below this one are looked up in a table.
const TABLE: usize = 1024;
const NO_FIELD: u32 = u32::MAX;

pub const VARINT: u64 = 0;
pub const EIGHT_BYTES: u64 = 1;
pub const SIZED: u64 = 2;
pub const FOUR_BYTES: u64 = 5;

const HAS_PRESENCE: u32 = 1;
const IS_REPEATED: u32 = 2;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Double,
    Float,
    Int64,
    UInt64,
    Int32,
    UInt32,
    SInt32,
    SInt64,
    Fixed64,
    SFixed64,
    Fixed32,
    SFixed32,
    Bool,
    String,
    Bytes,
    Enum(usize),
    Message(usize),
    Map(usize),
}

/// What a message becomes in the document.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    Object,
    Timestamp,
    Duration,
    Wrapper,
    Entry,
    Decimal,
}

pub struct Field {
    pub kind: Kind,
    pub key: Name,
    pub has_presence: bool,
    pub is_repeated: bool,
    /// A bit for its `oneof`; 0 where it is in none.
    pub oneof: u64,
}

pub struct Message {
    pub form: Form,
    pub fields: Vec<Field>,
    /// Where fields are, by their numbers below `TABLE`.
    table: Vec<u32>,
    /// The numbers of fields.
    numbers: Vec<u32>,
}

pub struct Enum {
    /// Whether numbers without a name are no values.
    is_closed: bool,
    /// Sorted by number.
    names: Vec<(i32, Name)>,
}

pub struct Schema {
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
}

impl Schema {
    pub fn new(mut words: Words) -> Option<Self> {
        let (n_messages, n_enums) = (words.count()?, words.count()?);
        let messages = (0..n_messages)
            .map(|_| Message::new(&mut words, n_messages, n_enums))
            .collect::<Option<Vec<_>>>()?;
        let enums = (0..n_enums).map(|_| Enum::new(&mut words)).collect::<Option<Vec<_>>>()?;
        let is_right = |field: &Field| {
            let (Kind::Message(other) | Kind::Map(other)) = field.kind else { return true };
            (messages[other].form == Form::Entry) == matches!(field.kind, Kind::Map(_))
        };
        let are_right = messages.iter().all(|message| message.fields.iter().all(is_right));
        (n_messages > 0 && words.is_at_end() && are_right).then_some(Schema { messages, enums })
    }
}

impl Message {
    fn new(words: &mut Words, n_messages: usize, n_enums: usize) -> Option<Self> {
        let form = match words.take()? {
            0 => Form::Object,
            1 => Form::Timestamp,
            2 => Form::Duration,
            3 => Form::Wrapper,
            4 => Form::Entry,
            5 => Form::Decimal,
            _ => return None,
        };
        let n = words.count()?;
        let mut message =
            Message { form, fields: Vec::with_capacity(n), table: Vec::new(), numbers: Vec::new() };
        for place in 0..n {
            let number = words.take()?;
            message.numbers.push(number);
            message.fields.push(Field::new(words, n_messages, n_enums)?);
            let index = number as usize;
            if index < TABLE {
                message.table.resize(message.table.len().max(index + 1), NO_FIELD);
                message.table[index] = place as u32;
            }
        }
        let kinds: Vec<Kind> = message.fields.iter().map(|field| field.kind).collect();
        let is_right = match form {
            Form::Object => true,
            Form::Timestamp | Form::Duration => kinds == [Kind::Int64, Kind::Int32],
            Form::Wrapper => matches!(kinds[..], [kind] if !matches!(kind, Kind::Message(_) | Kind::Map(_))),
            Form::Entry => kinds.len() == 2 && !matches!(kinds[0], Kind::Message(_)),
            Form::Decimal => kinds == [Kind::Bytes, Kind::Int32, Kind::UInt32],
        };
        let are_single = form == Form::Object || message.fields.iter().all(|field| !field.is_repeated);
        (is_right && are_single).then_some(message)
    }

    /// Returns the place of a field by its number.
    #[inline]
    pub fn field(&self, number: u64) -> Option<usize> {
        match self.table.get(usize::try_from(number).ok()?) {
            Some(place) => (*place != NO_FIELD).then_some(*place as usize),
            None => self.numbers.iter().position(|each| u64::from(*each) == number),
        }
    }
}

impl Field {
    fn new(words: &mut Words, n_messages: usize, n_enums: usize) -> Option<Self> {
        let kind = match words.take()? {
            0 => Kind::Double,
            1 => Kind::Float,
            2 => Kind::Int64,
            3 => Kind::UInt64,
            4 => Kind::Int32,
            5 => Kind::UInt32,
            6 => Kind::SInt32,
            7 => Kind::SInt64,
            8 => Kind::Fixed64,
            9 => Kind::SFixed64,
            10 => Kind::Fixed32,
            11 => Kind::SFixed32,
            12 => Kind::Bool,
            13 => Kind::String,
            14 => Kind::Bytes,
            15 => Kind::Enum(words.index(n_enums)?),
            16 => Kind::Message(words.index(n_messages)?),
            17 => Kind::Map(words.index(n_messages)?),
            _ => return None,
        };
        let (flags, oneof) = (words.take()?, words.take()?);
        Some(Field {
            kind,
            key: words.name()?,
            has_presence: flags & HAS_PRESENCE != 0,
            is_repeated: flags & IS_REPEATED != 0,
            oneof: 1u64.checked_shl(oneof)? >> 1,
        })
    }
}

impl Kind {
    /// The wire type of a single value.
    #[inline]
    pub fn wire(self) -> u64 {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::SFixed64 => EIGHT_BYTES,
            Kind::Float | Kind::Fixed32 | Kind::SFixed32 => FOUR_BYTES,
            Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Map(_) => SIZED,
            _ => VARINT,
        }
    }
}

impl Enum {
    fn new(words: &mut Words) -> Option<Self> {
        let is_closed = words.take()? != 0;
        let n = words.count()?;
        let names =
            (0..n).map(|_| Some((words.take()? as i32, words.name()?))).collect::<Option<Vec<_>>>()?;
        names.windows(2).all(|pair| pair[0].0 < pair[1].0).then_some(Enum { is_closed, names })
    }

    /// Writes the name of a number, or the number if it has none.
    pub fn write(&self, number: i32, names: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self.names.binary_search_by_key(&number, |each| each.0) {
            Ok(place) => self.names[place].1.write(names, out),
            Err(_) if self.is_closed => return None,
            Err(_) => json::write_signed(out, i64::from(number)),
        }
        Some(())
    }
}
