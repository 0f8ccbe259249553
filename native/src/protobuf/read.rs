//! Reads the fields of a message into slots, in whatever order they came.

use super::schema::{Field, Form, Message, EIGHT_BYTES, FOUR_BYTES, SIZED, VARINT};
use crate::varint;

const _: () = assert!(usize::BITS == 64, "a slot has room for a number of 64 bits");

/// What was read of a field: a number as it stands on the wire, the beginning and the end of bytes, or the first and
/// the last of several items.
#[derive(Clone, Copy, Default)]
pub struct Slot {
    pub is_set: bool,
    pub a: usize,
    pub b: usize,
}

/// One of the values of a repeated field, and the place of the next; its own place for the last.
#[derive(Clone, Copy)]
pub struct Item {
    pub value: Slot,
    pub next: usize,
}

/// The slots and items of the messages that are being read, inner ones behind outer ones.
#[derive(Default)]
pub struct State {
    pub slots: Vec<Slot>,
    pub items: Vec<Item>,
}

impl State {
    pub fn clear(&mut self) {
        self.slots.clear();
        self.items.clear();
    }

    /// Reads the fields of the message between two positions into slots behind those that there are.
    pub fn read(&mut self, message: &Message, record: &[u8], (start, end): (usize, usize)) -> Option<()> {
        let first = self.slots.len();
        self.slots.resize(first + message.fields.len(), Slot::default());
        let data = &record[..end];
        let mut at = start;
        let mut oneofs = 0;
        while at < end {
            let tag = varint::take(data, &mut at)?;
            let (number, wire) = (tag >> 3, tag & 7);
            if number == 0 || tag > u64::from(u32::MAX) {
                return None;
            }
            let Some(place) = message.field(number) else {
                if message.form != Form::Object {
                    return None;
                }
                one(data, &mut at, wire)?; // not known: the schema is older than the value
                continue;
            };
            let field = &message.fields[place];
            if field.is_repeated {
                self.add(field, data, &mut at, wire, first + place)?;
                continue;
            }
            let slot = &mut self.slots[first + place];
            if slot.is_set || oneofs & field.oneof != 0 || wire != field.kind.wire() {
                return None;
            }
            oneofs |= field.oneof;
            *slot = one(data, &mut at, wire)?;
        }
        Some(())
    }

    /// Adds a value of a repeated field, or several that are packed.
    fn add(&mut self, field: &Field, data: &[u8], at: &mut usize, wire: u64, slot: usize) -> Option<()> {
        let own = field.kind.wire();
        if wire == own {
            self.append(slot, one(data, at, wire)?);
        } else if wire == SIZED {
            let packed = one(data, at, SIZED)?;
            *at = packed.a;
            while *at < packed.b {
                self.append(slot, one(&data[..packed.b], at, own)?);
            }
        } else {
            return None;
        }
        Some(())
    }

    fn append(&mut self, slot: usize, value: Slot) {
        let place = self.items.len();
        self.items.push(Item { value, next: place });
        let slot = &mut self.slots[slot];
        if slot.is_set {
            self.items[slot.b].next = place;
            slot.b = place;
        } else {
            *slot = Slot { is_set: true, a: place, b: place };
        }
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
