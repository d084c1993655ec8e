//! The words a name is made of.

use std::ops::Range;

/// The words of a name, lower-case, joined by "-".
pub(super) fn join_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut word_start = 0;
    let mut before = ' ';
    let mut rest = name.chars().peekable();
    while let Some(letter) = rest.next() {
        let mut next_is_lower = || rest.peek().is_some_and(|next| next.is_lowercase());
        // "aB" starts a word at B, and so does "ABc": an abbreviation and a word.
        let starts_word = letter.is_uppercase() && (!before.is_uppercase() || next_is_lower());
        if starts_word || !letter.is_alphanumeric() {
            word_start = end_word(&mut words, word_start);
        }
        let is_leading_digit = words.len() == word_start && letter.is_ascii_digit();
        if letter.is_ascii_alphanumeric() && !is_leading_digit {
            words.push(letter.to_ascii_lowercase());
        } else if !letter.is_ascii() && letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        }
        before = letter;
    }
    end_word(&mut words, word_start);
    words.truncate(words.trim_end_matches('-').len());
    words
}

/// Ends the word from `start` on, without digits at its end, and returns where the next one
/// starts: at `start` again when nothing is left of this one.
fn end_word(words: &mut String, start: usize) -> usize {
    while words.len() > start && words.ends_with(|letter: char| letter.is_ascii_digit()) {
        words.pop();
    }
    if words.len() > start {
        words.push('-');
    }
    words.len()
}

/// Where the last word lies of those that end at `end`.
pub(super) fn last_word(words: &str, end: usize) -> Option<Range<usize>> {
    let start = words[..end].rfind('-').map_or(0, |dash| dash + 1);
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_where_a_reader_would() {
        let cut = [
            ("my-plugin:CodeReviewer2", "my-plugin-code-reviewer"),
            ("HTMLFormatter", "html-formatter"),
            ("parseHTML", "parse-html"),
            ("e2e-tests", "e2e-tests"),
            ("v2__data.loader/x", "v-data-loader-x"),
            ("2-3", ""),
            ("ÉtatInitial", "état-initial"),
        ];
        for (name, words) in cut {
            assert_eq!(join_words(name), words, "{name}");
        }
        assert_eq!(last_word("api-writer", 10), Some(4..10));
        assert_eq!(last_word("api-writer", 3), Some(0..3));
        assert_eq!(last_word("", 0), None);
    }
}
