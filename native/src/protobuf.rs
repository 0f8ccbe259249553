//! Protobuf's binary encoding, written as the documents that driftline makes of it.
//!
//! What is written here is what `protobuf_reader.py` makes of a message. Whatever is in any way unusual is left to it:
//! a field twice where one is meant, two members of one `oneof`, a field of another wire type, groups.

use crate::avro::{all_differ, close, decimal};
use crate::program::{Name, Words};
use crate::{double, json, varint};

/// Messages in each other at most; what is nested further is left to Python.
const MAX_DEPTH: u32 = 64;
/// Numbers of fields below this one are looked up in a table.
const TABLE: usize = 1024;
const NO_FIELD: u32 = u32::MAX;
const MAX_SCALE: u64 = 22;
const MS_PER_S: i64 = 1_000;
const NS_PER_MS: i64 = 1_000_000;
const NS_PER_S: f64 = 1e9;

const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const SIZED: u64 = 2;
const FOUR_BYTES: u64 = 5;

const HAS_PRESENCE: u32 = 1;
const IS_REPEATED: u32 = 2;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
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

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Object,
    Timestamp,
    Duration,
    Wrapper,
    Entry,
    Decimal,
}

struct Field {
    kind: Kind,
    key: Name,
    has_presence: bool,
    is_repeated: bool,
    /// A bit for its `oneof`; 0 where it is in none.
    oneof: u64,
}

struct Message {
    form: Form,
    fields: Vec<Field>,
    /// Where fields are, by their numbers below `TABLE`.
    table: Vec<u32>,
    /// The numbers of fields.
    numbers: Vec<u32>,
}

struct Enum {
    /// Whether numbers without a name are no values.
    is_closed: bool,
    /// Sorted by number.
    names: Vec<(i32, Name)>,
}

const _: () = assert!(usize::BITS == 64, "a slot has room for a number of 64 bits");

/// What was read of a field: a number as it stands on the wire, the beginning and the end of bytes, or the first and
/// the last of several.
#[derive(Clone, Copy, Default)]
struct Slot {
    is_set: bool,
    a: usize,
    b: usize,
}

/// One of the values of a repeated field, and the place of the next; its own place for the last.
struct Item {
    value: Slot,
    next: usize,
}

struct Schema<'a> {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    names: &'a [u8],
}

/// The slots and items of the messages that are being read, inner ones behind outer ones.
#[derive(Default)]
struct State {
    slots: Vec<Slot>,
    items: Vec<Item>,
}

/// The reader of one message type, whose first message is the record itself.
pub struct Protobuf<'a> {
    schema: Schema<'a>,
    state: State,
}

impl<'a> Protobuf<'a> {
    pub fn new(mut words: Words, names: &'a [u8]) -> Option<Self> {
        let (n_messages, n_enums) = (words.count()?, words.count()?);
        let messages = (0..n_messages)
            .map(|_| Message::new(&mut words, n_messages, n_enums))
            .collect::<Option<Vec<_>>>()?;
        let enums = (0..n_enums)
            .map(|_| Enum::new(&mut words))
            .collect::<Option<Vec<_>>>()?;
        let is_whole = n_messages > 0 && words.is_at_end();
        is_whole.then(|| Protobuf {
            schema: Schema {
                messages,
                enums,
                names,
            },
            state: State::default(),
        })
    }

    /// Writes a record; `None` where it is to be left to Python.
    pub fn document(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.state.slots.clear();
        self.state.items.clear();
        self.schema
            .message(0, record, (0, record.len()), &mut self.state, out, 0)
    }
}

