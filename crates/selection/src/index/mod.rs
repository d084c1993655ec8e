//! Which words stand in which definitions: BM25F over four fields, in memory.
//!
//! An index of its own and not FTS5 or tantivy: theirs give one sum for each document and not what
//! each word added, which is what the explanation is made of. A copy shares all lists with the
//! original; a change after it copies only the lists of the document that changes. A reader keeps
//! its copy.

mod posting;
mod term;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use agentpulse_core::error::Rejection;

use crate::document::Document;
use crate::phase::{Phases, Profile};
use crate::vocabulary::Vocabulary;
use crate::words::Words;
use posting::{FIELDS, Lengths, Posting, fields};

pub use term::QueryTerm;

/// As many as a registry may hold.
pub const MAX_DOCUMENTS: usize = 20_000;
/// Of one document; the words of a longer one are cut.
const MAX_TERMS: usize = 1_024;

/// What the strongest word counts of itself in a fit.
const STRONGEST: f64 = 0.3;

/// The place of a document. It is another document's after a removal.
pub(crate) type Slot = usize;

#[derive(Debug, Clone, Default)]
pub struct Index {
    slots: Arc<HashMap<Arc<str>, Slot>>,
    documents: Vec<Option<Arc<Indexed>>>,
    free: Vec<Slot>,
    vocabulary: Vocabulary,
    /// By the number of the term, each in the order of the slots.
    postings: Vec<Arc<Vec<Posting>>>,
    /// The words of all documents, by field.
    lengths: [u64; FIELDS],
}

/// What is kept of a document.
#[derive(Debug)]
pub(crate) struct Indexed {
    pub document: Document,
    pub phases: Profile,
    lengths: Lengths,
    terms: Box<[u32]>,
}

/// Documents that have words of a query, with `keyword_match` of each: 0..1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matches {
    /// In the order of the slots.
    values: Vec<(u32, f32)>,
    /// Whether any word of the query is in any document.
    pub is_known: bool,
}

impl Matches {
    /// Of each document of the index in which they were found.
    pub(crate) fn by_slot(&self, index: &Index) -> Vec<f32> {
        let mut values = vec![0.0; index.documents.len()];
        for (slot, value) in &self.values {
            values[*slot as Slot] = *value;
        }
        values
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<(u32, f32)>()
    }

    #[cfg(test)]
    pub(crate) fn of_size(documents: u32) -> Self {
        Matches {
            values: (0..documents).map(|slot| (slot, 1.0)).collect(),
            is_known: true,
        }
    }
}

