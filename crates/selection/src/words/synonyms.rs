//! The table of words that stand for one another, `config/synonyms.toml`, whose head has the rule.

use std::collections::HashMap;

use serde::Deserialize;

use super::stem::stem;

const SAME: f64 = 0.8;
const RELATED: f64 = 0.5;
const MAX_ROWS: usize = 1_000;
const MAX_WORDS: usize = 32;

/// Another term that counts for one, and how much.
pub type Alternative = (String, f64);

#[derive(Debug, Clone, Default)]
pub(super) struct Synonyms(HashMap<String, Vec<Alternative>>);

impl Synonyms {
    /// Reads a table. The error names the line, or the row and the word.
    pub(super) fn parse(toml_text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(toml_text).map_err(|error| error.to_string())?;
        let rows = file.same.len() + file.related.len();
        if rows > MAX_ROWS {
            return Err(format!("{rows} rows, at most {MAX_ROWS} are allowed"));
        }
        let mut table = Self::default();
        let mut row_of: HashMap<String, Vec<String>> = HashMap::new();
        for row in &file.same {
            let terms = terms("same", &row.words)?;
            for term in &terms {
                if row_of.insert(term.clone(), terms.clone()).is_some() {
                    return Err(format!("same: {term:?} is in two rows"));
                }
            }
            for term in &terms {
                table.add(term, &terms, SAME);
            }
        }
        for row in &file.related {
            let mut to = terms("to", &row.to)?;
            let alike = to.iter().filter_map(|term| row_of.get(term)).flatten();
            let alike: Vec<String> = alike.cloned().collect();
            to.extend(alike);
            for term in terms("related", &row.words)? {
                table.add(&term, &to, RELATED);
            }
        }
        Ok(table)
    }

    /// A term has each alternative once, for the most it counts.
    fn add(&mut self, term: &str, others: &[String], share: f64) {
        let list = self.0.entry(term.to_owned()).or_default();
        for other in others.iter().filter(|other| *other != term) {
            match list.iter_mut().find(|(known, _)| known == other) {
                Some((_, known)) => *known = known.max(share),
                None => list.push((other.clone(), share)),
            }
        }
    }

    pub(super) fn of(&self, term: &str) -> &[Alternative] {
        self.0.get(term).map_or(&[], Vec::as_slice)
    }

    pub(super) fn contains(&self, term: &str) -> bool {
        self.0.contains_key(term)
    }
}

fn terms(field: &str, words: &[String]) -> Result<Vec<String>, String> {
    let count = words.len();
    if count == 0 || count > MAX_WORDS {
        return Err(format!(
            "{field}: {count} words, allowed are 1..={MAX_WORDS}"
        ));
    }
    let mut terms: Vec<String> = Vec::with_capacity(count);
    for word in words {
        let is_word = word
            .chars()
            .all(|c| c.is_alphanumeric() && !c.is_uppercase());
        if word.is_empty() || !is_word {
            return Err(format!("{field}: {word:?}: letters and digits, lower-case"));
        }
        let term = stem(word);
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    Ok(terms)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    same: Vec<Same>,
    #[serde(default)]
    related: Vec<Related>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Same {
    words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Related {
    words: Vec<String>,
    to: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_finds_its_row_and_what_it_is_about_and_not_the_other_way_round() {
        let table = Synonyms::parse(
            r#"
            same = [{ words = ["postgres", "psql"] }, { words = ["database", "db"] }]
            related = [{ words = ["tables", "psql"], to = ["database"] }]
            "#,
        )
        .unwrap();
        assert_eq!(table.of("zebra"), []);
        assert_eq!(table.of(&stem("postgres")), [(stem("psql"), SAME)]);
        let about = [(stem("database"), RELATED), ("db".to_owned(), RELATED)];
        assert_eq!(table.of(&stem("table")), about);
        assert_eq!(table.of("psql").len(), 3);
        assert_eq!(table.of("db"), [(stem("database"), SAME)]);
    }

    #[test]
    fn a_wrong_table_is_refused_with_its_place() {
        let refused = [
            ("same = [{ words = [\"a\"], to = [\"b\"] }]", "to"),
            ("same = [{ words = [] }]", "same: 0 words"),
            ("same = [{ words = [\"A b\"] }]", "\"A b\""),
            (
                "same = [{ words = [\"test\"] }, { words = [\"tests\"] }]",
                "two rows",
            ),
            ("related = [{ words = [\"a\"], to = [] }]", "to: 0 words"),
        ];
        for (text, place) in refused {
            let error = Synonyms::parse(text).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
        let row = "[[same]]\nwords = [\"x\"]\n".repeat(MAX_ROWS + 1);
        assert!(Synonyms::parse(&row).unwrap_err().contains("1001 rows"));
    }
}