impl Schema<'_> {
    /// Writes the message between two positions of a record.
    fn message(
        &self,
        number: usize,
        record: &[u8],
        span: (usize, usize),
        state: &mut State,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let message = &self.messages[number];
        let (first, first_item) = (state.slots.len(), state.items.len());
        message.read(record, span, state)?;
        match message.form {
            Form::Object => self.object(message, record, first, state, out, depth)?,
            Form::Wrapper => self.value(
                message.fields[0].kind,
                state.slots[first],
                record,
                state,
                out,
                depth,
            )?,
            Form::Timestamp => {
                let (seconds, nanos) = seconds_and_nanos(&state.slots[first..]);
                let of_nanos = i64::from(nanos).div_euclid(NS_PER_MS);
                json::write_signed(out, seconds.checked_mul(MS_PER_S)?.checked_add(of_nanos)?);
            }
            Form::Duration => {
                let (seconds, nanos) = seconds_and_nanos(&state.slots[first..]);
                double::write(out, seconds as f64 + f64::from(nanos) / NS_PER_S).then_some(())?;
            }
            Form::Decimal => {
                let (value, scale) = (state.slots[first], state.slots[first + 1].a as u64);
                decimal(
                    out,
                    &record[value.a..value.b],
                    usize::try_from(scale).ok().filter(|_| scale <= MAX_SCALE)?,
                )?;
            }
            Form::Entry => return None,
        }
        state.slots.truncate(first);
        state.items.truncate(first_item);
        Some(())
    }

    fn object(
        &self,
        message: &Message,
        record: &[u8],
        first: usize,
        state: &mut State,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Option<()> {
        let start = out.len();
        for (number, field) in message.fields.iter().enumerate() {
            let slot = state.slots[first + number];
            if field.has_presence && !slot.is_set {
                continue;
            }
            out.extend_from_slice(field.key.of(self.names)); // a comma, the name and a colon
            if let Kind::Map(entry) = field.kind {
                self.map(entry, slot, record, state, out, depth)?;
            } else if field.is_repeated {
                let list = out.len();
                each(slot, state, |value, state| {
                    out.push(b',');
                    self.value(field.kind, value, record, state, out, depth)
                })?;
                close(out, list, b"[]");
            } else {
                self.value(field.kind, slot, record, state, out, depth)?;
            }
        }
        close(out, start, b"{}");
        Some(())
    }

    fn map(
        &self,
        entry: usize,
        slot: Slot,
        record: &[u8],
        state: &mut State,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Option<()> {
        let start = out.len();
        let (key_kind, value_kind) = (
            self.messages[entry].fields[0].kind,
            self.messages[entry].fields[1].kind,
        );
        let mut keys = Vec::new();
        each(slot, state, |span, state| {
            let first = state.slots.len();
            self.messages[entry].read(record, (span.a, span.b), state)?;
            let (key, value) = (state.slots[first], state.slots[first + 1]);
            if matches!(value_kind, Kind::Message(_)) && !value.is_set {
                return None;
            }
            out.push(b',');
            let key_at = out.len();
            if key_kind == Kind::String {
                self.value(key_kind, key, record, state, out, depth)?;
            } else {
                out.push(b'"');
                self.value(key_kind, key, record, state, out, depth)?;
                out.push(b'"');
            }
            keys.push((key_at, out.len()));
            out.push(b':');
            self.value(value_kind, value, record, state, out, depth)?;
            state.slots.truncate(first);
            Some(())
        })?;
        close(out, start, b"{}");
        let mut keys: Vec<&[u8]> = keys.into_iter().map(|(from, to)| &out[from..to]).collect();
        all_differ(&mut keys).then_some(())
    }

    #[inline]
    fn value(
        &self,
        kind: Kind,
        slot: Slot,
        record: &[u8],
        state: &mut State,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Option<()> {
        let raw = slot.a as u64;
        match kind {
            Kind::Double => double::write(out, f64::from_bits(raw)).then_some(())?,
            Kind::Float => double::write(out, f64::from(f32::from_bits(raw as u32))).then_some(())?,
            Kind::Int64 | Kind::SFixed64 => json::write_signed(out, raw as i64),
            Kind::UInt64 | Kind::Fixed64 => json::write_unsigned(out, raw),
            Kind::Int32 | Kind::SFixed32 => json::write_signed(out, i64::from(raw as i32)),
            Kind::UInt32 | Kind::Fixed32 => json::write_unsigned(out, u64::from(raw as u32)),
            Kind::SInt32 => json::write_signed(out, varint::zigzag(u64::from(raw as u32))),
            Kind::SInt64 => json::write_signed(out, varint::zigzag(raw)),
            Kind::Bool => json::write_bool(out, raw != 0),
            Kind::String => json::write_text(out, &record[slot.a..slot.b])?,
            Kind::Bytes => json::write_base64(out, &record[slot.a..slot.b]),
            Kind::Enum(number) => self.enums[number].write(raw as i32, self.names, out)?,
            Kind::Message(number) => self.message(number, record, (slot.a, slot.b), state, out, depth + 1)?,
            Kind::Map(_) => return None,
        }
        Some(())
    }
}

/// Calls a function with the values of a repeated field.
fn each(slot: Slot, state: &mut State, mut take: impl FnMut(Slot, &mut State) -> Option<()>) -> Option<()> {
    if !slot.is_set {
        return Some(());
    }
    let mut at = slot.a;
    loop {
        let Item { value, next } = state.items[at];
        take(value, state)?;
        if at == slot.b {
            return Some(());
        }
        at = next;
    }
}

fn seconds_and_nanos(slots: &[Slot]) -> (i64, i32) {
    (slots[0].a as i64, slots[1].a as i32)
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
        let mut message = Message {
            form,
            fields: Vec::with_capacity(n),
            table: Vec::new(),
            numbers: Vec::new(),
        };
        for at in 0..n {
            let number = words.take()?;
            message.numbers.push(number);
            message.fields.push(Field::new(words, n_messages, n_enums)?);
            if (number as usize) < TABLE {
                let size = message.table.len().max(number as usize + 1);
                message.table.resize(size, NO_FIELD);
                message.table[number as usize] = at as u32;
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
        is_right.then_some(message)
    }

    #[inline]
    fn field(&self, number: u64) -> Option<usize> {
        if let Some(at) = usize::try_from(number)
            .ok()
            .and_then(|number| self.table.get(number))
        {
            return (*at != NO_FIELD).then_some(*at as usize);
        }
        self.numbers.iter().position(|each| u64::from(*each) == number)
    }

    /// Reads the fields of the message between two positions into slots behind those that there are.
    fn read(&self, record: &[u8], (start, end): (usize, usize), state: &mut State) -> Option<()> {
        let first = state.slots.len();
        state.slots.resize(first + self.fields.len(), Slot::default());
        let data = &record[..end];
        let mut at = start;
        let mut oneofs = 0u64;
        while at < end {
            let tag = varint::take(data, &mut at)?;
            let (number, wire) = (tag >> 3, tag & 7);
            if number == 0 || tag > u64::from(u32::MAX) {
                return None;
            }
            let Some(place) = self.field(number) else {
                if self.form != Form::Object {
                    return None;
                }
                skip(data, &mut at, wire)?;
                continue;
            };
            let field = &self.fields[place];
            if field.is_repeated {
                field.add(data, &mut at, wire, first + place, state)?;
                continue;
            }
            let slot = &mut state.slots[first + place];
            if slot.is_set || oneofs & field.oneof != 0 || wire != field.kind.wire() {
                return None;
            }
            oneofs |= field.oneof;
            *slot = one(data, &mut at, wire)?;
        }
        Some(())
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

    /// Adds a value of a repeated field, or several that are packed.
    fn add(&self, data: &[u8], at: &mut usize, wire: u64, slot: usize, state: &mut State) -> Option<()> {
        let own = self.kind.wire();
        if wire == own {
            append(state, slot, one(data, at, wire)?);
        } else if wire == SIZED {
            let Slot { b: end, .. } = one(data, at, SIZED).map(|packed| {
                *at = packed.a;
                packed
            })?;
            while *at < end {
                append(state, slot, one(&data[..end], at, own)?);
            }
        } else {
            return None;
        }
        Some(())
    }
}

fn append(state: &mut State, slot: usize, value: Slot) {
    let place = state.items.len();
    state.items.push(Item { value, next: place });
    let slot = &mut state.slots[slot];
    if slot.is_set {
        state.items[slot.b].next = place;
    } else {
        *slot = Slot {
            is_set: true,
            a: place,
            b: place,
        };
    }
    slot.b = place;
}

impl Kind {
    #[inline]
    fn wire(self) -> u64 {
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
        let names = (0..n)
            .map(|_| Some((words.take()? as i32, words.name()?)))
            .collect::<Option<Vec<_>>>()?;
        names
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0)
            .then_some(Enum { is_closed, names })
    }

    fn write(&self, number: i32, names: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self.names.binary_search_by_key(&number, |each| each.0) {
            Ok(at) => out.extend_from_slice(self.names[at].1.of(names)),
            Err(_) if self.is_closed => return None,
            Err(_) => json::write_signed(out, i64::from(number)),
        }
        Some(())
    }
}

/// Takes one value of a wire type.
#[inline]
fn one(data: &[u8], at: &mut usize, wire: u64) -> Option<Slot> {
    let (a, b) = match wire {
        VARINT => (varint::take(data, at)? as usize, 0),
        EIGHT_BYTES => (u64::from_le_bytes(varint::array(data, at)?) as usize, 0),
        FOUR_BYTES => (u32::from_le_bytes(varint::array(data, at)?) as usize, 0),
        SIZED => {
            let n = usize::try_from(varint::take(data, at)?).ok()?;
            varint::bytes(data, at, n)?;
            (*at - n, *at)
        }
        _ => return None,
    };
    Some(Slot { is_set: true, a, b })
}

fn skip(data: &[u8], at: &mut usize, wire: u64) -> Option<()> {
    one(data, at, wire).map(|_| ())
}
