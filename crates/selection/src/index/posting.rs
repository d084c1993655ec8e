//! How often a term stands in the fields of a document, and what that comes to.

use std::collections::BTreeMap;

use crate::document::Document;
use crate::words::Words;

pub(super) const FIELDS: usize = 4;
/// What a word counts in the name, the description, the headings, and the tools with MCP servers
/// and skills.
const WEIGHTS: [f64; FIELDS] = [3.0, 2.0, 1.0, 0.5];
/// For short texts that are alike: the first occurrence of a word says nearly all.
const K1: f64 = 0.9;
const B: f64 = 0.4;
/// A word of the name counts in full.
const FULL: f64 = WEIGHTS[0] / (K1 + WEIGHTS[0]);

/// Occurrences by field; beyond 255 they add nothing.
pub(super) type Counts = [u8; FIELDS];
/// Words by field.
pub(super) type Lengths = [u16; FIELDS];

#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    pub slot: u32,
    pub counts: Counts,
}

impl Posting {
    /// 0..1: towards 1 with each occurrence, sooner in a weighty or a short field.
    pub(super) fn saturation(
        &self,
        lengths: &Lengths,
        all: &[u64; FIELDS],
        documents: usize,
    ) -> f64 {
        let mut frequency = 0.0;
        for field in 0..FIELDS {
            if self.counts[field] == 0 {
                continue;
            }
            let average = all[field] as f64 / documents as f64;
            let length = f64::from(lengths[field]) / average;
            frequency += WEIGHTS[field] * f64::from(self.counts[field]) / (1.0 - B + B * length);
        }
        (frequency / (K1 + frequency) / FULL).min(1.0)
    }
}

/// The terms of a document with their counts, at most so many, and the lengths of its fields.
pub(super) fn fields(
    document: &Document,
    words: &Words,
    most: usize,
) -> (BTreeMap<String, Counts>, Lengths) {
    let held = [&document.tools, &document.mcp_servers, &document.skills];
    let held: Vec<&str> = held.into_iter().flatten().map(String::as_str).collect();
    let texts = [
        document.run_name.to_string(),
        document.description.clone(),
        document.headings.join("\n"),
        held.join("\n"),
    ];
    let (mut counts, mut lengths) = (BTreeMap::<String, Counts>::new(), Lengths::default());
    for (field, text) in texts.iter().enumerate() {
        for term in words.of_document(text) {
            let is_room = counts.len() < most || counts.contains_key(&term);
            if is_room {
                let count = &mut counts.entry(term).or_default()[field];
                *count = count.saturating_add(1);
                lengths[field] = lengths[field].saturating_add(1);
            }
        }
    }
    (counts, lengths)
}
