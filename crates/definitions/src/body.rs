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
    /// Of the text: another one has hardly the same.
    pub hash: u64,
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
            hash: xxh3_64(text.as_bytes()),
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
    let hashes: Vec<u64> = words.map(word_hash).collect();
    if hashes.len() < MIN_WORDS {
        return None;
    }
    let mut votes = Votes::default();
    for shingle in hashes.windows(SHINGLE_WORDS) {
        let mut bytes = [0; SHINGLE_WORDS * size_of::<u64>()];
        for (part, hash) in bytes.chunks_exact_mut(size_of::<u64>()).zip(shingle) {
            part.copy_from_slice(&hash.to_le_bytes());
        }
        votes.add(xxh3_64(&bytes));
    }
    Some(votes.majority())
}

fn word_hash(word: &str) -> u64 {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match word.bytes().all(is_lower) {
        true => xxh3_64(word.as_bytes()),
        false => xxh3_64(word.to_lowercase().as_bytes()),
    }
}

/// How many hashes have each bit. Eight bits are counted by one addition, each in a byte of its
/// own: bit by bit took a third of a scan.
#[derive(Default)]
struct Votes {
    lanes: [u64; 8],
    in_lanes: u8,
    counts: [[u32; 8]; 8],
    hashes: u32,
}

impl Votes {
    fn add(&mut self, hash: u64) {
        for (lane, byte) in self.lanes.iter_mut().zip(hash.to_le_bytes()) {
            *lane += SPREAD[usize::from(byte)];
        }
        self.in_lanes += 1;
        self.hashes += 1;
        if self.in_lanes == u8::MAX {
            self.empty_lanes();
        }
    }

    fn empty_lanes(&mut self) {
        for (counts, lane) in self.counts.iter_mut().zip(&mut self.lanes) {
            for (count, votes) in counts.iter_mut().zip(lane.to_le_bytes()) {
                *count += u32::from(votes);
            }
            *lane = 0;
        }
        self.in_lanes = 0;
    }

    fn majority(mut self) -> u64 {
        self.empty_lanes();
        let set = self.counts.iter().flatten().enumerate();
        let set = set.filter(|(_, count)| **count > self.hashes / 2);
        set.fold(0, |hash, (bit, _)| hash | 1 << bit)
    }
}

/// Of each byte its bits, one a byte.
const SPREAD: [u64; 256] = {
    let mut spread = [0; 256];
    let mut byte = 0;
    while byte < spread.len() {
        let mut bit = 0;
        while bit < 8 {
            spread[byte] |= ((byte as u64 >> bit) & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    spread
};

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

    #[test]
    fn a_bit_is_set_that_most_hashes_have() {
        let hashes: Vec<u64> = (0..1_000_u64).map(|n| xxh3_64(&n.to_le_bytes())).collect();
        for count in [1, 2, 3, 254, 255, 256, 510, 511, 1_000] {
            let mut votes = Votes::default();
            hashes[..count].iter().for_each(|hash| votes.add(*hash));
            let of_bit = |bit: usize| {
                let set = hashes[..count].iter().filter(|hash| *hash >> bit & 1 == 1);
                set.count()
            };
            let expected = (0..64).filter(|bit| 2 * of_bit(*bit) > count);
            let expected = expected.fold(0, |hash, bit| hash | 1 << bit);
            assert_eq!(votes.majority(), expected, "{count}");
        }
    }
}
