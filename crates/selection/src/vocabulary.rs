//! Texts as numbers, which are free again when nothing has the text.

use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
pub(crate) struct Vocabulary {
    /// Shared by the copies of an index until a term comes or goes.
    numbers: Arc<HashMap<Arc<str>, u32>>,
    terms: Vec<Arc<str>>,
    free: Vec<u32>,
}

impl Vocabulary {
    pub(crate) fn number(&self, term: &str) -> Option<usize> {
        self.numbers.get(term).map(|number| *number as usize)
    }

    /// The term of a number that is taken.
    pub(crate) fn term(&self, number: usize) -> &Arc<str> {
        &self.terms[number]
    }

    /// The number of a term, a new one if it has none.
    pub(crate) fn add(&mut self, term: &str) -> usize {
        if let Some(number) = self.number(term) {
            return number;
        }
        let term: Arc<str> = term.into();
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.terms.push(term.clone());
                u32::try_from(self.terms.len() - 1).expect("a number for each of the terms")
            }
        };
        self.terms[number as usize] = term.clone();
        Arc::make_mut(&mut self.numbers).insert(term, number);
        number as usize
    }

    pub(crate) fn remove(&mut self, number: usize) {
        Arc::make_mut(&mut self.numbers).remove(&self.terms[number]);
        self.free.push(number as u32);
    }

    /// One more than the highest number.
    pub(crate) fn len(&self) -> usize {
        self.terms.len()
    }
}
