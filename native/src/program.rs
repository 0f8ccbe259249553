//! Reads programs: whole numbers that say how the values of a schema are laid out, and the names in it.

use crate::json::{extend, SHORT};

/// Where a text stands among the names.
#[derive(Clone, Copy)]
pub struct Name {
    start: usize,
    end: usize,
}

/// Takes the words of a program in their order; `None` where there are too few, or one makes no sense.
pub struct Words<'a> {
    words: &'a [u32],
    names: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    pub fn new(words: &'a [u32], names: &'a [u8]) -> Self {
        Words { words, names, at: 0 }
    }

    pub fn take(&mut self) -> Option<u32> {
        let word = *self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// Takes a number of things that follow, each of at least one word.
    pub fn count(&mut self) -> Option<usize> {
        let n = self.take()? as usize;
        (n <= self.words.len() - self.at).then_some(n)
    }

    /// Takes a number below `n`.
    pub fn index(&mut self, n: usize) -> Option<usize> {
        let index = self.take()? as usize;
        (index < n).then_some(index)
    }

    pub fn name(&mut self) -> Option<Name> {
        let (start, length) = (self.take()? as usize, self.take()? as usize);
        let end = start.checked_add(length)?;
        (end <= self.names.len()).then_some(Name { start, end })
    }

    /// Takes the place of a text among the names, and returns the text.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let name = self.name()?;
        Some(&self.names[name.start..name.end])
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.words.len()
    }
}

impl Name {
    /// Writes the text as it is.
    #[inline]
    pub fn write(self, names: &[u8], out: &mut Vec<u8>) {
        extend::<SHORT>(out, &names[self.start..], self.end - self.start);
    }
}
