//! A text, each of whose characters has its place in the file.

use std::ops::Range;

pub struct Source {
    pub text: String,
    /// Of each character, and of the end.
    origins: Vec<usize>,
}

impl Source {
    pub fn empty() -> Source {
        Source {
            text: String::new(),
            origins: vec![],
        }
    }

    pub fn written(file: &str, range: Range<usize>) -> Source {
        let mut source = Source::empty();
        for (at, c) in file[range.clone()].char_indices() {
            source.push(c, range.start + at);
        }
        source.end(range.end);
        source
    }

    pub fn push(&mut self, c: char, origin: usize) {
        self.text.push(c);
        self.origins.push(origin);
    }

    pub fn end(&mut self, origin: usize) {
        self.origins.push(origin);
    }

    /// The byte of the file, of a character by its number.
    pub fn origin(&self, index: usize) -> usize {
        self.origins
            .get(index)
            .copied()
            .unwrap_or(self.end_origin())
    }

    pub fn end_origin(&self) -> usize {
        self.origins.last().copied().unwrap_or(0)
    }

    /// The characters with their places, without the end.
    pub fn chars(&self) -> impl Iterator<Item = (char, usize)> {
        self.text.chars().zip(self.origins.iter().copied())
    }
}
