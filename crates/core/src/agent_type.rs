//! An agent's type, read from its name with the words of `config/agent_types.toml`,
//! whose head states the rule.

mod words;

use std::cmp::Reverse;
use std::collections::HashSet;

use serde::Deserialize;

use words::{join_words, last_word};

/// The type of an agent whose name has no known word.
pub const GENERIC: &str = "generic";

/// As many types as the live view keeps apart; more could not be shown.
const MAX_TYPES: usize = 64;
/// The longest row of the embedded table has 13; a cap keeps a mistaken file small.
const MAX_PATTERNS_PER_TYPE: usize = 64;

/// A table of types, ready to classify names.
#[derive(Debug, Clone)]
pub struct AgentTypes {
    names: Vec<String>,
    single: Patterns,
    double: Patterns,
}

impl AgentTypes {
    /// Reads a table. The error says which line, or which type and pattern, is wrong.
    pub fn parse(toml_text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(toml_text).map_err(|error| error.to_string())?;
        if file.types.len() > MAX_TYPES {
            let found = file.types.len();
            return Err(format!("{found} types, at most {MAX_TYPES} are allowed"));
        }
        let mut table = Self {
            names: Vec::new(),
            single: Patterns::new(),
            double: Patterns::new(),
        };
        let mut seen = HashSet::new();
        for row in &file.types {
            table.add(row, &mut seen)?;
        }
        Ok(table)
    }

    /// The type of an agent, [`GENERIC`] when no word of its name is known.
    pub fn classify(&self, agent_name: &str) -> &str {
        let words = join_words(agent_name);
        let mut subject = None;
        let mut previous = last_word(&words, words.len());
        while let Some(word) = previous {
            previous = word
                .start
                .checked_sub(1)
                .and_then(|end| last_word(&words, end));
            let pair = previous.as_ref().map(|before| before.start..word.end);
            let pattern = pair
                .and_then(|pair| self.double.matching(&words[pair]))
                .or_else(|| self.single.matching(&words[word]));
            match pattern {
                Some(found) if found.is_role => return &self.names[found.type_index],
                Some(found) if subject.is_none() => subject = Some(found.type_index),
                _ => {}
            }
        }
        subject.map_or(GENERIC, |index| &self.names[index])
    }

    /// The types of the table, in its order, without [`GENERIC`].
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn add<'t>(&mut self, row: &'t Row, seen: &mut HashSet<&'t str>) -> Result<(), String> {
        let name = &row.name;
        if !is_hyphenated(name) {
            return Err(format!(
                "type {name:?}: a name is of a-z, 0-9 and single \"-\""
            ));
        }
        if self.names.contains(name) {
            return Err(format!("type {name:?} is there twice"));
        }
        let count = row.roles.len() + row.subjects.len();
        if count == 0 || count > MAX_PATTERNS_PER_TYPE {
            return Err(format!(
                "type {name:?}: {count} patterns, allowed are 1..={MAX_PATTERNS_PER_TYPE}"
            ));
        }
        let type_index = self.names.len();
        self.names.push(name.clone());
        let roles = row.roles.iter().map(|text| (text, true));
        let subjects = row.subjects.iter().map(|text| (text, false));
        for (text, is_role) in roles.chain(subjects) {
            if !seen.insert(text) {
                return Err(format!("type {name:?}: pattern {text:?} is there twice"));
            }
            let pattern = Pattern::parse(text, type_index, is_role)
                .map_err(|reason| format!("type {name:?}: pattern {text:?}: {reason}"))?;
            if pattern.text.contains('-') {
                self.double.add(pattern);
            } else {
                self.single.add(pattern);
            }
        }
        Ok(())
    }
}

impl Default for AgentTypes {
    /// The table the program is built with.
    fn default() -> Self {
        Self::parse(include_str!("../../../config/agent_types.toml"))
            .expect("the embedded table is read by the tests of this file")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "type", default)]
    types: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    subjects: Vec<String>,
}

