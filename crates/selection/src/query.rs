//! What is asked for, read with the words that the index knows.

use crate::index::{Index, QueryTerm};
use crate::phase::{Phases, Profile};
use crate::request::Request;
use crate::words::{Word, Words};

/// A longer task says no more by its words, and each costs a list.
const MAX_TERMS: usize = 64;
/// What the file types say is a hint.
const HINT: f64 = 0.5;

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub terms: Vec<QueryTerm>,
    /// `None` if nothing names a phase.
    pub phase: Option<Profile>,
    pub file_types: Vec<String>,
}

impl Query {
    /// Of a request that was checked.
    pub(crate) fn read(request: &Request, words: &Words, phases: &Phases, index: &Index) -> Self {
        let context = &request.context;
        let mut text = request.task.clone();
        for keyword in &context.keywords {
            text.push_str(" \n");
            text.push_str(keyword);
        }
        let mut terms = terms(&text, 1.0, words, index);
        let file_types = context.extensions();
        let hints = self::terms(&file_types.join(" "), HINT, words, index);
        // A hint that nothing knows is no word that is missing.
        let hints = hints.into_iter().filter(|hint| !hint.found_by.is_empty());
        for hint in hints {
            if terms.iter().all(|term| term.term != hint.term) {
                terms.push(hint);
            }
        }
        terms.truncate(MAX_TERMS);
        let named = context.phase.as_deref().and_then(|name| phases.named(name));
        let read = || phases.of_terms(terms.iter().map(|term| term.term.as_str()));
        let phase = named.unwrap_or_else(read);
        Query {
            phase: (!phase.is_empty()).then_some(phase),
            terms,
            file_types,
        }
    }

    /// The words that no definition has, nor another word for them.
    pub fn unknown_terms(&self) -> impl Iterator<Item = &str> {
        let unknown = self.terms.iter().filter(|term| term.found_by.is_empty());
        unknown.map(|term| term.word.as_str())
    }
}

fn terms(text: &str, weight: f64, words: &Words, index: &Index) -> Vec<QueryTerm> {
    let read = words.of_task(text, |term| index.knows(term)).into_iter();
    let found = |word: Word| {
        let itself = std::iter::once((word.term.clone(), 1.0));
        let others = words.alternatives(&word.term).iter().cloned();
        let known = itself.chain(others).filter(|(term, _)| index.knows(term));
        QueryTerm {
            found_by: known.collect(),
            word: word.written,
            term: word.term,
            weight,
        }
    };
    read.map(found).collect()
}
