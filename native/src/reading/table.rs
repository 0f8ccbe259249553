//! Looks texts up among a few that are known.

use crate::keys::hash;

/// Texts, each with a number.
pub struct Table<'a> {
    entries: Vec<(&'a [u8], u32)>,
    /// One more than the number of an entry, 0 where there is none; a power of two of them.
    slots: Vec<u32>,
}

impl<'a> Table<'a> {
    /// Makes a table; of a text that is there twice the last number counts.
    pub fn new(entries: Vec<(&'a [u8], u32)>) -> Self {
        let mut table = Table { slots: vec![0; (2 * entries.len() + 2).next_power_of_two()], entries };
        for number in 0..table.entries.len() {
            let slot = table.slot(table.entries[number].0);
            table.slots[slot] = number as u32 + 1;
        }
        table
    }

    #[inline]
    pub fn get(&self, text: &[u8]) -> Option<u32> {
        let number = self.slots[self.slot(text)].checked_sub(1)?;
        Some(self.entries[number as usize].1)
    }

    /// Returns the slot that a text has, or would have.
    #[inline]
    fn slot(&self, text: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let hash = hash(text);
        let mut slot = (hash ^ hash >> 32) as usize & mask;
        while let Some(number) = self.slots[slot].checked_sub(1) {
            if self.entries[number as usize].0 == text {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_and_others_are_not() {
        let names: Vec<String> = (0..500).map(|number| format!("name {number}")).collect();
        let table =
            Table::new(names.iter().zip(0..).map(|(name, number)| (name.as_bytes(), number)).collect());
        assert!(names.iter().zip(0..).all(|(name, number)| table.get(name.as_bytes()) == Some(number)));
        assert_eq!((table.get(b"name"), table.get(b"")), (None, None));
    }
}