/// Patterns of equally many words, by their first byte; of one byte the more specific first.
#[derive(Debug, Clone)]
struct Patterns(Vec<Vec<Pattern>>);

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    is_whole: bool,
    is_role: bool,
    type_index: usize,
}

impl Pattern {
    fn parse(written: &str, type_index: usize, is_role: bool) -> Result<Self, &'static str> {
        let stem = written.strip_suffix('*');
        let text = stem.unwrap_or(written);
        if join_words(text) != text || text.is_empty() {
            return Err("not lower-case words as the rule cuts them");
        }
        if text.matches('-').count() > 1 {
            return Err("more than two words");
        }
        Ok(Self {
            text: text.to_owned(),
            is_whole: stem.is_none(),
            is_role,
            type_index,
        })
    }

    fn matches(&self, words: &str) -> bool {
        if self.is_whole {
            words == self.text
        } else {
            words.starts_with(&self.text)
        }
    }
}

impl Patterns {
    fn new() -> Self {
        Self(vec![Vec::new(); 256])
    }

    fn add(&mut self, pattern: Pattern) {
        let first = pattern.text.as_bytes()[0];
        let alike = &mut self.0[usize::from(first)];
        alike.push(pattern);
        alike.sort_by_key(|pattern| Reverse((pattern.is_whole, pattern.text.len())));
    }

    /// The most specific pattern for these words.
    fn matching(&self, words: &str) -> Option<&Pattern> {
        let first = words.as_bytes().first()?;
        self.0[usize::from(*first)]
            .iter()
            .find(|pattern| pattern.matches(words))
    }
}

