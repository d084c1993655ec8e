//! Settings as written: for each dotted key the value that wins, untyped, and its place.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeArray, DeTable, DeValue};

use super::error::ConfigError;
use super::setting::Source;
use agentpulse_contract::environment::{self, PREFIX};

/// Two names that the hook program reads as well, and which therefore have no double underscore.
const SHORT_NAMES: [(&str, &str); 2] = [
    (environment::SOCKET, "socket.path"),
    (environment::SPOOL, "spool.path"),
];

/// The values of flags, environment and file; the stronger source wins.
#[derive(Default)]
pub(super) struct RawSettings {
    entries: BTreeMap<String, Entry>,
    /// The file's sections and their places: an unknown one may well be empty.
    sections: BTreeMap<String, String>,
}

/// One value and where it stands.
pub(super) struct Entry {
    pub raw: RawValue,
    pub source: Source,
    /// `agentpulse.toml:12`, `AGENTPULSE_HTTP__LISTEN` or `command line`.
    pub place: String,
}

/// A value before its type is known.
#[derive(PartialEq)]
pub(super) enum RawValue {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<String>),
    /// From the environment or a flag, where everything is text: it may mean any type.
    Word(String),
    /// A date, a list of anything but texts: no setting is one.
    Other,
}

impl RawSettings {
    /// Takes a file's settings, the weakest of all.
    pub fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let place = |at: usize| format!("{}:{}", path.display(), line_of(text, at));
        let document = DeTable::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            ConfigError::new(place(at), e.message().replace('\n', ", "))
        })?;
        for (section, keys) in document.get_ref() {
            let section_place = place(section.span().start);
            let section = section.get_ref();
            let DeValue::Table(keys) = keys.get_ref() else {
                let problem = format!("unknown setting {section:?} outside of a section");
                return Err(ConfigError::new(section_place, problem));
            };
            self.sections.insert(section.to_string(), section_place);
            self.add_table(section, keys, &place);
        }
        Ok(())
    }

    /// A table in a table is a section, too, and one in a list of tables bears its number.
    fn add_table(&mut self, section: &str, keys: &DeTable, place: &dyn Fn(usize) -> String) {
        for (key, value) in keys {
            let name = format!("{section}.{}", key.get_ref());
            let key_place = place(key.span().start);
            match value.get_ref() {
                DeValue::Table(keys) => {
                    self.sections.insert(name.clone(), key_place);
                    self.add_table(&name, keys, place);
                }
                DeValue::Array(items) if is_list_of_tables(items) => {
                    for (i, item) in items.iter().enumerate() {
                        if let DeValue::Table(keys) = item.get_ref() {
                            self.add_table(&format!("{name}.{i}"), keys, place);
                        }
                    }
                }
                value => {
                    let entry = Entry {
                        raw: RawValue::from(value),
                        source: Source::File,
                        place: key_place,
                    };
                    self.entries.insert(name, entry);
                }
            }
        }
    }

    /// Takes the variables that are settings: `AGENTPULSE_<SECTION>__<KEY>` and the short names.
    pub fn add_environment(&mut self, env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        for (name, value) in env {
            let short = SHORT_NAMES.iter().find(|(short, _)| short == name);
            let key = match (
                short,
                name.strip_prefix(PREFIX).and_then(|n| n.split_once("__")),
            ) {
                (Some((_, key)), _) => key.to_string(),
                (None, Some((section, key))) => {
                    let key = key.replace("__", ".");
                    format!("{section}.{key}").to_ascii_lowercase()
                }
                (None, None) => continue,
            };
            // Were another case taken too, two variables could mean one setting.
            if name.contains(|c: char| c.is_ascii_lowercase()) {
                return Err(ConfigError::new(name, "must be written in capitals"));
            }
            let raw = RawValue::Word(value.clone());
            if let Some(earlier) = self.entries.get(&key)
                && earlier.source == Source::Environment
                && earlier.raw != raw
            {
                let problem = format!("{key} must not differ from {}", earlier.place);
                return Err(ConfigError::new(name, problem));
            }
            let entry = Entry {
                raw,
                source: Source::Environment,
                place: name.clone(),
            };
            self.entries.insert(key, entry);
        }
        Ok(())
    }

    /// Takes the flags, the strongest of all; of a repeated one the last counts.
    pub fn add_flags(&mut self, flags: &[(String, String)]) {
        for (key, value) in flags {
            let entry = Entry {
                raw: RawValue::Word(value.clone()),
                source: Source::Flag,
                place: "command line".to_string(),
            };
            self.entries.insert(key.clone(), entry);
        }
    }

    /// Removes and returns a setting; those that are left in the end are unknown.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        self.entries.remove(key)
    }

    /// Whether there is a setting below that name.
    pub fn has_below(&self, name: &str) -> bool {
        let begin = format!("{name}.");
        let mut after = self.entries.range(begin.clone()..);
        after.next().is_some_and(|(key, _)| key.starts_with(&begin))
    }

    /// Refuses what is left, given the sections that exist.
    pub fn refuse_rest(&self, known_section: impl Fn(&str) -> bool) -> Result<(), ConfigError> {
        if let Some((section, place)) = self.sections.iter().find(|(s, _)| !known_section(s)) {
            return Err(ConfigError::new(
                place,
                format!("unknown section {section:?}"),
            ));
        }
        match self.entries.first_key_value() {
            Some((key, entry)) => Err(ConfigError::new(
                &entry.place,
                format!("unknown setting {key:?}"),
            )),
            None => Ok(()),
        }
    }
}

impl From<&DeValue<'_>> for RawValue {
    fn from(value: &DeValue<'_>) -> RawValue {
        match value {
            DeValue::String(text) => RawValue::Text(text.to_string()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or(RawValue::Other, RawValue::Integer),
            DeValue::Float(float) => {
                let float = float.as_str().replace('_', "").parse();
                float.map_or(RawValue::Other, RawValue::Float)
            }
            DeValue::Boolean(boolean) => RawValue::Boolean(*boolean),
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_string))
                .collect::<Option<Vec<String>>>()
                .map_or(RawValue::Other, RawValue::List),
            _ => RawValue::Other,
        }
    }
}

fn is_list_of_tables(items: &DeArray) -> bool {
    !items.is_empty() && items.iter().all(|item| item.get_ref().is_table())
}

/// Counts from 1, as editors do.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
