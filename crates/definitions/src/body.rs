//! What is kept of a prompt: figures and headings, never the text.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use agentpulse_redact::{redact, without_homes};

const MAX_HEADINGS: usize = 64;
const MAX_HEADING_CHARS: usize = 120;
/// The client counts with the model's own tokens; this is an estimate.
const CHARS_PER_TOKEN: usize = 4;
/// Words in a row that are compared.
const SHINGLE_WORDS: usize = 3;
/// Of 64 bits: texts that differ in fewer have the same origin.
const SIMILAR_BITS: u32 = 3;
/// Short prompts are alike by chance.
const MIN_WORDS: usize = 40;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Body {
    pub bytes: usize,
    pub tokens: usize,
    pub headings: Vec<String>,
    /// None for one that is too short to compare.
    #[serde(skip)]
    pub sim_hash: Option<u64>,
}

/// Tokens, estimated from the characters.
pub fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

impl Body {
    pub fn of(text: &str) -> Body {
        Body {
            bytes: text.len(),
            tokens: tokens(text),
            headings: headings(text),
            sim_hash: sim_hash(text),
        }
    }

    pub fn is_similar(&self, other: &Body) -> bool {
        match (self.sim_hash, other.sim_hash) {
            (Some(one), Some(two)) => (one ^ two).count_ones() <= SIMILAR_BITS,
            _ => false,
        }
    }
}

fn headings(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut headings = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let marks = line.len() - line.trim_start_matches('#').len();
        let heading = line[marks..].strip_prefix(' ').map(str::trim);
        let Some(heading) =
            heading.filter(|text| !is_code && (1..=6).contains(&marks) && !text.is_empty())
        else {
            continue;
        };
        if headings.len() == MAX_HEADINGS {
            break;
        }
        let clean = redact(heading);
        headings.push(
            without_homes(&clean)
                .chars()
                .take(MAX_HEADING_CHARS)
                .collect(),
        );
    }
    headings
}

/// Each bit is that of the majority of the hashes of three words in a row.
fn sim_hash(text: &str) -> Option<u64> {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let hashes: Vec<u64> = words
        .map(|word| xxh3_64(word.to_lowercase().as_bytes()))
        .collect();
    if hashes.len() < MIN_WORDS {
        return None;
    }
    let mut votes = [0_i64; 64];
    for shingle in hashes.windows(SHINGLE_WORDS) {
        let bytes: Vec<u8> = shingle.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let hash = xxh3_64(&bytes);
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if hash >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    let set = votes.iter().enumerate().filter(|(_, vote)| **vote > 0);
    Some(set.fold(0, |hash, (bit, _)| hash | 1 << bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_with_a_word_changed_is_similar_and_another_text_is_not() {
        let words =
            |from: usize| -> String { (from..from + 400).map(|n| format!("word{n} ")).collect() };
        let body = Body::of(&words(0));
        assert!(body.is_similar(&Body::of(&words(0).replace("word200 ", "changed "))));
        assert!(!body.is_similar(&Body::of(&words(1000))));
        assert!(!Body::of("short").is_similar(&Body::of("short")));
    }

    #[test]
    fn headings_are_those_of_the_text_and_not_of_its_code() {
        let text = "# One\n```sh\n# no heading\n```\n##  Two \n#none\n####### deep\n### key sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
        let headings = Body::of(text).headings;
        assert_eq!(headings[..2], ["One", "Two"]);
        assert_eq!(headings.len(), 3);
        assert!(!headings[2].contains("aaaaaaaa"), "{headings:?}");
    }
}
