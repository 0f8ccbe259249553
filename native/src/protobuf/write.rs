//! Writes what was read of a message as JSON, in the order of the program's fields.

use super::read::{Slot, State};
use super::schema::{Form, Kind, Message, Schema};
use crate::{decimal, double, json, varint};

/// Messages in each other at most; what is nested further is left to Python.
const MAX_DEPTH: u32 = 64;
/// Entries that a map is expected to have.
const MAP_SIZE: usize = 32;
const MS_PER_S: i64 = 1_000;
const NS_PER_MS: i64 = 1_000_000;
const NS_PER_S: f64 = 1e9;

/// An entry of a map: where its key is, in the record or in what was written, and the text with the comma before it.
struct Entry {
    key: (usize, usize),
    from: usize,
    to: usize,
}

/// Writes one record.
pub struct Writer<'a> {
    pub schema: &'a Schema,
    pub names: &'a [u8],
    pub record: &'a [u8],
    pub state: &'a mut State,
    pub out: &'a mut Vec<u8>,
    /// How long the text may become.
    pub limit: usize,
}

impl Writer<'_> {
    /// Writes the message between two positions of the record.
    pub fn message(&mut self, number: usize, span: (usize, usize), depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let schema = self.schema;
        let message = &schema.messages[number];
        let (first, first_item) = (self.state.slots.len(), self.state.items.len());
        self.state.read(message, self.record, span)?;
        let slot = |place: usize| self.state.slots[first + place];
        match message.form {
            Form::Object => self.object(message, first, depth)?,
            Form::Wrapper => self.value(message.fields[0].kind, slot(0), depth)?,
            Form::Timestamp => {
                let (seconds, nanos) = (slot(0).a as i64, i64::from(slot(1).a as i32));
                let ms = seconds.checked_mul(MS_PER_S)?.checked_add(nanos.div_euclid(NS_PER_MS))?;
                json::write_signed(self.out, ms);
            }
            Form::Duration => {
                let (seconds, nanos) = (slot(0).a as i64, slot(1).a as i32);
                double::write(self.out, seconds as f64 + f64::from(nanos) / NS_PER_S)?;
            }
            Form::Decimal => {
                let scale = usize::try_from(slot(1).a as i32).ok()?;
                decimal::write(self.out, &self.record[slot(0).a..slot(0).b], scale)?;
            }
            Form::Entry => return None,
        }
        self.state.slots.truncate(first);
        self.state.items.truncate(first_item);
        Some(())
    }

    fn object(&mut self, message: &Message, first: usize, depth: u32) -> Option<()> {
        let start = self.out.len();
        for (place, field) in message.fields.iter().enumerate() {
            let slot = self.state.slots[first + place];
            if field.has_presence && !slot.is_set {
                continue;
            }
            field.key.write(self.names, self.out); // a comma, the name and a colon
            if let Kind::Map(entry) = field.kind {
                self.map(&self.schema.messages[entry], slot, depth)?;
            } else if field.is_repeated {
                self.list(field.kind, slot, depth)?;
            } else {
                self.value(field.kind, slot, depth)?;
            }
        }
        json::close(self.out, start, b"{}");
        Some(())
    }

    fn list(&mut self, kind: Kind, slot: Slot, depth: u32) -> Option<()> {
        let start = self.out.len();
        let mut next = slot.is_set.then_some(slot.a);
        while let Some(place) = next {
            let item = self.state.items[place];
            next = (place != slot.b).then_some(item.next);
            self.out.push(b',');
            self.value(kind, item.value, depth)?;
        }
        json::close(self.out, start, b"[]");
        Some(())
    }

    /// Writes a map, sorted by the text of the keys.
    fn map(&mut self, entry: &Message, slot: Slot, depth: u32) -> Option<()> {
        let (key_kind, value_kind) = (entry.fields[0].kind, entry.fields[1].kind);
        let start = self.out.len();
        let mut entries = Vec::with_capacity(MAP_SIZE);
        let mut next = slot.is_set.then_some(slot.a);
        while let Some(place) = next {
            let item = self.state.items[place];
            next = (place != slot.b).then_some(item.next);
            let first = self.state.slots.len();
            self.state.read(entry, self.record, (item.value.a, item.value.b))?;
            let (key, value) = (self.state.slots[first], self.state.slots[first + 1]);
            self.state.slots.truncate(first);
            if matches!(value_kind, Kind::Message(_)) && !value.is_set {
                return None;
            }
            let from = self.out.len();
            self.out.push(b',');
            let key = if key_kind == Kind::String {
                self.value(key_kind, key, depth)?;
                (key.a, key.b)
            } else {
                self.out.push(b'"');
                self.value(key_kind, key, depth)?;
                self.out.push(b'"');
                (from + 2, self.out.len() - 1)
            };
            self.out.push(b':');
            self.value(value_kind, value, depth)?;
            entries.push(Entry { key, from, to: self.out.len() });
        }
        let written: &[u8] = self.out;
        let keys = if key_kind == Kind::String { self.record } else { written };
        let key_of = |entry: &Entry| &keys[entry.key.0..entry.key.1];
        if !entries.windows(2).all(|pair| key_of(&pair[0]) < key_of(&pair[1])) {
            entries.sort_unstable_by_key(key_of);
            if entries.windows(2).any(|pair| key_of(&pair[0]) == key_of(&pair[1])) {
                return None;
            }
            let mut sorted = Vec::with_capacity(written.len() - start);
            for entry in &entries {
                sorted.extend_from_slice(&written[entry.from..entry.to]);
            }
            self.out.truncate(start);
            self.out.extend_from_slice(&sorted);
        }
        json::close(self.out, start, b"{}");
        Some(())
    }

    #[inline]
    fn value(&mut self, kind: Kind, slot: Slot, depth: u32) -> Option<()> {
        let (raw, out) = (slot.a as u64, &mut *self.out);
        match kind {
            Kind::Double => double::write(out, f64::from_bits(raw))?,
            Kind::Float => double::write(out, f64::from(f32::from_bits(raw as u32)))?,
            Kind::Int64 | Kind::SFixed64 => json::write_signed(out, raw as i64),
            Kind::UInt64 | Kind::Fixed64 => json::write_unsigned(out, raw),
            Kind::Int32 | Kind::SFixed32 => json::write_signed(out, i64::from(raw as i32)),
            Kind::UInt32 | Kind::Fixed32 => json::write_unsigned(out, u64::from(raw as u32)),
            Kind::SInt32 => json::write_signed(out, varint::zigzag(u64::from(raw as u32))),
            Kind::SInt64 => json::write_signed(out, varint::zigzag(raw)),
            Kind::Bool => json::write_bool(out, raw != 0),
            Kind::String => json::write_text(out, self.record, slot.a, slot.b)?,
            Kind::Bytes => json::write_base64(out, &self.record[slot.a..slot.b]),
            Kind::Enum(number) => self.schema.enums[number].write(raw as i32, self.names, out)?,
            Kind::Message(number) => {
                self.message(number, (slot.a, slot.b), depth + 1)?;
                return (self.out.len() <= self.limit).then_some(());
            }
            Kind::Map(_) => return None,
        }
        Some(())
    }
}
