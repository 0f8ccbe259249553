//! Protobuf's binary encoding, written as the documents that driftline makes of it.
//!
//! What is written here is what `protobuf_reader.py` makes of a message. Whatever is in any way unusual is left to it:
//! a field twice where one is meant, two members of one `oneof`, a field of another wire type, groups.

mod read;
mod schema;
mod write;

use crate::batch::limit;
use crate::program::Words;
use read::State;
use schema::Schema;
use write::Writer;

/// The reader of one message type, whose first message is the record itself.
pub struct Protobuf<'a> {
    schema: Schema,
    names: &'a [u8],
    state: State,
}

impl<'a> Protobuf<'a> {
    pub fn new(words: Words, names: &'a [u8]) -> Option<Self> {
        Some(Protobuf { schema: Schema::new(words)?, names, state: State::default() })
    }

    /// Writes a record; `None` where it is to be left to Python.
    pub fn document(&mut self, record: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.state.clear();
        let Protobuf { schema, names, state } = self;
        let limit = limit(record, out);
        Writer { schema, names, record, state, out, limit }.message(0, (0, record.len()), 0)
    }
}