impl Index {
    /// Adds a document, or replaces the one of the same id.
    pub fn replace(
        &mut self,
        document: Document,
        words: &Words,
        phases: &Phases,
    ) -> Result<(), Rejection> {
        document.check()?;
        let is_new = !self.slots.contains_key(&document.id);
        if is_new && self.slots.len() >= MAX_DOCUMENTS {
            return Err(Rejection::new(format!(
                "document: the index has {MAX_DOCUMENTS}, which is the most"
            )));
        }
        self.remove(&document.id);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.documents.push(None);
            self.documents.len() - 1
        });
        let (counts, lengths) = fields(&document, words, MAX_TERMS);
        let mut terms = Vec::with_capacity(counts.len());
        for (term, counts) in counts {
            let number = self.vocabulary.add(&term);
            self.postings
                .resize_with(self.vocabulary.len(), Arc::default);
            let list = Arc::make_mut(&mut self.postings[number]);
            let place = list.partition_point(|posting| (posting.slot as Slot) < slot);
            list.insert(
                place,
                Posting {
                    slot: slot as u32,
                    counts,
                },
            );
            terms.push(number as u32);
        }
        for (total, length) in self.lengths.iter_mut().zip(lengths) {
            *total += u64::from(length);
        }
        Arc::make_mut(&mut self.slots).insert(document.id.clone(), slot);
        self.documents[slot] = Some(Arc::new(Indexed {
            phases: phases.of_document(&document, words),
            document,
            lengths,
            terms: terms.into(),
        }));
        Ok(())
    }

    /// Returns whether the document was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let Some(slot) = self.slots.get(id).copied() else {
            return false;
        };
        let removed = self.documents[slot]
            .take()
            .expect("the document of a slot that is taken");
        Arc::make_mut(&mut self.slots).remove(id);
        self.free.push(slot);
        for (total, length) in self.lengths.iter_mut().zip(removed.lengths) {
            *total -= u64::from(length);
        }
        for number in &removed.terms {
            let number = *number as usize;
            let list = Arc::make_mut(&mut self.postings[number]);
            let place = list.binary_search_by_key(&slot, |posting| posting.slot as Slot);
            list.remove(place.expect("the posting of a term that the document has"));
            if list.is_empty() {
                self.vocabulary.remove(number);
                self.postings[number] = Arc::default();
            }
        }
        true
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether any document has this term.
    pub fn knows(&self, term: &str) -> bool {
        self.vocabulary.number(term).is_some()
    }

    pub(crate) fn slot(&self, id: &str) -> Option<Slot> {
        self.slots.get(id).copied()
    }

    pub(crate) fn at(&self, slot: Slot) -> &Indexed {
        self.documents[slot].as_ref().expect("a slot that is taken")
    }

    pub fn search(&self, terms: &[QueryTerm]) -> Matches {
        let total = self.total(terms);
        let mut sums = vec![0.0_f64; self.documents.len()];
        let mut best = vec![0.0_f64; self.documents.len()];
        let mut is_known = false;
        for term in terms {
            let mut touched: Vec<u32> = Vec::new();
            for (number, weight) in self.numbered(term) {
                is_known = true;
                for posting in self.postings[number].iter() {
                    let slot = posting.slot as Slot;
                    let value = weight * self.saturation(posting);
                    if best[slot] == 0.0 {
                        touched.push(posting.slot);
                    }
                    best[slot] = best[slot].max(value);
                }
            }
            for slot in touched {
                sums[slot as Slot] += std::mem::take(&mut best[slot as Slot]);
            }
        }
        let values = sums.into_iter().enumerate().filter(|(_, sum)| *sum > 0.0);
        let values = values.map(|(slot, sum)| (slot as u32, (sum / total) as f32));
        Matches {
            values: values.collect(),
            is_known,
        }
    }

    /// What each word of a query adds to `keyword_match` of a document, the most first.
    pub(crate) fn evidence(&self, terms: &[QueryTerm], slot: Slot) -> Vec<(String, f64)> {
        let total = self.total(terms);
        let of_term = |term: &QueryTerm| {
            let values = self.numbered(term).filter_map(|(number, weight)| {
                let list = &self.postings[number];
                let place = list.binary_search_by_key(&slot, |posting| posting.slot as Slot);
                Some(weight * self.saturation(&list[place.ok()?]))
            });
            (term.word.clone(), values.fold(0.0, f64::max) / total)
        };
        let mut words: Vec<(String, f64)> = terms.iter().map(of_term).collect();
        words.retain(|(_, value)| *value > 0.0);
        words.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        words
    }

    /// How much of a task an agent's words cover, the strongest word counting less: one word in
    /// common is often another meaning of it.
    pub(crate) fn fit(&self, terms: &[QueryTerm], slot: Slot) -> f64 {
        let words = self.evidence(terms, slot);
        let strongest = words.first().map_or(0.0, |(_, value)| *value);
        let sum: f64 = words.iter().map(|(_, value)| value).sum();
        sum - (1.0 - STRONGEST) * strongest
    }

    /// The most that the words of a query can add up to. A word that no document has counts as the
    /// rarest one would: nothing fits a task of unknown words.
    fn total(&self, terms: &[QueryTerm]) -> f64 {
        let most = |term: &QueryTerm| {
            let known = self
                .numbered(term)
                .map(|(_, weight)| weight)
                .reduce(f64::max);
            known.unwrap_or_else(|| term.weight * self.rarity(0))
        };
        terms.iter().map(most).sum()
    }

    /// The terms of the index for a word, and what each adds to a document full of it.
    fn numbered(&self, term: &QueryTerm) -> impl Iterator<Item = (usize, f64)> {
        let found = term.found_by.iter();
        found.filter_map(|(alternative, share)| {
            let number = self.vocabulary.number(alternative)?;
            let rarity = self.rarity(self.postings[number].len());
            Some((number, term.weight * share * rarity))
        })
    }

    /// BM25's idf, which is never negative.
    fn rarity(&self, documents: usize) -> f64 {
        let (all, having) = (self.len() as f64, documents as f64);
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    }

    fn saturation(&self, posting: &Posting) -> f64 {
        let lengths = &self.at(posting.slot as Slot).lengths;
        posting.saturation(lengths, &self.lengths, self.len())
    }
}
