//! The phases of a project in which a task or an agent belongs, by `config/phases.toml`, whose head
//! has the rule.

use std::collections::HashMap;

use serde::Deserialize;

use crate::document::Document;
use crate::words::Words;

const MAX_PHASES: usize = 16;
const MAX_WORDS: usize = 64;
const MAX_TYPES: usize = 16;

/// How much of each phase, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Profile([f32; MAX_PHASES]);

impl Profile {
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|share| *share == 0.0)
    }

    /// The cosine: 1 for the same phases, 0 for none in common.
    pub fn alignment(&self, other: &Profile) -> f64 {
        let dot = |a: &Profile, b: &Profile| -> f64 {
            let products = a.0.iter().zip(&b.0).map(|(a, b)| f64::from(a * b));
            products.sum()
        };
        let norms = dot(self, self) * dot(other, other);
        if norms == 0.0 {
            return 0.0;
        }
        (dot(self, other) / norms.sqrt()).min(1.0)
    }
}

/// The table, ready to read texts.
#[derive(Debug, Clone)]
pub struct Phases {
    names: Vec<String>,
    by_term: HashMap<String, Vec<usize>>,
    by_type: HashMap<String, Vec<usize>>,
}

impl Phases {
    /// Reads a table. The error says which line, or which phase, is wrong.
    pub fn parse(toml_text: &str, words: &Words) -> Result<Self, String> {
        let file: File = toml::from_str(toml_text).map_err(|error| error.to_string())?;
        let count = file.phases.len();
        if count == 0 || count > MAX_PHASES {
            return Err(format!("{count} phases, allowed are 1..={MAX_PHASES}"));
        }
        let mut table = Self {
            names: Vec::new(),
            by_term: HashMap::new(),
            by_type: HashMap::new(),
        };
        for (number, row) in file.phases.into_iter().enumerate() {
            let (name, counts) = (&row.name, (row.words.len(), row.types.len()));
            if table.names.contains(name) {
                return Err(format!("phase {name:?} is there twice"));
            }
            if counts.0 > MAX_WORDS || counts.1 > MAX_TYPES {
                return Err(format!(
                    "phase {name:?}: {} words of at most {MAX_WORDS}, {} types of at most {MAX_TYPES}",
                    counts.0, counts.1
                ));
            }
            for term in row.words.iter().flat_map(|word| words.of_document(word)) {
                let phases = table.by_term.entry(term).or_default();
                if !phases.contains(&number) {
                    phases.push(number);
                }
            }
            for agent_type in row.types {
                table.by_type.entry(agent_type).or_default().push(number);
            }
            table.names.push(row.name);
        }
        Ok(table)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The phase of this name alone.
    pub fn named(&self, name: &str) -> Option<Profile> {
        let number = self.names.iter().position(|known| known == name)?;
        let mut profile = Profile::default();
        profile.0[number] = 1.0;
        Some(profile)
    }

    pub(crate) fn of_terms<'t>(&self, terms: impl Iterator<Item = &'t str>) -> Profile {
        let mut profile = Profile::default();
        for number in terms.filter_map(|term| self.by_term.get(term)).flatten() {
            profile.0[*number] += 1.0;
        }
        profile
    }

    /// What an agent is for by its name and its type. Descriptions are full of words of phases that
    /// the agent is not for: what it reads, or hands on.
    pub(crate) fn of_document(&self, document: &Document, words: &Words) -> Profile {
        let of_name: Vec<String> = words.of_document(&document.run_name).collect();
        let mut profile = self.of_terms(of_name.iter().map(String::as_str));
        for number in self.by_type.get(&document.agent_type).into_iter().flatten() {
            profile.0[*number] += 1.0;
        }
        profile
    }

    /// The phases that a profile has, with their shares of it.
    pub fn shares(&self, profile: &Profile) -> Vec<(&str, f64)> {
        let sum: f32 = profile.0.iter().sum();
        let named = self.names().zip(profile.0);
        named
            .filter(|(_, share)| *share > 0.0)
            .map(|(name, share)| (name, f64::from(share / sum)))
            .collect()
    }
}

impl Default for Phases {
    /// The table the program is built with.
    fn default() -> Self {
        Self::parse(
            include_str!("../../../config/phases.toml"),
            &Words::default(),
        )
        .expect("the embedded table is read by the tests of this file")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "phase", default)]
    phases: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    words: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
}

#[cfg(test)]
mod tests {
    use agentpulse_core::agent_type::AgentTypes;

    use super::*;

    fn phases_of(task: &str) -> Vec<&str> {
        let (words, phases) = (Words::default(), Box::leak(Box::new(Phases::default())));
        let terms: Vec<String> = words.of_document(task).collect();
        let profile = phases.of_terms(terms.iter().map(String::as_str));
        phases
            .shares(&profile)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn a_task_names_its_phases() {
        assert_eq!(phases_of("create a REST API"), ["implementation"]);
        assert_eq!(phases_of("review the deployment"), ["review", "deployment"]);
        assert!(phases_of("postgres").is_empty());
    }

    #[test]
    fn its_types_are_types_of_agents() {
        let types = AgentTypes::default();
        let known: Vec<&str> = types.types().collect();
        for name in Phases::default().by_type.keys() {
            assert!(known.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn alignment_is_that_of_the_mixture() {
        let phases = Phases::default();
        let (design, testing) = (
            phases.named("design").unwrap(),
            phases.named("testing").unwrap(),
        );
        assert_eq!(design.alignment(&design), 1.0);
        assert_eq!(design.alignment(&testing), 0.0);
        let both = phases.of_terms(["design", "test"].into_iter());
        assert!((both.alignment(&design) - 0.5_f64.sqrt()).abs() < 1e-9);
        assert_eq!(both.alignment(&Profile::default()), 0.0);
        assert_eq!(phases.named("lunch"), None);
    }

    #[test]
    fn a_wrong_table_is_refused_with_its_place() {
        let refused = [
            ("", "0 phases"),
            ("[[phase]]\nname = \"a\"", "words"),
            (
                "[[phase]]\nname = \"a\"\nwords = []\n[[phase]]\nname = \"a\"\nwords = []",
                "twice",
            ),
        ];
        for (text, place) in refused {
            let error = Phases::parse(text, &Words::default()).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
        let many = format!(
            "[[phase]]\nname = \"a\"\nwords = {:?}",
            vec!["x"; MAX_WORDS + 1]
        );
        let error = Phases::parse(&many, &Words::default()).unwrap_err();
        assert!(error.contains("65 words of at most 64"), "{error}");
    }
}
