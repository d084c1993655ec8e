//! The terms of a text: cut, lower-case, without stop words and plurals.

mod split;
mod stem;
mod stop;
mod synonyms;

use split::{Token, split};
use stem::stem;
use stop::is_stop;
use synonyms::Synonyms;

pub use synonyms::Alternative;

/// How texts become terms.
#[derive(Debug, Clone)]
pub struct Words {
    synonyms: Synonyms,
}

/// A word of a task: as it was written, and as it is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub written: String,
    pub term: String,
}

impl Words {
    /// Reads a table of synonyms. The error says where it is wrong.
    pub fn parse(synonyms: &str) -> Result<Self, String> {
        Ok(Self {
            synonyms: Synonyms::parse(synonyms)?,
        })
    }

    /// The terms of a text that is searched, with repeats: a word that is made of words is all of
    /// them.
    pub fn of_document(&self, text: &str) -> impl Iterator<Item = String> {
        let tokens = self.tokens(text).into_iter();
        let words = tokens.flat_map(|token| std::iter::once(token.whole).chain(token.parts));
        words.filter(|word| !is_stop(word)).map(|word| stem(&word))
    }

    /// The words of a text that is searched for, each once. A word that is made of words is itself
    /// where it is known, else its parts: both would count it twice.
    pub fn of_task(&self, text: &str, is_known: impl Fn(&str) -> bool) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        for token in self.tokens(text) {
            let term = stem(&token.whole);
            let is_whole =
                token.parts.is_empty() || is_known(&term) || self.synonyms.contains(&term);
            let written = if is_whole {
                vec![token.whole]
            } else {
                token.parts
            };
            for written in written.into_iter().filter(|word| !is_stop(word)) {
                let term = stem(&written);
                if words.iter().all(|word| word.term != term) {
                    words.push(Word { written, term });
                }
            }
        }
        words
    }

    /// What else finds a term.
    pub fn alternatives(&self, term: &str) -> &[Alternative] {
        self.synonyms.of(term)
    }

    /// Two words that the table knows as one are one: `front end`.
    fn tokens(&self, text: &str) -> Vec<Token> {
        let mut joined: Vec<Token> = Vec::new();
        for token in split(text) {
            if let Some(before) = joined.last()
                && let Some(pair) = self.pair(before, &token)
            {
                joined.pop();
                joined.push(pair);
            } else {
                joined.push(token);
            }
        }
        joined
    }

    fn pair(&self, first: &Token, second: &Token) -> Option<Token> {
        let is_plain = |token: &Token| token.parts.is_empty() && token.whole.len() > 1;
        if !is_plain(first) || !is_plain(second) {
            return None;
        }
        let whole = format!("{}{}", first.whole, second.whole);
        self.synonyms.contains(&stem(&whole)).then(|| Token {
            whole,
            parts: vec![first.whole.clone(), second.whole.clone()],
        })
    }
}

impl Default for Words {
    /// The table the program is built with.
    fn default() -> Self {
        Self::parse(include_str!("../../../../config/synonyms.toml"))
            .expect("the embedded table is read by the tests of this file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(text: &str) -> String {
        let words = Words::default().of_task(text, |_| false);
        let terms: Vec<String> = words.into_iter().map(|word| word.term).collect();
        terms.join(" ")
    }

    #[test]
    fn a_task_has_each_word_once_and_no_stop_words() {
        assert_eq!(task("Please test the tests, and TEST again"), "test again");
        assert_eq!(
            task("the front-end of our Type Script app"),
            "frontend typescript app"
        );
        assert_eq!(task("PostgreSQL"), "postgresql");
        assert_eq!(task("OrderService"), "order service");
        assert_eq!(task("… !"), "");
    }

    #[test]
    fn a_document_has_a_joined_word_and_its_parts() {
        let words = Words::default();
        let terms: Vec<String> = words.of_document("OrderService: front end").collect();
        let expected = [
            "orderservice",
            "order",
            "service",
            "frontend",
            "front",
            "end",
        ];
        assert_eq!(terms, expected);
    }
}