fn is_hyphenated(name: &str) -> bool {
    name.split('-').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_reached_by_its_own_name_and_by_natural_ones() {
        let natural = [
            ("analyzer", "log-analyst"),
            ("debugger", "bug-fixer"),
            ("deployer", "cloud-deployment-agent"),
            ("tester", "schema-validator"),
            ("writer", "readme-writer"),
            ("generator", "test-data-generator"),
            ("security", "dependency-vulnerability-scanner"),
            ("configurator", "environment-setup"),
            ("collector", "feedback-collector"),
            ("searcher", "code-searcher"),
            ("integrator", "calendar-sync"),
            ("designer", "layout-designer"),
            ("predictor", "churn-predictor"),
            ("data-manager", "database-migrator"),
            ("data-processor", "usage-metrics"),
            ("builder", "image-builder"),
            ("reviewer", "code-reviewer"),
            ("linter", "code-formatter"),
            ("translator", "doc-translator"),
            ("optimizer", "query-optimizer"),
            ("monitor", "build-monitor"),
            ("context", "session-manager"),
            ("storage", "cache-manager"),
            ("api-handler", "rest-api-expert"),
            ("ui-developer", "frontend-developer"),
            ("ml-engineer", "model-trainer"),
            ("database-admin", "sql-expert"),
            ("refactorer", "legacy-refactorer"),
        ];
        let table = AgentTypes::default();
        let listed: Vec<&str> = natural.iter().map(|(wanted, _)| *wanted).collect();
        assert_eq!(table.types().collect::<Vec<_>>(), listed);
        for (wanted, name) in natural {
            assert_eq!(table.classify(name), wanted, "{name}");
            assert_eq!(table.classify(wanted), wanted, "its own name");
        }
    }

    #[test]
    fn names_are_read_as_a_person_reads_them() {
        let expected = [
            ("screenshot-analyzer", "analyzer"),
            ("screenshot", "analyzer"),
            ("my-plugin:reviewer", "reviewer"),
            ("api-documentation-writer", "writer"),
            ("api-integration-specialist", "integrator"),
            ("api-specialist", "api-handler"),
            ("database-optimizer", "optimizer"),
            ("security-auditor", "security"),
            ("security", "security"),
            ("architect", "designer"),
            ("monitor", "monitor"),
            ("qa", "tester"),
            ("CodeReviewer", "reviewer"),
            ("codeReviewer2", "reviewer"),
            ("HTMLFormatter", "linter"),
            ("MLOpsHelper", "ml-engineer"),
            ("UI_Component", "ui-developer"),
            ("front-end-expert", "ui-developer"),
            ("machine.learning/expert", "ml-engineer"),
            ("fix api", "debugger"),
            ("review-data", "reviewer"),
            ("Explore", "searcher"),
            ("data-scientist", "data-processor"),
            ("übersetzer-TESTER", "tester"),
        ];
        let table = AgentTypes::default();
        for (name, wanted) in expected {
            assert_eq!(table.classify(name), wanted, "{name}");
        }
    }

    #[test]
    fn parts_of_words_do_not_mislead() {
        let table = AgentTypes::default();
        for name in [
            "html-parser",
            "digital-twin",
            "latest-news",
            "prefix-cleaner",
            "general-purpose",
            "contest-judge",
            "attestation",
            "fixture-loader",
            "builtin",
            "rapid-prototyper",
            "guide",
            "authority",
            "authorizer",
            "creative-thinker",
            "statement-reader",
            "restaurant-guide",
            "integrity-keeper",
            "updater",
            "mistral-helper",
            "therapist",
            "locality",
            "optimist",
            "protester",
            "splinter",
            "information",
            "remodeler",
            "developer",
            "triage",
            "probe",
            "",
            "-",
            "42",
            "2-3",
            "🦀",
        ] {
            assert_eq!(table.classify(name), GENERIC, "{name}");
        }
    }

    #[test]
    fn the_more_specific_pattern_wins() {
        let table = AgentTypes::parse(
            r#"
            [[type]]
            name = "stem"
            roles = ["mo*"]
            [[type]]
            name = "longer"
            roles = ["mock*"]
            [[type]]
            name = "whole"
            roles = ["mock"]
            [[type]]
            name = "pair"
            subjects = ["big-mock"]
            [[type]]
            name = "subject"
            subjects = ["moon"]
            "#,
        )
        .unwrap();
        assert_eq!(table.classify("move"), "stem");
        assert_eq!(table.classify("mocking"), "longer");
        assert_eq!(table.classify("mock"), "whole");
        assert_eq!(table.classify("big-mock"), "pair");
        assert_eq!(table.classify("move-big-mock"), "stem");
        assert_eq!(table.classify("moon"), "subject");
        assert_eq!(table.classify("moon-big-thing"), "subject");
    }

    #[test]
    fn a_wrong_table_is_refused_with_its_place() {
        let refused = [
            ("[[type]]\nname = \"a\"\nrole = [\"x\"]", "line 3"),
            ("[[type]]\nroles = [\"x\"]", "name"),
            ("[[type]]\nname = \"A b\"\nroles = [\"x\"]", "\"A b\""),
            ("[[type]]\nname = \"a\"", "0 patterns"),
            ("[[type]]\nname = \"a\"\nroles = [\"X\"]", "\"X\""),
            ("[[type]]\nname = \"a\"\nroles = [\"*\"]", "\"*\""),
            ("[[type]]\nname = \"a\"\nroles = [\"x-y-z\"]", "two words"),
            (
                "[[type]]\nname = \"a\"\nroles = [\"x\"]\nsubjects = [\"x\"]",
                "twice",
            ),
        ];
        for (text, place) in refused {
            let error = AgentTypes::parse(text).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
        let row = |n: usize| {
            format!(
                "[[type]]\nname = \"t{n}\"\nroles = [\"{}\"]\n",
                "x".repeat(n)
            )
        };
        let rows = |n: usize| (1..=n).map(row).collect::<String>();
        assert!(AgentTypes::parse(&rows(64)).is_ok());
        assert!(
            AgentTypes::parse(&rows(65))
                .unwrap_err()
                .contains("65 types")
        );
    }
}
